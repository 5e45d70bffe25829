import { type Did, toHex } from '@icn/protocol'

/** Starts remembered of one node. Larger: memory; smaller: a copy that starts again and again hides the other. */
const startsMax = 8
/** Nodes remembered. */
const nodesMax = 1_000

/**
 * Sees whether one identity runs twice. Every start has a number of its own, and a start that has ended never comes back: one that greets again
 * after another start of the same node has greeted is alive beside it.
 */
export class Instances {
  /** Starts of each node, the last one to greet at the end. */
  readonly #seen = new Map<Did, string[]>()

  /** True: this start of the node and another one run at the same time. */
  greeted(node: Did, instance: Uint8Array): boolean {
    const start = toHex(instance)
    const starts = this.#seen.get(node) ?? []
    const isBack = starts.includes(start) && starts.at(-1) !== start
    this.#seen.delete(node)
    this.#seen.set(node, [...starts.filter((one) => one !== start), start].slice(-startsMax))
    if (this.#seen.size > nodesMax) this.#seen.delete(this.#seen.keys().next().value as Did)
    return isBack
  }
}
