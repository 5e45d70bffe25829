import { z } from 'zod'
import { decodeTrusted } from './canonical.ts'
import { NodeRecord } from './node-record.ts'
import { int, timeMs } from './schema.ts'

/** What nodes ask each other beside `/icn/replicate/1` (network page §2): DAG-CBOR maps, unknown fields refused. */

const bytes = (min: number, max: number): z.ZodType<Uint8Array> =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length >= min && value.length <= max, { message: `must be ${min} to ${max} bytes` })

const nonce = int(0, Number.MAX_SAFE_INTEGER)

/** `/icn/time/1`: when it was asked by the asker's clock, and when it came and was answered by the other's. */
export const TimeQuestion = z.strictObject({ n: nonce, t0: timeMs })
export const TimeAnswer = z.strictObject({ n: nonce, t1: timeMs, t2: timeMs })

/** Records that one answer may bring, whoever asks. */
export const exchangeRecordsMax = 500

/** `/icn/peers/1`: at most so many records; and how many there were for the asker in all. */
export const PeersQuestion = z.strictObject({ max: int(1, exchangeRecordsMax) })
export const PeersAnswer = z.strictObject({ records: z.array(NodeRecord).max(exchangeRecordsMax), total: nonce })

/** Operations in one message to everybody, and their bytes. Larger: one message fills a slow link; smaller: more messages. */
export const gossipOperationsMax = 64
export const gossipBytesMax = 98_304

/** `icn/1/commons`: operations with their bodies. */
export const GossipOperations = z.strictObject({
  ops: z
    .array(z.tuple([bytes(1, 65_536), bytes(64, 64), bytes(0, 65_536)]))
    .min(1)
    .max(gossipOperationsMax),
})

/** Undefined for whatever is not of this shape, however it is broken. */
export function readMessage<T>(schema: z.ZodType<T>, bytes: Uint8Array): T | undefined {
  try {
    return schema.safeParse(decodeTrusted(bytes)).data
  } catch {
    return undefined
  }
}
