import { type Clock, decodeTrusted, type Did, type OperationId, type Rules } from '@icn/protocol'
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

  constructor(record: SpaceRecord, rules: Rules | undefined, summary: Summary, cache: RowCache) {
    this.record = record
    this.prefix = spacePrefix(record.number)
    this.rules = rules
    this.summary = summary
    this.cache = cache
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
