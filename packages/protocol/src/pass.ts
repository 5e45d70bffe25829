import { z } from 'zod'
import { concatBytes, decodeTrusted, encodeTrusted, fromBase64Url, toBase64Url, utf8 } from './canonical.ts'
import type { Did, OperationId } from './ids.ts'
import { did, operationId, timeMs } from './schema.ts'

/** A secret with which a node that nobody knows may connect to the one that made it (network page §4). */

const bytes = (length: number): z.ZodType<Uint8Array> => z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === length)

export const passIdBytes = 16

const Pass = z.strictObject({
  v: z.literal(1),
  network_id: operationId,
  /** The node that made it and will know it. */
  node: did,
  addresses: z.array(z.string().max(128)).min(1).max(8),
  id: bytes(passIdBytes),
  /** Of an Ed25519 key; the maker keeps the public half. */
  seed: bytes(32),
  expires_at: timeMs,
})
export type NetworkPass = z.output<typeof Pass>

const prefix = 'icnpass1'

export const passText = (pass: NetworkPass): string => prefix + toBase64Url(encodeTrusted(pass))

/** Undefined for whatever is not a pass. */
export function readPass(text: string): NetworkPass | undefined {
  if (!text.startsWith(prefix)) return undefined
  try {
    const read = Pass.safeParse(decodeTrusted(fromBase64Url(text.slice(prefix.length))))
    return read.success ? read.data : undefined
  } catch {
    return undefined
  }
}

/** What the pass's key signs: good for one guest, one host and one network, so that nobody can use what they overhear. */
export function passBytes(said: { readonly network: OperationId; readonly host: Did; readonly guest: Did; readonly id: Uint8Array }): Uint8Array {
  return concatBytes(utf8('icn/pass/1\n'), encodeTrusted([said.network, said.host, said.guest, said.id]))
}
