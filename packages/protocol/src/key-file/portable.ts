import { gcm } from '@noble/ciphers/aes.js'
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { argon2idAsync } from '@noble/hashes/argon2.js'
import type { KeyFileCrypto } from './format.ts'

/** Opening and sealing in portable code, for browsers. Slow: seconds for 32 MiB; Node has `nodeKeyFileCrypto`. */
export const portableKeyFileCrypto: KeyFileCrypto = {
  randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
  argon2id: (passphrase, salt, cost) => argon2idAsync(passphrase, salt, { t: cost.passes, m: cost.memory_kib, p: 1, dkLen: 32 }),
  seal: (key, nonce, plain, additional) => xchacha20poly1305(key, nonce, additional).encrypt(plain),
  open(name, key, nonce, box, additional) {
    const cipher = name === 'aes-256-gcm' ? gcm(key, nonce, additional) : xchacha20poly1305(key, nonce, additional)
    try {
      return cipher.decrypt(box)
    } catch {
      return undefined
    }
  },
}
