import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import type { Did, SpaceId } from '@icn/protocol'
import { foundCoop, freePort, Person, TestNode, until } from './harness.ts'
import { placesOf } from './places.ts'

/** Nodes that find each other by what others know, over real connections on loopback. Each start takes another port. */

const food = 'coop:food' as SpaceId
const flags = {
  'network.dial_loopback': 'true',
  'network.listen_addr': '/ip4/127.0.0.1/tcp/0',
  'supervisor.peer_exchange_delay_ms': '0',
  'supervisor.metrics_update_interval_secs': '1',
}

async function opened(t: TestContext, first?: TestNode, more: Readonly<Record<string, string>> = {}): Promise<TestNode> {
  const node = new TestNode({ flags: { ...flags, ...more } })
  t.after(() => node.dispose())
  if (first !== undefined) writeFileSync(join(node.folder, 'network.json'), JSON.stringify({ network_id: first.network, bootstrap: placesOf(first) }))
  await node.open()
  return node
}

const linked = (node: TestNode, did: Did): boolean =>
  (node.at.network?.status().links ?? []).some((link) => link.did === did && link.state === 'ready' && link.spaces.includes(food))

async function measured(node: TestNode, name: string): Promise<number> {
  const text = await (await fetch(`${node.at.addresses.metrics}/metrics`)).text()
  return Number(new RegExp(`^${name.replace(/[{}"]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1] ?? 0)
}

async function addHost(ada: Person, ben: Person, node: TestNode): Promise<void> {
  await until('the network to be there', () => node.at.journal.info('commons' as SpaceId) !== undefined)
  const { act } = (await ada.must('coop.host.add', { coop_id: 'food', did: node.at.did, label: 'Elm' })).value
  if (act !== undefined) await ben.must('act.confirm', { space: food, operation_id: act.act_id })
  const { ticket } = await ada.read('coop.host.ticket', { coop_id: 'food', did: node.at.did })
  const joined = await node.rpc.ask('coop.host.join', { ticket }, { token: node.at.operatorToken })
  assert.ok(joined.ok, JSON.stringify(joined.body))
}

it('a host that comes back at another port is found through a third host, without first contacts; who shares nothing is told nothing', async (t) => {
  const one = await opened(t)
  const [two, three, four] = [await opened(t, one), await opened(t, one), await opened(t, one)]
  const ada = new Person(one, 'Ada')
  const ben = new Person(one, 'Ben')
  await foundCoop([
    { person: ada, roles: ['member', 'steward'] },
    { person: ben, roles: ['member', 'steward'] },
  ])
  for (const node of [two, three]) await addHost(ada, ben, node)
  // They know only the first; it tells them of each other.
  await until('two hosts to find each other', () => linked(two, three.at.did) && linked(three, two.at.did), 30_000)

  const did = three.at.did
  for (const node of [two, three]) {
    await node.stop()
    rmSync(join(node.folder, 'network.json'))
  }
  await three.open()
  await until('one that came back to be there for the first', () => linked(one, did), 30_000)
  await two.open()
  await until('both that came back to find each other', () => linked(two, did) && linked(three, two.at.did), 30_000)

  // The operator sees how each is reached, and what was tried.
  const operator = (node: TestNode) => ({ token: node.at.operatorToken })
  const { body: shown } = await two.rpc.ask('network.paths', { coop_id: 'food' }, operator(two))
  assert.deepEqual(
    shown.paths.map((path: { did: string; state: string; path: string; spaces: string[] }) => [path.did, path.state, path.path, path.spaces]),
    [one.at.did, did].sort().map((other) => [other, 'ready', 'direct', ['commons', food]]),
  )
  const dial = (node: TestNode, target: string) => node.rpc.ask('network.dial', { target }, operator(node))
  const { ladder } = (await dial(two, did)).body
  assert.deepEqual([ladder.connected, ladder.rungs], [true, []], 'there is a link')
  const address = placesOf(three)[0] as string
  const dialled = await dial(four, address)
  assert.deepEqual([dialled.body.did, dialled.body.ladder.connected, dialled.body.ladder.rungs[0].source], [did, true, 'told'])
  const nowhere = await dial(four, address.replace(/tcp\/\d+/, 'tcp/1'))
  assert.equal(nowhere.code, 'NO_PATH')
  assert.deepEqual([nowhere.body.params.rungs[0].outcome, nowhere.body.params.rungs[0].code], ['failed', 'NO_PATH'])
  assert.equal((await dial(four, four.at.did)).code, 'PEER_IS_SELF')
  assert.equal((await dial(four, 'elsewhere')).code, 'ADDRESS_INVALID')
  assert.equal((await dial(four, 'did:icn:z6MkptAi5BHnH5zCPQvxzUn5oV728uzfgNsvgovKAS31F8Je')).code, 'NO_PATH')
  assert.equal((await four.rpc.ask('network.dial', { target: did })).code, 'OPERATOR_ONLY')
  await until('measures to be taken', async () => (await measured(two, 'icn_network_peers{path="direct"}')) >= 2, 15_000)
  assert.ok((await measured(two, 'icn_network_rtt_seconds')) > 0)

  assert.equal(await measured(four, 'icn_network_candidates'), 0)
  assert.ok((await measured(four, 'icn_network_peer_exchanges_total{outcome="ok"}')) > 0, 'it has asked')
  assert.ok((await measured(two, 'icn_network_candidates')) >= 2)
  assert.ok((await measured(two, 'icn_network_candidates_total{outcome="received"}')) >= 2)
  assert.ok((await measured(two, 'icn_network_candidates_total{outcome="published"}')) >= 1)
  assert.ok((await measured(two, 'icn_network_dials_total{path="direct",outcome="connected"}')) >= 1)
  for (const node of [one, two, three, four]) await node.healthy()
})

it('a host that stops before anybody has told it where they are still knows the host it joined through', async (t) => {
  const one = await opened(t)
  const two = await opened(t, one)
  const [ada, ben] = [new Person(one, 'Ada'), new Person(one, 'Ben')]
  await foundCoop([
    { person: ada, roles: ['member', 'steward'] },
    { person: ben, roles: ['member', 'steward'] },
  ])
  await addHost(ada, ben, two)
  const { did } = two.at
  await two.stop()
  rmSync(join(two.folder, 'network.json'))
  await two.open()
  await until('it to come back', () => linked(one, did), 30_000)
})

it('what everybody may know spreads by gossip, what is broken is charged to who sent it, and nothing of a cooperative goes that way', async (t) => {
  const one = await opened(t)
  const two = await opened(t, one)
  const three = await opened(t, one)
  const all = [one, two, three]
  await until('the network to be everywhere', () => all.every((node) => node.at.journal.info('commons' as SpaceId) !== undefined))
  const accepted = async () =>
    (await measured(two, 'icn_gossip_messages_total{topic="commons",verdict="accept"}')) + (await measured(two, 'icn_gossip_messages_total{topic="commons",verdict="ignore"}'))
  // Topics are joined a heartbeat after connecting; each edge is another message.
  let weight = 100
  await until(
    'a message to come by gossip',
    async () => {
      const body = { subject: three.at.did, graph: 'technical', weight: weight++, expires_at: Date.now() + 90 * 86_400_000 }
      await one.at.journal.propose({ space: 'commons' as SpaceId, kind: 'trust.edge.set', author: one.at.did, grant: null, body })
      await new Promise((resolve) => setTimeout(resolve, 200))
      return (await accepted()) > 0
    },
    15_000,
  )
  const sent = await measured(one, 'icn_gossip_messages_total{topic="commons",verdict="sent"}')
  assert.ok(sent > 0)
  assert.equal(await measured(two, 'icn_gossip_messages_total{topic="commons",verdict="sent"}'), 0, 'who only heard of it says nothing of its own')

  await foundCoop([
    { person: new Person(one, 'Ada'), roles: ['member', 'steward'] },
    { person: new Person(one, 'Ben'), roles: ['member', 'steward'] },
  ])
  await new Promise((resolve) => setTimeout(resolve, 200))
  const afterwards = await measured(one, 'icn_gossip_messages_total{topic="commons",verdict="sent"}')
  const inCommons = one.at.journal.operations('commons' as SpaceId, { limit: 1_000 }).length
  assert.ok(afterwards <= inCommons, `${afterwards} messages for ${inCommons} operations of commons`)
  for (const node of all) await node.healthy()
})

it('nodes that share nothing but the network are linked too, where they say to everybody where they are', async (t) => {
  const one = await opened(t)
  const speaking = async (isPublic: boolean): Promise<TestNode> => {
    const port = await freePort()
    const address = `/ip4/127.0.0.1/tcp/${port}`
    return opened(t, one, { 'network.listen_addr': address, 'network.announce': address, 'network.public': String(isPublic) })
  }
  const [two, three, quiet] = [await speaking(true), await speaking(true), await speaking(false)]
  const isLinked = (node: TestNode, other: TestNode): boolean => (node.at.network?.status().links ?? []).some(({ did, state }) => did === other.at.did && state === 'ready')
  await until('two strangers to be linked', () => isLinked(two, three) && isLinked(three, two), 30_000)
  await until('who says nothing of itself to have found who does', () => isLinked(quiet, two), 30_000)
  for (const node of [one, two, three, quiet]) await node.healthy()
})
