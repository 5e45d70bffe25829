import { createHash } from 'node:crypto'
import { equalBytes } from '@icn/protocol'
import { refuse } from '../../calls/refusal.ts'
import {
  type Allocate,
  type ArchiveFiles,
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
} from '../../sealed-file/index.ts'
import { RecordOrder } from './order.ts'
import { type ArchiveHeader, type ArchiveManifest, type ArchiveRecord, archiveKind, decodeRecord, decodeRecordHead, recordHeadBytes, verifyManifest } from './records.ts'

/** What this release can make use of. */
export interface ArchiveSupport {
  /** Versions of the rules. */
  readonly rules: readonly string[]
  /** Newest layout of the state that it knows. */
  readonly schema: number
}

export interface ArchiveReading {
  readonly keys?: ArchiveKeys
  readonly supports: ArchiveSupport
  readonly signal?: AbortSignal
  /** Bytes of the file that have been read. */
  readonly onProgress?: (bytes: number) => void
  readonly files?: ArchiveFiles
  readonly allocate?: Allocate
}

type ReadingBack = Omit<ArchiveReading, 'keys' | 'supports'>

/** What is known of an archive that was read to its end. */
export interface ArchiveSummary {
  readonly header: ArchiveHeader
  readonly manifest: ArchiveManifest
  /** Of the file. */
  readonly bytes: number
  /** Of the file, in hexadecimal: what stands in the file beside it. */
  readonly sha256: string
}

/** What a file says of itself; nothing of it is proven. Needs no key. Refuses `ARCHIVE_DAMAGED` and `ARCHIVE_TOO_NEW`. */
export async function readHeader(path: string, files: ArchiveFiles = diskFiles): Promise<ArchiveHeader> {
  const handle = await openFile(path, files)
  try {
    return (await readPreamble(archiveKind, new FileBytes(path, handle), allocateBytes)).header
  } finally {
    await handle.close()
  }
}

/**
 * Opens an archive and reads its manifest. Refuses `ARCHIVE_DAMAGED`, `ARCHIVE_NOT_FOR_US`, `ARCHIVE_TOO_NEW`.
 * Of an encrypted one everything that is handed out is authenticated; of another one nothing is proven before its end has been read.
 */
export function openArchive(path: string, options: ArchiveReading): Promise<ArchiveReader> {
  return openWith(path, options, (lock) => unlockKey(lock, options.keys ?? {}))
}

/** Reads an archive to its end: it is whole, and every record is what the manifest says. */
export async function verifyArchive(path: string, options: ArchiveReading): Promise<ArchiveSummary> {
  await using archive = await openArchive(path, options)
  return await archive.readToEnd()
}

/** The same by the key that it was just written with, which is wiped. */
export async function readBack(path: string, key: Uint8Array | undefined, options: ReadingBack): Promise<ArchiveSummary> {
  await using archive = await openWith(path, options, async () => key)
  return await archive.readToEnd()
}

async function openWith(
  path: string,
  options: ReadingBack & Pick<Partial<ArchiveReading>, 'supports'>,
  keyOf: (lock: ArchiveLock) => Promise<Uint8Array | undefined>,
): Promise<ArchiveReader> {
  const handle = await openFile(path, options.files ?? diskFiles)
  let blocks: Blocks | undefined
  try {
    const allocate = options.allocate ?? allocateBytes
    const file = new FileBytes(path, handle, options.onProgress)
    const { header, preamble } = await readPreamble(archiveKind, file, allocate)
    blocks = header.encrypted === null ? plainBlocks(file, allocate) : unlockedBlocks(file, header.encrypted.stream, await keyOf(header.encrypted), preamble, allocate)
    const source = new RecordSource(new Pieces(blocks, file, allocate), file, preamble)
    const manifest = await readManifest(source, header, file, options.supports)
    return new ArchiveReader({ header, manifest, source, file, blocks, handle, signal: options.signal })
  } catch (error) {
    blocks?.close()
    await handle.close()
    throw error
  }
}

async function readManifest(source: RecordSource, header: ArchiveHeader, file: FileBytes, supports: ArchiveSupport | undefined): Promise<ArchiveManifest> {
  const first = await source.next()
  // The order of records lets nothing else come first.
  if (first?.type !== 'manifest') throw damaged(file.at, 'the manifest is missing')
  const manifest = first.body
  if (!equalBytes(manifest.root, header.root)) throw damaged(file.at, 'a manifest of another root')
  if (!verifyManifest(header, manifest)) throw damaged(file.at, 'a manifest that its maker has not signed')
  if (supports !== undefined && !supports.rules.includes(manifest.rules)) throw refuse('ARCHIVE_TOO_NEW', { what: 'rules', found: manifest.rules, known: supports.rules })
  if (supports !== undefined && manifest.schema > supports.schema) throw refuse('ARCHIVE_TOO_NEW', { what: 'schema', found: manifest.schema, known: supports.schema })
  return manifest
}

/** Records out of pieces: each in its place, and the end after the last. */
class RecordSource {
  readonly #pieces: Pieces
  readonly #file: FileBytes
  readonly #hash = createHash('sha256')
  readonly #order = new RecordOrder()

  constructor(pieces: Pieces, file: FileBytes, preamble: Uint8Array) {
    this.#pieces = pieces
    this.#file = file
    this.#hash.update(preamble)
  }

  /** Undefined when the archive has ended as it should. */
  async next(): Promise<ArchiveRecord | undefined> {
    const bytes = await this.#pieces.take(recordHeadBytes)
    const head = decodeRecordHead(bytes)
    if (head === undefined) throw damaged(this.#file.at, 'a record of no known type or beyond its bound')
    const payload = await this.#pieces.take(head.length)
    if (head.type === 'end') return await this.#end(payload)
    this.#hash.update(bytes).update(payload)
    const record = decodeRecord(head.type, payload)
    if (record === undefined) throw damaged(this.#file.at, `a record that is no ${head.type}`)
    const wrong = this.#order.take(record, payload)
    if (wrong !== undefined) throw damaged(this.#file.at, wrong)
    return record
  }

  async #end(digest: Uint8Array): Promise<undefined> {
    const missing = this.#order.missing()
    if (missing !== undefined) throw damaged(this.#file.at, missing)
    if (!equalBytes(this.#hash.digest(), digest)) throw damaged(this.#file.at, 'another digest than its end says')
    if (!(await this.#pieces.isAtEnd())) throw damaged(this.#file.at, 'bytes after the end')
  }
}

interface OpenParts {
  readonly header: ArchiveHeader
  readonly manifest: ArchiveManifest
  readonly source: RecordSource
  readonly file: FileBytes
  readonly blocks: Blocks
  readonly handle: ArchiveHandle
  readonly signal: AbortSignal | undefined
}

/** An archive that is being read, from its manifest on. */
export class ArchiveReader implements AsyncDisposable {
  readonly header: ArchiveHeader
  readonly manifest: ArchiveManifest
  readonly #parts: OpenParts
  #summary: ArchiveSummary | undefined

  constructor(parts: OpenParts) {
    this.header = parts.header
    this.manifest = parts.manifest
    this.#parts = parts
  }

  /** The records behind the manifest, once. What came is good only when the last one has come without a refusal. */
  async *records(): AsyncGenerator<ArchiveRecord, ArchiveSummary, undefined> {
    const { source, file, signal, header, manifest } = this.#parts
    for (;;) {
      signal?.throwIfAborted()
      const record = await source.next()
      if (record === undefined) break
      yield record
    }
    this.#summary = { header, manifest, bytes: file.at, sha256: file.sha256() }
    return this.#summary
  }

  /** Set when everything has been read and was in order. */
  get summary(): ArchiveSummary | undefined {
    return this.#summary
  }

  async readToEnd(): Promise<ArchiveSummary> {
    const records = this.records()
    for (;;) {
      const { done, value } = await records.next()
      if (done === true) return value
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#parts.blocks.close()
    await this.#parts.handle.close()
  }
}
