import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Caller, type CallOptions, openSealer, problemOf, type Reply } from '@icn/node'
import { type LoginFields, loginMsMax, loginText, type MethodName, type OperationId, type SpaceId, signStatement, toBase64Url } from '@icn/protocol'
import { didOf, keyOf, Person, TestNode } from './fixture.ts'
import type { OpenDoor } from './gateway.ts'

/** What was given to one caller for one purpose is good for nothing else (doors page §§3, 5, 7, 9). */

let node: TestNode
let door: OpenDoor
let ada: Person
const space = 'coop:food' as SpaceId

before(async () => {
  node = new TestNode()
  await node.found()
  door = await node.gateway()
  ada = await new Person('ada', door.address).signIn()
  await ada.write('POST', '/v1/coops', { id: 'food', name: 'Food Coop', type: 'consumer', min_founders: 1 })
  const { json } = await ada.call('GET', '/v1/coops/food/charter')
  const statement = await signStatement(ada.key, 'charter', { network: json.network, space, hash: json.hash, coop_id: 'food', version: json.version })
  await ada.write('POST', '/v1/coops/food/charter/sign', { hash: json.hash, signature: toBase64Url(statement.signature) })
  await ada.write('POST', '/v1/coops/food/activate', {})
  await ada.write('POST', '/v1/spaces/coop:food/grants', { scopes: ['coop.member.*', 'coop.invite.*'], label: 'Elm' })
  const dora = await new Person('dora', door.address).signIn()
  await dora.write('POST', '/v1/coops/food/apply', { charter_hash: json.hash, name: 'Dora' })
})
after(async () => {
  await door.close()
  await node.journal.close()
  assert.deepEqual(node.internals, [])
})

const caller = (more: Partial<Caller> = {}): Caller => ({ did: didOf('ada'), signer: didOf('ada'), operator: false, lang: 'en', ...more })
const ask = (method: MethodName, input: object, options: Partial<CallOptions> = {}, who: Partial<Caller> = {}): Promise<Reply> =>
  node.calls.ask(method, input, caller(who), { requestId: 'test', ...options })
const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => problemOf(error, 'en', 'test').code,
  )
const profile = { coop_id: 'food', did: didOf('ada'), name: 'Ada' }
const dora = { coop_id: 'food', did: didOf('dora') }

test('a cursor is good for its list only, though another has the same filters', async () => {
  for (const name of ['Eve', 'Fay']) await ask('coop.invite.create', { coop_id: 'food', name })
  const first = (await ask('coop.invite.list', { coop_id: 'food', limit: 1 })) as Reply & { as: 'page' }
  const cursor = first.page.next_cursor as string
  assert.equal(await codeOf(ask('coop.invite.list', { coop_id: 'food', cursor })), 'none')
  for (const other of ['coop.review.list', 'coop.conflict.list'] as const) assert.equal(await codeOf(ask(other, { coop_id: 'food', cursor })), 'CURSOR_INVALID')
})

test('a token of a trial run is good for its row and for a quarter of an hour', async () => {
  const dry = (await ask('coop.update_profile', profile, { dryRun: true })) as Reply & { as: 'envelope' }
  const ifUnchanged = dry.envelope.token as string
  assert.equal(await codeOf(ask('coop.invite.create', { coop_id: 'food', name: 'Gus' }, { ifUnchanged })), 'TOKEN_INVALID')
  node.now += 15 * 60_000 + 1
  assert.equal(await codeOf(ask('coop.update_profile', profile, { ifUnchanged })), 'EXPIRED')
  node.now -= 1
  assert.equal(await codeOf(ask('coop.update_profile', profile, { ifUnchanged })), 'none')
})

test('a key for one row says nothing about another with the same input', async () => {
  assert.equal(await codeOf(ask('coop.sponsor_member', dora, { idempotencyKey: 'one' })), 'none')
  assert.equal(await codeOf(ask('coop.confirm_member', dora, { idempotencyKey: 'one' })), 'NOT_PROVISIONAL')
})

test('what is about oneself is for oneself', async () => {
  const other = { did: didOf('dora'), signer: didOf('dora') }
  assert.equal(await codeOf(ask('coop.member_log', dora, {}, other)), 'none')
  assert.equal(await codeOf(ask('coop.member_log', { ...dora, did: didOf('ada') }, {}, other)), 'POWER_MISSING')
})

test('a job is its owner’s, and the operator’s', async () => {
  const { id } = node.calls.jobs.start(didOf('ada'), 'coop.import', { title: 'a register', key: 'test', run: async () => ({}) })
  const seenBy = async (who: Partial<Caller>) => [await codeOf(ask('job.get', { id }, {}, who)), ((await ask('job.list', {}, {}, who)) as Reply & { as: 'page' }).page.items.length]
  assert.deepEqual(await seenBy({}), ['none', 1])
  assert.deepEqual(await seenBy({ did: didOf('dora'), signer: didOf('dora') }), ['JOB_UNKNOWN', 0])
  assert.deepEqual(await seenBy({ did: didOf('dora'), signer: didOf('dora'), operator: true }), ['none', 1])
})

describe('a narrowed token', () => {
  const cases: readonly (readonly [string, MethodName, object, Partial<Caller>, string])[] = [
    ['for reading reads', 'coop.list_members', { coop_id: 'food' }, { scopes: ['coop:read'] }, 'none'],
    ['for reading writes nothing', 'coop.update_profile', profile, { scopes: ['coop:read', 'identity:write'] }, 'SCOPE_TOO_NARROW'],
    ['for writing reads too', 'coop.list_members', { coop_id: 'food' }, { scopes: ['coop:write'] }, 'none'],
    ['for this space is good here', 'coop.list_members', { coop_id: 'food' }, { spaces: [space] }, 'none'],
    ['for another space is not', 'coop.list_members', { coop_id: 'food' }, { spaces: ['coop:other' as SpaceId] }, 'SCOPE_TOO_NARROW'],
    ['for a space reaches no other spaces', 'identity.freeze', { reason: 'x', final: true }, { spaces: [space] }, 'SCOPE_TOO_NARROW'],
  ]
  for (const [what, method, input, who, code] of cases) test(what, async () => assert.equal(await codeOf(ask(method, input, {}, who)), code))
})

describe('a sign-in', () => {
  const sealer = openSealer([new Uint8Array(32).fill(1)])
  const fields = (more: Partial<LoginFields> = {}): LoginFields => ({
    network: node.journal.info('commons' as SpaceId)?.genesis as OperationId,
    origin: node.options.publicOrigin,
    node: node.journal.node,
    did: didOf('ada'),
    signer: didOf('ada'),
    nonce: toBase64Url(crypto.getRandomValues(new Uint8Array(32))),
    issued: node.now,
    expires: node.now + loginMsMax,
    grant: null,
    ...more,
  })
  const verify = (given: LoginFields, purpose: 'challenge' | 'token' = 'challenge', more: object = {}) => {
    const signature = toBase64Url(keyOf(given.signer === didOf('dora') ? 'dora' : 'ada').sign(new TextEncoder().encode(loginText(given))))
    return ask('auth.verify', { challenge: sealer.seal(purpose, given), signature, ...more }, {}, { did: undefined as never })
  }

  test('is for this network, origin and node, now, and by a challenge', async () => {
    assert.equal(await codeOf(verify(fields())), 'none')
    const others: readonly Partial<LoginFields>[] = [
      { network: node.journal.info(space)?.genesis as OperationId },
      { origin: 'http://127.0.0.1:8081' },
      { node: didOf('oak') },
      { expires: node.now },
      { issued: node.now + 60_001 },
      { did: didOf('dora') },
      { signer: didOf('dora') },
    ]
    for (const more of others) assert.equal(await codeOf(verify(fields(more))), 'CHALLENGE_INVALID', JSON.stringify(more))
    assert.equal(await codeOf(verify(fields(), 'token')), 'CHALLENGE_INVALID')
  })

  test('takes in permissions of the person who signs in, and nothing else', async () => {
    const drafted = async (person: Person, method: string, path: string, body: object) => person.sign((await person.call(method, `${path}?draft=true`, body)).json)[0]
    const someone = await new Person('dora', door.address).signIn()
    await ada.signIn()
    const grants = [
      await drafted(someone, 'POST', '/v1/spaces/coop:food/grants', { scopes: ['coop.member.profile'], label: 'Elm' }),
      await drafted(ada, 'PUT', '/v1/coops/food/members/me/profile', { name: 'Ada L.' }),
      await drafted(ada, 'POST', '/v1/spaces/coop:food/grants', { scopes: ['coop.member.profile'], label: 'Elm' }),
    ]
    const answer = (await verify(fields(), 'challenge', { grants })) as Reply & { as: 'exchange' }
    const outcomes = (answer.value as { grants: readonly { outcome: string; code: string | null }[] }).grants.map(({ outcome, code }) => [outcome, code])
    assert.deepEqual(outcomes, [
      ['refused', 'INPUT_INVALID'],
      ['refused', 'INPUT_INVALID'],
      ['applied', null],
    ])
  })

  test('keeps what narrows it', async () => {
    const answer = (await verify(fields(), 'challenge', { scopes: ['coop:read'], spaces: [space] })) as Reply & { as: 'exchange' }
    const { access_token, scopes, spaces } = answer.value as { access_token: string; scopes: unknown; spaces: unknown }
    assert.deepEqual([scopes, spaces], [['coop:read'], [space]])
    const claims = await node.tokens.check(access_token)
    assert.deepEqual([claims.scopes, claims.spaces], [['coop:read'], [space]])
  })

  test('is renewed only while its key speaks for the person, and refused to who is frozen', async () => {
    const opened = (await verify(fields())) as Reply & { as: 'exchange' }
    const { refresh_token } = opened.value as { refresh_token: string }
    const { signs } = node.standing
    Object.assign(node.standing, { signs: () => false })
    assert.equal(await codeOf(ask('auth.refresh', { refresh_token }, {}, { did: undefined as never })), 'TOKEN_REVOKED')
    Object.assign(node.standing, { signs })
    assert.equal(await codeOf(verify(fields({ did: didOf('dora'), signer: didOf('dora') }))), 'none')
    const someone = await new Person('dora', door.address).signIn()
    await someone.write('POST', '/v1/me/freeze', { reason: 'bag stolen', final: true })
    assert.equal(await codeOf(verify(fields({ did: didOf('dora'), signer: didOf('dora') }))), 'AUTHOR_FROZEN')
  })
})
