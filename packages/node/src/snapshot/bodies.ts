import { type CutApi, type Mark, type Proposed, written } from '@icn/journal'
import type { AcceptedCut, Did, OperationId, SnapMessageOf, SpaceCheckpoint, SpaceId } from '@icn/protocol'
import type { AckMessage, Attempt, MarkerBody } from './attempt.ts'
import type { Ballot, Promised } from './rules.ts'

/** What hosts say of what the journal has found, and what they read out of the others' words. */

/** What a host has acknowledged, as it is kept and as markers carry it. */
export type Accepted = AcceptedCut & Promised

type WrittenLayer = SpaceCheckpoint['layers'][number]

/** What this host says of a cut that it has promised. */
export function markerBody(node: Did, mark: Mark, [layer]: readonly WrittenLayer[], setDigest: Uint8Array, rules: string, accepted: Accepted | null): MarkerBody {
  return {
    sender: node,
    cut: [...mark.cut],
    ...(mark.previous === null ? {} : { final: mark.previous }),
    ...(layer?.pages === undefined ? { changes: layer?.changes ?? [] } : { pages: layer.pages }),
    vector_digest: mark.vectorDigest,
    count: mark.count,
    set_digest: setDigest,
    held: mark.held,
    rules,
    ...(accepted === null ? {} : { accepted }),
  }
}

export function acceptedOf(proposed: Proposed, layers: WrittenLayer[], ballot: Ballot): Accepted {
  return {
    ballot: [...ballot],
    ...(proposed.previous === null ? {} : { previous: proposed.previous }),
    cut: [...proposed.cut],
    layers,
    layers_digest: proposed.layersDigest,
    root: proposed.root,
    count: proposed.count,
    pairs: proposed.pairs,
    size: proposed.size,
  }
}

export function ackBody(node: Did, proposed: Proposed, signature: Uint8Array): AckMessage['body'] {
  return {
    node,
    cut: [...proposed.cut],
    ...(proposed.previous === null ? {} : { previous: proposed.previous }),
    layers_digest: proposed.layersDigest,
    state_hash: proposed.root,
    state_size: proposed.size,
    pairs: proposed.pairs,
    count: proposed.count,
    rules: proposed.rules,
    statement: signature,
  }
}

export function completeBody(
  node: Did,
  attempt: Attempt,
  proposed: Proposed,
  checkpoint: OperationId,
  agreeing: readonly AckMessage[],
  globalRoot: Uint8Array,
): SnapMessageOf<'SnapshotComplete'>['body'] {
  return {
    coordinator: node,
    global_state_root: globalRoot,
    participants: [...attempt.participants],
    missing: attempt.participants.filter((did) => !agreeing.some(({ from }) => from === did)),
    cut: [...proposed.cut],
    root: proposed.root,
    checkpoint,
    acks: agreeing.map(({ from, body }) => ({ did: from, state_hash: body.state_hash, state_size: body.state_size, signature: body.statement })),
  }
}

/** What of an acknowledged cut is not final here, above the newest checkpoint; null: nothing that is worth carrying (rulings 25). */
export function strippedOf(cuts: Pick<CutApi, 'above' | 'hosts' | 'read'>, space: SpaceId, accepted: Accepted | null): Accepted | null {
  if (accepted === null) return null
  const read = cuts.read(space, accepted.layers)
  // Its pages are kept with it.
  if (read === undefined || 'missing' in read) return accepted
  const rest = cuts.above(space, accepted.previous ?? null, read.layers)
  if (rest === undefined || rest.length === 0) return null
  const { previous: _, ...others } = accepted
  const { previous } = cuts.hosts(space)
  return { ...others, ...(previous === null ? {} : { previous }), layers: written(rest).layers }
}
