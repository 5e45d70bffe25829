import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { commonsSpace, type Did, type EventJson, type EventType, events } from '@icn/protocol'
import { freePort, Person, TestNode, until } from './harness.ts'
import { placesOf } from './places.ts'
import { Stranger } from './stranger.ts'

/** What an operator is told of other nodes, as it happens. */

const operator = (node: TestNode) => ({ token: node.at.operatorToken })

/** Everything that was told of the network so far; each has the form that its row says. */
async function toldBy(node: TestNode): Promise<readonly EventJson[]> {
  const { ok, body } = await node.rpc.ask('event.page', { spaces: ['node'], topics: ['network:status'], limit: 200 }, operator(node))
  assert.ok(ok, JSON.stringify(body))
  for (const { type, data } of body.events as readonly EventJson[]) events[type.replace(/^icn\./, '') as EventType].data.parse(data)
  return body.events
}

const about = async (node: TestNode, did: Did): Promise<readonly string[]> =>
  (await toldBy(node)).filter(({ data }) => data['did'] === did).map(({ type }) => type.replace(/^icn\./, ''))

async function open(t: TestContext, flags: Readonly<Record<string, string>>): Promise<TestNode> {
  const node = await TestNode.start({ flags })
  t.after(() => node.dispose())
  return node
}

it('links, spaces kept equal and ways that change are told to the operator, and to nobody else', async (t) => {
  const [tcp, ws] = [await freePort(), await freePort()]
  const one = await open(t, { 'network.listen_addr': `127.0.0.1:${tcp}`, 'network.ws_listen_addr': `127.0.0.1:${ws}` })
  const addresses = placesOf(one)
  const two = new TestNode({ flags: {} })
  t.after(() => two.dispose())
  const through = (part: string): void =>
    writeFileSync(join(two.folder, 'network.json'), JSON.stringify({ network_id: one.network, bootstrap: addresses.filter((address) => address.includes(part)) }))
  through(`/tcp/${tcp}/p2p`)
  await two.open()
  const { did } = two.at
  await until('the space to be kept equal', async () => (await about(one, did)).includes('space.peer_added'))
  const [ready, added] = (await toldBy(one)).filter(({ data }) => data['did'] === did)
  assert.deepEqual(ready?.data, { did, class: 'guest', path: 'direct', transport: 'tcp' })
  assert.deepEqual(added?.data, { did, space: commonsSpace })
  assert.ok(!JSON.stringify(await toldBy(one)).includes('127.0.0.1'), 'no address')

  await two.stop()
  await until('it to be gone', async () => (await about(one, did)).includes('peer.lost'))
  through(`/tcp/${ws}/ws`)
  await two.open()
  await until('it to be back', async () => (await about(one, did)).filter((type) => type === 'space.peer_added').length === 2)
  assert.deepEqual(await about(one, did), ['peer.ready', 'space.peer_added', 'space.peer_removed', 'peer.lost', 'peer.ready', 'peer.path_changed', 'space.peer_added'])
  const changed = (await toldBy(one)).find(({ type }) => type === 'icn.peer.path_changed')
  assert.deepEqual(changed?.data, { did, before: { path: 'direct', transport: 'tcp' }, after: { path: 'direct', transport: 'ws' } })

  assert.equal((await one.rpc.ask('event.page', { spaces: ['node'] })).code, 'UNAUTHENTICATED')
  const ada = new Person(one, 'Ada')
  assert.equal((await ada.ask('event.page', { spaces: ['node'] })).code, 'NOT_FOUND')
  assert.ok(!JSON.stringify((await ada.ask('event.page', {})).body).includes('network:status'), 'all of hers are not the node’s')
})

it('bans, and one identity that runs twice, are told, and a restart begins anew', async (t) => {
  const node = await open(t, { 'network.listen_addr': '127.0.0.1:0', 'network.dial_loopback': 'true' })
  const one = new Stranger()
  t.after(() => one.hangUp())
  const [first, second] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)]
  for (const instance of [first, second, first]) await one.meet(node, { instance })
  await until('the copy to be seen', async () => (await about(node, one.did)).includes('node.cloned'))
  one.say({ t: 'notice', code: 'NODE_CLONED' })
  await until('the own copy to be told', async () => (await about(node, node.at.did)).length > 0)
  const cloned = (await toldBy(node)).filter(({ type }) => type === 'icn.node.cloned').map(({ data }) => data)
  assert.deepEqual(cloned, [
    { did: one.did, told_by: null },
    { did: node.at.did, told_by: one.did },
  ])

  await node.rpc.ask('network.peer.ban', { did: one.did, secs: 3_600, reason: 'Floods us' }, operator(node))
  await node.rpc.ask('network.peer.unban', { did: one.did }, operator(node))
  const all = await toldBy(node)
  const ban = all.find(({ type }) => type === 'icn.peer.banned')
  assert.deepEqual([ban?.data['by'], ban?.data['reason'], ban?.subject], ['operator', 'Floods us', `/v1/peers/${one.did}`])
  assert.equal(all.at(-1)?.type, 'icn.peer.unbanned')

  const { cursor } = (await node.rpc.ask('event.page', { spaces: ['node'], limit: 200 }, operator(node))).body
  await node.restart()
  const { body } = await node.rpc.ask('event.page', { spaces: ['node'], after: cursor }, operator(node))
  assert.deepEqual([body.truncated, body.events], [['node'], []])
})
