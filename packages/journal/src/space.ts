import { type Clock, decodeTrusted, type Did, type OperationId, type Rules, type VectorEntry } from '@icn/protocol'
import { type SpacePrefix, spacePrefix } from './layout.ts'
import type { Source } from './store/port.ts'
import { emptySummary, type HeadRecord, type SpaceRecord, type Summary } from './records.ts'
import type { RowCache } from './state.ts'

/** What the journal keeps in memory of a space it holds: a few values read at opening, and caches that start empty. */
export class HeldSpace {
  readonly record: SpaceRecord
  readonly prefix: SpacePrefix
  /** Undefined where this release lacks the rules the space follows: read-only. */
  readonly rules: Rules | undefined
  /** Shared by all spaces: one bound for the node. */
  readonly cache: RowCache
  /** Where recent operations stand, and where signers' chains end. Caches over `ids` and `heads`. */
  readonly places = new BoundedMap<OperationId, Clock>(20_000)
  readonly heads = new BoundedMap<Did, HeadRecord>(2_000)
  summary: Summary
  /** While a cut is promised: last numbers of signers that all hosts have agreed to unite, though they stand before it. */
  admitted: ReadonlyMap<Did, number> | undefined
  /** What is told of signers' chains; follows from the set, so it holds as long as the set's digest is this one. */
  vectors: { readonly setDigest: Uint8Array; readonly entries: readonly VectorEntry[]; readonly buckets: Uint8Array } | undefined

  constructor(record: SpaceRecord, rules: Rules | undefined, summary: Summary, cache: RowCache) {
    this.record = record
    this.prefix = spacePrefix(record.number)
    this.rules = rules
    this.summary = summary
    this.cache = cache
  }

  admits(signer: Did, seq: number): boolean {
    return seq <= (this.admitted?.get(signer) ?? -1)
  }
}

export function readSummary(source: Source, prefix: SpacePrefix): Summary {
  const bytes = source.get('summaries', prefix.from)
  return bytes === undefined ? emptySummary : (decodeTrusted(bytes) as Summary)
}

/** A map that forgets its oldest entry when it is full. */
export class BoundedMap<K, V> {
  readonly #entries = new Map<K, V>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  get(key: K): V | undefined {
    return this.#entries.get(key)
  }

  set(key: K, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size > this.#max) this.#entries.delete(this.#entries.keys().next().value as K)
  }

  clear(): void {
    this.#entries.clear()
  }
}
