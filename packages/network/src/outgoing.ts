import { type Did, encodeFrame, type Frame, type FrameOf, type SpaceId } from '@icn/protocol'
import type { Intake } from './intake.ts'
import type { TrafficPort } from './ports.ts'
import type { SpaceLink } from './space-link.ts'
import type { Timers } from './timers.ts'
import type { Flow } from './under-way.ts'
import type { Wire } from './wire.ts'

/** What leaves towards one peer: as much as its wire takes and its credit allows (network page §6). */

/** A peer that takes nothing for so long is left. */
const stalledMs = 60_000
/** Bytes of messages about cuts that wait for a wire; the oldest go, and are said again. Larger: memory for a peer that takes nothing; smaller: a slow one hears only the last hosts. */
const waitingSnapBytesMax = 1_048_576

export interface OutgoingParts {
  readonly wire: Wire
  readonly timers: Timers
  readonly intake: Intake
  /** Bytes of operations that may be sent before the peer has said anything. */
  readonly creditBytes: number
  /** The peer has taken nothing for a minute. */
  stalled(): void
  /** May the peer be told of the space now? */
  isShared(space: SpaceId): boolean
  readonly traffic: TrafficPort | undefined
}

export class Outgoing implements Flow {
  readonly #parts: OutgoingParts
  /** Bytes of operations: what may have been sent, and has. */
  #allowed: number
  sent = 0
  /** Frames with operations of others that the peer has not folded yet. Bound: what credit lets be under way. */
  readonly #relayed: { readonly space: SpaceId; readonly via: Did; readonly end: number; readonly count: number }[] = []
  /** Messages about cuts for which the wire had no room. Bound: `waitingSnapBytesMax`. */
  readonly #snaps: FrameOf<'snap'>[] = []
  #snapBytes = 0
  #isOutOfCredit = false
  #cancelStalled: () => void = () => {}
  /** The wire has had enough, until it says otherwise. Whoever asks meanwhile gets no answer; all that matters is told again. */
  isFull = false

  constructor(parts: OutgoingParts) {
    this.#parts = parts
    this.#allowed = parts.creditBytes
  }

  /** Bytes of operations that the peer has folded: it grants no sooner what it gave at the beginning. */
  get folded(): number {
    return this.#allowed - this.#parts.creditBytes
  }

  /** The peer has folded a frame more, and may have known some of it. */
  allow({ bytes, known = 0 }: FrameOf<'credit'>, shared: ReadonlyMap<SpaceId, SpaceLink>): void {
    this.#allowed = Math.max(this.#allowed, bytes)
    for (let first = this.#relayed[0]; first !== undefined && first.end <= this.folded; first = this.#relayed[0]) {
      this.#relayed.shift()
      if (first.end === this.folded) shared.get(first.space)?.sending.spared.answered(first.via, known < first.count)
    }
  }

  send(frame: Frame): boolean {
    const { wire, intake } = this.#parts
    intake.sent(frame)
    const isTaken = wire.send(encodeFrame(frame))
    if (!isTaken && !this.isFull) this.#watch()
    this.isFull ||= !isTaken
    return isTaken
  }

  /** Before any operation that has not left yet. */
  sendSnap(frame: FrameOf<'snap'>): void {
    if (!this.isFull) {
      this.send(frame)
      return
    }
    this.#snaps.push(frame)
    this.#snapBytes += frame.message.length
    while (this.#snapBytes > waitingSnapBytesMax) {
      this.#snapBytes -= this.#snaps.shift()?.message.length ?? 0
      this.#parts.traffic?.snap('no_room')
    }
  }

  /** Of spaces that are still shared. */
  #sendSnaps(): void {
    while (!this.isFull) {
      const frame = this.#snaps.shift()
      if (frame === undefined) return
      this.#snapBytes -= frame.message.length
      if (this.#parts.isShared(frame.space)) this.send(frame)
    }
  }

  /** A peer that takes little takes something: whoever has a slow line is not left. */
  #watch(): void {
    const { wire, timers } = this.#parts
    const before = wire.waitingBytes
    this.#cancelStalled = timers.after(stalledMs, () => {
      if (wire.waitingBytes < before) this.#watch()
      else this.#parts.stalled()
    })
  }

  /** The wire has room again. */
  drained(): void {
    this.isFull = false
    this.#cancelStalled()
  }

  /** Sends what there is to send, messages about cuts first and then in turn between the spaces, as long as wire and credit have room. */
  pump(shared: Iterable<readonly [SpaceId, Pick<SpaceLink, 'vectors' | 'sending'>]>): void {
    this.#sendSnaps()
    let isAnythingLeft = !this.isFull
    while (isAnythingLeft) {
      isAnythingLeft = false
      for (const [space, { vectors, sending }] of shared) {
        const next = vectors === undefined ? undefined : sending.next(space, vectors, this.#allowed - this.sent)
        this.#noteCredit(next === undefined && !sending.isIdle)
        if (next === undefined) continue
        this.sent += next.bytes
        if (next.via !== undefined) this.#relayed.push({ space, via: next.via, end: this.sent, count: next.frame.ops.length })
        this.#parts.traffic?.sent(next.frame.ops.length, next.bytes)
        isAnythingLeft = true
        if (!this.send(next.frame)) return
      }
    }
  }

  /** One wait is counted once, however often it is looked at. */
  #noteCredit(isOut: boolean): void {
    if (isOut && !this.#isOutOfCredit) this.#parts.traffic?.creditWait()
    this.#isOutOfCredit = isOut
  }
}
