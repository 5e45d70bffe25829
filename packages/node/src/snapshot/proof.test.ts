import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { JournalApi } from '@icn/journal'
import { encodeKey, type SpaceId } from '@icn/protocol'
import { openMetrics } from '../metrics.ts'
import { RestoreProofs, type RestoreTrial } from './proof.ts'

/** Rows in memory, in the order of their keys. */
function localInMemory(): JournalApi['local'] {
  type Key = readonly (string | number | Uint8Array)[]
  const rows = new Map<string, readonly [Key, unknown]>()
  const text = (key: Key): string => Buffer.from(encodeKey('local', key as never)).toString('hex')
  return {
    get: (key) => rows.get(text(key))?.[1],
    *scan(prefix, options = {}) {
      const found = [...rows].filter(([key]) => key.startsWith(text(prefix))).sort(([a], [b]) => (a < b ? -1 : 1))
      if (options.reverse) found.reverse()
      for (const [, row] of found.slice(0, options.limit)) yield row
    },
    write(changes) {
      for (const { key, value } of changes) value === undefined ? rows.delete(text(key)) : rows.set(text(key), [key, value])
    },
  }
}

const food = 'coop:food' as SpaceId
const dayMs = 86_400_000

function open() {
  const local = localInMemory()
  const metrics = openMetrics({ version: '0', process: false })
  let now = 0
  const again = () => new RestoreProofs({ local, metrics, now: () => now, keepCount: 5 })
  return { proofs: again(), again, text: async () => (await metrics.text(false)).body, at: (ms: number) => (now = ms) }
}

const trial = (at: number, more: Partial<RestoreTrial> = {}): RestoreTrial => ({ what: 'backup', name: `backup-${at}`, at, result: 'proven', duration_ms: 5, ...more })

it('only what was proven moves the last proven restore, and it survives a restart', async () => {
  const { proofs, again, text } = open()
  assert.equal(proofs.lastProven(), undefined)
  assert.match(await text(), /icn_restore_drill_total\{outcome="failed"\} 0/)
  proofs.record(trial(10_000))
  proofs.record(trial(20_000, { result: 'failed', code: 'ARCHIVE_DAMAGED' }))
  proofs.record(trial(30_000, { result: 'partial', code: 'NO_BODIES' }))
  assert.equal(proofs.lastProven(), 10_000)
  const reopened = again()
  assert.equal(reopened.lastProven(), 10_000)
  assert.deepEqual(
    reopened.trials().map(({ at, result }) => [at, result]),
    [
      [30_000, 'partial'],
      [20_000, 'failed'],
      [10_000, 'proven'],
    ],
  )
  const body = await text()
  assert.match(body, /icn_restore_proven_timestamp_seconds\{what="backup"\} 10\n/)
  assert.match(body, /icn_restore_drill_total\{outcome="failed"\} 1/)
})

it('keeps the newest records, and what was proven before them', () => {
  const { proofs } = open()
  proofs.record(trial(1))
  for (let at = 2; at < 20; at++) proofs.record(trial(at, { result: 'failed', code: 'ARCHIVE_DAMAGED' }))
  assert.deepEqual(
    proofs.trials().map(({ at }) => at),
    [19, 18, 17, 16, 15],
  )
  assert.equal(proofs.lastProven('backup'), 1)
})

it('a failure is an alarm until the same thing was tried again, whatever else works', async () => {
  const { proofs, text } = open()
  proofs.record(trial(1, { what: 'archive', space: food, result: 'failed', code: 'ARCHIVE_DAMAGED' }))
  proofs.record(trial(2, { what: 'archive', space: 'coop:mill' as SpaceId }))
  assert.match(await text(), /icn_restore_failing\{what="archive"\} 1/)
  proofs.record(trial(3, { what: 'archive', space: food }))
  assert.match(await text(), /icn_restore_failing\{what="archive"\} 0/)
  proofs.record(trial(4, { what: 'archive', space: food, result: 'failed' }))
  proofs.forget(food)
  assert.match(await text(), /icn_restore_failing\{what="archive"\} 0/)
  assert.deepEqual(
    proofs.standings().map(({ space }) => space),
    ['coop:mill'],
  )
})

it('is stale after twice the time that drills may be apart, where any are asked for', () => {
  const { proofs, at } = open()
  at(100 * dayMs)
  assert.equal(proofs.isStale('backup'), false)
  proofs.expect('backup', 30 * dayMs)
  assert.equal(proofs.isStale('backup'), true)
  proofs.record(trial(100 * dayMs))
  at(160 * dayMs)
  assert.equal(proofs.isStale('backup'), false)
  at(160 * dayMs + 1)
  assert.equal(proofs.isStale('backup'), true)
})
