import { dayMs, decodeTrusted, encodeTrusted, type OperationId, type SpaceId } from '@icn/protocol'
import type { JournalEvent, OperationStatus } from './api.ts'
import { plain } from './decisions.ts'
import { eventKey, type SpacePrefix, sequenceOf } from './layout.ts'
import type { JournalOptions } from './options.ts'
import type { Overlay } from './overlay.ts'

/** Events written as one row, rows of the log dropped with one batch, and how often that is looked at. */
const eventRowMax = 64
const eventRowsDroppedMax = 16
const pruneEvery = 256

/** The events of one space during one batch, numbered without holes, written in the batch's own transaction. */
export class BatchEvents {
  readonly events: JournalEvent[] = []
  readonly #space: SpaceId
  readonly #now: () => number
  newest: number
  oldest: number

  constructor(space: SpaceId, log: { readonly newest: number; readonly oldest: number }, now: () => number) {
    this.#space = space
    this.#now = now
    this.newest = log.newest
    this.oldest = log.oldest
  }

  emit(type: string, data: Readonly<Record<string, unknown>>, operation: OperationId | null, status: OperationStatus | null): void {
    this.newest++
    this.events.push({ space: this.#space, sequence: this.newest, type, data, operation, status, time: this.#now() })
  }

  write(overlay: Overlay, prefix: SpacePrefix, options: Pick<JournalOptions, 'eventsLogCount' | 'eventsLogDays'>): { readonly newest: number; readonly oldest: number } {
    for (let from = 0; from < this.events.length; from += eventRowMax) {
      const row = this.events.slice(from, from + eventRowMax)
      const last = row.at(-1) as JournalEvent
      overlay.put('events', eventKey(prefix.from, last.sequence), encodeTrusted(row.map(({ space, sequence, ...event }) => plain(event))))
    }
    this.#prune(overlay, prefix, options)
    return { newest: this.newest, oldest: this.oldest }
  }

  /** Drops what is beyond the log's bounds. Looked at once in a while: reading the oldest row costs more than writing a new one. */
  #prune(overlay: Overlay, prefix: SpacePrefix, options: Pick<JournalOptions, 'eventsLogCount' | 'eventsLogDays'>): void {
    if (Math.floor(this.newest / pruneEvery) === Math.floor((this.newest - this.events.length) / pruneEvery)) return
    const tooOld = this.#now() - options.eventsLogDays * dayMs
    let dropped = 0
    for (const [key, value] of overlay.range('events', eventKey(prefix.from, this.oldest), prefix.to)) {
      const last = sequenceOf(key)
      const isBeyond = last <= this.newest - options.eventsLogCount || (decodeTrusted(value) as { time: number }[]).every(({ time }) => time < tooOld)
      if (!isBeyond || last === this.newest || dropped++ === eventRowsDroppedMax) return
      overlay.put('events', key, null)
      this.oldest = last + 1
    }
  }
}
