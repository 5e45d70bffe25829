import type { GraphScore, Perspective } from '@icn/domain'
import type { Did, TrustGraph } from '@icn/protocol'
import { encodeTrusted, sha256, toHex } from '@icn/protocol'

/** A score of one graph and how long it holds by itself. */
export type KeptScore = Pick<GraphScore, 'score' | 'valid_until'>

interface Entry extends KeptScore {
  /** Sum of the counters of those who look, and the subject's, when it was worked out. */
  readonly out: number
  readonly in: number
}

/** Larger: memory for DIDs whose edges change; smaller: everything is forgotten more often. */
const countersMax = 100_000

/**
 * Scores that were worked out (trust page §7): perspective, subject, graph → score, at most `count`, the least recently used goes first. An entry
 * holds while no edge of the perspective or to the subject has changed and none that was used has ended. Empty after a restart.
 */
export class ScoreCache {
  readonly #count: number
  readonly #entries = new Map<string, Entry>()
  /** Issuer → changes of its edges; subject → changes of edges to it. They only grow, so a sum is equal only when every part is. */
  readonly #out = new Map<Did, number>()
  readonly #in = new Map<Did, number>()

  constructor(count: number) {
    this.#count = count
  }

  get size(): number {
    return this.#entries.size
  }

  find(perspective: Perspective, subject: Did, graph: TrustGraph, now: number): KeptScore | undefined {
    const key = keyOf(perspective, subject, graph)
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    const isGood = entry.out === this.#outOf(perspective) && entry.in === (this.#in.get(subject) ?? 0) && (entry.valid_until === undefined || now < entry.valid_until)
    if (!isGood) return undefined
    this.#entries.set(key, entry)
    return entry
  }

  keep(perspective: Perspective, subject: Did, graph: TrustGraph, { score, valid_until }: KeptScore): void {
    const key = keyOf(perspective, subject, graph)
    this.#entries.delete(key)
    if (this.#entries.size >= this.#count) this.#entries.delete(this.#entries.keys().next().value as string)
    this.#entries.set(key, { score, valid_until, out: this.#outOf(perspective), in: this.#in.get(subject) ?? 0 })
  }

  /** An edge between the two was set or ended, or its issuer fell silent. */
  changed(issuer: Did, subject: Did): void {
    if (this.#out.size + this.#in.size >= countersMax) this.clear()
    this.#out.set(issuer, (this.#out.get(issuer) ?? 0) + 1)
    this.#in.set(subject, (this.#in.get(subject) ?? 0) + 1)
  }

  /** Nothing that was worked out is known to hold. */
  clear(): void {
    this.#entries.clear()
    this.#out.clear()
    this.#in.clear()
  }

  #outOf({ dids }: Perspective): number {
    return dids.reduce((sum, did) => sum + (this.#out.get(did) ?? 0), 0)
  }
}

/** Weights and options are part of the perspective: whoever changes them asks another question. */
function keyOf({ dids, hopMinPermille, intermediariesCount }: Perspective, subject: Did, graph: TrustGraph): string {
  const digest = toHex(sha256(encodeTrusted([dids, hopMinPermille, intermediariesCount]))).slice(0, 32)
  return `${digest} ${subject} ${graph}`
}
