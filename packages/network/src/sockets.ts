import { Server, type Socket } from 'node:net'
import type { Listener, MultiaddrConnection } from '@libp2p/interface'
import { WebSocket } from 'ws'
import { closeMs } from './stream-wire.ts'
import { messageBytesMax } from './websocket-dial.ts'

/** Until a socket that has come in must belong to a proven connection [ms]. libp2p gives a handshake 10 s. */
const unprovenMs = 20_000

/**
 * The sockets under libp2p's listeners. Its WebSocket listener knows a socket only from the first byte, never times one out, and waits for every one when it
 * closes: a single silent socket would keep the host from closing.
 */
export class HostSockets {
  /** Bound: what the system lets the process open. */
  readonly #sockets = new Set<Socket>()
  /** WebSockets that are being closed. Each takes a second at most. */
  readonly #parting = new Set<Promise<void>>()
  readonly #proven = new Set<MultiaddrConnection>()

  watch(listener: Listener): void {
    const server: unknown = 'server' in listener ? listener.server : undefined
    if (!(server instanceof Server)) return
    if (isWebSocketListener(listener)) guardWebSockets(listener)
    server.on('connection', (socket: Socket) => {
      const port = `${socket.remotePort}`
      const timer = setTimeout(() => {
        for (const link of this.#proven) if (link.remoteAddr.getComponents().some(({ name, value }) => name === 'tcp' && value === port)) return
        socket.destroy()
      }, unprovenMs)
      this.#sockets.add(socket)
      socket.once('close', () => {
        clearTimeout(timer)
        this.#sockets.delete(socket)
      })
    })
  }

  /** The key at the other end is proven, and admitted. */
  proven(link: MultiaddrConnection): void {
    this.#proven.add(link)
    link.addEventListener('close', () => this.#proven.delete(link))
  }

  /**
   * Follows a connection to its end. libp2p aborts a WebSocket with a code that WebSockets refuse, notes the error, and leaves the socket open;
   * and it takes a WebSocket for closed before the last bytes have left.
   */
  follow(link: MultiaddrConnection): void {
    const socket: unknown = 'websocket' in link ? link.websocket : undefined
    if (!(socket instanceof WebSocket)) return
    link.addEventListener('close', ({ error }) => {
      if (error !== undefined) return socket.terminate()
      if (socket.readyState === WebSocket.CLOSED) return
      const timer = setTimeout(() => socket.terminate(), closeMs)
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#parting.add(promise)
      socket.once('close', () => {
        clearTimeout(timer)
        this.#parting.delete(promise)
        resolve()
      })
    })
  }

  async close(): Promise<void> {
    await Promise.all(this.#parting)
    for (const socket of this.#sockets) socket.destroy()
  }
}

/** Inside of libp2p's WebSocket listener; a test fails should it change. */
interface WebSocketListener {
  readonly wsServer: { readonly options: { maxPayload?: number } }
  onWsServerConnection(socket: WebSocket, request: unknown): void
}

const isWebSocketListener = (listener: object): listener is WebSocketListener => 'wsServer' in listener && 'onWsServerConnection' in listener

/** Nobody listens to the errors of a WebSocket that has come in, and such an error ends the process: any stranger could end it with two bytes. */
function guardWebSockets(listener: WebSocketListener): void {
  const take = listener.onWsServerConnection.bind(listener)
  listener.wsServer.options.maxPayload = messageBytesMax
  listener.onWsServerConnection = (socket, request) => {
    socket.on('error', () => socket.terminate())
    take(socket, request)
  }
}
