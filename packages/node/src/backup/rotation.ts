import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { digestFileOf } from '../sealed-file/index.ts'

const ending = '.icnbackup'

/** `elm-20261001T120000Z.icnbackup`: names sort by time, and hold nothing that a stick or a shell minds. */
export function backupFileName(name: string, at: number): string {
  const plain = name
    .toLowerCase()
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40)
  const time = new Date(at).toISOString().replace(/[-:]|\.\d+/g, '')
  return `${plain === '' ? 'node' : plain}-${time}${ending}`
}

const madeByUs = /^[a-z0-9-]+-(\d{8}T\d{6}Z)\.icnbackup$/

export interface BackupFile {
  readonly name: string
  readonly file: string
  readonly bytes: number
}

/** Newest first; files of other names are nobody's business here. */
export async function listBackups(folder: string): Promise<readonly BackupFile[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const timeOf = (name: string): string => madeByUs.exec(name)?.[1] ?? ''
  const ours = names.filter((name) => madeByUs.test(name)).sort((a, b) => (timeOf(a) < timeOf(b) ? 1 : -1))
  return Promise.all(ours.map(async (name) => ({ name, file: join(folder, name), bytes: (await stat(join(folder, name))).size })))
}

/**
 * Which of these (newest first) go: all beyond the newest `keepCount`, but never the newest that nothing speaks against, nor the newest that was proven.
 * Larger `keepCount`: more room; smaller: fewer days to go back to.
 */
export function surplus(names: readonly string[], keepCount: number, standing: { isBad(name: string): boolean; isProven(name: string): boolean }): readonly string[] {
  const dear = new Set([...names.slice(0, keepCount), names.find((name) => !standing.isBad(name)), names.find((name) => standing.isProven(name))])
  return names.filter((name) => !dear.has(name))
}

/** The digest first, so that none is left without its file. */
export async function removeBackup(file: string): Promise<void> {
  await rm(digestFileOf(file), { force: true })
  await rm(file, { force: true })
}
