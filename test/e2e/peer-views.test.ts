import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { commonsRules, coopRules } from '@icn/domain'
import { commonsSpace, keyOfDid, sha256, toHex, utf8, vectorBuckets } from '@icn/protocol'
import { TestSigner } from '@icn/testkit'
import { TestNode, until } from './harness.ts'
import { placesOf } from './places.ts'
import { Stranger } from './stranger.ts'

/** What an operator sees of this node's place among others, and of each of them. */

const listening = { 'network.listen_addr': '/ip4/127.0.0.1/tcp/0' }
const operator = (node: TestNode) => ({ token: node.at.operatorToken })

async function opened(t: TestContext, flags: Readonly<Record<string, string>>, first?: TestNode): Promise<TestNode> {
  const node = new TestNode({ flags: { ...listening, ...flags }, startsAt: Date.now() })
  t.after(() => node.dispose())
  if (first !== undefined) writeFileSync(join(node.folder, 'network.json'), JSON.stringify({ network_id: first.network, bootstrap: placesOf(first) }))
  await node.open()
  return node
}

it('each peer is shown with its path, how far it is and how it was reached; the node with its places, links and rules', async (t) => {
  const announced = '/ip4/45.0.0.9/tcp/7777'
  const one = await opened(t, { 'network.dial_loopback': 'true', 'network.announce': announced })
  const two = await opened(t, {}, one)
  const peerOf = async (node: TestNode, other: TestNode) => (await node.rpc.ask('network.peer.get', { did: other.at.did }, operator(node))).body
  await until('both to hold the same, and to know how far they are from each other', async () => {
    const [here, there] = [await peerOf(one, two), await peerOf(two, one)]
    return [here, there].every(({ spaces, lag, rtt_ms }) => spaces.includes(commonsSpace) && lag.length === 0 && rtt_ms !== null)
  })
  const [address] = placesOf(one) as [string]
  const dialled = await peerOf(two, one)
  assert.deepEqual([dialled.class, dialled.state, dialled.path, dialled.address, dialled.standing], ['allowed', 'ready', 'direct', address, 1_000])
  assert.deepEqual([dialled.ladder.connected, dialled.ladder.rungs[0].outcome], [true, 'connected'])
  const came = await peerOf(one, two)
  assert.deepEqual([came.class, came.path, came.ladder], ['guest', 'direct', null], 'it was never dialled from here')
  const [{ ladder: _, rtt_ms: __, ...listed }] = [came]
  const [item] = (await one.rpc.ask('network.peer.list', {}, operator(one))).body.items
  assert.deepEqual({ ...item, rtt_ms: 0 }, { ...listed, rtt_ms: 0 })

  const status = async (node: TestNode) => (await node.rpc.ask('network.status', {}, operator(node))).body
  const first = await status(one)
  assert.deepEqual(first.addresses, [
    { address, type: 'lan' },
    { address: announced, type: 'public' },
  ])
  assert.deepEqual(first.links, [{ did: two.at.did, class: 'guest', state: 'ready', path: 'direct', spaces: [commonsSpace] }])
  assert.deepEqual(
    first.rules,
    [...new Set([commonsRules.version, coopRules.version])].map((version) => ({ version, digest: toHex(sha256(utf8(version))) })),
  )
  const [inner] = (await status(two)).addresses
  assert.equal(inner.type, null, 'nobody is told of this machine’s own address')
})

it('a peer lags in nothing, or in what it is known to lack here, since that is known', async (t) => {
  const node = await opened(t, { 'network.dial_loopback': 'true' })
  const somebody = new Stranger()
  t.after(() => somebody.hangUp())
  await somebody.meet(node)
  const lag = async () => (await node.rpc.ask('network.peer.get', { did: somebody.did }, operator(node))).body.lag
  const since = () => [{ space: commonsSpace, since_at: new Date(node.now).toISOString() }]
  assert.deepEqual(await lag(), since(), 'it has not said yet what it has')
  const info = node.at.journal.info(commonsSpace)
  assert.ok(info !== undefined)
  somebody.say({ t: 'have', space: commonsSpace, at: [node.now, 0], count: 1, digest: info.setDigest })
  await until('both to have the same', async () => (await lag()).length === 0)
  node.now += 60_000
  somebody.say({ t: 'have', space: commonsSpace, at: [node.now, 0], count: 2, digest: new Uint8Array(32) })
  const other = new TestSigner(70)
  const { id } = other.sign({ space: commonsSpace, genesis: node.network, kind: 'trust.edge.set', body: {}, at: [1, 0] })
  somebody.say({
    t: 'vector',
    space: commonsSpace,
    buckets: Array.from({ length: vectorBuckets }, (_, i) => i),
    entries: [[keyOfDid(other.did), 0, id, new Uint8Array(8)]],
    ask: false,
  })
  await until('it to be known that it has more', async () => (await lag()).length > 0)
  const expected = since()
  node.now += 60_000
  assert.deepEqual(await lag(), expected)
})
