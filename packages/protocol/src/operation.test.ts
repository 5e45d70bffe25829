import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidOfDigest, fromBase64Url, NotCanonical, toBase64Url } from './canonical.ts'
import { portableSigner } from './crypto/signer.ts'
import { didOfKey } from './did.ts'
import type { OperationId, SpaceId } from './ids.ts'
import { operationBytesMax } from './limits.ts'
import { bodyHash, encodeEnvelope, type Envelope, parseOperation } from './operation.ts'
import { clockAfter, clockCounterMax } from './units.ts'

const did = didOfKey(portableSigner(new Uint8Array(32).fill(1)).publicKey)
const id = (n: number): OperationId => cidOfDigest(new Uint8Array(32).fill(n)) as OperationId
const body = Uint8Array.of(0xa0)
const good: Envelope = {
  v: 1,
  space: 'coop:food' as SpaceId,
  genesis: id(1),
  kind: 'coop.member.resign',
  author: did,
  signer: did,
  grant: null,
  seq: 0,
  prev: null,
  seen: [],
  at: [1, 0],
  body_hash: bodyHash(body),
}
const reasonOf = (envelope: Uint8Array, content: Uint8Array | null = body, signature = new Uint8Array(64)): string | undefined => {
  const parsed = parseOperation(envelope, signature, content)
  return 'malformed' in parsed ? parsed.malformed : undefined
}

test('an operation has one encoding', () => {
  const bytes = encodeEnvelope(good)
  assert.equal(reasonOf(bytes), undefined)
  // It begins with the head of a map of twelve, and the pair v: 1.
  const [head, pair, rest] = [bytes.subarray(0, 1), bytes.subarray(1, 4), bytes.subarray(4)]
  const others = [
    [head, rest, pair],
    [head, pair.subarray(0, 2), Uint8Array.of(0x18, 1), rest],
    [Uint8Array.of(0xad), pair, pair, rest],
    [Uint8Array.of(0xbf), pair, rest, Uint8Array.of(0xff)],
    [bytes, Uint8Array.of(0)],
  ]
  for (const parts of others) assert.equal(reasonOf(Buffer.concat(parts)), 'encoding')
})

test('an operation has the parents that its number asks for', () => {
  const first = { ...good, genesis: null }
  const cases: readonly (readonly [Partial<Envelope>, string | undefined])[] = [
    [first, undefined],
    [{ ...first, seq: 1, prev: id(2) }, 'genesis'],
    [{ ...first, seen: [id(2)] }, 'genesis'],
    [{ seq: 1, prev: id(2) }, undefined],
    [{ seq: 1 }, 'chain'],
    [{ prev: id(2) }, 'chain'],
    [{ seen: Array.from({ length: 16 }, (_, i) => id(i)) }, undefined],
    [{ seen: Array.from({ length: 17 }, (_, i) => id(i)) }, 'schema'],
  ]
  for (const [changes, reason] of cases) assert.equal(reasonOf(encodeEnvelope({ ...good, ...changes })), reason, JSON.stringify(changes))
})

test('an operation has the body and the size that were signed', () => {
  const bytes = encodeEnvelope(good)
  assert.equal(reasonOf(bytes, Uint8Array.of(0xa1)), 'body_hash')
  assert.equal(reasonOf(bytes, null), undefined, 'a forgotten one')
  assert.equal(reasonOf(bytes, body, new Uint8Array(63)), 'schema')
  const room = operationBytesMax - bytes.length - 64
  assert.equal(reasonOf(bytes, new Uint8Array(room)), 'body_hash')
  assert.equal(reasonOf(bytes, new Uint8Array(room + 1)), 'size')
})

test('base64url has one spelling', () => {
  assert.deepEqual(fromBase64Url(toBase64Url(Uint8Array.of(1))), Uint8Array.of(1))
  for (const text of ['AQ==', 'AR', 'A', 'A+', 'AQ ']) assert.throws(() => fromBase64Url(text), NotCanonical, text)
})

test('a clock whose counter is full goes on in the next millisecond', () => {
  assert.deepEqual(clockAfter([5, 7]), [5, 8])
  assert.deepEqual(clockAfter([5, clockCounterMax]), [6, 0])
})
