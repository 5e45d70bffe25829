import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { actorInCharge } from '@icn/node'
import { commonsSpace, type Did, type SpaceId, toHex } from '@icn/protocol'
import { Home } from './daemon.ts'
import { dayMs, foundCoop, Person, TestNode, until } from './harness.ts'
import { placesOf } from './places.ts'

/** Nodes of one network over real connections on loopback. */

const listening = { 'network.listen_addr': '/ip4/127.0.0.1/tcp/0', 'snapshot.cut_lag_secs': '0' }

async function found(t: TestContext): Promise<TestNode> {
  const node = await TestNode.start({ flags: listening })
  t.after(() => node.dispose())
  return node
}

/** A fresh node that was given the file of another's network. */
async function joined(t: TestContext, first: TestNode, flags: Readonly<Record<string, string>> = listening): Promise<TestNode> {
  const node = new TestNode({ flags })
  t.after(() => node.dispose())
  writeFileSync(join(node.folder, 'network.json'), JSON.stringify({ network_id: first.network, bootstrap: placesOf(first) }))
  await node.open()
  return node
}

const food = 'coop:food' as SpaceId

const digest = (node: TestNode, space: SpaceId = commonsSpace): string => {
  const info = node.at.journal.info(space)
  return info === undefined ? '' : toHex(info.setDigest)
}

const edge = (node: TestNode, subject: Did, weight: number) =>
  node.at.journal.propose({
    space: commonsSpace,
    kind: 'trust.edge.set',
    author: node.at.did,
    grant: null,
    body: { subject, graph: 'technical', weight, expires_at: Date.now() + 90 * dayMs },
  })

it('three nodes share their network, tell each other what is new, and meet again after a restart', async (t) => {
  const one = await found(t)
  const two = await joined(t, one)
  const three = await joined(t, one)
  await until('the network to be everywhere', () => digest(two) === digest(one) && digest(three) === digest(one))
  assert.equal(two.network, one.network)
  assert.equal((await edge(one, two.at.did, 900)).outcome, 'applied')
  await until('the edge to be everywhere', () => digest(two) === digest(one) && digest(three) === digest(one))
  const { items } = await new Person(two, 'Ada').read('trust.edge.list', { issuer: one.at.did })
  assert.deepEqual(
    items.map(({ subject, weight }: { subject: string; weight: number }) => [subject, weight]),
    [[two.at.did, 900]],
  )

  await two.stop()
  assert.equal((await edge(one, three.at.did, 800)).outcome, 'applied')
  await two.open()
  await until('what was missed to be there', () => digest(two) === digest(one))
  for (const node of [one, two, three]) {
    assert.deepEqual(node.at.journal.root(commonsSpace), one.at.journal.root(commonsSpace))
    await node.healthy()
  }
})

it('a node is reached over WebSocket where TCP of its own kind does not get through', async (t) => {
  const one = await TestNode.start({ flags: { 'network.ws_listen_addr': '127.0.0.1:0' } })
  t.after(() => one.dispose())
  assert.deepEqual(
    placesOf(one).map((address) => address.replace(/\d+\/ws/, '…/ws').replace(/p2p\/.*/, 'p2p')),
    ['/ip4/127.0.0.1/tcp/…/ws/p2p'],
  )
  const two = await joined(t, one, {})
  assert.deepEqual(placesOf(two), [], 'it dials, and listens nowhere')
  await until('the network to be everywhere', () => digest(two) === digest(one))
})

it('a node of another network is not listened to', async (t) => {
  const one = await found(t)
  const other = await TestNode.start({ flags: { ...listening, 'network.bootstrap_peers': placesOf(one)[0] as string } })
  t.after(() => other.dispose())
  assert.notEqual(other.network, one.network)
  await until('them to have met and parted', () => [one, other].every((node) => node.at.network?.status().links.length === 0))
  assert.notEqual(digest(other), digest(one))
  await one.healthy()
})

it('a file of a network that is none is named, and nothing is opened', async (t) => {
  const home = await Home.make()
  t.after(() => home.dispose())
  writeFileSync(join(home.folder, 'network.json'), '{ "network_id": "elsewhere" }')
  const running = home.run()
  assert.equal((await running.end()).code, 2)
  assert.match(running.errors, /network\.json: network_id not the id of a first operation/)
})

it('a node that was invited accepts with its ticket, holds the coop, and gets nothing more when it is removed', async (t) => {
  const one = await found(t)
  const two = await joined(t, one)
  const three = await joined(t, one)
  const ada = new Person(one, 'Ada')
  const ben = new Person(one, 'Ben')
  await foundCoop([
    { person: ada, roles: ['member', 'steward'] },
    { person: ben, roles: ['member', 'steward'] },
  ])
  await until('the network to be everywhere', () => digest(two) === digest(one) && digest(three) === digest(one))
  const join = async (node: TestNode, ticket: string) => {
    const { ok, code } = await node.rpc.ask('coop.host.join', { ticket }, { token: node.at.operatorToken })
    return ok ? 'accepted' : code
  }
  const { ticket } = await ada.read('coop.host.ticket', { coop_id: 'food', did: two.at.did })
  assert.equal(await join(two, ticket), 'SPACE_NOT_PROVEN', 'a ticket gives no right')
  assert.equal(await join(three, ticket), 'TICKET_INVALID', 'it is for somebody else')
  assert.equal(await join(two, 'icnhost1nonsense'), 'TICKET_INVALID')
  assert.equal((await two.rpc.ask('coop.host.join', { ticket })).code, 'OPERATOR_ONLY')

  const both = async (done: Promise<{ readonly value: { readonly act?: { readonly act_id: string } } }>): Promise<void> => {
    const { act } = (await done).value
    if (act !== undefined) await ben.must('act.confirm', { space: food, operation_id: act.act_id })
  }
  await both(ada.must('coop.host.add', { coop_id: 'food', did: two.at.did, label: 'Elm' }))
  assert.equal(await join(two, ticket), 'accepted')
  assert.equal(await join(two, ticket), 'accepted', 'saying it twice changes nothing')
  await until('the coop to be there', () => two.at.journal.info(food) !== undefined && digest(two, food) === digest(one, food))
  assert.equal(three.at.journal.info(food), undefined)
  const { body } = await one.rpc.ask('network.status', {}, { token: one.at.operatorToken })
  const spacesWith = (did: string): string[] => body.links.find((link: { did: string }) => link.did === did)?.spaces
  assert.deepEqual([spacesWith(two.at.did), spacesWith(three.at.did)], [['commons', food], ['commons']])

  // Nobody makes what both hold final alone: they agree, whoever begins.
  for (const node of [one, two]) for (const { space } of node.at.journal.spaces()) await node.at.network?.snapshots.cutDue(space)
  await until(
    'the coop to have a cut of both',
    () => one.at.journal.info(food)?.checkpoint?.id !== undefined && two.at.journal.info(food)?.checkpoint?.id === one.at.journal.info(food)?.checkpoint?.id,
    60_000,
  )
  const cut = one.at.journal.info(commonsSpace)?.checkpoint
  assert.ok(cut)
  await until('the cut of commons to be settled at the other', () => two.at.journal.info(commonsSpace)?.checkpoint?.id === cut.id)

  // People are served by either, and what is written at one is at the other.
  const ben2 = new Person(two, 'Ben')
  await ben2.must('coop.update_profile', { coop_id: 'food', did: ben2.did, name: 'Ben of the cheese counter' })
  await until('the name to be at the first', async () => (await ada.read('coop.get_member', { coop_id: 'food', did: ben.did })).name === 'Ben of the cheese counter')
  // Whoever changes nodes reads what they have written, however quick they are.
  for (const way of [(at: TestNode) => at.rest, (at: TestNode) => at.rpc]) {
    const name = `Ada, ${way(two).base}`
    const written = await ada.must('coop.update_profile', { coop_id: 'food', did: ada.did, name })
    const read = await new Person(two, 'Ada', way).ask('coop.get_member', { coop_id: 'food', did: ada.did }, { atLeast: written.operations[0].id })
    assert.deepEqual([read.ok, read.body.name], [true, name], JSON.stringify(read.body))
  }
  await two.restart()
  // The part that reaches others comes back after a crash, and the doors know the one that runs.
  actorInCharge.run('network', () => two.at.supervisor.lost(new Error('a promise that nobody waited for')))
  await until('the links to be back', () => (two.at.network?.status().links ?? []).some(({ state, spaces }) => state === 'ready' && spaces.includes(food)), 20_000)
  await ada.must('coop.update_profile', { coop_id: 'food', did: ada.did, name: 'Ada of the bakery' })
  await until('what was missed to be there', () => digest(two, food) === digest(one, food))
  assert.deepEqual(two.at.journal.root(food), one.at.journal.root(food))

  await both(ada.must('coop.host.remove', { coop_id: 'food', did: two.at.did, reason: 'Retired machine' }))
  await ada.must('coop.update_profile', { coop_id: 'food', did: ada.did, name: 'Ada' })
  const known = two.at.journal.operations(food, { limit: 1_000 }).map(({ body }) => body as { readonly name?: string; readonly reason?: string })
  assert.ok(!known.some(({ name, reason }) => name === 'Ada' || reason === 'Retired machine'))

  // Taken in again it goes on where its own chain has ended, and signs nothing until that has come back to it.
  await both(ada.must('coop.host.add', { coop_id: 'food', did: two.at.did, label: 'Elm' }))
  const { ticket: again } = await ada.read('coop.host.ticket', { coop_id: 'food', did: two.at.did })
  assert.equal(await join(two, again), 'accepted')
  await until('it to be equal again', () => digest(two, food) === digest(one, food), 20_000)
  const own = two.at.journal.operations(food, { limit: 1_000 }).filter(({ operation }) => operation.envelope.signer === two.at.did)
  // Certificates of cuts may stand between.
  assert.deepEqual(
    own.map(({ operation: { envelope } }) => envelope.seq),
    own.map((_, index) => index),
  )
  assert.ok(own.every(({ status }) => status === 'applied'))
  assert.equal(own.filter(({ operation: { envelope } }) => envelope.kind === 'coop.host.accept').length, 2)
  assert.ok(own.at(-1)?.operation.envelope.kind === 'coop.host.accept')
  assert.equal(two.at.journal.info(food)?.isMute, false)
  await ben2.must('coop.update_profile', { coop_id: 'food', did: ben2.did, name: 'Ben' })
  await until('the name to be at the first', async () => (await ada.read('coop.get_member', { coop_id: 'food', did: ben.did })).name === 'Ben')
  for (const node of [one, three]) await node.healthy()
})
