import type { startupPhases } from '@icn/protocol'
import type { Metrics } from '../metrics.ts'
import { type ActorName, type ActorRef, type ActorSpec, actorInCharge, SupervisedActor } from './actor.ts'
import { type BackgroundOperation, type Fault, type FaultLog, Faults } from './faults.ts'
import { phaseSayMs, stopMsMax, type SupervisorOptions } from './options.ts'
import { type Timing, withDeadline } from './time.ts'

export type StartupPhase = (typeof startupPhases)[number]
/** As the gauge shows it. */
export const supervisorStates = ['stopped', 'starting', 'running', 'stopping'] as const
export type SupervisorState = (typeof supervisorStates)[number]

export interface SupervisorLog extends FaultLog {
  phase(phase: StartupPhase, what: 'begun' | 'still' | 'done', ms: number): void
  late(name: string): void
}

export interface SupervisorParts {
  readonly timing: Timing
  readonly metrics: Metrics
  readonly log: SupervisorLog
  /** Wall clock [ms], for lists that people read. */
  readonly wallMs: () => number
  /** 0 ≤ x < 1. */
  readonly chance: () => number
  /** The daemon cannot go on: an actor crashed too often, or something failed that belongs to nobody. Called once. */
  readonly onFatal: (why: string, error: unknown) => void
}

interface BackgroundTask {
  readonly stop: () => Promise<void>
}

/** Starts the parts of a node in order, starts again what crashes, stops everything in reverse, and lets no failure pass unseen. */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #parts: SupervisorParts
  readonly #faults: Faults
  /** In start order. */
  readonly #actors: SupervisedActor<unknown>[] = []
  readonly #tasks: BackgroundTask[] = []
  #state: SupervisorState = 'stopped'
  #phase: StartupPhase | undefined
  #fatal = false
  #stopped: Promise<readonly string[]> | undefined

  constructor(options: SupervisorOptions, parts: SupervisorParts) {
    this.#options = options
    this.#parts = parts
    this.#faults = new Faults(parts.metrics, parts.log, parts.wallMs)
    this.#enter('stopped')
  }

  get state(): SupervisorState {
    return this.#state
  }

  get phaseNow(): StartupPhase | undefined {
    return this.#phase
  }

  /** Actors in start order, for `status`, `readyz` and `doctor`. */
  get actors(): readonly { readonly name: ActorName; readonly isUp: boolean; readonly depth: number; readonly restarts: number }[] {
    return this.#actors.map(({ name, isUp, depth, restarts }) => ({ name, isUp, depth, restarts }))
  }

  /** What failed with nobody to catch it; the one function for that. Never throws. */
  fault(operation: BackgroundOperation, cause: unknown): void {
    this.#faults.note(operation, cause)
  }

  /** The last day's, oldest first. */
  recentFaults(): readonly Fault[] {
    return this.#faults.recent()
  }

  /** One phase of starting: counted, timed, and heard of again when it takes long. */
  async phase<T>(phase: StartupPhase, work: () => Promise<T> | T): Promise<T> {
    const { timing, metrics, log } = this.#parts
    if (this.#state === 'stopped') this.#enter('starting')
    this.#phase = phase
    const from = timing.now()
    log.phase(phase, 'begun', 0)
    let cancel = (): void => {}
    const say = (): void => {
      cancel = timing.after(phaseSayMs, () => {
        log.phase(phase, 'still', timing.now() - from)
        say()
      })
    }
    say()
    try {
      const result = await work()
      const ms = timing.now() - from
      metrics.add('icn_supervisor_startup_phases_total', 1, { phase })
      metrics.set('icn_supervisor_startup_phase_duration_seconds', ms / 1_000, { phase })
      log.phase(phase, 'done', ms)
      return result
    } finally {
      cancel()
    }
  }

  /** Starts an actor after all before it; throws what its start throws. */
  async spawn<Handle>(spec: ActorSpec<Handle>): Promise<ActorRef<Handle>> {
    if (this.#stopped !== undefined) throw new Error('the daemon is stopping')
    if (this.#state === 'stopped') this.#enter('starting')
    const { timing, metrics, chance } = this.#parts
    const actor = new SupervisedActor(spec, {
      options: this.#options,
      timing,
      metrics,
      chance,
      faults: this.#faults,
      onGiveUp: (why, error) => this.#giveUp(why, error),
    })
    const listed = actor as SupervisedActor<unknown>
    // Listed before it runs, so that a stop in the middle of a start reaches it too.
    this.#actors.push(listed)
    try {
      await actor.start()
    } catch (error) {
      this.#actors.splice(this.#actors.indexOf(listed), 1)
      throw error
    }
    return actor
  }

  /** Everything is open. */
  ready(): void {
    this.#enter('running')
  }

  /** Work that comes again and again, never twice at once; the first time after one interval. A failure is counted and the next turn comes all the same. */
  every(operation: BackgroundOperation, intervalMs: number, work: (signal: AbortSignal) => Promise<void> | void): void {
    const { timing } = this.#parts
    const life = new AbortController()
    let running: Promise<void> = Promise.resolve()
    let cancel = (): void => {}
    const turn = (): void => {
      running = (async () => work(life.signal))()
        .catch((error: unknown) => this.fault(operation, error))
        .then(() => {
          if (!life.signal.aborted) cancel = timing.after(intervalMs, turn)
        })
    }
    cancel = timing.after(intervalMs, turn)
    this.#tasks.push({
      stop: () => {
        life.abort()
        cancel()
        return running
      },
    })
  }

  /** Names of what did not end in time; empty: a clean stop. Asking again gives the same stop. */
  stop(): Promise<readonly string[]> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<readonly string[]> {
    const { timing } = this.#parts
    this.#enter('stopping')
    const until = timing.now() + stopMsMax
    const left = (): number => Math.max(0, Math.min(this.#options.shutdownTimeoutMs, until - timing.now()))
    const late: string[] = []
    const tasks = Promise.all(this.#tasks.map((task) => task.stop())).then(() => {})
    if ((await withDeadline(timing, left(), tasks)) === 'late') late.push('background tasks')
    for (const actor of [...this.#actors].reverse()) if (!(await actor.stop(left()))) late.push(actor.name)
    for (const name of late) {
      this.fault('shutdown_timeout', new Error(`${name} did not stop in time`))
      this.#parts.log.late(name)
    }
    this.#enter('stopped')
    return late
  }

  /** Listens for what nobody caught in this process. Whose it was is restarted; what belongs to nobody ends the daemon. */
  watch(source: Pick<NodeJS.Process, 'on' | 'off'>): () => void {
    const onLost = (error: unknown): void => this.lost(error)
    source.on('unhandledRejection', onLost)
    source.on('uncaughtException', onLost)
    return () => {
      source.off('unhandledRejection', onLost)
      source.off('uncaughtException', onLost)
    }
  }

  /** A failure that nobody caught, wherever it came from. */
  lost(error: unknown): void {
    const name = actorInCharge.getStore()
    const actor = this.#actors.find((one) => one.name === name)
    if (actor !== undefined) {
      actor.crash(error)
      return
    }
    this.fault('unhandled', error)
    this.#giveUp('something failed that belongs to no actor', error)
  }

  #giveUp(why: string, error: unknown): void {
    if (this.#fatal || this.#state === 'stopping') return
    this.#fatal = true
    this.#parts.onFatal(why, error)
  }

  #enter(state: SupervisorState): void {
    this.#state = state
    this.#parts.metrics.set('icn_supervisor_state', supervisorStates.indexOf(state))
  }
}
