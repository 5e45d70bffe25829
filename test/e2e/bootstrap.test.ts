import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { type SpaceId, toHex } from '@icn/protocol'
import { foundCoop, Person, TestNode, until } from './harness.ts'
import { placesOf } from './places.ts'

/** A new host takes the state of a space first, and then what came after it. */

const food = 'coop:food' as SpaceId
const flags = { 'network.listen_addr': '/ip4/127.0.0.1/tcp/0', 'snapshot.auto': 'false', 'snapshot.chunk_size': '65536', 'snapshot.bootstrap_operations': '20' }

async function nodeOf(t: TestContext, first?: TestNode): Promise<TestNode> {
  const node = new TestNode({ flags })
  t.after(() => node.dispose())
  if (first !== undefined) writeFileSync(join(node.folder, 'network.json'), JSON.stringify({ network_id: first.network, bootstrap: placesOf(first) }))
  await node.open()
  return node
}

const digest = (node: TestNode, space: SpaceId): string => toHex(node.at.journal.info(space)?.setDigest ?? new Uint8Array())
async function measure(node: TestNode, name: string): Promise<number> {
  const text = await (await fetch(`${node.at.addresses.metrics}/metrics`)).text()
  const line = text.split('\n').find((one) => one.startsWith(`${name} `))
  return Number(line?.slice(name.length))
}

it('a host that is new begins from the state, goes on with the others, and another one takes it from both', async (t) => {
  const one = await nodeOf(t)
  const [ada, ben] = [new Person(one, 'Ada'), new Person(one, 'Ben')]
  await foundCoop([
    { person: ada, roles: ['member', 'steward'] },
    { person: ben, roles: ['member', 'steward'] },
  ])
  const [two, three] = [await nodeOf(t, one), await nodeOf(t, one)]
  for (let i = 0; i < 40; i++) await ada.must('coop.update_profile', { coop_id: 'food', did: ada.did, name: `Ada the ${i}th` })
  for (const node of [two, three]) {
    const { value } = await ada.must('coop.host.add', { coop_id: 'food', did: node.at.did, label: 'Elm' })
    if (value.act !== undefined) await ben.must('act.confirm', { space: food, operation_id: value.act.act_id })
  }
  const cut = async (node: TestNode): Promise<void> => {
    const made = await node.rpc.ask('snapshot.create', { space: food }, { token: node.at.operatorToken })
    assert.ok(made.ok, JSON.stringify(made.body))
  }
  await cut(one)
  // After the cut: this comes as operations.
  await ada.must('coop.update_profile', { coop_id: 'food', did: ada.did, name: 'Ada of the bakery' })
  const take = async (node: TestNode): Promise<void> => {
    await until(
      'the network to be there',
      () => node.at.journal.info('commons' as SpaceId) !== undefined && digest(node, 'commons' as SpaceId) === digest(one, 'commons' as SpaceId),
    )
    const { ticket } = await ada.read('coop.host.ticket', { coop_id: 'food', did: node.at.did })
    const { ok, body } = await node.rpc.ask('coop.host.join', { ticket }, { token: node.at.operatorToken })
    assert.ok(ok, JSON.stringify(body))
    await until('the coop to be there', () => digest(node, food) === digest(one, food))
    assert.ok(node.at.journal.info(food)?.historyFrom, 'what stands before the cut is not here')
    assert.deepEqual(node.at.journal.root(food), one.at.journal.root(food))
    assert.equal(await measure(node, 'icn_snapshot_bootstraps_total{outcome="installed"}'), 1)
  }
  await take(two)
  assert.ok((await measure(one, 'icn_snapshot_chunks_total{direction="out",outcome="ok"}')) >= 3)

  // People are served by it, and it makes cuts with the first one, also after a restart.
  await new Person(two, 'Ben').must('coop.update_profile', { coop_id: 'food', did: ben.did, name: 'Ben of the cheese counter' })
  await two.restart()
  await until('what was written there to be at the first', () => digest(two, food) === digest(one, food))
  await until('the link to be back', () => two.at.network?.status().links.some(({ spaces }) => spaces.includes(food)) === true)
  await cut(two)
  await until('the cut of both to be settled', () => one.at.journal.info(food)?.checkpoint?.id === two.at.journal.info(food)?.checkpoint?.id)

  await take(three)
  for (const node of [one, two, three]) {
    assert.deepEqual(node.at.journal.doctor(), [])
    await node.healthy()
  }
})

it('a short history is taken operation by operation', async (t) => {
  const one = await nodeOf(t)
  const ada = new Person(one, 'Ada')
  await foundCoop([{ person: ada, roles: ['member', 'steward'] }])
  const two = await nodeOf(t, one)
  await ada.must('coop.host.add', { coop_id: 'food', did: two.at.did, label: 'Elm' })
  const made = await one.rpc.ask('snapshot.create', { space: food }, { token: one.at.operatorToken })
  assert.ok(made.ok, JSON.stringify(made.body))
  await until('the network to be there', () => digest(two, 'commons' as SpaceId) === digest(one, 'commons' as SpaceId))
  const { ticket } = await ada.read('coop.host.ticket', { coop_id: 'food', did: two.at.did })
  assert.ok((await two.rpc.ask('coop.host.join', { ticket }, { token: two.at.operatorToken })).ok)
  await until('the coop to be there', () => digest(two, food) === digest(one, food))
  assert.equal(two.at.journal.info(food)?.historyFrom, null)
  assert.equal(await measure(two, 'icn_snapshot_bootstraps_total{outcome="none"}'), 1)
})
