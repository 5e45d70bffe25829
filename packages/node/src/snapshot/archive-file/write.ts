import { createHash } from 'node:crypto'
import { invariant } from '@icn/protocol'
import { type ArchiveFiles, type ArchiveRecipients, BlockWriter, diskFiles, encodePreamble, lockKey, newArchiveKey, putFile, sealing } from '../../sealed-file/index.ts'
import { RecordOrder } from './order.ts'
import { type ArchiveSummary, readBack } from './read.ts'
import { type ArchiveRecord, type ArchiveSubject, archiveKind, archiveVersion, encodeRecord, encodeRecordHead, endByte, endBytes } from './records.ts'

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
 * Writes an archive and reads it back whole before it is put in its place, with its digest beside it (`putFile`).
 * Refuses `ARCHIVE_NO_ROOM` and recipients that cannot be; throws `ArchiveFault`.
 */
export async function writeArchive(path: string, subject: ArchiveSubject, records: ArchiveRecords, options: ArchiveWriting = {}): Promise<ArchiveSummary> {
  const { files = diskFiles, encryptFor, signal, onProgress } = options
  const key = encryptFor === undefined ? undefined : newArchiveKey()
  const stream = key === undefined ? undefined : sealing(key)
  try {
    const lock = key === undefined || stream === undefined ? null : { stream: stream.header, ...(await lockKey(key, encryptFor ?? {})) }
    const preamble = encodePreamble(archiveKind, { v: archiveVersion, ...subject, encrypted: lock })
    return await putFile(path, {
      files,
      signal,
      async write(handle) {
        const out = new BlockWriter(path, handle, stream?.seal(preamble), (bytes) => onProgress?.('written', bytes))
        await out.writeOpen(preamble)
        await writeRecords(out, preamble, records, signal)
        return out.sha256()
      },
      readBack: (part) => readBack(part, key, { files, onProgress: (bytes) => onProgress?.('read_back', bytes), ...(signal === undefined ? {} : { signal }) }),
    })
  } finally {
    stream?.wipe()
    key?.fill(0)
  }
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
