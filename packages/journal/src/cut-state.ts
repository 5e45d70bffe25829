import type { Clock, Did } from '@icn/protocol'
import { type KeyText, keyBytes } from './key.ts'
import { type CutLayer, type Decided, Layers } from './layers.ts'
import { allLeaves, type LeafStep, type LeavesOwner, leavesOwner, pairsOf, rootAfter, storedLeaves, updatedLeaves } from './leaves.ts'
import { Overlay } from './overlay.ts'
import { decodeUndo } from './records.ts'
import type { Watch } from './space.ts'
import { rewindTo, stretch } from './stretch.ts'
import { type StateRoot, stateTag, TreeBuilder } from './tree.ts'
import { SpaceWork } from './work.ts'

/** What a state at a cut is, found on overlays that are dropped (snapshot page §§7, 9). Whatever may be long stops now and then, for `inTurns`. */

/** Cuts until all leaves are made from every row again, whatever the changes say. */
const leavesAgeMax = 100

/** Pairs of the state as a view shows them, for a root. */
export function* statePairs(work: SpaceWork): Generator<readonly [Uint8Array, Uint8Array]> {
  for (const [key, value] of work.overlay.range('state', work.prefix, work.space.prefix.to)) yield [keyBytes(key.slice(4)), value]
}

export function* stateRoot(work: SpaceWork): Generator<void, StateRoot> {
  const tree = new TreeBuilder(stateTag)
  for (const [key, value] of statePairs(work)) {
    tree.add(key, value)
    yield
  }
  return tree.end()
}

/** How the leaves that are stored become those of a cut. */
export interface LeafChanges {
  /** The checkpoint whose leaves these changes are against; null: they are all leaves there are, whatever is stored. */
  readonly upon: string | null
  readonly steps: readonly LeafStep[]
  readonly age: number
}

/** What the writer need not find out again when a cut is settled. */
export interface Aside {
  readonly decided: Decided
  /** Digest of each layer's vector. */
  readonly vectors: readonly Uint8Array[]
  readonly leaves: LeafChanges
  /** Over the stretch up to the cut, from when this was found. */
  readonly watch: Watch
}

export interface CutState extends StateRoot {
  readonly hostsBefore: readonly Did[]
  readonly hostsAtCut: readonly Did[]
}

/** A work on the same space whose changes are dropped. */
export function scratchOf(work: SpaceWork): SpaceWork {
  const scratch = new SpaceWork(work.space, new Overlay(work.overlay), work.hooks, { cached: false })
  scratch.adopt(work)
  return scratch
}

/** Layers on the last checkpoint as one state. The work is a scratch: it stands at the cut afterwards. */
export function* stateOfLayers(
  work: SpaceWork,
  layers: readonly CutLayer[],
  { changed }: Decided,
  before: readonly Did[],
): Generator<void, CutState & Pick<Aside, 'vectors' | 'leaves'> & { readonly count: number }> {
  const { cut } = layers.at(-1) as CutLayer
  const above = new Layers(work, layers)
  const vectors = above.vectorDigests()
  const count = (work.checkpoint?.count ?? 0) + above.vector.added
  work.fold([], changed)
  yield* rewindTo(work, cut)
  const { root, leaves } = yield* rootByLeaves(work, cut)
  return { ...root, ...hostsOf(work, cut, before), count, vectors, leaves }
}

/** A state of the past, behind the last checkpoint. */
export function* stateAt(work: SpaceWork, cut: Clock, before: readonly Did[]): Generator<void, CutState> {
  yield* rewindTo(work, cut)
  return { ...(yield* stateRoot(work)), ...hostsOf(work, cut, before) }
}

function hostsOf(work: SpaceWork, cut: Clock, before: readonly Did[]): Pick<CutState, 'hostsBefore' | 'hostsAtCut'> {
  const hostsAtCut = work.rules.hosts(work.state)
  const lasting = before.filter((did) => work.rules.hasLapsed?.(work.state, did, cut) !== true)
  // Where everybody was replaced, those at the cut speak alone.
  return { hostsAtCut, hostsBefore: lasting.length > 0 ? lasting : hostsAtCut }
}

/** Reads and hashes again only what the stretch has touched, where the leaves of the last checkpoint are here. */
function* rootByLeaves(work: SpaceWork, cut: Clock): Generator<void, { readonly root: StateRoot; readonly leaves: LeafChanges }> {
  const owner = leavesOwner(work.overlay, work.prefix)
  const fresh = owner === undefined || owner.checkpoint !== work.checkpoint?.id ? undefined : yield* updated(work, cut, owner)
  if (fresh !== undefined && fresh.leaves.age < leavesAgeMax) return fresh
  const steps: LeafStep[] = []
  const root = yield* rootAfter(allLeaves(pairsOf(work.overlay, work.space.prefix)), (step) => void steps.push(step))
  if (fresh !== undefined && !Buffer.from(fresh.root.root).equals(root.root)) work.hooks.onLeavesWrong()
  return { root, leaves: { upon: null, steps, age: 0 } }
}

function* updated(work: SpaceWork, cut: Clock, { checkpoint, age }: LeavesOwner): Generator<void, { readonly root: StateRoot; readonly leaves: LeafChanges }> {
  const dirty = new Set<KeyText>()
  for (const [place] of stretch(work, cut)) {
    yield
    const undo = work.overlay.get('undo', work.prefix + place)
    if (undo !== undefined) for (const [key] of decodeUndo(undo)) dirty.add(key)
  }
  const steps: LeafStep[] = []
  const stored = storedLeaves(work.overlay, work.space.prefix)
  const root = yield* rootAfter(updatedLeaves(stored, dirty, pairsOf(work.overlay, work.space.prefix)), (step) => void steps.push(step))
  return { root, leaves: { upon: checkpoint, steps, age: age + 1 } }
}
