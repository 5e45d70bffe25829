import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { type SpaceId, toHex } from '@icn/protocol'
import { type Ran, runProgram, writeKey, writePassphrase } from '../../apps/icnctl/src/fixture.ts'
import { foundCoop, freePort, Person, seedOf, TestNode, until } from './harness.ts'
import { placesOf } from './places.ts'

/** What a partition has displaced: its author and a steward are told at both hosts, set it aside or issue it again, with icnctl as a program. */

const food = 'coop:food' as SpaceId
const digest = (node: TestNode): string => toHex(node.at.journal.info(food)?.setDigest ?? new Uint8Array())

async function opened(t: TestContext, first?: TestNode): Promise<TestNode> {
  const gateway = `127.0.0.1:${await freePort()}`
  const flags = {
    'gateway.listen': gateway,
    'gateway.public_origin': `http://${gateway}`,
    'network.listen_addr': `/ip4/127.0.0.1/tcp/${await freePort()}`,
    ...(first === undefined ? {} : { 'network.bootstrap_peers': placesOf(first)[0] as string }),
  }
  const node = new TestNode({ flags })
  t.after(() => node.dispose())
  if (first !== undefined) writeFileSync(join(node.folder, 'network.json'), JSON.stringify({ network_id: first.network }))
  await node.open()
  return node
}

type Ctl = (node: TestNode, ...args: string[]) => Promise<Ran>

async function ctlOf(t: TestContext, name: string): Promise<Ctl> {
  const folder = mkdtempSync(join(tmpdir(), 'icn-ctl-'))
  t.after(() => rmSync(folder, { recursive: true }))
  await writePassphrase(folder)
  await writeKey(folder, name.toLowerCase(), seedOf(name), name)
  return (node, ...args) =>
    runProgram([...args, '--space', food, '--json'], { ICN_DATA_DIR: folder, ICN_PASSPHRASE_FILE: join(folder, 'passphrase'), ICN_ENDPOINT: node.at.addresses.gateway as string })
}

it('a suspension that was not heard of displaces what was done meanwhile; one is set aside, one is issued again, and both hosts say so', async (t) => {
  const one = await opened(t)
  const other = await opened(t, one)
  const [ada, ben, cora] = ['Ada', 'Ben', 'Cora'].map((name) => new Person(one, name)) as [Person, Person, Person]
  await foundCoop([ada, ben, cora].map((person) => ({ person, roles: ['member', 'steward'] })))
  const confirmed = async ({ value }: { readonly value: { readonly act?: { readonly act_id: string } } }): Promise<void> => {
    if (value.act !== undefined) await cora.must('act.confirm', { space: food, operation_id: value.act.act_id })
  }
  await confirmed(await ada.must('coop.host.add', { coop_id: 'food', did: other.at.did, label: 'Oak' }))
  const { ticket } = await ada.read('coop.host.ticket', { coop_id: 'food', did: other.at.did })
  await until('the ticket to be taken', async () => (await other.rpc.ask('coop.host.join', { ticket }, { token: other.at.operatorToken })).ok)
  await until('the coop to be there', () => digest(one) === digest(other))

  await other.stop()
  await confirmed(await ada.must('coop.suspend_member', { coop_id: 'food', did: ben.did, code: 'conduct', reason: 'Loud' }))
  await one.stop()
  await other.open()
  const benThere = new Person(other, 'Ben')
  const done = []
  for (const name of ['Gil', 'Hana'])
    done.push((await benThere.must('coop.add_member', { coop_id: 'food', did: new Person(one, name).did, role: 'member', name })).operations[0].id)
  const [first, second] = done as [string, string]
  await one.open()
  await until('both to agree', () => digest(one) === digest(other), 60_000)

  const [asAda, asBen] = [await ctlOf(t, 'Ada'), await ctlOf(t, 'Ben')]
  for (const [who, node] of [
    [asAda, one],
    [asAda, other],
    [asBen, one],
    [asBen, other],
  ] as const) {
    const { code, json } = await who(node, 'quarantine', 'list')
    assert.equal(code, 0)
    assert.deepEqual(
      json.items.map(({ operation_id, state }: { operation_id: string; state: string }) => [operation_id, state]).sort(),
      [
        [first, 'open'],
        [second, 'open'],
      ].sort(),
    )
    const { json: shown } = await who(node, 'quarantine', 'get', first)
    assert.deepEqual([shown.codes, shown.displaced_by !== null, shown.operation.kind], [['MEMBER_NOT_ACTIVE', 'POWER_MISSING'], node === other, 'coop.member.admit'])
  }
  assert.equal((await asAda(one, 'quarantine', 'settle', second, '--verdict', 'dismissed', '--note', 'Talked to Ben', '--dry-run')).json.outcome, 'simulated')
  const aside = await asAda(one, 'quarantine', 'settle', second, '--verdict', 'dismissed', '--note', 'Talked to Ben')
  assert.deepEqual([aside.code, aside.json.value.state, aside.json.value.settled.by], [0, 'dismissed', ada.did], aside.out)
  await confirmed(await ada.must('coop.reinstate_member', { coop_id: 'food', did: ben.did, note: 'Quiet again' }))
  await until('both to agree', () => digest(one) === digest(other))
  const settle = ['quarantine', 'settle', first, '--verdict', 'reissued', '--reissue']
  assert.equal((await asBen(other, ...settle, one.network)).json.code, 'REISSUE_UNKNOWN')
  const reissue = ['quarantine', 'reissue', first, '--note', 'Back again']
  assert.deepEqual([(await asAda(one, ...reissue)).json.code, (await asBen(other, ...reissue, '--dry-run')).json.outcome], ['QUARANTINE_NOT_YOURS', 'simulated'])
  const again = await asBen(other, ...reissue)
  assert.deepEqual([again.code, again.json.outcome, again.json.value.state, again.json.operations.length], [0, 'applied', 'reissued', 2], again.out)
  // The same answer under the key of the entry; under another one it is done already.
  const before = digest(other)
  const twice = await asBen(other, ...reissue)
  assert.deepEqual([twice.code, twice.json.operations, twice.json.value], [0, again.json.operations, again.json.value], twice.out)
  const anew = await asBen(other, ...reissue, '--idempotency-key', 'anew')
  assert.deepEqual([anew.code, anew.json.outcome, anew.json.operations, anew.json.value, digest(other)], [0, 'already_done', [], again.json.value, before], anew.out)
  await until('both to agree', () => digest(one) === digest(other))

  for (const node of [one, other]) {
    await node.restart()
    const { items } = (await asAda(node, 'quarantine', 'list')).json
    const states = new Map(items.map((item: { operation_id: string }) => [item.operation_id, item]))
    assert.deepEqual((states.get(second) as any).settled.note, 'Talked to Ben')
    const { state, settled } = states.get(first) as any
    assert.deepEqual([state, settled.by, settled.note, settled.reissue], ['reissued', ben.did, 'Back again', again.json.operations[0].id])
    assert.equal(node.at.journal.operation(settled.reissue)?.status, 'applied')
    assert.deepEqual((await asAda(node, 'quarantine', 'list', '--state', 'open')).json.items, [])
    const statuses = await Promise.all(
      ['Gil', 'Hana'].map(async (name) => (await new Person(node, 'Ada').ask('coop.get_member', { coop_id: 'food', did: new Person(node, name).did })).body.status),
    )
    assert.deepEqual(statuses, ['invited', 404])
    await node.healthy()
  }
  assert.equal((await asAda(one, 'quarantine', 'settle', second, '--verdict', 'reissued', '--reissue', first)).json.code, 'QUARANTINE_CLOSED')
})
