import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { concatBytes, equalBytes } from '../canonical.ts'
import { isGoodPoint } from '../did.ts'

/**
 * The one equation of this house, everywhere: S < L, A and R canonical and not of small order, encode(S·B − k·A) = R (engine page §1).
 * Libraries differ in what they forgive (RFC 8032 allows two equations); whoever is laxer gets these checks put before it.
 */

const { BASE, Fn } = ed25519.Point
const order = Fn.ORDER

function littleEndian(bytes: Uint8Array): bigint {
  let hex = ''
  for (let i = bytes.length - 1; i >= 0; i--) hex += (bytes[i] as number).toString(16).padStart(2, '0')
  return BigInt(`0x${hex}`)
}

/** What can be said without the message: lengths, S < L, A and R good points. */
export function passesStrictChecks(signature: Uint8Array, publicKey: Uint8Array): boolean {
  return signature.length === 64 && publicKey.length === 32 && littleEndian(signature.subarray(32)) < order && isGoodPoint(publicKey) && isGoodPoint(signature.subarray(0, 32))
}

/** The whole rule in portable code; what the fast libraries are tested against, and what browsers without a good one use. */
export function verifyStrict(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (!passesStrictChecks(signature, publicKey)) return false
  const r = signature.subarray(0, 32)
  const k = littleEndian(sha512(concatBytes(r, publicKey, message))) % order
  const s = littleEndian(signature.subarray(32))
  const a = ed25519.Point.fromBytes(publicKey)
  return equalBytes(BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k)).toBytes(), r)
}
