import { ed25519 } from '@noble/curves/ed25519.js'
import { base58btc } from 'multiformats/bases/base58'
import type { Did } from './ids.ts'

/** Why a text is not a DID of this house, in the order in which it is found out. */
export type DidFault = 'shape' | 'spelling' | 'codec' | 'old_form' | 'point'

export type DidParse = { readonly did: Did; readonly key: Uint8Array } | { readonly fault: DidFault; readonly remedy?: string }

const prefix = 'did:icn:'
const length = 56
const codec = Uint8Array.of(0xed, 0x01)

/** The eight points of small order, in every canonical spelling (RFC 8032 §5.1; the torsion subgroup of edwards25519). */
const smallOrder: ReadonlySet<string> = new Set([
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
])

/** True for a canonical encoding (y < p) of a point on the curve that is not of small order. */
export function isGoodPoint(key: Uint8Array): boolean {
  if (key.length !== 32) return false
  let hex = ''
  for (const byte of key) hex += byte.toString(16).padStart(2, '0')
  if (smallOrder.has(hex)) return false
  try {
    ed25519.Point.fromHex(hex)
    return true
  } catch {
    return false
  }
}

export function didOfKey(key: Uint8Array): Did {
  const bytes = new Uint8Array(34)
  bytes.set(codec)
  bytes.set(key, 2)
  return (prefix + base58btc.encode(bytes)) as Did
}

/** Checks a text at a boundary; never throws. */
export function parseDid(text: string): DidParse {
  if (!text.startsWith(prefix) || !text.startsWith('z', prefix.length)) return { fault: 'shape' }
  // Older tools wrote the bare 32-byte key; such a text is a few characters shorter.
  if (text.length !== length && !(text.length >= 40 && text.length <= 53)) return { fault: 'shape' }
  let bytes: Uint8Array
  try {
    bytes = base58btc.decode(text.slice(prefix.length))
  } catch {
    return { fault: 'spelling' }
  }
  if (base58btc.encode(bytes) !== text.slice(prefix.length)) return { fault: 'spelling' }
  if (bytes.length === 32) return isGoodPoint(bytes) ? { fault: 'old_form', remedy: didOfKey(bytes) } : { fault: 'old_form' }
  if (text.length !== length) return { fault: 'shape' }
  if (bytes.length !== 34 || bytes[0] !== codec[0] || bytes[1] !== codec[1]) return { fault: 'codec' }
  const key = bytes.subarray(2)
  if (!isGoodPoint(key)) return { fault: 'point' }
  return { did: text as Did, key }
}

export function isDid(text: string): text is Did {
  return known.has(text) || !('fault' in remember(text))
}

/** The 32-byte public key inside a checked DID. */
export function keyOfDid(did: Did): Uint8Array {
  const seen = known.get(did)
  if (seen !== undefined) return seen
  const parsed = remember(did)
  if ('fault' in parsed) throw new Error(`not a DID: ${parsed.fault}`)
  return parsed.key
}

// Checking a point costs a field inversion; the same few DIDs come by all day. did → key, bounded, oldest goes.
const known = new Map<string, Uint8Array>()
const knownMax = 10_000

function remember(text: string): DidParse {
  const parsed = parseDid(text)
  if (!('fault' in parsed)) {
    if (known.size >= knownMax) known.delete(known.keys().next().value as string)
    known.set(parsed.did, parsed.key)
  }
  return parsed
}
