import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Another store in the place of the one that is here, in steps that a power cut may fall between. */

const noteOf = (folder: string): string => join(folder, 'run', 'swap.json')

/** Puts `<folder>/<from>` where the store is; what was there stays beside it under the name that is answered. Null: nothing was there. */
export function swapStore(folder: string, from: string, why: 'restore' | 'rebuild', now: number): string | null {
  const store = join(folder, 'store')
  const time = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')
  const kept = `store.before-${why}-${time}`
  mkdirSync(join(folder, 'run'), { recursive: true, mode: 0o700 })
  writeFileSync(noteOf(folder), JSON.stringify({ from }), { mode: 0o600, flush: true })
  syncFolder(join(folder, 'run'))
  const wasThere = existsSync(store)
  if (wasThere) renameSync(store, join(folder, kept))
  finishSwap(folder)
  return wasThere ? kept : null
}

/** What a power cut has interrupted is brought to its end: without it a start would find no store and begin anew. */
export function finishSwap(folder: string): void {
  const from = readNote(folder)
  if (from === undefined) return
  const store = join(folder, 'store')
  if (!existsSync(store) && existsSync(join(folder, from))) renameSync(join(folder, from), store)
  syncFolder(folder)
  rmSync(noteOf(folder), { force: true })
}

function readNote(folder: string): string | undefined {
  try {
    const { from } = JSON.parse(readFileSync(noteOf(folder), 'utf8')) as { readonly from?: unknown }
    return typeof from === 'string' ? from : undefined
  } catch {
    return undefined
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
