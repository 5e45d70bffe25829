import type { Did } from '@icn/protocol'

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
  /** Ends it after what was handed over has left, at most a second later. Closing twice is closing once. */
  close(): void
  /** Set once, before anything is delivered. Never called at the same time or after `closed`; a frame that is too large or cut short ends the wire. */
  listen(listener: WireListener): void
}

export interface WireListener {
  frame(bytes: Uint8Array): void
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
  /** Ends every connection with a peer. */
  disconnect(peer: Did): Promise<void>
  peers(): readonly Did[]
  /** Median of the last pings [ms]; undefined before the first. */
  roundTripMs(peer: Did): number | undefined
  /** Releases listeners, connections and timers; nothing keeps the process alive after it. */
  close(): Promise<void>
}

export interface HostParts {
  /** The 32-byte seed of the node's main key: its DID and its libp2p peer id are the same key. */
  readonly seed: Uint8Array
  /** Multiaddrs to listen at, for example /ip4/127.0.0.1/tcp/0 and /ip4/127.0.0.1/tcp/0/ws. */
  readonly listen: readonly string[]
  /** Bytes of one frame, at most. */
  readonly frameBytesMax?: number
  /** May this peer connect? Asked when its key is proven and before any stream is opened, inbound and outbound. */
  admits(peer: Did): boolean
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
