import { randomBytes } from 'node:crypto'
import { type Clock, compareClocks, type Did, keyOfDid, type SettledCut, type SpaceId, statementBytes, type CheckpointId, type VectorChange } from '@icn/protocol'
import type { Batch } from './batch.ts'
import type { Engine } from './engine.ts'
import { ackPayload, boundedCut, type CheckpointBody, CutVector, changesUpTo, globalStateRoot, hostsBefore, layersDigest, rewindTo, statePairs, stretch } from './finality.ts'
import type { Snapshot } from './store/port.ts'
import { type StateRoot, stateTag, TreeBuilder } from './tree.ts'
import type { SpaceWork } from './work.ts'

/** A cut that this node has promised: a read snapshot rewound to it, and what counts up to it. */
export interface MarkedCut {
  readonly space: SpaceId
  readonly cut: Clock
  readonly changes: readonly VectorChange[]
  readonly count: number
  readonly vectorDigest: Uint8Array
  readonly previous: string | undefined
  readonly hostsBefore: readonly Did[]
  readonly hostsAtCut: readonly Did[]
  readonly rules: string
  readonly snapshot: Snapshot
  readonly work: SpaceWork
}

/** Rows hashed between two turns of the event loop. Larger: longer pauses for writers; smaller: a slower root. */
const rowsPerTurn = 2_000

/** Runs between two batches: chooses the cut, promises it, opens the snapshot (snapshot page §9). Null: nothing is due, or nothing stands before the cut. */
export function markCut(engine: Engine, batch: Batch, space: SpaceId, lagMs: number): MarkedCut | null {
  const live = batch.workOf(space)
  if (live.due === 0) return null
  const last = live.last?.at ?? [0, 0]
  const wanted: Clock = lagMs === 0 ? last : [Math.min(engine.parts.wall() - lagMs, last[0]), 65535]
  const cut = boundedCut(live, compareClocks(wanted, last) > 0 ? last : wanted)
  if (cut === undefined) return null
  if (live.checkpoint !== null && compareClocks(cut, live.checkpoint.cut) <= 0) return null
  if (!coversSomething(live, cut)) return null
  const changes = changesUpTo(live, cut)
  const vector = new CutVector(live, changes)
  live.promised = cut
  const snapshot = engine.parts.store.snapshot()
  const work = engine.scratch(live.space, snapshot)
  work.adopt(live)
  rewindTo(work, cut)
  const hostsAtCut = work.rules.hosts(work.state)
  return {
    space,
    cut,
    changes,
    count: (live.checkpoint?.count ?? 0) + vector.added,
    vectorDigest: vector.digest(),
    previous: live.checkpoint?.id,
    hostsBefore: hostsBefore(live) ?? hostsAtCut,
    hostsAtCut,
    rules: live.rules.version,
    snapshot,
    work,
  }
}

/** The root at the cut, while writers go on. Closes the snapshot. */
export async function rootOf(_engine: Engine, marked: MarkedCut): Promise<StateRoot> {
  try {
    const tree = new TreeBuilder(stateTag)
    let rows = 0
    for (const [key, value] of statePairs(marked.work)) {
      tree.add(key, value)
      if (++rows % rowsPerTurn === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    return tree.end()
  } finally {
    marked.snapshot.close()
  }
}

/** The certificate with this node's one acknowledgement. */
export function buildCheckpoint(engine: Engine, marked: MarkedCut, state: StateRoot): { readonly body: CheckpointBody; readonly settled: SettledCut } {
  const key = keyOfDid(engine.parts.node)
  const digest = layersDigest([{ cut: marked.cut, vector: marked.vectorDigest }])
  const certificate = {
    ballot: [1, key] as [number, Uint8Array],
    cut: marked.cut,
    ...(marked.previous === undefined ? {} : { previous: marked.previous as CheckpointId }),
    layers_digest: digest,
    root: state.root,
    count: marked.count,
    pairs: state.pairs,
    size: state.bytes,
    rules: marked.rules,
  }
  const network = engine.network ?? marked.work.space.record.genesis
  const message = statementBytes('checkpoint', ackPayload(network, marked.space, certificate))
  const body: CheckpointBody = {
    ...certificate,
    layers: [{ cut: marked.cut, changes: marked.changes.map(([signer, seq, head]) => [signer, seq, head]) }],
    snapshot_id: new Uint8Array(randomBytes(32)),
    global_state_root: globalStateRoot([{ key, stateHash: state.root }]),
    acks: [{ key, signature: new Uint8Array(engine.parts.key.sign(message)) }],
    missing: marked.hostsAtCut.filter((did) => did !== engine.parts.node),
  }
  const settled: SettledCut = {
    root: state.root,
    pairs: state.pairs,
    bytes: state.bytes,
    count: marked.count,
    hosts_before: marked.hostsBefore,
    hosts_at_cut: marked.hostsAtCut,
    acks: [engine.parts.node],
    layers_digest: digest,
  }
  return { body, settled }
}

function coversSomething(work: SpaceWork, cut: Clock): boolean {
  for (const place of stretch(work, cut)) {
    const status = work.statusAt(place)
    if (status !== 'late' && status !== 'forked' && work.loadAt(place).operation.envelope.kind !== 'space.checkpoint') return true
  }
  return false
}
