import { type Did, isOwnWord, type NodeRecord, type OperationId, recordsKeptMax } from '@icn/protocol'

/** Records that others have signed of themselves, the newest of each node (network page §7). In memory: they live for minutes. */

/** A record from a clock that is further ahead is not taken [ms]. */
const aheadMsMax = 60_000
/** No record holds longer [ms]. */
const lifeMsMax = 86_400_000

export interface CandidatesParts {
  readonly me: Did
  network(): OperationId | null
  /** Wall clock [ms]. */
  now(): number
}

/** `known`: nothing newer than what is here; `forged`: not signed by the node it names. */
export type Taken = 'new' | 'known' | 'rejected' | 'forged'

export class Candidates {
  readonly #parts: CandidatesParts
  /** Node → its newest record, least recently used first. Bound: `recordsKeptMax`. */
  readonly #records = new Map<Did, NodeRecord>()

  constructor(parts: CandidatesParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#records.size
  }

  /** Never a record of this node, of another network, expired, from the future, or in somebody else's name. */
  take(record: NodeRecord): Taken {
    const { me, network, now } = this.#parts
    const { node, issued_at, expires_at, network_id } = record
    if (node === me || network_id !== network() || issued_at > now() + aheadMsMax || expires_at <= now() || expires_at > issued_at + lifeMsMax) return 'rejected'
    const held = this.#records.get(node)
    if (held !== undefined && held.issued_at >= issued_at) return 'known'
    // Last, because it costs most.
    if (!isOwnWord(record)) return 'forged'
    this.#records.delete(node)
    this.#records.set(node, record)
    const [oldest] = this.#records.keys()
    if (this.#records.size > recordsKeptMax && oldest !== undefined) this.#records.delete(oldest)
    return 'new'
  }

  /** What a node says of itself, as long as it holds. */
  get(node: Did): NodeRecord | undefined {
    const record = this.#records.get(node)
    if (record === undefined || record.expires_at <= this.#parts.now()) return undefined
    this.#records.delete(node)
    this.#records.set(node, record)
    return record
  }

  /** Those that hold, newest first. */
  live(): readonly NodeRecord[] {
    const now = this.#parts.now()
    return [...this.#records.values()].filter(({ expires_at }) => expires_at > now).sort((a, b) => b.issued_at - a.issued_at)
  }

  /** Drops what has expired; answers how many. */
  sweep(): number {
    const now = this.#parts.now()
    const expired = [...this.#records.values()].filter(({ expires_at }) => expires_at <= now)
    for (const { node } of expired) this.#records.delete(node)
    return expired.length
  }
}
