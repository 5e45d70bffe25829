import {
  type Clock,
  type Decision,
  type Facts,
  type Finding,
  type IngestResult,
  minuteMs,
  type OperationId,
  type RawOperation,
  type Rules,
  type SignedOperation,
  type SpaceId,
  type Vectors,
} from '@icn/protocol'
import type {
  DecisionRecord,
  Draft,
  EventPage,
  JournalApi,
  JournalEvent,
  LocalStore,
  OperationFilter,
  PlacedOperation,
  Simulation,
  SpaceInfo,
  UnsignedOperation,
  WriteOptions,
  WriteResult,
} from './api.ts'
import type { Batch } from './batch.ts'
import { Cuts } from './cuts.ts'
import { listDecisions, newDecisionId, readDecision, recordOf } from './decisions.ts'
import { examineStore } from './doctor.ts'
import { Engine, type JournalParts } from './engine.ts'
import { readEvents } from './event-log.ts'
import { stateRoot } from './cut-state.ts'
import { dropShelved } from './shelf.ts'
import { States } from './state-api.ts'
import { atOnce, nextTurn } from './turns.ts'
import { differences, forgetBodies, listOperations, listQuarantine, pruneUndo, replayStretch, showOperation, stateAt } from './history.ts'
import { peekAnswer } from './idempotency.ts'
import { openLocal } from './local.ts'
import { CommitQueue } from './queue.ts'
import { examine, examineParsed, type SignatureCheck } from './receive.ts'
import { Refusal } from './refusal.ts'
import { candidateOfUnsigned, demandOpenChain, stamp } from './stamp.ts'
import { Settler } from './settler.ts'
import type { StoreFault } from './store/port.ts'
import { bucketsOf, entriesOf, isPlaced, lackingPage, rawOperation, twinsOf } from './vectors.ts'
import { Verifier } from './verifier.ts'
import type { Candidate } from './candidate.ts'

/** Opens the engine over a store. Reads a bounded number of rows however long the journals are. */
export const openJournal = (parts: JournalParts): JournalApi => new Journal(new Engine(parts))

class Journal implements JournalApi {
  readonly #engine: Engine
  readonly #verifier: Verifier
  readonly #queue: CommitQueue
  readonly #listeners = new Set<(spaces: ReadonlyMap<SpaceId, readonly JournalEvent[]>) => void>()
  readonly local: LocalStore
  #closing: Promise<void> | undefined
  readonly cuts: Cuts
  readonly #settler: Settler
  readonly states: States
  #failedAt = Number.NEGATIVE_INFINITY
  ownClockAheadMs: number | undefined

  constructor(engine: Engine) {
    this.#engine = engine
    this.#verifier = new Verifier({ threads: engine.parts.options.verifyThreads, check: engine.parts.verify })
    this.local = openLocal(engine.parts.store, (error) => this.#writeFailed(error))
    this.#queue = new CommitQueue(engine, { lookup: (id) => this.operation(id), committed: (batch) => this.#publish(eventsOf(batch)), failed: (error) => this.#writeFailed(error) })
    this.#settler = new Settler(engine, this.#queue)
    this.cuts = new Cuts(engine, this.#queue, this.#settler)
    this.states = new States(engine, this.#queue, (space) => this.cuts.isRunning(space))
  }

  get node() {
    return this.#engine.parts.node
  }

  spaces(): readonly SpaceInfo[] {
    return [...this.#engine.spaces.keys()].map((space) => this.info(space) as SpaceInfo)
  }

  info(name: SpaceId): SpaceInfo | undefined {
    const space = this.#engine.spaces.get(name)
    if (space === undefined) return undefined
    const { record, summary } = space
    const { checkpoint } = summary
    return {
      space: name,
      genesis: record.genesis,
      rules: record.rules,
      operations: summary.counts,
      unfinal: summary.due,
      head: summary.last,
      checkpoint: checkpoint === null ? null : { id: checkpoint.id, cut: checkpoint.cut, root: checkpoint.root, operation: checkpoint.operation },
      setDigest: summary.setDigest,
      readOnly: space.rules === undefined,
      historyFrom: space.floor,
      isMute: this.#engine.mute.has(name),
      hasDiverged: this.#engine.diverged.has(name),
    }
  }

  read(name: SpaceId): Facts | undefined {
    const space = this.#engine.spaces.get(name)
    return space?.rules === undefined ? undefined : this.#engine.facts(space)
  }

  async propose<Answer>(draft: Draft, options: WriteOptions<Answer> = {}): Promise<WriteResult<Answer>> {
    this.#demandOwnClock()
    return this.#queue.add(1, 2_000, (batch) => batch.propose(draft, options))
  }

  answered(key: string): ReturnType<JournalApi['answered']> {
    const stored = peekAnswer(this.#engine.source, key)
    return stored === undefined ? undefined : { ...stored, answer: stored.answer === null ? undefined : JSON.parse(stored.answer) }
  }

  draft(draft: Parameters<JournalApi['draft']>[0]): UnsignedOperation {
    this.#demandOwnClock()
    const space = this.#engine.spaces.get(draft.space)
    const founding = draft.genesis === null
    if (space === undefined && !founding) throw new Refusal('SPACE_UNKNOWN', { space: draft.space })
    const work = founding || space === undefined ? undefined : this.#engine.scratch(this.#engine.writable(draft.space))
    this.#engine.demandSound(draft.space)
    if (work !== undefined) demandOpenChain(work, draft.signer)
    const { parsed, ...unsigned } = stamp(this.#engine, work, draft)
    return unsigned
  }

  async submit<Answer>(operation: SignedOperation, options: WriteOptions<Answer> = {}): Promise<WriteResult<Answer>> {
    this.#demandOwnClock()
    const space = this.#engine.spaces.get(operation.envelope.space)
    if (space === undefined && operation.envelope.genesis !== null) throw new Refusal('SPACE_UNKNOWN', { space: operation.envelope.space })
    const rules = operation.envelope.genesis === null ? this.#engine.parts.rulesOf(operation.envelope.space) : this.#engine.writable(operation.envelope.space).rules
    const examined = examineParsed(operation, rules as Rules, this.#engine.network)
    if ('malformed' in examined) throw this.#malformed(examined.malformed, examined.detail)
    const good = await this.#verifier.verify(examined.checks)
    if (!good.every(Boolean)) throw this.#malformed(good[0] ? 'statement' : 'signature', 'a signature does not fit')
    return this.#queue.add(1, operation.bytes.length + (operation.body?.length ?? 0), (batch) => batch.submit(examined.candidate, options))
  }

  async ingest(space: SpaceId, operations: readonly RawOperation[], after?: Promise<void>): Promise<IngestResult> {
    const held = this.#engine.spaces.get(space)
    const rules = held === undefined ? this.#engine.parts.rulesOf(space) : held.rules
    if (rules === undefined) throw new Refusal('RULES_UNSUPPORTED', { found: held?.record.rules })
    const total: { -readonly [K in keyof IngestResult]: IngestResult[K] } = { placed: 0, held: 0, known: 0, malformed: [], wanted: [], own: [] }
    const { batchOpsMax } = this.#engine.parts.options
    for (let from = 0; from < operations.length || from === 0; from += batchOpsMax) {
      const slice = operations.slice(from, from + batchOpsMax)
      // What comes again was checked when it came first.
      const fresh = held === undefined ? slice : slice.filter((raw) => !isPlaced(this.#engine, held, raw))
      const { candidates, malformed } = await this.#examineAll(space, fresh, rules)
      await after
      const part: IngestResult = await this.#queue.add(candidates.length, candidates.length * 1_000, (batch) => batch.ingest(space, candidates))
      total.placed += part.placed
      total.held += part.held
      total.known += slice.length - fresh.length + part.known
      total.malformed = [...total.malformed, ...malformed, ...part.malformed]
      total.wanted = [...total.wanted, ...part.wanted]
      total.own = [...total.own, ...part.own]
      // Only whoever has brought something that waits, waits with it.
      if (part.held > 0) await this.#settler.settle(space)
    }
    return total
  }

  simulate<Answer>(drafts: Parameters<JournalApi['simulate']>[0], options: Pick<WriteOptions<Answer>, 'answer'> = {}): Simulation<Answer> {
    const engine = this.#engine
    const name = (drafts[0] as (typeof drafts)[number]).space
    const space = engine.spaces.get(name)
    const decisions: DecisionRecord[] = []
    let work = space === undefined ? undefined : engine.scratch(engine.writable(name))
    let refused = false
    let last: Candidate | undefined
    const watch = (): void => work?.state.watchReads()
    if (work !== undefined) watch()
    for (const draft of drafts) {
      const unsigned = stamp(engine, work, { ...draft, signer: draft.signer ?? engine.parts.node })
      const candidate = candidateOfUnsigned(engine, unsigned, work)
      if (work === undefined) {
        work = engine.scratch(engine.prospect(name, candidate.operation.id, unsigned.envelope.at))
        watch()
      }
      const { decision } = work.judge(candidate)
      const context = {
        space: name,
        kind: draft.kind,
        author: draft.author,
        by: engine.parts.node,
        now: engine.parts.wall(),
        checkpoint: work.checkpoint?.id ?? null,
        head: work.last?.id ?? null,
      }
      decisions.push(recordOf(newDecisionId(engine.parts.wall()), 'simulated', context, decision))
      if (decision.outcome === 'refused') refused = true
      if (decision.outcome === 'lawful') last = candidate
    }
    const done = work as NonNullable<typeof work>
    const readDigest = done.state.readDigest()
    const placed: PlacedOperation | undefined = last === undefined ? undefined : { operation: last.operation, body: last.body, status: 'applied', final: false, checks: [] }
    const answer = refused ? undefined : options.answer?.(done.state, placed)
    return { decisions, changes: differences(engine, done), readDigest, ...(answer === undefined ? {} : { answer }) }
  }

  asOf(space: SpaceId, at: Clock): Facts {
    return stateAt(this.#engine, this.#engine.writable(space), at)
  }

  replay(space: SpaceId, from: Clock, rules: Rules): readonly { readonly id: OperationId; readonly before: Decision; readonly after: Decision }[] {
    return replayStretch(this.#engine, this.#engine.writable(space), from, rules)
  }

  operation(id: OperationId) {
    return showOperation(this.#engine, id)
  }

  operations(space: SpaceId, filter: OperationFilter): readonly PlacedOperation[] {
    return listOperations(this.#engine, this.#engine.space(space), filter)
  }

  decision(id: string): DecisionRecord | undefined {
    if (id.startsWith('dec_')) return readDecision(this.#engine.source, id)
    const placed = this.operation(id as OperationId)
    if (placed === undefined) return undefined
    const { envelope } = placed.operation
    const outcome = placed.status !== 'applied' ? 'refused' : placed.checks.some((check) => check.result === 'done') ? 'already_done' : 'lawful'
    return recordOf(
      id,
      'real',
      { space: envelope.space, kind: envelope.kind, author: envelope.author, by: this.node, now: envelope.at[0], checkpoint: null, head: null },
      { outcome, checks: placed.checks },
    )
  }

  decisions(filter: Parameters<JournalApi['decisions']>[0]): readonly DecisionRecord[] {
    return listDecisions(this.#engine.source, filter)
  }

  quarantine(space: SpaceId, options: Parameters<JournalApi['quarantine']>[1]): readonly PlacedOperation[] {
    return listQuarantine(this.#engine, this.#engine.space(space), options)
  }

  events(space: SpaceId, after: Parameters<JournalApi['events']>[1], limit: number): EventPage {
    return readEvents(this.#engine, this.#engine.space(space), after, limit)
  }

  subscribe(listener: (spaces: ReadonlyMap<SpaceId, readonly JournalEvent[]>) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  checkpoint(name: SpaceId, lagMs: number): Promise<OperationId | null> {
    return this.ownClockAheadMs === undefined ? this.cuts.alone(name, lagMs) : Promise.resolve(null)
  }

  root(space: SpaceId): ReturnType<JournalApi['root']> {
    return atOnce(stateRoot(this.#engine.scratch(this.#engine.writable(space))))
  }

  turnEpoch(): void {
    this.#engine.turnEpoch()
  }

  mute(space: SpaceId, isMute: boolean): void {
    if (isMute) this.#engine.mute.add(space)
    else this.#engine.mute.delete(space)
  }

  async maintain(): Promise<void> {
    while (dropShelved(this.#engine)) await nextTurn()
    for (const [name, space] of this.#engine.spaces) {
      if (space.rules === undefined) continue
      if (space.summary.counts.held > 0) await this.#queue.add(0, 0, (batch) => batch.release(name, !this.cuts.isRunning(name)))
      await this.#settler.settle(name)
      await this.#queue.add(0, 0, (batch) => pruneUndo(this.#engine, batch.workOf(name)))
      await this.#queue.add(0, 0, (batch) => forgetBodies(this.#engine, batch.workOf(name)))
    }
  }

  vectors(name: SpaceId): Vectors | undefined {
    const engine = this.#engine
    const space = engine.spaces.get(name)
    if (space === undefined) return undefined
    return {
      buckets: () => bucketsOf(engine, space),
      entries: () => entriesOf(engine, space),
      lacking: (from, page) => lackingPage(engine, space, from, page),
      twins: (signer) => twinsOf(engine, space, signer),
      raw: (id) => rawOperation(engine, space, id),
    }
  }

  doctor(): readonly Finding[] {
    return examineStore(this.#engine)
  }

  get clock() {
    const { last, backwardJumps } = this.#engine.clock
    return { last, backwardJumps, aheadMs: Math.max(0, last[0] - this.#engine.parts.wall()) }
  }

  #demandOwnClock(): void {
    if (this.ownClockAheadMs !== undefined) throw new Refusal('CLOCK_AHEAD', { ahead_ms: this.ownClockAheadMs })
  }

  get isFull(): boolean {
    return this.#queue.isFull
  }

  set isFull(isFull: boolean) {
    this.#queue.isFull = isFull
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#queue.drain()
      await this.#verifier.close()
      try {
        this.#engine.parts.store.flush()
      } finally {
        this.#engine.parts.store.close()
      }
    })()
    return this.#closing
  }

  async #examineAll(space: SpaceId, operations: readonly RawOperation[], rules: Rules): Promise<{ candidates: Candidate[]; malformed: IngestResult['malformed'][number][] }> {
    const malformed: IngestResult['malformed'][number][] = []
    const examined: { candidate: Candidate; checks: readonly SignatureCheck[] }[] = []
    for (const raw of operations) {
      const one = examine(raw, rules, this.#engine.network)
      if ('malformed' in one) malformed.push({ ...(one.id === undefined ? {} : { id: one.id }), reason: one.malformed })
      else if (one.candidate.operation.envelope.space !== space) malformed.push({ id: one.candidate.operation.id, reason: 'wrong_space' })
      else examined.push(one)
    }
    const good = await this.#verifier.verify(examined.flatMap(({ checks }) => checks))
    const candidates: Candidate[] = []
    let at = 0
    for (const { candidate, checks } of examined) {
      const verdicts = good.slice(at, at + checks.length)
      at += checks.length
      if (verdicts.every(Boolean)) candidates.push(candidate)
      else malformed.push({ id: candidate.operation.id, reason: verdicts[0] ? 'statement' : 'signature' })
    }
    for (const { reason } of malformed) this.#engine.parts.observer?.malformed?.(reason)
    return { candidates, malformed }
  }

  #malformed(reason: string, detail: string): Refusal {
    this.#engine.parts.observer?.malformed?.(reason)
    return new Refusal('OPERATION_MALFORMED', { reason, detail })
  }

  /** Once: everything is read again from what is durable. Again within a minute, or when that fails too: the journal is lost. */
  #writeFailed(error: StoreFault): void {
    const { observer } = this.#engine.parts
    observer?.fault?.('commit', error)
    // A full disk has written nothing, and a closed store is nobody's trouble.
    if (error.reason === 'full' || error.reason === 'closed') return
    const now = performance.now()
    const isAgain = now - this.#failedAt < minuteMs
    this.#failedAt = now
    try {
      if (isAgain) throw error
      const found = this.#engine.recover().map(({ space, from }) => {
        const { events } = readEvents(this.#engine, space, { epoch: this.#engine.epoch, sequence: from }, Number.POSITIVE_INFINITY)
        return [space.record.space, events] as const
      })
      this.#publish(new Map(found))
    } catch (cause) {
      observer?.lost?.(cause)
    }
  }

  #publish(spaces: ReadonlyMap<SpaceId, readonly JournalEvent[]>): void {
    if (spaces.size === 0) return
    for (const listener of this.#listeners) {
      try {
        listener(spaces)
      } catch (error) {
        this.#engine.parts.observer?.fault?.('subscriber', error)
      }
    }
  }
}

const eventsOf = (batch: Batch): ReadonlyMap<SpaceId, readonly JournalEvent[]> =>
  new Map(batch.works.filter((work) => work.events.length > 0).map((work) => [work.space.record.space, work.events]))
