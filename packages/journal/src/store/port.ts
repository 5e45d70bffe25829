import type { KeyText } from '../key.ts'

/** The maps of a store: named ordered maps from bytes to bytes (engine page §9). */
export const mapNames = [
  'meta',
  'spaces',
  'summaries',
  'ids',
  'operations',
  'order',
  'undo',
  'chains',
  'heads',
  'state',
  'held',
  'waiting',
  'quarantine',
  'events',
  'decisions',
  'idempotency',
  'checkpoints',
  'local',
  'contents',
  'leaves',
] as const
export type MapName = (typeof mapNames)[number]

/** What is read through: a store, a snapshot of it, or a layer over one. */
export interface Source {
  get(map: MapName, key: KeyText): Uint8Array | undefined
  /** Rows with gte ≤ key < lt in the order of their keys, or against it. */
  range(map: MapName, gte: KeyText, lt?: KeyText, reverse?: boolean): Iterable<readonly [KeyText, Uint8Array]>
}

/** A consistent view: later writes are not seen. */
export interface Snapshot extends Source {
  close(): void
}

/** `value` null deletes. */
export interface Change {
  readonly map: MapName
  readonly key: KeyText
  readonly value: Uint8Array | null
}

export interface Store extends Source {
  readonly kind: 'sqlite' | 'memory'
  snapshot(): Snapshot
  /** All or nothing; durable when it returns. Throws StoreFault, after which nothing of the batch is there. */
  write(changes: Iterable<Change>): void
  flush(): void
  /** After a failed write, of which nobody knows how far it came: what is read from here on is what is durable. Snapshots are closed. */
  reopen(): void
  /** A consistent copy in one new file; refused (StoreFault) where the file exists. */
  backup(path: string): void
  sizeOnDisk(): number
  close(): void
}

/** The world failed below the store. */
export class StoreFault extends Error {
  override readonly name = 'StoreFault'
  readonly reason: 'full' | 'io' | 'corrupt' | 'newer' | 'busy' | 'closed'

  constructor(reason: StoreFault['reason'], message: string, cause?: unknown) {
    super(message, { cause })
    this.reason = reason
  }
}

/** Raised by one with every change of the layout; a store of a newer one is refused. */
export const schemaVersion = 5
