import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { coopRules, commonsRules, coopStats } from '@icn/domain'
import { journalDefaults, openJournal, openSqliteStore } from '@icn/journal'
import { didOfKey } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { food, writeHistory } from './history.ts'

it('makes half a year of a food coop: forty members, a lost phone, one operation that needs a person', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'icn-dev-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const seed = new Uint8Array(32).fill(5)
  const now = Date.UTC(2026, 10, 1)
  const world = await writeHistory(openSqliteStore({ folder }), seed, now, 'http://127.0.0.1:8080')
  const key = signingKeyFromSeed(seed)
  const journal = openJournal({
    store: openSqliteStore({ folder }),
    key,
    node: didOfKey(key.publicKey),
    rulesOf: (space) => (space === 'commons' ? commonsRules : coopRules),
    wall: () => now,
    options: { ...journalDefaults, verifyThreads: 0 },
  })
  const facts = journal.read(food)
  assert.ok(facts)
  assert.equal(coopStats(facts)?.total_members, 40)
  assert.deepEqual(
    journal.quarantine(food, { limit: 10 }).map(({ operation }) => operation.id),
    [world.quarantined],
  )
  assert.deepEqual(journal.doctor(), [])
  await journal.close()
})
