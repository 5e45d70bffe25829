import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { openMemoryStore } from './memory.ts'
import { type Change, type MapName, type Store, StoreFault } from './port.ts'
import { openSqliteStore } from './sqlite.ts'

const folder = (t: { after(fn: () => void): void }): string => {
  const path = mkdtempSync(join(tmpdir(), 'icn-store-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const put = (key: string, value: string, map: MapName = 'state'): Change => ({ map, key: Buffer.from(key), value: Buffer.from(value) })
const keys = (store: Pick<Store, 'range'>, options = {}): string[] => [...store.range('state', options)].map(([key]) => Buffer.from(key).toString())

for (const [name, open] of [
  ['memory', (_: string) => openMemoryStore()],
  ['sqlite', (path: string) => openSqliteStore({ folder: path })],
] as const) {
  describe(`a ${name} store`, () => {
    it('answers what was written, and forgets what was deleted', (t) => {
      const store = open(folder(t))
      store.write([put('a', '1'), put('b', '2'), put('a', '3', 'meta')])
      assert.equal(Buffer.from(store.get('state', Buffer.from('a')) as Uint8Array).toString(), '1')
      store.write([{ map: 'state', key: Buffer.from('a'), value: null }])
      assert.equal(store.get('state', Buffer.from('a')), undefined)
      assert.equal(Buffer.from(store.get('meta', Buffer.from('a')) as Uint8Array).toString(), '3')
      store.close()
    })

    it('walks in byte order, both ways, within bounds and across pages', (t) => {
      const store = open(folder(t))
      const all = Array.from({ length: 700 }, (_, i) => `k${String(i).padStart(4, '0')}`)
      store.write(all.map((key) => put(key, 'x')))
      assert.deepEqual(keys(store), all)
      assert.deepEqual(keys(store, { reverse: true }), [...all].reverse())
      assert.deepEqual(keys(store, { gte: Buffer.from('k0010'), lt: Buffer.from('k0600') }), all.slice(10, 600))
      assert.deepEqual(keys(store, { gte: Buffer.from('k0010'), lt: Buffer.from('k0600'), reverse: true, limit: 300 }), all.slice(300, 600).reverse())
      store.close()
    })

    it('keeps a snapshot as it was while the writer goes on', (t) => {
      const store = open(folder(t))
      store.write([put('a', '1')])
      const before = store.snapshot()
      store.write([put('a', '2'), put('b', '1')])
      assert.equal(Buffer.from(before.get('state', Buffer.from('a')) as Uint8Array).toString(), '1')
      assert.deepEqual(keys(before), ['a'])
      assert.deepEqual(keys(store), ['a', 'b'])
      before.close()
      store.close()
    })

    it('lets a caller write during a walk', (t) => {
      const store = open(folder(t))
      store.write(Array.from({ length: 600 }, (_, i) => put(`k${String(i).padStart(4, '0')}`, 'x')))
      let seen = 0
      for (const [key] of store.range('state')) {
        store.write([{ map: 'state', key, value: null }])
        seen++
      }
      assert.equal(seen, 600)
      assert.deepEqual(keys(store), [])
      store.close()
    })

    it('agrees with a plain map on any sequence of writes', (t) => {
      const base = folder(t)
      let run = 0
      const change = fc.record({ key: fc.uint8Array({ minLength: 0, maxLength: 3 }), value: fc.option(fc.uint8Array({ maxLength: 4 })) })
      fc.assert(
        fc.property(fc.array(fc.array(change, { maxLength: 8 }), { maxLength: 6 }), (batches) => {
          const store = open(join(base, String(run++)))
          const model = new Map<string, string>()
          for (const batch of batches) {
            store.write(batch.map(({ key, value }) => ({ map: 'state' as const, key, value })))
            for (const { key, value } of batch) {
              if (value === null) model.delete(Buffer.from(key).toString('hex'))
              else model.set(Buffer.from(key).toString('hex'), Buffer.from(value).toString('hex'))
            }
          }
          const rows = [...store.range('state')].map(([key, value]) => [Buffer.from(key).toString('hex'), Buffer.from(value).toString('hex')])
          assert.deepEqual(
            rows,
            [...model].sort(([a], [b]) => Buffer.compare(Buffer.from(a, 'hex'), Buffer.from(b, 'hex'))),
          )
          store.close()
        }),
        { numRuns: 40 },
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
        () => store.get('state', Buffer.from('a')),
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

  it('refuses a newer layout and a file that is no database', (t) => {
    const path = folder(t)
    openSqliteStore({ folder: path }).close()
    const db = new DatabaseSync(join(path, 'icn.sqlite'))
    db.exec('PRAGMA user_version = 99')
    db.close()
    assert.throws(
      () => openSqliteStore({ folder: path }),
      (error: StoreFault) => error.reason === 'newer',
    )
  })
})
