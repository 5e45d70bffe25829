import type { CheckpointId, Clock, Facts, OperationId } from '@icn/protocol'
import { clockZero } from '@icn/protocol'
import type { CheckpointRow, SpaceReviewRow } from './tables.ts'
import { adoptions, checkpointCuts, checkpoints, reviews } from './tables.ts'

export interface Checkpoint extends CheckpointRow {
  readonly cut: Clock
}

export function lastCheckpoint(facts: Facts): Checkpoint | undefined {
  const found = facts.first(checkpoints, { reverse: true })
  return found === undefined ? undefined : { cut: found[0], ...found[1] }
}

/** Everything at or before it is final; the zero clock while nothing is. */
export function lastCut(facts: Facts): Clock {
  return lastCheckpoint(facts)?.cut ?? clockZero
}

/** The cut of a checkpoint that somebody says to have seen (`cut_seen`); undefined when it does not stand before this place. */
export function cutOf(facts: Facts, checkpoint: CheckpointId): Clock | undefined {
  return facts.get(checkpointCuts, [checkpoint])
}

/** What stands here of a checkpoint, by its id. */
export function checkpointOf(facts: Facts, checkpoint: CheckpointId): Checkpoint | undefined {
  const cut = cutOf(facts, checkpoint)
  const row = cut === undefined ? undefined : facts.get(checkpoints, [cut[0], cut[1]])
  return cut === undefined || row === undefined ? undefined : { cut, ...row }
}

/** What was decided about an operation in the quarantine. */
export function reviewOf(facts: Facts, operation: OperationId): SpaceReviewRow | undefined {
  return facts.get(reviews, [operation])
}

/** The adopted rules that hold at a time; undefined while those of the founding do. */
export function adoptedRules(facts: Facts, at: number): string | undefined {
  return facts.first(adoptions, { from: [at], reverse: true })?.[1].rules
}
