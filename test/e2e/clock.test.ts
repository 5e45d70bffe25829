import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { commonsSpace, toHex } from '@icn/protocol'
import { Person, TestNode, until } from './harness.ts'
import { placesOf } from './places.ts'

/** What a node does when its clock is wrong, by real connections to nodes whose clocks are right. */

const listening = { 'network.listen_addr': '/ip4/127.0.0.1/tcp/0' }

async function joining(t: TestContext, others: readonly TestNode[], skewMs = 0): Promise<TestNode> {
  const node = new TestNode({ flags: listening, skewMs })
  t.after(() => node.dispose())
  const [first] = others
  if (first !== undefined) writeFileSync(join(node.folder, 'network.json'), JSON.stringify({ network_id: first.network, bootstrap: others.flatMap(placesOf) }))
  await node.open()
  await until('links to all', () => node.at.network?.status().links.filter(({ state }) => state === 'ready').length === others.length)
  return node
}

it('a node whose clock is 70 s ahead of its peers refuses own changes, says by how much, and takes those of others; alone it does not', async (t) => {
  const one = await joining(t, [])
  const two = await joining(t, [one])
  const three = await joining(t, [one])
  const wrong = await joining(t, [one, two, three], 70_000)
  await until('the network to be there', () => wrong.at.journal.info(commonsSpace) !== undefined)
  const operator = { token: wrong.at.operatorToken }
  const ada = new Person(wrong, 'Ada')
  const found = () => ada.write('coop.create', { id: 'food', name: 'Food Coop', type: 'consumer', founders: [{ did: ada.did, name: 'Ada', roles: ['member', 'steward'] }] })

  await wrong.at.clock.check()

  const { body: status } = await wrong.rpc.ask('network.status', {}, operator)
  assert.deepEqual([status.clock.state, status.clock.samples], ['ahead', 3])
  assert.ok(Math.abs(status.clock.ahead_ms - 70_000) < 2_000, `${status.clock.ahead_ms}`)
  const { body: page } = await wrong.rpc.ask('event.page', { spaces: ['node'], limit: 200 }, operator)
  const off = page.events.filter(({ type }: { type: string }) => type === 'icn.clock.off')
  assert.deepEqual(
    off.map(({ data }: { data: object }) => data),
    [{ ahead_ms: status.clock.ahead_ms, samples: 3 }],
  )
  const refused = await found()
  assert.deepEqual([refused.code, refused.body.params?.ahead_ms], ['CLOCK_AHEAD', status.clock.ahead_ms])
  const { body: doctor } = await wrong.rpc.ask('node.doctor', {}, operator)
  const line = doctor.findings.find((finding: { group: string; name: string }) => finding.group === 'network' && finding.name === 'clock')
  assert.equal(line.state, 'fail')
  assert.match(line.text, /^\d+ ms ahead of the median of 3 peers: every peer would hold/)
  const metrics = await (await fetch(`${wrong.at.addresses.metrics}/metrics`)).text()
  assert.match(metrics, /icn_clock_offset_seconds (69|70)\.\d+/)
  assert.match(metrics, /icn_clock_checks_total\{outcome="off"\} 1/)

  const edge = { subject: two.at.did, graph: 'technical', weight: 500, expires_at: Date.now() + 90 * 86_400_000 }
  await one.at.journal.propose({ space: commonsSpace, kind: 'trust.edge.set', author: one.at.did, grant: null, body: edge })
  await until(
    'what others write to be taken',
    () => toHex(wrong.at.journal.info(commonsSpace)?.setDigest as Uint8Array) === toHex(one.at.journal.info(commonsSpace)?.setDigest as Uint8Array),
  )

  await one.at.clock.check()
  assert.equal(one.at.clock.view.state, 'unknown', 'guests are not asked')

  await three.stop()
  await until('the third link to be gone', () => wrong.at.network?.status().links.length === 2)
  await wrong.at.clock.check()
  assert.equal(wrong.at.clock.view.state, 'unknown')
  assert.equal((await found()).ok, true, 'with two peers nobody says that it is wrong')
})
