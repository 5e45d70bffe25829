import type { CheckpointId, OperationId, Table } from '@icn/protocol'
import { bytes, checkpointId, clock, did, int, operationId, part, table, timeMs } from '@icn/protocol'
import { z } from 'zod'

/** Rows that every space has (snapshot page §3, engine page §4). */

const count = int(0, Number.MAX_SAFE_INTEGER)

const CheckpointRow = z.strictObject({
  id: checkpointId,
  previous: checkpointId.optional(),
  root: bytes(32),
  count,
  /** The host set in the state at the cut: whose majority the next checkpoint needs. */
  hosts: z.array(did),
  /** Stands for all layers of the space up to this cut: enough to see whether another one continues it. */
  chain: bytes(32),
})
export type CheckpointRow = Readonly<z.output<typeof CheckpointRow>>
/** Key: cut, milliseconds and counter. */
export const checkpoints = table('space.checkpoints', [part.int(), part.int()], CheckpointRow)
/** Checkpoint id → its cut. */
export const checkpointCuts = table('space.checkpoint_cuts', [part.text<CheckpointId>()], clock)

const SpaceReviewRow = z.strictObject({ verdict: z.enum(['dismissed', 'reissued']), note: z.string(), reissue: operationId.optional(), by: did, at: timeMs, op: operationId })
export type SpaceReviewRow = Readonly<z.output<typeof SpaceReviewRow>>
/** What people decided about an operation in the quarantine; the newest word stands. */
export const reviews = table('space.reviews', [part.text<OperationId>()], SpaceReviewRow)

const AdoptionRow = z.strictObject({ rules: z.string(), adopted_at: timeMs, op: operationId })
export type AdoptionRow = Readonly<z.output<typeof AdoptionRow>>
/** Key: the time from which the rules hold. */
export const adoptions = table('space.adoptions', [part.int()], AdoptionRow)

export const spaceTables: readonly Table<any, any>[] = [checkpoints, checkpointCuts, reviews, adoptions]
