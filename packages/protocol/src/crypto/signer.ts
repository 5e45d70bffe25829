import { ed25519 } from '@noble/curves/ed25519.js'

/** Whatever can sign for one key: in memory, in the browser's own store, on a device. The secret never leaves it. */
export interface Signer {
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/** RFC 8032 in portable code. Node has a faster one, `signingKeyFromSeed`. The seed is copied. */
export function portableSigner(seed: Uint8Array): Signer & { sign(message: Uint8Array): Uint8Array } {
  const secret = seed.slice()
  return { publicKey: ed25519.getPublicKey(secret), sign: (message) => ed25519.sign(message, secret) }
}
