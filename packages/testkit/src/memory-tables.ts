import { encodeCanonical, encodeKey, type KeyValue, type ScanOptions, type Table, type Tables } from '@icn/protocol'

/** Bytes as a text whose order is the bytes' order. */
const asText = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

interface Row {
  readonly key: readonly KeyValue[]
  readonly value: unknown
}

/** State of one space in memory, for tests of laws: every row is checked against its table's schema and must be canonical. */
export class MemoryTables implements Tables {
  /** Encoded key → row, for each table by name. */
  readonly #tables = new Map<string, Map<string, Row>>()
  readonly #sorted = new Map<string, string[]>()
  readonly events: { type: string; data: Record<string, unknown> }[] = []
  /** Off for long random runs, where the same rows are written again and again. */
  checked = true

  #rows(name: string): Map<string, Row> {
    let rows = this.#tables.get(name)
    if (rows === undefined) this.#tables.set(name, (rows = new Map()))
    return rows
  }

  #order(name: string): string[] {
    let order = this.#sorted.get(name)
    if (order === undefined) this.#sorted.set(name, (order = [...this.#rows(name).keys()].sort((a, b) => (a < b ? -1 : 1))))
    return order
  }

  get<K extends readonly KeyValue[], V>(table: Table<K, V>, key: K): V | undefined {
    return this.#rows(table.name).get(asText(encodeKey(table.name, key)))?.value as V | undefined
  }

  *scan<K extends readonly KeyValue[], V>(table: Table<K, V>, options: ScanOptions = {}): Iterable<readonly [K, V]> {
    const text = (parts: readonly KeyValue[]): string => asText(encodeKey(table.name, parts))
    const prefix = text(options.prefix ?? [])
    const reverse = options.reverse === true
    const keys = reverse ? [...this.#order(table.name)].reverse() : [...this.#order(table.name)]
    let left = options.limit ?? Number.MAX_SAFE_INTEGER
    for (const key of keys) {
      if (left === 0) return
      if (!key.startsWith(prefix)) continue
      if (options.from !== undefined) {
        const from = text(options.from)
        if (reverse ? key > from && !key.startsWith(from) : key < from) continue
      }
      if (options.after !== undefined) {
        const after = text(options.after)
        if (reverse ? key >= after : key <= after) continue
      }
      const row = this.#rows(table.name).get(key)
      if (row === undefined) continue
      left--
      yield [row.key as K, row.value as V]
    }
  }

  first<K extends readonly KeyValue[], V>(table: Table<K, V>, options: ScanOptions = {}): readonly [K, V] | undefined {
    for (const row of this.scan(table, { ...options, limit: 1 })) return row
    return undefined
  }

  count<K extends readonly KeyValue[], V>(table: Table<K, V>, options: ScanOptions = {}): number {
    let n = 0
    for (const _ of this.scan(table, options)) n++
    return n
  }

  put<K extends readonly KeyValue[], V>(table: Table<K, V>, key: K, value: V): void {
    if (this.checked) {
      const parsed = table.value.safeParse(value)
      if (!parsed.success) throw new Error(`a row of ${table.name} does not fit its schema: ${parsed.error.message}`)
      encodeCanonical(value)
      deepFreeze(value)
    }
    const rows = this.#rows(table.name)
    const text = asText(encodeKey(table.name, key))
    if (!rows.has(text)) this.#sorted.delete(table.name)
    rows.set(text, { key, value })
  }

  delete<K extends readonly KeyValue[], V>(table: Table<K, V>, key: K): void {
    if (this.#rows(table.name).delete(asText(encodeKey(table.name, key)))) this.#sorted.delete(table.name)
  }

  emit(type: string, data: Record<string, unknown>): void {
    this.events.push({ type, data })
  }

  /** Every row in key order, as text: equal states give equal text. */
  dump(): string {
    const lines: string[] = []
    for (const name of [...this.#tables.keys()].sort()) {
      for (const key of this.#order(name))
        lines.push(`${Buffer.from(key, 'latin1').toString('hex')} ${Buffer.from(encodeCanonical(this.#rows(name).get(key)?.value)).toString('hex')}`)
    }
    return lines.join('\n')
  }

  clone(): MemoryTables {
    const copy = new MemoryTables()
    copy.checked = this.checked
    for (const [name, rows] of this.#tables) copy.#tables.set(name, new Map(rows))
    return copy
  }
}

/** Rows are shared: a law that changes one in place fails here instead of somewhere far away. Byte arrays cannot be frozen. */
function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || Object.isFrozen(value)) return
  Object.freeze(value)
  for (const inner of Object.values(value)) deepFreeze(inner)
}
