import { IcnError, SignInError } from './errors.ts'
import { pause } from './retry.ts'
import type { Fetch, Transport } from './transport.ts'

/** Where a reader stands: for each space the epoch of the node's log and the last sequence seen. */
export type EventPosition = Readonly<Record<string, { readonly epoch: string; readonly sequence: number }>>

export interface IcnEvent {
  readonly id: string
  readonly type: string
  readonly time: string
  readonly subject?: string
  readonly space: string
  readonly topic: string
  readonly sequence: string
  readonly previous?: string | null
  readonly operation?: string | null
  readonly status?: string | null
  readonly data: Readonly<Record<string, unknown>>
}

/** What a stream gives: an event with the position after it, or word that some were missed. */
export type EventItem = { readonly event: IcnEvent; readonly position: EventPosition } | { readonly truncated: readonly string[]; readonly position: EventPosition } | { readonly caughtUp: true; readonly position: EventPosition }

export type EventStream = AsyncIterable<EventItem>

export interface EventsOptions {
  readonly spaces: readonly string[]
  /** `*` for all. */
  readonly topics?: readonly string[]
  readonly after?: EventPosition
  readonly signal?: AbortSignal
}

interface EventParts {
  readonly transport: Transport
  readonly token: () => Promise<string | undefined>
  readonly fetch?: Fetch
  /** For tests. */
  readonly WebSocket?: typeof WebSocket
}

const firstWaitMs = 1_000
const waitMsMax = 30_000

interface Frame {
  readonly [name: string]: unknown
}

/** Subscribes, resumes by position after every break, and says so when the log no longer reaches back. */
export async function* openEvents(parts: EventParts, options: EventsOptions): AsyncGenerator<EventItem> {
  let position: Record<string, { epoch: string; sequence: number }> = { ...options.after }
  let wait = firstWaitMs
  while (!options.signal?.aborted) {
    let welcomed = false
    try {
      for await (const frame of socketFrames(parts, options, position)) {
        const type = Object.keys(frame)[0] ?? ''
        const content = frame[type] as Frame
        if (type === 'welcome') {
          welcomed = true
          wait = firstWaitMs
        } else if (type === 'event') {
          const event = content as unknown as IcnEvent
          const [epoch, sequence] = splitId(event.id)
          const before = position[event.space]
          // Never the same one twice, whatever was sent again after a break.
          if (before !== undefined && before.epoch === epoch && before.sequence >= sequence) continue
          position = { ...position, [event.space]: { epoch, sequence } }
          yield { event, position }
        } else if (type === 'subscribed' || type === 'position') {
          position = { ...position, ...(content['positions'] as typeof position | undefined) }
          const truncated = content['truncated'] as readonly string[] | undefined
          if (truncated !== undefined && truncated.length > 0) yield { truncated, position }
        } else if (type === 'caught_up') yield { caughtUp: true, position }
        else if (type === 'dropped' && content['reason'] === 'not_allowed') throw new SignInError('NOT_FOUND', 'This subscription is not allowed any more.')
        else if (type === 'problem') throw new IcnError((content['code'] as never) ?? 'INTERNAL', String(content['detail'] ?? 'The node ended the stream.'), content as never)
      }
    } catch (error) {
      if (options.signal?.aborted) return
      if (error instanceof IcnError && !['busy', 'timeout', 'unauthenticated'].includes(error.class)) throw error
    }
    if (options.signal?.aborted) return
    await pause(welcomed ? firstWaitMs * Math.random() : wait * (0.5 + Math.random() / 2), options.signal).catch(() => {})
    wait = Math.min(waitMsMax, wait * 2)
  }
}

const splitId = (id: string): [epoch: string, sequence: number] => [id.slice(0, id.lastIndexOf('.')), Number(id.slice(id.lastIndexOf('.') + 1))]

/** One connection: hello, subscribe, then whatever comes, until it breaks. */
async function* socketFrames(parts: EventParts, options: EventsOptions, after: EventPosition): AsyncGenerator<Frame> {
  const token = await parts.token()
  const Socket = parts.WebSocket ?? globalThis.WebSocket
  const url = `${parts.transport.endpoint.replace(/^http/, 'ws').replace(/\/rpc$/, '')}/v1/events`
  const socket = new Socket(url, 'icn.events.v1')
  const queue: (Frame | undefined)[] = []
  let wake: () => void = () => {}
  const push = (frame: Frame | undefined): void => {
    queue.push(frame)
    wake()
  }
  const end = (): void => push(undefined)
  socket.addEventListener('open', () => {
    socket.send(JSON.stringify({ hello: { token: token ?? '' } }))
    socket.send(JSON.stringify({ subscribe: { id: '1', spaces: options.spaces, topics: options.topics ?? ['*'], ...(Object.keys(after).length === 0 ? {} : { after }) } }))
  })
  socket.addEventListener('message', (message) => push(JSON.parse(String(message.data)) as Frame))
  socket.addEventListener('close', end)
  socket.addEventListener('error', end)
  options.signal?.addEventListener('abort', () => socket.close())
  try {
    for (;;) {
      const frame = queue.shift()
      if (frame === undefined && queue.length === 0 && socket.readyState >= 2) return
      if (frame === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve
          if (queue.length > 0 || socket.readyState >= 2) resolve()
        })
        continue
      }
      yield frame
    }
  } finally {
    socket.close()
  }
}
