import {
  binary,
  CheckpointLayer,
  checkpointLayersMax,
  chunkBytesMax,
  type Clock,
  clock,
  decodeExactly,
  did,
  didOfKey,
  encodeCanonical,
  int,
  operationId,
  pageBytesMax,
  type Signer,
  signStatement,
  type SpaceId,
  spaceId,
  timeMs,
  tracePageBytesMax,
  VectorChange,
  verifyStatement,
} from '@icn/protocol'
import { verifySignature } from '@icn/protocol/node'
import { z } from 'zod'
import { ArchiveLock, type PreambleKind } from '../../sealed-file/index.ts'

/** What stands in an archive file, record by record (snapshot page §12); decision 0014 says what the page leaves open. */

/** Raised by one when an older release could no longer read what this one writes. */
export const archiveVersion = 1
export const archiveMagic = new TextEncoder().encode('ICNSNAP1')
/** Larger: the first record grows, which is held in memory; smaller: states near 10 GiB no longer fit (see `archiveChunkBytes`). */
const chunksMax = 32_768
/** Raw bytes of one page of operations: the largest single operation fits many times. */
export const operationPageBytesMax = 1_048_576
const leafHashBytes = 32
/** Whole vectors of a million signers. Larger: more digests in the first record. */
const vectorPagesMax = 256
/** What compression may add to bytes that cannot be made smaller, and the names of fields. */
const slackBytes = 65_536

const count = int(0, Number.MAX_SAFE_INTEGER)
const hash = binary(32)

export const ArchiveHeader = z.strictObject({
  v: z.literal(archiveVersion),
  network_id: operationId,
  space: spaceId,
  genesis: operationId,
  cut: clock,
  root: hash,
  /** Null: anybody who has the file can read it. */
  encrypted: ArchiveLock.nullable(),
})
export type ArchiveHeader = z.output<typeof ArchiveHeader>
export const archiveKind: PreambleKind<ArchiveHeader> = { magic: archiveMagic, version: archiveVersion, header: ArchiveHeader }
/** What an archive is of. */
export type ArchiveSubject = Omit<ArchiveHeader, 'v' | 'encrypted'>

/** Envelope, signature, body. */
const WholeOperation = z.tuple([binary(1, 65_536), binary(64), binary(1, 65_536)])
/** No body where its kind may forget it. */
const Operation = z.tuple([binary(1, 65_536), binary(64), binary(0, 65_536).nullable()])
export type ArchivedOperation = Readonly<z.output<typeof Operation>>
const Operations = z.array(Operation).min(1)

const Manifest = z.strictObject({
  /** The operation that carries the certificate. */
  checkpoint: WholeOperation,
  /** The first operation of the space: whoever installs the state judges it again. */
  first: WholeOperation,
  layers: z.array(CheckpointLayer).min(1).max(checkpointLayersMax),
  /** SHA-256 of each page of the whole vector at the cut. Pages that layers name follow them in the file. */
  vector: z.array(hash).max(vectorPagesMax),
  root: hash,
  pairs: count,
  /** Of all pairs, as chunks hold them. */
  bytes: count,
  tables: z.array(z.strictObject({ name: z.string().min(1).max(64), pairs: count })).max(1_000),
  chunks: z.array(z.strictObject({ first_leaf: count, leaf_count: int(1, chunkBytesMax), raw_size: int(1, chunkBytesMax), size: int(1, chunkBytesMax) })).max(chunksMax),
  /** Pages of names and places of what stands before the cut. */
  traces: int(0, 1_000_000),
  operations: z.enum(['none', 'tail', 'all']),
  /** Rules version in force at the cut. */
  rules: z.string().min(1).max(128),
  /** Layout of keys and values of the state. */
  schema: int(1, 65_535),
  release: z.string().min(1).max(32),
  made_at: timeMs,
  made_by: did,
  /** Archives of several spaces at one cut bear the same. */
  group: binary(16).optional(),
  signature: binary(64),
})
export const ArchiveManifest = Manifest.refine((manifest) => addsUp(manifest), { message: 'its sums do not add up' })
export type ArchiveManifest = z.output<typeof Manifest>

/** Leaves and chunks follow each other without gaps, and the parts make the whole. */
function addsUp({ chunks, bytes, tables, pairs }: Pick<ArchiveManifest, 'chunks' | 'bytes' | 'tables' | 'pairs'>): boolean {
  let [leaves, raw] = [0, 0]
  for (const chunk of chunks) {
    if (chunk.first_leaf !== leaves) return false
    leaves += chunk.leaf_count
    raw += chunk.raw_size
  }
  return raw === bytes && tables.reduce((sum, table) => sum + table.pairs, 0) === pairs
}

const LeafPage = z
  .strictObject({ first_leaf: count, /** 32 bytes each. */ hashes: binary(leafHashBytes, 1_048_576) })
  .refine((page) => page.hashes.length % leafHashBytes === 0, { message: 'half a hash' })

const Chunk = z
  .strictObject({
    chunk_index: count,
    total_chunks: count,
    first_leaf: count,
    leaf_count: int(1, chunkBytesMax),
    compression: z.enum(['zstd', 'none']),
    raw_size: int(1, chunkBytesMax),
    data: binary(1, chunkBytesMax),
  })
  .refine((chunk) => chunk.compression === 'zstd' || chunk.raw_size === chunk.data.length, { message: 'not as long as it says' })
export type ArchiveChunk = z.output<typeof Chunk>

/** zstd of the DAG-CBOR of a list of operations: `packOperations` writes it, `unpackOperations` reads it. */
const OperationPage = z.strictObject({ count: int(1, operationPageBytesMax), raw_size: int(1, operationPageBytesMax), data: binary(1, operationPageBytesMax + slackBytes) })
export type OperationPage = z.output<typeof OperationPage>

/** One page of names and places (`TracePage`), packed. */
const PackedTraces = z
  .strictObject({ compression: z.enum(['zstd', 'none']), raw_size: int(1, tracePageBytesMax), data: binary(1, tracePageBytesMax) })
  .refine((page) => page.compression === 'zstd' || page.raw_size === page.data.length, { message: 'not as long as it says' })

/** By rising key; its SHA-256 is its name. */
const VectorPage = z.array(VectorChange).min(1).max(4_096)

interface RecordKind {
  readonly byte: number
  /** Bytes of the payload. A file that claims more is refused before anything is set aside for it. */
  readonly bytesMax: number
  readonly body: z.ZodType
}

/** In the order in which they stand in a file; manifest and end once, the others as often as there is something to say. */
const kinds = {
  manifest: { byte: 1, bytesMax: 2_097_152, body: ArchiveManifest },
  vector: { byte: 5, bytesMax: pageBytesMax, body: VectorPage },
  traces: { byte: 7, bytesMax: tracePageBytesMax + slackBytes, body: PackedTraces },
  leaves: { byte: 2, bytesMax: 1_048_576 + slackBytes, body: LeafPage },
  chunk: { byte: 3, bytesMax: chunkBytesMax + slackBytes, body: Chunk },
  operations: { byte: 4, bytesMax: operationPageBytesMax + 2 * slackBytes, body: OperationPage },
} as const satisfies Record<string, RecordKind>

type Kinds = typeof kinds
export type ArchiveRecordType = keyof Kinds
/** The parts of an archive in their order. The record that ends a file is written and checked by the file itself. */
export type ArchiveRecord = { readonly [T in ArchiveRecordType]: { readonly type: T; readonly body: z.output<Kinds[T]['body']> } }[ArchiveRecordType]

export const recordTypes = Object.keys(kinds) as readonly ArchiveRecordType[]
export const endByte = 6
export const endBytes = 32
/** Length of the payload and type byte. */
export const recordHeadBytes = 5
/** The most that is ever held of one record. */
export const recordBytesMax = Math.max(...Object.values(kinds).map(({ bytesMax }) => bytesMax))

const typeOfByte = new Map<number, ArchiveRecordType>(recordTypes.map((type) => [kinds[type].byte, type]))

/** u32 length (big-endian, of the payload alone) ‖ type byte. */
export function encodeRecordHead(byte: number, length: number): Uint8Array {
  const head = Buffer.alloc(recordHeadBytes)
  head.writeUInt32BE(length)
  head[4] = byte
  return head
}

/** Undefined for a type that is not known and for a length beyond what its type may have. */
export function decodeRecordHead(head: Uint8Array): { readonly type: ArchiveRecordType | 'end'; readonly length: number } | undefined {
  const length = new DataView(head.buffer, head.byteOffset, head.byteLength).getUint32(0)
  const byte = head[4] as number
  if (byte === endByte) return length === endBytes ? { type: 'end', length } : undefined
  const type = typeOfByte.get(byte)
  return type === undefined || length > kinds[type].bytesMax ? undefined : { type, length }
}

/** Type byte and payload; a record that a reader would refuse is a fault of whoever made it. */
export function encodeRecord(record: ArchiveRecord): { readonly byte: number; readonly payload: Uint8Array } {
  const { byte, bytesMax, body } = kinds[record.type]
  const payload = encodeCanonical(body.parse(record.body))
  if (payload.length > bytesMax) throw new RangeError(`a record of type ${record.type} has ${payload.length} bytes; the bound is ${bytesMax}`)
  return { byte, payload }
}

/** Undefined for whatever is no such record. */
export function decodeRecord(type: ArchiveRecordType, payload: Uint8Array): ArchiveRecord | undefined {
  const body = decodeExactly<unknown>(kinds[type].body, payload)
  return body === undefined ? undefined : ({ type, body } as ArchiveRecord)
}

/** Raw bytes of a chunk for a state of so many bytes: as the operator wishes, but so large that all chunks fit one manifest. */
export function archiveChunkBytes(stateBytes: number, wished: number): number {
  // Two neighbours together pass the size, or they would be one: so there are at most twice as many as full ones, and one.
  return Math.max(wished, Math.ceil((2 * stateBytes) / (chunksMax - 1)))
}

export const operationsOf = (raw: Uint8Array): readonly ArchivedOperation[] | undefined => decodeExactly(Operations, raw)

/** What the signature of a manifest is about: everything that it says, and of what. */
function manifestPayload({ network_id, space, genesis, cut }: ArchiveSubject, { signature: _, ...said }: ArchiveManifest): Readonly<Record<string, unknown>> {
  return { network_id, space, genesis, cut, ...said }
}

const purpose = 'archive'

/** Signed by the node that makes the archive; its root is the subject's. */
export async function signManifest(subject: ArchiveSubject, said: Omit<ArchiveManifest, 'root' | 'made_by' | 'signature'>, signer: Signer): Promise<ArchiveManifest> {
  const manifest: ArchiveManifest = { ...said, root: subject.root, made_by: didOfKey(signer.publicKey), signature: new Uint8Array(64) }
  const { signature } = await signStatement(signer, purpose, manifestPayload(subject, manifest))
  return { ...manifest, signature: new Uint8Array(signature) }
}

/** Has `made_by` signed this of this subject? Whether that node may be believed is another question. */
export function verifyManifest(subject: ArchiveSubject, manifest: ArchiveManifest): boolean {
  return verifyStatement({ purpose, key: manifest.made_by, payload: manifestPayload(subject, manifest), signature: manifest.signature }, verifySignature)
}

/** A colon is forbidden on many sticks, and makes others look for a machine of that name; a plus occurs in no space. */
export const archiveFileName = (space: SpaceId, cut: Clock): string => `${space.replaceAll(':', '+')}-${cut[0]}.icnsnap`
