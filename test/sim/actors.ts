import {
  commonsSpace,
  decodeFrame,
  type Did,
  encodeFrame,
  type EvidenceName,
  type Frame,
  type FrameOf,
  type OperationId,
  type SignedOperation,
  type SpaceId,
  vectorBuckets,
} from '@icn/protocol'
import { raw, type SimWire, TestSigner } from '@icn/testkit'
import { type CoopWorld, food } from './coop-world.ts'
import { nodeSeed, type SimNode } from './world.ts'

/** Hosts whose keys are in wrong hands: each speaks the protocol well enough to be let in, and then does one sort of harm. */

type Way = SimWire<Did>

/** What an actor does about every second on every way, besides keeping up appearances. */
interface Manner {
  harm(actor: Actor, way: Way): void
  /** Instead of what an honest node would do with a frame. True: nothing more. */
  heard?(actor: Actor, way: Way, frame: Frame): boolean
}

const tickMs = 1_000
/** Frames kept to be sent again. */
const keptMax = 200

export class Actor {
  readonly world: CoopWorld
  readonly key: TestSigner
  readonly kept: Uint8Array[] = []
  /** From now on it only keeps up appearances. */
  isQuiet = false
  readonly #manner: Manner
  readonly #ways = new Set<Way>()
  #spoken = 0

  /** Takes the place of an honest host. */
  constructor(world: CoopWorld, index: number, manner: Manner) {
    this.world = world
    this.#manner = manner
    this.key = new TestSigner(nodeSeed(index))
    const node = world.nodes[index] as SimNode
    const own = node.running?.journal
      .vectors(food)
      ?.entries()
      .find(({ signer }) => signer === this.key.did)
    if (own !== undefined) Object.assign(this.key, { seq: own.seq + 1, prev: own.head })
    node.crash()
    world.hostile.add(this.key.did)
    world.network.add(this.key.did, (way) => this.#meet(way))
    this.#tick()
  }

  say(way: Way, frame: Frame | Uint8Array): void {
    way.send(frame instanceof Uint8Array ? frame : encodeFrame(frame))
  }

  /** The next operation of its own chain: lawful in form, and nothing that a host may decide. */
  next(parts: { readonly at?: number; readonly keep?: boolean; readonly author?: Did; readonly seen?: readonly OperationId[] } = {}): SignedOperation {
    return this.key.sign({
      space: food,
      genesis: this.world.genesis as OperationId,
      kind: 'coop.member.profile',
      body: { name: `name ${this.#spoken++}` },
      at: [parts.at ?? this.world.time.now(), 0],
      ...(parts.keep === undefined ? {} : { keep: parts.keep }),
      ...(parts.author === undefined ? {} : { author: parts.author }),
      ...(parts.seen === undefined ? {} : { seen: parts.seen }),
    })
  }

  give(way: Way, operations: readonly SignedOperation[], change: (op: FrameOf<'ops'>['ops'][number]) => FrameOf<'ops'>['ops'][number] = (op) => op): void {
    const ops = operations.map((operation) => {
      const { envelope, signature, body } = raw(operation)
      return change([envelope, signature, body])
    })
    this.say(way, { t: 'ops', space: food, ops })
  }

  #meet(way: Way): void {
    this.#ways.add(way)
    way.listen({ frame: (bytes) => this.#heard(way, bytes), drain: () => {}, closed: () => void this.#ways.delete(way) })
    const { world } = this
    this.say(way, {
      t: 'hello',
      v: 1,
      network_id: world.networkGenesis.id,
      rules: [[world.rulesVersion, new Uint8Array(32)]],
      node: this.key.did,
      instance: new Uint8Array(16),
      release: 'sim',
      caps: [],
      at: [world.time.now(), 0],
      wall: world.time.now(),
    })
  }

  #heard(way: Way, bytes: Uint8Array): void {
    const frame = decodeFrame(bytes)
    if (frame === undefined || this.#manner.heard?.(this, way, frame) === true) return
    if (frame.t === 'ops') {
      if (this.kept.length < keptMax) this.kept.push(bytes)
      this.say(way, { t: 'credit', bytes: Number.MAX_SAFE_INTEGER })
    }
    if (frame.t === 'hello') {
      const spaces = [
        { space: commonsSpace as SpaceId, genesis: this.world.networkGenesis.id },
        { space: food, genesis: this.world.genesis as OperationId },
      ]
      this.say(way, { t: 'offer', spaces })
    }
    // As if it had nothing, so that it is given everything.
    if (frame.t === 'have' && frame.space === food) this.say(way, { t: 'vector', space: food, buckets: [...Array(vectorBuckets).keys()], entries: [], ask: true })
  }

  #tick(): void {
    if (this.isQuiet) return
    for (const way of this.#ways) if (way.isOpen) this.#manner.harm(this, way)
    this.world.time.after(tickMs, () => this.#tick())
  }
}

const bytesOf = ({ world }: Actor, count: number): Uint8Array => Uint8Array.from({ length: count }, () => world.chance.below(256))
const pickSigner = ({ world }: Actor): Uint8Array => new TestSigner(nodeSeed(world.chance.below(world.nodes.length))).key.publicKey

export const manners = {
  /** Operations in other people's names. */
  forger: {
    harm(actor, way) {
      const author = actor.world.person('Ada').did
      actor.give(way, [actor.next({ keep: true })], ([envelope, , body]) => [envelope, bytesOf(actor, 64), body])
      actor.give(way, [actor.next({ author })])
    },
  },
  /** Another operation under the same number to everybody it meets. */
  forker: {
    harm(actor, way) {
      actor.give(way, [actor.next({ keep: actor.world.chance.chance(0.7) })])
    },
  },
  /** More than anybody has use for, much of it after what nobody has. */
  flooder: {
    harm(actor, way) {
      actor.give(
        way,
        Array.from({ length: 20 }, () => actor.next()),
      )
      const lost = actor.next({ keep: true }).id
      actor.give(
        way,
        Array.from({ length: 6 }, () => actor.next({ keep: true, seen: [lost] })),
      )
      actor.say(way, { t: 'want', space: food, w: actor.world.chance.below(1_000), ids: Array.from({ length: 50 }, () => lost) })
    },
  },
  /** Says that it was said long ago: in form, or before what it follows. */
  back_dater: {
    harm(actor, way) {
      const { chance, time } = actor.world
      actor.give(way, [actor.next({ at: time.now() - chance.below(300_000) })])
    },
  },
  far_future: {
    harm(actor, way) {
      actor.give(way, [actor.next({ at: actor.world.time.now() + 61_000 + actor.world.chance.below(86_400_000) })])
    },
  },
  /** Numbers, heads and sums that nobody has. */
  liar: {
    harm(actor, way) {
      const { chance, genesis, time } = actor.world
      const entries = Array.from({ length: 5 }, (): FrameOf<'vector'>['entries'][number] => [pickSigner(actor), chance.below(1_000_000), genesis as OperationId, bytesOf(actor, 8)])
      actor.say(way, { t: 'vector', space: food, buckets: [...Array(vectorBuckets).keys()], entries, ask: true })
      actor.say(way, { t: 'have', space: food, at: [time.now(), 0], count: chance.below(1_000_000), digest: bytesOf(actor, 32), buckets: bytesOf(actor, vectorBuckets * 8) })
    },
    heard: (_actor, _way, { t }) => t === 'have',
  },
  garbage: {
    harm(actor, way) {
      const { chance } = actor.world
      const known = actor.kept.length === 0 ? bytesOf(actor, 40) : chance.pick(actor.kept)
      actor.say(way, chance.chance(0.5) ? bytesOf(actor, 1 + chance.below(200)) : known.subarray(0, chance.below(known.length)))
    },
  },
  /** What was once said is said again and again. */
  replayer: {
    harm(actor, way) {
      for (let left = 3; left > 0 && actor.kept.length > 0; left--) actor.say(way, actor.world.chance.pick(actor.kept))
    },
  },
  /** Takes everything, passes nothing on, and makes no room for more. */
  withholder: {
    harm() {},
    heard(actor, way, frame) {
      if (frame.t === 'want') actor.say(way, { t: 'none', space: frame.space, w: frame.w, ids: frame.ids, why: 'unknown' })
      return frame.t === 'ops' || frame.t === 'want'
    },
  },
  /** Large nonsense without waiting for room. */
  overdrawn: {
    harm(actor, way) {
      const op: FrameOf<'ops'>['ops'][number] = [new Uint8Array(60_000).fill(1), new Uint8Array(64), null]
      for (let left = 0; left < 3; left++) actor.say(way, { t: 'ops', space: food, ops: Array.from({ length: 10 }, () => op) })
    },
  },
} as const satisfies Record<string, Manner>

export type MannerName = keyof typeof manners

/** What honest nodes have to find wrong with each; nothing where it only harms itself, or its harm cannot be told from bad luck. */
export const expectedReports: Readonly<Record<MannerName, readonly EvidenceName[]>> = {
  forger: ['bad_signature'],
  forker: [],
  flooder: [],
  back_dater: ['malformed_operation'],
  far_future: [],
  liar: [],
  garbage: ['frame_error'],
  replayer: [],
  withholder: [],
  overdrawn: ['malformed_operation', 'credit_exceeded'],
}
