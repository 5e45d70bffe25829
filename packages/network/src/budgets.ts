import { type Did, minuteMs, type PeerClass, secondMs, type ThrottleReason } from '@icn/protocol'

/** How much a peer may send without being asked (network page §4). */

export interface Budget {
  /** Operations and their bytes a second; undefined: bounded by credit alone. */
  readonly operations: number | undefined
  readonly bytes: number | undefined
  /** Frames a second, and at once. */
  readonly frames: number
  readonly framesBurst: number
  /** Bytes of messages about cuts, a minute and at once. */
  readonly snapBytes: number
}

const kib = 1_024
/** Larger: whoever floods keeps the hosts of a space busy with checking signatures; smaller: the markers of many hosts, which one peer passes on, wait for each other. */
const snapBytesMax = 8_192 * kib
const budget = (operations: number | undefined, bytes: number | undefined, frames: number): Budget => ({
  operations,
  bytes,
  frames,
  framesBurst: 2 * frames,
  snapBytes: frames === 0 ? 0 : snapBytesMax,
})

export const budgets: Readonly<Record<PeerClass, Budget>> = {
  cohost: budget(undefined, undefined, 200),
  allowed: budget(500, 4_096 * kib, 100),
  federated: budget(500, 4_096 * kib, 200),
  partner: budget(200, 1_024 * kib, 100),
  known: budget(50, 512 * kib, 50),
  guest: budget(10, 128 * kib, 10),
  banned: budget(0, 0, 0),
}

/** Of operations and bytes so many seconds' worth may come at once. */
const burstSecs = 2
/** DIDs whose buckets are remembered; larger: memory for strangers, smaller: whoever comes back finds its bucket full. */
const bucketsMax = 10_000
/** Reading pauses at least and at most so long [ms]. */
const pauseMsMin = 10
const pauseMsMax = 10_000

/** What is left to somebody, growing with time up to a capacity. It may fall below nothing by the one thing that was larger than what was left. */
export class TokenBucket {
  #fill: number
  #at: number

  constructor(capacity: number, now: number) {
    this.#fill = capacity
    this.#at = now
  }

  /** Brings it up to now. The fill stays when rate and capacity change, but for what no longer fits. */
  settle(rate: number, capacity: number, now: number): number {
    this.#fill = Math.min(capacity, this.#fill + (rate * Math.max(0, now - this.#at)) / secondMs)
    this.#at = now
    return this.#fill
  }

  /** Takes it, down into debt. */
  take(amount: number): void {
    this.#fill -= amount
  }
}

export interface BudgetsParts {
  /** Monotonic or wall clock [ms]. */
  now(): number
  classOf(peer: Did): PeerClass
  /** Has it gathered so many points that it gets half? */
  isHalved(peer: Did): boolean
  /** Is it a co-host that nothing but vectors and what was asked for is taken from? */
  isThrottled(peer: Did): boolean
  /** Something had to wait. */
  throttled(peer: Did, reason: ThrottleReason): void
  /** It has been over its budget within this second. */
  exceeded(peer: Did): void
}

/** Of operations and their bytes. */
interface Pair {
  readonly operations: TokenBucket
  readonly bytes: TokenBucket
}

interface Buckets extends Pair {
  /** What comes by gossip has a budget beside the stream's, because the same operations come both ways. */
  readonly gossip: Pair
  readonly frames: TokenBucket
  readonly snaps: TokenBucket
  exceededAt: number
}

/** By proven DID, so that whoever hangs up and comes back finds what it left. */
export class Budgets {
  readonly #parts: BudgetsParts
  /** The last used one last. Bound: `bucketsMax`. */
  readonly #buckets = new Map<Did, Buckets>()

  constructor(parts: BudgetsParts) {
    this.#parts = parts
  }

  /** A frame that nobody asked for: how long nothing more is read from this peer [ms]. */
  frame(peer: Did, bytes: number): number {
    const { rates, buckets, now } = this.#of(peer)
    buckets.frames.take(1)
    const waits: [number, ThrottleReason][] = [[waitMs(buckets.frames.settle(rates.frames, rates.framesBurst, now), rates.frames), 'frames']]
    if (rates.bytes !== undefined) {
      buckets.bytes.take(bytes)
      waits.push([waitMs(buckets.bytes.settle(rates.bytes, burstSecs * rates.bytes, now), rates.bytes), 'bytes'])
    }
    const [ms, reason] = waits.reduce((longest, wait) => (wait[0] > longest[0] ? wait : longest))
    if (ms > 0) this.#over(peer, buckets, reason, now)
    return ms
  }

  /** How many of the operations of one frame, from the front, are taken now. The rest is not lost: vectors bring it. */
  operations(peer: Did, sizes: readonly number[]): { readonly taken: number; readonly pauseMs: number } {
    const { rates, buckets, now } = this.#of(peer)
    if (this.#parts.isThrottled(peer)) {
      this.#parts.throttled(peer, 'points')
      return { taken: 0, pauseMs: 0 }
    }
    const taken = takenOf(buckets, rates, sizes, now)
    if (taken === sizes.length && rates.operations === undefined) return { taken, pauseMs: 0 }
    if (taken < sizes.length) this.#over(peer, buckets, 'operations', now)
    return { taken, pauseMs: this.frame(peer, 0) }
  }

  /** How many operations of one message that came by gossip are taken, from the front. Nobody is charged: whoever passes on what others say is no flooder. */
  gossip(peer: Did, sizes: readonly number[]): number {
    const { rates, buckets, now } = this.#of(peer)
    const isThrottled = this.#parts.isThrottled(peer)
    const taken = isThrottled ? 0 : takenOf(buckets.gossip, rates, sizes, now)
    if (taken < sizes.length) this.#parts.throttled(peer, isThrottled ? 'points' : 'operations')
    return taken
  }

  /** A message about a cut: how long nothing more is read from this peer [ms]. Nobody is charged: whoever passes on what others say is no flooder. */
  snap(peer: Did, bytes: number): number {
    const { rates, buckets, now } = this.#of(peer)
    const rate = rates.snapBytes / (minuteMs / secondMs)
    buckets.snaps.settle(rate, rates.snapBytes, now)
    buckets.snaps.take(bytes)
    const ms = waitMs(buckets.snaps.settle(rate, rates.snapBytes, now), rate)
    if (ms > 0) this.#parts.throttled(peer, 'bytes')
    return ms
  }

  #of(peer: Did): { readonly rates: Budget; readonly buckets: Buckets; readonly now: number } {
    const now = this.#parts.now()
    const whole = budgets[this.#parts.classOf(peer)]
    const rates = this.#parts.isHalved(peer) ? halved(whole) : whole
    const known = this.#buckets.get(peer)
    this.#buckets.delete(peer)
    const buckets = known ?? {
      operations: new TokenBucket(burstSecs * (rates.operations ?? 0), now),
      bytes: new TokenBucket(burstSecs * (rates.bytes ?? 0), now),
      frames: new TokenBucket(rates.framesBurst, now),
      snaps: new TokenBucket(rates.snapBytes, now),
      gossip: { operations: new TokenBucket(burstSecs * (rates.operations ?? 0), now), bytes: new TokenBucket(burstSecs * (rates.bytes ?? 0), now) },
      exceededAt: Number.NEGATIVE_INFINITY,
    }
    if (this.#buckets.size >= bucketsMax) this.#buckets.delete(this.#buckets.keys().next().value as Did)
    this.#buckets.set(peer, buckets)
    buckets.frames.settle(rates.frames, rates.framesBurst, now)
    for (const pair of [buckets, buckets.gossip]) settlePair(pair, rates, now)
    return { rates, buckets, now }
  }

  #over(peer: Did, buckets: Buckets, reason: ThrottleReason, now: number): void {
    this.#parts.throttled(peer, reason)
    if (now - buckets.exceededAt < secondMs) return
    buckets.exceededAt = now
    this.#parts.exceeded(peer)
  }
}

function settlePair({ operations, bytes }: Pair, rates: Budget, now: number): { readonly operations: number; readonly bytes: number } {
  const settle = (bucket: TokenBucket, rate: number | undefined): number => (rate === undefined ? Number.POSITIVE_INFINITY : bucket.settle(rate, burstSecs * rate, now))
  return { operations: settle(operations, rates.operations), bytes: settle(bytes, rates.bytes) }
}

/** How many of these, from the front, there is something left for; they are taken. */
function takenOf(pair: Pair, rates: Budget, sizes: readonly number[], now: number): number {
  if (rates.operations === undefined || rates.bytes === undefined) return sizes.length
  let taken = 0
  for (const size of sizes) {
    const left = settlePair(pair, rates, now)
    if (left.operations < 1 || left.bytes <= 0) break
    pair.operations.take(1)
    pair.bytes.take(size)
    taken++
  }
  return taken
}

const half = (rate: number | undefined): number | undefined => (rate === undefined ? undefined : rate / 2)

const halved = ({ operations, bytes, frames, framesBurst, snapBytes }: Budget): Budget => ({
  operations: half(operations),
  bytes: half(bytes),
  frames: frames / 2,
  framesBurst: framesBurst / 2,
  snapBytes: snapBytes / 2,
})

/** Until a bucket in debt holds something again. */
function waitMs(fill: number, rate: number): number {
  if (fill >= 0) return 0
  return rate === 0 ? pauseMsMax : Math.min(pauseMsMax, Math.max(pauseMsMin, Math.ceil((-fill / rate) * secondMs)))
}
