import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { commonsSpace, type Did, type NetworkPass, passBytes, type RawOperation, readPass, type SpaceId } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { raw, TestSigner } from '@icn/testkit'
import { dayMs, TestNode, until } from './harness.ts'
import { placesOf } from './places.ts'
import { Stranger } from './stranger.ts'

/** Who may stay at a real daemon, and what bad manners cost. */

/** Strangers come from this machine, and count as if they did not. */
const listening = { 'network.listen_addr': '/ip4/127.0.0.1/tcp/0', 'network.dial_loopback': 'true' }

async function metricOf(node: TestNode, row: string): Promise<number> {
  const text = await (await fetch(`${node.at.addresses.metrics}/metrics`)).text()
  const line = text.split('\n').find((one) => one.startsWith(`${row} `))
  return line === undefined ? 0 : Number(line.slice(row.length))
}

async function open(t: TestContext, flags: Readonly<Record<string, string>> = {}): Promise<TestNode> {
  const node = await TestNode.start({ flags: { ...listening, ...flags }, startsAt: Date.now() })
  t.after(() => node.dispose())
  return node
}

function stranger(t: TestContext): Stranger {
  const one = new Stranger()
  t.after(() => one.hangUp())
  return one
}

/** Well made, of somebody who may say nothing here. */
const said = (node: TestNode, signer: TestSigner, weight = 1): RawOperation =>
  raw(
    signer.sign({
      space: commonsSpace,
      genesis: node.network,
      kind: 'trust.edge.set',
      body: { subject: node.at.did, graph: 'technical', weight, expires_at: node.now + 90 * dayMs },
      at: [node.now + 1_000, 0],
      keep: true,
    }),
  )

const unlike = (operation: RawOperation): RawOperation => ({ ...operation, signature: new Uint8Array(64).fill(1) })

/** 205 points in one breath: of three kinds, because no kind adds more than 100 in an hour. */
function misbehave(node: TestNode, one: Stranger): void {
  const ana = new TestSigner(70)
  one.send([said(node, ana)], 'coop:none' as SpaceId)
  const forged = Array.from({ length: 5 }, (_, i) => unlike(said(node, ana, i)))
  const broken = Array.from({ length: 5 }, (_, i) => ({ envelope: Uint8Array.of(i), signature: new Uint8Array(64), body: null }))
  one.send([...forged, ...broken])
}

it('whoever sends forged and broken operations is banned, nobody it names is, and a restart forgets nothing', async (t) => {
  const node = await open(t)
  const mallory = stranger(t)
  await mallory.meet(node)
  misbehave(node, mallory)
  await until('it to be sent away', () => mallory.of('bye').length > 0)
  assert.equal(mallory.of('bye')[0]?.code, 'PEER_NOT_TRUSTED')
  await until('the connection to end', () => !mallory.isConnected)
  await assert.rejects(mallory.meet(node))
  const ana = new TestSigner(70).did
  await node.healthy()
  const { body: trust } = await node.rpc.ask('trust.score', { subject: ana }, { token: node.at.operatorToken })
  assert.equal(trust.standing, 1_000)
  const { body: score } = await node.rpc.ask('trust.score', { subject: mallory.did }, { token: node.at.operatorToken })
  assert.equal(score.standing, 0)
  assert.equal(await metricOf(node, 'icn_network_bans_total{reason="bad_signature"}'), 1)
  assert.equal(await metricOf(node, 'icn_misbehaviour_reports_total{reason="bad_signature",source="journal"}'), 5)

  await node.restart()
  node.now += 59 * 60_000
  await assert.rejects(mallory.meet(node), 'still banned after a restart')
  assert.equal(await metricOf(node, 'icn_network_gate_refusals_total{reason="banned"}'), 1)
  const other = stranger(t)
  await other.meet(node)
  assert.equal(other.of('answer')[0]?.ok, true, 'others are not concerned')
  node.now += 61 * 60_000
  await mallory.meet(node)
  assert.equal(mallory.of('answer')[0]?.ok, true, 'a ban ends')
  await node.healthy()
})

it('a key that signs two things with one number is charged itself, and not the peer that brings them', async (t) => {
  const node = await open(t)
  const carrier = stranger(t)
  const eve = new TestSigner(71)
  await carrier.meet(node)
  carrier.send([said(node, eve, 1), said(node, eve, 2)])
  const standing = async (subject: Did): Promise<number> => (await node.rpc.ask('trust.score', { subject }, { token: node.at.operatorToken })).body.standing
  await until('the fork to be seen', async () => (await standing(eve.did)) === 500)
  assert.equal(await standing(carrier.did), 1_000)
  assert.ok(carrier.isConnected)
  await node.restart()
  assert.equal(await standing(eve.did), 500)
})

it('a closed gate lets in nobody that is not named, guests are few, and a place is free again after ten minutes', async (t) => {
  const closed = await open(t, { 'network.gate': 'closed' })
  await assert.rejects(stranger(t).meet(closed))
  assert.equal(await metricOf(closed, 'icn_network_gate_refusals_total{reason="not_trusted"}'), 1)
  const named = stranger(t)
  const listed = await open(t, { 'network.gate': 'closed', 'network.allow_peers': named.did })
  await named.meet(listed)
  assert.equal(named.of('answer')[0]?.ok, true)

  const node = await open(t, { 'network.guests_count': '2' })
  const guests = [stranger(t), stranger(t), stranger(t)] as const
  await guests[0].meet(node)
  node.now += 1_000
  await guests[1].meet(node)
  await assert.rejects(guests[2].meet(node))
  assert.equal(await metricOf(node, 'icn_network_gate_refusals_total{reason="guests_full"}'), 1)
  node.now += 10 * 60_000
  await guests[2].meet(node)
  await until('the oldest to be told', () => guests[0].of('bye').length > 0)
  assert.equal(guests[0].of('bye')[0]?.code, 'PEERS_FULL')
  await until('the oldest to leave', () => !guests[0].isConnected)
  assert.deepEqual([guests[1].isConnected, guests[2].isConnected], [true, true])
})

it('a guest that floods is read as fast as guests are, and what others say comes through as before', async (t) => {
  const node = await open(t, { 'supervisor.metrics_update_interval_secs': '1' })
  const honest = stranger(t)
  await honest.meet(node)
  const mallory = stranger(t)
  await mallory.meet(node)
  const began = performance.now()
  const { id } = new TestSigner(70).sign({ space: commonsSpace, genesis: node.network, kind: 'trust.edge.set', body: {}, at: [1, 0] })
  for (let w = 0; w < 3_000; w++) mallory.say({ t: 'want', space: commonsSpace, w, ids: [id] })
  for (let w = 0; w < 10; w++) {
    honest.say({ t: 'want', space: commonsSpace, w, ids: [id] })
    await until('the answer', () => honest.of('none').length > w)
  }
  assert.ok(mallory.of('none').length < 1_000, 'who floods waits, and nobody behind them')
  await until('some answers', () => mallory.of('none').length > 25)
  const answered = mallory.of('none').length
  assert.ok(answered <= 21 + ((performance.now() - began) / 1_000) * 10 + 5, `${answered} answers`)
  assert.ok((await metricOf(node, 'icn_network_throttled_total{reason="frames"}')) > 0)
  assert.ok((await metricOf(node, 'icn_misbehaviour_reports_total{reason="budget_exceeded",source="network"}')) > 0)
  await until(
    'the gauges',
    async () => (await metricOf(node, 'icn_network_links{state="ready"}')) === 2 && (await metricOf(node, 'icn_network_peers_by_class{class="guest"}')) === 2,
  )
  const elsewhere = stranger(t)
  await elsewhere.meet(node, { network_id: id })
  assert.equal(elsewhere.of('bye')[0]?.code, 'NETWORK_MISMATCH')
  assert.equal(await metricOf(node, 'icn_network_hello_failures_total{code="NETWORK_MISMATCH"}'), 1)
  await node.healthy()
})

it('more than an address may have, at once or in a second, is refused before any handshake', async (t) => {
  const node = await open(t)
  const port = placesOf(node)[0]?.split('/')[4]
  const sockets = Array.from({ length: 40 }, () => connect({ host: '127.0.0.1', port: Number(port) }))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  for (const socket of sockets) socket.on('error', () => {}).resume()
  await until('the rest to be refused', async () => (await metricOf(node, 'icn_network_gate_refusals_total{reason="address_pending"}')) === 10)
  await until('the rest of them', async () => (await metricOf(node, 'icn_network_gate_refusals_total{reason="address_rate"}')) === 20)
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => setTimeout(resolve, 1_100))
  const later = stranger(t)
  await later.meet(node)
  assert.equal(later.of('answer')[0]?.ok, true)
})

const operator = (node: TestNode) => ({ token: node.at.operatorToken })

it('the operator sees who is there and what was seen of them, sends them away, bans them and lets them in again', async (t) => {
  const node = await open(t)
  const one = stranger(t)
  await one.meet(node)
  const peers = async (input = {}): Promise<{ did: Did; class: string; state: string; ban: { by: string; reason: string } | null }[]> =>
    (await node.rpc.ask('network.peer.list', input, operator(node))).body.items
  assert.deepEqual(
    (await peers()).map(({ did, class: kind, state }) => [did, kind, state]),
    [[one.did, 'guest', 'ready']],
  )
  assert.equal((await node.rpc.ask('network.peer.list', {})).code, 'OPERATOR_ONLY')
  assert.ok((await node.rpc.ask('network.peer.disconnect', { did: one.did }, operator(node))).ok)
  await until('it to be gone', async () => (await peers()).length === 0)
  assert.equal((await node.rpc.ask('network.peer.disconnect', { did: one.did }, operator(node))).code, 'PEER_UNKNOWN')
  await one.meet(node)
  assert.equal((await node.rpc.ask('network.peer.ban', { did: node.at.did }, operator(node))).code, 'PEER_IS_SELF')
  assert.ok((await node.rpc.ask('network.peer.ban', { did: one.did, secs: 3_600, reason: 'Floods us' }, operator(node))).ok)
  await until('it to be told', () => one.of('bye').length > 0)
  assert.equal(one.of('bye')[0]?.code, 'PEER_BANNED')
  await assert.rejects(one.meet(node))
  await node.restart()
  const [banned] = await peers({ banned: true })
  assert.deepEqual([banned?.did, banned?.class, banned?.ban?.by, banned?.ban?.reason], [one.did, 'banned', 'operator', 'Floods us'])
  assert.ok((await node.rpc.ask('network.peer.unban', { did: one.did }, operator(node))).ok)
  assert.equal((await node.rpc.ask('network.peer.unban', { did: one.did }, operator(node))).code, 'PEER_UNKNOWN')
  await one.meet(node)
  misbehave(node, one)
  await until('the evidence', async () => (await node.rpc.ask('network.evidence.list', { did: one.did, limit: 200 }, operator(node))).body.items.length === 11)
  const { body } = await node.rpc.ask('network.evidence.list', { did: one.did, limit: 5 }, operator(node))
  assert.equal(body.items[0].kind, 'bad_signature')
  assert.equal((await node.rpc.ask('network.evidence.list', { did: one.did, limit: 200, cursor: body.next_cursor }, operator(node))).body.items.length, 6)
})

it('a pass lets in a node that nobody knows, as often as it says and no longer, and nobody can use what they overhear', async (t) => {
  const node = await open(t, { 'network.gate': 'closed' })
  const made = (await node.rpc.ask('network.pass.create', { label: 'The bakery', hours: 1 }, operator(node))).body
  const pass = readPass(made.pass) as NetworkPass
  assert.deepEqual([pass.node, pass.network_id], [node.at.did, node.network])
  const shown = (guest: Did, more: Partial<Parameters<typeof passBytes>[0]> = {}): { id: Uint8Array; signature: Uint8Array } => ({
    id: pass.id,
    signature: signingKeyFromSeed(pass.seed).sign(passBytes({ network: node.network, host: node.at.did, guest, id: pass.id, ...more })),
  })
  const [one, two, three] = [stranger(t), stranger(t), stranger(t)]
  const told = async (who: Stranger, more: Parameters<Stranger['meet']>[1]): Promise<string | undefined> => {
    await who.meet(node, more)
    return who.of('bye')[0]?.code ?? (who.of('answer')[0]?.ok ? 'welcome' : undefined)
  }
  assert.equal(await told(two, {}), 'PEER_NOT_TRUSTED', 'let in only to show it')
  assert.equal(await told(two, { pass: shown(one.did) }), 'PASS_INVALID', 'it was for somebody else')
  assert.equal(await told(two, { pass: shown(two.did, { host: two.did }) }), 'PASS_INVALID', 'it was for another host')
  assert.equal(await told(two, { pass: { id: new Uint8Array(16), signature: new Uint8Array(64) } }), 'PASS_UNKNOWN')
  assert.equal(await told(one, { pass: shown(one.did) }), 'welcome')
  assert.equal((await node.rpc.ask('network.peer.get', { did: one.did }, operator(node))).body.class, 'allowed')
  await node.restart()
  assert.equal(await told(one, {}), 'welcome', 'it is known now')
  await assert.rejects(two.meet(node, { pass: shown(two.did) }), 'nobody else can come with it, so nobody is let in to try')
  const [row] = (await node.rpc.ask('network.pass.list', {}, operator(node))).body.items
  assert.deepEqual([row.label, row.used_by, row.pass], ['The bakery', [one.did], undefined])
  const second = (await node.rpc.ask('network.pass.create', { uses: 2 }, operator(node))).body
  assert.equal(await told(two, { pass: shown(two.did) }), 'PASS_USED_UP')
  assert.ok((await node.rpc.ask('network.pass.revoke', { pass_id: made.pass_id }, operator(node))).ok)
  await until('whoever came with it to be sent away', () => one.of('bye').length > 0)
  assert.equal((await node.rpc.ask('network.pass.revoke', { pass_id: made.pass_id }, operator(node))).code, 'PASS_UNKNOWN')
  node.now += 2 * 3_600_000
  await node.rpc.ask('network.pass.create', { hours: 24 }, operator(node))
  assert.equal(readPass(second.pass)?.expires_at, Date.parse(second.expires_at))
  const late = readPass(second.pass) as NetworkPass
  node.now += 23 * 3_600_000
  const signature = signingKeyFromSeed(late.seed).sign(passBytes({ network: node.network, host: node.at.did, guest: three.did, id: late.id }))
  assert.equal(await told(three, { pass: { id: late.id, signature } }), 'PASS_EXPIRED')
})

it('two closed nodes meet with a pass that one has made and the other dials', async (t) => {
  const node = await open(t, { 'network.gate': 'closed' })
  const other = new TestNode({ flags: { ...listening, 'network.gate': 'closed' } })
  t.after(() => other.dispose())
  writeFileSync(join(other.folder, 'network.json'), JSON.stringify({ network_id: node.network, bootstrap: [] }))
  await other.open()
  const { body } = await node.rpc.ask('network.pass.create', {}, operator(node))
  const dialled = await other.rpc.ask('network.dial', { target: body.pass }, operator(other))
  assert.ok(dialled.ok, dialled.code)
  await until('the network to be at both', () => other.at.journal.info(commonsSpace)?.genesis === node.network)
  assert.equal((await node.rpc.ask('network.peer.get', { did: other.at.did }, operator(node))).body.class, 'allowed')
})
