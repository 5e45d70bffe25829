import { decodeSnapMessage, type Did, type FrameOf, minuteMs, secondMs, sha256, type SnapMessage, type SnapOutcome, type SpaceId, toHex, verifySnapMessage } from '@icn/protocol'
import { verifySignature } from '@icn/protocol/node'
import { TokenBucket } from './budgets.ts'
import type { Verify } from './evidence.ts'
import type { ReplicatorParts } from './ports.ts'

/** Messages about cuts: each is checked once, handed up once, and passed on once to every other peer of its space, so that hosts without a direct link take part (snapshot page §3). */

/** Digests of messages that were here. Larger: memory; smaller: an old message goes round again. */
const rememberedMax = 10_000
/** Bytes of one host's messages in one space, a minute, that are handed up and passed on. Larger: one hostile host fills everybody's budget for those that pass it on; smaller: large markers of several attempts wait. */
const hostBytesMax = 2_097_152
/** Hosts whose bytes are counted. Larger: memory; smaller: whoever was forgotten may say as much again. */
const hostsMax = 16_384

/** A link to a peer, as far as messages about cuts go over it. */
export interface SnapLink {
  readonly peer: Did
  /** May it be told of the space now? */
  isShared(space: SpaceId): boolean
  tellSnap(frame: FrameOf<'snap'>): void
}

type SnapsParts = Pick<ReplicatorParts, 'node' | 'network' | 'snaps' | 'budgets' | 'traffic' | 'timing' | 'report' | 'fault'>

export class Snaps {
  readonly #parts: SnapsParts
  readonly #links: () => Iterable<SnapLink>
  readonly #verify: Verify
  /** The oldest first. Bound: `rememberedMax`. */
  readonly #remembered = new Set<string>()
  /** Space and host → bytes that they may still say. Bound: `hostsMax`. */
  readonly #buckets = new Map<string, TokenBucket>()

  /** `links`: those there are now. `verify`: the strict check of signatures. */
  constructor(parts: SnapsParts, links: () => Iterable<SnapLink>, verify: Verify = verifySignature) {
    this.#parts = parts
    this.#links = links
    this.#verify = verify
  }

  /** Says it to every peer of the space. */
  tell(space: SpaceId, message: Uint8Array): void {
    this.#remember(digestOf(message))
    this.#send({ t: 'snap', space, message }, 'told')
  }

  /** A peer has sent it. For how long nothing more is read from there [ms]. */
  take(link: SnapLink, frame: FrameOf<'snap'>): number {
    this.#count('received')
    this.#count(this.#judge(link, frame))
    return this.#parts.budgets?.snap(link.peer, frame.message.length) ?? 0
  }

  #judge(link: SnapLink, frame: FrameOf<'snap'>): SnapOutcome {
    const { snaps, node } = this.#parts
    const { space, message: bytes } = frame
    if (snaps === undefined || !link.isShared(space)) return 'not_shared'
    const digest = digestOf(bytes)
    if (this.#remembered.has(digest)) return 'again'
    const message = decodeSnapMessage(bytes)
    if (message === undefined || message.space !== space || message.network_id !== this.#parts.network()) {
      this.#parts.report('frame_error', link.peer, 'not a message of this space')
      return 'malformed'
    }
    // An honest peer may know a host that is not yet one here. What this node has said itself comes back after a restart.
    if (message.from === node) return 'again'
    if (!snaps.maySpeak(space, message.from)) return 'not_a_host'
    const bucket = this.#bucketOf(message)
    if (bucket.settle(hostBytesMax / (minuteMs / secondMs), hostBytesMax, this.#parts.timing.now()) <= 0) return 'over_budget'
    if (!verifySnapMessage(message, this.#verify)) {
      this.#parts.report('bad_signature', link.peer, `a message about a cut of ${space}`)
      return 'bad_signature'
    }
    // Only now: whoever forges uses up nobody's budget, and makes nothing forgotten.
    bucket.take(bytes.length)
    this.#remember(digest)
    this.#send(frame, 'passed_on', [link.peer, message.from])
    return this.#hear(message, bytes)
  }

  #hear(message: SnapMessage, bytes: Uint8Array): SnapOutcome {
    const { snaps, node } = this.#parts
    if (message.to !== undefined && message.to !== node) return 'for_others'
    try {
      snaps?.heard(message.space, message, bytes)
    } catch (error) {
      this.#parts.fault('snapshot', error)
    }
    return 'heard'
  }

  #send(frame: FrameOf<'snap'>, outcome: SnapOutcome, except: readonly Did[] = []): void {
    for (const link of [...this.#links()]) {
      if (except.includes(link.peer) || !link.isShared(frame.space)) continue
      link.tellSnap(frame)
      this.#count(outcome)
    }
  }

  #remember(digest: string): void {
    if (this.#remembered.size >= rememberedMax) this.#remembered.delete(this.#remembered.keys().next().value as string)
    this.#remembered.add(digest)
  }

  #bucketOf({ space, from }: SnapMessage): TokenBucket {
    const name = `${space} ${from}`
    const bucket = this.#buckets.get(name) ?? new TokenBucket(hostBytesMax, this.#parts.timing.now())
    this.#buckets.delete(name)
    if (this.#buckets.size >= hostsMax) this.#buckets.delete(this.#buckets.keys().next().value as string)
    this.#buckets.set(name, bucket)
    return bucket
  }

  #count(outcome: SnapOutcome): void {
    this.#parts.traffic?.snap(outcome)
  }
}

const digestOf = (message: Uint8Array): string => toHex(sha256(message))
