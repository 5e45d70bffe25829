import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { ConnectionGater, Libp2p, Listener, MultiaddrConnection, PeerId } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { Did } from '@icn/protocol'
import { createLibp2p } from 'libp2p'
import { dialTrouble, readTarget } from './dial-trouble.ts'
import { Meeting, replicateProtocol } from './meeting.ts'
import { didOfPeer } from './peer-id.ts'
import { HostSockets } from './sockets.ts'
import { webSocketTransport } from './websocket-dial.ts'
import { frameBytesMax, type Host, type HostParts, NetworkTrouble } from './wire.ts'

const dialMs = 10_000
const upgradeMs = 10_000
/** 2 × 200 peers + 50 (network page §2). Larger: more memory for strangers; smaller: a full node refuses peers it wants. */
const connectionsMax = 450
/** New connections a second from one address. libp2p's own 5 would refuse a house full of nodes. */
const inboundPerSecondMax = 20
const inboundPendingMax = 10
/** Bytes on the way in one stream. Fixed: a window that grows would let a slow link be flooded. */
const windowBytes = 262_144
const inboundStreamsMax = 64
/** After wires are flushed, until the rest is taken away [ms]. */
const stopMs = 3_000

/** Opens the node's one libp2p host: handlers first, then listeners, so that no peer is answered too early. Rejects when an address cannot be listened at. */
export async function openHost(parts: HostParts): Promise<Host> {
  const sockets = new HostSockets()
  const gate = new Gate(parts, sockets)
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
    services: { identify: identify(), ping: ping() },
    // Nobody is tagged to be kept, so libp2p redials nobody; no resolvers, so that no name is asked about over HTTPS.
    connectionManager: {
      maxConnections: connectionsMax,
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

/** Who may connect, asked when the key is proven; and the connections of dials that are not over, because libp2p leaves some of them open when a dial fails. */
class Gate {
  readonly #parts: HostParts
  readonly #dialled = new Set<MultiaddrConnection>()
  readonly #sockets: HostSockets
  closed = false

  constructor(parts: HostParts, sockets: HostSockets) {
    this.#parts = parts
    this.#sockets = sockets
  }

  asGater(): ConnectionGater {
    return {
      denyInboundConnection: (link) => {
        this.#sockets.follow(link)
        return this.closed
      },
      denyOutboundConnection: (_, link) => {
        this.#sockets.follow(link)
        this.#dialled.add(link)
        link.addEventListener('close', () => this.#dialled.delete(link))
        return this.closed
      },
      denyInboundEncryptedConnection: (peer, link) => this.#refuses(peer, link),
      denyOutboundEncryptedConnection: (peer, link) => this.#refuses(peer, link),
      denyOutboundUpgradedConnection: (_, link) => {
        this.#dialled.delete(link)
        return false
      },
    }
  }

  /** Cuts what failed dials left behind. */
  cutLeftovers(peer: PeerId | undefined): void {
    for (const link of this.#dialled) if (peer === undefined || link.remoteAddr.toString().endsWith(`/p2p/${peer}`)) link.abort(new Error('the dial failed'))
  }

  #refuses(peer: PeerId, link: MultiaddrConnection): boolean {
    let admitted = false
    try {
      admitted = !this.closed && this.#parts.admits(didOfPeer(peer))
    } catch (error) {
      if (!(error instanceof NetworkTrouble)) this.#parts.fault('network.admits', error)
    }
    if (admitted) this.#sockets.proven(link)
    return !admitted
  }
}

class Libp2pHost implements Host {
  readonly did: Did
  readonly #node: Libp2p
  readonly #gate: Gate
  readonly #parts: HostParts
  /** Bound: libp2p's connection limit. */
  readonly #meetings = new Map<Did, Meeting>()
  readonly #listeners = new Set<Listener>()
  readonly #sockets: HostSockets
  readonly #stopping = new AbortController()
  #closed: Promise<void> | undefined

  constructor(node: Libp2p, gate: Gate, sockets: HostSockets, parts: HostParts) {
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
    await node.start()
  }

  addresses(): readonly string[] {
    return [...this.#listeners].flatMap((listener) => listener.getAddrs()).map((address) => `${address}/p2p/${this.#node.peerId}`)
  }

  peers(): readonly Did[] {
    return [...this.#meetings].filter(([, meeting]) => meeting.connections.length > 0).map(([peer]) => peer)
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
      this.#gate.cutLeftovers(id)
      // The same peer may have come in meanwhile, and its connection been kept instead.
      if (this.#meetings.get(peer) === undefined)
        throw this.#closed === undefined ? dialTrouble(text, error, deadline.aborted) : new NetworkTrouble('STOPPING', 'the host is closing', error)
    }
    if (await untilAborted(this.#meetings.get(peer)?.answered(), signal)) return peer
    if (deadline.aborted) throw new NetworkTrouble('DIAL_TIMEOUT', `no answer in time from ${text}`)
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
    this.#gate.cutLeftovers(undefined)
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
