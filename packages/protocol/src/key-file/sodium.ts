import { createDecipheriv, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import type { KeyFileCrypto } from './format.ts'

// CommonJS with a native add-on and no types; this is the part of it that is used.
const sodium = createRequire(import.meta.url)('sodium-native') as {
  readonly crypto_pwhash_ALG_ARGON2ID13: number
  readonly crypto_aead_xchacha20poly1305_ietf_ABYTES: number
  crypto_pwhash_async(out: Buffer, password: Uint8Array, salt: Uint8Array, passes: number, memoryBytes: number, algorithm: number): Promise<void>
  crypto_aead_xchacha20poly1305_ietf_encrypt(box: Buffer, plain: Uint8Array, additional: Uint8Array, secretNonce: null, nonce: Uint8Array, key: Uint8Array): number
  crypto_aead_xchacha20poly1305_ietf_decrypt(plain: Buffer, secretNonce: null, box: Uint8Array, additional: Uint8Array, nonce: Uint8Array, key: Uint8Array): number
}

/** Opening and sealing with libsodium, the hash off the main thread; AES only for reading what some browsers write. */
export const nodeKeyFileCrypto: KeyFileCrypto = {
  randomBytes: (count) => new Uint8Array(randomBytes(count)),
  async argon2id(passphrase, salt, cost) {
    const key = Buffer.alloc(32)
    await sodium.crypto_pwhash_async(key, passphrase, salt, cost.passes, cost.memory_kib * 1024, sodium.crypto_pwhash_ALG_ARGON2ID13)
    return key
  },
  seal(key, nonce, plain, additional) {
    const box = Buffer.alloc(plain.length + sodium.crypto_aead_xchacha20poly1305_ietf_ABYTES)
    sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(box, plain, additional, null, nonce, key)
    return new Uint8Array(box)
  },
  open(name, key, nonce, box, additional) {
    const plain = Buffer.alloc(box.length - 16)
    try {
      if (name === 'aes-256-gcm') {
        const cipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 })
          .setAAD(additional)
          .setAuthTag(box.subarray(box.length - 16))
        plain.set(Buffer.concat([cipher.update(box.subarray(0, box.length - 16)), cipher.final()]))
      } else sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(plain, null, box, additional, nonce, key)
      return new Uint8Array(plain.buffer, plain.byteOffset, plain.length)
    } catch {
      plain.fill(0)
      return undefined
    }
  },
}
