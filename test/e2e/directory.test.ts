import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { commonsSpace, toHex } from '@icn/protocol'
import { type Ran, runProgram, writeKey, writePassphrase } from '../../apps/icnctl/src/fixture.ts'
import { foundCoop, freePort, Person, seedOf, TestNode, until } from './harness.ts'
import { placesOf } from './places.ts'

/** The directory of a network: cooperatives enter it with what their charter says, every node shows it, and an id belongs to the first. */

async function two(t: TestContext): Promise<readonly [TestNode, TestNode]> {
  const one = await TestNode.start({ flags: { 'network.listen_addr': `/ip4/127.0.0.1/tcp/${await freePort()}` }, stewards: ['Ada', 'Cora'] })
  const other = new TestNode({ flags: { 'network.listen_addr': '/ip4/127.0.0.1/tcp/0', 'network.bootstrap_peers': placesOf(one)[0] as string } })
  for (const node of [one, other]) t.after(() => node.dispose())
  writeFileSync(join(other.folder, 'network.json'), JSON.stringify({ network_id: one.network }))
  await other.open()
  await until('the network to be there', () => digest(one) !== '' && digest(one) === digest(other))
  return [one, other]
}

const digest = (node: TestNode): string => {
  const info = node.at.journal.info(commonsSpace)
  return info === undefined ? '' : toHex(info.setDigest)
}

const stepsOf = async (person: Person): Promise<Readonly<Record<string, string>>> =>
  Object.fromEntries((await person.read('coop.founding', { coop_id: 'food' })).steps.map(({ step, state }: { step: string; state: string }) => [step, state]))

it('a cooperative keeps its id, enters the directory, changes its entry, and is read at every node without signing in', async (t) => {
  const [one, other] = await two(t)
  const ada = new Person(one, 'Ada')
  const ben = new Person(one, 'Ben')
  await foundCoop([
    { person: ada, roles: ['member', 'steward'] },
    { person: ben, roles: ['member', 'steward'] },
  ])
  assert.equal((await stepsOf(ada))['reserved'], 'open')
  assert.equal((await new Person(one, 'Eve').write('commons.coop.reserve', { coop_id: 'food' })).code, 'NOT_FOUND', 'it is not hers')
  const reserved = await ada.must('commons.coop.reserve', { coop_id: 'food' })
  assert.equal(reserved.value.status, 'reserved')
  assert.equal((await ada.write('commons.coop.reserve', { coop_id: 'food' })).body.outcome, 'already_done')
  assert.deepEqual([(await stepsOf(ada))['reserved'], (await stepsOf(ada))['listed']], ['done', 'open'])
  const entered = await ada.must('commons.coop.register', { coop_id: 'food' })
  assert.deepEqual(entered.value.controllers.toSorted(), [ada.did, ben.did].toSorted())
  assert.equal((await stepsOf(ada))['listed'], 'done')

  await ada.must('coop.update', { coop_id: 'food', changes: [{ field: 'description', value: 'Bread and cheese' }] })
  const changes = await ben.read('commons.coop.changes', { coop_id: 'food' })
  assert.deepEqual([changes.changes, changes.need, changes.version], [{ description: 'Bread and cheese' }, 1, 2])
  assert.equal((await ben.must('commons.coop.update', { coop_id: 'food' })).value.description, 'Bread and cheese')
  assert.equal((await ada.read('commons.coop.changes', { coop_id: 'food' })).signing_bytes, null)
  // What matters takes both: the second one signs what the first is going to say.
  const alone = { coop_id: 'food', changes: { controllers: [ada.did], threshold: 1 } }
  assert.equal((await ada.write('commons.coop.update', alone)).code, 'CONTROLLERS_MISSING')

  await until('the entry to be there', () => digest(one) === digest(other))
  await other.restart()
  const { body } = await new Person(other, 'Dee').asStranger('commons.coop.list', { q: 'FOOD' })
  assert.deepEqual(
    body.items.map(({ coop_id, status, version }: { coop_id: string; status: string; version: number }) => [coop_id, status, version]),
    [['food', 'active', 2]],
  )
  const charter = (await new Person(other, 'Dee').asStranger('commons.coop.charter', { coop_id: 'food' })).body
  assert.deepEqual([charter.verified, charter.signers.length], [true, 2])
  assert.equal((await new Person(other, 'Dee').asStranger('commons.coop.get', { coop_id: 'nowhere' })).code, 'COOP_UNLISTED')
  for (const node of [one, other]) await node.healthy()
})

it('an id that is kept is refused to others, and a node that nobody knows introduces nobody', async (t) => {
  const [one, other] = await two(t)
  const ada = new Person(one, 'Dora')
  await foundCoop([{ person: ada, roles: ['member', 'steward'] }])
  await ada.must('commons.coop.reserve', { coop_id: 'food' })
  await until('the entry to be there', () => digest(one) === digest(other))
  const eve = new Person(other, 'Eve')
  await foundCoop([{ person: eve, roles: ['member', 'steward'] }])
  const refused = await eve.write('commons.coop.reserve', { coop_id: 'food' })
  assert.deepEqual(
    (refused.body.reasons as { code: string }[]).map(({ code }) => code),
    ['VIA_REQUIRED', 'ID_TAKEN'],
  )
  assert.equal((await stepsOf(eve))['reserved'], 'open')
})

it('of two that keep one id while they do not hear of each other the first has it, and the other one is told', async (t) => {
  const [one, other] = await two(t)
  await one.stop()
  const cora = new Person(other, 'Cora')
  await foundCoop([{ person: cora, roles: ['member', 'steward'] }])
  await cora.must('commons.coop.reserve', { coop_id: 'food' })
  await other.stop()
  await one.open()
  const ada = new Person(one, 'Ada')
  await foundCoop([{ person: ada, roles: ['member', 'steward'] }])
  await ada.must('commons.coop.reserve', { coop_id: 'food' })
  assert.equal((await stepsOf(ada))['reserved'], 'done')
  await other.open()
  await until('both to agree', () => digest(one) === digest(other))
  assert.equal((await stepsOf(ada))['reserved'], 'open')
  assert.equal((await stepsOf(cora))['reserved'], 'done')
  const { items } = await ada.read('quarantine.list', { space: commonsSpace })
  assert.deepEqual(
    items.map(({ kind, codes }: { kind: string; codes: string[] }) => [kind, codes]),
    [['commons.coop.reserve', ['ID_TAKEN']]],
  )
  assert.equal((await ada.write('commons.coop.register', { coop_id: 'food' })).code, 'ID_TAKEN')
})

const needsOf = async (person: Person): Promise<readonly [kind: string, text: string][]> =>
  (await person.read('me.needs')).items.map(({ kind, text }: { kind: string; text: string }) => [kind, text])

/** icnctl as a program, with this person's key in a folder of its own. */
async function ctlOf(t: TestContext, node: TestNode, name: string): Promise<(...args: string[]) => Promise<Ran>> {
  const folder = mkdtempSync(join(tmpdir(), 'icn-ctl-'))
  t.after(() => rmSync(folder, { recursive: true }))
  await writePassphrase(folder)
  await writeKey(folder, name.toLowerCase(), seedOf(name), name)
  return (...args) => runProgram([...args, '--json'], { ICN_DATA_DIR: folder, ICN_PASSPHRASE_FILE: join(folder, 'passphrase'), ICN_ENDPOINT: node.at.addresses.gateway as string })
}

it('whoever may change an entry is told that it is due; for what matters a second controller signs at the command line', async (t) => {
  const listen = `127.0.0.1:${await freePort()}`
  const node = await TestNode.start({ flags: { 'gateway.listen': listen, 'gateway.public_origin': `http://${listen}` }, stewards: ['Ada'] })
  t.after(() => node.dispose())
  const ada = new Person(node, 'Ada')
  const ben = new Person(node, 'Ben')
  await foundCoop([
    { person: ada, roles: ['member', 'steward'] },
    { person: ben, roles: ['member', 'steward'] },
  ])
  const directoryNeeds = async (person: Person) => (await needsOf(person)).filter(([kind]) => kind.endsWith('_directory'))
  assert.deepEqual(await directoryNeeds(ada), [])
  await ada.must('commons.coop.reserve', { coop_id: 'food' })
  assert.deepEqual([(await directoryNeeds(ada)).map(([kind]) => kind), await directoryNeeds(ben)], [['enter_directory'], []])
  await ada.must('commons.coop.register', { coop_id: 'food' })
  assert.deepEqual(await directoryNeeds(ada), [])
  await ada.must('coop.update', { coop_id: 'food', changes: [{ field: 'description', value: 'Bread and cheese' }] })
  for (const who of [ada, ben]) assert.match((await directoryNeeds(who)).map(([, text]) => text).join(), /no longer says .*: description/)
  await node.restart()

  const [asAda, asBen, asEve] = await Promise.all(['Ada', 'Ben', 'Eve'].map((name) => ctlOf(t, node, name)))
  assert.ok(asAda !== undefined && asBen !== undefined && asEve !== undefined)
  // Without a word the coop's own state says what is signed.
  const described = (await asBen('directory', 'sign', 'food')).json
  assert.deepEqual([described.did, described.key], [ben.did, ben.did])
  const changes = '{"threshold":1}'
  assert.equal((await asEve('directory', 'sign', 'food', '--changes', changes)).json.code, 'NOT_A_CONTROLLER')
  assert.equal((await asAda('directory', 'update', 'food', '--changes', changes)).json.code, 'CONTROLLERS_MISSING')
  const forged = await asAda('directory', 'update', 'food', '--changes', changes, '--statements', JSON.stringify([described]))
  assert.notEqual(forged.code, 0, 'what was signed for one change serves no other')
  const signed = (await asBen('directory', 'sign', 'food', '--changes', changes)).json
  const done = await asAda('directory', 'update', 'food', '--changes', changes, '--statements', JSON.stringify([signed]))
  assert.deepEqual([done.code, done.json.value.threshold, done.json.value.version], [0, 1, 2], done.out)
  assert.notEqual((await asAda('directory', 'update', 'food', '--changes', changes, '--statements', JSON.stringify([signed]))).code, 0, 'nor a second time')
  await ben.must('commons.coop.update', { coop_id: 'food' })
  for (const who of [ada, ben]) assert.deepEqual(await directoryNeeds(who), [])
  const nothing = await asBen('directory', 'sign', 'food')
  assert.deepEqual([nothing.code, nothing.out], [0, ''])
})

it('everybody sees the directory, what is held only where it may be seen, and what is hidden looks like nothing', async (t) => {
  const [one, other] = await two(t)
  const ada = new Person(one, 'Ada')
  await foundCoop([{ person: ada, roles: ['member', 'steward'] }])
  const ids = async (node: TestNode, filter: object = {}) => {
    const answers = await Promise.all([node.rest, node.rpc].map((door) => door.ask('coop.list', { ...filter })))
    const [rest, rpc] = answers.map(({ body }) => body.items.map(({ coop_id }: { coop_id: string }) => coop_id))
    assert.deepEqual(rest, rpc)
    return rest
  }
  const directory = { scope: 'directory' }
  assert.deepEqual([await ids(one, directory), await ids(one)], [[], ['food']], 'held and not entered')
  await ada.must('commons.coop.reserve', { coop_id: 'food' })
  assert.deepEqual(await ids(one, directory), [], 'only its id is kept')
  await ada.must('commons.coop.register', { coop_id: 'food' })
  await until('the entry to be there', () => digest(one) === digest(other))
  await other.restart()
  assert.deepEqual([await ids(other, directory), await ids(other), await ids(other, { scope: 'hosted' })], [['food'], [], []])
  const { type } = await ada.read('coop.get', { coop_id: 'food' })
  assert.deepEqual(await ids(other, { ...directory, type, status: 'active' }), ['food'])
  assert.deepEqual([await ids(other, { ...directory, status: 'suspended' }), await ids(other, { ...directory, type: 'federation' })], [[], []])

  await ada.must('coop.update', { coop_id: 'food', changes: [{ field: 'listed', value: false }] })
  assert.deepEqual([await ids(one), await ids(one, { scope: 'hosted' }), await ids(one, { scope: 'mine' })], [[], [], []])
  assert.deepEqual((await ada.read('coop.list', { scope: 'mine' })).items.length, 1)
  const said = async (coop_id: string) => {
    const { status, body } = await one.rest.ask('coop.get', { coop_id })
    return [status, body.code, body.detail]
  }
  assert.deepEqual(await said('food'), await said('nowhere'))
})
