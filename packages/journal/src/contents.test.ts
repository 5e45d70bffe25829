import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { didOfKey, type OperationId, type SignedOperation } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { raw, TestSigner, toyRules } from '@icn/testkit'
import { hostSeed, ToyJournal, toySpace, toyStart } from './fixture.ts'
import { openJournal } from './journal.ts'
import { journalDefaults } from './options.ts'
import { openMemoryStore } from './store/memory.ts'

const entries = ({ journal }: ToyJournal): readonly (readonly [OperationId, OperationId | undefined])[] =>
  journal.quarantine(toySpace, { limit: 10 }).map(({ operation, retriedBy }) => [operation.id, retriedBy?.id])

function orders<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((first, i) => orders(items.filter((_, j) => j !== i)).map((rest) => [first, ...rest]))
}

describe('an entry of the quarantine', () => {
  it('is settled by the first operation after it by which the same counts, in whatever order they come', async () => {
    const s = new ToyJournal()
    const bob = new TestSigner(2)
    const body = { name: 'a', value: 5, expect: 1 }
    // Nobody has set it to 1 yet; then somebody has; then it holds 5.
    const early = s.sign(1, { body })
    const opens = s.sign(2, { body: { name: 'a', value: 1 } }, bob)
    const [again, more] = [s.sign(3, { body }), s.sign(4, { body })]
    const others = [s.sign(5, { body: { name: 'a', value: 1 } }, bob), s.sign(6, { body }, new TestSigner(3)), s.sign(7, { body: { ...body, value: 6, expect: 5 } })]
    for (const order of orders<SignedOperation>([early, opens, again, more])) {
      const node = await new ToyJournal().open()
      for (const operation of order) await node.take(operation)
      await node.take(...others)
      assert.deepEqual(node.statuses(early, opens, again, more), ['refused', 'applied', 'applied', 'refused'])
      assert.deepEqual(entries(node), [
        [early.id, again.id],
        [more.id, undefined],
      ])
      assert.equal(node.journal.operation(early.id)?.retriedBy?.id, again.id)
      assert.deepEqual(node.journal.operation(early.id)?.retriedBy?.at, [toyStart + 3, 0])
      assert.deepEqual(node.journal.doctor(), [])
    }
  })

  it('is open again when what settled it does not count any more, and gone when a rewind applies it after all', async () => {
    const s = await new ToyJournal().open()
    const bob = new TestSigner(2)
    const body = { name: 'a', value: 5, expect: 1 }
    const early = s.sign(2, { body })
    const again = s.sign(4, { body })
    await s.take(early, s.sign(3, { body: { name: 'a', value: 1 } }, bob), again)
    assert.deepEqual(entries(s), [[early.id, again.id]])
    // Ada was closed before: both of hers fall.
    const closes = s.sign(1, { kind: 'toy.close', body: { who: s.ada.did } }, new TestSigner(3))
    await s.take(closes)
    assert.deepEqual(entries(s), [
      [early.id, undefined],
      [again.id, undefined],
    ])
    const other = await new ToyJournal().open()
    await other.take(early, again)
    await other.take(s.sign(1, { body: { name: 'a', value: 1 } }, new TestSigner(4)))
    assert.deepEqual(entries(other), [[again.id, undefined]])
  })

  it('that came late or was forked is settled by the same said again', async () => {
    const s = await new ToyJournal().open()
    const bob = new TestSigner(2)
    const [one, two] = [s.sign(1, { keep: true }, bob), s.sign(2, { body: { name: 'a', value: 2 } }, bob)]
    await s.take(one, two)
    await s.take(s.sign(3))
    await s.journal.checkpoint(toySpace, 0)
    const cora = new TestSigner(3)
    const late = s.sign(2, { body: { name: 'a', value: 9 } }, cora)
    const again = s.sign(20_000, { body: { name: 'a', value: 9 } }, cora)
    s.now += 30_000
    await s.take(late, again)
    assert.deepEqual(s.statuses(one, two, late, again), ['forked', 'forked', 'late', 'applied'])
    assert.deepEqual(entries(s), [
      [one.id, undefined],
      [two.id, undefined],
      [late.id, again.id],
    ])
    assert.deepEqual(s.journal.doctor(), [])
  })
})

it('a store from before the index has it after it was opened', async () => {
  const store = openMemoryStore()
  const key = signingKeyFromSeed(new Uint8Array(32).fill(hostSeed))
  const parts = { store: { ...store, close() {} }, key, node: didOfKey(key.publicKey), rulesOf: () => toyRules, wall: () => toyStart + 10_000 }
  const s = new ToyJournal()
  const before = openJournal({ ...parts, options: { ...journalDefaults, verifyThreads: 0 } })
  const body = { name: 'a', value: 5, expect: 1 }
  await before.ingest(toySpace, [s.genesis, s.sign(1, { body }), s.sign(2, { body: { name: 'a', value: 1 } }, new TestSigner(2)), s.sign(3, { body })].map(raw))
  const [entry] = before.quarantine(toySpace, { limit: 10 })
  assert.ok(entry?.retriedBy)
  await before.close()
  store.write([...store.range('contents', '')].map(([at]) => ({ map: 'contents' as const, key: at, value: null })))
  store.write([{ map: 'meta', key: 'contents', value: null }])
  const after = openJournal({ ...parts, options: { ...journalDefaults, verifyThreads: 0 } })
  assert.deepEqual(after.quarantine(toySpace, { limit: 10 }), [entry])
  assert.deepEqual(after.doctor(), [])
  await after.close()
})
