import { Server, type Socket } from 'node:net'
import type { Listener, MultiaddrConnection } from '@libp2p/interface'

/** Until a socket that has come in must belong to a proven connection [ms]. libp2p gives a handshake 10 s. */
const unprovenMs = 20_000

/**
 * The sockets under libp2p's listeners. Its WebSocket listener knows a socket only from the first byte, never times one out, and waits for every one when it
 * closes: a single silent socket would keep the host from closing.
 */
export class ListenerSockets {
  /** Bound: what the system lets the process open. */
  readonly #sockets = new Set<Socket>()
  readonly #isProven: (remotePort: number) => boolean

  constructor(isProven: (remotePort: number) => boolean) {
    this.#isProven = isProven
  }

  watch(listener: Listener): void {
    const server: unknown = 'server' in listener ? listener.server : undefined
    if (!(server instanceof Server)) return
    server.on('connection', (socket: Socket) => {
      const timer = setTimeout(() => this.#isProven(socket.remotePort ?? 0) || socket.destroy(), unprovenMs)
      this.#sockets.add(socket)
      socket.once('close', () => {
        clearTimeout(timer)
        this.#sockets.delete(socket)
      })
    })
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}

/** libp2p aborts a WebSocket with a code that WebSockets refuse, notes the error, and leaves the socket open. This closes what is underneath when the connection is over. */
export function closeUnderneath(link: MultiaddrConnection): void {
  const socket: unknown = 'websocket' in link ? link.websocket : undefined
  if (!(socket instanceof EventTarget) && !hasTerminate(socket)) return
  link.addEventListener('close', () => (hasTerminate(socket) ? socket.terminate() : (socket as WebSocket).close()))
}

function hasTerminate(socket: unknown): socket is { terminate(): void } {
  return typeof socket === 'object' && socket !== null && 'terminate' in socket && typeof socket.terminate === 'function'
}
