import { isVectorPage, type JournalApi, type SpaceInfo } from '@icn/journal'
import {
  type CheckpointId,
  type Clock,
  type Code,
  compareClocks,
  concatBytes,
  type Did,
  digestOfCid,
  keyOfDid,
  type OperationId,
  secondMs,
  sha256,
  type SnapMessage,
  type SpaceCheckpoint,
  type SpaceId,
} from '@icn/protocol'
import { refuse } from '../calls/refusal.ts'
import type { Attempt } from './attempt.ts'
import { Fetching } from './fetching.ts'
import { locate } from './locating.ts'
import { memoryOf } from './memory.ts'
import type { Plan } from './plan.ts'
import type { AttemptNews, SpaceSnapshotsParts } from './ports.ts'
import { Presence } from './presence.ts'
import { type CertifiedCut, certifiedBy, recordAlone, recordOf, type SnapshotRecord, SnapshotRecords } from './records.ts'
import { isEnough } from './rules.ts'
import { Schedule } from './schedule.ts'
import { SpaceSnapshots } from './space-snapshots.ts'
import { Verification, type Verified } from './verification.ts'

/** Ended attempts that are remembered, of all spaces. */
const endedMax = 1_000
/** When a cut is due, the host of rank r waits r times as long, unless somebody else has begun. */
const rankMs = 20 * secondMs

/** What an operator sets for a node (snapshot page §14). */
export interface SnapshotOptions {
  readonly everyMs: number
  /** How far an automatic cut lies in the past. */
  readonly lagMs: number
  /** For so long automatic cuts do not pass over a host that is away. */
  readonly graceMs: number
  /** Fewer reachable hosts, or fewer than there are, begin nothing that somebody asks for. */
  readonly participantsMin: number
  readonly timeoutMs: number
}

/** Something that happens to an attempt, and how it stands then. */
export type SnapshotNews = { readonly [What in keyof AttemptNews]: { readonly what: What; readonly record: SnapshotRecord; readonly more: AttemptNews[What] } }[keyof AttemptNews]

export interface SnapshotCoordinatorParts extends Pick<SpaceSnapshotsParts, 'sign' | 'random' | 'timing' | 'fault'> {
  readonly journal: JournalApi
  readonly options: SnapshotOptions
  network(): OperationId | null
  /** Says it to every host of the space. */
  tell(space: SpaceId, message: Uint8Array): void
  /** Asks a peer for a page; to be asked again until it has come. */
  askPage(space: SpaceId, digest: Uint8Array): void
  /** Hosts of the space that are connected now. */
  reachable(space: SpaceId): readonly Did[]
  /** May this host begin a cut that this node takes part in? */
  follows(space: SpaceId, initiator: Did): boolean
  /** What happens, for events, metrics and people. */
  told(news: SnapshotNews): void
}

/** What somebody asks for. */
export interface CutRequest {
  /** Hosts that are to take part; left out: all that are reachable. */
  readonly participants?: readonly Did[]
  readonly lagMs?: number
}

/** Snapshots of every space of a node (snapshot page §5). */
export class SnapshotCoordinator {
  readonly #parts: SnapshotCoordinatorParts
  readonly #spaces = new Map<SpaceId, SpaceSnapshots>()
  /** The oldest first: id → whether it was completed. */
  readonly #ended = new Map<string, boolean>()
  readonly #waiting = new Map<SpaceId, () => void>()
  readonly #unsubscribe: () => void
  readonly records: SnapshotRecords
  readonly #verification: Verification
  readonly #presence: Presence
  readonly #fetching: Fetching
  readonly schedule: Schedule

  constructor(parts: SnapshotCoordinatorParts) {
    this.#parts = parts
    const now = (): number => parts.timing.now()
    this.records = new SnapshotRecords(parts.journal.local, now)
    this.#verification = new Verification({
      journal: parts.journal,
      record: (id) => this.records.get(id),
      speaker: (space) => this.of(space).speaker,
      timing: parts.timing,
      fault: parts.fault,
    })
    this.#presence = new Presence({
      journal: parts.journal,
      timing: parts.timing,
      graceMs: parts.options.graceMs,
      fault: parts.fault,
      isHost: (space, did) => this.port.maySpeak(space, did),
    })
    this.#fetching = new Fetching({ wanted: (space, countMax) => this.#pagesWanted(space, countMax), ask: parts.askPage, timing: parts.timing })
    this.schedule = new Schedule(parts.journal.local, parts.options.everyMs, now())
    this.#unsubscribe = parts.journal.subscribe((spaces) => {
      for (const space of spaces.keys()) {
        this.#spaces.get(space)?.changed()
        this.#fetching.look(space)
      }
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
    page: (space: SpaceId, digest: Uint8Array): Uint8Array | undefined => this.#parts.journal.cuts.page(space, digest),
    pageCame: (space: SpaceId, digest: Uint8Array, bytes: Uint8Array): boolean => this.#pageCame(space, digest, bytes),
  }

  /** A host has told what it has of a space, at this value of its clock. */
  heldAt(host: Did, space: SpaceId, at: Clock, isCovered: boolean): void {
    this.#presence.heard(host, space, at, isCovered)
    this.#fetching.look(space)
  }

  /** Begins a cut with these hosts, this one among them. Undefined: one is running, nothing is due, or they are not enough. */
  initiate_snapshot(space: SpaceId, participants: readonly Did[], plan: Partial<Plan> = {}): Promise<Attempt | undefined> {
    return this.of(space).begin(participants, plan)
  }

  handle_message(space: SpaceId, message: SnapMessage): void {
    if (message.type === 'VerifySnapshot' || message.type === 'VerificationResult') this.#verification.heard(space, message)
    else this.of(space).hear(message)
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

  /** Has this host signed a state of the space that is not final yet, as far as it knows? Then it must not leave (R11). */
  hasUndecided(space: SpaceId): boolean {
    return this.#parts.journal.info(space) !== undefined && this.of(space).hasUndecided
  }

  /** Hosts with which a cut could be begun now; this one is among them. */
  participants(space: SpaceId): readonly Did[] {
    const { journal } = this.#parts
    const { before, now } = journal.cuts.hosts(space)
    const hosts = new Set([...before, ...now])
    return [journal.node, ...this.#parts.reachable(space).filter((did) => hosts.has(did))]
  }

  /** Makes cuts where it is time for one and something is not final. */
  async runDue(signal?: AbortSignal): Promise<void> {
    const now = this.#parts.timing.now()
    for (const { space, genesis, unfinal, isMute } of this.#parts.journal.spaces())
      if (unfinal > 0 && !isMute && !signal?.aborted && this.schedule.take(genesis, now)) await this.cutDue(space)
  }

  /** A cut that nobody asked for: alone where this node is the one host; otherwise hosts begin in the order of their ranks, so that mostly one does. */
  async cutDue(space: SpaceId): Promise<void> {
    const { journal, timing } = this.#parts
    const { lagMs } = this.#parts.options
    const { now, previous } = journal.cuts.hosts(space)
    if (!now.includes(journal.node)) return
    if (this.#isOnlyHost(space)) {
      await this.#cutAlone(space, lagMs)
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

  /** A cut for whoever waits for it; answers its record when it is complete. Undefined: nothing is due. Rejects with a refusal that says why nothing became final. */
  async cutNow(space: SpaceId, { participants, lagMs = 0 }: CutRequest = {}): Promise<SnapshotRecord | undefined> {
    const { journal, options } = this.#parts
    const { before, now } = journal.cuts.hosts(space)
    if (this.#isOnlyHost(space)) return this.#cutAlone(space, lagMs)
    const reachable = this.participants(space)
    const listed = participants === undefined ? reachable : reachable.filter((did) => participants.includes(did))
    const needed = Math.min(options.participantsMin, new Set([...before, ...now]).size)
    if (listed.length < needed) throw refuse('SNAPSHOT_INSUFFICIENT_PARTICIPANTS', { found: listed.length, needed })
    if (!isEnough(new Set(listed), before, now)) throw refuse('SNAPSHOT_NO_QUORUM')
    const snapshots = this.of(space)
    if (snapshots.attempt?.isOver === false) throw refuse('SNAPSHOT_RUNNING')
    if ((await snapshots.begin(listed, { lagMs })) === undefined) return undefined
    const { phase, code, name } = await snapshots.finished()
    if (phase === 'complete') return this.records.get(name)
    throw refuse((code as Code | undefined) ?? (phase === 'superseded' || phase === 'released' ? 'SNAPSHOT_SUPERSEDED' : 'SNAPSHOT_NO_QUORUM'))
  }

  /** Checks a complete one again: here, and on demand at every host. */
  verify(record: SnapshotRecord, { scope, peers }: { readonly scope: 'record' | 'state'; readonly peers: boolean }): Promise<Verified[]> {
    const { before, now } = this.#parts.journal.cuts.hosts(record.space)
    return this.#verification.verify(record, scope, peers ? [...new Set([...before, ...now])].sort() : [])
  }

  of(space: SpaceId): SpaceSnapshots {
    const known = this.#spaces.get(space)
    if (known !== undefined) return known
    const { journal, network, tell, told, reachable: _, askPage: __, follows, options, ...parts } = this.#parts
    const info = () => journal.info(space) as NonNullable<ReturnType<JournalApi['info']>>
    const opened = new SpaceSnapshots({
      ...parts,
      space,
      node: journal.node,
      cuts: journal.cuts,
      timeoutMs: options.timeoutMs,
      network: () => network() as OperationId,
      rules: () => info().rules,
      setDigest: () => info().setDigest,
      isMute: () => info().isMute,
      hasDiverged: () => info().hasDiverged,
      horizon: (isPresent) =>
        this.#presence.horizon(
          space,
          journal.cuts.hosts(space).now.filter((did) => did !== journal.node),
          isPresent,
        ),
      follows: (initiator) => follows(space, initiator),
      ...memoryOf(journal.local, info().genesis),
      tell: (message) => tell(space, message),
      wantPages: () => this.#fetching.look(space),
      told: (what, attempt, more) => this.#note(space, what, attempt, more),
    })
    this.#spaces.set(space, opened)
    return opened
  }

  #note<What extends keyof AttemptNews>(space: SpaceId, what: What, attempt: Attempt, more: AttemptNews[What]): void {
    const { genesis } = this.#parts.journal.info(space) as SpaceInfo
    const last = attempt.phase === 'complete' ? this.#certified(space) : null
    // What is told of an attempt after its end may find a later checkpoint.
    const isOfIt = last !== null && attempt.proposed !== undefined && compareClocks(last.cut, attempt.proposed.cut) === 0
    const record = recordOf(attempt, { space, genesis }, isOfIt ? last : (this.records.get(attempt.name)?.certified ?? null))
    if (what === 'ended') this.#noteEnd(record.id, attempt.phase === 'complete')
    if (what === 'started' || what === 'phase' || what === 'located' || what === 'ended') this.records.save(record)
    this.#parts.told({ what, record, more } as SnapshotNews)
    if (what === 'diverged') this.#locate(space, attempt, record).catch((error: unknown) => this.#parts.fault('locate', error))
  }

  /** One of those who agree asks one of the others where its state is another. */
  async #locate(space: SpaceId, attempt: Attempt, record: SnapshotRecord): Promise<void> {
    const { cuts, node } = this.#parts.journal
    const [asks] = attempt.participants.filter((did) => !record.differing.includes(did)).sort()
    const [host] = record.differing
    if (asks !== node || host === undefined || attempt.hopes() !== 'own' || attempt.differences.length > 0) return
    const differences = await locate({ cuts, verification: this.#verification }, record, host)
    if (differences.length === 0) return
    attempt.differences = differences
    this.#note(space, 'located', attempt, { differences })
  }

  async close(): Promise<void> {
    this.#unsubscribe()
    this.#presence.close()
    this.#fetching.close()
    for (const cancel of this.#waiting.values()) cancel()
    await Promise.all([...this.#spaces.values()].map((space) => space.close()))
  }

  #pagesWanted(space: SpaceId, countMax: number): readonly Uint8Array[] {
    const { journal } = this.#parts
    if (journal.info(space) === undefined) return []
    const { attempt } = this.#spaces.get(space) ?? {}
    const awaited = attempt === undefined || attempt.isOver ? [] : attempt.awaitedPages.filter((digest) => journal.cuts.page(space, digest) === undefined)
    return [...awaited, ...journal.cuts.pagesWanted(space, countMax)].slice(0, countMax)
  }

  /** False: nobody may call these bytes a page. */
  #pageCame(space: SpaceId, digest: Uint8Array, bytes: Uint8Array): boolean {
    if (!isVectorPage(bytes)) return false
    const { journal, fault } = this.#parts
    if (journal.info(space) === undefined) return true
    const taking = journal.cuts.takePage(space, digest, bytes, this.of(space).pagesNeeded)
    taking.then(
      () => {
        this.#spaces.get(space)?.changed()
        this.#fetching.look(space)
      },
      (error: unknown) => fault('page', error),
    )
    return true
  }

  #isOnlyHost(space: SpaceId): boolean {
    const { journal } = this.#parts
    const { before, now } = journal.cuts.hosts(space)
    return now.length > 0 && [...before, ...now].every((did) => did === journal.node)
  }

  async #cutAlone(space: SpaceId, lagMs: number): Promise<SnapshotRecord | undefined> {
    const { journal, timing, told } = this.#parts
    const from = timing.now()
    if ((await journal.checkpoint(space, lagMs)) === null) return undefined
    const certified = this.#certified(space)
    const body = certified === null ? undefined : (journal.operation(certified.operation)?.body as SpaceCheckpoint)
    if (certified === null || body === undefined) return undefined
    const genesis = journal.info(space)?.genesis as OperationId
    const record = recordAlone({ space, genesis }, journal.node, certified, body, from, timing.now())
    this.#noteEnd(record.id, true)
    this.records.save(record)
    told({ what: 'ended', record, more: { phase: 'complete', code: undefined } })
    return record
  }

  /** What the last checkpoint of a space says. */
  #certified(space: SpaceId): CertifiedCut | null {
    const { journal } = this.#parts
    const last = journal.info(space)?.checkpoint ?? null
    const body = last === null ? undefined : (journal.operation(last.operation)?.body as SpaceCheckpoint | undefined)
    return last === null || body === undefined ? null : certifiedBy(last.id as CheckpointId, last.operation, body)
  }

  #noteEnd(id: string, isComplete: boolean): void {
    if (this.#ended.size >= endedMax) this.#ended.delete(this.#ended.keys().next().value as string)
    this.#ended.set(id, isComplete)
  }
}

/** Where a host stands in the order in which hosts begin: each checkpoint gives another order. */
function rankOf(node: Did, hosts: readonly Did[], previous: string | null): number {
  const seed = previous === null ? new Uint8Array(0) : digestOfCid(previous)
  const key = (did: Did): Buffer => Buffer.from(sha256(concatBytes(keyOfDid(did), seed)))
  const own = key(node)
  return hosts.filter((did) => Buffer.compare(key(did), own) < 0).length
}
