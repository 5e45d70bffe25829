import type { Did } from '@icn/protocol'

/** How many bytes of operations were sent on a stream since it began, and how many of them the peer has folded. */
export interface Flow {
  readonly sent: number
  readonly folded: number
}

interface Stretch {
  first: number
  /** Last number of a frame, and what had been sent in all when it had left. Bound: frames that credit lets be under way. */
  readonly marks: { last: number; readonly end: number }[]
}

/**
 * Numbers of each signer that have left and that the peer cannot have counted yet when it told what it has: a vector that crosses operations on the way must
 * not have them sent again.
 */
export class UnderWay {
  readonly #flow: Flow
  /** Bound: signers of the operations that credit lets be under way, and those since the last look. */
  readonly #stretches = new Map<Did, Stretch>()

  constructor(flow: Flow) {
    this.#flow = flow
  }

  /** `end`: what has been sent in all when this has left. */
  add(signer: Did, seq: number, end: number): void {
    const stretch = this.#stretches.get(signer)
    const last = stretch?.marks.at(-1)
    if (stretch === undefined || last === undefined || last.last + 1 !== seq) this.#stretches.set(signer, { first: seq, marks: [{ last: seq, end }] })
    else if (last.end === end) last.last = seq
    else stretch.marks.push({ last: seq, end })
  }

  /** Forgets what is folded; called before `after`. */
  tidy(): void {
    for (const [signer, stretch] of this.#stretches) {
      while (stretch.marks[0] !== undefined && stretch.marks[0].end <= this.#flow.folded) stretch.first = (stretch.marks.shift() as { last: number }).last + 1
      if (stretch.marks.length === 0) this.#stretches.delete(signer)
    }
  }

  /** The first number from `seq` on that is not under way without a gap. */
  after(signer: Did, seq: number): number {
    const stretch = this.#stretches.get(signer)
    return stretch === undefined || stretch.first > seq ? seq : Math.max(seq, (stretch.marks.at(-1)?.last ?? -1) + 1)
  }
}
