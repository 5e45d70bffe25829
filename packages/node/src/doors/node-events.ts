import { type NodeEvents, nodeSpace } from '@icn/protocol'
import type { EventPosition, FeedEvent, FeedPage } from './feed.ts'

/** Events that are kept. Larger: memory; smaller: an operator who looks seldom is told that some are missing. */
const eventsMax = 1_000

export interface NodeEventParts {
  now(): number
  /** Of this run: who has followed another begins anew. */
  readonly epoch: string
  fault(error: unknown): void
}

/** What happens at this node and in none of its spaces: numbered like the events of a space, kept in memory as long as the node runs. */
export class NodeEventLog {
  readonly #parts: NodeEventParts
  /** In order of their numbers. Bound: `eventsMax`. */
  readonly #events: FeedEvent[] = []
  readonly #readers = new Set<() => void>()
  #newest = 0
  #isTold = true

  constructor(parts: NodeEventParts) {
    this.#parts = parts
  }

  tell<Type extends keyof NodeEvents>(type: Type, data: NodeEvents[Type]): void {
    this.#events.push({ space: nodeSpace, sequence: ++this.#newest, type, data, operation: null, status: null, time: this.#parts.now() })
    if (this.#events.length > eventsMax) this.#events.shift()
    if (!this.#isTold) return
    this.#isTold = false
    // Later, and once for all of a turn: whoever tells must not fail or wait because of a reader.
    queueMicrotask(() => {
      this.#isTold = true
      for (const read of [...this.#readers]) {
        try {
          read()
        } catch (error) {
          this.#parts.fault(error)
        }
      }
    })
  }

  subscribe(run: () => void): () => void {
    this.#readers.add(run)
    return () => this.#readers.delete(run)
  }

  page(after: EventPosition | undefined, limit: number): FeedPage {
    const { epoch } = this.#parts
    const oldest = this.#newest - this.#events.length + 1
    const isLost = after !== undefined && (after.epoch !== epoch || after.sequence + 1 < oldest || after.sequence > this.#newest)
    const from = after === undefined || isLost ? 0 : after.sequence + 1 - oldest
    return { epoch, events: this.#events.slice(from, from + limit), oldest, newest: this.#newest, truncated: isLost }
  }
}
