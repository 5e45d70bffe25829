import { existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { type Change, type MapName, mapNames, type RangeOptions, type Reader, type Snapshot, type Store, StoreFault, schemaVersion } from './port.ts'

export interface SqliteOptions {
  /** Folder of the database file. Made with mode 0700 when absent. */
  readonly folder: string
  /** How much of the file is read through memory mapping [bytes]. */
  readonly mmapBytes?: number
  /** Page cache of the writer's connection [bytes]. */
  readonly cacheBytes?: number
}

/** Rows fetched at once by a walk. Larger: longer pauses; smaller: more calls. */
const pageRows = 256
/** Pages of log before it is merged into the file. Each page is then merged once for many commits; larger: a longer log to read after a crash. */
const logPages = 16_000

/** The durable store: SQLite, write-ahead log, an fsync for each commit, one table without row ids for each map. */
export function openSqliteStore(options: SqliteOptions): Store {
  mkdirSync(options.folder, { recursive: true, mode: 0o700 })
  const path = join(options.folder, 'icn.sqlite')
  const db = openDatabase(path, options)
  migrate(db, path)
  const read = reader(db)
  const put = new Map(mapNames.map((map) => [map, db.prepare(`INSERT INTO ${quoted(map)} (k, v) VALUES (?, ?) ON CONFLICT (k) DO UPDATE SET v = excluded.v`)]))
  const remove = new Map(mapNames.map((map) => [map, db.prepare(`DELETE FROM ${quoted(map)} WHERE k = ?`)]))
  const begin = db.prepare('BEGIN IMMEDIATE')
  const commit = db.prepare('COMMIT')
  const snapshots = new Set<Snapshot>()

  return {
    kind: 'sqlite',
    get: read.get,
    range: read.range,
    snapshot() {
      const snapshot = openSnapshot(path, options, () => snapshots.delete(snapshot))
      snapshots.add(snapshot)
      return snapshot
    },
    write(changes: Iterable<Change>) {
      try {
        begin.run()
        for (const { map, key, value } of changes) {
          if (value === null) (remove.get(map) as StatementSync).run(key)
          else (put.get(map) as StatementSync).run(key, value)
        }
        commit.run()
      } catch (cause) {
        if (db.isTransaction) db.exec('ROLLBACK')
        throw faultOf(cause, 'writing a batch')
      }
    },
    flush() {
      try {
        db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      } catch (cause) {
        throw faultOf(cause, 'flushing the log')
      }
    },
    backup(target) {
      if (existsSync(target)) throw new StoreFault('io', `${target} exists already`)
      try {
        db.prepare('VACUUM INTO ?').run(target)
      } catch (cause) {
        throw faultOf(cause, `copying to ${target}`)
      }
    },
    sizeOnDisk() {
      let size = 0
      for (const suffix of ['', '-wal']) {
        try {
          size += statSync(path + suffix).size
        } catch {
          // The log is absent after a clean close.
        }
      }
      return size
    },
    close() {
      for (const snapshot of [...snapshots]) snapshot.close()
      db.close()
    },
  }
}

const quoted = (map: MapName): string => `"${map}"`

function openDatabase(path: string, options: SqliteOptions, readOnly = false): DatabaseSync {
  try {
    const db = new DatabaseSync(path, { readOnly, timeout: 5_000 })
    if (!readOnly) {
      db.exec('PRAGMA journal_mode = WAL')
      db.exec('PRAGMA synchronous = FULL')
      db.exec(`PRAGMA wal_autocheckpoint = ${logPages}`)
    }
    db.exec(`PRAGMA cache_size = -${Math.floor((options.cacheBytes ?? 67_108_864) / 1024)}`)
    db.exec(`PRAGMA mmap_size = ${options.mmapBytes ?? 1_073_741_824}`)
    return db
  } catch (cause) {
    throw faultOf(cause, `opening ${path}`)
  }
}

/** Creates the maps in an empty file; refuses a newer layout. Versions before the first release do not exist, so there is nothing to raise yet. */
function migrate(db: DatabaseSync, path: string): void {
  try {
    const found = Number((db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version)
    if (found > schemaVersion) throw new StoreFault('newer', `the store ${path} has layout ${found}; this release knows ${schemaVersion}. Start the newer release.`)
    if (found === schemaVersion) return
    db.exec('BEGIN IMMEDIATE')
    for (const map of mapNames) db.exec(`CREATE TABLE IF NOT EXISTS ${quoted(map)} (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID`)
    db.exec(`PRAGMA user_version = ${schemaVersion}`)
    db.exec('COMMIT')
  } catch (cause) {
    db.close()
    throw cause instanceof StoreFault ? cause : faultOf(cause, `preparing ${path}`)
  }
}

function reader(db: DatabaseSync): Reader {
  const gets = new Map(mapNames.map((map) => [map, prepared(db, `SELECT v FROM ${quoted(map)} WHERE k = ?`)]))
  const walks = new Map<string, StatementSync>()
  const walk = (map: MapName, bounds: string, order: string): StatementSync => {
    const sql = `SELECT k, v FROM ${quoted(map)} WHERE ${bounds} ORDER BY k ${order} LIMIT ?`
    let statement = walks.get(sql)
    if (statement === undefined) {
      statement = prepared(db, sql)
      walks.set(sql, statement)
    }
    return statement
  }
  return {
    get(map, key) {
      try {
        const row = (gets.get(map) as StatementSync).get(key) as unknown as readonly [Uint8Array] | undefined
        return row?.[0]
      } catch (cause) {
        throw faultOf(cause, `reading ${map}`)
      }
    },
    *range(map, options: RangeOptions = {}) {
      const { gte, lt } = options
      let after: Uint8Array | undefined
      let left = options.limit ?? Number.POSITIVE_INFINITY
      while (left > 0) {
        const want = Math.min(left, pageRows)
        const bounds: string[] = []
        const values: (Uint8Array | number)[] = []
        const bound = (operator: string, value: Uint8Array | undefined): void => {
          if (value === undefined) return
          bounds.push(`k ${operator} ?`)
          values.push(value)
        }
        if (options.reverse) {
          bound('>=', gte)
          bound('<', after ?? lt)
        } else {
          bound(after === undefined ? '>=' : '>', after ?? gte)
          bound('<', lt)
        }
        let rows: readonly (readonly [Uint8Array, Uint8Array])[]
        try {
          rows = walk(map, bounds.join(' AND ') || '1', options.reverse ? 'DESC' : 'ASC').all(...values, want) as unknown as readonly (readonly [Uint8Array, Uint8Array])[]
        } catch (cause) {
          throw faultOf(cause, `walking ${map}`)
        }
        yield* rows
        if (rows.length < want) return
        left -= rows.length
        after = (rows.at(-1) as readonly [Uint8Array, Uint8Array])[0]
      }
    },
  }
}

function prepared(db: DatabaseSync, sql: string): StatementSync {
  const statement = db.prepare(sql)
  statement.setReturnArrays(true)
  return statement
}

function openSnapshot(path: string, options: SqliteOptions, closed: () => void): Snapshot {
  const db = openDatabase(path, { ...options, cacheBytes: 8_388_608 }, true)
  db.exec('BEGIN')
  // The first read fixes the view.
  db.prepare('SELECT k FROM meta LIMIT 1').get()
  let open = true
  return {
    ...reader(db),
    close() {
      if (!open) return
      open = false
      db.close()
      closed()
    },
  }
}

function faultOf(cause: unknown, doing: string): StoreFault {
  if (cause instanceof StoreFault) return cause
  const code = (cause as { errcode?: number }).errcode ?? 0
  const message = `${doing}: ${(cause as Error).message}`
  if (!isOpenMessage((cause as Error).message)) return new StoreFault('closed', message, cause)
  switch (code & 0xff) {
    case 13:
      return new StoreFault('full', message, cause)
    case 11:
    case 26:
      return new StoreFault('corrupt', message, cause)
    case 5:
    case 6:
      return new StoreFault('busy', message, cause)
    default:
      return new StoreFault('io', message, cause)
  }
}

/** A closed connection has no error number of its own, only these two sentences. */
function isOpenMessage(message: string): boolean {
  return message !== 'database is not open' && message !== 'statement has been finalized'
}
