import type { Did, Facts, KeyValue, OperationId, ScanOptions, Table, TrustGraph } from '@icn/protocol'
import { cidOf, encodeCanonical } from '@icn/protocol'
import { MemoryTables } from '@icn/testkit'
import type { Perspective } from './score.ts'
import { bySubject, edgeCounts, edges } from './tables.ts'

/** Edges written straight into the tables, for tests of scores. Not a part of the module. */

export const start = 1_800_000_000_000
const setOp = cidOf(encodeCanonical('edge')) as OperationId

/** A DID only for the eye; scores never look inside one. */
export const who = (name: string): Did => `did:${name}` as Did

export const seenBy = (...names: readonly string[]): Perspective => ({ dids: names.map(who), hopMinPermille: 400, intermediariesCount: 32 })

export class Edges {
  readonly tables = new MemoryTables()

  constructor() {
    this.tables.checked = false
  }

  say(issuer: string, subject: string, weight: number, more: { readonly graph?: TrustGraph; readonly expires_at?: number } = {}): this {
    const { graph = 'social', expires_at = start + 1_000 } = more
    const [from, to] = [who(issuer), who(subject)]
    if (this.tables.get(edges, [from, graph, to]) === undefined) {
      const count = this.tables.get(edgeCounts, [from])?.live ?? 0
      this.tables.put(edgeCounts, [from], { live: count + 1, hour: 0, changes: 1 })
    }
    this.tables.put(edges, [from, graph, to], { weight, expires_at, since_at: start, set_op: setOp, labels: [], evidence: [] })
    this.tables.put(bySubject, [to, graph, from], { weight, expires_at })
    return this
  }
}

/** Counts every row that is read. */
export class CountingFacts implements Facts {
  rows = 0
  readonly #facts: Facts

  constructor(facts: Facts) {
    this.#facts = facts
  }

  get<K extends readonly KeyValue[], V>(table: Table<K, V>, key: K): V | undefined {
    this.rows++
    return this.#facts.get(table, key)
  }

  *scan<K extends readonly KeyValue[], V>(table: Table<K, V>, options?: ScanOptions): Iterable<readonly [K, V]> {
    for (const row of this.#facts.scan(table, options)) {
      this.rows++
      yield row
    }
  }

  first<K extends readonly KeyValue[], V>(table: Table<K, V>, options?: ScanOptions): readonly [K, V] | undefined {
    this.rows++
    return this.#facts.first(table, options)
  }

  count<K extends readonly KeyValue[], V>(table: Table<K, V>, options?: ScanOptions): number {
    return this.#facts.count(table, options)
  }
}
