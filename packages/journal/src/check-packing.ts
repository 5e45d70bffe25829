import type { SignatureCheck } from './receive.ts'

/** Signatures to check as one piece of memory, which threads hand over without copying: for each the three lengths, then signature, key and message. */

const headBytes = 12

export function packChecks(checks: readonly SignatureCheck[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(checks.reduce((sum, { signature, key, message }) => sum + headBytes + signature.length + key.length + message.length, 0))
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const { signature, key, message } of checks) {
    for (const [index, part] of [signature, key, message].entries()) view.setUint32(at + 4 * index, part.length)
    at += headBytes
    for (const part of [signature, key, message]) {
      bytes.set(part, at)
      at += part.length
    }
  }
  return bytes
}

export function unpackChecks(bytes: Uint8Array): SignatureCheck[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const checks: SignatureCheck[] = []
  for (let at = 0; at < bytes.length; ) {
    const keyAt = at + headBytes + view.getUint32(at)
    const messageAt = keyAt + view.getUint32(at + 4)
    const end = messageAt + view.getUint32(at + 8)
    checks.push({ signature: bytes.subarray(at + headBytes, keyAt), key: bytes.subarray(keyAt, messageAt), message: bytes.subarray(messageAt, end) })
    at = end
  }
  return checks
}
