import {
  type Check,
  type Clock,
  compareClocks,
  type Decision,
  decisionOf,
  decodeTrusted,
  type Did,
  encodeTrusted,
  type Envelope,
  invariant,
  type Law,
  type OperationId,
  type OperationView,
  operationRowsMax,
  type Rules,
  type SignedOperation,
} from '@icn/protocol'
import type { JournalEvent, OperationStatus } from './api.ts'
import { BatchEvents } from './batch-events.ts'
import type { Candidate, Disposition, FoldHooks, Folded } from './candidate.ts'
import { indexContent } from './contents.ts'
import type { LeafChanges } from './cut-state.ts'
import { clockOfPlace, digestText, type PlaceText, placeText, signerText } from './layout.ts'
import { idRow, isTrace } from './known.ts'
import type { JournalOptions } from './options.ts'
import { dispositionChecks, isUnfolded, listQuarantined } from './unfolded.ts'
import { type KeyText, keyBytes } from './key.ts'
import type { Overlay } from './overlay.ts'
import {
  addDigest,
  decodeOrder,
  decodeUndo,
  encodeOrder,
  encodeUndo,
  encodeStored,
  type HeadRecord,
  type OrderRecord,
  type Summary,
  statusOfOrder,
  emptySum,
  tipsMax,
} from './records.ts'
import type { HeldSpace, Watch } from './space.ts'
import { State } from './state.ts'

/** One space during one batch: a copy of its summary, its state on the batch's overlay, and the fold. */
export class SpaceWork {
  readonly space: HeldSpace
  readonly rules: Rules
  readonly overlay: Overlay
  readonly state: State
  readonly hooks: FoldHooks
  readonly log: BatchEvents
  readonly counts: Record<OperationStatus, number>
  final: number
  due: number
  last: Summary['last']
  lastPlace: PlaceText
  tips: Map<OperationId, Clock>
  setDigest: Uint8Array
  checkpoint: Summary['checkpoint']
  promised: Clock | null
  vowed: Clock | null
  arrivals: number
  rewound = 0
  rewinds = 0
  revised = 0

  /** `cached` only where the overlay stands directly on the tip of the store. */
  constructor(space: HeldSpace, overlay: Overlay, hooks: FoldHooks, options: { readonly cached: boolean }) {
    invariant(space.rules !== undefined, 'a space without its rules is read-only')
    this.space = space
    this.rules = space.rules
    this.overlay = overlay
    this.hooks = hooks
    this.state = new State({ overlay, prefix: space.prefix.from, ...(options.cached ? { cache: space.cache } : {}), onUndecodable: hooks.onUndecodable })
    const { summary } = space
    this.counts = { ...summary.counts }
    this.final = summary.final
    this.due = summary.due
    this.last = summary.last
    this.lastPlace = summary.last === null ? '' : placeText(summary.last.at, digestText(summary.last.id))
    this.tips = new Map(summary.tips.map(({ id, at }) => [id, at]))
    this.setDigest = summary.setDigest
    this.checkpoint = summary.checkpoint
    this.promised = summary.promised
    this.vowed = summary.vowed
    this.arrivals = summary.arrivals
    this.log = new BatchEvents(space.record.space, summary.events, hooks.now)
  }

  /** Goes on from where another work on the same space stands; for overlays over overlays. */
  adopt(other: SpaceWork): void {
    this.checkpoint = other.checkpoint
    this.last = other.last
    this.lastPlace = other.lastPlace
    for (const [signer, head] of other.#heads) this.#heads.set(signer, head)
  }

  get prefix(): KeyText {
    return this.space.prefix.from
  }

  get events(): readonly JournalEvent[] {
    return this.log.events
  }

  /** True for what stands at or before the last settled cut. */
  isCovered(at: Clock): boolean {
    return this.checkpoint !== null && compareClocks(at, this.checkpoint.cut) <= 0
  }

  /** Does it stand at or before a cut that is promised, and is not yet in what all hosts unite? */
  keepsAside({ at, signer, seq }: Envelope): boolean {
    return this.promised !== null && compareClocks(at, this.promised) <= 0 && !this.isCovered(at) && !this.space.admits(signer, seq)
  }

  readonly newPlaces = new Map<OperationId, Clock>()
  readonly #heads = new Map<Did, HeadRecord>()

  /** Where a signer's chain ends, as this batch sees it. */
  head(signer: Did): HeadRecord | undefined {
    const known = this.#heads.get(signer) ?? this.space.heads.get(signer)
    if (known !== undefined) return known
    const bytes = this.overlay.get('heads', this.prefix + signerText(signer))
    if (bytes === undefined) return undefined
    const head = decodeTrusted(bytes) as HeadRecord
    this.#heads.set(signer, head)
    return head
  }

  setHead(signer: Did, head: HeadRecord): void {
    this.#heads.set(signer, head)
  }

  /** Writes a new operation's bytes and indexes; its status follows from the fold. */
  store(candidate: Candidate): void {
    const { operation, digest, place } = candidate
    const { envelope } = operation
    this.overlay.put('operations', this.prefix + place, encodeStored(operation.bytes, operation.signature, operation.body))
    this.overlay.put('ids', digest, keyBytes(this.prefix + place.slice(0, 8)))
    for (const parent of [...envelope.seen, envelope.prev, envelope.grant]) if (parent !== null) this.tips.delete(parent)
    this.tips.set(operation.id, envelope.at)
    this.newPlaces.set(operation.id, envelope.at)
    if (this.tips.size > tipsMax) this.tips.delete(this.tips.keys().next().value as OperationId)
    this.setDigest = addDigest(this.setDigest, keyBytes(digest))
    const head = this.head(envelope.signer)
    const sum = addDigest(head?.sum ?? emptySum, keyBytes(digest))
    // Of several that bear one number the earliest is the head, so that a vector is a function of the set.
    const isHead = head === undefined || envelope.seq > head.seq || (envelope.seq === head.seq && place < placeText(head.at, digestText(head.id)))
    this.setHead(envelope.signer, isHead ? { ...head, seq: envelope.seq, id: operation.id, at: envelope.at, sum } : { ...head, sum })
    if (this.last === null || place > this.lastPlace) {
      this.last = { id: operation.id, at: envelope.at }
      this.lastPlace = place
    }
  }

  /**
   * Rewinds to the first place whose effect is new or changed and folds forward from there (engine page §5, steps 2 and 3).
   * `fresh` are stored operations without a status yet, `changed` older ones that get another disposition.
   */
  fold(fresh: readonly (readonly [Candidate, Disposition])[], changed: ReadonlyMap<PlaceText, Disposition> = new Map()): Folded[] {
    const out: Folded[] = []
    const incoming: Candidate[] = []
    for (const [candidate, disposition] of fresh) {
      if (disposition === 'fold') incoming.push(candidate)
      else out.push(this.#settle(candidate, disposition, undefined))
    }
    const moved = new Map<PlaceText, Disposition>()
    for (const [place, disposition] of changed) {
      const before = decodeOrder(this.overlay.get('order', this.prefix + place) as Uint8Array)
      // What was not folded and will not be touches no state, even behind a cut.
      if (disposition !== 'fold' && isUnfolded(before.status)) out.push(this.#settle(this.loadAt(place), disposition, before))
      else moved.set(place, disposition)
    }
    incoming.sort((a, b) => (a.place < b.place ? -1 : 1))
    const start = [...moved.keys(), ...(incoming[0] === undefined ? [] : [incoming[0].place])].sort()[0]
    if (start === undefined) return out
    // Both lists rise; a merge keeps the order without sorting what was rewound.
    let next = 0
    const takeIncoming = (before: PlaceText | undefined): void => {
      for (let candidate = incoming[next]; candidate !== undefined && (before === undefined || candidate.place < before); candidate = incoming[next]) {
        out.push(this.#settle(candidate, 'fold', undefined))
        next++
      }
    }
    for (const { place, record } of this.rewind(start)) {
      takeIncoming(place)
      const kept: Disposition = isUnfolded(record.status) ? record.status : 'fold'
      out.push(this.#settle(this.loadAt(place), moved.get(place) ?? kept, record))
    }
    takeIncoming(undefined)
    return out
  }

  /** Takes back everything from a place on, newest first; returns it, oldest first. */
  rewind(start: PlaceText): { place: PlaceText; record: OrderRecord }[] {
    const again: { place: PlaceText; record: OrderRecord }[] = []
    for (const [key, bytes] of this.overlay.range('order', this.prefix + start, this.space.prefix.to, true)) {
      again.push({ place: key.slice(4), record: decodeOrder(bytes) })
    }
    for (const { place } of again) this.undo(place)
    if (again.length > 0) {
      this.rewinds++
      this.rewound += again.length
    }
    return again.reverse()
  }

  /** Puts back what the operation at a place had written. */
  undo(place: PlaceText): void {
    const undo = this.overlay.get('undo', this.prefix + place)
    if (undo === undefined) return
    this.state.restore(decodeUndo(undo))
    this.overlay.put('undo', this.prefix + place, null)
  }

  /** Guard and law on the state as it stands; applies when lawful. What it wrote is undone again when it breaks a bound. */
  judge(candidate: Candidate): { decision: Decision; undo: ReadonlyMap<KeyText, Uint8Array | null>; events: readonly { type: string; data: Record<string, unknown> }[] } {
    const { law, operation } = candidate
    const none = { undo: new Map<KeyText, Uint8Array | null>(), events: [] }
    if (law === undefined) return { decision: decisionOf([{ code: 'KIND_UNKNOWN', result: 'fail', params: { kind: operation.envelope.kind } }]), ...none }
    this.state.begin()
    try {
      const view = this.view(candidate, law)
      const decision = decisionOf([...this.rules.guard(view, this.state), ...law.decide(view, this.state).checks])
      if (decision.outcome !== 'lawful') {
        this.state.end()
        return { decision, ...none }
      }
      law.apply(view, this.state)
      const written = this.state.end()
      if (written.undo.size <= operationRowsMax) return { decision, ...written }
      this.state.restore(written.undo)
      return { decision: decisionOf([...decision.checks, { code: 'TOO_MANY_ROWS', result: 'fail', limit: operationRowsMax, requested: written.undo.size }]), ...none }
    } catch (error) {
      this.state.restore(this.state.end().undo)
      this.hooks.onLawFault(operation.envelope.kind, error)
      return { decision: decisionOf([{ code: 'LAW_FAULT', result: 'fail', params: { kind: operation.envelope.kind } }]), ...none }
    }
  }

  view(candidate: Candidate, law: Law): OperationView {
    const { operation, digest, body } = candidate
    const { envelope } = operation
    const settled = envelope.kind === 'space.checkpoint' ? this.hooks.settledOf(digest) : undefined
    return {
      id: operation.id,
      space: envelope.space,
      genesis: envelope.genesis ?? operation.id,
      kind: envelope.kind,
      author: envelope.author,
      signer: envelope.signer,
      grant: envelope.grant,
      seq: envelope.seq,
      at: envelope.at,
      body,
      key: law.key,
      ...(settled === undefined ? {} : { settled }),
    }
  }

  /** Commits the outcome of `judge` at the candidate's place. */
  record(
    candidate: Candidate,
    status: OperationStatus,
    decision: Decision,
    undo: ReadonlyMap<KeyText, Uint8Array | null>,
    events: readonly { type: string; data: Record<string, unknown> }[],
    before: OrderRecord | undefined,
  ): Folded {
    const key = this.prefix + candidate.place
    const record: OrderRecord = { status, checks: decision.checks }
    this.overlay.put('order', key, encodeOrder(record))
    if (this.#firstTouched === undefined || candidate.place < this.#firstTouched) this.#firstTouched = candidate.place
    if (undo.size > 0) this.overlay.put('undo', key, encodeUndo(undo))
    if (before !== undefined) this.counts[before.status]--
    this.counts[status]++
    this.due += this.#isDue(candidate, status) - (before === undefined ? 0 : this.#isDue(candidate, before.status))
    this.#announce(candidate, record, before, events)
    listQuarantined(this, candidate, record, before)
    indexContent(this.overlay, this.prefix, candidate, status === 'applied', before?.status === 'applied')
    return { candidate, record, before: before?.status }
  }

  #firstTouched: PlaceText | undefined
  /** The leaves of a cut that this batch has made the last one, when they are too many for its commit. */
  leavesLeft: { readonly checkpoint: string; readonly leaves: LeafChanges } | undefined

  /** Has this batch placed or changed something that is watched? */
  hasTouched({ cut }: Watch): boolean {
    return this.#firstTouched !== undefined && compareClocks(clockOfPlace(this.#firstTouched), cut) <= 0
  }

  /** Status of a placed operation; undefined for an unknown place. */
  statusAt(place: PlaceText): OperationStatus | undefined {
    const bytes = this.overlay.get('order', this.prefix + place)
    return bytes === undefined ? undefined : statusOfOrder(bytes)
  }

  emit(type: string, data: Readonly<Record<string, unknown>>, operation: OperationId | null = null, status: OperationStatus | null = null): void {
    this.log.emit(type, data, operation, status)
  }

  /** Has nothing been said or promised? What else changes a summary writes rows. */
  get isAsBefore(): boolean {
    return this.events.length === 0 && this.promised === this.space.summary.promised
  }

  /** Writes summary and events into the batch's overlay; the last thing before the commit. */
  finish(options: Pick<JournalOptions, 'eventsLogCount' | 'eventsLogDays'>): Summary {
    for (const [signer, head] of this.#heads) this.overlay.put('heads', this.prefix + signerText(signer), encodeTrusted(head))
    const summary: Summary = {
      counts: this.counts,
      final: this.final,
      due: this.due,
      last: this.last,
      tips: [...this.tips].map(([id, at]) => ({ id, at })),
      setDigest: this.setDigest,
      events: this.log.write(this.overlay, this.space.prefix, options),
      checkpoint: this.checkpoint,
      promised: this.promised,
      vowed: this.vowed,
      arrivals: this.arrivals,
    }
    this.overlay.put('summaries', this.prefix, encodeTrusted(summary))
    return summary
  }

  orderAt(place: PlaceText): OrderRecord | undefined {
    const bytes = this.overlay.get('order', this.prefix + place)
    return bytes === undefined ? undefined : decodeOrder(bytes)
  }

  /** After the commit: the space is now what this batch made of it. */
  publish(summary: Summary): void {
    this.space.summary = summary
    if (this.#firstTouched !== undefined) this.space.touch(clockOfPlace(this.#firstTouched))
    this.state.publish()
    for (const [id, at] of this.newPlaces) this.space.places.set(id, at)
    for (const [signer, head] of this.#heads) this.space.heads.set(signer, head)
  }

  /** Notes an operation that is not folded. */
  leave(candidate: Candidate, disposition: Exclude<Disposition, 'fold'>, before?: OrderRecord): Folded {
    const check = disposition === 'late' ? this.#lateCheck() : dispositionChecks[disposition](candidate.operation.envelope.signer)
    return this.record(candidate, disposition, decisionOf([check]), new Map(), [], before)
  }

  #settle(candidate: Candidate, disposition: Disposition, before: OrderRecord | undefined): Folded {
    if (disposition !== 'fold') return this.leave(candidate, disposition, before)
    const { decision, undo, events } = this.judge(candidate)
    return this.record(candidate, decision.outcome === 'refused' ? 'refused' : 'applied', decision, undo, events, before)
  }

  /** 1 for what a cut would make final: operations after the last one that have their place, other than cuts themselves. */
  #isDue({ operation: { envelope } }: Candidate, status: OperationStatus): 0 | 1 {
    return envelope.kind !== 'space.checkpoint' && (status === 'applied' || status === 'refused' || status === 'superseded') && !this.isCovered(envelope.at) ? 1 : 0
  }

  #lateCheck(): Check {
    return { code: 'LATE', result: 'fail', params: { cut: [...(this.checkpoint?.cut ?? [0, 0])] } }
  }

  /** Events of a new operation, or what changed for one that is folded again. */
  #announce(candidate: Candidate, record: OrderRecord, before: OrderRecord | undefined, events: readonly { type: string; data: Record<string, unknown> }[]): void {
    const { id, envelope } = candidate.operation
    const { status } = record
    if (before?.status === status) return
    const about = {
      kind: envelope.kind,
      author: envelope.author,
      signer: envelope.signer,
      ...(status === 'refused' ? { codes: record.checks.filter((check) => check.result === 'fail').map((check) => check.code) } : {}),
    }
    if (before !== undefined) {
      this.revised++
      this.emit('operation.revised', { ...about, before: before.status, after: status }, id, status)
    } else this.emit(`operation.${status}`, about, id, status)
    for (const event of events) this.emit(event.type, event.data, id, status)
  }

  /** The operation whose arrival made the running fold rewind. */
  displacer: OperationId | undefined

  /** A placed operation by its id; undefined also for one that is known by name only. */
  operationOf(id: OperationId): SignedOperation | undefined {
    const digest = digestText(id)
    const known = idRow(this, digest)
    if (known === undefined || known.length === 4) return undefined
    const place = known.slice(4) + digest
    return isTrace(this, place) ? undefined : this.loadAt(place).operation
  }

  /** Reads a stored operation at a place. */
  loadAt(place: PlaceText): Candidate {
    return this.hooks.load(this.overlay.get('operations', this.prefix + place) as Uint8Array)
  }
}
