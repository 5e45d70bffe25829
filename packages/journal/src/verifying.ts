import { type Clock, compareClocks, type SpaceId } from '@icn/protocol'
import type { Engine } from './engine.ts'
import { statePairs } from './cut-state.ts'
import { undoFloor } from './history.ts'
import { keyBytes, keyText } from './key.ts'
import type { Snapshot } from './store/port.ts'
import { rewindTo } from './stretch.ts'
import { LeafBuilder, RootBuilder, type StateRoot, stateTag } from './tree.ts'
import { inTurns } from './turns.ts'
import type { SpaceWork } from './work.ts'

/** The state at a cut once more, from its rows. */
export interface StateAgain extends StateRoot {
  readonly leavesCount: number
  /** Those that were asked for: first key and hash of each. */
  readonly leaves: readonly (readonly [first: Uint8Array, hash: Uint8Array])[]
}

/** Larger numbers than there are leaves are no mistake. */
export interface LeafRange {
  readonly from: number
  readonly count: number
}

/** Computed while writers go on. Undefined: so long ago that what has changed since cannot be taken back. */
export async function stateAgain(engine: Engine, name: SpaceId, cut: Clock, range: LeafRange = { from: 0, count: 0 }): Promise<StateAgain | undefined> {
  const snapshot: Snapshot = engine.parts.store.snapshot()
  try {
    const space = engine.writable(name)
    const floor = undoFloor(engine, space)
    if (floor !== undefined && compareClocks(cut, floor) < 0) return undefined
    return await inTurns(leavesAt(engine.scratch(space, snapshot), cut, range))
  } finally {
    snapshot.close()
  }
}

function* leavesAt(work: SpaceWork, cut: Clock, { from, count }: LeafRange): Generator<void, StateAgain> {
  yield* rewindTo(work, cut)
  const root = new RootBuilder(stateTag)
  const leaves: [Uint8Array, Uint8Array][] = []
  let leavesCount = 0
  const builder = new LeafBuilder((leaf) => {
    root.add(leaf)
    if (leavesCount >= from && leavesCount < from + count) leaves.push([new Uint8Array(keyBytes(leaf.first)), new Uint8Array(keyBytes(leaf.hash))])
    leavesCount++
  })
  for (const [key, value] of statePairs(work)) {
    builder.add(keyText(key), value)
    yield
  }
  builder.end()
  return { ...root.end(), leavesCount, leaves }
}
