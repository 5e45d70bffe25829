import { type Clock, compareClocks, type Decision, type Did, encodeTrusted, type IngestResult, type OperationId, type SettledCut, signingBytes, type SpaceId } from '@icn/protocol'
import type { Draft, PlacedOperation, WriteOptions, WriteResult } from './api.ts'
import { codesOf, newDecisionId, recordOf, saveDecision } from './decisions.ts'
import type { Engine } from './engine.ts'
import { saveFounders } from './cut-records.ts'
import { type CheckpointBody, type Found, isBacked, networkOf } from './finality.ts'
import { saveAnswer } from './idempotency.ts'
import type { KeyText } from './key.ts'
import { mend, type Mended } from './mending.ts'
import type { DigestText } from './layout.ts'
import { Overlay } from './overlay.ts'
import { takePage } from './pages.ts'
import type { Placed } from './placed.ts'
import { Placing } from './placing.ts'
import { Refusal } from './refusal.ts'
import { replayed } from './replayed.ts'
import { type Made, publishCheckpoint, Settling } from './settling.ts'
import type { HeldSpace } from './space.ts'
import { candidateOfUnsigned, demandFresh, demandMatch, demandOpenChain, stamp } from './stamp.ts'
import { type Candidate, isCheckpoint, type Folded, parentsOf } from './candidate.ts'
import { SpaceWork } from './work.ts'

/** What is known of one space beyond the shared parts while a batch runs. */
interface Bench {
  readonly work: SpaceWork
  readonly settled: Map<DigestText, SettledCut>
  readonly isNew: boolean
}

/** One commit: items of many callers on one overlay over the tip. */
export class Batch {
  readonly #engine: Engine
  readonly overlay: Overlay
  readonly #benches = new Map<SpaceId, Bench>()
  readonly #settling: Settling
  operations = 0

  constructor(engine: Engine) {
    this.#engine = engine
    this.overlay = new Overlay(engine.source)
    this.#settling = new Settling(engine)
  }

  /** A proposal of this node: stamped, judged at the tip, signed, placed. */
  propose<Answer>(draft: Draft, options: WriteOptions<Answer>): WriteResult<Answer> {
    const replay = replayed<Answer>(this.#engine, this.overlay, options, this.lookup)
    if (replay !== undefined) return replay
    const engine = this.#engine
    const signer = engine.parts.node
    engine.demandSound(draft.space)
    const isGenesis = engine.spaces.get(draft.space) === undefined && !this.#benches.has(draft.space)
    const bench = isGenesis ? undefined : this.#bench(draft.space)
    const unsigned = stamp(engine, bench?.work, { ...draft, signer })
    const candidate = candidateOfUnsigned(engine, unsigned, bench?.work)
    const { work } = bench ?? this.#found(candidate)
    demandOpenChain(work, signer)
    demandMatch(work.state, options)
    const { decision, undo, events } = this.#judge(work, candidate, options)
    if (decision.outcome !== 'lawful') {
      if (isGenesis) this.#benches.delete(draft.space)
      return this.#declined(work, candidate, decision, options)
    }
    const { operation } = candidate
    const signed: Candidate = { ...candidate, operation: { ...operation, signature: engine.parts.key.sign(signingBytes(operation.bytes)) } }
    this.#placing(work).note(signed)
    const folded = work.record(signed, 'applied', decision, undo, events, undefined)
    this.operations++
    return this.#answer(work, signed, folded, options)
  }

  /** An operation that a device signed, handed in at a door. */
  submit<Answer>(candidate: Candidate, options: WriteOptions<Answer>): WriteResult<Answer> {
    const replay = replayed<Answer>(this.#engine, this.overlay, options, this.lookup)
    if (replay !== undefined) return replay
    const { envelope, id } = candidate.operation
    const known = this.overlay.get('ids', candidate.digest)
    if (envelope.genesis === null && known === undefined) return this.#submitGenesis(candidate, options)
    this.#engine.demandSound(envelope.space)
    const { work } = this.#bench(envelope.space)
    if (envelope.genesis !== null && envelope.genesis !== work.space.record.genesis)
      throw new Refusal('WRONG_GENESIS', { space: envelope.space, genesis: work.space.record.genesis })
    if (known !== undefined) {
      const folded = this.#knownResult(work, candidate)
      if (folded !== undefined) return this.#answer(work, candidate, folded, options)
    }
    this.#demandPlaceable(work, candidate)
    demandMatch(work.state, options)
    if (options.unchanged !== undefined) {
      // Judged once on the tip for what it reads, and taken back: the real fold follows.
      const trial = this.#judge(work, candidate, options)
      work.state.restore(trial.undo)
    }
    const { folded, placed } = this.#offer(work, [candidate])
    const own = folded.find((entry) => entry.candidate.operation.id === id)
    if (own === undefined) throw placed.malformed.length > 0 ? new Refusal('OPERATION_MALFORMED', { reason: placed.malformed[0]?.reason }) : new Refusal('NOT_CAUGHT_UP')
    return this.#answer(work, candidate, own, options)
  }

  /** Operations from elsewhere, already examined and verified. */
  ingest(space: SpaceId, candidates: readonly Candidate[]): IngestResult {
    const engine = this.#engine
    let bench = engine.spaces.has(space) || this.#benches.has(space) ? this.#bench(space) : undefined
    const first = candidates.find((candidate) => candidate.operation.envelope.genesis === null)
    const malformed: { id?: OperationId; reason: 'genesis' | 'clock' | 'chain' }[] = []
    let rest = candidates
    if (first !== undefined) {
      rest = candidates.filter((candidate) => candidate.operation.envelope.genesis !== null)
      if (bench === undefined) {
        bench = this.#found(first)
        this.#foldGenesis(bench.work, first)
      } else if (first.operation.id !== bench.work.space.record.genesis) malformed.push({ id: first.operation.id, reason: 'genesis' })
    }
    if (bench === undefined) throw new Refusal('SPACE_UNKNOWN', { space })
    const { work } = bench
    const own = rest.filter((candidate) => {
      const fits = candidate.operation.envelope.genesis === work.space.record.genesis
      if (!fits) malformed.push({ id: candidate.operation.id, reason: 'genesis' })
      return fits
    })
    const { placed, folded } = this.#offer(work, own)
    return {
      placed: folded.filter((entry) => entry.before === undefined).length,
      held: placed.held,
      known: placed.known,
      malformed: [...malformed, ...placed.malformed],
      wanted: [...placed.wanted],
      own:
        bench.isNew || engine.mute.has(space)
          ? []
          : placed.fresh.filter(([{ operation }]) => operation.envelope.signer === engine.parts.node).map(([{ operation }]) => operation.id),
    }
  }

  /** Held operations whose time has come. */
  release(space: SpaceId, cutEnded: boolean): number {
    const { work } = this.#bench(space)
    const placing = this.#placing(work)
    const placed = placing.offerDue(this.#engine.clock.wallMs(), cutEnded)
    return this.#fold(work, placed).length
  }

  /** From here on this node signs nothing at or before the cut, also after a crash; what comes from there is kept aside until it has ended (snapshot page §2). */
  promise(space: SpaceId, cut: Clock | null): void {
    const { work } = this.#bench(space)
    work.promised = cut
    if (cut !== null && (work.vowed === null || compareClocks(cut, work.vowed) > 0)) work.vowed = cut
    work.space.admitted = undefined
    if (cut !== null) this.#engine.clock.witness(cut)
  }

  /** These numbers are taken in although they stand before the promised cut. */
  admit(space: SpaceId, admitted: ReadonlyMap<Did, number>): number {
    const { work } = this.#bench(space)
    work.space.admitted = admitted
    return this.#fold(work, this.#placing(work).offerAdmitted()).length
  }

  /** Every row anew from the operations. */
  mend(space: SpaceId): Mended {
    return mend(this.#bench(space).work)
  }

  /** A certificate whose pages are gone waits for them again. */
  offerAgain(space: SpaceId, rest: KeyText): void {
    const { work } = this.#bench(space)
    this.#fold(work, this.#placing(work).offerAgain(rest))
  }

  /** A certificate from elsewhere that waited until it was found what it stands for. */
  settle(space: SpaceId, rest: KeyText, found: Found): SpaceWork['leavesLeft'] {
    const { work } = this.#bench(space)
    if ((work.checkpoint?.id ?? null) === found.upon) this.#fold(work, this.#placing(work).offerFound(rest), found)
    return work.leavesLeft
  }

  /** A page from elsewhere, and what waited for it. False: it is not kept. */
  takePage(space: SpaceId, digest: Uint8Array, bytes: Uint8Array, needed: readonly Uint8Array[]): boolean {
    const { work } = this.#bench(space)
    if (!takePage(work, digest, bytes, needed)) return false
    this.#fold(work, this.#placing(work).offerPaged(digest))
    return true
  }

  /** This node's own checkpoint, whose state was computed aside. */
  checkpoint(space: SpaceId, made: Made): { readonly id: OperationId; readonly left: SpaceWork['leavesLeft'] } {
    const { work, settled: facts } = this.#bench(space)
    if (work.checkpoint?.id !== made.body.previous) throw new Refusal('CHECKPOINT_STALE')
    const id = publishCheckpoint(this.#engine, work, this.#placing(work), made, facts)
    work.promised = null
    this.operations++
    return { id, left: work.leavesLeft }
  }

  /** A space whose rows came in beforehand becomes real with the commit; its certificate has its place as soon as what stands before it is here. */
  arrive(held: HeldSpace, prepare: (work: SpaceWork) => void, certificate: Candidate): void {
    const { work } = this.#open(held, true)
    prepare(work)
    const placing = this.#placing(work)
    if ([...parentsOf(certificate.operation)].every((id) => placing.placeOf(id) !== undefined)) this.#offer(work, [certificate])
  }

  /** Writes everything in one transaction and makes it the tip. Throws StoreFault, after which nothing happened. */
  commit(): void {
    const engine = this.#engine
    // Upkeep mostly finds nothing to do; that is no reason to write.
    if (this.overlay.isEmpty && this.works.every((work) => work.isAsBefore)) return
    const summaries = [...this.#benches.values()].map((bench) => [bench, bench.work.finish(engine.parts.options)] as const)
    for (const [{ work, isNew }] of summaries) if (isNew) engine.writeRecord(this.overlay, work.space.record)
    this.overlay.put('meta', 'clock', encodeTrusted(engine.clock.last))
    engine.parts.store.write(this.overlay.changes())
    for (const [{ work, isNew }, summary] of summaries) {
      work.publish(summary)
      if (isNew) engine.adopt(work.space)
    }
  }

  workOf(space: SpaceId): SpaceWork {
    return this.#bench(space).work
  }

  get works(): readonly SpaceWork[] {
    return [...this.#benches.values()].map(({ work }) => work)
  }

  #bench(name: SpaceId): Bench {
    const known = this.#benches.get(name)
    if (known !== undefined) return known
    return this.#open(this.#engine.writable(name), false)
  }

  #open(space: HeldSpace, isNew: boolean): Bench {
    const settled = new Map<DigestText, SettledCut>()
    const hooks = this.#engine.hooks(space, settled)
    const work = new SpaceWork(space, this.overlay, hooks, { cached: true })
    hooks.work = work
    const bench = { work, settled, isNew }
    this.#benches.set(space.record.space, bench)
    return bench
  }

  #found({ operation }: Candidate): Bench {
    const engine = this.#engine
    const { spacesCount } = engine.parts.options
    if (engine.byGenesis.size >= spacesCount) throw new Refusal('SPACES_FULL', { limit: spacesCount })
    const held = engine.prospect(operation.envelope.space, operation.id, operation.envelope.at)
    engine.nextNumber++
    return this.#open(held, true)
  }

  #placing(work: SpaceWork): Placing {
    return new Placing(work, { load: work.hooks.load, clock: this.#engine.clock, isBacked: (body) => isBacked(networkOf(this.#engine, work), work, body) })
  }

  #offer(work: SpaceWork, candidates: readonly Candidate[]): { placed: Placed; folded: Folded[] } {
    const placed = this.#placing(work).offer(candidates)
    return { placed, folded: this.#fold(work, placed) }
  }

  /** Ordinary operations first, then each cut in turn; a settled cut may free the next one that waited for it. `found`: what the one cut stands for. */
  #fold(work: SpaceWork, placed: Placed, found?: Found): Folded[] {
    const { observer } = this.#engine.parts
    work.displacer = placed.fresh[0]?.[0].operation.id
    this.operations += placed.fresh.length
    if (placed.evicted > 0) observer?.evicted?.(placed.evicted)
    if (placed.forks.length > 0) observer?.forked?.(work.space.record.space, placed.forks)
    for (const { reason } of placed.malformed) observer?.malformed?.(reason)
    const folded = work.fold(
      placed.fresh.filter(([candidate]) => !isCheckpoint(candidate)),
      placed.changed,
    )
    const cuts = placed.fresh.filter(([candidate]) => isCheckpoint(candidate)).sort(([a], [b]) => compareClocks((a.body as CheckpointBody).cut, (b.body as CheckpointBody).cut))
    for (const [candidate, disposition] of cuts) {
      const facts = this.#bench(work.space.record.space).settled
      if (disposition === 'fold') this.#settling.settle(work, candidate, found, facts)
      folded.push(...work.fold([[candidate, disposition]]))
      const adopted = this.#settling.adopt(work, candidate, facts)
      if (adopted !== undefined) folded.push(...this.#fold(work, this.#placing(work).offerFreed(adopted)))
    }
    work.displacer = undefined
    return folded
  }

  #submitGenesis<Answer>(candidate: Candidate, options: WriteOptions<Answer>): WriteResult<Answer> {
    const { envelope } = candidate.operation
    const live = this.#engine.spaces.get(envelope.space)
    if (live !== undefined && !options.replacesGenesis) throw new Refusal('ALREADY_FOUNDED', { space: envelope.space, genesis: live.record.genesis })
    demandFresh(this.#engine, candidate.operation)
    const { work } = this.#found(candidate)
    const { decision, undo } = work.judge(candidate)
    if (decision.outcome !== 'lawful') {
      // A space whose first operation is not lawful does not exist.
      work.state.restore(undo)
      this.#benches.delete(envelope.space)
      return this.#declined(work, candidate, decision, options)
    }
    work.state.restore(undo)
    return this.#answer(work, candidate, this.#foldGenesis(work, candidate), options)
  }

  #foldGenesis(work: SpaceWork, candidate: Candidate): Folded {
    this.#placing(work).note(candidate)
    const folded = work.fold([[candidate, 'fold']])[0] as Folded
    saveFounders(work)
    this.operations++
    return folded
  }

  #judge<Answer>(work: SpaceWork, candidate: Candidate, options: WriteOptions<Answer>): ReturnType<SpaceWork['judge']> {
    if (options.unchanged === undefined) return work.judge(candidate)
    work.state.watchReads()
    const judged = work.judge(candidate)
    if (work.state.readDigest() === options.unchanged) return judged
    work.state.restore(judged.undo)
    throw new Refusal('STATE_CHANGED')
  }

  /** What a door refuses and forgets (engine page §2, §6, §7). */
  #demandPlaceable(work: SpaceWork, candidate: Candidate): void {
    const { envelope } = candidate.operation
    demandFresh(this.#engine, candidate.operation)
    const cut = [work.vowed, work.checkpoint?.cut].find((clock) => clock != null && compareClocks(envelope.at, clock) <= 0)
    if (cut != null) throw new Refusal('LATE', { cut_at: cut[0], clock: [...this.#engine.clock.peek()] })
    demandOpenChain(work, envelope.signer)
    const next = (work.head(envelope.signer)?.seq ?? -1) + 1
    if (envelope.seq < next) throw new Refusal('SEQUENCE_STALE', { seq: envelope.seq, next })
    const placing = this.#placing(work)
    if (envelope.seq > next || [...parentsOf(candidate.operation)].some((id) => placing.placeOf(id) === undefined)) throw new Refusal('NOT_CAUGHT_UP', { seq: envelope.seq, next })
  }

  #knownResult(work: SpaceWork, candidate: Candidate): Folded | undefined {
    const record = work.orderAt(candidate.place)
    return record === undefined ? undefined : { candidate, record, before: record.status }
  }

  /** Finds a placed operation; handed in by the journal, which knows how to show one. */
  lookup: ((id: OperationId) => PlacedOperation | undefined) | undefined

  /** Not written: the record goes to the local log, or straight back when it is so already. */
  #declined<Answer>(work: SpaceWork, candidate: Candidate, decision: Decision, options: WriteOptions<Answer>): WriteResult<Answer> {
    const engine = this.#engine
    const record = recordOf(newDecisionId(engine.parts.wall()), 'real', this.#context(work, candidate), decision)
    const { envelope } = candidate.operation
    engine.parts.observer?.decided?.(envelope.kind, decision.outcome, codesOf(decision))
    if (decision.outcome === 'refused') {
      saveDecision(this.overlay, record, engine.parts.options.refusedLogCount)
      return { outcome: 'refused', decision: record, replayed: false }
    }
    const answer = options.answer?.(work.state, undefined)
    if (options.idempotency !== undefined)
      saveAnswer(
        this.overlay,
        options.idempotency.key,
        {
          input: options.idempotency.input,
          at: engine.parts.wall(),
          outcome: 'already_done',
          operation: null,
          decision: record.id,
          answer: answer === undefined ? null : JSON.stringify(answer),
        },
        engine.parts.options.idempotencyDays,
      )
    return { outcome: 'already_done', decision: record, ...(answer === undefined ? {} : { answer }), replayed: false }
  }

  #answer<Answer>(work: SpaceWork, candidate: Candidate, folded: Folded, options: WriteOptions<Answer>): WriteResult<Answer> {
    const engine = this.#engine
    const { operation, body } = candidate
    const { record } = folded
    const placed: PlacedOperation = { operation, body, status: record.status, final: false, checks: record.checks }
    const outcome = record.status !== 'applied' ? 'refused' : record.checks.some((check) => check.result === 'done') ? 'already_done' : 'applied'
    const decision = recordOf(operation.id, 'real', this.#context(work, candidate), { outcome: outcome === 'applied' ? 'lawful' : outcome, checks: record.checks })
    engine.parts.observer?.decided?.(operation.envelope.kind, decision.outcome, codesOf(decision))
    if (outcome === 'refused') return { outcome, operation: placed, decision, replayed: false }
    const answer = options.answer?.(work.state, placed)
    if (options.idempotency !== undefined)
      saveAnswer(
        this.overlay,
        options.idempotency.key,
        { input: options.idempotency.input, at: engine.parts.wall(), outcome, operation: operation.id, answer: answer === undefined ? null : JSON.stringify(answer) },
        engine.parts.options.idempotencyDays,
      )
    return { outcome, operation: placed, decision, ...(answer === undefined ? {} : { answer }), replayed: false }
  }

  #context(work: SpaceWork, { operation: { envelope } }: Candidate): Parameters<typeof recordOf>[2] {
    return {
      space: envelope.space,
      kind: envelope.kind,
      author: envelope.author,
      by: this.#engine.parts.node,
      now: this.#engine.parts.wall(),
      checkpoint: work.checkpoint?.id ?? null,
      head: work.last?.id ?? null,
    }
  }
}
