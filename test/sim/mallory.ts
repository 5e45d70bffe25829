import { decodeFrame, type Did, encodeFrame, type Frame, type FrameOf } from '@icn/protocol'
import { SimWire, TestSigner } from '@icn/testkit'
import type { ToyWorld } from './toy-world.ts'
import type { SimNode } from './world.ts'

/** Somebody who speaks the protocol by hand. */
export class Mallory {
  readonly key = new TestSigner(66)
  readonly heard: Frame[] = []
  closed: string | undefined
  readonly #wire: SimWire<Did>
  readonly #atVictim: SimWire<Did>
  readonly #world: ToyWorld
  #isTakingOne = false

  constructor(world: ToyWorld, victim: SimNode, seed = 66) {
    this.#world = world
    this.key = new TestSigner(seed)
    const [atVictim, own] = SimWire.pair(victim.did, this.key.did, world.time, { delay: () => 1 })
    this.#wire = own
    this.#atVictim = atVictim
    own.listen({
      frame: (bytes) => {
        this.heard.push(decodeFrame(bytes) as Frame)
        if (this.#isTakingOne) own.pause()
        this.#isTakingOne = false
      },
      drain: () => {},
      closed: (why) => {
        this.closed = why
      },
    })
    victim.running?.replicator.add(atVictim)
  }

  get did(): Did {
    return this.key.did
  }

  say(frame: Frame | Uint8Array): void {
    this.#wire.send(frame instanceof Uint8Array ? frame : encodeFrame(frame))
  }

  async greet(more: Partial<FrameOf<'hello'>> = {}): Promise<void> {
    this.say({
      t: 'hello',
      v: 1,
      network_id: this.#world.genesis.id,
      rules: [['0-toy', new Uint8Array(32)]],
      node: this.did,
      instance: new Uint8Array(16),
      release: 'x',
      caps: [],
      at: [0, 0],
      wall: 0,
      ...more,
    })
    await this.#world.time.pass(100)
  }

  /** So many bytes of a long frame are there, and the rest is still on its way. */
  sayPart(bytes: number): void {
    this.#wire.sendPart(bytes)
  }

  /** Takes nothing from now on. */
  stopReading(): void {
    this.#wire.pause()
  }

  /** Takes the one frame that comes next. */
  readOne(): void {
    this.#isTakingOne = true
    this.#wire.resume()
  }

  /** Bytes that the victim holds for it. */
  get held(): number {
    return this.#atVictim.waitingBytes
  }

  /** Bytes that the victim has not read. */
  get unread(): number {
    return this.#wire.waitingBytes
  }

  of<T extends Frame['t']>(t: T): FrameOf<T>[] {
    return this.heard.filter((frame): frame is FrameOf<T> => frame.t === t)
  }
}
