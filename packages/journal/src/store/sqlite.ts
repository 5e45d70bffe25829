import { existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { type KeyText, keyBytes, keyText } from '../key.ts'
import { Overlay } from '../overlay.ts'
import { layoutOf, newerStore, raiseLayout } from './layout-raise.ts'
import { type Change, type MapName, mapNames, type Snapshot, type Source, type Store, StoreFault, schemaVersion } from './port.ts'
import { decodeBatch, encodeBatch, sizeOf } from './recent.ts'

export interface SqliteOptions {
  /** Folder of the database file. Made with mode 0700 when absent. */
  readonly folder: string
  /** Of this program; noted in the store, so that an older one can say which it takes. */
  readonly release?: string
  /** How much of the file is read through memory mapping [bytes]. */
  readonly mmapBytes?: number
  /** Page cache of the writer's connection [bytes]. */
  readonly cacheBytes?: number
  /** Recent batches before they are merged into the tables [bytes]. Larger: fewer pages written for each commit; smaller: shorter merges and a shorter reading at the start. */
  readonly recentBytes?: number
}

/** Rows fetched at once by a walk: few at first, since most walks end early. Larger: longer pauses; smaller: more calls. */
const pageRowsFirst = 4
const pageRowsMax = 256
/** Pages of log before it is merged into the file. Each page is then merged once for many commits; larger: a longer log to read after a crash. */
const logPages = 16_000
/**
 * The durable store: SQLite, write-ahead log, an fsync for each commit, one table without row ids for each map.
 * A small batch is one row of the table `recent` and stands in memory beside the tables until some thousand rows are merged at once:
 * one commit then writes a few pages in sequence, and not one for each key that hashing has put somewhere.
 */
export const openSqliteStore = (options: SqliteOptions): Store => new SqliteStore(options)

/**
 * A consistent view of a store by a connection of its own, also from another thread or process than the one that writes. It holds up no writer;
 * the log grows until it is closed. Where nobody writes and nothing is left in the log, not one file of the folder is touched. Throws StoreFault.
 */
export function openSqliteReading(options: SqliteOptions & { /** Somebody may be writing it. */ readonly isLive: boolean }): Snapshot {
  const path = join(options.folder, 'icn.sqlite')
  if (!existsSync(path)) throw new StoreFault('io', `there is no store in ${options.folder}`)
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false })
  const db = openDatabase(!options.isLive && (log === undefined || log.size === 0) ? immutable(path) : path, options, true)
  try {
    db.exec('BEGIN')
    const found = layoutOf(db)
    if (found > schemaVersion) throw newerStore(db, path)
    if (found < schemaVersion) throw new StoreFault('io', `the store ${path} has the older layout ${found}; start this release of icnd once, which raises it`)
    const view = new Overlay(reader(db))
    addRecent(view, db)
    return viewOf(db, view, () => {})
  } catch (cause) {
    db.close()
    throw faultOf(cause, `reading ${path}`)
  }
}

class SqliteStore implements Store {
  readonly kind = 'sqlite'
  readonly #path: string
  readonly #options: SqliteOptions
  readonly #snapshots = new Set<Snapshot>()
  #tables: Tables
  /** What the table `recent` holds, over the tables. */
  #recent: Overlay
  #recentBytes = 0
  readonly #recentBytesMax: number

  constructor(options: SqliteOptions) {
    mkdirSync(options.folder, { recursive: true, mode: 0o700 })
    this.#options = options
    this.#path = join(options.folder, 'icn.sqlite')
    this.#recentBytesMax = options.recentBytes ?? 2_097_152
    this.#tables = openTables(this.#path, options)
    this.#recent = this.#readRecent()
  }

  get(map: MapName, key: KeyText): Uint8Array | undefined {
    return this.#recent.get(map, key)
  }

  range(map: MapName, gte: KeyText, lt?: KeyText, reverse?: boolean): Iterable<readonly [KeyText, Uint8Array]> {
    return this.#recent.range(map, gte, lt, reverse)
  }

  snapshot(): Snapshot {
    const snapshot = openSnapshot(this.#path, this.#options, this.#recent, () => this.#snapshots.delete(snapshot))
    this.#snapshots.add(snapshot)
    return snapshot
  }

  write(changes: Iterable<Change>): void {
    const batch = [...changes]
    const bytes = sizeOf(batch)
    if (bytes > this.#recentBytesMax / 4 || this.#recentBytes + bytes > this.#recentBytesMax) {
      this.#merge(batch)
      return
    }
    withFaults('writing a batch', () => this.#tables.keep.run(encodeBatch(batch, bytes)))
    for (const { map, key, value } of batch) this.#recent.put(map, key, value)
    this.#recentBytes += bytes
  }

  flush(): void {
    this.#merge([])
    withFaults('flushing the log', () => this.#tables.db.exec('PRAGMA wal_checkpoint(TRUNCATE)'))
  }

  backup(target: string): void {
    if (existsSync(target)) throw new StoreFault('io', `${target} exists already`)
    this.#merge([])
    withFaults(`copying to ${target}`, () => this.#tables.db.prepare('VACUUM INTO ?').run(target))
  }

  sizeOnDisk(): number {
    let size = 0
    for (const suffix of ['', '-wal']) {
      try {
        size += statSync(this.#path + suffix).size
      } catch {
        // The log is absent after a clean close.
      }
    }
    return size
  }

  close(): void {
    for (const snapshot of [...this.#snapshots]) snapshot.close()
    this.#recent = new Overlay(this.#tables.read)
    this.#tables.db.close()
  }

  reopen(): void {
    this.close()
    this.#tables = openTables(this.#path, this.#options)
    this.#recent = this.#readRecent()
  }

  #readRecent(): Overlay {
    const recent = new Overlay(this.#tables.read)
    this.#recentBytes = addRecent(recent, this.#tables.db)
    return recent
  }

  /** Everything recent and this batch go into the tables; nothing of either happened when it throws. */
  #merge(batch: readonly Change[]): void {
    const { db } = this.#tables
    withFaults('writing a batch', () => {
      try {
        db.exec('BEGIN IMMEDIATE')
        this.#apply(this.#recent.changes())
        this.#apply(batch)
        db.exec('DELETE FROM recent')
        db.exec('COMMIT')
      } catch (cause) {
        if (db.isOpen && db.isTransaction) db.exec('ROLLBACK')
        throw cause
      }
    })
    this.#recent = new Overlay(this.#tables.read)
    this.#recentBytes = 0
  }

  #apply(changes: Iterable<Change>): void {
    const { put, remove } = this.#tables
    for (const { map, key, value } of changes) {
      if (value === null) (remove.get(map) as StatementSync).run(keyBytes(key))
      else (put.get(map) as StatementSync).run(keyBytes(key), value)
    }
  }
}

/** Puts the batches that are not in the tables yet over them; answers their bytes. */
function addRecent(over: Overlay, db: DatabaseSync): number {
  let bytes = 0
  for (const { batch } of db.prepare('SELECT batch FROM recent ORDER BY id').all() as { batch: Uint8Array }[]) {
    for (const { map, key, value } of decodeBatch(batch)) over.put(map, key, value)
    bytes += batch.length
  }
  return bytes
}

/** One connection with its prepared statements. */
interface Tables {
  readonly db: DatabaseSync
  readonly read: Source
  readonly put: ReadonlyMap<MapName, StatementSync>
  readonly remove: ReadonlyMap<MapName, StatementSync>
  readonly keep: StatementSync
}

function openTables(path: string, options: SqliteOptions): Tables {
  const db = openDatabase(path, options)
  raise(db, path, options.release)
  return {
    db,
    read: reader(db),
    put: new Map(mapNames.map((map) => [map, db.prepare(`INSERT INTO ${quoted(map)} (k, v) VALUES (?, ?) ON CONFLICT (k) DO UPDATE SET v = excluded.v`)])),
    remove: new Map(mapNames.map((map) => [map, db.prepare(`DELETE FROM ${quoted(map)} WHERE k = ?`)])),
    keep: db.prepare('INSERT INTO recent (batch) VALUES (?)'),
  }
}

function withFaults(doing: string, work: () => void): void {
  try {
    work()
  } catch (cause) {
    throw faultOf(cause, doing)
  }
}

const quoted = (map: MapName): string => `"${map}"`

/** Nobody writes it: neither a log nor an index of one is made beside it. */
function immutable(path: string): URL {
  const url = pathToFileURL(path)
  url.searchParams.set('immutable', '1')
  return url
}

function openDatabase(path: string | URL, options: SqliteOptions, readOnly = false): DatabaseSync {
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
    throw faultOf(cause, `opening ${String(path)}`)
  }
}

/** Brings a layout of an earlier release to this one's; refuses a newer one. */
function raise(db: DatabaseSync, path: string, release: string | undefined): void {
  try {
    raiseLayout(db, path, release)
  } catch (cause) {
    db.close()
    throw cause instanceof StoreFault ? cause : faultOf(cause, `preparing ${path}`)
  }
}

function reader(db: DatabaseSync): Source {
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
        const row = (gets.get(map) as StatementSync).get(keyBytes(key)) as unknown as readonly [Uint8Array] | undefined
        return row?.[0]
      } catch (cause) {
        throw faultOf(cause, `reading ${map}`)
      }
    },
    *range(map, gte, lt, reverse = false) {
      let after: Uint8Array | undefined
      for (let want = pageRowsFirst; ; want = Math.min(4 * want, pageRowsMax)) {
        const from = reverse || after === undefined ? keyBytes(gte) : after
        const to = reverse && after !== undefined ? after : lt === undefined ? undefined : keyBytes(lt)
        const bounds = `k ${from === after ? '>' : '>='} ?${to === undefined ? '' : ' AND k < ?'}`
        let rows: readonly (readonly [Uint8Array, Uint8Array])[]
        try {
          const statement = walk(map, bounds, reverse ? 'DESC' : 'ASC')
          rows = (to === undefined ? statement.all(from, want) : statement.all(from, to, want)) as unknown as typeof rows
        } catch (cause) {
          throw faultOf(cause, `walking ${map}`)
        }
        for (const [key, value] of rows) yield [keyText(key), value]
        if (rows.length < want) return
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

function openSnapshot(path: string, options: SqliteOptions, recent: Overlay, closed: () => void): Snapshot {
  const db = openDatabase(path, { ...options, cacheBytes: 8_388_608 }, true)
  db.exec('BEGIN')
  // The first read fixes the view.
  db.prepare('SELECT k FROM meta LIMIT 1').get()
  return viewOf(db, recent.copy(reader(db)), closed)
}

function viewOf(db: DatabaseSync, view: Source, closed: () => void): Snapshot {
  let open = true
  return {
    get: (map, key) => view.get(map, key),
    range: (map, gte, lt, reverse) => view.range(map, gte, lt, reverse),
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
