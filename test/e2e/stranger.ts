import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { commonsRules, coopRules } from '@icn/domain'
import { commonsSpace, decodeFrame, type Did, didOfKey, encodeFrame, type Frame, type FrameOf, type RawOperation, sha256, type SpaceId, utf8 } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { Rogue } from '../../packages/network/src/host-fixture.ts'
import { isLowerKey } from '../../packages/network/src/peer-id.ts'
import { FrameReader, framed } from '../../packages/network/src/stream-framing.ts'
import { raw, type TestSigner } from '@icn/testkit'
import { dayMs, type TestNode, until } from './harness.ts'
import { placesOf } from './places.ts'

type Stream = Rogue['incoming'][number]

/** Somebody with a key of their own who speaks to a node by hand, over real sockets. */
export class Stranger {
  readonly did: Did
  readonly heard: Frame[] = []
  /** Protocols of the streams that were opened to it and that it answers. */
  readonly asked: string[] = []
  readonly #seed: Uint8Array
  #rogue: Rogue | undefined
  #stream: Stream | undefined

  readonly #gossips: boolean

  constructor(seed = new Uint8Array(randomBytes(32)), gossips = false) {
    this.#seed = seed
    this.#gossips = gossips
    this.did = didOfKey(signingKeyFromSeed(seed).publicKey)
  }

  /** Connects and opens the stream. Rejects when the node does not let it in. */
  async knock(node: TestNode, answers: Readonly<Record<string, Uint8Array>> = {}): Promise<void> {
    await this.hangUp()
    const rogue = await Rogue.open(this.#seed, [], this.#gossips)
    this.#rogue = rogue
    for (const [protocol, bytes] of Object.entries(answers))
      await rogue.node.handle(protocol, (asked) => {
        this.asked.push(protocol)
        asked.addEventListener('message', () => {
          asked.send(framed(bytes))
          void asked.close()
        })
      })
    const stream = await this.#streamTo(node, rogue)
    this.#stream = stream
    const reader = new FrameReader(1_048_576)
    stream.addEventListener('message', ({ data }) => {
      reader.read(data.subarray(), (bytes) => {
        const frame = decodeFrame(bytes)
        if (frame !== undefined) this.heard.push(frame)
      })
    })
  }

  /** The side with the lower key opens it; a second one would be refused. */
  async #streamTo(node: TestNode, rogue: Rogue): Promise<Stream> {
    const address = placesOf(node)[0] as string
    if (isLowerKey(this.did, node.at.did)) return rogue.stream(address)
    const connection = await rogue.dial(address)
    await until('the node to open the stream or to hang up', () => rogue.incoming.length > 0 || connection.status !== 'open')
    const [stream] = rogue.incoming
    if (stream === undefined) throw new Error('the node hung up')
    return stream
  }

  /** Connects, greets and shares `commons`. `answers`: what it says to any question of a protocol. */
  async meet(node: TestNode, more: Partial<FrameOf<'hello'>> = {}, answers: Readonly<Record<string, Uint8Array>> = {}): Promise<void> {
    this.heard.splice(0)
    await this.knock(node, answers)
    this.say({
      t: 'hello',
      v: 1,
      network_id: node.network,
      rules: [...new Set([commonsRules.version, coopRules.version])].map((version) => [version, sha256(utf8(version))]),
      node: this.did,
      instance: new Uint8Array(randomBytes(16)),
      release: 'x',
      caps: [],
      at: [0, 0],
      wall: 0,
      ...more,
    })
    this.say({ t: 'offer', spaces: [{ space: commonsSpace, genesis: node.network }] })
    await until('the node to answer', () => this.of('answer').length > 0 || this.of('bye').length > 0 || !this.isConnected)
  }

  get isConnected(): boolean {
    return this.#stream?.status === 'open'
  }

  /** Bytes that were said and that the node has not taken. */
  get waitingBytes(): number {
    return this.#stream?.writeBufferLength ?? 0
  }

  of<T extends Frame['t']>(t: T): FrameOf<T>[] {
    return this.heard.filter((frame): frame is FrameOf<T> => frame.t === t)
  }

  say(frame: Frame | Uint8Array): void {
    try {
      this.#stream?.send(framed(frame instanceof Uint8Array ? frame : encodeFrame(frame)))
    } catch {
      // It was cut off meanwhile.
    }
  }

  send(operations: readonly RawOperation[], space: SpaceId = commonsSpace): void {
    this.say({ t: 'ops', space, ops: operations.map(({ envelope, signature, body }) => [envelope, signature, body]) })
  }

  /** Says it to everybody, as it is. False: nobody was there to hear it. */
  gossip(topic: string, data: Uint8Array): boolean {
    return this.#rogue?.gossip(topic, data) ?? false
  }

  /** Asks over a stream of its own, beside the one that replicates. */
  async request(node: TestNode, protocol: string, question: Uint8Array): Promise<Uint8Array> {
    const stream = await this.#rogue?.stream(placesOf(node)[0] as string, protocol)
    assert.ok(stream !== undefined, 'nobody is connected')
    const answer = Promise.withResolvers<Uint8Array>()
    const reader = new FrameReader(1_048_576)
    stream.addEventListener('message', ({ data }) => reader.read(data.subarray(), (bytes) => answer.resolve(bytes)))
    stream.addEventListener('close', () => answer.reject(new Error('the node hung up')))
    stream.send(framed(question))
    return answer.promise
  }

  async hangUp(): Promise<void> {
    await this.#rogue?.[Symbol.asyncDispose]()
    this.#rogue = undefined
  }
}

/** Well made, of somebody who may say nothing here. `keep`: the next one bears the same number. */
export const said = (node: TestNode, signer: TestSigner, weight: number, keep = false): RawOperation =>
  raw(
    signer.sign({
      space: commonsSpace,
      genesis: node.network,
      kind: 'trust.edge.set',
      body: { subject: node.at.did, graph: 'technical', weight, expires_at: Date.now() + 90 * dayMs },
      at: [Date.now(), 0],
      keep,
    }),
  )
