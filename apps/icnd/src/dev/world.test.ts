import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { commonsRules, coopHosts, coopRules, coopStats } from '@icn/domain'
import { journalDefaults, openJournal, openSqliteStore } from '@icn/journal'
import { commonsSpace, didOfKey, type SpaceId, toHex } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { food } from './history.ts'
import { housing, writeWorld, type DevNode } from './world.ts'

it('makes three nodes that hold the same: food at two, housing at two, the network at all', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'icn-dev-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const now = Date.UTC(2026, 10, 1)
  const nodes = [5, 6, 7].map((fill) => ({ folder: join(folder, String(fill)), seed: new Uint8Array(32).fill(fill) })) as [DevNode, DevNode, DevNode]
  await writeWorld(nodes, now, 'http://127.0.0.1:8080')
  const journals = nodes.map((node) => {
    const key = signingKeyFromSeed(node.seed)
    return openJournal({
      store: openSqliteStore({ folder: node.folder }),
      key,
      node: didOfKey(key.publicKey),
      rulesOf: (space) => (space === 'commons' ? commonsRules : coopRules),
      wall: () => now,
      options: { ...journalDefaults, verifyThreads: 0 },
    })
  })
  const digests = (space: SpaceId) => journals.map((journal) => toHex(journal.info(space)?.setDigest ?? new Uint8Array()))
  const [all, some, others] = [commonsSpace, food, housing].map(digests) as [string[], string[], string[]]
  assert.deepEqual(new Set(all).size, 1)
  assert.deepEqual([some[0] === some[1], some[2]], [true, ''])
  assert.deepEqual([others[1] === others[2], others[0]], [true, ''])
  const dids = journals.map(({ node }) => node)
  for (const [space, hosts] of [
    [food, [0, 1]],
    [housing, [1, 2]],
  ] as const) {
    const facts = hosts.map((i) => journals[i]?.read(space))
    for (const found of facts) {
      assert.ok(found)
      assert.deepEqual(coopHosts(found).toSorted(), hosts.map((i) => dids[i]).toSorted())
      assert.equal(coopStats(found)?.total_members, space === food ? 40 : 4)
    }
  }
  for (const journal of journals) {
    assert.deepEqual(journal.doctor(), [])
    await journal.close()
  }
})
