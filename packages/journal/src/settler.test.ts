import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { SignedOperation } from '@icn/protocol'
import { Chance, raw, TestSigner } from '@icn/testkit'
import { ToyJournal, toySpace, toyStart } from './fixture.ts'
import { leavesOwner, leavesOwnerChange, storedLeaves } from './leaves.ts'
import { spacePrefix, stateKey } from './layout.ts'

const prefix = spacePrefix(1)
const cutOf = (node: ToyJournal) => node.journal.info(toySpace)?.checkpoint
const isCut = ({ envelope }: SignedOperation): boolean => envelope.kind === 'space.checkpoint'
const allOf = (node: ToyJournal): SignedOperation[] => node.journal.operations(toySpace, { limit: 10_000 }).map(({ operation }) => operation)

/** A host that has made everything up to now final, another node that has all but the cut, and the cut. */
async function pair(count: number) {
  const host = await new ToyJournal().open()
  const other = await new ToyJournal({ seed: 14 }).open()
  const operations = Array.from({ length: count }, (_, i) => host.sign(1 + i, { body: { name: `n${i}`, value: i } }))
  await host.take(...operations)
  await other.take(...operations)
  await host.journal.checkpoint(toySpace, 0)
  return { host, other, cut: allOf(host).find(isCut) as SignedOperation }
}

describe('a cut from elsewhere is found beside the writer', () => {
  it('and whoever writes meanwhile does not wait for it', async () => {
    const { host, other, cut } = await pair(3_000)
    const order: string[] = []
    const settled = other.take(cut).then(() => order.push('settled'))
    // The first turn places the cut, and what it stands for takes more than one.
    await new Promise((resolve) => setImmediate(resolve))
    for (let i = 0; i < 3; i++) await other.propose('toy.set', { name: 'mine', value: i }).then(() => order.push('written'))
    await settled
    assert.deepEqual(order, ['written', 'written', 'written', 'settled'])
    assert.deepEqual(cutOf(other)?.cut, cutOf(host)?.cut)
    assert.deepEqual(other.journal.doctor(), [])
  })

  it('with what has come meanwhile and does not belong to it', async () => {
    const { host, other, cut } = await pair(3_000)
    const late = host.sign(2, {}, new TestSigner(15))
    const settled = other.take(cut)
    while (other.journal.info(toySpace)?.operations.held !== 1) await new Promise((resolve) => setImmediate(resolve))
    await other.take(late)
    assert.deepEqual(other.statuses(late), ['applied'])
    await settled
    assert.deepEqual(other.statuses(late), ['late'])
    await host.take(late)
    assert.deepEqual(other.journal.root(toySpace), host.journal.root(toySpace))
    assert.equal(other.journal.info(toySpace)?.unfinal, 0)
    assert.deepEqual(other.journal.doctor(), [])
  })

  it('after a restart, when the process ended before', async () => {
    const { host, other, cut } = await pair(3_000)
    void other.take(cut)
    while (other.journal.info(toySpace)?.operations.held !== 1) await new Promise((resolve) => setImmediate(resolve))
    await other.restart()
    assert.equal(cutOf(other), null)
    await other.journal.maintain()
    assert.deepEqual(cutOf(other)?.cut, cutOf(host)?.cut)
    assert.deepEqual(other.faults, [])
  })

  it('once, when several carry it, and in order when several wait', async () => {
    const { host, other, cut } = await pair(20)
    const body = host.journal.operation(cut.id)?.body
    const again = [1, 2].map((i) => host.sign(9_000, { kind: 'space.checkpoint', body }, new TestSigner(20 + i)))
    await host.take(host.sign(9_500, { body: { name: 'later', value: 1 } }))
    await host.journal.checkpoint(toySpace, 0)
    const rest = allOf(host).filter(({ id }) => id !== cut.id && other.journal.operation(id) === undefined)
    await Promise.all([...rest.reverse(), ...again, cut].map((operation) => other.take(operation)))
    await host.take(...again)
    assert.deepEqual(cutOf(other)?.id, cutOf(host)?.id)
    assert.deepEqual(other.journal.root(toySpace), host.journal.root(toySpace))
  })
})

describe('the root of a cut', () => {
  it('is that of every row, read from the leaves of the cut before', async () => {
    const host = await new ToyJournal().open()
    const other = await new ToyJournal({ seed: 14 }).open()
    const chance = new Chance(5)
    for (let cut = 0; cut < 12; cut++) {
      const operations = Array.from({ length: 40 }, (_, i) =>
        host.sign(1_000 * cut + 20 * i + chance.below(15), { body: { name: `n${chance.below(300)}`, value: i } }, new TestSigner(30 + 50 * cut + i)),
      )
      host.now = toyStart + 1_000 * cut + 900
      await host.take(...operations)
      await host.journal.checkpoint(toySpace, 0)
      const { checkpoint = '', age } = leavesOwner(host.store, prefix.from) ?? {}
      assert.deepEqual([checkpoint, age], [cutOf(host)?.id, cut])
      // The other one has forgotten them and reads every row, so that the law finds each root that differs.
      other.store.write([leavesOwnerChange(prefix.from, null)])
      await other.take(...allOf(host))
      assert.equal(cutOf(other)?.id, cutOf(host)?.id)
      assert.equal(leavesOwner(other.store, prefix.from)?.age, 0)
      assert.deepEqual([...storedLeaves(other.store, prefix)], [...storedLeaves(host.store, prefix)])
    }
    assert.deepEqual([...host.faults, ...other.faults], [])
  })

  it('is found from every row again after a hundred cuts, and what differs is told', async () => {
    const host = await new ToyJournal().open()
    const cut = async (i: number): Promise<void> => {
      host.now = toyStart + 1_000 * i
      await host.take(host.sign(1_000 * i - 10, { body: { name: `n${i}`, value: i } }))
      await host.journal.checkpoint(toySpace, 0)
    }
    await host.take(...Array.from({ length: 1_000 }, (_, i) => host.sign(1, { body: { name: `z${i}`, value: i }, at: [toyStart + 1, i] })))
    await cut(1)
    // As a damaged store has it: one row, behind the back of its leaves.
    const key = prefix.from + stateKey('toy.registers', ['z500'])
    const value = host.store.get('state', key) as Uint8Array
    host.store.write([{ map: 'state', key, value: Uint8Array.from(value, (byte, at) => (at === value.length - 1 ? byte ^ 1 : byte)) }])
    for (let i = 2; i <= 100; i++) await cut(i)
    assert.deepEqual(host.faults, [])
    assert.equal(leavesOwner(host.store, prefix.from)?.age, 99)
    await cut(101)
    assert.deepEqual(host.faults, ['leaves'])
    assert.equal(leavesOwner(host.store, prefix.from)?.age, 0)
  })

  it('keeps many leaves in commits of their own', async () => {
    const host = await new ToyJournal().open()
    const other = await new ToyJournal({ seed: 14 }).open()
    const operations = [host.sign(1), host.sign(2, { body: { name: 'b', value: 1 } })]
    for (const { store, journal } of [host, other]) {
      await journal.ingest(toySpace, operations.map(raw))
      const value = store.get('state', prefix.from + stateKey('toy.registers', ['b'])) as Uint8Array
      store.write(Array.from({ length: 40_000 }, (_, i) => ({ map: 'state', key: prefix.from + stateKey('toy.registers', [`b${i}`]), value })))
    }
    await host.journal.checkpoint(toySpace, 0)
    await other.take(...allOf(host).filter(isCut))
    for (const node of [host, other]) assert.equal(leavesOwner(node.store, prefix.from)?.checkpoint, cutOf(host)?.id)
    const leaves = [...storedLeaves(host.store, prefix)]
    assert.ok(leaves.length > 500)
    assert.deepEqual([...storedLeaves(other.store, prefix)], leaves)
  })
})
