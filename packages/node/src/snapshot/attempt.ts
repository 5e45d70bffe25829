import type { CutApi, Proposed } from '@icn/journal'
import {
  type CheckpointId,
  type Clock,
  type Did,
  equalBytes,
  keyOfDid,
  type OperationId,
  type SnapMessage,
  type SnapMessageOf,
  type SnapshotPurpose,
  type SnapshotEnd,
  snapshotEnds,
  type snapshotPhases,
  toHex,
  type SpaceId,
} from '@icn/protocol'
import type { Difference } from './locating.ts'
import type { Said } from './reading.ts'
import { type Ballot, isEnough } from './rules.ts'

/** One attempt at a cut, as one host sees it. */

export type MarkerBody = SnapMessageOf<'Marker'>['body']
export type AckMessage = SnapMessageOf<'SnapshotAck'>
export type Initiate = SnapMessageOf<'InitiateSnapshot'>

/** Where an attempt stands (snapshot page §5). */
export type Phase = (typeof snapshotPhases)[number] | SnapshotEnd

export const isEnd = (phase: Phase): phase is SnapshotEnd => snapshotEnds.some((end) => end === phase)

/** One of these hosts has said two things under one ballot (R9). */
export interface DoubleWord {
  readonly host: Did
  readonly said: 'Marker' | 'SnapshotAck'
  /** Both acknowledgements, which show it to anybody. */
  readonly acks?: readonly [AckMessage, AckMessage]
}

export class Attempt {
  readonly id: Uint8Array
  readonly ballot: Ballot
  readonly cut: Clock
  readonly previous: CheckpointId | null
  readonly participants: readonly Did[]
  readonly coordinator: Did
  readonly purpose: SnapshotPurpose
  /** How long the coordinator gives it. */
  readonly deadlineMs: number
  readonly markers = new Map<Did, MarkerBody>()
  readonly acks = new Map<Did, AckMessage>()
  /** Each phase that was entered, and when; the last one is where it stands. */
  readonly phases: { readonly phase: Phase; readonly at: number }[]
  proposed: Proposed | undefined
  /** What the markers say, when all their pages are here. */
  read: Said | undefined
  /** Operations that markers name and that have not come. */
  awaited: readonly OperationId[] = []
  /** Pages that markers name and that have not come, or that are not what they should be. */
  awaitedPages: readonly Uint8Array[] = []
  /** Who was found to have said two things. */
  readonly doubled = new Set<Did>()
  /** Where others have found another state of the same set. */
  differences: readonly Difference[] = []
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
    this.purpose = body.purpose
    this.deadlineMs = body.deadline_ms
    this.phases = [{ phase: 'marking', at: now }]
  }

  get name(): string {
    return toHex(this.id)
  }

  get began(): number {
    return this.phases[0]?.at as number
  }

  get phase(): Phase {
    return this.phases.at(-1)?.phase as Phase
  }

  get isOver(): boolean {
    return isEnd(this.phase)
  }

  enter(phase: Phase, at: number): void {
    if (phase !== this.phase) this.phases.push({ phase, at })
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
    return isOther ? { host: ack.from, said: 'SnapshotAck', acks: [known, ack] } : undefined
  }

  /** Is it a host by the state at this cut, or by that of the one before? Somebody who has become one since takes part, and does not count. */
  counts(did: Did): boolean {
    return this.proposed?.hostsBefore.includes(did) === true || this.proposed?.hostsAtCut.includes(did) === true
  }

  /** Hosts that have acknowledged exactly what was found here: their signature stands under this node's own words. */
  agreeing(cuts: Pick<CutApi, 'isAck'>, space: SpaceId): AckMessage[] {
    const { proposed, ballot } = this
    if (proposed === undefined) return []
    return [...this.acks.values()].filter(({ from, body }) => this.counts(from) && cuts.isAck(space, proposed, [...ballot], { key: keyOfDid(from), signature: body.statement }))
  }

  /** Which of the states that were found can still be what enough hosts sign: this host's own, another one, or none of them. */
  hopes(): 'own' | 'other' | 'none' {
    const { proposed, participants } = this
    if (proposed === undefined) return 'own'
    const silent = participants.filter((did) => !this.acks.has(did))
    const byRoot = Map.groupBy(this.acks.values(), ({ body }) => `${toHex(body.layers_digest)} ${toHex(body.state_hash)}`)
    const own = `${toHex(proposed.layersDigest)} ${toHex(proposed.root)}`
    const canWin = (acks: readonly AckMessage[]): boolean => isEnough(new Set([...silent, ...acks.map(({ from }) => from)]), proposed.hostsBefore, proposed.hostsAtCut)
    if (canWin(byRoot.get(own) ?? [])) return 'own'
    return [...byRoot.values()].some(canWin) ? 'other' : 'none'
  }

  /** Who has found another state of the same set: a bug, or a damaged store. */
  differing(): AckMessage[] {
    const { proposed } = this
    if (proposed === undefined) return []
    return [...this.acks.values()].filter(({ body }) => equalBytes(body.layers_digest, proposed.layersDigest) && !equalBytes(body.state_hash, proposed.root))
  }
}
