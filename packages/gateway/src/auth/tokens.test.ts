import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Did } from '@icn/protocol'
import { SignJWT } from 'jose'
import { createPrivateKey } from 'node:crypto'
import { didOf, TestNode } from '../fixture.ts'
import { askerOf, type CallerParts, type Credentials } from '../http/caller.ts'
import { Tokens } from './tokens.ts'

const now = 1_790_000_000_000
const seed = new Uint8Array(32).fill(2)
const parts = { node: didOf('node elm'), audience: 'http://127.0.0.1:8080', keys: [{ seed, createdAt: 0 }], accessSecs: 600, now: () => now }
const sessionRow = {
  sid: 'sid',
  did: didOf('ada'),
  signer: didOf('ada'),
  label: '',
  created_at: now,
  used_at: now,
  expires_at: now * 2,
  refresh: '',
  previous: null,
  replaced_at: now,
  scopes: null,
  spaces: null,
}
const code = (wanted: string) => (error: { readonly code?: string }) => error.code === wanted

test('a token is good at the node and the origin that it was made for, and for nothing but access', async () => {
  const tokens = new Tokens(parts)
  assert.equal((await tokens.check(await tokens.issue(sessionRow))).sub, didOf('ada'))
  const others = [{ node: didOf('oak') }, { audience: 'http://127.0.0.1:8081' }, { keys: [{ seed: new Uint8Array(32).fill(3), createdAt: 0 }] }]
  for (const more of others) await assert.rejects(tokens.check(await new Tokens({ ...parts, ...more }).issue(sessionRow)), code('UNAUTHENTICATED'))

  const kid = JSON.parse(Buffer.from((await tokens.issue(sessionRow)).split('.')[0] as string, 'base64url').toString()).kid
  const key = createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]), format: 'der', type: 'pkcs8' })
  const made = (typ: string) =>
    new SignJWT({ sid: 'sid', dev: didOf('ada') })
      .setProtectedHeader({ alg: 'EdDSA', typ, kid })
      .setIssuer(parts.node)
      .setSubject(didOf('ada'))
      .setAudience(parts.audience)
      .setJti('x')
      .setIssuedAt(now / 1_000)
      .setExpirationTime(now / 1_000 + 60)
      .sign(key)
  assert.ok(await tokens.check(await made('at+jwt')))
  await assert.rejects(tokens.check(await made('logout+jwt')), code('UNAUTHENTICATED'))
})

/** A caller's part of a node with one session; `row` is what stands there for it, `end` why its key is no longer good. */
function callers(more: { readonly row?: object; readonly end?: 'key' | 'frozen' } = {}) {
  const node = new TestNode()
  const { row } = node.sessions.open({ did: didOf('ada'), signer: didOf('ada'), label: '', scopes: null, spaces: null }, { nonce: 'x', expiresAt: node.now + 1 })
  const sessions = Object.assign(Object.create(node.sessions), { find: (sid: string) => (sid === row.sid ? { ...row, ...more.row } : undefined), touch() {}, end: () => true })
  const given: CallerParts = { tokens: node.tokens, sessions, operatorToken: 'secret', isOperator: (did: Did) => did === didOf('ada'), endOf: () => more.end }
  const ask = async (credentials: Partial<Credentials>) => askerOf(given, { lang: 'en', operatorHere: false, ...credentials })
  const bearer = async () => ({ authorization: `Bearer ${await node.tokens.issue(row)}` })
  return { ask, bearer }
}

test('a token stands for the person and key of its session, as long as the key does', async () => {
  const good = callers()
  assert.equal((await good.ask(await good.bearer())).caller.did, didOf('ada'))
  for (const more of [{ row: { did: didOf('ben') } }, { row: { signer: didOf('phone') } }, { end: 'key' as const }, { end: 'frozen' as const }]) {
    const bad = callers(more)
    const { caller, trouble } = await bad.ask(await bad.bearer())
    assert.deepEqual([caller.did, trouble?.code], [undefined, 'TOKEN_REVOKED'])
  }
})

test('the operator is the operator only where the door says so', async () => {
  const { ask, bearer } = callers()
  const ways: readonly Partial<Credentials>[] = [{ authorization: 'Bearer secret' }, { operator: 'secret' }, await bearer()]
  for (const way of ways) {
    assert.equal((await ask({ ...way, operatorHere: true })).caller.operator, true)
    assert.equal((await ask(way)).caller.operator, false)
  }
  assert.equal((await ask({ operator: 'secrer', operatorHere: true })).caller.operator, false)
})
