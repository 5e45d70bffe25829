import * as dagCbor from '@ipld/dag-cbor'
import { base16 } from 'multiformats/bases/base16'
import { base64url } from 'multiformats/bases/base64'
import { sha256 } from '#sha256'

/** What canonical bytes may hold: no floats, no undefined, no tags, text in NFC, integers within ±(2^53 − 1). */
export type Plain = null | boolean | number | string | Uint8Array | readonly Plain[] | { readonly [key: string]: Plain }

/** Why bytes or a value are not canonical. Expected trouble: callers turn it into `malformed`. */
export class NotCanonical extends Error {
  override readonly name = 'NotCanonical'
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII, for which NFC is the identity.
const ascii = /^[\x00-\x7f]*$/
const depthMax = 32

/** DAG-CBOR of a plain value; throws NotCanonical for what has no canonical form. */
export function encodeCanonical(value: unknown): Uint8Array {
  assertPlain(value, 0)
  return dagCbor.encode(value)
}

/** DAG-CBOR of a value that this process built itself from checked parts (state rows, records). Same bytes as `encodeCanonical`, without the walk. */
export function encodeTrusted(value: unknown): Uint8Array {
  return dagCbor.encode(value)
}

/** Decodes and demands that the bytes are the one canonical encoding of what they say. */
export function decodeCanonical(bytes: Uint8Array): Plain {
  let value: unknown
  try {
    value = dagCbor.decode(bytes)
  } catch (cause) {
    throw new NotCanonical('not DAG-CBOR', { cause })
  }
  assertPlain(value, 0)
  // The decoder accepts map keys in any order; encoding again is the one complete check.
  if (!equalBytes(dagCbor.encode(value), bytes)) throw new NotCanonical('not the canonical encoding')
  return value as Plain
}

/** Decodes bytes that this process wrote itself. */
export function decodeTrusted(bytes: Uint8Array): unknown {
  return dagCbor.decode(bytes)
}

export function assertPlain(value: unknown, depth = 0): asserts value is Plain {
  if (depth > depthMax) throw new NotCanonical(`nested deeper than ${depthMax}`)
  switch (typeof value) {
    case 'string':
      if (!ascii.test(value) && (value.normalize('NFC') !== value || !value.isWellFormed())) throw new NotCanonical('text is not NFC')
      return
    case 'number':
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw new NotCanonical(`not an integer within 2^53: ${value}`)
      return
    case 'boolean':
      return
    case 'object': {
      if (value === null || value instanceof Uint8Array) return
      if (Array.isArray(value)) {
        for (const item of value) assertPlain(item, depth + 1)
        return
      }
      const prototype = Object.getPrototypeOf(value)
      if (prototype !== Object.prototype && prototype !== null) throw new NotCanonical('not a plain map')
      for (const key of Object.keys(value)) {
        if (!ascii.test(key) && key.normalize('NFC') !== key) throw new NotCanonical('a key is not NFC')
        assertPlain((value as Record<string, unknown>)[key], depth + 1)
      }
      return
    }
    default:
      throw new NotCanonical(`${typeof value} has no canonical form`)
  }
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
const letterValue = new Uint8Array(128)
for (let i = 0; i < 32; i++) letterValue[alphabet.charCodeAt(i)] = i

/**
 * CIDv1 (dag-cbor, sha2-256) in base32 of a SHA-256 digest. Written out because every operation is named and looked up by it
 * several times, and the general codec costs more than the rest of a look-up; a test holds it against the library.
 */
export function cidOfDigest(digest: Uint8Array): string {
  // The four bytes before the digest (01 71 12 20) fill six letters and the top two bits of the next, which are zero.
  let text = 'bafyrei'
  let buffer = 0
  let bits = 2
  for (let i = 0; i < 32; i++) {
    buffer = ((buffer << 8) | (digest[i] as number)) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet[(buffer >> bits) & 31]
    }
  }
  return bits === 0 ? text : text + alphabet[(buffer << (5 - bits)) & 31]
}

/** CIDv1 (dag-cbor, sha2-256) in base32 of canonical bytes. */
export function cidOf(bytes: Uint8Array): string {
  return cidOfDigest(sha256(bytes))
}

// Letters a–h: the digest begins after two zero bits; the last letter's two spare bits are zero. So each digest has one spelling.
const cidShape = /^bafyrei[a-h][a-z2-7]{50}[aeimquy4]$/

/** True for the one spelling of a CIDv1 (dag-cbor, sha2-256, base32). */
export function isCid(text: string): boolean {
  return cidShape.test(text)
}

/** The 32-byte digest inside a CID text of this house. */
export function digestOfCid(cid: string): Uint8Array {
  const digest = new Uint8Array(32)
  let buffer = letterValue[cid.charCodeAt(7)] as number
  let bits = 3
  let at = 0
  for (let i = 8; i < cid.length && at < 32; i++) {
    buffer = ((buffer << 5) | (letterValue[cid.charCodeAt(i)] as number)) & 0xfff
    bits += 5
    if (bits >= 8) {
      bits -= 8
      digest[at++] = (buffer >> bits) & 255
    }
  }
  return digest
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })
export const utf8 = (text: string): Uint8Array => encoder.encode(text)
export const fromUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes)

/** base64url without padding, as bytes appear in JSON. */
export function toBase64Url(bytes: Uint8Array): string {
  return base64url.baseEncode(bytes)
}

/** Throws NotCanonical for anything but the one spelling. */
export function fromBase64Url(text: string): Uint8Array {
  try {
    const bytes = base64url.baseDecode(text)
    if (base64url.baseEncode(bytes) === text) return bytes
  } catch {}
  throw new NotCanonical('not base64url without padding')
}

export function toHex(bytes: Uint8Array): string {
  return base16.baseEncode(bytes)
}
