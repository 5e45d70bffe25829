import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dayMs, type OperationId, toHex } from '@icn/protocol'
import { TestSigner, toy, toyRules } from '@icn/testkit'
import { ToyJournal, toySpace, toyStart } from './fixture.ts'
import { addDigest } from './records.ts'
import type { Refusal } from './refusal.ts'
import { stateTag, TreeBuilder } from './tree.ts'

describe('the past', () => {
  it('can be asked for thirty days after it is final, and what is not final can be rewound for ever', async () => {
    const s = await new ToyJournal().open()
    const early = s.sign(13_000, { body: { name: 'b', value: 7, expect: 0 } }, new TestSigner(3))
    await s.propose('toy.set', { name: 'a', value: 1 })
    s.now += 1_000
    await s.propose('toy.set', { name: 'a', value: 2 })
    await s.journal.checkpoint(toySpace, 0)
    s.now += 5_000
    await s.propose('toy.set', { name: 'b', value: 3, expect: 0 })
    const valueAt = (at: number) => s.journal.asOf(toySpace, [toyStart + at, 65_535]).get(toy.registers, ['a'])?.value
    s.now += 29 * dayMs
    await s.journal.maintain()
    assert.deepEqual([valueAt(10_500), valueAt(12_000)], [1, 2])
    s.now += 2 * dayMs
    await s.journal.maintain()
    assert.throws(
      () => valueAt(10_500),
      (error: Refusal) => error.code === 'AS_OF_OUT_OF_REACH',
    )
    assert.equal(valueAt(12_000), 2)
    await s.take(early)
    assert.equal(s.journal.read(toySpace)?.get(toy.registers, ['b'])?.value, 7)
    assert.deepEqual(s.journal.doctor(), [])
  })
})

describe('a body that is kept for a week', () => {
  it('is there for a week after it was said, although it is final', async () => {
    const s = await new ToyJournal().open()
    const { operation } = await s.propose('toy.note', { text: 'private' })
    await s.journal.checkpoint(toySpace, 0)
    const bodyAfter = async (days: number): Promise<unknown> => {
      s.now += days * dayMs
      await s.journal.maintain()
      return s.journal.operation(operation?.operation.id as OperationId)?.body
    }
    assert.deepEqual([await bodyAfter(6), await bodyAfter(2)], [{ text: 'private' }, null])
  })
})

describe('the root of a state', () => {
  it('covers every row of every table', async () => {
    const s = await new ToyJournal().open()
    await s.take(s.sign(1, { kind: 'toy.close', body: { who: new TestSigner(5).did } }), s.sign(2, { kind: 'toy.add', body: { name: 's', amount: 1 } }), s.sign(3))
    await s.journal.checkpoint(toySpace, 0)
    const facts = s.journal.read(toySpace)
    const rows = toyRules.tables.map((table) => facts?.count(table) ?? 0)
    assert.deepEqual(rows, [1, 1, 1, 1, 1])
    assert.equal(s.journal.root(toySpace).pairs, 5)
  })

  it('is the same for ever', () => {
    const rootOf = (pairs: number): string => {
      const tree = new TreeBuilder(stateTag)
      for (let i = 0; i < pairs; i++) tree.add(Uint8Array.of(i >> 8, i & 255), new Uint8Array(i % 200).fill(i))
      return toHex(tree.end().root)
    }
    assert.equal(rootOf(0), 'c7220350cd5e7392b6a6d826e6f7030cc23eb3f47ecb692fbb6a4aac237c47e7')
    assert.equal(rootOf(1), '59ebc69a03913b73a6ef1e483962e15a86506bb6a5e78bf045745f8cb9d7897a')
    assert.equal(rootOf(1_000), '6709b810aa5abaabb523ed6874f9a38ff4a9531a67783d7a5e0f649607f0870e')
  })
})

describe('the digest of a set', () => {
  it('is a sum modulo 2^256, whatever the order', () => {
    const [all, one] = [new Uint8Array(32).fill(255), Uint8Array.from({ length: 32 }, (_, i) => (i === 31 ? 1 : 0))]
    assert.equal(toHex(addDigest(all, one)), '00'.repeat(32))
    assert.equal(
      toHex(
        addDigest(
          one,
          Uint8Array.from({ length: 32 }, (_, i) => (i === 31 ? 255 : 0)),
        ),
      ),
      `${'00'.repeat(30)}0100`,
    )
  })
})
