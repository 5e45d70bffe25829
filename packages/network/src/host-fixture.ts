import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import type { Did } from '@icn/protocol'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { type GossipSub, gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { gossipOptions } from './gossip.ts'
import { openHost } from './host.ts'
import { replicateProtocol } from './meeting.ts'
import type { Host, HostParts, Wire, WireListener } from './wire.ts'

/** Hosts with real sockets on loopback, and what their wires heard. */

export const tcpLoopback = '/ip4/127.0.0.1/tcp/0'
export const wsLoopback = '/ip4/127.0.0.1/tcp/0/ws'
export const transports = [
  ['TCP', tcpLoopback],
  ['WebSocket', wsLoopback],
] as const

/** Long enough that only a fault reaches it, however slow the machine. */
const patienceMs = 60_000

export async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + patienceMs
  while (!holds()) {
    if (performance.now() > end) assert.fail(`never came: ${what}`)
    await wait(2)
  }
}

/** A wire with what came over it. */
export class Heard implements WireListener {
  readonly wire: Wire
  readonly frames: Uint8Array[] = []
  drains = 0
  /** Bytes of pieces after which a frame was not whole. */
  parts = 0
  why: Parameters<WireListener['closed']>[0] | undefined
  #waiting: (() => void)[] = []

  constructor(wire: Wire) {
    this.wire = wire
    wire.listen(this)
  }

  frame(bytes: Uint8Array): void {
    assert.equal(this.why, undefined, 'a frame after the end')
    this.frames.push(bytes)
  }

  partly(bytes: number): void {
    this.parts += bytes
  }

  drain(): void {
    this.drains++
    this.#wake()
  }

  closed(why: NonNullable<Heard['why']>): void {
    assert.equal(this.why, undefined, 'two ends')
    this.why = why
    this.#wake()
  }

  /** Sends all, and waits wherever the wire asks for it. */
  async sendAll(frames: Iterable<Uint8Array>): Promise<void> {
    for (const frame of frames) if (!this.wire.send(frame)) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

export class TestHost implements AsyncDisposable {
  readonly host: Host
  readonly wires: Heard[]
  readonly faults: unknown[]

  constructor(host: Host, wires: Heard[], faults: unknown[]) {
    this.host = host
    this.wires = wires
    this.faults = faults
  }

  static async open(parts: Partial<HostParts> & { readonly seed: Uint8Array }): Promise<TestHost> {
    const wires: Heard[] = []
    const faults: unknown[] = []
    const host = await openHost({
      listen: [tcpLoopback],
      admits: () => true,
      onWire: (wire) => {
        const before = wires.findLast((other) => other.wire.peer === wire.peer)
        assert.ok(before === undefined || before.why !== undefined, 'two wires to one peer at a time')
        wires.push(new Heard(wire))
      },
      fault: (operation, error) => faults.push([operation, error]),
      ...parts,
    })
    return new TestHost(host, wires, faults)
  }

  get address(): string {
    const [address] = this.host.addresses()
    assert.ok(address !== undefined)
    return address
  }

  get live(): readonly Heard[] {
    return this.wires.filter((heard) => heard.why === undefined)
  }

  /** The wire to a peer, once there is one. */
  async wireTo(peer: Did): Promise<Heard> {
    const find = (): Heard | undefined => this.live.find((heard) => heard.wire.peer === peer)
    await until(`a wire to ${peer}`, () => find() !== undefined)
    return find() as Heard
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host.close()
    assert.deepEqual(this.faults, [])
  }
}

let seeds = 0
/** A key that no other host of this process has. */
export function freshSeed(): Uint8Array {
  const seed = new Uint8Array(32)
  new DataView(seed.buffer).setUint32(0, ++seeds)
  new DataView(seed.buffer).setUint32(4, process.pid)
  return seed
}

/** Two seeds, the lower key first. */
export async function orderedSeeds(): Promise<readonly [lower: Uint8Array, higher: Uint8Array]> {
  const [a, b] = [freshSeed(), freshSeed()]
  const keys = await Promise.all([a, b].map(async (seed) => (await generateKeyPairFromSeed('Ed25519', seed)).publicKey.raw))
  return Buffer.compare(keys[0] as Uint8Array, keys[1] as Uint8Array) < 0 ? [a, b] : [b, a]
}

/** A libp2p node without our host: it says on a stream what it likes. */
export class Rogue implements AsyncDisposable {
  readonly node: Libp2p<{ identify: unknown; gossip?: GossipSub }>
  readonly incoming: Stream[] = []

  private constructor(node: Rogue['node']) {
    this.node = node
  }

  /** `gossips`: it takes part in what everybody is told, by the settings of everybody. */
  static async open(seed: Uint8Array, listen: readonly string[] = [], gossips = false): Promise<Rogue> {
    const privateKey = await generateKeyPairFromSeed('Ed25519', seed)
    const node = await createLibp2p({
      privateKey,
      addresses: { listen: [...listen] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionMonitor: { enabled: false },
      services: { identify: identify(), ...(gossips ? { gossip: gossipsub(gossipOptions({ penaltyOf: () => 0 })) } : {}) },
    })
    const rogue = new Rogue(node)
    await node.handle(replicateProtocol, (stream) => void rogue.incoming.push(stream))
    return rogue
  }

  stream(address: string, protocol = replicateProtocol): Promise<Stream> {
    return this.node.dialProtocol(multiaddr(address), protocol)
  }

  dial(address: string): Promise<Connection> {
    return this.node.dial(multiaddr(address))
  }

  /** Says it to whoever is connected, as it is: neither the topic nor the size is looked at. False: nobody was there to hear it. */
  gossip(topic: string, data: Uint8Array): boolean {
    const gossip = this.node.services.gossip as unknown as { sendRpc(to: string, rpc: object): boolean } | undefined
    const rpc = { subscriptions: [], messages: [{ topic, data }] }
    return this.node.getPeers().filter((peer) => gossip?.sendRpc(peer.toString(), rpc) === true).length > 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node.stop()
  }
}
