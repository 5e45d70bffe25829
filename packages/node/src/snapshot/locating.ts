import type { CutApi } from '@icn/journal'
import { decodeKey, type Did, equalBytes, type KeyValue } from '@icn/protocol'
import type { SnapshotRecord } from './records.ts'
import type { Verification } from './verification.ts'

/** Rows between these keys are not the same at this host; `last` is not among them, null: to the end. Keys as tables know them, the table's name first. */
export interface Difference {
  readonly host: Did
  readonly first: readonly KeyValue[]
  readonly last: readonly KeyValue[] | null
}

/** Of one question (snapshot page §11). */
const leavesMax = 4_096
const differencesMax = 16

export interface LocatingParts {
  readonly cuts: Pick<CutApi, 'again'>
  readonly verification: Pick<Verification, 'leavesOf'>
}

/** Where a host's state is another one: leaf by leaf, hashes only. Empty where it does not answer, or is the same by now. */
export async function locate({ cuts, verification }: LocatingParts, { space, id, cut }: Pick<SnapshotRecord, 'space' | 'id' | 'cut'>, host: Did): Promise<Difference[]> {
  const out: Difference[] = []
  for (let from = 0; out.length < differencesMax; ) {
    const own = await cuts.again(space, cut, { from, count: leavesMax + 1 })
    const theirs = own === undefined ? undefined : await verification.leavesOf(host, space, id, own.root, { from, count: leavesMax })
    const leaves = theirs?.leaves ?? []
    if (own === undefined || leaves.length === 0) break
    for (const [index, [first, hash]] of leaves.entries()) {
      const mine = own.leaves[index]
      if (mine !== undefined && equalBytes(mine[0], first) && equalBytes(mine[1], hash)) continue
      const isShifted = mine === undefined || !equalBytes(mine[0], first)
      const next = isShifted ? undefined : (own.leaves[index + 1]?.[0] ?? undefined)
      out.push({ host, first: decodeKey(mine?.[0] ?? first), last: next === undefined ? null : decodeKey(next) })
      // From here on borders lie elsewhere, and nothing can be said leaf by leaf.
      if (isShifted || out.length === differencesMax) return out
    }
    from += leaves.length
    if (from >= own.leavesCount) break
  }
  return out
}
