import type { z } from 'zod'
import type { KeyPart, KeyValue } from './key.ts'

/** A typed table of a space's state: its name, the parts of its key, and what a value looks like. */
export interface Table<Key extends readonly KeyValue[] = readonly KeyValue[], Value = unknown> {
  readonly name: string
  readonly parts: readonly KeyPart<KeyValue>[]
  readonly value: z.ZodType<Value>
  readonly key?: Key
}

type KeyOf<Parts extends readonly KeyPart<KeyValue>[]> = { readonly [I in keyof Parts]: Parts[I] extends KeyPart<infer T> ? T : never } & readonly KeyValue[]

/** Declares a table once: `table('coop.members', [part.text<Did>()], Member)`. */
export function table<const Parts extends readonly KeyPart<any>[], Value>(name: string, parts: Parts, value: z.ZodType<Value>): Table<KeyOf<Parts>, Value> {
  return { name, parts, value }
}

export interface ScanOptions {
  /** Only keys that begin with these parts. */
  readonly prefix?: readonly KeyValue[]
  /** Only keys at or after (in reverse: at or before) these parts. */
  readonly from?: readonly KeyValue[]
  /** Only keys after (in reverse: before) this whole key; what a cursor holds. */
  readonly after?: readonly KeyValue[]
  readonly reverse?: boolean
  readonly limit?: number
}

/** Reads of a space's state at one place of the order. Rows are shared: nobody may change one in place. */
export interface Facts {
  get<K extends readonly KeyValue[], V>(table: Table<K, V>, key: K): V | undefined
  scan<K extends readonly KeyValue[], V>(table: Table<K, V>, options?: ScanOptions): Iterable<readonly [K, V]>
  first<K extends readonly KeyValue[], V>(table: Table<K, V>, options?: ScanOptions): readonly [K, V] | undefined
  /** Scans; for small tables and checks. State that laws need counted is kept as a row. */
  count<K extends readonly KeyValue[], V>(table: Table<K, V>, options?: ScanOptions): number
}

/** Reads and writes; handed to `apply` for one operation. */
export interface Tables extends Facts {
  put<K extends readonly KeyValue[], V>(table: Table<K, V>, key: K, value: V): void
  delete<K extends readonly KeyValue[], V>(table: Table<K, V>, key: K): void
  /** An event of this operation, written in the same transaction: type as in the table of events, data snake_case. */
  emit(type: string, data: Record<string, unknown>): void
}
