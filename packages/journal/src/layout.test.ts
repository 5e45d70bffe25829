import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeKey, encodeKey, type KeyValue } from '@icn/protocol'
import fc from 'fast-check'
import { clockOfPlace, placeAfter, placeText, stateKey, textAfter } from './layout.ts'
import { keyBytes, keyText } from './key.ts'

const value = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.maxSafeInteger(), fc.uint8Array({ maxLength: 6 }))
const rank = (part: KeyValue): number => (typeof part === 'string' ? 2 : typeof part === 'number' ? 4 : 3)

function compareParts(a: KeyValue, b: KeyValue): number {
  if (rank(a) !== rank(b)) return rank(a) - rank(b)
  if (typeof a === 'number') return a - (b as number)
  return Buffer.compare(Buffer.from(a as string), Buffer.from(b as string))
}

describe('keys of the state', () => {
  it('are the bytes that protocol says', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(value, { maxLength: 4 }), (table, parts) => {
        assert.equal(stateKey(table, parts), keyText(encodeKey(table, parts)))
      }),
    )
  })

  it('decode to their parts', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 4 }), (parts) => {
        assert.deepEqual(decodeKey(keyBytes(stateKey('t', parts))), ['t', ...parts])
      }),
    )
  })

  it('order like their parts, and no part runs into the next', () => {
    fc.assert(
      fc.property(fc.tuple(value, value), fc.tuple(value, value), (a, b) => {
        const wanted = Math.sign(compareParts(a[0], b[0]) || compareParts(a[1], b[1]))
        const [left, right] = [stateKey('t', a), stateKey('t', b)]
        assert.equal(left < right ? -1 : left > right ? 1 : 0, wanted)
      }),
      { numRuns: 1000 },
    )
  })

  it('end a prefix exactly', () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        const prefix = stateKey('t', [a])
        const key = stateKey('t', [b, 'x'])
        assert.equal(key >= prefix && key < textAfter(prefix), key.startsWith(prefix))
      }),
    )
  })
})

describe('places', () => {
  it('order by clock, then id', () => {
    const clock = fc.tuple(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.integer({ min: 0, max: 65535 }))
    const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(keyText)
    fc.assert(
      fc.property(clock, clock, digest, digest, (a, b, x, y) => {
        const wanted = a[0] - b[0] || a[1] - b[1] || (x < y ? -1 : x > y ? 1 : 0)
        assert.equal(placeText(a, x) < placeText(b, y), wanted < 0)
        assert.deepEqual(clockOfPlace(placeText(a, x)), a)
        assert.ok(placeText(a, x) < placeAfter(a))
      }),
    )
  })
})
