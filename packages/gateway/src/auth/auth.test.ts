import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { parseLoginText, toBase64Url } from '@icn/protocol'
import { SignJWT } from 'jose'
import { didOf, keyOf, Person, TestNode } from '../fixture.ts'
import type { OpenDoor } from '../gateway.ts'

let node: TestNode
let door: OpenDoor
before(async () => {
  node = new TestNode()
  await node.found()
  door = await node.gateway()
})
after(async () => {
  await door.close()
  await node.journal.close()
  assert.deepEqual(node.internals, [])
})

const nobody = () => new Person('nobody', door.address)
const sign = (name: string, text: string): string => toBase64Url(keyOf(name).sign(new TextEncoder().encode(text)))

test('the text to sign names network, origin, node and person, and nothing else passes for it', async () => {
  const { json } = await nobody().call('POST', '/v1/auth/challenge', { did: didOf('ada') })
  const fields = parseLoginText(json.message)
  assert.equal(fields?.did, didOf('ada'))
  assert.equal(fields?.node, node.journal.node)
  assert.equal(fields?.origin, 'http://127.0.0.1:8080')
  assert.equal(json.expires_in_secs, 300)
})

test('every failure of a sign-in is one answer', async () => {
  const challenge = async () => (await nobody().call('POST', '/v1/auth/challenge', { did: didOf('ada') })).json
  const verify = (body: object) => nobody().call('POST', '/v1/auth/verify', body)
  const fails = async (body: object) => {
    const { status, json } = await verify(body)
    assert.equal(status, 401)
    assert.equal(json.code, 'CHALLENGE_INVALID')
  }
  const first = await challenge()
  await fails({ challenge: first.challenge, signature: sign('ben', first.message) })
  // A wrong signature uses nothing up.
  assert.equal((await verify({ challenge: first.challenge, signature: sign('ada', first.message) })).status, 200)
  // Used.
  await fails({ challenge: first.challenge, signature: sign('ada', first.message) })
  const altered = await challenge()
  const bits = Buffer.from(altered.challenge, 'base64url')
  bits[20] = (bits[20] as number) ^ 1
  await fails({ challenge: bits.toString('base64url'), signature: sign('ada', altered.message) })
  await fails({ challenge: 'AAAA', signature: sign('ada', altered.message) })
  const old = await challenge()
  node.now += 301_000
  await fails({ challenge: old.challenge, signature: sign('ada', old.message) })
  // A device that nobody named.
  const device = await nobody().call('POST', '/v1/auth/challenge', { did: didOf('ada'), signer: didOf('phone') })
  await fails({ challenge: device.json.challenge, signature: sign('phone', device.json.message) })
})

test('strangers who ask in somebody’s name change nothing for that person', async () => {
  const mine = (await nobody().call('POST', '/v1/auth/challenge', { did: didOf('ada') })).json
  for (let i = 0; i < 200; i++) await nobody().call('POST', '/v1/auth/challenge', { did: didOf('ada') })
  const verified = await nobody().call('POST', '/v1/auth/verify', { challenge: mine.challenge, signature: sign('ada', mine.message) })
  assert.equal(verified.status, 200)
})

test('tokens: tampered, another algorithm, expired, ended', async () => {
  const ada = await new Person('ada', door.address).signIn({ label: 'Laptop' })
  assert.equal((await ada.call('GET', '/v1/me')).json.did, ada.did)
  const token = ada.token as string
  const [head, body, mark] = token.split('.') as [string, string, string]
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString())
  const forged = [
    `${head}.${Buffer.from(JSON.stringify({ ...claims, sub: didOf('ben') })).toString('base64url')}.${mark}`,
    `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${body}.`,
    await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' }).sign(new Uint8Array(32)),
    `${token.slice(0, -4)}AAAA`,
    'x'.repeat(5_000),
  ]
  for (const one of forged) {
    ada.token = one
    const { status, json } = await ada.call('GET', '/v1/me')
    assert.equal(status, 401)
    assert.equal(json.code, 'UNAUTHENTICATED')
  }
  ada.token = token
  node.now += 606_000
  const expired = await ada.call('GET', '/v1/me')
  assert.equal(expired.json.code, 'TOKEN_EXPIRED')
  assert.match(expired.headers.get('www-authenticate') ?? '', /invalid_token/)
  await ada.signIn()
  assert.equal((await ada.call('POST', '/v1/auth/logout', {})).json.ended, 1)
  assert.equal((await ada.call('GET', '/v1/me')).json.code, 'TOKEN_REVOKED')
})

test('a refresh token works once; used again later it ends the session', async () => {
  const ada = await new Person('ada', door.address).signIn()
  const old = ada.refresh
  const first = await ada.call('POST', '/v1/auth/refresh', { refresh_token: old })
  assert.equal(first.status, 200)
  // A lost answer may be asked for again at once.
  assert.equal((await ada.call('POST', '/v1/auth/refresh', { refresh_token: old })).status, 200)
  node.now += 20_000
  const stolen = await ada.call('POST', '/v1/auth/refresh', { refresh_token: old })
  assert.equal(stolen.json.code, 'REFRESH_REUSED')
  ada.token = first.json.access_token
  assert.equal((await ada.call('GET', '/v1/me')).status, 401)
})

test('sessions are listed and ended by their owner only', async () => {
  const ada = await new Person('ada', door.address).signIn({ label: 'Phone' })
  const ben = await new Person('ben', door.address).signIn()
  const listed = await ada.call('GET', '/v1/auth/sessions')
  const mine = listed.json.items.find((session: { this_session: boolean }) => session.this_session)
  assert.equal(mine.label, 'Phone')
  assert.equal((await ben.call('DELETE', `/v1/auth/sessions/${mine.sid}`)).status, 404)
  assert.equal((await ada.call('DELETE', `/v1/auth/sessions/${mine.sid}`)).json.ended, 1)
  assert.equal((await ada.call('GET', '/v1/me')).status, 401)
})

test('a narrowed token does less than the person', async () => {
  const ada = await new Person('ada', door.address).signIn({ scopes: ['coop:read'] })
  assert.equal((await ada.call('GET', '/v1/decisions')).status, 200)
  const wide = await ada.call('GET', '/v1/me')
  assert.equal(wide.status, 403)
  assert.equal(wide.json.code, 'SCOPE_TOO_NARROW')
})

test('public keys of tokens are published, and sessions outlive a restart', async () => {
  const { json } = await nobody().call('GET', '/.well-known/jwks.json')
  assert.equal(json.keys[0].crv, 'Ed25519')
  assert.equal(json.keys[0].d, undefined)
  const ada = await new Person('ada', door.address).signIn()
  const { Sessions } = await import('./sessions.ts')
  const again = new Sessions({ local: node.journal.local, now: () => node.now, refreshDays: 30 })
  assert.ok(again.list(ada.did).length >= 1)
  const [row] = again.list(ada.did)
  again.end(row?.sid as string, 'operator')
  assert.equal(new Sessions({ local: node.journal.local, now: () => node.now, refreshDays: 30 }).find(row?.sid as string), undefined)
})
