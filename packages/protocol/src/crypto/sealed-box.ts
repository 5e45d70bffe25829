import { createRequire } from 'node:module'

// CommonJS with a native add-on and no types; this is the part of it that is used.
const sodium = createRequire(import.meta.url)('sodium-native') as {
  crypto_sign_seed_keypair(publicKey: Buffer, secret: Buffer, seed: Uint8Array): void
  crypto_sign_ed25519_pk_to_curve25519(out: Buffer, publicKey: Uint8Array): void
  crypto_sign_ed25519_sk_to_curve25519(out: Buffer, secret: Uint8Array): void
  crypto_box_seal(box: Uint8Array, plain: Uint8Array, publicKey: Uint8Array): void
  crypto_box_seal_open(plain: Uint8Array, box: Uint8Array, publicKey: Uint8Array, secret: Uint8Array): boolean
}

/** By so many bytes a sealed box is longer than what is in it. */
export const sealedBoxExtraBytes = 48

/** Bytes that only the holder of this Ed25519 key can read, from nobody in particular (libsodium's sealed box, over X25519). Undefined for a key outside the main subgroup, which nobody can hold. */
export function sealForKey(publicKey: Uint8Array, plain: Uint8Array): Uint8Array | undefined {
  const exchange = Buffer.alloc(32)
  try {
    sodium.crypto_sign_ed25519_pk_to_curve25519(exchange, publicKey)
  } catch {
    return undefined
  }
  const box = new Uint8Array(plain.length + sealedBoxExtraBytes)
  sodium.crypto_box_seal(box, plain, exchange)
  return box
}

/** Undefined: it was not sealed for the key of this seed, or was altered. */
export function openSealed(seed: Uint8Array, box: Uint8Array): Uint8Array | undefined {
  if (box.length < sealedBoxExtraBytes) return undefined
  const [publicKey, secret, exchange, exchangeSecret] = [Buffer.alloc(32), Buffer.alloc(64), Buffer.alloc(32), Buffer.alloc(32)]
  const plain = new Uint8Array(box.length - sealedBoxExtraBytes)
  try {
    sodium.crypto_sign_seed_keypair(publicKey, secret, seed)
    sodium.crypto_sign_ed25519_pk_to_curve25519(exchange, publicKey)
    sodium.crypto_sign_ed25519_sk_to_curve25519(exchangeSecret, secret)
    return sodium.crypto_box_seal_open(plain, box, exchange, exchangeSecret) ? plain : undefined
  } finally {
    secret.fill(0)
    exchangeSecret.fill(0)
  }
}
