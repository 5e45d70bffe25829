import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Did, type MethodName, toHex } from '@icn/protocol'
import { clientKeyOf, idempotencyKey, inputDigest } from './keys.ts'
import { PendingDrafts } from './pending.ts'
import { openSealer, type SealPurpose } from './seal.ts'

const [ada, ben] = ['did:icn:ada', 'did:icn:ben'] as Did[] as [Did, Did]

test('a key and the id made of it belong to one person, one row and one text', () => {
  const asked: readonly (readonly [Did, MethodName, string])[] = [
    [ada, 'coop.create', 'k'],
    [ben, 'coop.create', 'k'],
    [ada, 'coop.apply', 'k'],
    [ada, 'coop.create', 'l'],
  ]
  assert.equal(new Set(asked.map((one) => idempotencyKey(...one))).size, 4)
  assert.equal(new Set(asked.map((one) => toHex(clientKeyOf(...one)))).size, 4)
  assert.deepEqual(clientKeyOf(ada, 'coop.create', 'k'), clientKeyOf(ada, 'coop.create', 'k'))
  assert.deepEqual(inputDigest({ a: 1, b: [2] }), inputDigest({ b: [2], a: 1 }))
  assert.notDeepEqual(inputDigest({ a: 1 }), inputDigest({ a: 2 }))
})

test('what is sealed opens for its purpose, with the present key and the one before it', () => {
  const [old, present, other] = [1, 2, 3].map((n) => new Uint8Array(32).fill(n)) as [Uint8Array, Uint8Array, Uint8Array]
  const purposes: readonly SealPurpose[] = ['cursor', 'token', 'challenge', 'sse', 'import', 'key']
  for (const purpose of purposes) {
    const text = openSealer([old]).seal(purpose, { n: 1 })
    for (const asked of purposes) assert.deepEqual(openSealer([present, old]).open(asked, text), asked === purpose ? { n: 1 } : undefined)
    assert.equal(openSealer([other]).open(purpose, text), undefined)
    for (const wrong of ['', 'AAAA', `${text}A`, text.slice(2), `${text}=`]) assert.equal(openSealer([old]).open(purpose, wrong), undefined)
  }
})

test('a draft is remembered for its author, kind and body, and until its time is over', () => {
  const drafts = new PendingDrafts()
  const draft = { author: ada, kind: 'coop.apply', bodyHash: new Uint8Array(32) }
  const pending = { plan: {} as never, asAct: false, expiresAt: 100 }
  drafts.put(draft, pending)
  assert.equal(drafts.find(draft, 100), pending)
  assert.equal(drafts.find(draft, 101), undefined)
  for (const more of [{ author: ben }, { kind: 'coop.found' }, { bodyHash: new Uint8Array(32).fill(1) }]) assert.equal(drafts.find({ ...draft, ...more }, 1), undefined)
})
