import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { commonsSpace, type Did, toHex } from '@icn/protocol'
import { type Ran, runProgram } from '../../apps/icnctl/src/fixture.ts'
import { freePort, Person, TestNode, until } from './harness.ts'
import { placesOf } from './places.ts'

/** Who keeps a network: operators name nodes and end their part, and every node of the network counts by it. */

async function network(t: TestContext, count: number): Promise<readonly TestNode[]> {
  const first = await TestNode.start({ flags: { 'network.listen_addr': `/ip4/127.0.0.1/tcp/${await freePort()}` }, stewards: ['Ada'] })
  t.after(() => first.dispose())
  const nodes = [first]
  while (nodes.length < count) {
    const one = new TestNode({ flags: { 'network.listen_addr': '/ip4/127.0.0.1/tcp/0', 'network.bootstrap_peers': placesOf(first)[0] as string } })
    t.after(() => one.dispose())
    writeFileSync(join(one.folder, 'network.json'), JSON.stringify({ network_id: first.network }))
    await one.open()
    nodes.push(one)
  }
  await equal(nodes)
  return nodes
}

const digest = (node: TestNode): string => {
  const info = node.at.journal.info(commonsSpace)
  return info === undefined ? 'none' : toHex(info.setDigest)
}

const equal = (nodes: readonly TestNode[]): Promise<boolean> =>
  until('all to hold the same', () => digest(nodes[0] as TestNode) !== 'none' && new Set(nodes.map(digest)).size === 1)

/** icnctl as a program, in the hands of whoever runs the node. */
function ctl(node: TestNode, ...args: string[]): Promise<Ran> {
  return runProgram([...args, '--json'], { ICN_DATA_DIR: node.folder, ICN_ENDPOINT: (node.at.addresses.rpc as string).replace('http://', '') })
}

async function must(node: TestNode, ...args: string[]): Promise<any> {
  const ran = await ctl(node, ...args)
  assert.equal(ran.code, 0, ran.out + ran.err)
  return ran.json
}

const keepersAt = async (node: TestNode): Promise<string[]> => (await node.rest.ask('commons.keeper.list', {})).body.items.map(({ did }: { did: string }) => did).sort()
const sorted = (...nodes: readonly TestNode[]): string[] => nodes.map((node) => node.at.did).sort()
const classOf = async (node: TestNode, did: Did): Promise<string> => (await node.rpc.ask('network.peer.get', { did }, { token: node.at.operatorToken })).body.class
const codes = ({ reasons }: { readonly reasons: readonly { readonly code: string }[] }): string[] => reasons.map(({ code }) => code)

it('operators name a second and a third keeper and end the part of one, and every node counts by it, over restarts', async (t) => {
  const [elm, oak, fir] = (await network(t, 3)) as [TestNode, TestNode, TestNode]
  const all = [elm, oak, fir]
  const ada = new Person(oak, 'Ada')
  assert.deepEqual(await keepersAt(fir), sorted(elm))
  const refused = await ctl(oak, 'keeper', 'add', fir.at.did, 'Fir')
  assert.deepEqual([refused.code, refused.json.code], [4, 'NO_STANDING'], 'nobody knows this node yet')
  assert.equal((await ada.ask('commons.keeper.add', { did: fir.at.did, label: 'Fir' })).code, 'OPERATOR_ONLY')

  const [did, label] = [oak.at.did, 'Oak']
  assert.equal((await must(elm, 'keeper', 'add', did, label, '--dry-run')).outcome, 'simulated')
  assert.deepEqual(await keepersAt(elm), sorted(elm), 'a trial changes nothing')
  const added = await must(elm, 'keeper', 'add', did, label, '--addresses', '/dns4/oak.example/tcp/7777')
  assert.deepEqual([added.value.did, added.value.label, added.value.addresses], [did, label, ['/dns4/oak.example/tcp/7777']])
  assert.equal((await must(elm, 'keeper', 'add', did, label)).outcome, 'already_done')
  await equal(all)
  assert.deepEqual(await keepersAt(fir), sorted(elm, oak))
  await until('each to be a host of the other’s', async () => (await classOf(elm, oak.at.did)) === 'cohost' && (await classOf(oak, elm.at.did)) === 'cohost')
  assert.deepEqual((await ada.read('space.get', { space: commonsSpace })).hosts.toSorted(), sorted(elm, oak))

  // With two, a third takes both.
  const { value } = await must(elm, 'keeper', 'add', fir.at.did, 'Fir')
  assert.deepEqual([value.act.state, value.act.need], ['open', 2])
  await equal(all)
  await oak.restart()
  const [waiting] = (await must(oak, 'keeper', 'changes')).items
  assert.deepEqual([waiting.act_id, waiting.you_may_confirm, waiting.body.did], [value.act.act_id, true, fir.at.did])
  assert.equal((await must(elm, 'keeper', 'changes')).items[0].you_may_confirm, false)
  assert.equal((await ctl(elm, 'keeper', 'confirm', waiting.act_id)).json.code, 'ACT_SAME_PERSON')
  const done = await oak.rest.ask('commons.keeper.confirm', { operation_id: waiting.act_id }, { token: oak.at.operatorToken })
  assert.deepEqual([done.body.value.state, done.body.value.confirmed.length], ['done', 2])
  await equal(all)
  for (const node of all) assert.deepEqual(await keepersAt(node), sorted(elm, oak, fir))

  const removal = await must(elm, 'keeper', 'remove', oak.at.did)
  await equal(all)
  assert.equal((await ctl(oak, 'keeper', 'confirm', removal.value.act.act_id)).json.code, 'ACT_SAME_PERSON')
  const ended = await fir.rpc.ask('commons.keeper.confirm', { operation_id: removal.value.act.act_id }, { token: fir.at.operatorToken })
  assert.equal(ended.body.value.state, 'done')
  await equal(all)
  await until('it to be a host no more', async () => (await classOf(elm, oak.at.did)) !== 'cohost')
  // What it says from now on counts for nothing.
  const later = await must(elm, 'keeper', 'add', oak.at.did, 'Oak')
  await equal(all)
  assert.equal((await ctl(oak, 'keeper', 'confirm', later.value.act.act_id)).json.code, 'NO_STANDING')
  assert.equal((await ctl(oak, 'keeper', 'remove', fir.at.did)).json.code, 'NO_STANDING')
  assert.equal((await ctl(oak, 'keeper', 'leave')).json.code, 'NO_STANDING')
  assert.equal((await must(elm, 'keeper', 'withdraw', later.value.act.act_id)).value.state, 'withdrawn')
  await equal(all)

  for (const node of all) await node.restart()
  for (const node of all) {
    assert.deepEqual(await keepersAt(node), sorted(elm, fir))
    const { body } = await node.rest.ask('commons.network', {})
    assert.deepEqual([body.network_id, body.keepers.toSorted(), body.keepers_needed], [elm.network, sorted(elm, fir), 2])
    assert.deepEqual(node.at.journal.doctor(), [])
  }
  const past = (await must(fir, 'keeper', 'list', '--ended')).items.find((row: { did: string }) => row.did === oak.at.did)
  assert.notEqual(past.ended_at, null)
  const { events } = await ada.read('event.page', { topics: ['commons:updates'], spaces: [commonsSpace] })
  assert.deepEqual(
    events.filter(({ type }: { type: string }) => type === 'icn.keeper.changed').map(({ data }: any) => [data.did, data.change, data.keepers]),
    [
      [oak.at.did, 'added', 2],
      [fir.at.did, 'added', 3],
      [oak.at.did, 'removed', 2],
    ],
  )
})

it('of two keepers that leave without hearing of each other one stays, and the other one’s operator is told', async (t) => {
  const [elm, oak] = (await network(t, 2)) as [TestNode, TestNode]
  assert.deepEqual(codes((await ctl(elm, 'keeper', 'remove', elm.at.did)).json), ['LAST_KEEPER'])
  assert.equal((await ctl(elm, 'keeper', 'leave')).json.code, 'LAST_KEEPER')
  await must(elm, 'keeper', 'add', oak.at.did, 'Oak')
  await equal([elm, oak])
  assert.deepEqual(codes((await ctl(elm, 'keeper', 'remove', oak.at.did)).json), ['NEEDS_SECOND', 'KEEPERS_TOO_FEW'])
  await elm.stop()
  await must(oak, 'keeper', 'leave')
  await oak.stop()
  await elm.open()
  await must(elm, 'keeper', 'leave')
  await oak.open()
  await equal([elm, oak])
  const left = [await keepersAt(elm), await keepersAt(oak)]
  assert.deepEqual(left, [sorted(elm), sorted(elm)])
  const { items } = await must(elm, 'quarantine', 'list', '--space', commonsSpace)
  assert.deepEqual(
    items.map(({ kind, author, codes: why }: { kind: string; author: string; codes: string[] }) => [kind, author, why]),
    [['commons.keeper.leave', elm.at.did, ['LAST_KEEPER']]],
  )
})

it('a node says what it knows of its network and since when a majority of keepers has told it nothing newer', async (t) => {
  const [elm, oak] = (await network(t, 2)) as [TestNode, TestNode]
  const alone = await must(elm, 'commons', 'network')
  assert.deepEqual([alone.age_ms, alone.keepers_needed], [0, 1])
  await must(elm, 'keeper', 'add', oak.at.did, 'Oak')
  await equal([elm, oak])
  await until('both keepers to have told it', async () => (await elm.rest.ask('commons.network', {})).body.age_ms !== null)
  const { known_at } = await must(oak, 'commons', 'status')
  assert.equal(typeof known_at, 'string')

  const ada = new Person(oak, 'Ada')
  const status = await ada.read('commons.status')
  assert.deepEqual(
    [status.network_id, status.you, status.node],
    [elm.network, { did: ada.did, standing: 'member', rights: ['member'] }, { did: oak.at.did, keeper: true, introduces: true }],
  )
  assert.deepEqual([status.keepers, status.counts.stewards, status.counts.coops, status.counts.operations], [{ count: 2, needed: 2, changes_open: 0 }, 1, 0, 2])
  assert.ok(status.store.kind === 'sqlite' && status.store.size_on_disk > 0)
  await ada.must('trust.edge.set', { subject: elm.at.did, weight: 10, graph: 'technical' })
  assert.deepEqual([(await ada.read('commons.status')).counts.edges, (await must(oak, 'commons', 'status')).you], [1, { did: null, standing: 'none', rights: [] }])
  assert.equal((await oak.rest.ask('commons.status', {})).code, 'UNAUTHENTICATED')

  // After a start nothing is known of the others before they have spoken.
  await elm.stop()
  await oak.restart()
  const silent = await must(oak, 'commons', 'network')
  assert.deepEqual([silent.known_at, silent.age_ms], [null, null])
  const text = await (await fetch(`${oak.at.addresses.metrics}/metrics`)).text()
  assert.match(text, /^icn_commons_knowledge_age_seconds \d/m)
})
