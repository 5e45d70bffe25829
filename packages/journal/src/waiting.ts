import { type Clock, type Did, didOfKey, heldCountMax, heldPerSignerMax } from '@icn/protocol'
import { clockText, type DigestText, readU48, signerText, textAfter, u48 } from './layout.ts'
import { type KeyText, keyBytes, keyText } from './key.ts'
import type { SpaceWork } from './work.ts'

/** Rows of the waiting room: operations that have no place yet, and the ways in which they are found again. */

/** Why an operation waits (engine page §2, §3; snapshot page §2). */
export type HeldReason = 'parents' | 'checkpoint' | 'pages' | 'clock' | 'cut' | 'root'

export interface HeldRow {
  readonly stored: Uint8Array
  readonly reason: HeldReason
  readonly arrival: number
  readonly missing: readonly Uint8Array[]
  /** Pages that a certificate names, where enough hosts stand behind it. */
  readonly pages?: readonly Uint8Array[]
}

/** Index of certificates that wait until it is found what they stand for. */
export const rootKey: KeyText = '\u0006'
/** Index of certificates by the pages that they name, whatever they wait for. */
export const pageIndex: KeyText = '\u0007'
/** Index of certificates that name pages, and that too few hosts known here stand behind. */
export const unbackedKey: KeyText = '\u0008'

const signerLength = 32
export const arrivalLength = 6
export const heldRest = (signer: Did, seq: number, digest: DigestText): KeyText => signerText(signer) + u48(seq) + digest

export const signerOfRest = (rest: KeyText): Did => didOfKey(keyBytes(rest.slice(0, signerLength)))
export const seqOfRest = (rest: KeyText): number => readU48(rest, signerLength)

/** Index rows of a held operation: by arrival in the space and of the signer, by each missing parent, by clock, by the running cut, by what has to be found beside the writer, by each page. */
export function waitingKeys(row: HeldRow, rest: KeyText, at: Clock): KeyText[] {
  const arrival = u48(row.arrival)
  const keys = [`\u0000${arrival}${rest}`, `\u0005${rest.slice(0, signerLength)}${arrival}${rest}`]
  if (row.reason === 'parents') for (const parent of row.missing) keys.push(`\u0001${keyText(parent)}${rest}`)
  if (row.reason === 'checkpoint') for (const checkpoint of row.missing) keys.push(`\u0004${keyText(checkpoint)}${rest}`)
  if (row.reason === 'clock') keys.push(`\u0002${clockText(at)}${rest}`)
  if (row.reason === 'cut') keys.push(`\u0003${rest}`)
  if (row.reason === 'root') keys.push(`${rootKey}${rest}`)
  for (const page of row.pages ?? []) keys.push(`${pageIndex}${keyText(page)}${rest}`)
  if (row.reason === 'pages' && row.pages === undefined) keys.push(`${unbackedKey}${rest}`)
  return keys
}

/** Where what waits has no room left: the oldest of this signer or of the space, by its key without the space. */
export function oneTooMany({ overlay, prefix, counts }: Pick<SpaceWork, 'overlay' | 'prefix' | 'counts'>, signer: Did): KeyText | undefined {
  const firstToCome = (index: KeyText): KeyText | undefined => {
    const from = prefix + index
    for (const [key] of overlay.range('waiting', from, textAfter(from))) return key.slice(from.length + arrivalLength)
    return undefined
  }
  const own = prefix + signerText(signer)
  let count = 0
  let oldest: KeyText | undefined
  // Counted by their keys alone: whoever floods this room makes nobody decode it again and again.
  for (const [key] of overlay.range('held', own, textAfter(own))) {
    oldest ??= key.slice(prefix.length)
    count++
  }
  if (count >= heldPerSignerMax) return firstToCome(`\u0005${signerText(signer)}`) ?? oldest
  return counts.held >= heldCountMax ? firstToCome('\u0000') : undefined
}
