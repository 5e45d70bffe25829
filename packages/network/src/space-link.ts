import {
  type Clock,
  equalBytes,
  type Frame,
  type FrameOf,
  keyOfDid,
  type Did,
  type OperationId,
  type SpaceId,
  vectorBucketOf,
  type Vectors,
  vectorSumBytes,
  wantIdsMax,
} from '@icn/protocol'
import { Claims } from './intake.ts'
import type { News } from './news.ts'
import type { ReplicatorOptions, ReplicatorParts } from './ports.ts'
import { allBuckets, Sending, vectorFrames } from './sending.ts'
import type { Timers } from './timers.ts'
import type { Flow } from './under-way.ts'

/** A parent that was asked for is asked for again after this long. */
const wantAgainMs = 30_000
/** Quiet after the last operation of a batch before the other side is told what is here. */
const settledMs = 1_000

export interface SpaceLinkParts {
  readonly space: SpaceId
  readonly peer: Did
  readonly parts: ReplicatorParts
  readonly options: ReplicatorOptions
  readonly timers: Timers
  readonly flow: Flow
  /** What the peer has last told of the space, if it has before. */
  readonly theirs: Uint8Array | undefined
  send(frame: Frame): void
  /** The number of a question about single operations; undefined: too many are open. */
  ask(space: SpaceId, ids: readonly OperationId[]): number | undefined
}

/** One space that is shared with one peer: what each has, what the other lacks, and who is told when (network page §6). */
export class SpaceLink {
  readonly sending: Sending
  readonly #claims: Claims
  readonly #parts: SpaceLinkParts
  readonly #ownKey: Uint8Array
  readonly #ownBucket: number
  /** Digest that the peer was last told with its buckets, and the one that it has last told. */
  #told: Uint8Array | undefined
  #theirs: Uint8Array | undefined
  /** The peer's clock when it told that. */
  #theirsAt: Clock | undefined
  /** Parents asked for, and when. */
  readonly #wanted = new Map<OperationId, number>()
  /** Cancel what is told when a batch has settled, what is told in any case, and what is told while something is left to others. */
  #settled: () => void = () => {}
  #regular: () => void = () => {}
  #looked: () => void = () => {}
  #isSettling = false
  /** Since when the peer is known to have more than is here [ms]. Nothing is known before the first comparison. */
  #behindSince: number | undefined
  /** How far making both equal is: the peer has told nothing yet, both are equal, or one lacks something. */
  #syncing: 'unknown' | 'equal' | 'unequal' = 'unknown'
  /** Did the last comparison find something that is not here? */
  #isLacking = false

  constructor(parts: SpaceLinkParts) {
    this.#parts = parts
    this.sending = new Sending(parts.flow)
    this.#theirs = parts.theirs
    this.#ownKey = keyOfDid(parts.parts.node)
    this.#ownBucket = vectorBucketOf(parts.parts.node)
    this.#behindSince = parts.parts.timing.now()
    this.#claims = new Claims(parts.parts.timing.now())
    this.tell()
    // What the peer holds may have been told before it was shared here, and whoever holds the same answers nothing.
    this.seeEqual()
  }

  /** Since when the peer has more than is here; null: it has not. */
  get behindSince(): number | null {
    return this.#behindSince ?? null
  }

  get vectors(): Vectors | undefined {
    return this.#parts.parts.journal.vectors(this.#parts.space)
  }

  /** The space is no longer shared, or the stream has ended. Answers what is known of what the peer has. */
  end(): Sending {
    this.#settled()
    this.#regular()
    this.#looked()
    if (this.#syncing === 'unequal') this.#parts.parts.traffic?.synced('broken')
    return this.sending
  }

  /** Everything up to now is here, and this is what it adds up to. */
  tell(): void {
    const { space, parts, options, timers } = this.#parts
    const info = parts.journal.info(space)
    const { vectors } = this
    if (info === undefined || vectors === undefined) return
    const isNews = this.#told === undefined || !equalBytes(this.#told, info.setDigest)
    this.#told = info.setDigest
    this.#parts.send({
      t: 'have',
      space,
      at: [...parts.journal.clock.last],
      count: Object.entries(info.operations).reduce((sum, [status, count]) => (status === 'held' ? sum : sum + count), 0),
      ...(isNews ? { digest: info.setDigest, buckets: vectors.buckets() } : {}),
    })
    this.#settled()
    this.#regular()
    this.#looked()
    this.#regular = timers.after(options.haveIntervalMs + Math.floor((parts.timing.chance() - 0.5) * (options.haveIntervalMs / 3)), () => this.tell())
    const { spared } = this.sending
    if (spared.isAnyLeft)
      this.#looked = timers.after(settledMs, () => {
        if (spared.isAnyLeft) this.tell()
      })
  }

  /** These are new here. */
  committed(operations: readonly News[]): void {
    const { timers, parts } = this.#parts
    const now = parts.timing.now()
    for (const news of operations) this.sending.offer(news, now)
    this.seeEqual()
    // What is left to others has to be looked after although there is always more.
    if (this.#isSettling && this.sending.spared.isAnyLeft) return
    this.#settled()
    this.#isSettling = true
    this.#settled = timers.after(settledMs, () => this.tell())
  }

  /** The peer has told what it has. Without `buckets`: what it told before. */
  compare(at: Clock, digest: Uint8Array | undefined, buckets: Uint8Array | undefined): void {
    this.#theirs = digest
    this.#theirsAt = at
    const { vectors } = this
    if (vectors === undefined) return
    if (this.seeEqual()) {
      this.#parts.parts.covered?.(this.#parts.peer, this.#parts.space)
      return
    }
    this.#parts.parts.heldAt?.(this.#parts.peer, this.#parts.space, at, false)
    this.#syncing = 'unequal'
    if (!this.#isLacking) this.#behindSince = undefined
    this.#isLacking = false
    // Nothing has changed there since it last said more; what it lacks is on its way, or was lost with a stream.
    if (buckets === undefined && this.sending.knowsPeer && !this.sending.isIdle) return
    const own = vectors.buckets()
    if (buckets !== undefined && isEqualAt(own, buckets, this.#ownBucket)) this.#tellOwn(vectors)
    const unequal = new Set([...allBuckets].filter((bucket) => buckets === undefined || !isEqualAt(own, buckets, bucket)))
    for (const frame of vectorFrames(this.#parts.space, vectors, unequal, true)) this.#parts.send(frame)
  }

  /** The peer has told its entries of some buckets. */
  learn(frame: FrameOf<'vector'>): void {
    const { space, peer, parts } = this.#parts
    const { vectors } = this
    if (vectors === undefined) return
    if (this.sending.learn(vectors, frame, parts.timing.now())) {
      this.#isLacking = true
      this.#behindSince ??= parts.timing.now()
    }
    if (frame.buckets.includes(this.#ownBucket)) {
      const own = frame.entries.find(([key]) => equalBytes(key, this.#ownKey))
      parts.ownKey?.heldBy(peer, space, own === undefined ? null : { seq: own[1], sum: own[3] })
    }
    this.want(
      this.#claims.overdue(
        frame.entries.map(([, , head]) => head),
        (id) => vectors.raw(id) !== undefined,
        parts.timing.now(),
      ),
    )
    if (frame.ask) for (const own of vectorFrames(space, vectors, new Set(frame.buckets), false)) this.#parts.send(own)
  }

  /** Operations have come from the peer. */
  heard(): void {
    this.#claims.heard(this.#parts.parts.timing.now())
  }

  /** Asks for what is not here, by name. */
  want(ids: readonly OperationId[]): void {
    const { space, parts } = this.#parts
    const now = parts.timing.now()
    const due = ids.filter((id) => (this.#wanted.get(id) ?? Number.NEGATIVE_INFINITY) + wantAgainMs <= now)
    for (const id of due) this.#wanted.set(id, now)
    for (const [id, at] of this.#wanted) if (at + wantAgainMs < now) this.#wanted.delete(id)
    for (let from = 0; from < due.length; from += wantIdsMax) {
      const asked = due.slice(from, from + wantIdsMax)
      const w = this.#parts.ask(space, asked)
      if (w !== undefined) this.#parts.send({ t: 'want', space, w, ids: asked })
    }
  }

  /** Whether what is here is what the peer has last told; if so, it lacks nothing and has nothing more. */
  seeEqual(): boolean {
    const { space, parts } = this.#parts
    const own = parts.journal.info(space)?.setDigest
    const { vectors } = this
    if (own === undefined || vectors === undefined || this.#theirs === undefined || !equalBytes(this.#theirs, own)) return false
    this.sending.equal(vectors)
    this.#behindSince = undefined
    if (this.#theirsAt !== undefined) parts.heldAt?.(this.#parts.peer, space, this.#theirsAt, true)
    if (this.#syncing !== 'equal') parts.traffic?.synced(this.#syncing === 'unknown' ? 'equal' : 'done')
    this.#syncing = 'equal'
    this.#tellOwn(vectors)
    return true
  }

  /** The peer has all that this node has signed, and nothing more of it. */
  #tellOwn(vectors: Vectors): void {
    const { space, peer, parts } = this.#parts
    if (parts.ownKey === undefined) return
    parts.ownKey.heldBy(peer, space, vectors.entries().find(({ signer }) => signer === parts.node) ?? null)
  }
}

function isEqualAt(some: Uint8Array, others: Uint8Array, bucket: number): boolean {
  const sumAt = (sums: Uint8Array): Uint8Array => sums.subarray(bucket * vectorSumBytes, (bucket + 1) * vectorSumBytes)
  return equalBytes(sumAt(some), sumAt(others))
}
