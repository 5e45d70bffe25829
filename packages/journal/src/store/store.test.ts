import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { openMemoryStore } from './memory.ts'
import { type Change, type MapName, type Snapshot, type Source, StoreFault } from './port.ts'
import { openSqliteReading, openSqliteStore } from './sqlite.ts'

const folder = (t: { after(fn: () => void): void }): string => {
  const path = mkdtempSync(join(tmpdir(), 'icn-store-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const put = (key: string, value: string, map: MapName = 'state'): Change => ({ map, key, value: Buffer.from(value) })
const keys = (source: Source, gte = '', lt?: string, reverse?: boolean): string[] => [...source.range('state', gte, lt, reverse)].map(([key]) => key)

for (const [name, open] of [
  ['memory', (_: string) => openMemoryStore()],
  ['sqlite', (path: string) => openSqliteStore({ folder: path })],
  // Merges what is recent all the time.
  ['sqlite (hasty)', (path: string) => openSqliteStore({ folder: path, recentBytes: 200 })],
] as const) {
  describe(`a ${name} store`, () => {
    it('answers what was written, and forgets what was deleted', (t) => {
      const store = open(folder(t))
      store.write([put('a', '1'), put('b', '2'), put('a', '3', 'meta')])
      assert.equal(Buffer.from(store.get('state', 'a') as Uint8Array).toString(), '1')
      store.write([{ map: 'state', key: 'a', value: null }])
      assert.equal(store.get('state', 'a'), undefined)
      assert.equal(Buffer.from(store.get('meta', 'a') as Uint8Array).toString(), '3')
      store.close()
    })

    it('walks in byte order, both ways, within bounds and across pages', (t) => {
      const store = open(folder(t))
      const all = Array.from({ length: 700 }, (_, i) => `k${String(i).padStart(4, '0')}`)
      store.write(all.map((key) => put(key, 'x')))
      assert.deepEqual(keys(store), all)
      assert.deepEqual(keys(store, '', undefined, true), [...all].reverse())
      assert.deepEqual(keys(store, 'k0010', 'k0600'), all.slice(10, 600))
      assert.deepEqual(keys(store, 'k0010', 'k0600', true), all.slice(10, 600).reverse())
      store.close()
    })

    it('keeps a snapshot as it was while the writer goes on', (t) => {
      const store = open(folder(t))
      store.write([put('a', '1')])
      const before = store.snapshot()
      store.write([put('a', '2'), put('b', '1')])
      assert.equal(Buffer.from(before.get('state', 'a') as Uint8Array).toString(), '1')
      assert.deepEqual(keys(before), ['a'])
      assert.deepEqual(keys(store), ['a', 'b'])
      before.close()
      store.close()
    })

    it('lets a caller write during a walk', (t) => {
      const store = open(folder(t))
      store.write(Array.from({ length: 600 }, (_, i) => put(`k${String(i).padStart(4, '0')}`, 'x')))
      let seen = 0
      for (const [key] of store.range('state', '')) {
        store.write([{ map: 'state', key, value: null }])
        seen++
      }
      assert.equal(seen, 600)
      assert.deepEqual(keys(store), [])
      store.close()
    })

    it('agrees with a plain map on any sequence of writes, walks, snapshots and starts', (t) => {
      const base = folder(t)
      let run = 0
      const key = fc.uint8Array({ minLength: 0, maxLength: 3 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
      const change = fc.record({ map: fc.constantFrom<MapName>('state', 'ids'), key, value: fc.option(fc.uint8Array({ maxLength: 40 })) })
      const step = fc.oneof(
        { weight: 8, arbitrary: fc.array(change, { maxLength: 8 }) },
        { weight: 1, arbitrary: fc.constantFrom('flush' as const, 'start' as const, 'snapshot' as const) },
      )
      const shown = (source: Source, gte = '', lt?: string, reverse = false): string[] =>
        [...source.range('state', gte, lt, reverse)].map(([at, value]) => `${at} ${Buffer.from(value).toString('hex')}`)
      fc.assert(
        fc.property(fc.array(step, { maxLength: 16 }), key, key, (steps, gte, lt) => {
          const path = join(base, String(run++))
          let store = open(path)
          let kept: { readonly snapshot: Snapshot; readonly rows: readonly string[] } | undefined
          const model = new Map<string, string>()
          const rows = (): string[] => [...model].sort(([a], [b]) => (a < b ? -1 : 1)).map(([at, value]) => `${at} ${value}`)
          for (const what of steps) {
            if (typeof what !== 'string') {
              store.write(what)
              for (const { map, key: at, value } of what) {
                if (map !== 'state') continue
                if (value === null) model.delete(at)
                else model.set(at, Buffer.from(value).toString('hex'))
              }
            } else if (what === 'flush') store.flush()
            else if (what === 'snapshot') {
              kept?.snapshot.close()
              kept = { snapshot: store.snapshot(), rows: rows() }
            } else if (store.kind === 'sqlite') {
              if (kept !== undefined) assert.deepEqual(shown(kept.snapshot), kept.rows)
              kept = undefined
              store.close()
              store = open(path)
            }
            assert.deepEqual(shown(store), rows())
          }
          assert.deepEqual(shown(store, '', undefined, true), rows().reverse())
          const within = rows().filter((row) => row.slice(0, row.lastIndexOf(' ')) >= gte && row.slice(0, row.lastIndexOf(' ')) < lt)
          assert.deepEqual(shown(store, gte, lt), within)
          assert.deepEqual(shown(store, gte, lt, true), within.reverse())
          for (const [at, value] of model) assert.equal(Buffer.from(store.get('state', at) as Uint8Array).toString('hex'), value)
          if (kept !== undefined) assert.deepEqual(shown(kept.snapshot), kept.rows)
          store.close()
        }),
        { numRuns: name === 'memory' ? 300 : 30 },
      )
    })

    it('copies itself consistently and refuses to overwrite', (t) => {
      const path = folder(t)
      const store = open(join(path, 'store'))
      store.write([put('a', '1')])
      store.backup(join(path, 'copy'))
      assert.throws(() => store.backup(join(path, 'copy')), StoreFault)
      store.close()
    })

    it('says that it is closed', (t) => {
      const store = open(folder(t))
      store.close()
      assert.throws(
        () => store.get('state', 'a'),
        (error: StoreFault) => error.reason === 'closed',
      )
    })
  })
}

describe('the sqlite store', () => {
  it('holds everything after closing and opening', (t) => {
    const path = folder(t)
    const first = openSqliteStore({ folder: path })
    first.write([put('a', '1')])
    first.close()
    const second = openSqliteStore({ folder: path })
    assert.deepEqual(keys(second), ['a'])
    assert.ok(second.sizeOnDisk() > 0)
    second.close()
  })

  it('has what was recent when it ended without closing, and takes a copy of that as well', (t) => {
    const path = folder(t)
    const first = openSqliteStore({ folder: path })
    first.write([put('a', '1'), put('b', '1')])
    first.write([put('a', '2'), { map: 'state', key: 'b', value: null }])
    // Another process that reads the file now sees what one after a crash would.
    const second = openSqliteStore({ folder: path })
    assert.deepEqual(keys(second), ['a'])
    assert.equal(Buffer.from(second.get('state', 'a') as Uint8Array).toString(), '2')
    second.close()
    first.backup(join(path, 'icn.copy'))
    first.close()
    const copy = new DatabaseSync(join(path, 'icn.copy'))
    assert.deepEqual(copy.prepare('SELECT count(*) AS n FROM state').get(), { __proto__: null, n: 1 })
    copy.close()
  })

  it('is read by a connection of its own as it stood, recent batches with it, while somebody writes', (t) => {
    const path = folder(t)
    const store = openSqliteStore({ folder: path })
    store.write([put('a', '1'), put('b', '1')])
    const reading = openSqliteReading({ folder: path, isLive: true })
    store.write([put('a', '2'), put('c', '1'), { map: 'state', key: 'b', value: null }])
    store.write(Array.from({ length: 3_000 }, (_, i) => put(`x${i}`, 'x'.repeat(1_000))))
    assert.deepEqual(keys(reading), ['a', 'b'])
    assert.equal(Buffer.from(reading.get('state', 'a') as Uint8Array).toString(), '1')
    reading.close()
    const later = openSqliteReading({ folder: path, isLive: true })
    assert.equal(keys(later).length, 3_002)
    later.close()
    store.close()
  })

  it('leaves no trace of having been read where nobody writes', (t) => {
    const path = folder(t)
    const store = openSqliteStore({ folder: path })
    store.write([put('a', '1')])
    store.flush()
    store.close()
    const before = readdirSync(path)
    const reading = openSqliteReading({ folder: path, isLive: false })
    assert.deepEqual(keys(reading), ['a'])
    assert.deepEqual(readdirSync(path), before)
    reading.close()
    assert.deepEqual(readdirSync(path), before)
    assert.throws(() => openSqliteReading({ folder: join(path, 'nowhere'), isLive: false }), StoreFault)
  })

  it('raises an older layout, and keeps a copy of it that can take its place', (t) => {
    const home = folder(t)
    const path = join(home, 'store')
    const first = openSqliteStore({ folder: path, release: '0.1.0' })
    first.write([put('a', '1')])
    first.flush()
    first.close()
    const db = new DatabaseSync(join(path, 'icn.sqlite'))
    db.exec('DROP TABLE recent')
    db.exec('PRAGMA user_version = 1')
    db.close()
    // A start that was cut short has left half a copy.
    mkdirSync(join(home, 'store.before-0.1.0.part'))
    writeFileSync(join(home, 'store.before-0.1.0.part', 'icn.sqlite'), 'half')
    const raised = openSqliteStore({ folder: path, release: '0.2.0' })
    assert.deepEqual(keys(raised), ['a'])
    raised.write([put('b', '1')])
    raised.close()
    assert.deepEqual(readdirSync(home).sort(), ['store', 'store.before-0.1.0'])
    const copy = new DatabaseSync(join(home, 'store.before-0.1.0', 'icn.sqlite'))
    assert.deepEqual(copy.prepare('SELECT count(*) AS n FROM state').get(), { __proto__: null, n: 1 })
    assert.deepEqual(copy.prepare('PRAGMA user_version').get(), { __proto__: null, user_version: 1 })
    copy.close()
  })

  it('raises a layout without leaves, which are absent then', (t) => {
    const path = folder(t)
    openSqliteStore({ folder: path }).close()
    const db = new DatabaseSync(join(path, 'icn.sqlite'))
    db.exec('DROP TABLE leaves')
    db.exec('PRAGMA user_version = 3')
    db.close()
    const raised = openSqliteStore({ folder: path })
    assert.deepEqual([...raised.range('leaves', '')], [])
    raised.write([put('a', '1', 'leaves')])
    raised.close()
    const again = openSqliteStore({ folder: path })
    assert.deepEqual(
      [...again.range('leaves', '')].map(([key]) => key),
      ['a'],
    )
    again.close()
  })

  it('refuses a newer layout, and says which release it takes', (t) => {
    const path = folder(t)
    openSqliteStore({ folder: path, release: '9.9.0' }).close()
    const db = new DatabaseSync(join(path, 'icn.sqlite'))
    db.exec('PRAGMA user_version = 99')
    db.close()
    for (const open of [() => openSqliteStore({ folder: path, release: '0.1.0' }), () => openSqliteReading({ folder: path, isLive: false })])
      assert.throws(open, (error: StoreFault) => error.reason === 'newer' && error.message.includes('icn 9.9.0 or newer'))
  })
})
