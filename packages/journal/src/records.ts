import { type Check, type CheckResult, type Clock, type Code, type Did, type OperationId, type SpaceId, toBase64Url } from '@icn/protocol'
import type { OperationStatus } from './api.ts'
import type { KeyText } from './key.ts'

/** How the engine's own rows are written. None of this is state: two nodes with equal state may differ here. */

export const statuses: readonly OperationStatus[] = ['applied', 'refused', 'late', 'forked', 'superseded', 'held']

/** What became of an operation at its place. */
export interface OrderRecord {
  readonly status: OperationStatus
  readonly checks: readonly Check[]
}

const results: readonly CheckResult[] = ['pass', 'warn', 'fail', 'done', 'not_applicable']

/** What JSON cannot say is said in text: bigints as decimals, bytes as base64url. Used for rows that are nobody's state. */
export function jsonOf(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  return value instanceof Uint8Array ? toBase64Url(value) : value
}

/** JSON of [status, checks]; a passed check without details is its code alone. */
export function encodeOrder(record: OrderRecord): Uint8Array {
  const checks = record.checks.map(({ code, result, ...details }) => {
    const bare = Object.keys(details).length === 0
    if (result === 'pass' && bare) return code
    return bare ? [code, results.indexOf(result)] : [code, results.indexOf(result), details]
  })
  return Buffer.from(JSON.stringify([statuses.indexOf(record.status), checks], jsonOf))
}

type StoredCheck = Code | readonly [Code, number] | readonly [Code, number, object]

export function decodeOrder(bytes: Uint8Array): OrderRecord {
  const [status, checks] = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()) as [number, StoredCheck[]]
  return {
    status: statuses[status] as OperationStatus,
    checks: checks.map((check) => (typeof check === 'string' ? { code: check, result: 'pass' } : { ...check[2], code: check[0], result: results[check[1]] as CheckResult })),
  }
}

/** Status without reading the checks: the one digit after the bracket. */
export function statusOfOrder(bytes: Uint8Array): OperationStatus {
  return statuses[(bytes[1] as number) - 48] as OperationStatus
}

/** What stood before an operation wrote: for each row the length of its key, the key, the length of its value + 1 (0: no row), the value. */
export function encodeUndo(undo: ReadonlyMap<KeyText, Uint8Array | null>): Uint8Array {
  let size = 0
  for (const [key, value] of undo) size += 6 + key.length + (value?.length ?? 0)
  const whole = Buffer.allocUnsafe(size)
  let at = 0
  for (const [key, value] of undo) {
    at = whole.writeUInt16BE(key.length, at)
    at += whole.write(key, at, 'latin1')
    at = whole.writeUInt32BE(value === null ? 0 : value.length + 1, at)
    if (value !== null) {
      whole.set(value, at)
      at += value.length
    }
  }
  return whole
}

export function decodeUndo(bytes: Uint8Array): [KeyText, Uint8Array | null][] {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const undo: [KeyText, Uint8Array | null][] = []
  for (let at = 0; at < whole.length; ) {
    const keyEnd = at + 2 + whole.readUInt16BE(at)
    const length = whole.readUInt32BE(keyEnd)
    const end = keyEnd + 4 + Math.max(length - 1, 0)
    undo.push([whole.toString('latin1', at + 2, keyEnd), length === 0 ? null : Uint8Array.prototype.slice.call(whole, keyEnd + 4, end)])
    at = end
  }
  return undo
}

/** Envelope, signature and body as they came: 4 bytes length, envelope, 64 bytes signature, 1 byte whether a body follows, body. */
export function encodeStored(bytes: Uint8Array, signature: Uint8Array, body: Uint8Array | null): Uint8Array {
  const whole = Buffer.allocUnsafe(4 + bytes.length + 64 + 1 + (body?.length ?? 0))
  whole.writeUInt32BE(bytes.length, 0)
  whole.set(bytes, 4)
  whole.set(signature, 4 + bytes.length)
  whole[68 + bytes.length] = body === null ? 0 : 1
  if (body !== null) whole.set(body, 69 + bytes.length)
  return whole
}

export interface StoredBytes {
  readonly bytes: Uint8Array
  readonly signature: Uint8Array
  readonly body: Uint8Array | null
}

export function decodeStored(whole: Uint8Array): StoredBytes {
  const length = new DataView(whole.buffer, whole.byteOffset).getUint32(0)
  const end = 4 + length + 64
  return { bytes: whole.subarray(4, 4 + length), signature: whole.subarray(4 + length, end), body: whole[end] === 1 ? whole.subarray(end + 1) : null }
}

/** Where a signer's chain stands in a space, and the order-free sum of everything placed of it. `fork` is the first number that was used twice. */
export interface HeadRecord {
  readonly seq: number
  readonly id: OperationId
  readonly at: Clock
  readonly sum: Uint8Array
  readonly fork?: number
}

/** The last settled cut of a space. */
export interface CheckpointRecord {
  readonly id: string
  readonly cut: Clock
  readonly root: Uint8Array
  readonly operation: OperationId
  readonly hosts: readonly Did[]
  readonly count: number
  /** What stands for all layers of the space up to this cut. */
  readonly chain: Uint8Array
}

/** What is known of a space without looking at its rows; rewritten with each batch. */
export interface Summary {
  readonly counts: Readonly<Record<OperationStatus, number>>
  /** Operations before the last cut that are final. */
  readonly final: number
  /** Operations of another kind than `space.checkpoint` that no cut covers yet. */
  readonly due: number
  /** Last place in the order, whatever its status. */
  readonly last: { readonly id: OperationId; readonly at: Clock } | null
  /** Operations that no other names as parent: what a new one has seen. Newest last, at most `tipsMax`. */
  readonly tips: readonly { readonly id: OperationId; readonly at: Clock }[]
  readonly setDigest: Uint8Array
  readonly events: { readonly newest: number; readonly oldest: number }
  readonly checkpoint: CheckpointRecord | null
  /** Nothing at or before this clock is taken in before the running cut has ended. */
  readonly promised: Clock | null
  /** The latest cut ever promised, also where nothing came of it: hosts may have agreed on it, so a door takes nothing from before it. */
  readonly vowed: Clock | null
  readonly arrivals: number
}

export const tipsMax = 64

/** The sum of nothing. */
export const emptySum = new Uint8Array(32)

export const emptySummary: Summary = {
  counts: { applied: 0, refused: 0, late: 0, forked: 0, superseded: 0, held: 0 },
  final: 0,
  due: 0,
  last: null,
  tips: [],
  setDigest: emptySum,
  events: { newest: 0, oldest: 1 },
  checkpoint: null,
  promised: null,
  vowed: null,
  arrivals: 0,
}

/** Which space a number stands for. */
export interface SpaceRecord {
  readonly number: number
  readonly space: SpaceId
  readonly genesis: OperationId
  readonly genesis_at: Clock
  readonly rules: string
  /** Put aside until then [ms]: nothing reads it any more. 0: a state that is not whole yet, or never became it. */
  readonly shelved_until?: number
}

/** Adds a digest to an order-free sum modulo 2^256. */
export function addDigest(sum: Uint8Array, digest: Uint8Array): Uint8Array {
  const out = new Uint8Array(32)
  let carry = 0
  for (let i = 31; i >= 0; i--) {
    const value = (sum[i] as number) + (digest[i] as number) + carry
    out[i] = value & 255
    carry = value >> 8
  }
  return out
}
