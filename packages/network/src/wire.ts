import type { Did, GateRefusal } from '@icn/protocol'

/** What moves frames between two nodes whose keys are proven. Real ones are libp2p streams, simulated ones are queues. */

/** Bytes of one frame, at most (network page §2). Larger: a slow link is blocked for longer; smaller: more frames for the same operations. */
export const frameBytesMax = 1_048_576

/** One ordered way of frames to one peer, both directions. */
export interface Wire {
  /** The peer whose key the handshake proved; nothing that a frame says changes it. */
  readonly peer: Did
  /** Hands a frame over. False: more than `wireBufferBytes` wait to be sent; the caller stops until `drain`; the frame is taken nevertheless. Frames larger than `frameBytesMax` throw. Once it is closed it takes nothing more, and answers false. */
  send(frame: Uint8Array): boolean
  /** Bytes handed over and not yet taken by the peer's side of the connection. */
  readonly waitingBytes: number
  /** Delivers no frame until `resume`; what is on its way waits at the peer, but for what fits the connection's window. Its end is told all the same, and what waited here is dropped then. */
  pause(): void
  resume(): void
  /** Ends it after what was handed over has left, at most a second later. Closing twice is closing once. */
  close(): void
  /** Set once, before anything is delivered. Never called at the same time or after `closed`; a frame that is too large or cut short ends the wire. */
  listen(listener: WireListener): void
}

export interface WireListener {
  frame(bytes: Uint8Array): void
  /** So many bytes of a frame that is not whole yet have come. */
  partly?(bytes: number): void
  /** There is room again after `send` had answered false. */
  drain(): void
  /** It has ended, whoever ended it. `why`: `bye` the peer has said goodbye, `lost` the connection broke before that (also where the peer has heard ours and was quicker to go than to answer), `too_large` and `cut_short` the peer broke the framing. */
  closed(why: 'bye' | 'lost' | 'too_large' | 'cut_short'): void
}

/** Outgoing bytes of one wire before its sender waits (network page §6). */
export const wireBufferBytes = 1_048_576

/** The node on the network: dials, is dialled, and gives a wire for each peer that speaks `/icn/replicate/1`. */
export interface Host {
  readonly did: Did
  /** Multiaddrs at which this node listens, each ending in /p2p/<peer id>. */
  addresses(): readonly string[]
  /** Connects to a multiaddr that ends in /p2p/<peer id>; answers the proven DID. Rejects with a NetworkTrouble. */
  dial(address: string): Promise<Did>
  /** Connects to this peer at one multiaddr, whatever else is being tried and however many connections there are; ends when it has answered. Rejects with a NetworkTrouble. */
  dialAt(peer: Did, address: string, signal: AbortSignal): Promise<void>
  /** Hands a message to peers that want it; they judge it and hand it on. Nothing where the host has no gossip. */
  publish(topic: GossipTopic, data: Uint8Array): Promise<void>
  /** Ends every connection with a peer. */
  disconnect(peer: Did): Promise<void>
  peers(): readonly Did[]
  /** One question and its answer, on a stream of its own, over a connection that is there. Rejects with a NetworkTrouble: the code of the peer's refusal, NO_PATH, DIAL_TIMEOUT. */
  ask(peer: Did, protocol: string, request: Uint8Array): Promise<Uint8Array>
  /** Multiaddr of the other end of the connection in use; undefined without one. */
  remoteAddress(peer: Did): string | undefined
  /** IP addresses of the connections with a peer, of IPv6 the /64. */
  addressesOf(peer: Did): readonly string[]
  /** Median of the last pings [ms]; undefined before the first. */
  roundTripMs(peer: Did): number | undefined
  /** Releases listeners, connections and timers; nothing keeps the process alive after it. */
  close(): Promise<void>
}

/** A protocol of one request and one answer a stream, both DAG-CBOR with their length in front. */
export interface Protocol {
  readonly id: string
  readonly messageBytesMax: number
  readonly inboundStreamsMax: number
  readonly outboundStreamsMax: number
  /** Undefined: the request is not worth an answer. A NetworkTrouble is told to the peer by its code. */
  serve(peer: Did, request: Uint8Array): Promise<Uint8Array | undefined>
}

export const gossipTopics = ['icn/1/commons', 'icn/1/candidates'] as const
export type GossipTopic = (typeof gossipTopics)[number]

/** What is made of messages that everybody may have. */
export interface GossipParts {
  /** `reject`: nobody honest says that; `ignore`: it goes no further from here, and nobody is blamed. */
  judge(from: Did, topic: GossipTopic, data: Uint8Array): Promise<'accept' | 'ignore' | 'reject'>
  /** Points of a peer for its manners. */
  penaltyOf(peer: Did): number
}

export interface LanParts {
  /** Nodes of other names are not heard. */
  readonly tag: string
  /** Somebody in this building says to be this peer; it proves nothing. Addresses without /p2p. */
  found(peer: Did, addresses: readonly string[]): void
}

export interface HostParts {
  /** The 32-byte seed of the node's main key: its DID and its libp2p peer id are the same key. */
  readonly seed: Uint8Array
  /** Multiaddrs to listen at, for example /ip4/127.0.0.1/tcp/0 and /ip4/127.0.0.1/tcp/0/ws. */
  readonly listen: readonly string[]
  /** Bytes of one frame, at most. */
  readonly frameBytesMax?: number
  /** How often each connection is pinged [ms]. */
  readonly pingMs?: number
  /** Links that this node has at most, for which connections are to be there. */
  readonly peersCount?: number
  /** Questions that are answered beside `/icn/replicate/1`. */
  readonly protocols?: readonly Protocol[]
  readonly gossip?: GossipParts
  /** Looks for nodes in this building by mDNS. */
  readonly lan?: LanParts
  /** Has this peer greeted? Asked before each answer; without it nobody gets one (network page §2). */
  isReady?(peer: Did): boolean
  /** May this peer connect? Asked when its key is proven and before any stream is opened, inbound and outbound. */
  admits(peer: Did): boolean
  /** Is this address (of IPv6 the /64) shut out? Asked before the handshake. */
  isShutOut?(address: string): boolean
  /** May this peer's address hold more connections than a stranger's? */
  isRoomy?(peer: Did): boolean
  /** A connection was refused by address or by number, before `admits` was asked. */
  refused?(reason: GateRefusal): void
  /** A wire is up; at most one for each peer at a time. */
  onWire(wire: Wire): void
  /** Something failed that nobody waited for. */
  fault(operation: string, error: unknown): void
}

/** What went wrong on the way, as a code of the table. */
export class NetworkTrouble extends Error {
  override readonly name = 'NetworkTrouble'
  readonly code: string

  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}
