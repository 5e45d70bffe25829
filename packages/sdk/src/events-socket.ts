import { SignInError } from './errors.ts'
import type { EventParts, EventPosition, EventsOptions } from './events.ts'

/** A frame of the doors page §13: its type, and what belongs to it. */
export interface Frame {
  readonly type: string
  readonly [name: string]: unknown
}

/** Closed by the node for want of a session: signing in anew may help once, repeating does not. */
const noSession = 4401
const notAllowed = 4403
/** A fresh token is sent on the open socket so much before the old one would be renewed [ms]. */
const tokenEveryMsMin = 1_000

/** One connection: hello, subscribe, then whatever comes, until it breaks. */
export async function* socketFrames(parts: EventParts, options: EventsOptions, after: EventPosition): AsyncGenerator<Frame> {
  const token = await parts.caller.token()
  if (token === undefined) throw new SignInError('UNAUTHENTICATED', 'Events need a signed-in person.')
  const connection = new Connection(`${parts.transport.endpoint.replace(/^http/, 'ws')}/v1/events`)
  const onAbort = (): void => connection.close()
  options.signal?.addEventListener('abort', onAbort)
  let renewal: ReturnType<typeof setTimeout> | undefined
  const renewLater = (): void => {
    renewal = setTimeout(
      async () => {
        // Whoever cannot renew is told by the node, after its time of grace.
        const fresh = await parts.caller.token().catch(() => undefined)
        if (fresh !== undefined) connection.send({ type: 'token', token: fresh })
        renewLater()
      },
      Math.max(parts.caller.freshMs + 50, tokenEveryMsMin),
    )
    ;(renewal as { unref?: () => void }).unref?.()
  }
  try {
    await connection.opened
    connection.send({ type: 'hello', token })
    connection.send({
      type: 'subscribe',
      id: '1',
      spaces: options.spaces,
      topics: options.topics ?? ['*'],
      ...(Object.keys(after).length === 0 ? {} : { after: only(after, options.spaces) }),
    })
    renewLater()
    yield* connection.frames()
    if (connection.code === noSession || connection.code === notAllowed) throw new SignInError('TOKEN_REVOKED', 'The node has ended this session.')
  } finally {
    clearTimeout(renewal)
    options.signal?.removeEventListener('abort', onAbort)
    connection.close()
  }
}

const only = (after: EventPosition, spaces: readonly string[]): EventPosition => Object.fromEntries(Object.entries(after).filter(([space]) => spaces.includes(space)))

/** A socket as a queue of frames. */
class Connection {
  readonly #socket: WebSocket
  readonly #queue: Frame[] = []
  #wake: () => void = () => {}
  #isOver = false
  /** Resolves when it is open, and when it never will be. */
  readonly opened: Promise<void>
  /** Why it was closed. */
  code: number | undefined

  constructor(url: string) {
    this.#socket = new WebSocket(url, 'icn.events.v1')
    this.opened = new Promise((resolve) => {
      this.#socket.addEventListener('open', () => resolve())
      this.#socket.addEventListener('close', (event) => {
        this.code = event.code
        this.#end()
        resolve()
      })
      this.#socket.addEventListener('error', () => {
        this.#end()
        resolve()
      })
    })
    this.#socket.addEventListener('message', ({ data }) => {
      const frame = readFrame(data)
      if (frame === undefined) return this.close()
      this.#queue.push(frame)
      this.#wake()
    })
  }

  #end(): void {
    this.#isOver = true
    this.#wake()
  }

  send(frame: Frame): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame))
  }

  close(): void {
    this.#socket.close()
    this.#end()
  }

  async *frames(): AsyncGenerator<Frame> {
    for (;;) {
      const frame = this.#queue.shift()
      if (frame !== undefined) yield frame
      else if (this.#isOver) return
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
          if (this.#queue.length > 0 || this.#isOver) resolve()
        })
      }
    }
  }
}

function readFrame(data: unknown): Frame | undefined {
  try {
    const frame = JSON.parse(String(data)) as Frame
    return typeof frame.type === 'string' ? frame : undefined
  } catch {
    return undefined
  }
}
