import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { GossipSub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p, Listener, PeerInfo } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { type Did, inboundStreamsMax } from '@icn/protocol'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { dialTrouble, readTarget } from './dial-trouble.ts'
import { gossipService, joinTopics, subscribeAll } from './gossip.ts'
import { HostGate } from './host-gate.ts'
import { lanDiscovery } from './lan.ts'
import { Meeting, replicateProtocol } from './meeting.ts'
import { didOfPeer, peerOfDid } from './peer-id.ts'
import { askOver, serveStream } from './protocols.ts'
import { HostSockets } from './sockets.ts'
import { webSocketTransport } from './websocket-dial.ts'
import { frameBytesMax, type GossipTopic, type Host, type HostParts, NetworkTrouble, type Protocol } from './wire.ts'

export { isLoopbackOwner } from './addresses.ts'

export { peerAddress } from './peer-id.ts'

/** How often each connection is pinged [ms]. Shorter: traffic on idle links; longer: a lost peer is noticed later. */
const pingMs = 15_000
const dialMs = 10_000
const upgradeMs = 10_000
/** Peers without a word on how many. */
const peersUsual = 200
/** The gate counts by address and says what it refuses; libp2p's own limits stand behind it: handshakes at once of the whole host, and a rate that the gate's is below. */
const inboundPendingMax = 256
const inboundPerSecondMax = 1_000
/** Bytes on the way in one stream. Fixed: a window that grows would let a slow link be flooded. */
const windowBytes = 262_144
/** After wires are flushed, until the rest is taken away [ms]. */
const stopMs = 1_500

/** Whom a multiaddr that ends in /p2p/<peer id> names, and the address without that. Refuses ADDRESS_INVALID, NODE_KEY_UNSUPPORTED. */
export function targetOf(text: string): { readonly peer: Did; readonly address: string } {
  const { address, id, peer } = readTarget(text)
  return { peer, address: address.toString().slice(0, -`/p2p/${id}`.length) }
}

/** Opens the node's one libp2p host: handlers first, then listeners, so that no peer is answered too early. Rejects when an address cannot be listened at. */
export async function openHost(parts: HostParts): Promise<Host> {
  const sockets = new HostSockets()
  const gate = new HostGate(parts, sockets)
  const node = await createLibp2p({
    start: false,
    privateKey: await generateKeyPairFromSeed('Ed25519', parts.seed),
    nodeInfo: { name: 'icn', version: '1', userAgent: 'icn/1' },
    // No address is confirmed as public yet, so identify tells none; peers learn addresses from signed records.
    addresses: { listen: [...parts.listen], announceFilter: () => [] },
    transports: [tcp(), webSocketTransport()],
    connectionEncrypters: [noise()],
    // Yamux's own pings are off: an answer that comes after libp2p has given one up would end the connection as a breach of protocol.
    streamMuxers: [
      yamux({ enableKeepAlive: false, maxInboundStreams: inboundStreamsMax, streamOptions: { initialStreamWindowSize: windowBytes, maxStreamWindowSize: windowBytes } }),
    ],
    services: { identify: identify(), ping: ping(), transports: transportsOf, ...(parts.gossip === undefined ? {} : { gossip: gossipService(parts.gossip) }) },
    ...(parts.lan === undefined ? {} : { peerDiscovery: [lanDiscovery(parts.lan)] }),
    // Nobody is tagged to be kept, so libp2p redials nobody; no resolvers, so that no name is asked about over HTTPS.
    connectionManager: {
      // Two of each peer that cross, and some that are on their way out (network page §2).
      maxConnections: 2 * (parts.peersCount ?? peersUsual) + 50,
      inboundConnectionThreshold: inboundPerSecondMax,
      maxIncomingPendingConnections: inboundPendingMax,
      inboundUpgradeTimeout: upgradeMs,
      dialTimeout: dialMs,
      addressDialTimeout: dialMs,
      reconnectRetries: 0,
      resolvers: {},
    },
    // Off, as its pings collide with ours; and should it ever run, a late ping must not cut a busy connection.
    connectionMonitor: { enabled: false, abortConnectionOnPingFailure: false },
    connectionGater: gate.asGater(),
  })
  const host = new Libp2pHost(node, gate, sockets, parts)
  await host.open()
  return host
}

/** The part of libp2p that dials one address, without its queue. */
interface Transports {
  dial(address: Multiaddr, options: { readonly signal: AbortSignal }): Promise<Connection>
}

/** Wrapped, because libp2p starts every service, and would listen twice. */
const transportsOf = ({ transportManager }: { readonly transportManager: Transports }): Transports => ({
  dial: (address, options) => transportManager.dial(address, options),
})

type Node = Libp2p<{ readonly transports: Transports; readonly gossip?: GossipSub }>

class Libp2pHost implements Host {
  readonly did: Did
  readonly #node: Node
  readonly #gate: HostGate
  readonly #parts: HostParts
  /** Bound: libp2p's connection limit. */
  readonly #meetings = new Map<Did, Meeting>()
  readonly #listeners = new Set<Listener>()
  readonly #sockets: HostSockets
  readonly #stopping = new AbortController()
  #closed: Promise<void> | undefined

  constructor(node: Node, gate: HostGate, sockets: HostSockets, parts: HostParts) {
    this.#node = node
    this.#gate = gate
    this.#sockets = sockets
    this.#parts = parts
    this.did = didOfPeer(node.peerId)
  }

  async open(): Promise<void> {
    const node = this.#node
    node.addEventListener('transport:listening', ({ detail }) => {
      this.#listeners.add(detail)
      this.#sockets.watch(detail)
    })
    node.addEventListener('transport:close', ({ detail }) => this.#listeners.delete(detail))
    node.addEventListener('connection:open', ({ detail }) => {
      // One that has closed while it was opened never tells that it closed.
      if (detail.status === 'open') this.#meeting(didOfPeer(detail.remotePeer)).connected(detail)
    })
    node.addEventListener('connection:close', ({ detail }) => this.#meetings.get(didOfPeer(detail.remotePeer))?.disconnected(detail))
    await node.handle(replicateProtocol, (stream, connection) => this.#meetings.get(didOfPeer(connection.remotePeer))?.incoming(stream, connection), {
      maxInboundStreams: 1,
      maxOutboundStreams: 1,
      runOnLimitedConnection: true,
    })
    for (const protocol of this.#parts.protocols ?? []) await this.#serve(protocol)
    const { gossip } = node.services
    if (gossip !== undefined && this.#parts.gossip !== undefined) joinTopics(gossip, this.#parts.gossip, (error) => this.#parts.fault('network.gossip', error))
    node.addEventListener('peer:discovery', ({ detail }) => this.#found(detail))
    await node.start()
    if (gossip !== undefined) subscribeAll(gossip)
  }

  /** An event's listener must not throw, and a peer with another sort of key is nobody's business here. */
  #found({ id, multiaddrs }: PeerInfo): void {
    try {
      this.#parts.lan?.found(
        didOfPeer(id),
        multiaddrs.map((address) => address.toString().replace(/\/p2p\/[^/]+$/, '')),
      )
    } catch (error) {
      if (!(error instanceof NetworkTrouble)) this.#parts.fault('network.lan', error)
    }
  }

  async publish(topic: GossipTopic, data: Uint8Array): Promise<void> {
    await this.#node.services.gossip?.publish(topic, data)
  }

  async #serve(protocol: Protocol): Promise<void> {
    const { inboundStreamsMax: maxInboundStreams, outboundStreamsMax: maxOutboundStreams } = protocol
    const parts = { isReady: (peer: Did) => this.#parts.isReady?.(peer) ?? false, fault: (operation: string, error: unknown) => this.#parts.fault(operation, error) }
    await this.#node.handle(protocol.id, (stream, connection) => serveStream(protocol, didOfPeer(connection.remotePeer), stream, parts), {
      maxInboundStreams,
      maxOutboundStreams,
      runOnLimitedConnection: true,
    })
  }

  async ask(peer: Did, id: string, request: Uint8Array): Promise<Uint8Array> {
    const protocol = this.#parts.protocols?.find((one) => one.id === id)
    const connection = this.#meetings.get(peer)?.connection
    if (protocol === undefined || connection === undefined)
      throw new NetworkTrouble('NO_PATH', protocol === undefined ? `${id} is not spoken here` : 'there is no connection to this peer')
    return askOver(connection, id, protocol.messageBytesMax, request)
  }

  remoteAddress(peer: Did): string | undefined {
    return this.#meetings.get(peer)?.connection?.remoteAddr.toString()
  }

  addresses(): readonly string[] {
    return [...this.#listeners].flatMap((listener) => listener.getAddrs()).map((address) => `${address}/p2p/${this.#node.peerId}`)
  }

  peers(): readonly Did[] {
    return [...this.#meetings].filter(([, meeting]) => meeting.connections.length > 0).map(([peer]) => peer)
  }

  addressesOf(peer: Did): readonly string[] {
    return this.#gate.addressesOf(peer)
  }

  roundTripMs(peer: Did): number | undefined {
    return this.#meetings.get(peer)?.roundTripMs()
  }

  async dial(text: string): Promise<Did> {
    const { address, id, peer } = readTarget(text)
    if (peer === this.did) throw new NetworkTrouble('PEER_IS_SELF', `${text} is this node`)
    if (this.#closed !== undefined) throw new NetworkTrouble('STOPPING', 'the host is closing')
    const deadline = AbortSignal.timeout(dialMs)
    const signal = AbortSignal.any([deadline, this.#stopping.signal])
    try {
      // A connection that is being closed would be taken for a good one.
      await this.#meetings.get(peer)?.ended()
      await this.#node.dial(address, { signal })
    } catch (error) {
      this.#gate.cutLeftovers(`/p2p/${id}`)
      // The same peer may have come in meanwhile, and its connection been kept instead.
      if (this.#meetings.get(peer) === undefined)
        throw this.#closed === undefined ? dialTrouble(text, error, deadline.aborted) : new NetworkTrouble('STOPPING', 'the host is closing', error)
    }
    if (await untilAborted(this.#meetings.get(peer)?.answered(), signal)) return peer
    if (deadline.aborted) throw new NetworkTrouble('DIAL_TIMEOUT', `no answer in time from ${text}`)
    throw new NetworkTrouble('PEER_NOT_TRUSTED', `the peer at ${text} hung up right after the handshake: it does not admit this node`)
  }

  async dialAt(peer: Did, text: string, signal: AbortSignal): Promise<void> {
    const { address } = readTarget(`${text}/p2p/${peerOfDid(peer)}`)
    if (this.#closed !== undefined) throw new NetworkTrouble('STOPPING', 'the host is closing')
    const either = AbortSignal.any([signal, this.#stopping.signal])
    // Of its own, because libp2p ends a connection whose signal aborts long after it was opened.
    const dialling = new AbortController()
    const stop = (): void => dialling.abort()
    either.addEventListener('abort', stop)
    try {
      // Not by libp2p's queue, which tries the addresses of one peer one after the other.
      if (either.aborted) stop()
      await this.#node.services.transports.dial(address, { signal: dialling.signal })
    } catch (error) {
      this.#gate.cutLeftovers(address.toString())
      throw dialTrouble(text, error, either.aborted)
    } finally {
      either.removeEventListener('abort', stop)
    }
    if (await untilAborted(this.#meetings.get(peer)?.answered(), either)) return
    if (either.aborted) throw new NetworkTrouble('DIAL_TIMEOUT', `no answer in time from ${text}`)
    throw new NetworkTrouble('PEER_NOT_TRUSTED', `the peer at ${text} hung up right after the handshake: it does not admit this node`)
  }

  async disconnect(peer: Did): Promise<void> {
    await this.#meetings.get(peer)?.leave()
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#gate.closed = true
    this.#stopping.abort()
    await Promise.all([...this.#meetings.values()].map((meeting) => meeting.leave()))
    this.#gate.cutLeftovers('')
    await this.#sockets.close()
    const late = AbortSignal.timeout(stopMs)
    await untilAborted(Promise.resolve(this.#node.stop()), late)
    if (late.aborted) this.#parts.fault('network.close', new Error(`libp2p did not stop within ${stopMs} ms`))
  }

  #meeting(peer: Did): Meeting {
    const known = this.#meetings.get(peer)
    if (known !== undefined) return known
    const meeting: Meeting = new Meeting({
      me: this.did,
      peer,
      frameBytesMax: this.#parts.frameBytesMax ?? frameBytesMax,
      pingMs: this.#parts.pingMs ?? pingMs,
      onWire: (wire) => this.#parts.onWire(wire),
      fault: (operation, error) => this.#parts.fault(operation, error),
      over: () => {
        if (this.#meetings.get(peer) === meeting) this.#meetings.delete(peer)
      },
    })
    this.#meetings.set(peer, meeting)
    return meeting
  }
}

/** What a promise says, or undefined when the signal comes first. */
async function untilAborted<T>(promise: Promise<T> | undefined, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return undefined
  const aborted = Promise.withResolvers<undefined>()
  const onAbort = (): void => aborted.resolve(undefined)
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Whom an address names at its end; undefined for what is no address of a node. */
export function peerOfAddress(text: string): Did | undefined {
  try {
    return readTarget(text).peer
  } catch (error) {
    if (error instanceof NetworkTrouble) return undefined
    throw error
  }
}
