import { type CutApi, type CutLayer, layersOf, type Mark, type Proposed, writtenLayers } from '@icn/journal'
import type { AcceptedCut, Did, OperationId, SnapMessageOf, SpaceId } from '@icn/protocol'
import type { AckMessage, Attempt, MarkerBody } from './attempt.ts'
import { type Ballot, baseOf, type Promised } from './rules.ts'

/** What hosts say of what the journal has found, and what they read out of the others' words. */

/** What a host has acknowledged, as it is kept and as markers carry it. */
export type Accepted = AcceptedCut & Promised

export const marksOf = ({ markers }: Attempt) => [...markers.values()].map(({ changes }) => changes ?? [])

/** R5: layers that may have been agreed on before, and that stay as they are. */
export function baseLayersOf({ markers, previous }: Attempt): CutLayer[] {
  const carried = [...markers.values()].map(({ accepted }) => accepted ?? null).filter((one) => one === null || (one.previous ?? null) === previous)
  return layersOf(baseOf<Accepted>(carried) ?? { layers: [] })
}

/** What this host says of a cut that it has promised. */
export function markerBody(node: Did, mark: Mark, setDigest: Uint8Array, rules: string, accepted: Accepted | null): MarkerBody {
  return {
    sender: node,
    cut: [...mark.cut],
    ...(mark.previous === null ? {} : { final: mark.previous }),
    changes: mark.changes.map(([key, seq, head]): [Uint8Array, number, (typeof mark.changes)[number][2]] => [key, seq, head]),
    vector_digest: mark.vectorDigest,
    count: mark.count,
    set_digest: setDigest,
    held: mark.held,
    rules,
    ...(accepted === null ? {} : { accepted }),
  }
}

export function acceptedOf(proposed: Proposed, ballot: Ballot): Accepted {
  return {
    ballot: [...ballot],
    ...(proposed.previous === null ? {} : { previous: proposed.previous }),
    cut: [...proposed.cut],
    layers: writtenLayers(proposed.layers),
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
export function strippedOf(cuts: Pick<CutApi, 'above' | 'hosts'>, space: SpaceId, accepted: Accepted | null): Accepted | null {
  if (accepted === null) return null
  const rest = cuts.above(space, accepted.previous ?? null, layersOf(accepted))
  if (rest === undefined || rest.length === 0) return null
  const { previous: _, ...others } = accepted
  const { previous } = cuts.hosts(space)
  return { ...others, ...(previous === null ? {} : { previous }), layers: writtenLayers(rest) }
}
