import { type Clock, clockAheadMsMax, compareClocks, type Did, type Envelope, digestOfCid, type MalformedReason, type OperationId, type SignedOperation } from '@icn/protocol'
import { chainDigestOf, chainKey, chainRange, chainSeqOf, clockOfPlace, clockText, type DigestText, digestText, type PlaceText, placeText, signerText } from './layout.ts'
import { factsOfCut, finalAt, idOfCut, knowsCheckpoint } from './cut-records.ts'
import { type CheckpointBody, missingHeads } from './finality.ts'
import { type KeyText, keyText } from './key.ts'
import { idOfDigest, idRow, isTrace } from './known.ts'
import { type Candidate, type Disposition, isCheckpoint, isReissueOf, parentsOf, standsAlone } from './candidate.ts'
import { keepPages, pagesMissing, pagesNamed, readLayers, type Rows } from './pages.ts'
import type { Placed, PlacingParts } from './placed.ts'
import { type HeldReason, heldRest, type HeldRow, pageIndex, seqOfRest, signerOfRest, unbackedKey } from './waiting.ts'
import { WaitingRoom } from './waiting-room.ts'
import type { SpaceWork } from './work.ts'

/** A row of `ids` that names no place: the operation waits. */
const isHeld = (row: KeyText): boolean => row.length === 4

/** Gives operations from elsewhere their place: parents, chains, clock, forks, reissues, the bounded waiting room. */
export class Placing {
  readonly #work: SpaceWork
  readonly #parts: PlacingParts
  readonly #room: WaitingRoom
  readonly result: Placed = { fresh: [], changed: new Map(), held: 0, known: 0, malformed: [], wanted: new Set(), evicted: 0, forks: [] }
  /** Dispositions of this call, by digest: a later evidence may change them. */
  readonly #dispositions = new Map<DigestText, Disposition>()
  readonly #fresh = new Map<DigestText, Candidate>()
  /** Operations that are known by name only and have come by, for as long as this call lasts. */
  readonly #recalled = new Map<DigestText, SignedOperation>()

  constructor(work: SpaceWork, parts: PlacingParts) {
    this.#work = work
    this.#parts = parts
    this.#room = new WaitingRoom(work, parts.load)
  }

  /** Any order, duplicates welcome. `clockChecked`: the test of the clock was passed before (made once, on arrival). */
  offer(candidates: readonly Candidate[], clockChecked = false): Placed {
    const queue = candidates.map((candidate) => ({ candidate, clockChecked })).sort(byPlaceDescending)
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (!this.#offerOne(next.candidate, next.clockChecked)) continue
      const freed = this.#work.counts.held === 0 ? [] : this.#room.takeAll(`\u0001${next.candidate.digest}`)
      if (freed.length === 0) continue
      queue.push(...freed.map((candidate) => ({ candidate, clockChecked: false })))
      queue.sort(byPlaceDescending)
    }
    for (const [digest, candidate] of this.#fresh) this.result.fresh.push([candidate, this.#dispositions.get(digest) as Disposition])
    return this.result
  }

  /** Held operations whose clock is now within reach, or that waited for a cut that has ended. */
  offerDue(nowMs: number, cutEnded: boolean): Placed {
    const { overlay, prefix } = this.#work
    const due: Candidate[] = []
    for (const [key] of [...overlay.range('waiting', `${prefix}\u0002`, `${prefix}\u0002${clockText([nowMs + clockAheadMsMax, 65535])}\u00ff`)])
      due.push(this.#room.take(key.slice(5 + 8)))
    if (cutEnded) due.push(...this.#room.takeAll('\u0003'))
    return this.offer(due, true)
  }

  /** Operations that were kept aside and belong to what hosts have agreed to unite. */
  offerAdmitted(): Placed {
    const admitted = this.#room.under('\u0003').filter((rest) => this.#work.space.admits(signerOfRest(rest), seqOfRest(rest)))
    return this.offer(
      admitted.map((rest) => this.#room.take(rest)),
      true,
    )
  }

  /** Operations that waited for a checkpoint which is settled now. */
  offerFreed(checkpoint: string): Placed {
    return this.offer(this.#room.takeAll(`\u0004${keyText(digestOfCid(checkpoint))}`), true)
  }

  /** Certificates of which this was the last page. */
  offerPaged(digest: Uint8Array): Placed {
    const whole = this.#room.under(pageIndex + keyText(digest)).filter((rest) => {
      const { reason, pages = [] } = this.#room.why(rest)
      return reason === 'pages' && pagesMissing(this.#rows, pages).length === 0
    })
    return this.offer(whole.map((rest) => this.#room.take(rest)))
  }

  /** A certificate whose pages had to make room for others. */
  offerAgain(rest: KeyText): Placed {
    return this.#room.holds(rest) ? this.offer([this.#room.take(rest)]) : this.result
  }

  /** A certificate of which it is known now what it stands for. */
  offerFound(rest: KeyText): Placed {
    if (!this.#room.holds(rest)) return this.result
    const candidate = this.#room.take(rest)
    this.#found = candidate.digest
    return this.offer([candidate], true)
  }

  #found: DigestText | undefined

  /** A place at the tip for an operation made here, whose parents, clock and chain are right by construction. */
  note(candidate: Candidate): void {
    const { envelope } = candidate.operation
    this.#work.overlay.put('chains', chainKey(this.#work.prefix, signerText(envelope.signer), envelope.seq, candidate.digest), placedMark)
    this.#store(candidate)
  }

  /** What is said here from now on is said after it. */
  #store(candidate: Candidate): void {
    this.#work.store(candidate)
    if (isCheckpoint(candidate)) keepPages(this.#work, candidate.body as CheckpointBody)
    this.#parts.clock.witness(candidate.operation.envelope.at)
  }

  /** Placed clock of a known operation; undefined when it is unknown or only held. */
  placeOf(id: OperationId): Clock | undefined {
    if (id === this.#work.space.record.genesis) return this.#work.space.record.genesis_at
    const cached = this.#work.newPlaces.get(id) ?? this.#work.space.places.get(id)
    if (cached !== undefined) return cached
    const row = idRow(this.#work, digestText(id))
    return row === undefined || isHeld(row) ? undefined : clockOfPlace(row.slice(4))
  }

  /** True when it was placed; false when it is known, held or malformed. */
  #offerOne(candidate: Candidate, clockChecked: boolean): boolean {
    const { operation, digest } = candidate
    const { envelope } = operation
    const work = this.#work
    const head = work.head(envelope.signer)
    // A number after the head that nobody holds back was never seen, and so this operation neither.
    this.#alone = (head === undefined || envelope.seq > head.seq) && work.counts.held === 0
    const known = this.#alone ? undefined : idRow(work, digest)
    if (known !== undefined && !this.#mayBeAskedFor(candidate, known)) {
      this.result.known++
      if (!isHeld(known) && isTrace(work, known.slice(4) + digest)) {
        // Asked for because something else bears its number; nothing is folded anew for it.
        this.#recalled.set(digest, operation)
        return true
      }
      // It came again because it is told to nobody; what it waits for may have been asked for in vain.
      if (isHeld(known)) this.#want(this.#missing(candidate, this.#layersOf(candidate)))
      return false
    }
    const named = this.#layersOf(candidate)
    const missing = [...this.#missing(candidate, named), ...this.#unread(envelope.signer, envelope.seq)]
    const trouble = named === undefined ? 'body' : missing.length === 0 ? this.#parentTrouble(operation) : undefined
    if (trouble !== undefined) {
      this.result.malformed.push({ id: operation.id, reason: trouble })
      return false
    }
    work.overlay.put('chains', chainKey(work.prefix, signerText(envelope.signer), envelope.seq, digest), heldMark)
    const previous = this.#missingCheckpoint(candidate)
    // From here on the number is used, whatever becomes of the parents.
    const reason: HeldReason | undefined =
      missing.length > 0
        ? 'parents'
        : previous !== undefined
          ? 'checkpoint'
          : named !== undefined && 'missing' in named
            ? 'pages'
            : !clockChecked && envelope.at[0] > this.#parts.clock.wallMs() + clockAheadMsMax
              ? 'clock'
              : work.keepsAside(envelope)
                ? 'cut'
                : this.#isToBeFound(candidate)
                  ? 'root'
                  : undefined
    if (reason !== undefined) {
      this.#hold(candidate, reason, reason === 'checkpoint' ? [previous as OperationId] : missing)
      this.#judgeChain(envelope)
      return false
    }
    work.overlay.put('chains', chainKey(work.prefix, signerText(envelope.signer), envelope.seq, digest), placedMark)
    this.#store(candidate)
    this.#fresh.set(digest, candidate)
    this.#dispositions.set(digest, work.isCovered(envelope.at) ? 'late' : 'fold')
    this.#judgeChain(envelope)
    const fork = work.head(envelope.signer)?.fork
    if (fork !== undefined && envelope.seq >= fork && !standsAlone(envelope)) this.#dispositions.set(digest, this.#isTwinOfFinal(operation) ? 'superseded' : 'forked')
    return true
  }

  /** What a certificate says of signers. Undefined: it is not written as it has to be. */
  #layersOf(candidate: Candidate): ReturnType<typeof readLayers> {
    return isCheckpoint(candidate) ? readLayers(this.#rows, (candidate.body as CheckpointBody).layers) : nothingNamed
  }

  #missing(candidate: Candidate, named: ReturnType<typeof readLayers>): OperationId[] {
    const missing: OperationId[] = []
    for (const parent of parentsOf(candidate.operation)) if (this.placeOf(parent) === undefined) missing.push(parent)
    // A cut can be judged only when everything it names is here.
    if (named !== undefined && 'layers' in named) missing.push(...missingHeads(named.layers, (id) => this.placeOf(id) !== undefined))
    return missing
  }

  /** What bears this number and is known by name only: whether the two say the same can be told when it is read. */
  #unread(signer: Did, seq: number): OperationId[] {
    if (this.#alone || this.#work.space.floor === null) return []
    const [from, to] = chainRange(this.#work.prefix, signerText(signer), seq)
    return [...this.#work.overlay.range('chains', from, to)].flatMap(([entry, mark]) => {
      const digest = chainDigestOf(entry)
      return mark[0] === 0 || this.#recalled.has(digest) || this.#placed(digest) !== undefined ? [] : [idOfDigest(digest)]
    })
  }

  /** The checkpoint that has to be settled before this one can be judged. */
  #missingCheckpoint(candidate: Candidate): string | undefined {
    if (!isCheckpoint(candidate)) return undefined
    const body = candidate.body as CheckpointBody
    const { previous } = body
    if (knowsCheckpoint(this.#work, idOfCut(this.#work, body))) return undefined
    return previous === undefined || knowsCheckpoint(this.#work, previous) ? undefined : previous
  }

  /** A certificate of which nobody knows yet what it stands for: that is found beside the writer. What stands behind a cut is not judged. */
  #isToBeFound(candidate: Candidate): boolean {
    if (!isCheckpoint(candidate) || candidate.digest === this.#found || this.#work.isCovered(candidate.operation.envelope.at)) return false
    return factsOfCut(this.#work, idOfCut(this.#work, candidate.body as CheckpointBody)) === undefined
  }

  /** Parents are all here: does the operation stand after them, and on its signer's own chain? */
  #parentTrouble({ envelope }: SignedOperation): MalformedReason | undefined {
    for (const parent of parentsOf({ envelope })) if (compareClocks(envelope.at, this.placeOf(parent) as Clock) <= 0) return 'clock'
    if (envelope.prev === null) return undefined
    const head = this.#work.head(envelope.signer)
    if (head !== undefined && head.id === envelope.prev) return head.seq + 1 === envelope.seq ? undefined : 'chain'
    const before = chainKey(this.#work.prefix, signerText(envelope.signer), envelope.seq - 1, digestText(envelope.prev))
    return this.#work.overlay.get('chains', before)?.[0] === placedMark[0] ? undefined : 'chain'
  }

  /** Nothing else can bear the number of the operation at hand. */
  #alone = false

  /** Reissue or fork (engine page §6): decides about everything that bears this number, and what follows from it. */
  #judgeChain(envelope: Envelope): void {
    if (this.#alone) return
    const work = this.#work
    const { signer, seq } = envelope
    // Known to be used twice: whatever comes from there on is closed out by that, and changes nothing for others. Else one key could keep everybody busy.
    if (seq >= (work.head(signer)?.fork ?? Number.POSITIVE_INFINITY) && !standsAlone(envelope)) return
    const key = signerText(signer)
    const [from, to] = chainRange(work.prefix, key, seq)
    const group = [...work.overlay.range('chains', from, to)].map(([entry, mark]) => ({ digest: chainDigestOf(entry), held: mark[0] === 0 }))
    if (group.length < 2) return
    const members = group.flatMap(({ digest, held }) => {
      const operation = held ? this.#room.operation(signer, seq, digest) : this.#placed(digest)
      return operation === undefined ? [] : [{ digest, operation, held }]
    })
    if (members.length < 2) return
    const first = (members[0] as (typeof members)[number]).operation.envelope
    const head = work.head(signer)
    const isReissue = members.every(({ operation: { envelope } }) => isReissueOf(envelope, first))
    if (!isReissue && head?.fork === undefined)
      this.#noteFork(
        signer,
        members.map(({ operation }) => operation),
      )
    // What is only held is told to nobody, so it decides nothing: nodes that have the same in place agree on every status.
    const placed = members.filter(({ held }) => !held).map(({ digest, operation }) => ({ digest, operation, place: placeText(operation.envelope.at, digest) }))
    if (placed.length < 2 || head === undefined) return
    if (placed.every(({ operation: { envelope } }) => isReissueOf(envelope, (placed[0] as (typeof placed)[number]).operation.envelope))) {
      const winner = placed.find(({ place }) => this.#isFinal(place)) ?? placed.sort((a, b) => (a.place < b.place ? -1 : 1))[0]
      for (const { digest, place } of placed) this.#dispose(digest, place, digest === winner?.digest ? (work.isCovered(clockOfPlace(place)) ? 'late' : 'fold') : 'superseded')
      return
    }
    if (head.fork === undefined || seq < head.fork) work.setHead(signer, { ...head, fork: seq })
    this.#closeChain(signer, Math.min(seq, head.fork ?? seq))
  }

  /** Two of them show by themselves that the key was used twice. */
  #noteFork(signer: Did, operations: readonly SignedOperation[]): void {
    const [first, ...others] = operations
    const second = others.find(({ envelope }) => first !== undefined && !isReissueOf(envelope, first.envelope))
    if (first !== undefined && second !== undefined) this.result.forks.push({ signer, operations: [first, second] })
  }

  /** Everything of a signer from a number on that is not final becomes `forked`. */
  #closeChain(signer: Did, fork: number): void {
    const work = this.#work
    const key = signerText(signer)
    const [from] = chainRange(work.prefix, key, fork)
    const [, to] = chainRange(work.prefix, key, 2 ** 47)
    for (const [entry, mark] of [...work.overlay.range('chains', from, to)]) {
      if (mark[0] === 0) continue
      const digest = chainDigestOf(entry)
      const operation = this.#placed(digest)
      if (operation === undefined || standsAlone(operation.envelope) || chainSeqOf(entry) < fork) continue
      this.#dispose(digest, placeText(operation.envelope.at, digest), 'forked')
    }
  }

  #dispose(digest: DigestText, place: PlaceText, disposition: Disposition): void {
    // Forked stays forked: a fork is never taken back.
    if (this.#fresh.has(digest)) {
      if (this.#dispositions.get(digest) !== 'forked') this.#dispositions.set(digest, disposition)
      return
    }
    if (this.#isFinal(place)) return
    const status = this.#work.statusAt(place)
    const now = status === 'late' || status === 'forked' || status === 'superseded' ? status : 'fold'
    if (now === 'forked') return
    if (this.result.changed.get(place) === 'forked') return
    if (now !== disposition) this.result.changed.set(place, disposition)
    else this.result.changed.delete(place)
  }

  /** Behind the cut, a reissue of what is final is superseded, whatever else its signer did. */
  #isTwinOfFinal({ envelope }: SignedOperation): boolean {
    if (!this.#work.isCovered(envelope.at)) return false
    const final = finalAt(this.#work, envelope.signer, envelope.seq)
    const other = final === undefined ? undefined : this.#placed(digestText(final))
    return other !== undefined && isReissueOf(envelope, other.envelope)
  }

  #isFinal(place: PlaceText): boolean {
    const status = this.#work.statusAt(place)
    if (isTrace(this.#work, place)) return true
    if (!this.#work.isCovered(clockOfPlace(place))) return false
    // What the cut has left behind together with its reissue is not final because one of the two gave way.
    if (status === 'superseded') return this.#isTwinOfFinal(this.#work.loadAt(place).operation)
    return status === 'applied' || status === 'refused'
  }

  /** Undefined: it is known by name only. */
  #placed(digest: DigestText): SignedOperation | undefined {
    return this.#fresh.get(digest)?.operation ?? this.#recalled.get(digest) ?? this.#work.operationOf(idOfDigest(digest))
  }

  #hold(candidate: Candidate, reason: HeldReason, missing: readonly OperationId[]): void {
    this.result.evicted += this.#room.put(candidate, { reason, missing: missing.map(digestOfCid), ...this.#pagesOf(candidate, reason) })
    if (reason === 'parents') this.#want(missing)
    this.result.held++
  }

  /** Comes again, and hosts are known by now that were not: what it names is asked for from here on. */
  #mayBeAskedFor(candidate: Candidate, known: KeyText): boolean {
    const { envelope } = candidate.operation
    const rest = heldRest(envelope.signer, envelope.seq, candidate.digest)
    if (!isHeld(known) || !this.#room.isUnder(unbackedKey, rest) || !this.#parts.isBacked(candidate.body as CheckpointBody)) return false
    this.#room.take(rest)
    return true
  }

  get #rows(): Rows {
    return { source: this.#work.overlay, prefix: this.#work.prefix }
  }

  /** Asked for, and not forgotten, only where enough hosts may stand behind them. */
  #pagesOf(candidate: Candidate, reason: HeldReason): Pick<HeldRow, 'pages'> {
    const pages = isCheckpoint(candidate) ? pagesNamed((candidate.body as CheckpointBody).layers) : []
    return pages.length > 0 && (reason === 'root' || this.#parts.isBacked(candidate.body as CheckpointBody)) ? { pages } : {}
  }

  /** Parents that wait here themselves are wanted by nobody. */
  #want(missing: readonly OperationId[]): void {
    for (const id of missing) {
      const row = idRow(this.#work, digestText(id))
      if (row === undefined || (!isHeld(row) && isTrace(this.#work, row.slice(4) + digestText(id)))) this.result.wanted.add(id)
    }
  }
}

const nothingNamed = { layers: [] } as const
const heldMark = Uint8Array.of(0)
const placedMark = Uint8Array.of(1)

const byPlaceDescending = (a: { candidate: Candidate }, b: { candidate: Candidate }): number =>
  a.candidate.place < b.candidate.place ? 1 : a.candidate.place > b.candidate.place ? -1 : 0
