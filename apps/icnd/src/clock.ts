import type { JournalApi } from '@icn/journal'
import type { ClockReading } from '@icn/network'
import type { Metrics, NodeEventLog } from '@icn/node'
import { type ClockView, timeText } from '@icn/protocol'
import type { Log } from './log.ts'

/** While own writes are refused, until the clock is looked at again [ms]: who has set it right does not wait long. */
const aheadAgainMs = 30_000

export interface ClockParts {
  readonly journal: Pick<JournalApi, 'clock' | 'ownClockAheadMs'>
  readonly metrics: Pick<Metrics, 'add' | 'set'>
  readonly log: Pick<Log, 'warn' | 'info'>
  readonly nodeEvents: Pick<NodeEventLog, 'tell'>
  wall(): number
  fault(error: unknown): void
}

/** What this node knows of its own clock, and what follows: warnings, and no own writes while every peer would hold them (network page §10). */
export class ClockKeeper {
  readonly #parts: ClockParts
  #reading: ClockReading = { state: 'unknown', aheadMs: null, samples: 0 }
  #at: number | null = null
  #jumpsSeen = 0
  /** As the operator was told last. */
  #isOff = false
  #again: NodeJS.Timeout | undefined
  /** Asks peers; set as soon as there can be some. */
  compare: (() => Promise<ClockReading>) | undefined

  constructor(parts: ClockParts) {
    this.#parts = parts
  }

  get view(): ClockView {
    const { state, aheadMs, samples } = this.#reading
    return { state, ahead_ms: aheadMs, samples, checked_at: this.#at === null ? null : timeText(this.#at) }
  }

  async check(): Promise<void> {
    const { journal, metrics, wall } = this.#parts
    const { backwardJumps } = journal.clock
    const jumps = backwardJumps - this.#jumpsSeen
    this.#jumpsSeen = backwardJumps
    metrics.add('icn_clock_backward_jumps_total', jumps)
    try {
      this.#take((await this.compare?.()) ?? { state: 'unknown', aheadMs: null, samples: 0 })
      this.#at = wall()
      metrics.add('icn_clock_checks_total', 1, { outcome: jumps > 0 ? 'jumped' : outcomeOf(this.#reading) })
    } catch (error) {
      metrics.add('icn_clock_checks_total', 1, { outcome: 'failed' })
      throw error
    }
  }

  close(): void {
    clearTimeout(this.#again)
  }

  /** Nobody says anything: writes go on. */
  #take(reading: ClockReading): void {
    const { journal, metrics, fault } = this.#parts
    const before = this.#reading
    this.#reading = reading
    const isAhead = reading.state === 'ahead'
    journal.ownClockAheadMs = isAhead ? (reading.aheadMs ?? undefined) : undefined
    if (reading.aheadMs !== null) metrics.set('icn_clock_offset_seconds', reading.aheadMs / 1_000)
    this.#tellChange(before, reading)
    clearTimeout(this.#again)
    if (isAhead) this.#again = setTimeout(() => void this.check().catch(fault), aheadAgainMs).unref()
  }

  #tellChange(before: ClockReading, { state, aheadMs, samples }: ClockReading): void {
    const { log, nodeEvents } = this.#parts
    if (isWrong({ state }) && state !== before.state) log.warn('clock_off', 'the clock of this machine differs from those of its peers', { duration_ms: aheadMs ?? 0 })
    if (isWrong({ state }) && !this.#isOff) nodeEvents.tell('clock.off', { ahead_ms: aheadMs, samples })
    // That nobody is left who could say so is no word that it is right.
    else if (this.#isOff && (state === 'ok' || state === 'noted')) {
      log.info('clock_ok', 'the clock of this machine agrees with its peers')
      nodeEvents.tell('clock.ok', { ahead_ms: aheadMs, samples })
    }
    if (state !== 'unknown') this.#isOff = isWrong({ state })
  }
}

/** Off by more than five seconds. */
const isWrong = ({ state }: Pick<ClockReading, 'state'>): boolean => state === 'off' || state === 'ahead' || state === 'behind'

const outcomeOf = (reading: ClockReading): 'no_peers' | 'off' | 'ok' => (reading.state === 'unknown' ? 'no_peers' : isWrong(reading) ? 'off' : 'ok')
