import { type Clock, compareClocks, decodeTrusted, type Did, type OperationId, type Rules, type VectorEntry } from '@icn/protocol'
import type { Proposed } from './checkpointing.ts'
import { type SpacePrefix, spacePrefix } from './layout.ts'
import type { Source } from './store/port.ts'
import { emptySummary, type HeadRecord, type SpaceRecord, type Summary } from './records.ts'
import type { RowCache } from './state.ts'

/** Tells whether something at or before a cut was placed or changed since it began. */
export interface Watch {
  readonly cut: Clock
  readonly isTouched: boolean
}

/** Watches that are kept; the oldest is given up, which counts as touched. */
const watchesMax = 16

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
  /** What stands at or before it came as state: its operations are known by name and place, and are not here. Null: everything since the first one is here. */
  floor: Clock | null
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
    this.floor = null
  }

  /** What this node has last found about layers: mostly their certificate comes next. */
  proposed: Proposed | undefined
  readonly #watches: { readonly cut: Clock; isTouched: boolean }[] = []

  watch(cut: Clock): Watch {
    const watch = { cut, isTouched: false }
    this.#watches.push(watch)
    if (this.#watches.length > watchesMax) (this.#watches.shift() as { isTouched: boolean }).isTouched = true
    return watch
  }

  /** Operations from a place on were placed or changed. */
  touch(from: Clock): void {
    for (const watch of this.#watches) if (compareClocks(from, watch.cut) <= 0) watch.isTouched = true
  }

  admits(signer: Did, seq: number): boolean {
    return seq <= (this.admitted?.get(signer) ?? -1)
  }
}

export function readSummary(source: Source, prefix: SpacePrefix): Summary {
  const bytes = source.get('summaries', prefix.from)
  // What an earlier release did not write is as at the beginning.
  return bytes === undefined ? emptySummary : { ...emptySummary, ...(decodeTrusted(bytes) as Summary) }
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
