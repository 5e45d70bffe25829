import type { Batch } from './batch.ts'
import type { LeafChanges } from './cut-state.ts'
import { leafChange, leavesOwner, leavesOwnerChange } from './leaves.ts'
import type { CommitQueue } from './queue.ts'
import type { HeldSpace } from './space.ts'
import type { Change, Source } from './store/port.ts'
import type { SpaceWork } from './work.ts'

/** Leaves of the last cut in the store, so that the next one reads only what has changed (snapshot page §7). Where something comes between there are none, and it reads every row. */

/** Leaves that one commit changes. Larger: writers wait longer; smaller: more commits for a cut. */
const leavesOnce = 500

/** Few changes go into the commit that makes the cut the last one. False: they are too many, and follow. */
export function keepWithCut(work: SpaceWork, checkpoint: string, leaves: LeafChanges): boolean {
  const { overlay, space } = work
  if (!fit(overlay, space, leaves)) return true
  const old = leaves.upon === null ? storedKeys(overlay, space) : []
  if (old.length + leaves.steps.length > leavesOnce) return false
  put(overlay, [...old.map(removal), ...changesOf(space, leaves), leavesOwnerChange(space.prefix.from, { checkpoint, age: leaves.age })])
  return true
}

/** Many changes, in commits of their own. Until the last one there are no leaves. */
export async function keepAfterwards(queue: CommitQueue, source: () => Source, space: HeldSpace, checkpoint: string, leaves: LeafChanges): Promise<void> {
  if (!fit(source(), space, leaves)) return
  const write = (changes: readonly Change[]): Promise<void> => queue.add(0, 0, ({ overlay }) => put(overlay, changes))
  await write([leavesOwnerChange(space.prefix.from, null)])
  if (leaves.upon === null) for (let old = storedKeys(source(), space); old.length > 0; old = storedKeys(source(), space)) await write(old.map(removal))
  const changes = changesOf(space, leaves)
  for (let at = 0; at < changes.length; at += leavesOnce) await write(changes.slice(at, at + leavesOnce))
  await write([leavesOwnerChange(space.prefix.from, { checkpoint, age: leaves.age })])
}

/** Are these changes against what is stored? */
const fit = (source: Source, { prefix }: HeldSpace, { upon }: LeafChanges): boolean => upon === null || leavesOwner(source, prefix.from)?.checkpoint === upon

const changesOf = ({ prefix }: HeldSpace, { steps }: LeafChanges): Change[] => steps.flatMap((step) => leafChange(prefix.from, step) ?? [])

const removal = (key: string): Change => ({ map: 'leaves', key, value: null })

function put(overlay: Batch['overlay'], changes: readonly Change[]): void {
  for (const { map, key, value } of changes) overlay.put(map, key, value)
}

/** Some of them, at most one more than one commit may change. */
function storedKeys(source: Source, { prefix: { from, to } }: HeldSpace): string[] {
  const keys: string[] = []
  for (const [key] of source.range('leaves', from, to)) {
    keys.push(key)
    if (keys.length > leavesOnce) break
  }
  return keys
}
