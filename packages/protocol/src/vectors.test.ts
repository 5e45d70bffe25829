import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromHex } from './crypto/hex.ts'
import { signingKeyFromSeed, verifySignature } from './crypto/sodium.ts'
import type { KeyValue, LoginFields, OperationId } from './index.ts'
import {
  bodyHash,
  cidOf,
  decodeCanonical,
  decodeKey,
  didOfKey,
  encodeCanonical,
  encodeKey,
  EnvelopeSchema,
  fromBase64Url,
  isDid,
  keyOfDid,
  loginText,
  operationIdOf,
  parseDid,
  parseLoginText,
  parseOperation,
  sealOperation,
  statementBytes,
  toBase64Url,
  toHex,
  verifyStatement,
} from './index.ts'

/** Encodings that are fixed for ever, checked against what an implementation of its own has made. */

const read = (name: string): any => JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'))

test('DIDs are spelled as everywhere', () => {
  for (const { seed, public_key, did } of read('did').good) {
    assert.equal(toHex(signingKeyFromSeed(fromHex(seed)).publicKey), public_key)
    assert.equal(didOfKey(fromHex(public_key)), did)
    assert.equal(toHex(keyOfDid(did)), public_key)
  }
})

test('everything that is not a DID is refused with its reason, and the old form with what it should be', () => {
  const { good, bad } = read('did')
  for (const { text, fault } of bad) {
    const parsed = parseDid(text)
    assert.equal('fault' in parsed ? parsed.fault : 'none', fault, JSON.stringify(text))
    assert.equal(isDid(text), false)
  }
  for (const { old_form, did } of good) assert.deepEqual(parseDid(old_form), { fault: 'old_form', remedy: did })
})

test('no text makes the reading of a DID throw, and what it takes it writes the same', () => {
  const near = fc
    .tuple(fc.constantFrom(...read('did').good.map(({ did }: { did: string }) => did)), fc.nat(55), fc.string({ unit: 'binary', maxLength: 2 }))
    .map(([did, at, text]) => did.slice(0, at) + text + did.slice(at + text.length))
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), near), (text) => {
      const parsed = parseDid(text)
      if (!('fault' in parsed)) assert.equal(didOfKey(parsed.key), text)
    }),
    { numRuns: 2_000 },
  )
})

/** Vectors write bytes of a body as JSON does. */
function plain(value: any, key = ''): unknown {
  if (key === 'b' || key === 'body_hash') return fromBase64Url(value)
  if (Array.isArray(value)) return value.map((item) => plain(item))
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner, name)])) : value
}

test('operations have the bytes, ids and signatures that they have everywhere', () => {
  const { body, operations } = read('operation')
  const encoded = encodeCanonical(plain(body.json))
  assert.equal(toHex(encoded), body.bytes)
  assert.equal(toHex(bodyHash(encoded)), body.hash)
  assert.deepEqual(encodeCanonical(decodeCanonical(encoded)), encoded)
  for (const { seed, envelope, bytes, id, signature } of operations) {
    const parsed = EnvelopeSchema.parse(envelope)
    const sealed = sealOperation(parsed, encoded, signingKeyFromSeed(fromHex(seed)).sign)
    assert.equal(toHex(sealed.bytes), bytes)
    assert.equal(sealed.id, id)
    assert.equal(operationIdOf(fromHex(bytes)), id)
    assert.equal(toHex(sealed.signature), signature)
    const again = parseOperation(fromHex(bytes), fromHex(signature), encoded)
    assert.ok('operation' in again && again.operation.id === id)
  }
})

test('statements and login texts sign what they sign everywhere', () => {
  const { statements, login } = read('statement')
  for (const { purpose, seed, payload, message, signature } of statements) {
    assert.equal(toHex(statementBytes(purpose, payload)), message)
    const key = signingKeyFromSeed(fromHex(seed))
    assert.equal(toHex(key.sign(statementBytes(purpose, payload))), signature)
    const statement = { purpose, key: didOfKey(key.publicKey), payload, signature: fromHex(signature) }
    assert.equal(verifyStatement(statement, verifySignature), true)
    assert.equal(verifyStatement({ ...statement, purpose: 'charter' }, verifySignature), false, 'one purpose never passes for another')
    assert.equal(verifyStatement({ ...statement, payload: { ...payload, space: 'coop:other' } }, verifySignature), false)
  }
  for (const { fields, seed, text, signature } of login) {
    assert.equal(loginText(fields), text)
    assert.deepEqual(parseLoginText(text), fields)
    assert.equal(toHex(signingKeyFromSeed(fromHex(seed)).sign(new TextEncoder().encode(text))), signature)
  }
})

test('a login text with anything changed, moved or added reads as none', () => {
  const [{ fields, text }] = read('statement').login as [{ fields: LoginFields; text: string }]
  const lines = text.split('\n')
  for (const other of [
    `${text}\n`,
    text.slice(1),
    lines.reverse().join('\n'),
    `${text}\nextra: 1`,
    text.replace('nonce: A', 'nonce: '),
    text.replace('icn/login/1', 'icn/login/2'),
    text.replace('.123Z', 'Z'),
    '',
    'icn/login/1',
  ])
    assert.equal(parseLoginText(other), undefined, other)
  const grant = cidOf(new Uint8Array(3)) as OperationId
  assert.equal(parseLoginText(loginText({ ...fields, grant }))?.grant, grant)
})

test('keys of tables are encoded so for ever', () => {
  for (const { table, parts, key } of read('keys').keys) {
    const values = (parts as (string | number | { bytes: string })[]).map((value): KeyValue => (typeof value === 'object' ? fromHex(value.bytes) : value))
    assert.equal(toHex(encodeKey(table, values)), key)
    assert.deepEqual(
      decodeKey(fromHex(key)).map((value) => (value instanceof Uint8Array ? toBase64Url(value) : value)),
      [table, ...values].map((value) => (value instanceof Uint8Array ? toBase64Url(value) : value)),
    )
  }
})
