import { z } from 'zod'
import { concatBytes, encodeCanonical, utf8 } from './canonical.ts'
import { verifyStrict } from './crypto/strict.ts'
import { keyOfDid } from './did.ts'
import { did, int, operationId, timeMs } from './schema.ts'

/** A node's signed list of addresses at which it may be reached (network page §7). */

/** Larger: strangers make us hold more; smaller: a node with many addresses cannot name them all. */
const recordBytesMax = 4_096
export const recordEndpointsMax = 16
/** Records in one frame of the main stream. */
export const recordsFrameMax = 16

export const endpointTypes = ['lan', 'public', 'mapped', 'ws', 'srflx', 'circuit', 'turn'] as const
export type EndpointType = (typeof endpointTypes)[number]

const signature = z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === 64, { message: 'must be 64 bytes' })

const Endpoint = z.strictObject({ type: z.enum(endpointTypes), addr: z.string().min(1).max(128), pref: int(0, 255) })
export type Endpoint = z.output<typeof Endpoint>

export const NodeRecord = z.strictObject({
  v: z.literal(1),
  network_id: operationId,
  node: did,
  issued_at: timeMs,
  expires_at: timeMs,
  public: z.boolean(),
  nat: z.enum(['none', 'cone', 'symmetric', 'unknown']),
  udp: z.boolean(),
  endpoints: z.array(Endpoint).max(recordEndpointsMax),
  source_ips: z.array(z.string().max(45)).max(8),
  signature,
})
export type NodeRecord = z.output<typeof NodeRecord>

const recordBytes = (content: Omit<NodeRecord, 'signature'>): Uint8Array => concatBytes(utf8('icn/candidate/1\n'), encodeCanonical(content))

export const signRecord = (content: Omit<NodeRecord, 'signature'>, sign: (message: Uint8Array) => Uint8Array): NodeRecord => ({ ...content, signature: sign(recordBytes(content)) })

/** Not longer than it may be, and signed by the node it names. */
export function isOwnWord(record: NodeRecord): boolean {
  const { signature: signed, ...content } = record
  return encodeCanonical(record).length <= recordBytesMax && verifyStrict(signed, recordBytes(content), keyOfDid(record.node))
}
