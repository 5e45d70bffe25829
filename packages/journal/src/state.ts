import { createHash, type Hash } from 'node:crypto'
import { decodeKey, decodeTrusted, encodeTrusted, type KeyValue, type ScanOptions, type Table, type Tables } from '@icn/protocol'
import { earlierText, laterText, stateKey, tableText, textAfter } from './layout.ts'
import { type KeyText, keyBytes } from './key.ts'
import type { Overlay } from './overlay.ts'

/** A decoded row with the bytes it came from; the value is undefined where they do not decode. */
export interface Row {
  readonly bytes: Uint8Array
  readonly value: unknown
}

/** Decoded rows at the tip, least recently used go first. Never the truth: emptying it changes no answer. */
export class RowCache {
  readonly #rows = new Map<KeyText, Row | null>()
  #bytes = 0
  readonly #bytesMax: number

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get(key: KeyText): Row | null | undefined {
    const row = this.#rows.get(key)
    if (row === undefined) return undefined
    this.#rows.delete(key)
    this.#rows.set(key, row)
    return row
  }

  set(key: KeyText, row: Row | null): void {
    this.drop(key)
    this.#rows.set(key, row)
    this.#bytes += weight(key, row)
    for (const [oldest, old] of this.#rows) {
      if (this.#bytes <= this.#bytesMax) return
      this.#rows.delete(oldest)
      this.#bytes -= weight(oldest, old)
    }
  }

  drop(key: KeyText): void {
    const old = this.#rows.get(key)
    if (old === undefined) return
    this.#rows.delete(key)
    this.#bytes -= weight(key, old)
  }
}

// Decoded values take a few times their bytes; the constant covers the entry itself.
const weight = (key: KeyText, row: Row | null): number => 200 + 2 * key.length + (row === null ? 0 : 4 * row.bytes.length)

export interface StateParts {
  readonly overlay: Overlay
  /** The space's number as key prefix. */
  readonly prefix: KeyText
  /** Only where the overlay stands on the tip of the store. */
  readonly cache?: RowCache
  /** A row that does not decode is left out, and told here. */
  readonly onUndecodable?: (key: KeyText) => void
}

/** The typed tables of one space, seen through an overlay. Reads are digested on request, writes can be undone. */
export class State implements Tables {
  readonly overlay: Overlay
  readonly #prefix: KeyText
  readonly #cache: RowCache | undefined
  readonly #onUndecodable: ((key: KeyText) => void) | undefined
  /** Rows decoded or written through this view. */
  readonly #rows = new Map<KeyText, Row | null>()
  #undo: Map<KeyText, Uint8Array | null> | undefined
  #events: { type: string; data: Record<string, unknown> }[] = []
  #digest: Hash | undefined

  constructor(parts: StateParts) {
    this.overlay = parts.overlay
    this.#prefix = parts.prefix
    this.#cache = parts.cache
    this.#onUndecodable = parts.onUndecodable
  }

  get<K extends readonly KeyValue[], V>(table: Table<K, V>, key: K): V | undefined {
    const row = this.#row(this.#prefix + stateKey(table.name, key))
    if (this.#digest !== undefined) this.#read(row?.bytes)
    return row?.value as V | undefined
  }

  *scan<K extends readonly KeyValue[], V>(table: Table<K, V>, options: ScanOptions = {}): Generator<readonly [K, V]> {
    const [gte, lt] = this.#bounds(table, options)
    let left = options.limit ?? Number.POSITIVE_INFINITY
    const skip = this.#prefix.length
    for (const [key] of this.overlay.range('state', gte, lt, options.reverse)) {
      if (left <= 0) break
      const row = this.#row(key)
      if (row === null || row.value === undefined) continue
      left--
      if (this.#digest !== undefined) this.#read(row.bytes, key)
      yield [decodeKey(keyBytes(key.slice(skip))).slice(1) as unknown as K, row.value as V]
    }
    if (this.#digest !== undefined) this.#read(undefined, 'end')
  }

  first<K extends readonly KeyValue[], V>(table: Table<K, V>, options: ScanOptions = {}): readonly [K, V] | undefined {
    for (const entry of this.scan(table, { ...options, limit: 1 })) return entry
    return undefined
  }

  count<K extends readonly KeyValue[], V>(table: Table<K, V>, options: ScanOptions = {}): number {
    let n = 0
    for (const _ of this.scan(table, options)) n++
    return n
  }

  put<K extends readonly KeyValue[], V>(table: Table<K, V>, key: K, value: V): void {
    this.#write(this.#prefix + stateKey(table.name, key), { bytes: encodeTrusted(value), value })
  }

  delete<K extends readonly KeyValue[], V>(table: Table<K, V>, key: K): void {
    this.#write(this.#prefix + stateKey(table.name, key), null)
  }

  emit(type: string, data: Record<string, unknown>): void {
    this.#events.push({ type, data })
  }

  /** Collects what one operation writes and says until `end`. */
  begin(): void {
    this.#undo = new Map()
    this.#events = []
  }

  /** Keys without the space's prefix and what stood there before; with the events said. */
  end(): { undo: ReadonlyMap<KeyText, Uint8Array | null>; events: readonly { type: string; data: Record<string, unknown> }[] } {
    const result = { undo: this.#undo as Map<KeyText, Uint8Array | null>, events: this.#events }
    this.#undo = undefined
    this.#events = []
    return result
  }

  /** Puts back what stood before an operation. */
  restore(undo: Iterable<readonly [KeyText, Uint8Array | null]>): void {
    for (const [key, bytes] of undo) {
      this.#rows.delete(this.#prefix + key)
      this.overlay.put('state', this.#prefix + key, bytes)
    }
  }

  /** From here on every row and range that is read goes into a digest. */
  watchReads(): void {
    this.#digest = createHash('sha256')
  }

  readDigest(): string {
    const digest = (this.#digest as Hash).digest('base64url')
    this.#digest = undefined
    return digest
  }

  /** After the commit: what was written here is now what the tip says. */
  publish(): void {
    if (this.#cache === undefined) return
    for (const key of this.overlay.keys('state')) {
      if (!key.startsWith(this.#prefix)) continue
      const row = this.#rows.get(key)
      if (row === undefined) this.#cache.drop(key)
      else this.#cache.set(key, row)
    }
  }

  #bounds(table: Table<any, any>, options: ScanOptions): [KeyText, KeyText] {
    const within = this.#prefix + (options.prefix === undefined ? tableText(table.name) : stateKey(table.name, options.prefix))
    let gte = within
    let lt = textAfter(within)
    if (options.from !== undefined) {
      const from = this.#prefix + stateKey(table.name, options.from)
      if (options.reverse) lt = earlierText(textAfter(from), lt)
      else gte = laterText(from, gte)
    }
    if (options.after !== undefined) {
      const after = this.#prefix + stateKey(table.name, options.after)
      if (options.reverse) lt = earlierText(after, lt)
      else gte = laterText(`${after}\u0000`, gte)
    }
    return [gte, lt]
  }

  #row(key: KeyText): Row | null {
    const known = this.#rows.get(key)
    if (known !== undefined) return known
    const own = this.overlay.own('state', key)
    if (own !== undefined) {
      const row = own === null ? null : this.#decode(key, own)
      this.#rows.set(key, row)
      return row
    }
    const cached = this.#cache?.get(key)
    if (cached !== undefined) return cached
    const bytes = this.overlay.get('state', key)
    const row = bytes === undefined ? null : this.#decode(key, bytes)
    this.#cache?.set(key, row)
    return row
  }

  #decode(key: KeyText, bytes: Uint8Array): Row {
    try {
      return { bytes, value: decodeTrusted(bytes) }
    } catch {
      // Its bytes stay, so that undoing a write puts them back.
      this.#onUndecodable?.(key)
      return { bytes, value: undefined }
    }
  }

  #write(key: KeyText, row: Row | null): void {
    const short = key.slice(this.#prefix.length)
    if (this.#undo !== undefined && !this.#undo.has(short)) this.#undo.set(short, this.#row(key)?.bytes ?? null)
    this.#rows.set(key, row)
    this.overlay.put('state', key, row?.bytes ?? null)
  }

  // Values count, keys only in walks: a draft's own id stands in some keys and differs from the signed operation's.
  #read(bytes: Uint8Array | undefined, key?: KeyText): void {
    const digest = this.#digest as Hash
    if (key !== undefined) digest.update(`k${key.length}:${key}`, 'latin1')
    if (bytes === undefined) digest.update('-')
    else digest.update(`v${bytes.length}:`).update(bytes)
  }
}
