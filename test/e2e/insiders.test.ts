import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { commonsSpace, type Did, fromBase64Url, type RawOperation, sha256, type SpaceId, toHex } from '@icn/protocol'
import { raw, TestSigner } from '@icn/testkit'
import { dayMs, foundCoop, Person, TestNode, until } from './harness.ts'
import { placesOf } from './places.ts'
import { Stranger } from './stranger.ts'

/** What members and stewards of one cooperative see of its hosts, and nobody else of anything. */

const listening = { 'network.listen_addr': '127.0.0.1:0', 'network.dial_loopback': 'true' }
const food = 'coop:food' as SpaceId

async function twoHosts(t: TestContext): Promise<{ readonly one: TestNode; readonly two: TestNode; readonly ada: Person }> {
  const one = await TestNode.start({ flags: listening })
  t.after(() => one.dispose())
  const two = new TestNode({ flags: listening })
  t.after(() => two.dispose())
  writeFileSync(join(two.folder, 'network.json'), JSON.stringify({ network_id: one.network, bootstrap: placesOf(one) }))
  await two.open()
  const ada = new Person(one, 'Ada')
  await foundCoop([{ person: ada, roles: ['member', 'steward'] }])
  await until('the network to be there', () => two.at.journal.info(commonsSpace) !== undefined)
  await ada.must('coop.host.add', { coop_id: 'food', did: two.at.did, label: 'Oak' })
  const { ticket } = await ada.read('coop.host.ticket', { coop_id: 'food', did: two.at.did })
  const joined = await two.rpc.ask('coop.host.join', { ticket }, { token: two.at.operatorToken })
  assert.ok(joined.ok, joined.code)
  await until('the coop to be there', () => one.at.network?.status().links.some(({ spaces }) => spaces.includes(food)))
  return { one, two, ada }
}

/** Two operations with one number, by the key of a seed. */
function forked(node: TestNode, signer: TestSigner, space: SpaceId = commonsSpace): readonly RawOperation[] {
  return [1, 2].map((weight) =>
    raw(
      signer.sign({
        space,
        genesis: node.at.journal.info(space)?.genesis ?? node.network,
        kind: 'trust.edge.set',
        body: { subject: node.at.did, graph: 'technical', weight, expires_at: Date.now() + 90 * dayMs },
        at: [Date.now() + 1_000, 0],
        keep: true,
      }),
    ),
  )
}

it('members see how the hosts of their cooperative are reached, without addresses; others cannot tell that it is there', async (t) => {
  const { one, two, ada } = await twoHosts(t)
  const { paths } = await ada.read('network.paths', { coop_id: 'food' })
  assert.deepEqual(
    paths.map(({ did, state, path, spaces }: { did: Did; state: string; path: string; spaces: string[] }) => [did, state, path, spaces]),
    [[two.at.did, 'ready', 'direct', [food]]],
  )
  assert.ok(!JSON.stringify(paths).includes('127.0.0.1'))
  const { body } = await one.rpc.ask('network.paths', { coop_id: 'food' }, { token: one.at.operatorToken })
  assert.match(body.paths[0].address, /127\.0\.0\.1/)
  const eve = new Person(one, 'Eve')
  for (const method of ['network.paths', 'network.evidence.list'] as const) {
    const [hidden, absent] = [await eve.ask(method, { coop_id: 'food' }), await eve.ask(method, { coop_id: 'nowhere' })]
    assert.deepEqual([hidden.code, absent.code], ['NOT_FOUND', 'NOT_FOUND'])
    assert.deepEqual({ ...hidden.body, request_id: '', instance: '' }, { ...absent.body, request_id: '', instance: '' })
    assert.equal((await ada.ask(method, {})).code, 'OPERATOR_ONLY', 'the whole node is its operator’s')
  }
})

it('stewards see what hosts of their cooperative have done, with the bytes that show it, page by page', async (t) => {
  const { one, two, ada } = await twoHosts(t)
  const carrier = new Stranger()
  t.after(() => carrier.hangUp())
  await carrier.meet(one)
  // A key that is no host’s, and later the host itself.
  const eve = new TestSigner(71)
  carrier.send(forked(one, eve))
  const all = async () => (await one.rpc.ask('network.evidence.list', { limit: 200 }, { token: one.at.operatorToken })).body.items
  await until('the fork to be seen', async () => (await all()).some(({ kind }: { kind: string }) => kind === 'fork'))
  assert.deepEqual((await ada.read('network.evidence.list', { coop_id: 'food' })).items, [], 'it is no host of theirs')
  const [fork] = (await all()).filter(({ kind }: { kind: string }) => kind === 'fork')
  assert.equal(toHex(sha256(fromBase64Url(fork.bytes) as Uint8Array)), fork.proof)

  await ada.must('coop.host.add', { coop_id: 'food', did: eve.did, label: 'Ash' })
  const seen = await until('what the host did', async () => {
    const { items } = await ada.read('network.evidence.list', { coop_id: 'food', limit: 1 })
    return items.length > 0 && items
  })
  assert.deepEqual([seen[0].did, seen[0].kind, seen[0].bytes], [eve.did, 'fork', fork.bytes])
  assert.ok(two.at.did !== eve.did)

  // A second host, and a page for each.
  const mallory = new TestSigner(72)
  carrier.send(forked(one, mallory))
  await ada.must('coop.host.add', { coop_id: 'food', did: mallory.did, label: 'Elm' })
  await until('both to be seen', async () => (await ada.read('network.evidence.list', { coop_id: 'food' })).items.length === 2)
  const first = await ada.ask('network.evidence.list', { coop_id: 'food', limit: 1 })
  const second = await ada.ask('network.evidence.list', { coop_id: 'food', limit: 1, cursor: first.body.next_cursor })
  assert.deepEqual([first.body.items.length, second.body.items.length, second.body.next_cursor], [1, 1, null])
  assert.deepEqual(new Set([...first.body.items, ...second.body.items].map(({ did }) => did)), new Set([eve.did, mallory.did]))
})

it('what a host has done in another cooperative is not for the stewards of this one', async (t) => {
  const { one, ada } = await twoHosts(t)
  await foundCoop([{ person: ada, roles: ['member', 'steward'] }], 'housing')
  const eve = new TestSigner(73)
  for (const coop of ['food', 'housing']) await ada.must('coop.host.add', { coop_id: coop, did: eve.did, label: 'Ash' })
  await one.at.journal.ingest('coop:housing' as SpaceId, forked(one, eve, 'coop:housing' as SpaceId))
  const of = async (coop: string) => (await ada.read('network.evidence.list', { coop_id: coop })).items.map(({ did, space }: { did: string; space: string | null }) => [did, space])
  await until('the stewards there to see it', async () => (await of('housing')).length > 0)
  assert.deepEqual(await of('housing'), [[eve.did, 'coop:housing']])
  assert.deepEqual(await of('food'), [])
})
