import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type JournalApi, journalDefaults, openJournal, openMemoryStore } from '@icn/journal'
import { didOfKey, type OperationId, type SpaceId } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { toyRules } from '@icn/testkit'
import { phaseOf, type SnapshotRecord, SnapshotRecords } from './records.ts'

const food = 'coop:food' as SpaceId
const genesis = 'bafyreicaabhdf4cwkzs5av3eaagt3fqklqjw364r5ngv3jq3ohk56pervm' as OperationId
const key = signingKeyFromSeed(new Uint8Array(32).fill(1))
const node = didOfKey(key.publicKey)

function openLocal(): JournalApi['local'] {
  return openJournal({ store: openMemoryStore(), key, node, rulesOf: () => toyRules, wall: () => 0, options: { ...journalDefaults, verifyThreads: 0 } }).local
}

const record = (n: number, ...phases: readonly SnapshotRecord['phases'][number]['phase'][]): SnapshotRecord => ({
  id: n.toString(16).padStart(64, '0'),
  space: food,
  genesis,
  purpose: 'checkpoint',
  coordinator: node,
  participants: [node],
  cut: [n, 0],
  previous: null,
  phases: phases.map((phase, index) => ({ phase, at: 1_000 * n + index })),
  missing: [],
  differing: [],
  differences: [],
  code: null,
  certified: null,
})

it('the last 1000 records of a space are kept, the newest first, and found by their id', () => {
  const local = openLocal()
  const records = new SnapshotRecords(local, () => 0)
  for (let n = 1; n <= 1_005; n++) {
    records.save(record(n, 'marking'))
    records.save(record(n, 'marking', 'failed'))
  }
  const kept = [...new SnapshotRecords(local, () => 0).list(genesis)]
  assert.deepEqual([kept.length, kept[0]?.cut, kept.at(-1)?.cut], [1_000, [1_005, 0], [6, 0]])
  assert.equal(records.get(record(5).id), undefined)
  assert.deepEqual(records.get(record(6).id), record(6, 'marking', 'failed'))
})

it('what was under way when the node stopped is cancelled, and nothing else', () => {
  const local = openLocal()
  const before = new SnapshotRecords(local, () => 0)
  before.save(record(1, 'marking', 'uniting'))
  before.save(record(2, 'marking', 'complete'))
  const after = new SnapshotRecords(local, () => 9_000)
  assert.deepEqual([...after.list(genesis)].map(phaseOf), ['complete', 'cancelled'])
  assert.equal(after.get(record(1).id)?.phases.at(-1)?.at, 9_000)
  assert.deepEqual([...local.scan(['snapshot.running'])], [])
})
