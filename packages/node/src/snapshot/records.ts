import type { LocalStore } from '@icn/journal'
import { type CheckpointId, type Clock, type Did, didOfKey, type OperationId, type SnapshotPurpose, type SpaceCheckpoint, type SpaceId, toHex } from '@icn/protocol'
import type { Difference } from './locating.ts'
import { type Attempt, isEnd, type Phase } from './attempt.ts'

/** What became of attempts at cuts, as people look at it later. */

/** One attempt that this node began or took part in. */
export interface SnapshotRecord {
  /** Of the attempt, in hexadecimal. */
  readonly id: string
  readonly space: SpaceId
  readonly genesis: OperationId
  readonly purpose: SnapshotPurpose
  readonly coordinator: Did
  readonly participants: readonly Did[]
  readonly cut: Clock
  readonly previous: CheckpointId | null
  /** Every phase that was entered, and when [ms]; the last one is where it stands. */
  readonly phases: readonly { readonly phase: Phase; readonly at: number }[]
  /** Whose marker or acknowledgement has not come; once it is complete: hosts that have not signed. */
  readonly missing: readonly Did[]
  /** Who has found another state of the same set. */
  readonly differing: readonly Did[]
  /** Where their states differ from the one found here, as far as they have said. */
  readonly differences: readonly Difference[]
  readonly code: string | null
  readonly certified: CertifiedCut | null
}

/** What a certificate says. */
export interface CertifiedCut {
  readonly checkpoint: CheckpointId
  /** That carries it. */
  readonly operation: OperationId
  readonly cut: Clock
  readonly root: Uint8Array
  readonly globalRoot: Uint8Array
  readonly count: number
  readonly pairs: number
  readonly bytes: number
  /** Hosts that have signed it. */
  readonly confirmed: readonly Did[]
  /** Hosts that could have, and have not. */
  readonly missing: readonly Did[]
  /** All hosts that could have. */
  readonly hostsCount: number
}

export const phaseOf = ({ phases }: SnapshotRecord): Phase => phases.at(-1)?.phase as Phase
export const beganAt = ({ phases }: SnapshotRecord): number => phases[0]?.at as number

export function certifiedBy(checkpoint: CheckpointId, operation: OperationId, body: SpaceCheckpoint): CertifiedCut {
  const confirmed = body.acks.map(({ key }) => didOfKey(key))
  return {
    checkpoint,
    operation,
    cut: body.cut,
    root: body.root,
    globalRoot: body.global_state_root,
    count: body.count,
    pairs: body.pairs,
    bytes: body.size,
    confirmed,
    missing: body.missing,
    hostsCount: confirmed.length + body.missing.length,
  }
}

/** An attempt as it stands. */
export function recordOf(attempt: Attempt, { space, genesis }: Pick<SnapshotRecord, 'space' | 'genesis'>, certified: CertifiedCut | null): SnapshotRecord {
  const { participants, proposed } = attempt
  const heard = proposed === undefined ? attempt.markers : attempt.acks
  return {
    id: attempt.name,
    space,
    genesis,
    purpose: attempt.purpose,
    coordinator: attempt.coordinator,
    participants: [...participants],
    cut: [...attempt.cut],
    previous: attempt.previous,
    phases: attempt.phases.map((one) => ({ ...one })),
    missing: certified?.missing ?? participants.filter((did) => !heard.has(did)),
    differing: attempt.differing().map(({ from }) => from),
    differences: attempt.differences,
    code: attempt.code ?? null,
    certified,
  }
}

/** A cut of the one host that there is. */
export function recordAlone(of: Pick<SnapshotRecord, 'space' | 'genesis'>, node: Did, certified: CertifiedCut, body: SpaceCheckpoint, from: number, until: number): SnapshotRecord {
  return {
    ...of,
    id: toHex(body.snapshot_id),
    purpose: 'checkpoint',
    coordinator: node,
    participants: [node],
    cut: body.cut,
    previous: body.previous ?? null,
    phases: [
      { phase: 'marking', at: from },
      { phase: 'complete', at: until },
    ],
    missing: body.missing,
    differing: [],
    differences: [],
    code: null,
    certified,
  }
}

/** Larger: a list nobody reads; smaller: an incident cannot be looked at a week later. */
const keptOfSpaceMax = 1_000
/** By space, then by time. */
const recordsTable = 'snapshot.records'
/** Where each stands: id → space and time. */
const placesTable = 'snapshot.places'
/** Attempts that were under way when this was last written. */
const runningTable = 'snapshot.running'

type Place = readonly [genesis: OperationId, began: number]

/** The newest records of each space, in the node's own rows. */
export class SnapshotRecords {
  readonly #local: LocalStore
  /** Genesis → how many are kept. */
  readonly #counts = new Map<OperationId, number>()

  /** What was under way when the node last stopped is noted as cancelled. */
  constructor(local: LocalStore, now: () => number) {
    this.#local = local
    for (const [key] of [...local.scan([runningTable])]) {
      const record = this.get(key[1] as string)
      if (record !== undefined) this.save({ ...record, phases: [...record.phases, { phase: 'cancelled', at: now() }] })
      else local.write([{ key: [runningTable, key[1] as string], value: undefined }])
    }
  }

  get(id: string): SnapshotRecord | undefined {
    const place = this.#local.get([placesTable, id]) as Place | undefined
    return place === undefined ? undefined : (this.#local.get([recordsTable, ...place, id]) as SnapshotRecord | undefined)
  }

  /** The newest first. */
  *list(genesis: OperationId): Iterable<SnapshotRecord> {
    for (const [, value] of this.#local.scan([recordsTable, genesis], { reverse: true })) yield value as SnapshotRecord
  }

  save(record: SnapshotRecord): void {
    const { id, genesis } = record
    const place: Place = (this.#local.get([placesTable, id]) as Place | undefined) ?? [genesis, beganAt(record)]
    const isNew = this.#local.get([recordsTable, ...place, id]) === undefined
    const count = this.#countOf(genesis) + (isNew ? 1 : 0)
    const dropped = count > keptOfSpaceMax ? [...this.#local.scan([recordsTable, genesis], { limit: count - keptOfSpaceMax })].map(([, value]) => value as SnapshotRecord) : []
    this.#local.write([
      { key: [recordsTable, ...place, id], value: record },
      { key: [placesTable, id], value: place },
      { key: [runningTable, id], value: isEnd(phaseOf(record)) ? undefined : true },
      ...dropped.flatMap((old) => [
        { key: [recordsTable, genesis, beganAt(old), old.id], value: undefined },
        { key: [placesTable, old.id], value: undefined },
        { key: [runningTable, old.id], value: undefined },
      ]),
    ])
    this.#counts.set(genesis, count - dropped.length)
  }

  #countOf(genesis: OperationId): number {
    const known = this.#counts.get(genesis)
    if (known !== undefined) return known
    let count = 0
    for (const _ of this.#local.scan([recordsTable, genesis])) count++
    return count
  }
}
