import { type MapName, mapNames } from '@icn/journal'
import { binary, decodeExactly, did, type Did, encodeCanonical, int, operationId, spaceId, timeMs, verifyStatement } from '@icn/protocol'
import { verifySignature } from '@icn/protocol/node'
import { z } from 'zod'
import { ArchiveLock, type PreambleKind } from '../sealed-file/index.ts'

/** What stands in a backup of a whole node, record by record (decision 0017). Its bytes are those of archives (decision 0014). */

export const backupVersion = 1
const magic = new TextEncoder().encode('ICNBACK1')
const hash = binary(32)
const count = int(0, Number.MAX_SAFE_INTEGER)

export const BackupHeader = z.strictObject({
  v: z.literal(backupVersion),
  /** Null: the node had joined a network and had not met it yet. */
  network_id: operationId.nullable(),
  /** Whose store it is; signed the end. */
  node: did,
  made_at: timeMs,
  /** Layout of the store: a newer one is refused before anything else is read. */
  schema: int(1, 65_535),
  /** Null: anybody who has the file can read it. */
  encrypted: ArchiveLock.nullable(),
})
export type BackupHeader = z.output<typeof BackupHeader>
export const backupKind: PreambleKind<BackupHeader> = { magic, version: backupVersion, header: BackupHeader }

const Counts = z.strictObject({ applied: count, refused: count, late: count, forked: count, superseded: count, held: count })
const clockPair = z.tuple([z.int().min(0), z.int().min(0).max(65_535)])

const BackedSpace = z.strictObject({
  space: spaceId,
  genesis: operationId,
  rules: z.string().min(1).max(128),
  /** False: another first operation has taken over the name. */
  live: z.boolean(),
  /** Whoever made it had these rules and folded by them. */
  folded: z.boolean(),
  operations: Counts,
  head: z.strictObject({ id: operationId, at: clockPair }).nullable(),
  checkpoint: z.strictObject({ id: z.string().max(128), cut: clockPair, root: hash }).nullable(),
  set_digest: hash,
  /** Of the state at the tip. */
  root: hash,
  pairs: count,
})
export type BackedSpace = z.output<typeof BackedSpace>

export const BackupManifest = z.strictObject({
  release: z.string().min(1).max(32),
  spaces: z.array(BackedSpace).max(10_000),
  /** `network.json` as it stood beside the store. */
  network_file: z.string().max(65_536).nullable(),
})
export type BackupManifest = z.output<typeof BackupManifest>

/** Raw bytes of one page of rows, unless a single row is larger. */
export const pageBytes = 524_288
/** Larger: a stranger's page makes us set aside more; smaller: a large row no longer fits. */
export const pageBytesMax = 16_777_216

const Rows = z.strictObject({
  map: z.enum(mapNames),
  count: int(1, pageBytesMax),
  compression: z.enum(['zstd', 'none']),
  raw_size: int(1, pageBytesMax),
  data: binary(1, pageBytesMax),
})

const Row = z.tuple([binary(0, 4_096), binary(0, pageBytesMax)])
const RowList = z.array(Row).min(1)
export type BackedRow = z.output<typeof Row>
export const encodeRows = (rows: readonly BackedRow[]): Uint8Array => encodeCanonical(rows)
export const decodeRows = (raw: Uint8Array): readonly BackedRow[] | undefined => decodeExactly(RowList, raw)

const End = z.strictObject({
  rows: z.array(z.strictObject({ map: z.enum(mapNames), count })).max(mapNames.length),
  /** Of everything before this record, from the magic on. */
  sha256: hash,
  signature: binary(64),
})
export type BackupEnd = z.output<typeof End>

const kinds = {
  manifest: { byte: 1, bytesMax: 8_388_608, body: BackupManifest },
  rows: { byte: 2, bytesMax: pageBytesMax + 65_536, body: Rows },
  end: { byte: 6, bytesMax: 4_096, body: End },
} as const
type Kinds = typeof kinds
type RecordType = keyof Kinds
export type BackupRecord = { readonly [T in RecordType]: { readonly type: T; readonly body: z.output<Kinds[T]['body']> } }[RecordType]

const typeOfByte = new Map<number, RecordType>((Object.keys(kinds) as RecordType[]).map((type) => [kinds[type].byte, type]))
/** Length of the payload (u32, big-endian) and type byte. */
export const headBytes = 5

export function encodeRecord({ type, body }: BackupRecord): readonly [Uint8Array, Uint8Array] {
  const { byte, bytesMax } = kinds[type]
  const payload = encodeCanonical(body)
  if (payload.length > bytesMax) throw new RangeError(`a record of type ${type} has ${payload.length} bytes; the bound is ${bytesMax}`)
  const head = Buffer.alloc(headBytes)
  head.writeUInt32BE(payload.length)
  head[4] = byte
  return [head, payload]
}

/** Undefined for a type that is not known and for a length beyond what its type may have. */
export function decodeHead(head: Uint8Array): { readonly type: RecordType; readonly length: number } | undefined {
  const length = new DataView(head.buffer, head.byteOffset, head.byteLength).getUint32(0)
  const type = typeOfByte.get(head[4] as number)
  return type === undefined || length > kinds[type].bytesMax ? undefined : { type, length }
}

export function decodeRecord(type: RecordType, payload: Uint8Array): BackupRecord | undefined {
  const body = decodeExactly<unknown>(kinds[type].body, payload)
  return body === undefined ? undefined : ({ type, body } as BackupRecord)
}

/** Maps stand in this order in a file. */
export const orderOfMaps: readonly MapName[] = mapNames

export const endPurpose = 'backup'
export const endPayload = (node: Did, sha256: Uint8Array): Readonly<Record<string, unknown>> => ({ node, sha256 })

export const verifyEnd = (node: Did, { sha256, signature }: BackupEnd): boolean =>
  verifyStatement({ purpose: endPurpose, key: node, payload: endPayload(node, sha256), signature }, verifySignature)
