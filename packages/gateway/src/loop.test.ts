import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { signStatement } from '@icn/protocol'
import { Person, TestNode } from './fixture.ts'
import type { OpenDoor } from './gateway.ts'

let node: TestNode
let door: OpenDoor
let ada: Person
let ben: Person

before(async () => {
  node = new TestNode()
  await node.found()
  door = await node.gateway()
  ada = await new Person('ada', door.address).signIn()
  ben = await new Person('ben', door.address).signIn()
})
after(async () => {
  await door.close()
  await node.calls.jobs.close()
  await node.journal.close()
  assert.deepEqual(node.internals, [])
  assert.deepEqual(node.faults, [])
})

async function signCharter(person: Person): Promise<void> {
  const { json } = await person.call('GET', '/v1/coops/food/charter')
  const statement = await signStatement(person.key, 'charter', { network: json.network, space: 'coop:food', hash: json.hash, coop_id: 'food', version: json.version })
  const signed = await person.write('POST', '/v1/coops/food/charter/sign', { hash: json.hash, signature: Buffer.from(statement.signature).toString('base64url') })
  assert.equal(signed.json.outcome, 'applied', JSON.stringify(signed.json))
}

test('a cooperative is founded, signed, opened and admits somebody, each step on people’s own keys', async () => {
  const founders = [
    { did: ada.did, name: 'Ada', roles: ['member', 'steward'] },
    { did: ben.did, name: 'Ben', roles: ['member'] },
  ]
  const input = { id: 'food', name: 'Food Coop', type: 'consumer', founders, min_founders: 2 }
  const dry = await ada.call('POST', '/v1/coops?dry_run=true', input)
  assert.equal(dry.status, 200, JSON.stringify(dry.json))
  assert.equal(dry.json.outcome, 'simulated')
  assert.equal(dry.json.decision.outcome, 'lawful')
  const warns = ({ json }: { json: { warnings: { code: string }[] } }): boolean => json.warnings.some(({ code }) => code === 'NO_GRANT')
  assert.ok(warns(dry), 'a plain call will not be signed by the node')
  assert.ok(!warns(await ada.call('POST', '/v1/coops?dry_run=true&draft=true', input)))

  const drafted = await ada.call('POST', '/v1/coops', input)
  assert.equal(drafted.json.outcome, 'drafted', JSON.stringify(drafted.json))
  const [signed] = ada.sign(drafted.json)
  const founded = await ada.call('POST', '/v1/coops', { signed })
  assert.equal(founded.status, 201, JSON.stringify(founded.json))
  assert.equal(founded.headers.get('location'), '/v1/coops/food')
  const again = await ada.call('POST', '/v1/coops', { signed })
  assert.ok(again.status < 300, JSON.stringify(again.json))

  await signCharter(ada)
  const early = await ada.call('POST', '/v1/coops/food/activate?draft=true', {})
  assert.equal(early.json.code, 'CHARTER_NOT_RATIFIED')
  assert.equal(early.status, 422)

  await signCharter(ben)
  const needs = await ada.call('GET', '/v1/me/needs')
  assert.deepEqual(
    needs.json.items.map((need: { kind: string }) => need.kind),
    ['activate'],
  )
  const activated = await ada.write('POST', '/v1/coops/food/activate', {})
  assert.equal(activated.json.outcome, 'applied', JSON.stringify(activated.json))
  assert.equal(activated.json.value.status, 'active')

  const chen = await new Person('chen', door.address).signIn()
  const invited = await ada.write('POST', '/v1/coops/food/members', { did: chen.did, name: 'Chen' }, { 'idempotency-key': '"k1"' })
  assert.equal(invited.json.outcome, 'applied', JSON.stringify(invited.json))
  assert.equal(invited.json.value.status, 'invited')
  const replay = await ada.call('POST', '/v1/coops/food/members?draft=true', { did: chen.did, name: 'Chen' }, { 'idempotency-key': '"k1"' })
  assert.equal(replay.json.outcome, 'applied')
  assert.equal(replay.headers.get('idempotency-replayed'), 'true')
  const reused = await ada.call('POST', '/v1/coops/food/members?draft=true', { did: chen.did, name: 'Dora' }, { 'idempotency-key': '"k1"' })
  assert.equal(reused.json.code, 'IDEMPOTENCY_KEY_REUSED')

  const charter = await chen.call('GET', '/v1/coops/food/charter')
  const accepted = await chen.write('POST', '/v1/coops/food/members/me/accept', { charter_hash: charter.json.hash })
  assert.equal(accepted.json.outcome, 'applied', JSON.stringify(accepted.json))
})

test('a node signs under a grant, and says what is missing without one', async () => {
  const refused = await ada.call('PUT', '/v1/coops/food/members/me/profile', { name: 'Ada B.' })
  assert.equal(refused.status, 403)
  assert.equal(refused.json.code, 'NO_GRANT')
  const granted = await ada.write('POST', '/v1/spaces/coop:food/grants', {
    scopes: ['coop.member.profile', 'coop.invite.create', 'coop.member.roles', 'act.propose'],
    label: 'Elm',
  })
  assert.equal(granted.json.outcome, 'applied', JSON.stringify(granted.json))
  const renamed = await ada.call('PUT', '/v1/coops/food/members/me/profile', { name: 'Ada B.' }, { 'idempotency-key': 'once' })
  assert.equal(renamed.status, 200, JSON.stringify(renamed.json))
  assert.equal(renamed.json.value.name, 'Ada B.')
  const again = await ada.call('PUT', '/v1/coops/food/members/me/profile', { name: 'Ada B.' }, { 'idempotency-key': 'once' })
  assert.equal(again.headers.get('idempotency-replayed'), 'true')
  assert.deepEqual(again.json.operations, renamed.json.operations)
})

test('the code of an invitation is in the first answer and nowhere else', async () => {
  const made = await ada.call('POST', '/v1/coops/food/invites', { name: 'Dora' }, { 'idempotency-key': 'invite' })
  assert.equal(made.status, 201, JSON.stringify(made.json))
  assert.match(made.json.value.code, /^[0-9A-Z]{4}(-[0-9A-Z]{4}){3}$/)
  const again = await ada.call('POST', '/v1/coops/food/invites', { name: 'Dora' }, { 'idempotency-key': 'invite' })
  assert.equal(again.json.value.code, undefined)
  assert.equal(again.json.value.invite_id, made.json.value.invite_id)
})

test('what needs a second person becomes an open act, and If-Match is asked for', async () => {
  const without = await ada.call('PUT', `/v1/coops/food/members/${ben.did}/role`, { roles: ['member', 'treasurer'] })
  assert.equal(without.status, 428)
  const member = await ada.call('GET', `/v1/coops/food/members/${ben.did}`)
  const tag = member.headers.get('etag') as string
  const same = await ada.call('GET', `/v1/coops/food/members/${ben.did}`, undefined, { 'if-none-match': tag })
  assert.equal(same.status, 304)
  const wrong = await ada.call('PUT', `/v1/coops/food/members/${ben.did}/role`, { roles: ['member', 'treasurer'] }, { 'if-match': '"nothing"' })
  assert.equal(wrong.json.code, 'ETAG_MISMATCH')
  const proposed = await ada.call('PUT', `/v1/coops/food/members/${ben.did}/role`, { roles: ['member', 'treasurer'] }, { 'if-match': tag })
  assert.equal(proposed.status, 200, JSON.stringify(proposed.json))
  assert.equal(proposed.json.outcome, 'applied')
  assert.equal(proposed.json.value.act.state, 'open')
  const acts = await ben.call('GET', '/v1/spaces/coop:food/acts?state=open')
  assert.equal(acts.json.items.length, 1, JSON.stringify(acts.json))
})

test('a token of a dry run holds until something it read has changed', async () => {
  const dry = await ada.call('PUT', '/v1/coops/food/members/me/profile?dry_run=true', { name: 'Ada C.' })
  assert.equal(dry.json.outcome, 'simulated')
  assert.deepEqual(dry.json.warnings, [])
  const first = await ada.call('PUT', '/v1/coops/food/members/me/profile', { name: 'Ada D.' })
  assert.equal(first.status, 200)
  const stale = await ada.call('PUT', '/v1/coops/food/members/me/profile', { name: 'Ada C.' }, { 'icn-if-unchanged': dry.json.token })
  assert.equal(stale.status, 412, JSON.stringify(stale.json))
  assert.equal(stale.json.code, 'STATE_CHANGED')
  const foreign = await ben.call('PUT', '/v1/coops/food/members/me/profile', { name: 'Ben' }, { 'icn-if-unchanged': dry.json.token })
  assert.equal(foreign.status, 403)
})

test('strangers see nothing that tells a hidden cooperative from none', async () => {
  const eli = await new Person('eli', door.address).signIn()
  const hidden = await eli.call('GET', '/v1/coops/food/members')
  const absent = await eli.call('GET', '/v1/coops/nothing/members')
  assert.equal(hidden.status, 404)
  const plain = ({ instance, request_id, ...rest }: any) => rest
  assert.deepEqual(plain(hidden.json), plain(absent.json))
})

test('lists walk page by page, and a cursor of another list is refused', async () => {
  const first = await ada.call('GET', '/v1/coops/food/members?limit=1')
  assert.equal(first.json.items.length, 1)
  const seen = [...first.json.items]
  let cursor = first.json.next_cursor
  while (cursor !== null) {
    const page = await ada.call('GET', `/v1/coops/food/members?limit=1&cursor=${cursor}`)
    seen.push(...page.json.items)
    cursor = page.json.next_cursor
  }
  assert.deepEqual(new Set(seen.map((item) => item.did)).size, seen.length)
  const other = await ada.call('GET', `/v1/spaces/coop:food/operations?cursor=${first.json.next_cursor}`)
  assert.equal(other.json.code, 'CURSOR_INVALID')
  const foreign = await ben.call('GET', `/v1/coops/food/members?limit=1&cursor=${first.json.next_cursor}`)
  assert.equal(foreign.json.code, 'CURSOR_INVALID')
})
