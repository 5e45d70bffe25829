import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { dayMs, encodeTrusted } from '@icn/protocol'
import { Person, TestNode } from '../fixture.ts'
import type { OpenDoor } from '../gateway.ts'
import { TokenKeys } from './token-keys.ts'

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
})

const tokenLifeMs = 605_000
const first = { session: new Uint8Array(32).fill(2), seal: new Uint8Array(32).fill(1) }
const open = (seeds = first): TokenKeys => new TokenKeys({ local: node.journal.local, first: seeds, tokenLifeMs, now: () => node.now })
const rows = () => [...node.journal.local.scan(['auth.token_keys'])]
const seedsOf = (keys: TokenKeys): string[] => keys.session.map(({ seed }) => Buffer.from(seed).toString('hex'))

test('keys turn after 90 days, over restarts, and the old one is good for one token life longer', async () => {
  const keys = open()
  assert.deepEqual(seedsOf(keys), [Buffer.from(first.session).toString('hex')], 'the first is the key file’s')
  const cursor = keys.sealer.seal('cursor', 'here')
  node.now += 90 * dayMs - 1
  assert.equal(keys.turn(), false)
  assert.deepEqual(seedsOf(open()), seedsOf(keys))

  const ada = await new Person('ada', door.address).signIn()
  node.now += 1
  assert.equal(keys.turn(), true)
  assert.equal(keys.turn(), false)
  node.tokens.use(keys.session)
  assert.equal(keys.session.length, 2)
  assert.deepEqual(seedsOf(open()), seedsOf(keys), 'as they are kept')
  for (const [, value] of rows())
    for (const seed of [...keys.session, { seed: first.seal }]) assert.equal(Buffer.from(encodeTrusted(value)).includes(Buffer.from(seed.seed)), false, 'kept sealed')
  // Signed by the old key, and by the new one.
  assert.equal((await ada.call('GET', '/v1/me')).status, 200)
  const kidOf = (token: string | undefined): string => JSON.parse(Buffer.from((token as string).split('.')[0] as string, 'base64url').toString()).kid
  const old = kidOf(ada.token)
  await ada.signIn()
  assert.notEqual(kidOf(ada.token), old)
  assert.equal((await ada.call('GET', '/v1/me')).status, 200)
  assert.equal((await ada.call('GET', '/.well-known/jwks.json')).json.keys.length, 2)

  node.now += tokenLifeMs
  assert.equal(keys.turn(), true)
  assert.equal(keys.session.length, 1)
  assert.equal(keys.sealer.open('cursor', cursor), 'here', 'what was sealed opens until the next turn')
  node.now += 90 * dayMs
  keys.turn()
  assert.equal(keys.sealer.open('cursor', cursor), undefined)
  assert.equal(rows().length, 4)
})

test('a clock that stood years ahead leaves no key for years', () => {
  const present = seedsOf(open())[0]
  node.now += 3_650 * dayMs
  assert.notEqual(seedsOf(open())[0], present)
  node.now -= 3_650 * dayMs
  const back = open()
  assert.equal(back.session[0]?.createdAt, node.now)
  assert.deepEqual(seedsOf(open())[0], seedsOf(back)[0], 'and it stays')
})

test('keys of another key file are not taken', () => {
  const before = seedsOf(open())
  const other = open({ session: new Uint8Array(32).fill(8), seal: new Uint8Array(32).fill(9) })
  assert.deepEqual(seedsOf(other), ['08'.repeat(32)])
  assert.equal(before.includes('08'.repeat(32)), false)
  assert.equal(rows().length, 2)
})
