import type { EventJson } from '@icn/protocol'
import type { Caller } from './caller.ts'
import { errorOf, IcnError, isProblem, SignInError } from './errors.ts'
import { pagedEvents } from './events-paged.ts'
import { type Frame, socketFrames } from './events-socket.ts'
import { pause } from './retry.ts'
import type { Transport } from './transport.ts'

/** Where a reader stands: for each space the epoch of the node's log and the last sequence seen. */
export type EventPosition = Readonly<Record<string, { readonly epoch: string; readonly sequence: number }>>

/** A CloudEvent of the node; what is only measured (presence, progress) has no space and no sequence. */
export type IcnEvent = EventJson | (Partial<EventJson> & Pick<EventJson, 'type' | 'time' | 'data' | 'topic'>)

/** What a stream gives: an event with the position after it, word that some were missed, or that everything past has been told. */
export type EventItem =
  | { readonly event: IcnEvent; readonly position: EventPosition }
  | { readonly truncated: readonly string[]; readonly position: EventPosition }
  | { readonly caughtUp: true; readonly position: EventPosition }

export type EventStream = AsyncIterable<EventItem>

export interface EventsOptions {
  readonly spaces: readonly string[]
  /** `*` for all. */
  readonly topics?: readonly string[]
  /** A position from before; left out: from now on. */
  readonly after?: EventPosition
  readonly signal?: AbortSignal
}

export interface EventParts {
  readonly transport: Transport
  readonly caller: Pick<Caller, 'token' | 'freshMs' | 'call'>
  /** For tests: milliseconds before the first new try. */
  readonly firstWaitMs?: number
}

const firstWaitMsDefault = 1_000
const waitMsMax = 30_000

/** Subscribes, resumes by position after every break, and says so when the log no longer reaches back. */
export async function* openEvents(parts: EventParts, options: EventsOptions): AsyncGenerator<EventItem> {
  // The operator's door has no sockets: there the same is read page by page.
  if (parts.transport.kind === 'rpc') return yield* pagedEvents(parts, options)
  const place = new Place(options.after)
  const firstWaitMs = parts.firstWaitMs ?? firstWaitMsDefault
  let wait = firstWaitMs
  while (!options.signal?.aborted) {
    let isWelcome = false
    let pauseMs: number | undefined
    try {
      for await (const frame of socketFrames(parts, options, place.position)) {
        if (frame.type === 'welcome') isWelcome = true
        if (frame.type === 'bye' && typeof frame['reconnect_after_ms'] === 'number') pauseMs = frame['reconnect_after_ms']
        const item = place.take(frame)
        if (item !== undefined) yield item
        if (frame.type === 'dropped') break
      }
    } catch (error) {
      if (options.signal?.aborted) return
      // A no stays a no; a socket that breaks does not.
      if (error instanceof IcnError && !['busy', 'timeout', undefined].includes(error.problem?.class)) throw error
      if (error instanceof SignInError) throw error
    }
    if (isWelcome) wait = firstWaitMs
    try {
      await pause(pauseMs ?? wait * (0.5 + Math.random() / 2), options.signal)
    } catch {
      return
    }
    wait = Math.min(waitMsMax, wait * 2)
  }
}

const splitId = (id: string): [epoch: string, sequence: number] => [id.slice(0, id.lastIndexOf('.')), Number(id.slice(id.lastIndexOf('.') + 1))]

/** Where a reader stands, moved by frames. */
export class Place {
  #position: Record<string, { epoch: string; sequence: number }>
  /** space → last sequence that was handed out, for finding gaps. */
  readonly #told = new Map<string, number>()

  constructor(after: EventPosition = {}) {
    this.#position = { ...after }
  }

  get position(): EventPosition {
    return this.#position
  }

  /** What the reader is told about a frame; undefined: nothing. Throws what a frame refuses. */
  take(frame: Frame): EventItem | undefined {
    switch (frame.type) {
      case 'event':
        return this.event(frame['event'] as IcnEvent)
      case 'subscribed':
      case 'position':
        this.#move(frame)
        return this.#truncated(frame)
      case 'dropped':
        this.#move(frame)
        if (frame['reason'] === 'not_allowed') throw new SignInError('NOT_FOUND', 'These events are not for this person any more.')
        return undefined
      case 'caught_up':
        return { caughtUp: true, position: this.#position }
      case 'problem': {
        const { problem } = frame as { readonly problem?: unknown }
        throw isProblem(problem) ? errorOf(problem) : new IcnError('INTERNAL', 'The node ended the stream.')
      }
      default:
        return undefined
    }
  }

  /** Never the same one twice, whatever was sent again after a break. */
  event(event: IcnEvent): EventItem | undefined {
    const { id, space } = event
    if (id === undefined || space === undefined) return { event, position: this.#position }
    const [epoch, sequence] = splitId(id)
    const before = this.#position[space]
    if (before !== undefined && before.epoch === epoch && before.sequence >= sequence) return undefined
    this.#position = { ...this.#position, [space]: { epoch, sequence } }
    const missed = this.#isGap(event, space, before?.epoch === epoch ? before.sequence : undefined)
    this.#told.set(space, sequence)
    // What comes after a gap is as good as after a truncated log: the state has to be read again.
    return missed ? { truncated: [space], position: this.#position } : { event, position: this.#position }
  }

  /** Each event names the one that was sent before it: another one means that something is missing. */
  #isGap(event: IcnEvent, space: string, before: number | undefined): boolean {
    const previous = Number(event.previous ?? 0)
    const told = this.#told.get(space)
    return told !== undefined && before !== undefined && previous > Math.max(told, before)
  }

  #move(frame: Frame): void {
    const positions = frame['positions'] as EventPosition | undefined
    for (const [space, at] of Object.entries(positions ?? {})) {
      const before = this.#position[space]
      // A position of an older connection never moves a reader back.
      if (before === undefined || before.epoch !== at.epoch || before.sequence < at.sequence) this.#position = { ...this.#position, [space]: at }
    }
  }

  #truncated(frame: Frame): EventItem | undefined {
    const truncated = (frame['truncated'] as readonly string[] | undefined) ?? []
    for (const space of truncated) this.#told.delete(space)
    return truncated.length === 0 ? undefined : { truncated, position: this.#position }
  }
}
