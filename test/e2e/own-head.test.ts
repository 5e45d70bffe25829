import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { commonsSpace, type Did, type SpaceId, toHex } from '@icn/protocol'
import { dayMs, foundCoop, freePort, Person, TestNode, until } from './harness.ts'
import { placesOf } from './places.ts'

/** A node whose data was put back from a copy, and a node that runs twice (engine page §6). */

/** First contacts that were not there are asked again after a minute. */
const patienceMs = 90_000

const listening = { 'network.listen_addr': '/ip4/127.0.0.1/tcp/0' }

async function found(t: TestContext): Promise<TestNode> {
  const node = await TestNode.start({ flags: { 'network.listen_addr': `/ip4/127.0.0.1/tcp/${await freePort()}` } })
  t.after(() => node.dispose())
  return node
}

/** A node of the first one's network; not started yet. */
function memberOf(t: TestContext, first: TestNode): TestNode {
  const node = new TestNode({ flags: { ...listening, 'network.bootstrap_peers': placesOf(first)[0] as string } })
  t.after(() => node.dispose())
  writeFileSync(join(node.folder, 'network.json'), JSON.stringify({ network_id: first.network }))
  return node
}

const food = 'coop:food' as SpaceId

const digest = (node: TestNode, space: SpaceId): string => {
  const info = node.at.journal.info(space)
  return info === undefined ? '' : toHex(info.setDigest)
}

/** A coop of Ada's that both nodes hold, where the second one may sign for her. */
async function shared(t: TestContext): Promise<{ readonly one: TestNode; readonly two: TestNode }> {
  const one = await found(t)
  const two = memberOf(t, one)
  await two.open()
  await until('the network to be there', () => equal(one, two, commonsSpace))
  const ada = new Person(one, 'Ada')
  await foundCoop([{ person: ada, roles: ['member', 'steward'] }])
  await ada.must('coop.host.add', { coop_id: 'food', did: two.at.did, label: 'Oak' })
  const { ticket } = await ada.read('coop.host.ticket', { coop_id: 'food', did: two.at.did })
  await two.rpc.ask('coop.host.join', { ticket }, { token: two.at.operatorToken })
  await until('the coop to be there', () => equal(one, two) && signs(two))
  await new Person(two, 'Ada').must('identity.grant', { space: food, scopes: ['coop.member.profile'], for_ms: 30 * dayMs, label: 'Oak' })
  await until('the grant to be there', () => equal(one, two))
  return { one, two }
}

/** Something that the node signs with its own key: what came of it. */
async function rename(node: TestNode, name: string): Promise<string> {
  const ada = new Person(node, 'Ada')
  const { ok, body, code } = await ada.ask('coop.update_profile', { coop_id: 'food', did: ada.did, name })
  return ok ? body.outcome : String(code)
}

const signs = (node: TestNode): boolean => node.at.journal.info(food)?.isMute === false
const syncOf = async (node: TestNode): Promise<string> => (await status(node)).spaces.find(({ space }: { space: string }) => space === food).sync
const status = async (node: TestNode) => (await node.rpc.ask('node.status', {}, { token: node.at.operatorToken })).body
const equal = (one: TestNode, two: TestNode, space: SpaceId = food): boolean => digest(one, space) !== '' && digest(one, space) === digest(two, space)

function copyOf(t: TestContext, node: TestNode): string {
  const copy = mkdtempSync(join(tmpdir(), 'icn-copy-'))
  t.after(() => rmSync(copy, { recursive: true, force: true }))
  execFileSync('cp', ['-a', `${node.folder}/.`, copy])
  return copy
}

function putBack(node: TestNode, copy: string): void {
  rmSync(node.folder, { recursive: true })
  execFileSync('cp', ['-a', copy, node.folder])
}

it('a node put back from yesterday’s copy signs nothing until a host has told it what it signed since', async (t) => {
  const { one, two } = await shared(t)
  const first = one.at.did
  await two.stop()
  const yesterday = copyOf(t, two)
  // An ordinary restart signs at once, whoever is there.
  await one.stop()
  await two.open()
  assert.equal(await rename(two, 'Ada of the bakery'), 'applied')
  assert.equal(await syncOf(two), 'alone')
  await one.open()
  await two.restart()
  await until('both to be equal', async () => (await syncOf(two)) === 'synced' && equal(one, two), patienceMs)
  await two.stop()
  await one.stop()

  putBack(two, yesterday)
  await two.open()
  assert.equal(await rename(two, 'Ada of the mill'), 'RECOVERING')
  const { recovering } = await status(two)
  assert.deepEqual(
    recovering.map(({ space, waiting_for }: { space: string; waiting_for: Did[] }) => [space, waiting_for]),
    [commonsSpace, food].map((space) => [space, [first]]),
  )
  // Being started again changes nothing about it.
  await two.restart()
  assert.equal(await rename(two, 'Ada of the mill'), 'RECOVERING')
  await one.open()
  await two.restart()
  await until('it to have caught up and to sign again', () => equal(one, two) && signs(two), patienceMs)
  assert.equal(await rename(two, 'Ada of the mill'), 'applied')
  await until('both to be equal', () => equal(one, two), patienceMs)
  for (const node of [one, two]) {
    assert.equal(node.at.journal.info(food)?.operations.forked, 0)
    assert.deepEqual((await status(node)).recovering, [])
    await node.healthy()
  }
})

it('the operator’s word lets a restored node sign without its hosts', async (t) => {
  const { one, two } = await shared(t)
  await two.stop()
  const yesterday = copyOf(t, two)
  await one.stop()
  putBack(two, yesterday)
  await two.open()
  assert.ok(!signs(two))
  await two.stop()
  const alone = new TestNode({ flags: { ...listening, 'node.alone': 'true' } })
  t.after(() => alone.dispose())
  alone.takeOver(two)
  await alone.open()
  assert.equal(await rename(alone, 'Ada of the mill'), 'applied')
})

it('a node that runs twice is found out, and what its key signed twice is evidence everywhere', async (t) => {
  const { one, two } = await shared(t)
  await two.stop()
  const copy = memberOf(t, one)
  copy.takeOver(two)
  // It is up to date, so it may sign; the other one has not heard of it.
  await copy.open()
  await until('the copy to have asked', () => signs(copy), patienceMs)
  await one.stop()
  await two.open()
  assert.equal(await rename(two, 'Ada of the mill'), 'applied')
  assert.equal(await rename(copy, 'Ada of the bakery'), 'applied')
  await one.open()
  await two.restart()
  await until('one side to be there', () => equal(one, two), patienceMs)
  await copy.restart()
  await until('all to agree', () => equal(one, copy), patienceMs)
  for (const node of [one, copy]) assert.equal(node.at.journal.info(food)?.operations.forked, 2)
  await until('the copy to be told that its key is closed', async () => (await rename(copy, 'Ada')) === 'FORKED', patienceMs)
  // Each takes the other's connection away and comes back, and is told what that means.
  for (const node of [two, copy]) {
    await until('both to be told', async () => (await status(node)).runs_twice_at !== null, patienceMs)
    const { body } = await node.rpc.ask('node.doctor', {}, { token: node.at.operatorToken })
    assert.equal(body.findings.find(({ name }: { name: string }) => name === 'once').state, 'fail')
  }
  // What was honest can be said again, by her own key.
  const ada = new Person(one, 'Ada')
  await ada.must('coop.update_profile', { coop_id: 'food', did: ada.did, name: 'Ada of the mill' })
  await until('all to agree', () => equal(one, copy), patienceMs)
})
