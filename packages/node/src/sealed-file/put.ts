import { dirname } from 'node:path'
import { utf8 } from '@icn/protocol'
import { ArchiveFault, type ArchiveFiles, type ArchiveHandle, digestFileOf, digestLine, partOf, writing } from './files.ts'

export interface Putting<Summary> {
  readonly files: ArchiveFiles
  /** Writes everything; answers the digest of what it wrote, in hexadecimal. */
  write(handle: ArchiveHandle): Promise<string>
  /** Reads everything again. */
  readBack(path: string): Promise<Summary>
  readonly signal?: AbortSignal | undefined
}

/**
 * Writes a file beside its place, synced, reads it back whole, then puts it in its place with its digest beside it. Replaces what is there.
 * Whatever goes wrong, under the name there is the old file, the whole new one, or none. Refuses `ARCHIVE_NO_ROOM`; throws `ArchiveFault`.
 */
export async function putFile<Summary extends { readonly sha256: string }>(path: string, putting: Putting<Summary>): Promise<Summary> {
  const { files } = putting
  const part = partOf(path)
  const digestPart = partOf(digestFileOf(path))
  try {
    const written = await writeSynced(part.path, files, (handle) => putting.write(handle))
    const summary = await readPart(path, part.path, written, putting)
    const line = utf8(digestLine(path, summary.sha256))
    await writeSynced(digestPart.path, files, (handle) => writing(path, () => handle.write(line)))
    await writing(path, async () => {
      // An older file's digest must not stand beside the new one.
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
    part.release()
    digestPart.release()
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

/** Everything is read again from the disk: what it gives back must be what was given to it. */
async function readPart<Summary extends { readonly sha256: string }>(path: string, part: string, sha256: string, { readBack, signal }: Putting<Summary>): Promise<Summary> {
  try {
    const summary = await readBack(part)
    if (summary.sha256 !== sha256) throw new Error('other bytes came back')
    return summary
  } catch (error) {
    signal?.throwIfAborted()
    throw new ArchiveFault(`the archive ${path} could not be read back after it was written`, error)
  }
}
