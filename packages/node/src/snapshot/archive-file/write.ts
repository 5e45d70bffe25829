import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { concatBytes, encodeCanonical, invariant, utf8 } from '@icn/protocol'
import { BlockWriter, sealing } from './bytes.ts'
import { ArchiveFault, type ArchiveFiles, type ArchiveHandle, digestFileOf, digestLine, diskFiles, partOf, writing } from './files.ts'
import { type ArchiveRecipients, lockKey, newArchiveKey } from './lock.ts'
import { RecordOrder } from './order.ts'
import { type ArchiveSummary, readBack } from './read.ts'
import {
  type ArchiveHeader,
  type ArchiveRecord,
  type ArchiveSubject,
  archiveHeaderBytesMax,
  archiveMagic,
  archiveVersion,
  encodeRecord,
  encodeRecordHead,
  endByte,
  endBytes,
} from './records.ts'

export interface ArchiveWriting {
  /** Without it anybody who has the file can read it. */
  readonly encryptFor?: ArchiveRecipients
  readonly signal?: AbortSignal
  /** Bytes of the file that have been written, and read back. */
  readonly onProgress?: (step: 'written' | 'read_back', bytes: number) => void
  readonly files?: ArchiveFiles
}

export type ArchiveRecords = AsyncIterable<ArchiveRecord> | Iterable<ArchiveRecord>

/**
 * Writes an archive: beside its place, synced, read back whole, then put in its place with its digest beside it. Replaces what is there.
 * Whatever goes wrong, under the name there is the old file, the whole new one, or none. Refuses `ARCHIVE_NO_ROOM` and recipients that cannot be; throws `ArchiveFault`.
 */
export async function writeArchive(path: string, subject: ArchiveSubject, records: ArchiveRecords, options: ArchiveWriting = {}): Promise<ArchiveSummary> {
  const files = options.files ?? diskFiles
  const part = partOf(path)
  const digestPart = partOf(digestFileOf(path))
  const key = options.encryptFor === undefined ? undefined : newArchiveKey()
  try {
    const written = await writePart(part.path, subject, records, key, options, files)
    const summary = await readPart(path, part.path, key, written, options, files)
    const line = utf8(digestLine(path, summary.sha256))
    await writeSynced(digestPart.path, files, (handle) => writing(path, () => handle.write(line)))
    await writing(path, async () => {
      // An older archive's digest must not stand beside the new one.
      await files.remove(digestFileOf(path))
      await files.rename(part.path, path)
      await files.rename(digestPart.path, digestFileOf(path))
      await files.syncFolder(dirname(path))
    })
    return summary
  } catch (error) {
    // What cannot be removed now is known by its name, and removed later.
    for (const left of [part, digestPart]) await files.remove(left.path).catch(() => {})
    throw error
  } finally {
    key?.fill(0)
    part.release()
    digestPart.release()
  }
}

async function writePart(
  path: string,
  subject: ArchiveSubject,
  records: ArchiveRecords,
  key: Uint8Array | undefined,
  options: ArchiveWriting,
  files: ArchiveFiles,
): Promise<string> {
  const stream = key === undefined ? undefined : sealing(key)
  try {
    const lock = key === undefined || stream === undefined ? null : { stream: stream.header, ...(await lockKey(key, options.encryptFor ?? {})) }
    const preamble = preambleOf({ v: archiveVersion, ...subject, encrypted: lock })
    return await writeSynced(path, files, async (handle) => {
      const out = new BlockWriter(path, handle, stream?.seal(preamble), (bytes) => options.onProgress?.('written', bytes))
      await out.writeOpen(preamble)
      await writeRecords(out, preamble, records, options.signal)
      return out.sha256()
    })
  } finally {
    stream?.wipe()
  }
}

async function writeSynced<T>(path: string, files: ArchiveFiles, fill: (handle: ArchiveHandle) => Promise<T>): Promise<T> {
  const handle = await writing(path, () => files.create(path))
  try {
    const filled = await fill(handle)
    await writing(path, () => handle.sync())
    return filled
  } finally {
    // What matters is on the disk by now, and is read back.
    await handle.close().catch(() => {})
  }
}

function preambleOf(header: ArchiveHeader): Uint8Array {
  const bytes = encodeCanonical(header)
  invariant(bytes.length <= archiveHeaderBytesMax, 'the header of an archive is beyond its bound')
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return concatBytes(archiveMagic, length, bytes)
}

async function writeRecords(out: BlockWriter, preamble: Uint8Array, records: ArchiveRecords, signal: AbortSignal | undefined): Promise<void> {
  const digest = createHash('sha256').update(preamble)
  const order = new RecordOrder()
  for await (const record of records) {
    signal?.throwIfAborted()
    const { byte, payload } = encodeRecord(record)
    const wrong = order.take(record, payload)
    invariant(wrong === undefined, `records of an archive: ${wrong}`)
    for (const bytes of [encodeRecordHead(byte, payload.length), payload]) {
      digest.update(bytes)
      await out.write(bytes)
    }
  }
  const missing = order.missing()
  invariant(missing === undefined, `records of an archive: ${missing}`)
  await out.write(encodeRecordHead(endByte, endBytes))
  await out.write(digest.digest())
  await out.end()
}

/** Everything is read again from the disk: what it gives back must be what was given to it. */
async function readPart(path: string, part: string, key: Uint8Array | undefined, sha256: string, options: ArchiveWriting, files: ArchiveFiles): Promise<ArchiveSummary> {
  const { signal, onProgress } = options
  try {
    const summary = await readBack(part, key, { files, onProgress: (bytes) => onProgress?.('read_back', bytes), ...(signal === undefined ? {} : { signal }) })
    if (summary.sha256 !== sha256) throw new Error('other bytes came back')
    return summary
  } catch (error) {
    signal?.throwIfAborted()
    throw new ArchiveFault(`the archive ${path} could not be read back after it was written`, error)
  }
}
