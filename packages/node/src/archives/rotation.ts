import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { dayMs, type SpaceId } from '@icn/protocol'
import { digestFileOf } from '../snapshot/index.ts'

const madeByUs = /^(commons|coop\+[a-z0-9-]+)-(\d{13,15})\.icnsnap$/

export interface ArchiveFile {
  readonly name: string
  readonly file: string
  readonly space: SpaceId
  /** Of the cut [ms]. */
  readonly at: number
  readonly bytes: number
}

/** Newest first; files of other names are nobody's business here. */
export async function listArchives(folder: string): Promise<readonly ArchiveFile[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const files = await Promise.all(
    names.flatMap((name) => {
      const match = madeByUs.exec(name)
      return match === null ? [] : [fileOf(folder, name, (match[1] as string).replace('+', ':') as SpaceId, Number(match[2]))]
    }),
  )
  return files.sort((a, b) => b.at - a.at || (a.name < b.name ? -1 : 1))
}

async function fileOf(folder: string, name: string, space: SpaceId, at: number): Promise<ArchiveFile> {
  const file = join(folder, name)
  return { name, file, space, at, bytes: (await stat(file)).size }
}

export interface Keep {
  /** The newest, whatever their age. */
  readonly count: number
  /** Of so many days, weeks and months before: the newest of each. */
  readonly daily: number
  readonly weekly: number
  readonly monthly: number
  /** Of all archives of this node together. */
  readonly bytesMax: number
}

/**
 * Which of these (newest first, of all spaces) go. Of each space stay the newest, the last proven one and pinned ones, whatever else is asked for;
 * beyond that the oldest go until all fit.
 */
export function surplusArchives(files: readonly ArchiveFile[], keep: Keep, standing: { isPinned(name: string): boolean; isProven(name: string): boolean }): readonly ArchiveFile[] {
  const dear = new Set<ArchiveFile>()
  const kept = new Set<ArchiveFile>()
  for (const ofSpace of Map.groupBy(files, ({ space }) => space).values()) {
    const proven = ofSpace.find(({ name }) => standing.isProven(name))
    for (const file of [ofSpace[0], proven, ...ofSpace.filter(({ name }) => standing.isPinned(name))]) if (file !== undefined) dear.add(file)
    for (const file of ofSpace.slice(0, keep.count)) kept.add(file)
    for (const [count, spanMs] of [
      [keep.daily, dayMs],
      [keep.weekly, 7 * dayMs],
      [keep.monthly, 30 * dayMs],
    ] as const) {
      const newest = new Map<number, ArchiveFile>()
      for (const file of ofSpace) if (!newest.has(Math.floor(file.at / spanMs))) newest.set(Math.floor(file.at / spanMs), file)
      for (const file of [...newest.values()].slice(0, count)) kept.add(file)
    }
  }
  const staying = files.filter((file) => dear.has(file) || kept.has(file))
  let bytes = staying.reduce((sum, file) => sum + file.bytes, 0)
  for (const file of staying.toReversed()) {
    if (bytes <= keep.bytesMax) break
    if (dear.has(file)) continue
    kept.delete(file)
    bytes -= file.bytes
  }
  return files.filter((file) => !dear.has(file) && !kept.has(file))
}

/** The digest first, so that none is left without its file. */
export async function removeArchive(file: string): Promise<void> {
  await rm(digestFileOf(file), { force: true })
  await rm(file, { force: true })
}
