import assert from 'node:assert/strict'
import { it } from 'node:test'
import { dayMs, type Did, didOfKey } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { MemoryTables } from '@icn/testkit'
import { keepers } from './commons/tables.ts'
import { hosts } from './coop/tables.ts'
import { commonsRules, coopRules } from './rules.ts'

const elm = didOfKey(signingKeyFromSeed(new Uint8Array(32).fill(1)).publicKey)
const start = 1_790_000_000_000

const lapsed = (rules: typeof coopRules, tables: MemoryTables, days: number, did: Did = elm): boolean => rules.hasLapsed?.(tables, did, [start + days * dayMs, 0]) === true

it('a host that has left counts no more; one that was removed counts for seven days, one that is in review or active for ever', () => {
  const tables = new MemoryTables()
  const row = { label: 'Elm', added_by: elm, added_at: start, note: '' }
  assert.equal(lapsed(coopRules, tables, 400), false, 'nobody knows it')
  for (const status of ['active', 'review', 'invited'] as const) {
    tables.put(hosts, [elm], { ...row, status })
    assert.equal(lapsed(coopRules, tables, 400), false, status)
  }
  tables.put(hosts, [elm], { ...row, status: 'left', ended_at: start })
  assert.equal(lapsed(coopRules, tables, 0), true)
  tables.put(hosts, [elm], { ...row, status: 'removed', ended_at: start })
  assert.deepEqual([lapsed(coopRules, tables, 0), lapsed(coopRules, tables, 6.99), lapsed(coopRules, tables, 7)], [false, false, true])
})

it('a keeper whose part has ended counts for seven days', () => {
  const tables = new MemoryTables()
  tables.put(keepers, [elm], { label: 'Elm', addresses: [], since_at: start })
  assert.equal(lapsed(commonsRules, tables, 400), false)
  tables.put(keepers, [elm], { label: 'Elm', addresses: [], since_at: start, ended_at: start })
  assert.deepEqual([lapsed(commonsRules, tables, 6.99), lapsed(commonsRules, tables, 7)], [false, true])
})
