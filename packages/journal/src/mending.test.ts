import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeTrusted, toHex } from '@icn/protocol'
import { TestSigner, toy } from '@icn/testkit'
import { ToyJournal, toySpace, toyStart } from './fixture.ts'

/** Two nodes with the same operations; the rows of one are damaged. */
async function twins() {
  const [whole, damaged] = [await new ToyJournal().open(), await new ToyJournal().open()]
  const operations = [
    whole.sign(1, { body: { name: 'apples', value: 4 } }),
    whole.sign(2, { body: { name: 'plums', value: 7 } }),
    whole.sign(3, { kind: 'toy.add', body: { name: 'sum', amount: 60 } }),
    whole.sign(4, { body: { name: 'apples', value: 5 } }),
  ]
  for (const node of [whole, damaged]) {
    await node.take(...operations)
    await node.journal.checkpoint(toySpace, 0)
  }
  return { whole, damaged }
}

const rowsOf = ({ store }: ToyJournal, map: 'state' | 'undo') => [...store.range(map, '', '\u00ff')]
const rootOf = ({ journal }: ToyJournal): string => toHex(journal.root(toySpace).root)
const statuses = ({ journal }: ToyJournal): readonly string[] => journal.operations(toySpace, { limit: 100 }).map(({ operation, status }) => `${operation.envelope.kind} ${status}`)

/** Rows whose key has this in it. */
const change = (node: ToyJournal, map: 'state' | 'undo', inKey: string, to: (value: Uint8Array) => Uint8Array | null): void => {
  const found = rowsOf(node, map).filter(([key]) => key.includes(inKey))
  assert.ok(found.length > 0)
  node.store.write(found.map(([key, value]) => ({ map, key, value: to(value) })))
}
const turned = (value: Uint8Array): Uint8Array => value.map((byte, index) => (index === value.length - 1 ? byte ^ 1 : byte))

describe('rows are made anew from operations', () => {
  const damages: readonly (readonly [string, number, (node: ToyJournal) => void])[] = [
    ['when a bit has turned', 1, (node) => change(node, 'state', 'apples', turned)],
    ['when one is gone', 1, (node) => change(node, 'state', 'plums', () => null)],
    ['when all are gone', 0, (node) => change(node, 'state', '', () => null)],
    ['when what would take a change back is wrong', 0, (node) => change(node, 'undo', '', turned)],
    ['when nothing is wrong', 0, () => {}],
  ]
  for (const [when, rows, damage] of damages)
    it(when, async () => {
      const { whole, damaged } = await twins()
      damage(damaged)
      await damaged.restart()
      const mended = await damaged.journal.cuts.mend(toySpace)
      if (rows > 0) assert.deepEqual([mended.rows, mended.tables], [rows, ['toy.registers']])
      assert.equal(rootOf(damaged), rootOf(whole))
      assert.deepEqual(statuses(damaged), statuses(whole))
      assert.deepEqual(damaged.journal.doctor(), [])
      // And it goes on as if nothing had been: also backwards.
      for (const node of [whole, damaged]) node.now += 60_000
      const late = [whole.sign(30_000, { body: { name: 'pears', value: 1 } }), whole.sign(20_000, { body: { name: 'pears', value: 2 } }, new TestSigner(20))]
      for (const node of [whole, damaged]) for (const one of late) await node.take(one)
      assert.equal(rootOf(damaged), rootOf(whole))
      const past = [whole, damaged].map(({ journal }) => journal.asOf(toySpace, [toyStart + 20_000, 0]).get(toy.registers, ['pears'])?.value)
      assert.deepEqual(past, [2, 2])
      assert.deepEqual(damaged.faults, [])
    })

  it('also what was refused because of them', async () => {
    const { whole, damaged } = await twins()
    change(damaged, 'state', 'sum', () => encodeTrusted({ total: 490, count: 1 }))
    await damaged.restart()
    const add = whole.sign(5, { kind: 'toy.add', body: { name: 'sum', amount: 30 } })
    for (const node of [whole, damaged]) await node.take(add)
    assert.notDeepEqual(statuses(damaged), statuses(whole), 'the sum was thought to be too large')
    await damaged.journal.cuts.mend(toySpace)
    assert.deepEqual(statuses(damaged), statuses(whole))
    assert.equal(rootOf(damaged), rootOf(whole))
  })
})
