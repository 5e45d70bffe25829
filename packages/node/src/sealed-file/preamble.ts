import { concatBytes, decodeExactly, decodeTrusted, encodeCanonical, equalBytes, invariant } from '@icn/protocol'
import type { z } from 'zod'
import { refuse } from '../calls/refusal.ts'
import { type Allocate, damaged, type FileBytes } from './bytes.ts'

/** How a file begins: what it is, and a header that needs no key. */
export interface PreambleKind<Header> {
  /** 8 bytes. */
  readonly magic: Uint8Array
  /** Newest layout that this release knows. */
  readonly version: number
  readonly header: z.ZodType<Header>
}

/** Larger: whoever only wants to know what a file is reads more; smaller: 64 recipients do not fit. */
export const headerBytesMax = 65_536

/** Magic ‖ u32 length ‖ header: the additional data of every sealed message behind it. */
export function encodePreamble<Header>({ magic }: PreambleKind<Header>, header: Header): Uint8Array {
  const bytes = encodeCanonical(header)
  invariant(bytes.length <= headerBytesMax, 'the header of a file is beyond its bound')
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return concatBytes(magic, length, bytes)
}

/** Refuses `ARCHIVE_DAMAGED` and `ARCHIVE_TOO_NEW`. */
export async function readPreamble<Header>(kind: PreambleKind<Header>, file: FileBytes, allocate: Allocate): Promise<{ readonly header: Header; readonly preamble: Uint8Array }> {
  const start = allocate(kind.magic.length + 4)
  const held = await file.fill(start)
  if (held < start.length || !equalBytes(start.subarray(0, kind.magic.length), kind.magic)) throw damaged(0, 'not an archive')
  const length = new DataView(start.buffer, start.byteOffset + kind.magic.length, 4).getUint32(0)
  if (length > headerBytesMax) throw damaged(file.at, 'a header beyond its bound')
  const bytes = allocate(length)
  if ((await file.fill(bytes)) < length) throw damaged(file.at, 'cut short')
  const header = decodeExactly(kind.header, bytes)
  if (header !== undefined) return { header, preamble: concatBytes(start, bytes) }
  const version = versionOf(bytes)
  if (version > kind.version) throw refuse('ARCHIVE_TOO_NEW', { what: 'format', found: version, known: kind.version })
  throw damaged(file.at, 'a header that cannot be read')
}

/** Of a header that this release cannot read otherwise; 0 when it names none. */
function versionOf(bytes: Uint8Array): number {
  try {
    const value = decodeTrusted(bytes) as { readonly v?: unknown } | null
    return typeof value?.v === 'number' && Number.isSafeInteger(value.v) && equalBytes(encodeCanonical(value), bytes) ? value.v : 0
  } catch {
    return 0
  }
}
