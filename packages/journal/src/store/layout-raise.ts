import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { mapNames, StoreFault, schemaVersion } from './port.ts'

/** Which layout a store has, who wrote it, and how an older one becomes this release's (operating page §6). */

export const layoutOf = (db: DatabaseSync): number => Number((db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version)

const releaseKey = Buffer.from('release')

/** The release that wrote it last; undefined for what was written before releases said so. */
function releaseOf(db: DatabaseSync): string | undefined {
  try {
    const row = db.prepare('SELECT v FROM "meta" WHERE k = ?').get(releaseKey) as { readonly v: Uint8Array } | undefined
    return row === undefined ? undefined : Buffer.from(row.v).toString()
  } catch {
    // A layout that we do not know may not even have this table.
    return undefined
  }
}

/** What to say of a layout that only later releases know. */
export function newerStore(db: DatabaseSync, path: string): StoreFault {
  const release = releaseOf(db)
  return new StoreFault(
    'newer',
    `the store ${path} has layout ${layoutOf(db)}; this release knows ${schemaVersion}. Start ${release === undefined ? 'the newer release' : `icn ${release} or newer`}, or go back to the copy that was made before it was raised: ${dirname(path)}.before-…`,
  )
}

/**
 * Creates what is missing, in one transaction. An older layout is copied first, into a folder beside the store's that can take its place: `<folder>.before-<release>`.
 * Throws StoreFault for a newer one; the caller closes the connection.
 */
export function raiseLayout(db: DatabaseSync, path: string, release: string | undefined): void {
  const found = layoutOf(db)
  if (found > schemaVersion) throw newerStore(db, path)
  if (found < schemaVersion) {
    if (found > 0) keepCopy(db, path, releaseOf(db) ?? `layout-${found}`)
    db.exec('BEGIN IMMEDIATE')
    for (const map of mapNames) db.exec(`CREATE TABLE IF NOT EXISTS "${map}" (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID`)
    // Layout 2: batches that are not in the tables yet.
    db.exec('CREATE TABLE IF NOT EXISTS recent (id INTEGER PRIMARY KEY, batch BLOB NOT NULL)')
    db.exec(`PRAGMA user_version = ${schemaVersion}`)
    db.exec('COMMIT')
  }
  if (release !== undefined && releaseOf(db) !== release)
    db.prepare('INSERT INTO "meta" (k, v) VALUES (?, ?) ON CONFLICT (k) DO UPDATE SET v = excluded.v').run(releaseKey, Buffer.from(release))
}

/** Whole or not at all: half a copy from a start that was cut short is made again. */
function keepCopy(db: DatabaseSync, path: string, before: string): void {
  const folder = `${dirname(path)}.before-${before.replace(/[^0-9A-Za-z.-]/g, '_')}`
  if (existsSync(join(folder, basename(path)))) return
  const part = `${folder}.part`
  rmSync(part, { recursive: true, force: true })
  mkdirSync(part, { mode: 0o700 })
  db.prepare('VACUUM INTO ?').run(join(part, basename(path)))
  renameSync(part, folder)
}
