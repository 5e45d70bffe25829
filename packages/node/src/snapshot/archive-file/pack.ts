import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { chunkBytesMax, encodeCanonical, invariant, tracePageBytesMax } from '@icn/protocol'
import { type ArchivedOperation, type OperationPage, operationPageBytesMax, operationsOf } from './records.ts'

/** How far back compressed bytes may refer, as a power of two. Larger: a stranger's frame makes us set aside more; smaller: chunks of 1 MiB compress worse. */
const windowLog = 21

export interface Packed {
  readonly compression: 'zstd' | 'none'
  readonly raw_size: number
  readonly data: Uint8Array
}

/** `level` 1–19. Equal bytes and levels give equal results within one release. What does not get smaller is left as it is. */
export function pack(raw: Uint8Array, level: number): Packed {
  const data = compress(raw, level)
  return data.length < raw.length ? { compression: 'zstd', raw_size: raw.length, data } : { compression: 'none', raw_size: raw.length, data: raw }
}

function compress(raw: Uint8Array, level: number): Uint8Array {
  return bytesOf(zstdCompressSync(raw, { params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_windowLog]: windowLog } }))
}

const bytesOf = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)

/** Undefined unless these bytes unpack to exactly `rawSize` bytes, at most `limit`; never more than that is set aside for them, whatever they claim. */
export function unpack(data: Uint8Array, rawSize: number, limit: number): Uint8Array | undefined {
  if (rawSize < 1 || rawSize > limit) return undefined
  try {
    const raw = bytesOf(zstdDecompressSync(data, { maxOutputLength: rawSize, params: { [constants.ZSTD_d_windowLogMax]: windowLog } }))
    return raw.length === rawSize ? raw : undefined
  } catch {
    return undefined
  }
}

/** Undefined unless the chunk holds exactly what it says. Its leaves are another question. */
export function unpackChunk({ compression, raw_size, data }: Packed): Uint8Array | undefined {
  if (compression === 'zstd') return unpack(data, raw_size, chunkBytesMax)
  return data.length === raw_size && raw_size <= chunkBytesMax ? data : undefined
}

/** Undefined unless the page of names holds exactly what it says. */
export function unpackTraces({ compression, raw_size, data }: Packed): Uint8Array | undefined {
  if (compression === 'zstd') return unpack(data, raw_size, tracePageBytesMax)
  return data.length === raw_size && raw_size <= tracePageBytesMax ? data : undefined
}

/** One page of the operations of an archive; whoever makes it stops before 1 MiB. */
export function packOperations(operations: readonly ArchivedOperation[], level: number): OperationPage {
  const raw = encodeCanonical(operations)
  invariant(raw.length <= operationPageBytesMax, 'a page of operations is too large')
  return { count: operations.length, raw_size: raw.length, data: compress(raw, level) }
}

/** Undefined unless the page holds exactly the operations that it says. */
export function unpackOperations(page: OperationPage): readonly ArchivedOperation[] | undefined {
  const raw = unpack(page.data, page.raw_size, operationPageBytesMax)
  const operations = raw === undefined ? undefined : operationsOf(raw)
  return operations?.length === page.count ? operations : undefined
}
