import { z } from 'zod'
import { equalBytes } from '../canonical.ts'
import { areBounded, Ballot, CheckpointLayer, VectorChange } from '../bodies/space.ts'
import { keyOfDid } from '../did.ts'
import { checkpointAcksMax, checkpointLayersMax, checkpointPagesMax } from '../limits.ts'
import { bytes, checkpointId, clock, did, int, operationId, spaceId, timeMs } from '../schema.ts'

/** Messages by which the hosts of a space agree on a cut, and by which state is asked for (snapshot page §3, rulings 24 and 25). */

/** Larger: a marker names more changes without pages, and a frame holds others up for longer; smaller: pages for spaces with few signers. */
const markerChangesMax = 1_000
const participantsMax = 64
/** Leaves of one question. Larger: answers no longer fit a message; smaller: more rounds until two hosts know where they differ. */
const leavesMax = 4_096
/** Raw bytes of a chunk: the largest `chunk_size`, and one leaf of the largest size in which it may end. */
export const chunkBytesMax = 1_114_112
const timeoutMsMax = 3_600_000

export const snapshotPurposes = ['checkpoint', 'archive', 'drill'] as const
export type SnapshotPurpose = (typeof snapshotPurposes)[number]

/** What an attempt goes through at every host. */
export const snapshotPhases = ['marking', 'uniting', 'rooting', 'acking', 'certifying'] as const
/**
 * How it ends there. `released`: the host took part and was let go, by the coordinator or by time; `cancelled`: the node stopped meanwhile;
 * `diverged`: too many have found another state of the same set.
 */
export const snapshotEnds = ['complete', 'released', 'failed', 'superseded', 'timed_out', 'cancelled', 'diverged'] as const
export type SnapshotEnd = (typeof snapshotEnds)[number]

export const abortReasons = [
  'participants_missing',
  'no_quorum',
  'behind',
  'superseded',
  'timeout',
  'rules_differ',
  'ahead',
  'not_trusted',
  'diverged',
  'stopping',
  'cancelled',
] as const
export type AbortReason = (typeof abortReasons)[number]

const hash = bytes(32)
const count = int(0, Number.MAX_SAFE_INTEGER)
const rules = z.string().min(1).max(128)
const pages = z.array(hash).min(1).max(checkpointPagesMax)
const distinctDids = (min: number): z.ZodType<readonly z.output<typeof did>[]> =>
  z
    .array(did)
    .min(min)
    .max(participantsMax)
    .refine((dids) => new Set(dids).size === dids.length, { message: 'named twice' })

const InitiateBody = z.strictObject({
  initiator: did,
  /** For people. */
  timestamp: timeMs,
  participants: distinctDids(1),
  cut: clock,
  /** The last checkpoint, on which this one is built; none before the first. */
  previous: checkpointId.optional(),
  purpose: z.enum(snapshotPurposes),
  /** Rules version in force at the cut, as the coordinator sees it. */
  rules,
  /** Snapshots of several spaces at one cut bear the same. */
  group: bytes(16).optional(),
  /** For how long after this message the snapshot may go on, by each node's own monotonic clock. */
  deadline_ms: int(1, timeoutMsMax),
})

/** What a host has acknowledged and does not yet know to be decided (R3). */
const Accepted = z
  .strictObject({
    ballot: Ballot,
    /** The checkpoint against which the first layer's changes are; each further layer's are against the layer before it. */
    previous: checkpointId.optional(),
    cut: clock,
    layers: z.array(CheckpointLayer).min(1).max(checkpointLayersMax).refine(areBounded, { message: 'more changes than fit inline, or more pages than may be' }),
    layers_digest: hash,
    root: hash,
    count,
    pairs: count,
    size: count,
  })
  .readonly()
export type AcceptedCut = z.output<typeof Accepted>

const MarkerBody = z
  .strictObject({
    sender: did,
    cut: clock,
    /** The newest checkpoint that the sender knows; changes are against its vector. */
    final: checkpointId.optional(),
    changes: z.array(VectorChange).max(markerChangesMax).optional(),
    pages: pages.optional(),
    vector_digest: hash,
    count,
    set_digest: hash,
    /** Operations up to the cut that wait for something. */
    held: count,
    rules,
    accepted: Accepted.optional(),
  })
  .refine((body) => (body.changes === undefined) !== (body.pages === undefined), { message: 'either changes or pages' })

/** With the envelope it holds every field that `statement` signs, under the names of the page. */
const AckBody = z.strictObject({
  node: did,
  cut: clock,
  previous: checkpointId.optional(),
  layers_digest: hash,
  /** The root. */
  state_hash: hash,
  /** Bytes of all pairs. */
  state_size: count,
  pairs: count,
  count,
  rules,
  /** Signature of a statement of purpose `checkpoint`, which goes into the certificate. */
  statement: bytes(64),
})

const CompleteBody = z.strictObject({
  coordinator: did,
  global_state_root: hash,
  participants: distinctDids(1),
  missing: distinctDids(0),
  cut: clock,
  root: hash,
  /** The operation that carries the certificate. */
  checkpoint: operationId,
  acks: z
    .array(z.strictObject({ did, state_hash: hash, state_size: count, signature: bytes(64) }))
    .min(1)
    .max(checkpointAcksMax),
})

const VerifyBody = z.strictObject({
  requester: did,
  expected_root: hash,
  scope: z.enum(['record', 'state', 'leaves']),
  /** First leaf and how many. */
  range: z.tuple([count, int(1, leavesMax)]).optional(),
})

const VerificationBody = z
  .strictObject({
    verifier: did,
    valid: z.boolean(),
    /** Recomputed here, never repeated from what was announced. */
    computed_root: hash.optional(),
    method: z.enum(['record', 'leaves', 'archive', 'replay', 'unavailable']),
    checked_at: timeMs,
    /** First key of each leaf, and its hash. */
    leaves: z
      .array(z.tuple([bytes(0, 4_096), hash]))
      .max(leavesMax)
      .optional(),
  })
  .refine((body) => (body.method === 'unavailable' ? !body.valid && body.computed_root === undefined : body.computed_root !== undefined), {
    message: 'a root if it was computed, and only then',
  })

const AbortBody = z.strictObject({
  sender: did,
  reason: z.enum(abortReasons),
  /** `superseded`: the ballot that stands in the way. */
  ballot: Ballot.optional(),
  /** `rules_differ`: the version that the sender sees in force. */
  rules: rules.optional(),
  detail: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]{1,63}$/)
    .optional(),
})

const RequestBody = z
  .strictObject({
    /** This one, or by its checkpoint. */
    snapshot_id: hash.optional(),
    checkpoint: checkpointId.optional(),
    requester: did,
    what: z.enum(['manifest', 'leaves', 'chunks', 'page']),
    from: count,
    count: int(1, 64),
  })
  .refine((body) => (body.snapshot_id === undefined) !== (body.checkpoint === undefined), { message: 'either the snapshot or the checkpoint' })

const ChunkBody = z
  .strictObject({
    snapshot_id: hash,
    sender: did,
    what: z.enum(['manifest', 'leaves', 'chunks', 'page']),
    chunk_index: count,
    total_chunks: count,
    first_leaf: count,
    leaf_count: count,
    compression: z.enum(['zstd', 'none']),
    raw_size: int(0, chunkBytesMax),
    data: bytes(0, chunkBytesMax),
  })
  .refine((body) => body.chunk_index < body.total_chunks, { message: 'beyond the last chunk' })
  .refine((body) => body.compression === 'zstd' || body.raw_size === body.data.length, { message: 'not as long as it says' })

/** What every message bears, whatever it says. */
const envelope = {
  v: z.literal(1),
  network_id: operationId,
  space: spaceId,
  snapshot_id: hash,
  ballot: Ballot,
  from: did,
  /** For one host only; others pass it on all the same. */
  to: did.optional(),
  /** Makes a message that is sent again a new one, which is passed on again. */
  sent_at: clock,
  signature: bytes(64),
}

const message = <T extends string, B extends z.ZodType>(type: T, body: B) => z.strictObject({ ...envelope, type: z.literal(type), body })

const InitiateSnapshot = message('InitiateSnapshot', InitiateBody)
const Marker = message('Marker', MarkerBody)
const SnapshotAck = message('SnapshotAck', AckBody)
const SnapshotComplete = message('SnapshotComplete', CompleteBody)
const VerifySnapshot = message('VerifySnapshot', VerifyBody)
const VerificationResult = message('VerificationResult', VerificationBody)
const Abort = message('Abort', AbortBody)
const RequestState = message('RequestState', RequestBody)
const StateChunk = message('StateChunk', ChunkBody)

/** Each names its sender in its body, too, under this name. */
const senderFields = {
  InitiateSnapshot: 'initiator',
  Marker: 'sender',
  SnapshotAck: 'node',
  SnapshotComplete: 'coordinator',
  VerifySnapshot: 'requester',
  VerificationResult: 'verifier',
  Abort: 'sender',
  RequestState: 'requester',
  StateChunk: 'sender',
} as const

type Any = z.output<typeof SnapUnion> | z.output<typeof StateUnion>

/** What stands twice in a message says the same both times; a new ballot is its sender's own (R10). */
function agreesWithItself(said: Any): boolean {
  const body: Readonly<Record<string, unknown>> = said.body
  if (body[senderFields[said.type]] !== said.from) return false
  if (said.type === 'InitiateSnapshot') return equalBytes(said.ballot[1], keyOfDid(said.from))
  if (said.type !== 'RequestState' && said.type !== 'StateChunk') return true
  return said.body.snapshot_id === undefined || equalBytes(said.body.snapshot_id, said.snapshot_id)
}

const SnapUnion = z.discriminatedUnion('type', [InitiateSnapshot, Marker, SnapshotAck, SnapshotComplete, VerifySnapshot, VerificationResult, Abort])
const StateUnion = z.discriminatedUnion('type', [RequestState, StateChunk])

const contradicts = { message: 'names another sender, ballot or snapshot than its envelope' }

/** Passed on to every host of the space, in the frame `snap`. */
export const SnapMessage = SnapUnion.refine(agreesWithItself, contradicts)
export type SnapMessage = z.output<typeof SnapUnion>
export type SnapMessageOf<T extends SnapMessage['type']> = Extract<SnapMessage, { readonly type: T }>

/** Between two hosts, over `/icn/state/1`. */
export const StateMessage = StateUnion.refine(agreesWithItself, contradicts)
export type StateMessage = z.output<typeof StateUnion>
