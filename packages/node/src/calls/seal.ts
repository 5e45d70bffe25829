import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { decodeTrusted, encodeTrusted, fromBase64Url, toBase64Url } from '@icn/protocol'

/** What a sealed text is for; one sort never passes for another. */
export type SealPurpose = 'cursor' | 'token' | 'challenge' | 'sse' | 'import' | 'key'

/** Opaque texts that only this node can make and read: cursors, tokens, challenges. */
export interface Sealer {
  seal(purpose: SealPurpose, value: unknown): string
  /** Undefined for anything not sealed here for this purpose. */
  open(purpose: SealPurpose, text: string): unknown
}

const algorithm = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16

/** `seeds`: the present `seal` key first, then the one before it, which still opens. */
export function openSealer(seeds: readonly Uint8Array[]): Sealer {
  const keys = seeds.map((seed) => Buffer.from(hkdfSync('sha256', seed, '', 'icn/seal/1', 32)))
  const [present] = keys
  if (present === undefined) throw new TypeError('a sealer needs a key')
  return {
    seal(purpose, value) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv(algorithm, present, nonce)
      cipher.setAAD(Buffer.from(purpose))
      return toBase64Url(Buffer.concat([nonce, cipher.update(encodeTrusted(value)), cipher.final(), cipher.getAuthTag()]))
    },
    open(purpose, text) {
      let bytes: Uint8Array
      try {
        bytes = fromBase64Url(text)
      } catch {
        return undefined
      }
      if (bytes.length <= nonceBytes + tagBytes) return undefined
      for (const key of keys) {
        const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes))
        decipher.setAAD(Buffer.from(purpose))
        decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes))
        try {
          return decodeTrusted(Buffer.concat([decipher.update(bytes.subarray(nonceBytes, bytes.length - tagBytes)), decipher.final()]))
        } catch {
          // Another key, or not ours at all.
        }
      }
      return undefined
    },
  }
}
