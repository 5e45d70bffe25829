import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { SpaceId, Vectors } from '@icn/protocol'
import { foundCoop, Person, TestNode, until } from './harness.ts'

/** A node and a copy of it, which make different things final: each shows the other's certificate when it comes. */

const food = 'coop:food' as SpaceId
const flags = { 'node.alone': 'true', 'snapshot.auto': 'false', 'supervisor.metrics_update_interval_secs': '1' }

const everything = (node: TestNode) => {
  const vectors = node.at.journal.vectors(food) as Vectors
  return vectors.lacking(new Map(vectors.entries().map(({ signer }) => [signer, 0])), { countMax: 1_000, bytesMax: 10_000_000 }).operations
}

const operator = async (node: TestNode, method: string, input: Readonly<Record<string, unknown>>): Promise<any> =>
  (await node.rpc.ask(method as never, input, { token: node.at.operatorToken })).body

/** One more name, and a cut behind it. */
async function goOn(node: TestNode, name: string): Promise<string> {
  const person = new Person(node, name)
  await person.must('coop.update_profile', { coop_id: 'food', did: person.did, name: `${name} of the mill` })
  await node.at.journal.checkpoint(food, 0)
  return node.at.journal.info(food)?.checkpoint?.id as string
}

it('two ends of one story are shown on both sides, with both certificates and who signed both', async (t) => {
  const one = await TestNode.start({ flags })
  t.after(() => one.dispose())
  await foundCoop([
    { person: new Person(one, 'Ada'), roles: ['member', 'steward'] },
    { person: new Person(one, 'Ben'), roles: ['member', 'steward'] },
  ])
  await one.at.journal.checkpoint(food, 0)
  const previous = one.at.journal.info(food)?.checkpoint?.id
  await one.stop()
  const two = new TestNode({ flags })
  t.after(() => two.dispose())
  two.takeOver(one)
  await one.open()
  await two.open()
  const ends = [await goOn(one, 'Ada'), await goOn(two, 'Ben')] as const
  const space = async (node: TestNode) => (await operator(node, 'space.list', {})).items.find((item: { space: string }) => item.space === food)
  assert.deepEqual((await space(one)).finality.splits, [])

  const [first, second] = [everything(one), everything(two)]
  await one.at.journal.ingest(food, second)
  await two.at.journal.ingest(food, first)
  for (const [node, here, other] of [
    [one, ends[0], ends[1]],
    [two, ends[1], ends[0]],
  ] as const) {
    const { finality, checkpoint } = await until('the other certificate to be judged', async () => {
      const found = await space(node)
      return found.finality.splits.length > 0 && found
    })
    assert.equal(checkpoint.id, here, 'what is final here stays')
    const [split, ...more] = finality.splits
    assert.deepEqual(more, [])
    assert.deepEqual(
      [split.previous, split.here.checkpoint, split.other.checkpoint, split.signed_both, split.other.signed_by, split.majority],
      [previous, here, other, [node.at.did], [node.at.did], true],
    )
    assert.match(finality.says, /two ends of one story/)
    const told = await until('the operator to be told', async () => {
      const { events } = await operator(node, 'event.page', { spaces: ['node'], topics: ['space:status'], limit: 50 })
      return events.find(({ type }: { type: string }) => type === 'icn.space.split')
    })
    assert.deepEqual(told.data, { space: food, ...split })
    const { findings } = await operator(node, 'node.doctor', {})
    assert.ok(findings.some(({ name, state, text }: { name: string; state: string; text: string }) => name === 'finality' && state === 'fail' && text.includes('two ends')))
  }
  await one.restart()
  assert.equal((await space(one)).finality.splits.length, 1, 'it is not forgotten')
})
