import { z } from 'zod'
import { decodeTrusted, encodeTrusted } from './canonical.ts'
import { vectorBuckets, vectorSumBytes } from './engine/replication.ts'
import { NodeRecord, recordsFrameMax } from './node-record.ts'
import { binary as raw, clock, did, int, operationId, spaceId, timeMs } from './schema.ts'
import { snapMessageBytesMax } from './snapshot/signed.ts'

/**
 * Frames of `/icn/replicate/1` (network page §3 and §6): DAG-CBOR maps, unknown fields refused. Snapshots and pages of vectors get frames of their own when they are built.
 */

/** A code of the table; what a peer says is shown as text and never looked up as more than that. */
const code = z.string().regex(/^[A-Z][A-Z0-9_]{1,63}$/)
const count = int(0, Number.MAX_SAFE_INTEGER)

/** Spaces in one offer, and operations in one frame. Larger: a frame no longer fits its bytes; smaller: more frames. */
export const offerSpacesMax = 200
export const frameOperationsMax = 512
export const frameEntriesMax = 4_096
/** Bytes of one page of a vector: 4 096 entries of the longest form fit. Larger: one page holds up what comes behind it; smaller: a full page fits no frame. */
export const pageBytesMax = 524_288
/** Larger: one peer makes us look up more at once; smaller: holes take more rounds. */
export const wantIdsMax = 256

/** Envelope, signature, body; no body where its kind may forget it and a cut covers it. */
const operation = z.tuple([raw(1, 65_536), raw(64), raw(0, 65_536).nullable()])

/** Key of a signer, last number, its operation, eight bytes of the sum over everything of theirs. */
const entry = z.tuple([raw(32), count, operationId, raw(vectorSumBytes)])

/** First frame of both sides. A rules version comes with the digest of what it is made of. */
const hello = z.strictObject({
  t: z.literal('hello'),
  v: z.literal(1),
  network_id: operationId.nullable(),
  rules: z
    .array(z.tuple([z.string().max(80), raw(32)]))
    .min(1)
    .max(16),
  node: did,
  instance: raw(16),
  release: z.string().max(32),
  caps: z.array(z.enum(['state', 'relay', 'reach', 'history', 'turn'])).max(5),
  at: clock,
  wall: timeMs,
  /** A pass of the node that is greeted, signed for it and the sender. */
  pass: z.strictObject({ id: raw(16), signature: raw(64) }).optional(),
})

const offer = z.strictObject({ t: z.literal('offer'), spaces: z.array(z.strictObject({ space: spaceId, genesis: operationId })).max(offerSpacesMax) })

const answer = z.strictObject({ t: z.literal('answer'), space: spaceId, ok: z.boolean(), code: code.optional() })

/** What is here of a space: how many operations and, unless it is what the last one said, their order-free digest and the sums of the buckets. */
const have = z.strictObject({ t: z.literal('have'), space: spaceId, at: clock, count, digest: raw(32).optional(), buckets: raw(vectorBuckets * vectorSumBytes).optional() })

/** Entries of every signer in these buckets. `ask`: the other side's entries are wanted in return. */
const vector = z.strictObject({
  t: z.literal('vector'),
  space: spaceId,
  buckets: z.array(int(0, vectorBuckets - 1)).max(vectorBuckets),
  entries: z.array(entry).max(frameEntriesMax),
  ask: z.boolean(),
})

/** `w`: the answer to a `want` of this number. */
const ops = z.strictObject({ t: z.literal('ops'), space: spaceId, ops: z.array(operation).min(1).max(frameOperationsMax), w: count.optional() })

const want = z.strictObject({ t: z.literal('want'), space: spaceId, w: count, ids: z.array(operationId).min(1).max(wantIdsMax) })

const none = z.strictObject({ t: z.literal('none'), space: spaceId, w: count, ids: z.array(operationId).max(wantIdsMax), why: z.enum(['unknown', 'final', 'pruned']) })

/** Bytes of operations that the other side may have sent in all since the stream began: more by those of a frame that is folded now. `known`: so many of its operations were here before. */
const credit = z.strictObject({ t: z.literal('credit'), bytes: count, known: int(1, frameOperationsMax).optional() })

/** A signed message of the agreement on a cut, as it was signed. */
const snap = z.strictObject({ t: z.literal('snap'), space: spaceId, message: raw(1, snapMessageBytesMax) })

/** A page of a vector by its SHA-256; without its bytes it is the question. */
const page = z.strictObject({ t: z.literal('page'), space: spaceId, digest: raw(32), bytes: raw(1, pageBytesMax).optional() })

/** A space, or without one the whole stream. */
const bye = z.strictObject({ t: z.literal('bye'), space: spaceId.optional(), code, retry_ms: count.optional() })

/** Where nodes may be reached, in their own words. */
const cand = z.strictObject({ t: z.literal('cand'), records: z.array(NodeRecord).min(1).max(recordsFrameMax) })

/** A node that was named as a host wants to accept: `ask`, what it should sign, the signed operation, and whether it is a host now. */
const ask = z.strictObject({ t: z.literal('ask'), space: spaceId, genesis: operationId })
const draft = z.strictObject({ t: z.literal('draft'), space: spaceId, envelope: raw(1, 65_536), body: raw(0, 65_536) })
const accept = z.strictObject({ t: z.literal('accept'), space: spaceId, op: operation })
const welcome = z.strictObject({ t: z.literal('welcome'), space: spaceId, ok: z.boolean(), code: code.optional() })

/** What the peer should know and that ends nothing. */
const notice = z.strictObject({ t: z.literal('notice'), code })

export const Frame = z.discriminatedUnion('t', [hello, offer, answer, have, vector, ops, want, none, credit, snap, page, bye, cand, ask, draft, accept, welcome, notice])
export type Frame = z.output<typeof Frame>
export type FrameOf<T extends Frame['t']> = Extract<Frame, { readonly t: T }>

export const encodeFrame = (frame: Frame): Uint8Array => encodeTrusted(frame)

/** Undefined for whatever is not a frame, however it is broken. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  try {
    const read = Frame.safeParse(decodeTrusted(bytes))
    return read.success ? read.data : undefined
  } catch {
    return undefined
  }
}
