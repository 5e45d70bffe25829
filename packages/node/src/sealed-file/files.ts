import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { refuse } from '../calls/refusal.ts'

/** What archives need of a disk, so that tests can let one fail, fill up or lie. */

export interface ArchiveHandle {
  /** The next bytes, as many as there are and fit; 0 at the end. */
  read(into: Uint8Array): Promise<number>
  /** All of them. */
  write(bytes: Uint8Array): Promise<void>
  sync(): Promise<void>
  close(): Promise<void>
}

export interface ArchiveFiles {
  /** A new file, mode 0600. */
  create(path: string): Promise<ArchiveHandle>
  /** An ordinary file, for reading. */
  open(path: string): Promise<ArchiveHandle>
  /** In one step, over what is there. */
  rename(from: string, to: string): Promise<void>
  /** Says nothing when there is no such file. */
  remove(path: string): Promise<void>
  list(folder: string): Promise<readonly string[]>
  syncFolder(folder: string): Promise<void>
}

/** The world failed while an archive was written or read. */
export class ArchiveFault extends Error {
  override readonly name = 'ArchiveFault'

  constructor(doing: string, cause: unknown) {
    super(`${doing}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

export const diskFiles: ArchiveFiles = {
  async create(path) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    return handleOf(await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW, 0o600))
  },
  async open(path) {
    // Without O_NONBLOCK a pipe in place of the file would hold us until somebody writes into it.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const isFile = await handle.stat().then(
      (stat) => stat.isFile(),
      () => false,
    )
    if (isFile) return handleOf(handle)
    await handle.close()
    throw new Error('not an ordinary file')
  },
  rename,
  remove: (path) => rm(path, { force: true }),
  list: (folder) => readdir(folder),
  async syncFolder(folder) {
    const handle = await open(folder, constants.O_RDONLY)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
}

function handleOf(handle: Awaited<ReturnType<typeof open>>): ArchiveHandle {
  return {
    read: async (into) => (await handle.read(into, 0, into.length, null)).bytesRead,
    async write(bytes) {
      for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at, bytes.length - at, null)).bytesWritten
    },
    sync: () => handle.sync(),
    close: () => handle.close(),
  }
}

/** An ordinary file for reading; throws `ArchiveFault`. */
export async function openFile(path: string, files: ArchiveFiles): Promise<ArchiveHandle> {
  return await files.open(path).catch((error: unknown) => {
    throw new ArchiveFault(`the archive ${path} could not be opened`, error)
  })
}

/** Runs one step of writing; a full disk is a no with its code, every other trouble a fault. */
export async function writing<T>(path: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') throw refuse('ARCHIVE_NO_ROOM', { folder: dirname(path) })
    throw new ArchiveFault(`the archive ${path} could not be written`, error)
  }
}

const ending = '.icnsnap-part'
/** Names that this process is writing now. */
const underWay = new Set<string>()

/** A name beside the file for as long as it is not whole. */
export function partOf(path: string): { readonly path: string; release(): void } {
  const name = `.${basename(path)}.${randomBytes(6).toString('hex')}${ending}`
  underWay.add(name)
  return { path: join(dirname(path), name), release: () => underWay.delete(name) }
}

/** True for what a crash may have left of an archive. */
export const isArchivePart = (name: string): boolean => /^\..+\.[0-9a-f]{12}\.icnsnap-part$/.test(name)

/** Removes what crashes have left of archives; gives the names. Nobody else may be writing archives into this folder but this process. */
export async function clearArchiveParts(folder: string, files: ArchiveFiles = diskFiles): Promise<readonly string[]> {
  const left = (await files.list(folder)).filter((name) => isArchivePart(name) && !underWay.has(name))
  for (const name of left) await files.remove(join(folder, name))
  return left
}

/** Where the digest of an archive stands: one line as `sha256sum` writes it. */
export const digestFileOf = (path: string): string => `${path}.sha256`

/** A file name with a backslash or line feed is escaped, and the line says so by its first character (GNU coreutils). */
export function digestLine(path: string, sha256: string): string {
  const name = basename(path)
  const plain = name.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
  return `${plain === name ? '' : '\\'}${sha256}  ${plain}\n`
}
