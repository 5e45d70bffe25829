import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as dagCbor from '@ipld/dag-cbor'
import fc from 'fast-check'
import { base32 } from 'multiformats/bases/base32'
import { CID } from 'multiformats/cid'
import { cidOfDigest, decodeCanonical, digestOfCid, encodeCanonical, isCid, NotCanonical } from './canonical.ts'
import { encodeEnvelope, type Envelope, EnvelopeSchema, isEnvelope } from './operation.ts'
import { didOfKey } from './did.ts'
import { portableSigner } from './crypto/signer.ts'

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 })

describe('ids by content', () => {
  it('are the CIDs that the library writes and reads', () => {
    fc.assert(
      fc.property(digest, (bytes) => {
        const cid = base32.encode(Uint8Array.of(1, 0x71, 0x12, 0x20, ...bytes))
        assert.equal(cidOfDigest(bytes), cid)
        assert.equal(CID.parse(cid).toString(), cid)
        assert.ok(isCid(cid))
        assert.deepEqual(digestOfCid(cid), bytes)
      }),
    )
  })

  it('have one spelling', () => {
    fc.assert(
      fc.property(digest, fc.nat(58), fc.nat(31), (bytes, at, letter) => {
        const cid = cidOfDigest(bytes)
        const other = cid.slice(0, at) + 'abcdefghijklmnopqrstuvwxyz234567'[letter] + cid.slice(at + 1)
        if (isCid(other)) assert.equal(cidOfDigest(digestOfCid(other)), other)
        else assert.notEqual(other, cid)
      }),
      { numRuns: 2_000 },
    )
    assert.equal(isCid(cidOfDigest(new Uint8Array(32)).toUpperCase()), false)
  })
})

describe('canonical bytes', () => {
  it('refuse floats, undefined, text that is not NFC, keys out of order, indefinite lengths and deep nesting', () => {
    for (const value of [1.5, Number.NaN, -0, 2 ** 53, undefined, 'e\u0301', '\ud800', { a: undefined }, new Date(0), 1n]) assert.throws(() => encodeCanonical(value), NotCanonical)
    let deep: unknown = 1
    for (let i = 0; i < 40; i++) deep = [deep]
    assert.throws(() => encodeCanonical(deep), NotCanonical)
    for (const hex of ['a2616201616101', '9f01ff', '1801', 'fb3ff8000000000000', 'c101', 'a2616101616101', '0101'])
      assert.throws(() => decodeCanonical(Buffer.from(hex, 'hex')), NotCanonical)
  })

  it('come back as they were', () => {
    const plain = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.boolean(),
        fc.constant(null),
        fc.maxSafeInteger().map((n) => (Object.is(n, -0) ? 0 : n)),
        fc.string().map((s) => s.normalize('NFC')),
        fc.uint8Array({ maxLength: 8 }),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(
          fc.string({ maxLength: 5 }).filter((k) => k !== '__proto__'),
          tie('value'),
          { maxKeys: 4, noNullPrototype: true },
        ),
      ),
    })).value
    fc.assert(
      fc.property(plain, (value) => {
        assert.deepEqual(decodeCanonical(encodeCanonical(value)), value)
      }),
    )
  })

  it('of an envelope are what the library writes', () => {
    const id = digest.map(cidOfDigest)
    const envelope = fc.record({
      v: fc.constant(1),
      space: fc.constantFrom('commons', 'coop:food', 'coop:ñandú'),
      genesis: fc.option(id),
      kind: fc.constantFrom('coop.found', 'coop.member.admit'),
      author: fc.string({ maxLength: 60 }).map((s) => s.normalize('NFC')),
      signer: fc.string({ maxLength: 300 }).map((s) => s.normalize('NFC')),
      grant: fc.option(id),
      seq: fc.maxSafeInteger().map(Math.abs),
      prev: fc.option(id),
      seen: fc.array(id, { maxLength: 16 }),
      at: fc.tuple(
        fc.nat(2 ** 31 - 1).map((n) => n * 1024),
        fc.nat(65535),
      ),
      body_hash: digest,
    })
    fc.assert(
      fc.property(envelope, (value) => {
        assert.deepEqual(Buffer.from(encodeEnvelope(value as unknown as Envelope)), Buffer.from(dagCbor.encode(value)))
      }),
      { numRuns: 1_000 },
    )
  })

  it('of an envelope are checked like its schema says', () => {
    const did = didOfKey(portableSigner(new Uint8Array(32).fill(1)).publicKey)
    const id = cidOfDigest(new Uint8Array(32).fill(2))
    const good: Record<string, unknown> = {
      v: 1,
      space: 'coop:food',
      genesis: id,
      kind: 'coop.found',
      author: did,
      signer: did,
      grant: null,
      seq: 1,
      prev: id,
      seen: [id],
      at: [1, 0],
      body_hash: new Uint8Array(32),
    }
    assert.ok(isEnvelope(good))
    const odd = fc.oneof(
      fc.constantFrom<unknown>(
        null,
        undefined,
        0,
        1,
        -1,
        1.5,
        2 ** 60,
        '',
        'commons',
        'coop:',
        'coop:Food',
        id,
        did,
        `${did}x`,
        [],
        [id],
        [1, 0],
        [1, 65536],
        [1],
        [-1, 0],
        [1, 0, 0],
        Array(17).fill(id),
        new Uint8Array(31),
        new Uint8Array(32),
        {},
        true,
      ),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(good), 'more'), odd, fc.boolean(), (key, value, drop) => {
        const other = { ...good, [key]: value }
        if (drop) delete other[key]
        assert.equal(isEnvelope(other), EnvelopeSchema.safeParse(other).success, `${key}: ${String(value)}`)
      }),
      { numRuns: 3_000 },
    )
  })
})
