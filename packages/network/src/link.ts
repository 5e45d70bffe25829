import {
  decodeFrame,
  encodeFrame,
  equalBytes,
  type Frame,
  type FrameOf,
  type OperationId,
  rawBytes,
  type RawOperation,
  type SpaceId,
  vectorBuckets,
  vectorSumBytes,
  wantIdsMax,
} from '@icn/protocol'
import { helloOf, helloTrouble } from './greeting.ts'
import { isJoinFrame, type JoinFrame, Joining } from './joining.ts'
import type { Misbehaviour, ReplicatorOptions, ReplicatorParts } from './ports.ts'
import { Sending, vectorFrames } from './sending.ts'
import { Timers } from './timers.ts'
import type { Wire } from './wire.ts'

/** One peer's stream `/icn/replicate/1` (network page §6): greeting, offers, vectors, operations, credit. */

/** How long the answer to an offer takes, whatever it is, so that nobody can tell a space that is unknown from one that is not theirs. */
const answerMs = 250
/** A parent that was asked for is asked for again after this long. */
const wantAgainMs = 30_000
/** Quiet after the last operation of a batch before the other side is told what is here. */
const settledMs = 1_000

interface Shared {
  readonly sending: Sending
  /** Digest that the peer was last told with its buckets. */
  told: Uint8Array | undefined
  /** Parents asked for, and when. */
  readonly wanted: Map<OperationId, number>
  /** Cancel what is told when a batch has settled, and what is told in any case. */
  settled: () => void
  regular: () => void
}

export type LinkState = 'greeting' | 'ready' | 'closed'

export class Link {
  readonly peer
  readonly joining: Joining
  readonly #wire: Wire
  readonly #parts: ReplicatorParts
  readonly #options: ReplicatorOptions
  readonly #ended: () => void
  state: LinkState = 'greeting'
  /** Spaces the peer has offered, with the first operation it means. */
  #offered: ReadonlyMap<SpaceId, OperationId> = new Map()
  /** Cancels the answer that is under way. */
  #answering: () => void = () => {}
  /** Spaces of which the peer may be told: this node's own state names it, and it has offered them. */
  readonly #shared = new Map<SpaceId, Shared>()
  #told = ''
  #incoming: Promise<void> = Promise.resolve()
  #cancelHello: () => void = () => {}
  readonly #timers: Timers
  #wants = 0
  /** Bytes of operations: what the peer may have sent and has; what this node may have sent and has. */
  #granted: number
  #received = 0
  #allowed: number
  #sent = 0

  constructor(wire: Wire, parts: ReplicatorParts, options: ReplicatorOptions, ended: () => void) {
    this.peer = wire.peer
    this.#wire = wire
    this.#parts = parts
    this.#options = options
    this.#ended = ended
    this.#timers = new Timers(parts.timing, (error) => parts.fault('timer', error))
    this.joining = new Joining(this.peer, parts.hosting, this.#timers, (frame) => void this.#send(frame))
    this.#granted = options.creditBytes
    this.#allowed = options.creditBytes
  }

  /** Says hello and listens. */
  start(): void {
    this.#cancelHello = this.#timers.after(this.#options.helloMs, () => this.close('HELLO_TIMEOUT'))
    this.#send(helloOf(this.#parts))
    // Only now: what has arrived already is delivered at once, and an answer must not leave before the greeting.
    this.#wire.listen({
      frame: (bytes) => this.#arrived(bytes),
      drain: () => this.#pump(),
      closed: (why) => {
        if (why === 'too_large') this.#report('oversize', 'a frame is larger than it may be')
        if (why === 'cut_short') this.#report('frame_error', 'a frame was cut short')
        this.#end()
      },
    })
  }

  close(code: string): void {
    if (this.state === 'closed') return
    this.#send({ t: 'bye', code })
    this.leave()
  }

  /** Ends without a word: the peer has opened another way itself. */
  leave(): void {
    this.#wire.close()
    this.#end()
  }

  /** Spaces that both may hold, for whoever looks. */
  get spaces(): readonly SpaceId[] {
    return [...this.#shared.keys()]
  }

  /** The state of some spaces has changed: the peer may have become a host or none, and gets what is new. */
  committed(space: SpaceId, operations: readonly OperationId[]): void {
    if (this.state !== 'ready') return
    this.#reconsider(space)
    const shared = this.#shared.get(space)
    const vectors = shared === undefined ? undefined : this.#parts.journal.vectors(space)
    if (shared === undefined || vectors === undefined) return
    for (const id of operations) {
      const raw = vectors.raw(id)
      if (raw !== undefined) shared.sending.offer(raw)
    }
    shared.settled()
    shared.settled = this.#timers.after(settledMs, () => this.#have(space))
    this.#pump()
  }

  /** Tells the peer which spaces it may have of this node, when that is not what it was told last. */
  offer(): void {
    if (this.state !== 'ready') return
    const { journal } = this.#parts
    const held = journal.spaces().flatMap(({ space }) => {
      const info = journal.info(space)
      return info === undefined || info.readOnly || !this.#parts.mayHave(this.peer, space) ? [] : [{ space, genesis: info.genesis }]
    })
    const spaces = [...held, ...this.#parts.expected()].sort((a, b) => (a.space < b.space ? -1 : 1))
    const told = spaces.map(({ space, genesis }) => `${space} ${genesis}`).join()
    if (told === this.#told) return
    this.#told = told
    this.#send({ t: 'offer', spaces })
  }

  #arrived(bytes: Uint8Array): void {
    if (this.state === 'closed') return
    const frame = decodeFrame(bytes)
    if (frame === undefined || (this.state === 'greeting' && frame.t !== 'hello' && frame.t !== 'bye') || (this.state === 'ready' && frame.t === 'hello')) {
      this.#report('frame_error', frame === undefined ? 'not a frame' : `${frame.t} while ${this.state}`)
      this.close('FRAME_INVALID')
      return
    }
    // Operations wait for the fold before them; everything else is answered at once.
    if (frame.t === 'ops') this.#take(frame)
    else if (isJoinFrame(frame)) void this.joining.handle(frame).catch((error: unknown) => this.#parts.fault('join', error))
    else this.#handle(frame)
  }

  #handle(frame: Exclude<Frame, FrameOf<'ops'> | JoinFrame>): void {
    switch (frame.t) {
      case 'hello':
        this.#greeted(frame)
        break
      case 'offer':
        this.#takeOffer(frame)
        break
      case 'have':
        this.#compare(frame)
        break
      case 'vector':
        this.#learn(frame)
        break
      case 'want':
        this.#give(frame)
        break
      case 'credit':
        this.#allowed = Math.max(this.#allowed, frame.bytes)
        this.#pump()
        break
      case 'bye':
        if (frame.space === undefined) this.leave()
        else this.#drop(frame.space)
        break
      // What the answer says follows from what comes; a parent that nobody here has is looked for elsewhere.
      case 'answer':
      case 'none':
        break
    }
  }

  #greeted(hello: FrameOf<'hello'>): void {
    const trouble = helloTrouble(this.#parts, this.peer, hello)
    if (trouble === 'FRAME_INVALID') this.#report('frame_error', 'hello names another node than the one that speaks')
    if (trouble !== undefined) {
      this.close(trouble)
      return
    }
    this.#cancelHello()
    this.state = 'ready'
    this.offer()
  }

  /** An offer takes the place of the one before; its answer takes the same time whatever it is. */
  #takeOffer({ spaces }: FrameOf<'offer'>): void {
    const before = this.#offered
    this.#offered = new Map(spaces.map(({ space, genesis }) => [space, genesis]))
    for (const space of before.keys()) if (!this.#offered.has(space)) this.#drop(space)
    this.#answering()
    this.#answering = this.#timers.after(answerMs, () => {
      for (const [space, genesis] of this.#offered) {
        const code = this.#refusalOf(space, genesis)
        this.#send({ t: 'answer', space, ok: code === undefined, ...(code === undefined ? {} : { code }) })
        this.#reconsider(space)
      }
    })
  }

  #refusalOf(space: SpaceId, genesis: OperationId): string | undefined {
    const info = this.#parts.journal.info(space)
    if (info === undefined || info.readOnly || !this.#parts.mayHave(this.peer, space)) return 'SPACE_NOT_PROVEN'
    return info.genesis === genesis ? undefined : 'WRONG_GENESIS'
  }

  /** Begins or stops telling the peer of a space, as this node's own state now says. */
  #reconsider(space: SpaceId): void {
    this.offer()
    const genesis = this.#offered.get(space)
    const may = genesis !== undefined && this.#refusalOf(space, genesis) === undefined
    if (may === this.#shared.has(space)) return
    if (!may) {
      this.#drop(space)
      this.#send({ t: 'bye', space, code: 'NOT_A_HOST' })
      return
    }
    this.#shared.set(space, { sending: new Sending(), told: undefined, wanted: new Map(), settled: () => {}, regular: () => {} })
    this.#have(space)
  }

  #drop(space: SpaceId): void {
    const shared = this.#shared.get(space)
    shared?.settled()
    shared?.regular()
    this.#shared.delete(space)
  }

  /** Everything up to now is here, and this is what it adds up to. */
  #have(space: SpaceId): void {
    const shared = this.#shared.get(space)
    const info = this.#parts.journal.info(space)
    const vectors = this.#parts.journal.vectors(space)
    if (shared === undefined || info === undefined || vectors === undefined) return
    const isNews = shared.told === undefined || !equalBytes(shared.told, info.setDigest)
    shared.told = info.setDigest
    this.#send({
      t: 'have',
      space,
      at: [...this.#parts.journal.clock.last],
      count: Object.entries(info.operations).reduce((sum, [status, count]) => (status === 'held' ? sum : sum + count), 0),
      digest: info.setDigest,
      ...(isNews ? { buckets: vectors.buckets() } : {}),
    })
    const { haveIntervalMs } = this.#options
    shared.settled()
    shared.regular()
    shared.regular = this.#timers.after(haveIntervalMs + Math.floor((this.#parts.timing.chance() - 0.5) * (haveIntervalMs / 3)), () => this.#have(space))
  }

  #compare({ space, digest, buckets }: FrameOf<'have'>): void {
    const shared = this.#shared.get(space)
    const info = this.#parts.journal.info(space)
    const vectors = this.#parts.journal.vectors(space)
    if (shared === undefined) {
      // A new host says what it lacks before its own state can name whom it asks.
      if (this.#isNewHost(space)) for (const frame of vectorFrames(space, vectors, allBuckets, false)) this.#send(frame)
      return
    }
    if (info === undefined || vectors === undefined) return
    if (equalBytes(info.setDigest, digest)) {
      shared.sending.equal(vectors)
      return
    }
    // Nothing has changed there since it last said more; what it lacks is on its way, or was lost with a stream.
    if (buckets === undefined && shared.sending.knowsPeer && !shared.sending.isIdle) return
    const own = vectors.buckets()
    const unequal = new Set([...allBuckets].filter((bucket) => buckets === undefined || !equalBytes(sumAt(own, bucket), sumAt(buckets, bucket))))
    for (const frame of vectorFrames(space, vectors, unequal, true)) this.#send(frame)
  }

  #learn(frame: FrameOf<'vector'>): void {
    const shared = this.#shared.get(frame.space)
    const vectors = this.#parts.journal.vectors(frame.space)
    if (shared === undefined || vectors === undefined) return
    shared.sending.learn(vectors, frame)
    if (frame.ask) for (const own of vectorFrames(frame.space, vectors, new Set(frame.buckets), false)) this.#send(own)
    this.#pump()
  }

  #give({ space, w, ids }: FrameOf<'want'>): void {
    const shared = this.#shared.get(space)
    const vectors = shared === undefined ? undefined : this.#parts.journal.vectors(space)
    const absent: OperationId[] = []
    for (const id of ids) {
      const raw = vectors?.raw(id)
      if (raw === undefined) absent.push(id)
      else shared?.sending.answer(raw, w)
    }
    if (absent.length > 0) this.#send({ t: 'none', space, w, ids: absent, why: 'unknown' })
    this.#pump()
  }

  /** Receiving is open to whoever shares the space (ruling 15): signatures say whose the operations are. */
  #take({ space, ops }: FrameOf<'ops'>): void {
    const operations: RawOperation[] = ops.map(([envelope, signature, body]) => ({ envelope, signature, body }))
    const bytes = operations.reduce((sum, raw) => sum + rawBytes(raw), 0)
    this.#received += bytes
    if (this.#received > this.#granted) {
      this.#report('credit_exceeded', `${this.#received} bytes of ${this.#granted}`)
      this.close('CREDIT_EXCEEDED')
      return
    }
    this.#incoming = this.#incoming.then(() => this.#folded(space, operations, bytes)).catch((error: unknown) => this.#parts.fault('fold', error))
  }

  async #folded(space: SpaceId, operations: readonly RawOperation[], bytes: number): Promise<void> {
    if (this.state === 'closed') return
    if (this.#isExpected(space)) await this.#fold(space, operations)
    else this.#report('unsolicited', `operations of ${space}`)
    // Only what is folded makes room for more, so that a slow disk slows the sender and fills no memory here.
    this.#granted += bytes
    this.#send({ t: 'credit', bytes: this.#granted })
  }

  #isNewHost(space: SpaceId): boolean {
    return this.#parts.expected().some((one) => one.space === space && one.genesis === this.#offered.get(space))
  }

  #isExpected(space: SpaceId): boolean {
    const genesis = this.#offered.get(space)
    return this.#isNewHost(space) || (genesis !== undefined && genesis === this.#parts.journal.info(space)?.genesis)
  }

  async #fold(space: SpaceId, operations: readonly RawOperation[]): Promise<void> {
    // Before the commit tells everybody what is new, so that nothing goes back to where it came from.
    this.#shared.get(space)?.sending.received(operations)
    const { malformed, wanted } = await this.#parts.journal.ingest(space, operations)
    for (const { reason } of malformed) this.#report(reason === 'signature' ? 'bad_signature' : 'malformed_operation', reason)
    this.#want(space, wanted)
    this.#reconsider(space)
  }

  #want(space: SpaceId, ids: readonly OperationId[]): void {
    const shared = this.#shared.get(space)
    if (shared === undefined) return
    const now = this.#parts.timing.now()
    const due = ids.filter((id) => (shared.wanted.get(id) ?? Number.NEGATIVE_INFINITY) + wantAgainMs <= now)
    for (const id of due) shared.wanted.set(id, now)
    for (const [id, at] of shared.wanted) if (at + wantAgainMs < now) shared.wanted.delete(id)
    for (let from = 0; from < due.length; from += wantIdsMax) this.#send({ t: 'want', space, w: this.#wants++, ids: due.slice(from, from + wantIdsMax) })
  }

  /** Sends what there is to send, in turn between the spaces, as long as wire and credit have room. */
  #pump(): void {
    let isAnythingLeft = this.state === 'ready'
    while (isAnythingLeft) {
      isAnythingLeft = false
      for (const [space, { sending }] of this.#shared) {
        const vectors = this.#parts.journal.vectors(space)
        const next = vectors === undefined ? undefined : sending.next(space, vectors, this.#allowed - this.#sent)
        if (next === undefined) continue
        this.#sent += next.bytes
        isAnythingLeft = true
        if (!this.#send(next.frame)) return
      }
    }
  }

  #send(frame: Frame): boolean {
    return this.state !== 'closed' && this.#wire.send(encodeFrame(frame))
  }

  #report(kind: Misbehaviour, detail: string): void {
    this.#parts.report(kind, this.peer, detail)
  }

  #end(): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.#timers.end()
    this.#shared.clear()
    this.joining.lost()
    this.#ended()
  }
}

const allBuckets: ReadonlySet<number> = new Set(Array.from({ length: vectorBuckets }, (_, bucket) => bucket))

const sumAt = (sums: Uint8Array, bucket: number): Uint8Array => sums.subarray(bucket * vectorSumBytes, (bucket + 1) * vectorSumBytes)
