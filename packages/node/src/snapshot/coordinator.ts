import type { JournalApi } from '@icn/journal'
import { type Code, concatBytes, type Did, digestOfCid, keyOfDid, type OperationId, secondMs, sha256, type SnapMessage, type SpaceId } from '@icn/protocol'
import { refuse } from '../calls/refusal.ts'
import type { Attempt } from './attempt.ts'
import { memoryOf } from './memory.ts'
import type { Plan } from './plan.ts'
import type { SpaceSnapshotsParts } from './ports.ts'
import { isEnough } from './rules.ts'
import { SpaceSnapshots } from './space-snapshots.ts'

/** Ended attempts that are remembered, of all spaces. */
const endedMax = 1_000
/** When a cut is due, the host of rank r waits r times as long, unless somebody else has begun. */
const rankMs = 20 * secondMs

export interface SnapshotCoordinatorParts extends Pick<SpaceSnapshotsParts, 'sign' | 'random' | 'timing' | 'timeoutMs' | 'follows' | 'fault'> {
  readonly journal: JournalApi
  network(): OperationId | null
  /** Says it to every host of the space. */
  tell(space: SpaceId, message: Uint8Array): void
  /** Fewer reachable hosts, or fewer than there are, begin nothing that somebody asks for. */
  readonly participantsMin: number
  /** Hosts of the space that are connected now. */
  reachable(space: SpaceId): readonly Did[]
  told: SpaceSnapshotsParts['told']
}

/** Snapshots of every space of a node (snapshot page §5). */
export class SnapshotCoordinator {
  readonly #parts: SnapshotCoordinatorParts
  readonly #spaces = new Map<SpaceId, SpaceSnapshots>()
  /** The oldest first: id → whether it was completed. */
  readonly #ended = new Map<string, boolean>()
  readonly #waiting = new Map<SpaceId, () => void>()
  readonly #unsubscribe: () => void

  constructor(parts: SnapshotCoordinatorParts) {
    this.#parts = parts
    this.#unsubscribe = parts.journal.subscribe((spaces) => {
      for (const space of spaces.keys()) this.#spaces.get(space)?.changed()
    })
  }

  /** What replication hands up, and asks. */
  readonly port = {
    maySpeak: (space: SpaceId, did: Did): boolean => {
      if (this.#parts.journal.info(space) === undefined) return false
      const { before, now } = this.#parts.journal.cuts.hosts(space)
      return before.includes(did) || now.includes(did)
    },
    heard: (space: SpaceId, message: SnapMessage): void => this.handle_message(space, message),
    // Vectors are named inline so far.
    page: (): Uint8Array | undefined => undefined,
    pageCame(): void {},
  }

  /** Begins a cut with these hosts, this one among them. Undefined: one is running, nothing is due, or they are not enough. */
  initiate_snapshot(space: SpaceId, participants: readonly Did[], plan: Partial<Plan> = {}): Promise<Attempt | undefined> {
    return this.of(space).begin(participants, plan)
  }

  handle_message(space: SpaceId, message: SnapMessage): void {
    this.of(space).hear(message)
  }

  active_count(): number {
    return [...this.#spaces.values()].filter(({ attempt }) => attempt !== undefined && !attempt.isOver).length
  }

  completed_count(): number {
    return [...this.#ended.values()].filter(Boolean).length
  }

  is_complete(id: string): boolean {
    return this.#ended.get(id) === true
  }

  /** Hosts with which a cut could be begun now; this one is among them. */
  participants(space: SpaceId): readonly Did[] {
    const { journal } = this.#parts
    const { before, now } = journal.cuts.hosts(space)
    const hosts = new Set([...before, ...now])
    return [journal.node, ...this.#parts.reachable(space).filter((did) => hosts.has(did))]
  }

  /** Makes a cut where one is due: alone where this node is the one host; otherwise hosts begin in the order of their ranks, so that mostly one does. */
  async cutDue(space: SpaceId, lagMs: number): Promise<void> {
    const { journal, timing } = this.#parts
    const { before, now, previous } = journal.cuts.hosts(space)
    if (!now.includes(journal.node)) return
    if (now.length === 1 && before.every((did) => did === journal.node)) {
      await journal.checkpoint(space, lagMs)
      return
    }
    if (journal.ownClockAheadMs !== undefined || this.#waiting.has(space)) return
    const begin = (): void => {
      this.#waiting.delete(space)
      const participants = this.participants(space)
      const hosts = journal.cuts.hosts(space)
      if (hosts.previous !== previous || !isEnough(new Set(participants), hosts.before, hosts.now)) return
      this.initiate_snapshot(space, participants, { lagMs, isAutomatic: true }).catch((error: unknown) => this.#parts.fault('snapshot', error))
    }
    this.#waiting.set(space, timing.after(rankMs * rankOf(journal.node, now, previous), begin))
  }

  /** A cut up to now, for whoever waits for it. Null: nothing is due. Rejects with a refusal that says why nothing became final. */
  async cutNow(space: SpaceId): Promise<OperationId | null> {
    const { journal, participantsMin } = this.#parts
    const { before, now } = journal.cuts.hosts(space)
    const all = new Set([...before, ...now])
    if (all.size === 1 && all.has(journal.node)) return journal.checkpoint(space, 0)
    const participants = this.participants(space)
    const needed = Math.min(participantsMin, all.size)
    if (participants.length < needed) throw refuse('SNAPSHOT_INSUFFICIENT_PARTICIPANTS', { found: participants.length, needed })
    if (!isEnough(new Set(participants), before, now)) throw refuse('SNAPSHOT_NO_QUORUM')
    const snapshots = this.of(space)
    if (snapshots.attempt?.isOver === false) throw refuse('SNAPSHOT_RUNNING')
    if ((await snapshots.begin(participants)) === undefined) return null
    const { phase, code } = await snapshots.finished()
    if (phase === 'complete') return journal.info(space)?.checkpoint?.operation ?? null
    throw refuse((code as Code | undefined) ?? (phase === 'superseded' || phase === 'released' ? 'SNAPSHOT_SUPERSEDED' : 'SNAPSHOT_NO_QUORUM'))
  }

  of(space: SpaceId): SpaceSnapshots {
    const known = this.#spaces.get(space)
    if (known !== undefined) return known
    const { journal, network, tell, told, reachable: _, participantsMin: __, ...parts } = this.#parts
    const info = () => journal.info(space) as NonNullable<ReturnType<JournalApi['info']>>
    const opened = new SpaceSnapshots({
      ...parts,
      space,
      node: journal.node,
      cuts: journal.cuts,
      network: () => network() as OperationId,
      rules: () => info().rules,
      setDigest: () => info().setDigest,
      isMute: () => info().isMute,
      hasDiverged: () => false,
      horizon: () => undefined,
      ...memoryOf(journal.local, info().genesis),
      tell: (message) => tell(space, message),
      told: (what, attempt, more) => {
        if (what === 'ended') this.#noteEnd(attempt)
        told(what, attempt, more)
      },
    })
    this.#spaces.set(space, opened)
    return opened
  }

  async close(): Promise<void> {
    this.#unsubscribe()
    for (const cancel of this.#waiting.values()) cancel()
    await Promise.all([...this.#spaces.values()].map((space) => space.close()))
  }

  #noteEnd(attempt: Attempt): void {
    if (this.#ended.size >= endedMax) this.#ended.delete(this.#ended.keys().next().value as string)
    this.#ended.set(attempt.name, attempt.phase === 'complete')
  }
}

/** Where a host stands in the order in which hosts begin: each checkpoint gives another order. */
function rankOf(node: Did, hosts: readonly Did[], previous: string | null): number {
  const seed = previous === null ? new Uint8Array(0) : digestOfCid(previous)
  const key = (did: Did): Buffer => Buffer.from(sha256(concatBytes(keyOfDid(did), seed)))
  const own = key(node)
  return hosts.filter((did) => Buffer.compare(key(did), own) < 0).length
}
