import { randomBytes } from 'node:crypto'
import {
  type CheckpointId,
  checkpointPagesMax,
  type Clock,
  compareClocks,
  type Did,
  equalBytes,
  keyOfDid,
  type SettledCut,
  type SpaceId,
  statementBytes,
  type VectorChange,
  vectorPageChangesMax,
} from '@icn/protocol'
import { cutOfId, foundersOf } from './cut-records.ts'
import type { Engine } from './engine.ts'
import { type Aside, scratchOf, stateOfLayers } from './cut-state.ts'
import { ackPayload, type CheckpointBody, globalStateRoot, networkOf } from './finality.ts'
import { chainAfter, chainStart, type CutLayer, decidedBy, Layers, layersDigest } from './layers.ts'
import { written } from './pages.ts'
import type { Snapshot } from './store/port.ts'
import { changesUpTo, fittingCut } from './stretch.ts'
import { inTurns } from './turns.ts'
import { type United, unite } from './union.ts'
import type { SpaceWork } from './work.ts'

/** What a host says of a cut that it has promised: it signs nothing more at or before it, and this is what it has (snapshot page §3). */
export interface Mark {
  readonly cut: Clock
  readonly previous: CheckpointId | null
  /** Against the vector of the checkpoint `previous`. */
  readonly changes: readonly VectorChange[]
  /** Digest of the whole vector up to the cut, and how many operations it stands for. */
  readonly vectorDigest: Uint8Array
  readonly count: number
  /** Operations that wait for something. */
  readonly held: number
}

/** What hosts acknowledge: everything of a certificate but their signatures. */
export interface Proposed {
  readonly cut: Clock
  readonly previous: CheckpointId | null
  readonly layers: readonly CutLayer[]
  readonly layersDigest: Uint8Array
  readonly root: Uint8Array
  readonly count: number
  readonly pairs: number
  readonly size: number
  readonly rules: string
  readonly hostsBefore: readonly Did[]
  readonly hostsAtCut: readonly Did[]
  /** For this node's own journal. */
  readonly aside: Aside
}

/** A work on a read snapshot of the store, on which nobody waits. */
export async function onSnapshot<Answer>(engine: Engine, name: SpaceId, run: (work: SpaceWork) => Promise<Answer>): Promise<Answer> {
  const snapshot: Snapshot = engine.parts.store.snapshot()
  try {
    return await run(engine.scratch(engine.writable(name), snapshot))
  } finally {
    snapshot.close()
  }
}

/** Where a cut would lie now, so far back that late ones are rare; undefined: nothing stands before it that is not final. What several hosts have together fits one certificate. */
export function cutDue(engine: Engine, name: SpaceId, lagMs: number, hostsCount: number): Promise<Clock | undefined> {
  const { summary } = engine.writable(name)
  if (summary.due === 0) return Promise.resolve(undefined)
  const newest = summary.last?.at ?? [0, 0]
  // A cut before the time of hosts that were removed has run would need them still, however quiet the space is.
  const now: Clock = [engine.parts.wall() - lagMs, 0]
  const last = compareClocks(now, newest) > 0 && haveLapsedBetween(engine.scratch(engine.writable(name)), newest, now) ? now : newest
  const wanted: Clock = lagMs === 0 ? last : [Math.min(engine.parts.wall() - lagMs, last[0]), 65535]
  const cut = compareClocks(wanted, last) > 0 ? last : wanted
  if (summary.checkpoint !== null && compareClocks(cut, summary.checkpoint.cut) <= 0) return Promise.resolve(undefined)
  return onSnapshot(engine, name, (work) => inTurns(fittingCut(work, cut, Math.floor((checkpointPagesMax * vectorPageChangesMax) / hostsCount))))
}

function haveLapsedBetween(work: SpaceWork, from: Clock, until: Clock): boolean {
  const lapsed = (did: Did, at: Clock): boolean => work.rules.hasLapsed?.(work.state, did, at) === true
  return (work.checkpoint?.hosts ?? foundersOf(work)).some((did) => lapsed(did, until) && !lapsed(did, from))
}

/** What is here up to a promised cut. */
export function markOf(engine: Engine, name: SpaceId, cut: Clock): Promise<Mark> {
  return onSnapshot(engine, name, async (work) => {
    const changes = await inTurns(changesUpTo(work, cut))
    const { vector } = new Layers(work, [{ cut, changes }])
    return {
      cut,
      previous: (work.checkpoint?.id as CheckpointId | undefined) ?? null,
      changes,
      vectorDigest: vector.digest(),
      count: (work.checkpoint?.count ?? 0) + vector.added,
      held: work.counts.held,
    }
  })
}

/** One set from what everybody has (R4 to R7), or what has to come first. */
export function uniteMarks(engine: Engine, name: SpaceId, base: readonly CutLayer[], cut: Clock, marks: readonly (readonly VectorChange[])[]): Promise<United> {
  return onSnapshot(engine, name, (work) => inTurns(unite(work, base, cut, marks)))
}

/** What of these layers is not final here; undefined: they do not begin with all that is. */
export function layersAbove(engine: Engine, name: SpaceId, previous: CheckpointId | null, layers: readonly CutLayer[]): readonly CutLayer[] | undefined {
  const work = engine.scratch(engine.writable(name))
  let chain = previous === null ? chainStart : cutOfId(work, previous)?.chain
  const last = work.checkpoint?.chain ?? chainStart
  for (const [index, layer] of layers.entries()) {
    if (chain === undefined) return undefined
    if (equalBytes(chain, last)) return layers.slice(index)
    chain = chainAfter(chain, layer)
  }
  return chain !== undefined && equalBytes(chain, last) ? [] : undefined
}

/** The state of layers on the last checkpoint, while writers go on. */
export function stateOf(engine: Engine, name: SpaceId, layers: readonly CutLayer[]): Promise<Proposed> {
  return onSnapshot(engine, name, async (work) => {
    const { cut } = layers.at(-1) as CutLayer
    const watch = work.space.watch(cut)
    const decided = await inTurns(decidedBy(work, new Layers(work, layers), cut))
    const previous = (work.checkpoint?.id as CheckpointId | undefined) ?? null
    const before = previous === null ? foundersOf(work) : (cutOfId(work, previous)?.hosts ?? [])
    const { vectors, leaves, ...state } = await inTurns(stateOfLayers(scratchOf(work), layers, decided, before))
    const proposed: Proposed = {
      cut,
      previous,
      layers,
      layersDigest: layersDigest(layers.map((layer, index) => ({ cut: layer.cut, vector: vectors[index] as Uint8Array }))),
      root: state.root,
      count: state.count,
      pairs: state.pairs,
      size: state.bytes,
      rules: work.rules.version,
      hostsBefore: state.hostsBefore,
      hostsAtCut: state.hostsAtCut,
      aside: { decided, vectors, leaves, watch },
    }
    work.space.proposed = proposed
    return proposed
  })
}

export interface Ack {
  readonly key: Uint8Array
  readonly signature: Uint8Array
}

type Ballot = CheckpointBody['ballot']

const claimsOf = (proposed: Proposed, ballot: Ballot): Parameters<typeof ackPayload>[2] => ({
  ballot,
  cut: [...proposed.cut],
  ...(proposed.previous === null ? {} : { previous: proposed.previous }),
  layers_digest: proposed.layersDigest,
  root: proposed.root,
  count: proposed.count,
  pairs: proposed.pairs,
  size: proposed.size,
  rules: proposed.rules,
})

/** The bytes that an acknowledgement signs. */
export function ackBytes(engine: Engine, name: SpaceId, proposed: Proposed, ballot: Ballot): Uint8Array {
  return statementBytes('checkpoint', ackPayload(networkOf(engine, { space: engine.writable(name) }), name, claimsOf(proposed, ballot)))
}

/** The body of `space.checkpoint`. */
export function certificateOf(engine: Engine, proposed: Proposed, ballot: Ballot, acks: readonly Ack[], snapshotId?: Uint8Array): CheckpointBody {
  const signed = new Set(acks.map(({ key }) => Buffer.from(key).toString('hex')))
  return {
    ...claimsOf(proposed, ballot),
    layers: written(proposed.layers).layers,
    snapshot_id: snapshotId ?? new Uint8Array(engine.parts.random?.(32) ?? randomBytes(32)),
    global_state_root: globalStateRoot(acks.map(({ key }) => ({ key, stateHash: proposed.root }))),
    acks: [...acks],
    missing: proposed.hostsAtCut.filter((did) => !signed.has(Buffer.from(keyOfDid(did)).toString('hex'))),
  }
}

/** What this node has found itself about a certificate that it has helped to make. */
export function settledOf(engine: Engine, name: SpaceId, proposed: Proposed, acks: readonly Did[]): SettledCut {
  const chains = [engine.writable(name).summary.checkpoint?.chain ?? chainStart]
  for (const layer of proposed.layers) chains.push(chainAfter(chains.at(-1) as Uint8Array, layer))
  return {
    root: proposed.root,
    pairs: proposed.pairs,
    bytes: proposed.size,
    count: proposed.count,
    hosts_before: proposed.hostsBefore,
    hosts_at_cut: proposed.hostsAtCut,
    acks,
    layers_digest: proposed.layersDigest,
    chains,
  }
}
