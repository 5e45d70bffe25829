import { sha256 } from '#sha256'
import { concatBytes, equalBytes } from '../canonical.ts'
import { Secret } from '../secret.ts'
import { KeyFileRefused } from './format.ts'

/** A root seed on paper: seed and a 2-byte SHA-256 checksum in Crockford's base32, 55 characters in groups of five (identity page §3). */

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const characters = 55
const seedBytes = 32

export function printPaperKey(seed: Secret): string {
  return seed.reveal((bytes) => {
    if (bytes.length !== seedBytes) throw new Error('a seed has 32 bytes')
    const whole = concatBytes(bytes, sha256(bytes).subarray(0, 2))
    let text = ''
    let buffer = 0
    let bits = 0
    for (const byte of whole) {
      buffer = (buffer << 8) | byte
      bits += 8
      while (bits >= 5) {
        bits -= 5
        text += alphabet[(buffer >> bits) & 31]
      }
      buffer &= (1 << bits) - 1
    }
    if (bits > 0) text += alphabet[(buffer << (5 - bits)) & 31]
    whole.fill(0)
    return text.match(/.{5}/g)?.join(' ') ?? ''
  })
}

type PaperKeyFault = 'length' | 'character' | 'checksum'
const wrong = (detail: PaperKeyFault): KeyFileRefused => new KeyFileRefused('PAPER_KEY_INVALID', { detail })

/** Forgives case, spaces and dashes, O for 0, I and L for 1. One wrong character is found: PAPER_KEY_INVALID. */
export function readPaperKey(text: string): Secret {
  const clean = text.toUpperCase().replace(/[\s-]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1')
  if (clean.length !== characters) throw wrong('length')
  const whole = new Uint8Array(seedBytes + 2)
  let buffer = 0
  let bits = 0
  let at = 0
  for (const character of clean) {
    const value = alphabet.indexOf(character)
    if (value < 0) throw wrong('character')
    buffer = (buffer << 5) | value
    bits += 5
    if (bits < 8) continue
    bits -= 8
    whole[at++] = (buffer >> bits) & 255
    buffer &= (1 << bits) - 1
  }
  // 55 characters carry 275 bits; the last three say nothing and must be zero, or one key had eight spellings.
  if (buffer !== 0) throw wrong('checksum')
  const seed = whole.slice(0, seedBytes)
  const good = equalBytes(sha256(seed).subarray(0, 2), whole.subarray(seedBytes))
  whole.fill(0)
  if (!good) throw wrong('checksum')
  return new Secret(seed)
}
