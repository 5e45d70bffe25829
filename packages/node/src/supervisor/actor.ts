import { AsyncLocalStorage } from 'node:async_hooks'
import type { actorNames } from '@icn/protocol'
import { InvariantBroken } from '@icn/protocol'
import { type Mailbox, refuse } from '../calls/index.ts'
import type { Metrics } from '../metrics.ts'
import type { Faults } from './faults.ts'
import { BoundedMailbox } from './mailbox.ts'
import type { SupervisorOptions } from './options.ts'
import { type Timing, withDeadline } from './time.ts'

export type ActorName = (typeof actorNames)[number]

/** What an actor is given while it runs. */
export interface ActorContext {
  readonly mailbox: Mailbox
  /** Ends when the actor is stopped or restarted. */
  readonly signal: AbortSignal
  /** It cannot go on: stop it and start it again. */
  crash(error: unknown): void
}

export interface RunningActor<Handle> {
  readonly handle: Handle
  stop?(): Promise<void> | void
}

export interface ActorSpec<Handle> {
  readonly name: ActorName
  /** Others hold what it has opened, so it has one life in a process: its crash ends the daemon, and whoever keeps the daemon running begins again from what is stored. */
  readonly isVital?: boolean
  start(context: ActorContext): Promise<RunningActor<Handle>> | RunningActor<Handle>
}

/** How others speak to an actor: the handle of whatever instance runs now. */
export interface ActorRef<Handle> {
  readonly name: ActorName
  readonly mailbox: Mailbox
  /** Throws ACTOR_DOWN while it does not run. */
  readonly handle: Handle
  readonly isUp: boolean
}

/** In whose name the running code runs. */
export const actorInCharge = new AsyncLocalStorage<ActorName>()

export interface ActorParts {
  readonly options: SupervisorOptions
  readonly timing: Timing
  readonly metrics: Metrics
  readonly faults: Faults
  /** 0 ≤ x < 1. */
  readonly chance: () => number
  /** It does not come back: too many crashes in the window, or one of an actor that has one life. */
  readonly onGiveUp: (why: string, error: unknown) => void
}

/** One actor over all its lives. */
export class SupervisedActor<Handle> implements ActorRef<Handle> {
  readonly name: ActorName
  readonly #spec: ActorSpec<Handle>
  readonly #parts: ActorParts
  readonly #mailbox: BoundedMailbox
  #running: RunningActor<Handle> | undefined
  #life = new AbortController()
  /** Times of crashes within the window, oldest first. */
  #crashes: number[] = []
  #cancelRestart: () => void = () => {}
  #stopping = false
  #restarts = 0
  /** The restart that is under way. */
  #restarting: Promise<void> = Promise.resolve()

  constructor(spec: ActorSpec<Handle>, parts: ActorParts) {
    this.name = spec.name
    this.#spec = spec
    this.#parts = parts
    const { metrics, timing } = parts
    const actor = { actor: spec.name }
    this.#mailbox = new BoundedMailbox(parts.options.mailboxCount, {
      actor: spec.name,
      timing,
      within: (work) => actorInCharge.run(spec.name, work),
      onDepth: (depth) => metrics.set('icn_supervisor_mailbox_depth', depth, actor),
      onRejected: () => metrics.add('icn_supervisor_mailbox_rejected_total', 1, actor),
      onAnswered: (ms) => metrics.observe('icn_supervisor_message_duration_seconds', ms / 1_000, actor),
      onStuck: () => parts.faults.note('actor', new Error(`a message has kept ${spec.name} too long`)),
      onError: (error) => {
        // We were wrong about our own state: begin again from what is stored.
        if (error instanceof InvariantBroken) this.crash(error)
      },
    })
  }

  get mailbox(): Mailbox {
    return this.#mailbox
  }

  get isUp(): boolean {
    return this.#running !== undefined
  }

  /** Messages that wait or run now. */
  get depth(): number {
    return this.#mailbox.depth
  }

  /** Times it was started again since the daemon began. */
  get restarts(): number {
    return this.#restarts
  }

  get handle(): Handle {
    if (this.#running === undefined) throw refuse(this.#stopping ? 'STOPPING' : 'ACTOR_DOWN', { actor: this.name })
    return this.#running.handle
  }

  /** The first start: what fails here is the caller's to see. */
  async start(): Promise<void> {
    const { metrics } = this.#parts
    const actor = { actor: this.name }
    const life = new AbortController()
    this.#life = life
    try {
      const running = await actorInCharge.run(this.name, async () =>
        this.#spec.start({ mailbox: this.#mailbox, signal: life.signal, crash: (error) => this.#life === life && this.crash(error) }),
      )
      if (this.#stopping || life.signal.aborted) {
        await this.#end(running)
        // Asked to stop in the middle: nobody waits for it any more.
        if (this.#stopping) return
        throw life.signal.reason
      }
      this.#running = running
    } catch (error) {
      metrics.add('icn_supervisor_actor_spawn_failures_total', 1, actor)
      throw error
    }
    metrics.add('icn_supervisor_actors_spawned_total', 1, actor)
    metrics.set('icn_supervisor_actor_active', 1, actor)
    this.#mailbox.open()
  }

  crash(error: unknown): void {
    if (this.#stopping) return
    this.#parts.faults.note('actor', error)
    if (this.#running !== undefined && this.#spec.isVital) {
      // What it holds is closed in its turn, when everything before it has stopped.
      this.#mailbox.close('ACTOR_DOWN')
      this.#parts.onGiveUp(`${this.name} crashed`, error)
    } else if (this.#running !== undefined) this.#scheduleRestart(error)
    // While it starts: its start fails.
    else this.#life.abort(error)
  }

  #scheduleRestart(error: unknown): void {
    const { options, timing, chance } = this.#parts
    const ended = this.#end(this.#running)
    this.#down('ACTOR_DOWN')
    this.#restarting = ended.then(() => {})
    const now = timing.now()
    this.#crashes = [...this.#crashes.filter((at) => now - at < options.restartWindowMs), now]
    if (this.#crashes.length > options.restartAttemptsMax) {
      this.#parts.onGiveUp(`${this.name} crashed more than ${options.restartAttemptsMax} times in ${options.restartWindowMs} ms`, error)
      return
    }
    const longest = Math.min(options.restartInitialDelayMs * 2 ** (this.#crashes.length - 1), options.restartMaxDelayMs)
    // Half of it at least, the rest by chance, so that actors that fell together do not get up together.
    this.#cancelRestart = timing.after(longest * (0.5 + chance() / 2), () => {
      this.#restarting = this.#startAgain(ended)
    })
  }

  async #startAgain(ended: Promise<unknown>): Promise<void> {
    await ended
    if (this.#stopping) return
    this.#restarts++
    this.#parts.metrics.add('icn_supervisor_actor_restarts_total', 1, { actor: this.name })
    try {
      await this.start()
    } catch (error) {
      if (this.#stopping) return
      this.#parts.faults.note('actor', error)
      this.#scheduleRestart(error)
    }
  }

  #down(why: 'ACTOR_DOWN' | 'STOPPING'): void {
    this.#running = undefined
    this.#life.abort()
    this.#mailbox.close(why)
    this.#parts.metrics.set('icn_supervisor_actor_active', 0, { actor: this.name })
  }

  /** True when it ended in time. */
  async #end(running: RunningActor<Handle> | undefined, ms = this.#parts.options.shutdownTimeoutMs): Promise<boolean> {
    if (running?.stop === undefined) return true
    const stopped = (async () => actorInCharge.run(this.name, () => running.stop?.()))().catch((error: unknown) => this.#parts.faults.note('actor', error))
    return (
      (await withDeadline(
        this.#parts.timing,
        ms,
        stopped.then(() => {}),
      )) === 'done'
    )
  }

  /** For good. True when it ended in time. */
  async stop(ms: number): Promise<boolean> {
    this.#stopping = true
    this.#cancelRestart()
    const running = this.#running
    this.#down('STOPPING')
    const inTime = await this.#end(running, ms)
    return (await withDeadline(this.#parts.timing, ms, this.#restarting)) === 'done' && inTime
  }
}
