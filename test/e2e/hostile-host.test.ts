import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { commonsSpace, type Did, keyOfDid, rawBytes, type SpaceId, toHex } from '@icn/protocol'
import { raw, TestSigner } from '@icn/testkit'
import { dayMs, foundCoop, Person, TestNode, until } from './harness.ts'
import { placesOf } from './places.ts'
import { said, Stranger } from './stranger.ts'

/** A host of a shared cooperative whose key is in wrong hands: no number of points ends its link, and it gets nothing in that was not asked for. */

/** All come from this machine, and count as if they did not. */
const listening = { 'network.listen_addr': '/ip4/127.0.0.1/tcp/0', 'network.dial_loopback': 'true' }
const food = 'coop:food' as SpaceId
const allBuckets = [...Array(256).keys()]

async function joined(t: TestContext, first: TestNode): Promise<TestNode> {
  const node = new TestNode({ flags: listening })
  t.after(() => node.dispose())
  writeFileSync(join(node.folder, 'network.json'), JSON.stringify({ network_id: first.network, bootstrap: placesOf(first) }))
  await node.open()
  await until('the network to be there', () => node.at.journal.info(commonsSpace) !== undefined)
  return node
}

const digest = (node: TestNode, space: SpaceId): string => toHex(node.at.journal.info(space)?.setDigest ?? new Uint8Array())

async function metricOf(node: TestNode, row: string): Promise<number> {
  const text = await (await fetch(`${node.at.addresses.metrics}/metrics`)).text()
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${row} `))
      ?.slice(row.length) ?? 0,
  )
}

/** One node founds a cooperative, and all of them hold it. */
async function hosting(t: TestContext): Promise<{ readonly nodes: readonly [TestNode, TestNode, TestNode]; readonly ada: Person }> {
  const one = await TestNode.start({ flags: listening })
  t.after(() => one.dispose())
  const [two, three] = [await joined(t, one), await joined(t, one)]
  const [ada, ben] = [new Person(one, 'Ada'), new Person(one, 'Ben')]
  await foundCoop([ada, ben].map((person) => ({ person, roles: ['member', 'steward'] })))
  for (const node of [two, three]) {
    const { act } = (await ada.must('coop.host.add', { coop_id: 'food', did: node.at.did, label: 'Elm' })).value
    if (act !== undefined) await ben.must('act.confirm', { space: food, operation_id: act.act_id })
    const { ticket } = await ada.read('coop.host.ticket', { coop_id: 'food', did: node.at.did })
    await until('the ticket to be taken', async () => (await node.rpc.ask('coop.host.join', { ticket }, { token: node.at.operatorToken })).ok)
  }
  await until('the cooperative to be everywhere', () => [two, three].every((node) => digest(node, food) === digest(one, food)))
  return { nodes: [one, two, three], ada }
}

/** 200 points in one breath. */
function misbehave(node: TestNode, host: Stranger): void {
  const ana = new TestSigner(70)
  const forged = Array.from({ length: 5 }, (_, i) => ({ ...said(node, ana, i, true), signature: new Uint8Array(64).fill(1) }))
  host.send([...forged, ...Array.from({ length: 5 }, (_, i) => ({ envelope: Uint8Array.of(i), signature: new Uint8Array(64), body: null }))])
}

it('a host with many points keeps its link and its questions, pushes nothing in, and what it tells of by vectors is taken', async (t) => {
  const { nodes, ada } = await hosting(t)
  const [one, two, three] = nodes
  const operator = { token: one.at.operatorToken }
  const pointsOf = async (did: Did): Promise<number> => (await one.rpc.ask('network.peer.get', { did }, operator)).body.points
  const isHere = (id: string): boolean => one.at.journal.operations(commonsSpace, { limit: 10_000 }).some(({ operation }) => operation.id === id)

  const { did } = two.at
  await two.stop()
  const thief = new Stranger(Uint8Array.from(two.keys?.seed ?? []))
  t.after(() => thief.hangUp())
  assert.equal(thief.did, did)
  await thief.meet(one)
  misbehave(one, thief)
  await until('the points', async () => (await pointsOf(did)) >= 190)
  assert.ok(thief.isConnected, 'stewards decide about hosts')
  assert.equal((await one.rpc.ask('network.peer.get', { did }, operator)).body.ban, null)
  const { items } = (await one.rpc.ask('network.evidence.list', { did, limit: 50 }, operator)).body
  assert.deepEqual([...new Set(items.map(({ kind }: { kind: string }) => kind))].sort(), ['bad_signature', 'malformed_operation'])

  // Well made, and not asked for.
  const ana = new TestSigner(70)
  const pushed = ana.sign({
    space: commonsSpace,
    genesis: one.network,
    kind: 'trust.edge.set',
    body: { subject: one.at.did, graph: 'technical', weight: 7, expires_at: Date.now() + 90 * dayMs },
    at: [Date.now(), 0],
  })
  const granted = (): number => Math.max(0, ...thief.of('credit').map(({ bytes }) => bytes))
  const before = granted()
  thief.send([raw(pushed)])
  await until('it to be read', () => granted() >= before + rawBytes(raw(pushed)))
  assert.ok(!isHere(pushed.id))
  assert.ok((await metricOf(one, 'icn_network_throttled_total{reason="points"}')) > 0)
  // Its questions are answered.
  thief.say({ t: 'want', space: commonsSpace, w: 1, ids: [one.network] })
  await until('the answer', () => thief.of('ops').some(({ w }) => w === 1))

  // What the others write goes its way meanwhile.
  for (const [i, node] of [one, three].entries()) {
    await new Person(node, 'Ada').must('coop.update_profile', { coop_id: 'food', did: ada.did, name: `Ada ${i}` })
    await until('it to be at the other', () => digest(three, food) === digest(one, food))
  }

  thief.say({ t: 'vector', space: commonsSpace, buckets: allBuckets, entries: [[keyOfDid(ana.did), 0, pushed.id, new Uint8Array(8)]], ask: false })
  thief.send([raw(pushed)])
  await until('what was told of to be taken', () => isHere(pushed.id))
  assert.ok(thief.isConnected)
  await thief.hangUp()

  // The host itself is back: it hears what it has missed, and what it has written comes by vectors.
  await three.stop()
  await two.open()
  await until('it to have caught up', () => digest(two, food) === digest(one, food))
  assert.ok((await pointsOf(did)) >= 100)
  const pushes = await metricOf(one, 'icn_network_throttled_total{reason="points"}')
  await new Person(two, 'Ben').must('coop.update_profile', { coop_id: 'food', did: new Person(two, 'Ben').did, name: 'Ben of the cheese counter' })
  await until('the push to be left out', async () => (await metricOf(one, 'icn_network_throttled_total{reason="points"}')) > pushes)
  await until('the vectors to bring it', () => digest(two, food) === digest(one, food), 60_000)
  assert.deepEqual(two.at.journal.root(food), one.at.journal.root(food))
})
