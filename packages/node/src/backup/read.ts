import { createHash } from 'node:crypto'
import type { MapName } from '@icn/journal'
import { equalBytes } from '@icn/protocol'
import { refuse } from '../calls/refusal.ts'
import {
  type ArchiveHandle,
  type ArchiveKeys,
  type ArchiveLock,
  allocateBytes,
  type Blocks,
  damaged,
  diskFiles,
  FileBytes,
  openFile,
  Pieces,
  plainBlocks,
  readPreamble,
  unlockedBlocks,
  unlockKey,
} from '../sealed-file/index.ts'
import { unpack } from '../snapshot/index.ts'
import {
  type BackedRow,
  type BackupEnd,
  type BackupHeader,
  type BackupManifest,
  type BackupRecord,
  backupKind,
  decodeHead,
  decodeRecord,
  decodeRows,
  headBytes,
  orderOfMaps,
  pageBytesMax,
  verifyEnd,
} from './format.ts'

export interface BackupReading {
  readonly signal?: AbortSignal | undefined
  /** Bytes of the file that were read. */
  onProgress?(bytes: number): void
}

/** What is known of a backup that was read to its end. */
export interface BackupSummary {
  readonly header: BackupHeader
  readonly manifest: BackupManifest
  /** Rows of all maps. */
  readonly rows: number
  /** Of the file. */
  readonly bytes: number
  /** Of the file, in hexadecimal. */
  readonly sha256: string
}

export interface RowsPage {
  readonly map: MapName
  readonly rows: readonly BackedRow[]
}

/** What a file says of itself; nothing of it is proven. Needs no key. Refuses `ARCHIVE_DAMAGED` and `ARCHIVE_TOO_NEW`. */
export async function readBackupHeader(path: string): Promise<BackupHeader> {
  const handle = await openFile(path, diskFiles)
  try {
    return (await readPreamble(backupKind, new FileBytes(path, handle), allocateBytes)).header
  } finally {
    await handle.close()
  }
}

/**
 * Opens a backup and reads its manifest. Refuses `ARCHIVE_DAMAGED`, `ARCHIVE_NOT_FOR_US`, and `ARCHIVE_TOO_NEW` for a layout of the store beyond `schema`.
 * Of an encrypted one everything that is handed out is authenticated; of another one nothing is proven before its end has been read.
 */
export function openBackup(path: string, keys: ArchiveKeys, schema: number, options: BackupReading = {}): Promise<BackupReader> {
  return openWith(path, options, (lock) => unlockKey(lock, keys), schema)
}

/** The same by the key that it was just written with, which is wiped: everything is there. */
export async function readBack(path: string, key: Uint8Array | undefined, options: BackupReading): Promise<BackupSummary> {
  await using backup = await openWith(path, options, async () => key)
  const pages = backup.pages()
  for (;;) {
    const { done, value } = await pages.next()
    if (done === true) return value
  }
}

async function openWith(
  path: string,
  options: BackupReading,
  keyOf: (lock: ArchiveLock) => Promise<Uint8Array | undefined>,
  schema = Number.POSITIVE_INFINITY,
): Promise<BackupReader> {
  const handle = await openFile(path, diskFiles)
  let blocks: Blocks | undefined
  try {
    const file = new FileBytes(path, handle, options.onProgress)
    const { header, preamble } = await readPreamble(backupKind, file, allocateBytes)
    if (header.schema > schema) throw refuse('ARCHIVE_TOO_NEW', { what: 'schema', found: header.schema, known: schema })
    const lock = header.encrypted
    blocks = lock === null ? plainBlocks(file, allocateBytes) : unlockedBlocks(file, lock.stream, await keyOf(lock), preamble, allocateBytes)
    const records = new Records(new Pieces(blocks, file, allocateBytes), file, preamble)
    const first = await records.next()
    if (first.type !== 'manifest') throw damaged(file.at, 'the manifest is missing')
    return new BackupReader({ header, manifest: first.body, records, file, blocks, handle, signal: options.signal })
  } catch (error) {
    blocks?.close()
    await handle.close()
    throw error
  }
}

/** Records out of pieces. */
class Records {
  readonly #pieces: Pieces
  readonly #file: FileBytes
  readonly #hash = createHash('sha256')

  constructor(pieces: Pieces, file: FileBytes, preamble: Uint8Array) {
    this.#pieces = pieces
    this.#file = file
    this.#hash.update(preamble)
  }

  async next(): Promise<BackupRecord> {
    const bytes = await this.#pieces.take(headBytes)
    const head = decodeHead(bytes)
    if (head === undefined) throw damaged(this.#file.at, 'a record of no known type or beyond its bound')
    const payload = await this.#pieces.take(head.length)
    if (head.type !== 'end') this.#hash.update(bytes).update(payload)
    const record = decodeRecord(head.type, payload)
    if (record === undefined) throw damaged(this.#file.at, `a record that is no ${head.type}`)
    return record
  }

  isAtEnd(): Promise<boolean> {
    return this.#pieces.isAtEnd()
  }

  /** Of all records but the last; once. */
  digest(): Uint8Array {
    return this.#hash.digest()
  }
}

interface OpenParts {
  readonly header: BackupHeader
  readonly manifest: BackupManifest
  readonly records: Records
  readonly file: FileBytes
  readonly blocks: Blocks
  readonly handle: ArchiveHandle
  readonly signal: AbortSignal | undefined
}

/** A backup that is being read, from its manifest on. */
export class BackupReader implements AsyncDisposable {
  readonly header: BackupHeader
  readonly manifest: BackupManifest
  readonly #parts: OpenParts

  constructor(parts: OpenParts) {
    this.header = parts.header
    this.manifest = parts.manifest
    this.#parts = parts
  }

  /** Pages of rows: maps in their order, keys rising, none twice. What came is good only when the summary has come. */
  async *pages(): AsyncGenerator<RowsPage, BackupSummary, undefined> {
    const { records, file, signal, header, manifest } = this.#parts
    const counts = new Map<MapName, number>()
    let last: { readonly map: MapName; readonly key: Uint8Array } | undefined
    for (;;) {
      signal?.throwIfAborted()
      const record = await records.next()
      if (record.type === 'manifest') throw damaged(file.at, 'a second manifest')
      if (record.type === 'end') {
        await this.#end(record.body, counts)
        const rows = [...counts.values()].reduce((sum, count) => sum + count, 0)
        return { header, manifest, rows, bytes: file.at, sha256: file.sha256() }
      }
      const { map, count, raw_size, compression, data } = record.body
      const raw = compression === 'zstd' ? unpack(data, raw_size, pageBytesMax) : data.length === raw_size ? data : undefined
      const rows = raw === undefined ? undefined : decodeRows(raw)
      if (rows === undefined || rows.length !== count) throw damaged(file.at, 'a page that does not hold what it says')
      for (const [key] of rows) {
        if (!isAfter(map, key, last)) throw damaged(file.at, 'rows out of their order')
        last = { map, key }
      }
      counts.set(map, (counts.get(map) ?? 0) + count)
      yield { map, rows }
    }
  }

  async #end(end: BackupEnd, counts: ReadonlyMap<MapName, number>): Promise<void> {
    const { records, file, header } = this.#parts
    if (!equalBytes(records.digest(), end.sha256)) throw damaged(file.at, 'another digest than its end says')
    if (end.rows.length !== counts.size || end.rows.some(({ map, count }) => counts.get(map) !== count)) throw damaged(file.at, 'rows are missing')
    if (!verifyEnd(header.node, end)) throw damaged(file.at, 'an end that its maker has not signed')
    if (!(await records.isAtEnd())) throw damaged(file.at, 'bytes after the end')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#parts.blocks.close()
    await this.#parts.handle.close()
  }
}

function isAfter(map: MapName, key: Uint8Array, last: { readonly map: MapName; readonly key: Uint8Array } | undefined): boolean {
  if (last === undefined) return true
  const [here, before] = [orderOfMaps.indexOf(map), orderOfMaps.indexOf(last.map)]
  return here === before ? Buffer.compare(last.key, key) < 0 : here > before
}
