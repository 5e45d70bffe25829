import {
  type Did,
  type EvidenceName,
  type Frame,
  type FrameOf,
  type IngestResult,
  operationIdOf,
  type OperationId,
  rawBytes,
  type RawOperation,
  type SpaceId,
  type Vectors,
} from '@icn/protocol'
import type { Pages } from './pages.ts'
import type { BudgetPort, ReplicatorParts, Timing, TrafficPort } from './ports.ts'
import { allBuckets, bytesOf, operationRoom, type Sending } from './sending.ts'
import type { Timers } from './timers.ts'

/** What one peer sends beyond what it was asked for, and whether it has what it says (network page §4 and §6). */

/** Questions about single operations that may be open. Larger: memory for a peer that answers nothing; smaller: holes take more rounds. */
const openMax = 64
/** An answer to a question has to come within this [ms]. */
export const wantMs = 30_000
/** Of a frame that is on its way so much has to come within that time, or its sender is silent. Larger: a line over which a frame takes hours is blamed; smaller: whoever trickles is waited for. */
const progressBytes = 4_096
/** Unanswered questions that are nobody's fault: the first may have met a stream that broke. */
const unmetFree = 1
/** Heads that a peer claims to hold which are watched. Larger: memory for liars; smaller: a lie is found later. */
const claimsMax = 256
/** Operations that may come again beyond as many as were new. Larger: more work for repetition; smaller: a sync that was begun twice is slowed. */
const againFree = 4_096

export class Intake {
  readonly #peer: Did
  readonly #budgets: BudgetPort | undefined
  readonly #traffic: TrafficPort | undefined
  readonly #timers: Timers
  readonly #timing: Pick<Timing, 'now'>
  readonly #report: (kind: EvidenceName, detail: string) => void
  /** Questions that wait for their answer. Bound: `openMax`. */
  readonly #open = new Map<number, { readonly space: SpaceId; readonly ids: Set<OperationId>; late: () => void }>()
  #wants = 0
  #unmet = 0
  /** Operations that were asked for by vectors: new here, and here already. */
  #fresh = 0
  #again = 0
  /** Buckets of spaces of which the peer was told or asked, each to be answered once. */
  readonly #asked = new Map<SpaceId, Set<number>>()
  /** Spaces of which the peer was asked for everything, when there was nothing here, and of which it has not yet told what it holds. */
  readonly #new = new Set<SpaceId>()
  /** When operations came last [ms]. */
  #heardAt = Number.NEGATIVE_INFINITY
  /** Until when something has kept the peer from answering [ms]: no credit was left to it, nothing was read from it, or a long frame was on its way. */
  #hinderedUntil = Number.NEGATIVE_INFINITY
  /** Bytes of frames that were not whole yet, and since when they are counted [ms]. */
  #part = { since: Number.NEGATIVE_INFINITY, bytes: 0 }
  /** Bytes of operations that the peer may still send. */
  #room: number
  #granted: number
  /** Frames with operations that the peer has not yet answered with credit. */
  #creditsDue = 0

  constructor(
    peer: Did,
    { budgets, timing, traffic }: Pick<ReplicatorParts, 'budgets' | 'timing' | 'traffic'>,
    creditBytes: number,
    timers: Timers,
    report: (kind: EvidenceName, detail: string) => void,
  ) {
    this.#peer = peer
    this.#budgets = budgets
    this.#traffic = traffic
    this.#timing = timing
    this.#room = creditBytes
    this.#granted = creditBytes
    this.#timers = timers
    this.#report = report
  }

  /** How long nothing more may be read after this frame [ms]. Answers to what was said here cost nothing; operations are counted one by one. */
  pauseAfter(frame: Frame, bytes: number, pages: Pick<Pages, 'isAnswer'>): number {
    if (this.#budgets === undefined || (frame.t === 'page' ? pages.isAnswer(frame) : this.#isAnswer(frame))) return 0
    return this.#budgets.frame(this.#peer, bytes)
  }

  /** Nothing is read from the peer for so long. */
  paused(ms: number): void {
    this.#hinderedUntil = Math.max(this.#hinderedUntil, this.#timing.now() + ms)
  }

  /** Part of a frame has come: what was asked for may be in it, or behind it. */
  arriving(bytes: number): void {
    const now = this.#timing.now()
    if (this.#part.since + wantMs <= now) this.#part = { since: now, bytes: 0 }
    this.#part.bytes += bytes
    if (this.#part.bytes < progressBytes) return
    this.#part = { since: now, bytes: 0 }
    this.paused(0)
  }

  /** What came with these. What somebody else has sent earlier may turn out malformed only now that its parents are here; it is not this peer's. */
  malformed(operations: readonly RawOperation[], found: IngestResult['malformed']): void {
    if (found.length === 0) return
    const sent = new Set(operations.map(({ envelope }) => operationIdOf(envelope)))
    for (const { id, reason } of found) if (id === undefined || sent.has(id)) this.#report(reason === 'signature' ? 'bad_signature' : 'malformed_operation', reason)
  }

  /** What is sent may be answered, and answers cost nothing. */
  sent(frame: Frame): void {
    if (frame.t === 'ops') this.#creditsDue++
    else if (frame.t === 'credit') this.#grant(frame.bytes)
    else if (frame.t === 'have') this.#asked.set(frame.space, new Set(allBuckets))
    else if (frame.t === 'vector' && frame.ask) this.#asked.set(frame.space, new Set([...(this.#asked.get(frame.space) ?? []), ...frame.buckets]))
  }

  #grant(bytes: number): void {
    if (this.#room < operationRoom) this.paused(0)
    this.#room += bytes - this.#granted
    this.#granted = bytes
  }

  /** Everything of a space was asked for. */
  askedAll(space: SpaceId): void {
    this.#new.add(space)
  }

  /** The peer has told what it holds. */
  told(space: SpaceId): void {
    this.#new.delete(space)
  }

  /** The space is no longer shared: nothing of it is waited for. */
  forget(space: SpaceId): void {
    this.#asked.delete(space)
    this.#new.delete(space)
    for (const [w, open] of this.#open) if (open.space === space) this.#settle(w)
  }

  #isAnswer(frame: Frame): boolean {
    if (frame.t === 'none') return this.#open.has(frame.w)
    // Operations of one frame count together with their number, once it is known which of them were asked for.
    if (frame.t === 'ops') return true
    if (frame.t === 'vector') {
      const asked = this.#asked.get(frame.space)
      return frame.buckets.length > 0 && frame.buckets.every((bucket) => asked?.delete(bucket) === true)
    }
    if (frame.t !== 'credit' || this.#creditsDue === 0) return false
    this.#creditsDue--
    return true
  }

  /**
   * What is taken of these operations: everything that was asked for, by name or by vectors, and of the rest what the budget allows. Also how long nothing
   * more may be read.
   */
  take(
    { space, w }: FrameOf<'ops'>,
    operations: readonly RawOperation[],
    shared: { readonly sending: Sending; readonly vectors: Vectors | undefined } | undefined,
  ): { readonly taken: readonly RawOperation[]; readonly pauseMs: number } {
    this.#heardAt = this.#timing.now()
    const bytes = bytesOf(operations)
    this.#room -= bytes
    this.#traffic?.received(operations.length, bytes)
    const isMet = w !== undefined && this.#met(space, w, operations)
    if (this.#budgets === undefined || isMet || this.#new.has(space)) return { taken: operations, pauseMs: 0 }
    const isAsked = (raw: RawOperation): boolean => shared?.sending.claims(raw) === true && this.#isWelcome(shared.vectors?.raw(operationIdOf(raw.envelope)) !== undefined)
    const pushed = operations.filter((raw) => !isAsked(raw))
    if (pushed.length === 0) return { taken: operations, pauseMs: 0 }
    const { taken, pauseMs } = this.#budgets.operations(this.#peer, pushed.map(rawBytes))
    const left = new Set(pushed.slice(taken))
    return { taken: operations.filter((raw) => !left.has(raw)), pauseMs }
  }

  /** What two exchanges of vectors ask for may come twice; whoever sends only what is here already sends what nobody asked for. */
  #isWelcome(isHere: boolean): boolean {
    if (!isHere) this.#fresh++
    else if (this.#again >= this.#fresh + againFree) return false
    else this.#again++
    return true
  }

  /** Notes a question and gives its number; undefined: too many are open. */
  ask(space: SpaceId, ids: readonly OperationId[]): number | undefined {
    if (this.#open.size >= openMax) return undefined
    const w = this.#wants++
    this.#open.set(w, { space, ids: new Set(ids), late: this.#timers.after(wantMs, () => this.#late(w)) })
    return w
  }

  /** The peer has not got what it was asked for. What is final or forgotten need not be there. */
  none({ w, why }: FrameOf<'none'>): void {
    if (why === 'unknown') this.#miss(w)
    else this.#settle(w)
  }

  #met(space: SpaceId, w: number, operations: readonly RawOperation[]): boolean {
    const open = this.#open.get(w)
    if (open?.space !== space) return false
    const isMet = operations.every(({ envelope }) => open.ids.delete(operationIdOf(envelope)))
    if (open.ids.size === 0) this.#settle(w)
    return isMet
  }

  /** Whoever is busy sending is slow and no liar; whoever could not answer has as long again. */
  #late(w: number): void {
    const now = this.#timing.now()
    const hinderedUntil = this.#room < operationRoom ? now : this.#hinderedUntil
    const open = this.#open.get(w)
    if (open !== undefined && hinderedUntil + wantMs > now) open.late = this.#timers.after(hinderedUntil + wantMs - now, () => this.#late(w))
    else if (this.#heardAt + wantMs > now) this.#settle(w)
    else this.#miss(w)
  }

  #miss(w: number): void {
    if (!this.#settle(w)) return
    if (++this.#unmet > unmetFree) this.#report('want_unmet', 'it has not got what it said it had')
  }

  #settle(w: number): boolean {
    this.#open.get(w)?.late()
    return this.#open.delete(w)
  }
}

/** Heads that a peer says it holds and that have not come. */
export class Claims {
  readonly #since = new Map<OperationId, number>()
  /** When operations of this space came from the peer last, or it was first heard [ms]. */
  #heardAt: number

  constructor(now: number) {
    this.#heardAt = now
  }

  heard(now: number): void {
    this.#heardAt = now
  }

  /** Of what the peer claims again and has been silent about since: what to ask for by name. */
  overdue(heads: readonly OperationId[], has: (id: OperationId) => boolean, now: number): readonly OperationId[] {
    for (const id of this.#since.keys()) if (has(id)) this.#since.delete(id)
    const lacking = heads.filter((id) => !has(id))
    for (const id of lacking) if (!this.#since.has(id) && this.#since.size < claimsMax) this.#since.set(id, now)
    if (this.#heardAt + wantMs > now) return []
    return lacking.filter((id) => (this.#since.get(id) ?? now) + wantMs <= now)
  }
}
