import type { Facts, Finding } from '@icn/protocol'
import { compareClocks } from '@icn/protocol'
import { checkpointCuts, checkpoints } from './tables.ts'

/** S1: checkpoints and the index of their ids agree. S2: each follows the one before it, or the same one as that. S3: counts never fall. */
export function checkSpace(facts: Facts): readonly Finding[] {
  const found: Finding[] = []
  let before: { id: string; previous?: string | undefined; count: number } | undefined
  let rows = 0
  for (const [cut, row] of facts.scan(checkpoints)) {
    rows++
    const indexed = facts.get(checkpointCuts, [row.id])
    if (indexed === undefined || compareClocks(indexed, cut) !== 0) found.push({ invariant: 'S1', text: 'A checkpoint is not found by its id.', evidence: { id: row.id } })
    if (row.previous !== before?.id && row.previous !== before?.previous)
      found.push({ invariant: 'S2', text: 'A checkpoint does not follow the one before it.', evidence: { id: row.id } })
    if (before !== undefined && row.count < before.count)
      found.push({ invariant: 'S3', text: 'A checkpoint counts fewer operations than the one before it.', evidence: { id: row.id } })
    before = row
  }
  if (facts.count(checkpointCuts) !== rows) found.push({ invariant: 'S1', text: 'The index of checkpoints has another number of rows.' })
  return found
}
