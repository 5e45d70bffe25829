import { createRequire } from 'node:module'

// sodium-native is CommonJS with a native add-on and no types; this is the part of it that is used.
const sodium = createRequire(import.meta.url)('sodium-native')

/** An Ed25519 key pair in memory (RFC 8032). The seed never leaves this object but through `seed`. */
export interface SigningKey {
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
}

export function signingKeyFromSeed(seed: Uint8Array): SigningKey {
  const publicKey = Buffer.alloc(32)
  const secret = Buffer.alloc(64)
  sodium.crypto_sign_seed_keypair(publicKey, secret, Buffer.from(seed))
  return {
    publicKey: new Uint8Array(publicKey),
    sign(message) {
      const signature = Buffer.alloc(64)
      sodium.crypto_sign_detached(signature, message, secret)
      return signature
    },
  }
}

/** Strict Ed25519: S < L, A and R canonical and not of small order, encode(S·B − k·A) = R. libsodium checks exactly this. */
export function verifySignature(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64 || publicKey.length !== 32) return false
  return sodium.crypto_sign_verify_detached(signature, message, publicKey)
}
