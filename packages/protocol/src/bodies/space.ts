import { z } from 'zod'
import { cidOf, encodeCanonical } from '../canonical.ts'
import type { CheckpointId, OperationId, SpaceId } from '../ids.ts'
import { checkpointAcksMax, checkpointChangesMax, checkpointLayersMax, checkpointPagesMax, vectorPageChangesMax } from '../limits.ts'
import { bytes, checkpointId, clock, did, int, operationId, text, timeMs } from '../schema.ts'

/** Bodies of the kinds that every space has (snapshot page §§3 and 13, engine page §4). */

const hash = bytes(32)
const count = int(0, Number.MAX_SAFE_INTEGER)

/** One signer's entry of a vector: key, last number that counts, its operation. */
export const VectorChange = z.tuple([bytes(32), count, operationId])
export type VectorChange = Readonly<z.output<typeof VectorChange>>

/** Changes that are too many for what names them, by rising key and number; named by the SHA-256 of its canonical DAG-CBOR. */
export const VectorPage = z.array(VectorChange).min(1).max(vectorPageChangesMax)

export const CheckpointLayer = z
  .strictObject({
    cut: clock,
    /** Against the layer before it, of the first against the previous checkpoint; by rising key and number. */
    changes: z.array(VectorChange).max(checkpointChangesMax).optional(),
    /** Digests of pages of ≤ 4 096 entries, when there are more changes than fit over all layers. */
    pages: z.array(hash).min(1).max(checkpointPagesMax).optional(),
  })
  .refine((layer) => (layer.changes === undefined) !== (layer.pages === undefined), { message: 'either changes or pages' })
export type CheckpointLayer = z.output<typeof CheckpointLayer>

const sumOf = (layers: readonly CheckpointLayer[], of: 'changes' | 'pages'): number => layers.reduce((sum, layer) => sum + (layer[of]?.length ?? 0), 0)

/** No more changes and pages over all layers than one operation may hold. */
export const areBounded = (layers: readonly CheckpointLayer[]): boolean => sumOf(layers, 'changes') <= checkpointChangesMax && sumOf(layers, 'pages') <= checkpointPagesMax

/** And all of them stand inline, or all of them in pages. Whether they are too many to stand inline is seen when the pages are here. */
export const areWritten = (layers: readonly CheckpointLayer[]): boolean => areBounded(layers) && (sumOf(layers, 'changes') === 0 || sumOf(layers, 'pages') === 0)

/** Which attempt to agree this is: ordered by number, then by the coordinator's key. */
export const Ballot = z.tuple([count, bytes(32)])
export type Ballot = Readonly<z.output<typeof Ballot>>

export const SpaceCheckpoint = z
  .strictObject({
    /** Number and key of the coordinator whose ballot this is; every ack of the certificate names the same one (ruling 25). */
    ballot: Ballot,
    cut: clock,
    previous: checkpointId.optional(),
    layers: z.array(CheckpointLayer).min(1).max(checkpointLayersMax),
    layers_digest: hash,
    root: hash,
    count,
    pairs: count,
    size: count,
    rules: z.string().min(1).max(128),
    snapshot_id: hash,
    global_state_root: hash,
    acks: z
      .array(z.strictObject({ key: bytes(32), signature: bytes(64) }))
      .min(1)
      .max(checkpointAcksMax),
    missing: z.array(did).max(64),
  })
  .refine((body) => areWritten(body.layers), { message: `at most ${checkpointChangesMax} changes over all layers, or ${checkpointPagesMax} pages` })
export type SpaceCheckpoint = z.output<typeof SpaceCheckpoint>

/** Ruling 24: names a cut by what it says, not by the operation that carried it. */
export function checkpointIdOf(space: SpaceId, genesis: OperationId, body: Pick<SpaceCheckpoint, 'previous' | 'cut' | 'layers_digest' | 'root'>): CheckpointId {
  return cidOf(encodeCanonical({ space, genesis, previous: body.previous ?? null, cut: body.cut, layers_digest: body.layers_digest, root: body.root })) as CheckpointId
}

export const SpaceReview = z.strictObject({
  operation: operationId,
  verdict: z.enum(['dismissed', 'reissued']),
  note: text(0, 500),
  /** The operation that was issued in its place. */
  reissue: operationId.optional(),
})
export type SpaceReview = z.output<typeof SpaceReview>

export const SpaceAdopt = z.strictObject({
  /** The rules version from then on. */
  rules: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,127}$/, { message: 'not a rules version' }),
  from: timeMs,
})
export type SpaceAdopt = z.output<typeof SpaceAdopt>

export const spaceBodies = {
  'space.checkpoint': SpaceCheckpoint,
  'space.review': SpaceReview,
  'space.adopt': SpaceAdopt,
} as const satisfies Record<string, z.ZodType>
