import type { Multiaddr } from '@multiformats/multiaddr'
import { webSockets } from '@libp2p/websockets'
import { WebSocket } from 'ws'

/** Bytes of one WebSocket message, at most. libp2p sends a noise packet in each, 64 KiB; the default would let strangers fill 100 MiB. */
export const messageBytesMax = 262_144

/** libp2p's WebSocket transport, dialling with `ws`: Node's own WebSocket, once closed, waits for the other side's goodbye without end, and is left open when a dial is given up. */
export function webSocketTransport(): ReturnType<typeof webSockets> {
  const create = webSockets()
  return (components) => Object.assign(create(components), { _connect: connect })
}

/** ws:// or wss:// of an address such as /dns4/example.org/tcp/443/tls/ws. */
function urlOf(address: Multiaddr): string {
  const parts = address.getComponents()
  const [host] = parts.filter(({ name }) => name !== 'ip6zone')
  const port = parts.find(({ name }) => name === 'tcp')?.value
  const secure = parts.some(({ name }) => name === 'tls' || name === 'wss')
  return `${secure ? 'wss' : 'ws'}://${host?.name === 'ip6' ? `[${host.value}]` : host?.value}:${port}`
}

function connect(address: Multiaddr, options: { readonly signal: AbortSignal }): Promise<WebSocket> {
  options.signal.throwIfAborted()
  const socket = new WebSocket(urlOf(address), { maxPayload: messageBytesMax, perMessageDeflate: false })
  socket.binaryType = 'arraybuffer'
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>()
  const onAbort = (): void => socket.terminate()
  options.signal.addEventListener('abort', onAbort)
  socket.once('open', () => resolve(socket))
  // Also after it has opened: an error that nobody listens to ends the process.
  socket.on('error', (error) => {
    reject(error)
    socket.terminate()
  })
  return promise.finally(() => options.signal.removeEventListener('abort', onAbort))
}
