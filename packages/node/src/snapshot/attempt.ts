import type { CutApi, CutLayer, Mark, Proposed } from '@icn/journal'
import {
  type AcceptedCut,
  type CheckpointId,
  type Clock,
  type Did,
  equalBytes,
  keyOfDid,
  type SnapMessage,
  type SnapMessageOf,
  toHex,
  type OperationId,
  type SpaceId,
} from '@icn/protocol'
import { type Ballot, baseOf, type Promised } from './rules.ts'

/** One attempt at a cut, as one host sees it. */

export type MarkerBody = SnapMessageOf<'Marker'>['body']
export type AckMessage = SnapMessageOf<'SnapshotAck'>
export type Initiate = SnapMessageOf<'InitiateSnapshot'>

/** What a host has acknowledged, as it is kept and as markers carry it. */
export type Accepted = AcceptedCut & Promised

/** Where an attempt stands; the last six are ends (snapshot page §5). */
export type Phase = 'marking' | 'uniting' | 'rooting' | 'acking' | 'certifying' | 'complete' | 'released' | 'failed' | 'superseded' | 'timed_out' | 'cancelled'

const ends: ReadonlySet<Phase> = new Set<Phase>(['complete', 'released', 'failed', 'superseded', 'timed_out', 'cancelled'])

/** One of these hosts has said two things under one ballot. */
export interface DoubleWord {
  readonly host: Did
  readonly said: 'Marker' | 'SnapshotAck'
}

export class Attempt {
  readonly id: Uint8Array
  readonly ballot: Ballot
  readonly cut: Clock
  readonly previous: CheckpointId | null
  readonly participants: readonly Did[]
  readonly coordinator: Did
  readonly began: number
  readonly markers = new Map<Did, MarkerBody>()
  readonly acks = new Map<Did, AckMessage>()
  phase: Phase = 'marking'
  proposed: Proposed | undefined
  /** What this host has said in it, to be said again to whoever has not heard it. */
  readonly said: SnapMessage[] = []
  /** Why it has ended without a checkpoint. */
  code: string | undefined

  constructor({ snapshot_id, ballot, from, body }: Initiate, now: number) {
    this.id = snapshot_id
    this.ballot = ballot
    this.cut = body.cut
    this.previous = body.previous ?? null
    this.participants = body.participants
    this.coordinator = from
    this.began = now
  }

  get name(): string {
    return toHex(this.id)
  }

  get isOver(): boolean {
    return ends.has(this.phase)
  }

  /** Participants whose marker has not come. */
  get missing(): Did[] {
    return this.participants.filter((did) => !this.markers.has(did))
  }

  /** The first word counts; a second one that says something else is evidence. */
  noteMarker(from: Did, body: MarkerBody): DoubleWord | undefined {
    const known = this.markers.get(from)
    if (known === undefined) this.markers.set(from, body)
    return known !== undefined && !equalBytes(known.vector_digest, body.vector_digest) ? { host: from, said: 'Marker' } : undefined
  }

  noteAck(ack: AckMessage): DoubleWord | undefined {
    const known = this.acks.get(ack.from)
    if (known === undefined) this.acks.set(ack.from, ack)
    const isOther = known !== undefined && !(equalBytes(known.body.layers_digest, ack.body.layers_digest) && equalBytes(known.body.state_hash, ack.body.state_hash))
    return isOther ? { host: ack.from, said: 'SnapshotAck' } : undefined
  }

  /** Who has acknowledged exactly what was found here: their signature stands under this node's own words. */
  agreeing(cuts: Pick<CutApi, 'isAck'>, space: SpaceId): AckMessage[] {
    const { proposed, ballot } = this
    if (proposed === undefined) return []
    return [...this.acks.values()].filter(({ from, body }) => cuts.isAck(space, proposed, [...ballot], { key: keyOfDid(from), signature: body.statement }))
  }

  /** Who has found another state of the same set: a bug, or a damaged store. */
  differing(): AckMessage[] {
    const { proposed } = this
    if (proposed === undefined) return []
    return [...this.acks.values()].filter(({ body }) => equalBytes(body.layers_digest, proposed.layersDigest) && !equalBytes(body.state_hash, proposed.root))
  }
}

export const marksOf = ({ markers }: Attempt) => [...markers.values()].map(({ changes }) => changes ?? [])

/** R5: layers that may have been agreed on before, and that stay as they are. */
export function baseLayersOf({ markers, previous }: Attempt): CutLayer[] {
  const carried = [...markers.values()].map(({ accepted }) => accepted ?? null).filter((one) => one === null || (one.previous ?? null) === previous)
  return (baseOf<Accepted>(carried)?.layers ?? []).map(({ cut, changes }) => ({ cut, changes: changes ?? [] }))
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
    layers: proposed.layers.map(({ cut, changes }) => ({ cut: [...cut], changes: changes.map(([key, seq, head]): [Uint8Array, number, typeof head] => [key, seq, head]) })),
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
export function strippedOf(cuts: Pick<CutApi, 'above' | 'hosts'>, space: Initiate['space'], accepted: Accepted | null): Accepted | null {
  if (accepted === null) return null
  const rest = cuts.above(
    space,
    accepted.previous ?? null,
    accepted.layers.map(({ cut, changes }) => ({ cut, changes: changes ?? [] })),
  )
  if (rest === undefined || rest.length === 0) return null
  const { previous: _, ...others } = accepted
  const { previous } = cuts.hosts(space)
  return {
    ...others,
    ...(previous === null ? {} : { previous }),
    layers: rest.map(({ cut, changes }) => ({ cut: [...cut], changes: changes.map(([key, seq, head]): [Uint8Array, number, typeof head] => [key, seq, head]) })),
  }
}
