import type { Did } from '@icn/protocol'

/** Frames in a row that brought nothing new before others are left to bring such. Larger: more is sent twice; smaller: one slow moment decides. */
const againMax = 2
/** What was left to others has come within this, or they do not bring it [ms]. Less than the time after which a batch has settled, so that the comparison then finds it. */
const othersMs = 900

/**
 * What a peer gets sooner from somebody else: operations that came here from one peer and that the other had each time when they arrived. In a full mesh everybody
 * would otherwise send everything to everybody. What is left out, the comparison of vectors brings.
 */
export class Spared {
  /** Who brought it here → frames in a row that were not new there. Bound: links. */
  readonly #again = new Map<Did, number>()
  /** First number of each signer that was left to others, and when [ms]. Bound: signers that are new between two comparisons. */
  readonly #left = new Map<Did, { readonly seq: number; readonly at: number }>()

  get isAnyLeft(): boolean {
    return this.#left.size > 0
  }

  /** The peer has folded a frame of operations that came here by `via`. */
  answered(via: Did, isNew: boolean): void {
    if (isNew) this.#again.delete(via)
    else this.#again.set(via, (this.#again.get(via) ?? 0) + 1)
  }

  /** Is this left to others? */
  leaves(via: Did | undefined, signer: Did, seq: number, now: number): boolean {
    if (via === undefined || (this.#again.get(via) ?? 0) < againMax) return false
    if (!this.#left.has(signer)) this.#left.set(signer, { seq, at: now })
    return true
  }

  /** The peer lacks this number of a signer; true: others may still bring it. After that nothing is left to others until they have shown again that they are quicker. */
  mayCome(signer: Did, seq: number, now: number): boolean {
    const left = this.#left.get(signer)
    if (left === undefined || seq < left.seq) return false
    if (left.at + othersMs > now) return true
    this.#again.clear()
    this.#left.delete(signer)
    return false
  }

  /** The peer has this number of a signer. */
  has(signer: Did, seq: number): void {
    const left = this.#left.get(signer)
    if (left !== undefined && left.seq <= seq) this.#left.delete(signer)
  }

  /** The peer has everything. */
  hasAll(): void {
    this.#left.clear()
  }
}
