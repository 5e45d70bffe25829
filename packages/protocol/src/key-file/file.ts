import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { link, mkdir, open, readdir, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { KeyFile } from './format.ts'
import { KeyFileRefused, keyFileBytesMax, parseKeyFile, printKeyFile } from './format.ts'

/** Small secret files on disk: 0600 in a folder 0700, replaced whole or not at all. */

/** Steps of a write, in order; tests let the power fail after each. */
export type WriteStep = 'created' | 'written' | 'synced' | 'placed' | 'folder_synced'

export interface WriteSafelyOptions {
  /** Refuse with KEY_EXISTS instead of replacing. */
  readonly exclusive?: boolean
  readonly after?: (step: WriteStep) => void
}

const isCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException).code === code

/** Written beside, synced, put in place in one step, folder synced: after a crash there is the old file or the new one. */
export async function writeSafely(file: string, content: string | Uint8Array, options: WriteSafelyOptions = {}): Promise<void> {
  const folder = dirname(file)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await clearLeftovers(file)
  const beside = join(folder, `.${basename(file)}.${randomBytes(6).toString('hex')}.tmp`)
  const handle = await open(beside, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW, 0o600)
  try {
    options.after?.('created')
    await handle.writeFile(content)
    options.after?.('written')
    await handle.sync()
    options.after?.('synced')
  } finally {
    await handle.close()
  }
  if (options.exclusive === true) {
    // A link, unlike a rename, never replaces.
    await link(beside, file)
      .catch((error: unknown) => {
        throw isCode(error, 'EEXIST') ? new KeyFileRefused('KEY_EXISTS', { file }) : error
      })
      .finally(() => unlink(beside))
  } else await rename(beside, file)
  options.after?.('placed')
  const opened = await open(folder, constants.O_RDONLY)
  try {
    await opened.sync()
  } finally {
    await opened.close()
  }
  options.after?.('folder_synced')
}

/** What a crash has left beside the file; its box is sealed, but nobody needs it. */
async function clearLeftovers(file: string): Promise<void> {
  const start = `.${basename(file)}.`
  for (const name of await readdir(dirname(file))) if (name.startsWith(start) && name.endsWith('.tmp')) await unlink(join(dirname(file), name)).catch(() => {})
}

/** Reads a file that only its owner may touch; looked at and read through one handle, so that nothing can be slipped in between. */
export async function readSafely(file: string, missing: () => Error): Promise<Buffer> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) throw missing()
    if (isCode(error, 'ELOOP')) throw new KeyFileRefused('KEY_FILE_PERMISSIONS', { file, command: `ls -l ${file}` })
    throw error
  })
  try {
    const stat = await handle.stat()
    const own = process.getuid?.() ?? stat.uid
    if (!stat.isFile() || stat.uid !== own || (stat.mode & 0o077) !== 0) throw new KeyFileRefused('KEY_FILE_PERMISSIONS', { file, command: `chmod 600 ${file}` })
    if (stat.size > keyFileBytesMax) throw new KeyFileRefused('KEY_FILE_INVALID', { detail: `larger than ${keyFileBytesMax} bytes` })
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}

/** `command` is what the reader can run to make one. */
export async function readKeyFile(file: string, command = 'icnctl id init'): Promise<KeyFile> {
  const content = await readSafely(file, () => new KeyFileRefused('KEY_FILE_MISSING', { file, command }))
  return parseKeyFile(content.toString('utf8'))
}

/** `create` refuses to write over another key; `replace` is for a new passphrase. */
export async function writeKeyFile(file: string, key: KeyFile, how: 'create' | 'replace', after?: (step: WriteStep) => void): Promise<void> {
  await writeSafely(file, printKeyFile(key), { exclusive: how === 'create', ...(after === undefined ? {} : { after }) })
}
