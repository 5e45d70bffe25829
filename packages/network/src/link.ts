import { decodeFrame, type EvidenceName, type Frame, type FrameOf, type NodeRecord, type OperationId, recordsFrameMax, type SpaceId } from '@icn/protocol'
import { helloOf, helloTrouble } from './greeting.ts'
import { HandingIn } from './handing-in.ts'
import { Intake } from './intake.ts'
import { isJoinFrame, type JoinFrame, Joining } from './joining.ts'
import type { News } from './news.ts'
import { Offering } from './offering.ts'
import { Outgoing } from './outgoing.ts'
import { Pages } from './pages.ts'
import type { LinkHooks, LinkState, ReplicatorOptions, ReplicatorParts } from './ports.ts'
import { Receiving } from './receiving.ts'
import { allBuckets, vectorFrames } from './sending.ts'
import { SpaceLink } from './space-link.ts'
import { Timers } from './timers.ts'
import type { Wire } from './wire.ts'

/** One peer's stream `/icn/replicate/1` (network page §6): greeting, offers, vectors, operations, credit. */

/** How long the answer to an offer takes, whatever it is, so that nobody can tell a space that is unknown from one that is not theirs. */
const answerMs = 250

export class Link {
  readonly peer
  readonly joining: Joining
  readonly #wire: Wire
  readonly #parts: ReplicatorParts
  readonly #options: ReplicatorOptions
  readonly #hooks: LinkHooks
  state: LinkState = 'greeting'
  /** Spaces the peer has offered, with the first operation it means. */
  #offered: ReadonlyMap<SpaceId, OperationId> = new Map()
  /** Cancels the answer that is under way. */
  #answering: () => void = () => {}
  /** Spaces of which the peer may be told: this node's own state names it, and it has offered them. */
  readonly #shared = new Map<SpaceId, SpaceLink>()
  /** What the peer has last said to hold of each space that it offers. */
  readonly #digests = new Map<SpaceId, Uint8Array>()
  readonly #offering: Offering
  /** The peer has said something after its greeting, so ours was good enough. */
  #isHeard = false
  #cancelHello: () => void = () => {}
  readonly #timers: Timers
  readonly #intake: Intake
  readonly #handing: HandingIn
  #reading: () => void = () => {}
  #pausedUntil = 0
  readonly #outgoing: Outgoing
  readonly #receiving: Receiving
  readonly pages: Pages

  constructor(wire: Wire, parts: ReplicatorParts, options: ReplicatorOptions, hooks: LinkHooks) {
    this.peer = wire.peer
    this.#wire = wire
    this.#parts = parts
    this.#options = options
    this.#hooks = hooks
    this.#offering = new Offering(wire.peer, parts, (space) => this.#shared.has(space))
    this.#timers = new Timers(parts.timing, (error) => parts.fault('timer', error))
    this.joining = new Joining(this.peer, parts.hosting, this.#timers, (frame) => void this.#send(frame))
    this.#intake = new Intake(this.peer, parts, options.creditBytes, this.#timers, (kind, detail) => this.#report(kind, detail))
    this.#outgoing = new Outgoing({
      wire,
      timers: this.#timers,
      intake: this.#intake,
      creditBytes: options.creditBytes,
      // Without a word about manners: its line may be slow.
      stalled: () => this.close('SLOW_PEER'),
      isShared: (space) => this.isShared(space),
      traffic: parts.traffic,
    })
    this.#receiving = new Receiving({
      parts,
      intake: this.#intake,
      shared: this.#shared,
      creditBytes: options.creditBytes,
      brought: hooks.brought,
      isOpen: () => this.state !== 'closed',
      isExpected: (space) => this.#isExpected(space),
      folded: (space) => this.#reconsider(space),
      send: (frame) => void this.#send(frame),
      pause: (ms) => this.#pause(ms),
      report: (kind, detail) => this.#report(kind, detail),
      close: (code) => this.close(code),
    })
    this.pages = new Pages({
      parts,
      isShared: (space) => this.isShared(space),
      hasRoom: () => !this.#outgoing.isFull,
      send: (frame) => void this.#send(frame),
      report: (kind, detail) => this.#report(kind, detail),
    })
    this.#handing = new HandingIn({
      journal: parts.journal,
      flow: this.#outgoing,
      done: hooks.handedIn,
      isDue: (space) => this.state === 'ready' && !this.#shared.has(space) && parts.mayHave(this.peer, space),
      later: (run) => void this.#timers.after(options.haveIntervalMs, run),
      pump: () => this.#pump(),
    })
  }

  /** Says hello and listens. */
  start(): void {
    this.#cancelHello = this.#timers.after(this.#options.helloMs, () => this.close('HELLO_TIMEOUT'))
    this.#send(helloOf(this.#parts, this.peer))
    // Only now: what has arrived already is delivered at once, and an answer must not leave before the greeting.
    this.#wire.listen({
      frame: (bytes) => this.#arrived(bytes),
      partly: (bytes) => this.#intake.arriving(bytes),
      drain: () => {
        this.#outgoing.drained()
        this.#pump()
      },
      closed: (why) => {
        if (why === 'too_large') this.#report('oversize', 'a frame is larger than it may be')
        if (why === 'cut_short') this.#report('frame_error', 'a frame was cut short')
        this.#end()
      },
    })
  }

  close(code: string, theirs?: FrameOf<'hello'>): void {
    if (this.state === 'closed') return
    if (this.state === 'greeting') this.#parts.helloFailed?.(code, this.peer, theirs)
    this.#send({ t: 'bye', code })
    this.leave()
  }

  /** Ends without a word: the peer has opened another way itself. */
  leave(): void {
    this.#wire.close()
    this.#end()
  }

  /** Spaces that both may hold, for whoever looks. */
  get shared(): ReadonlyMap<SpaceId, Pick<SpaceLink, 'behindSince'>> {
    return this.#shared
  }

  /** Takes nothing more from the journal. True: all that was taken from it has left. */
  drain(): boolean {
    for (const { sending } of this.#shared.values()) sending.readNoMore()
    return this.#wire.waitingBytes === 0 && [...this.#shared.values()].every(({ sending }) => sending.isIdle)
  }

  /** Tells the peer where nodes may be reached. */
  tell(records: readonly NodeRecord[]): void {
    if (this.state === 'ready' && records.length > 0) this.#send({ t: 'cand', records: records.slice(0, recordsFrameMax) })
  }

  isShared(space: SpaceId): boolean {
    return this.#shared.has(space)
  }

  /** Tells the peer what hosts say about a cut, before any operation that waits. */
  tellSnap(frame: FrameOf<'snap'>): void {
    if (this.state === 'ready') this.#outgoing.sendSnap(frame)
  }

  /** The state of some spaces has changed: the peer may have become a host or none, and gets what is new. */
  committed(space: SpaceId, operations: () => readonly News[]): void {
    if (this.state !== 'ready') return
    this.#reconsider(space)
    this.#shared.get(space)?.committed(operations())
    this.#handing.committed(space, operations, this.#parts.timing.now())
    this.#pump()
  }

  /** Tells the peer which spaces it may have of this node, when that is not what it was told last. `changed`: only of this space something is new. */
  offer(changed?: SpaceId): void {
    const spaces = this.state === 'ready' ? this.#offering.news(changed) : undefined
    if (spaces !== undefined) this.#send({ t: 'offer', spaces })
  }

  #arrived(bytes: Uint8Array): void {
    if (this.state === 'closed') return
    const frame = decodeFrame(bytes)
    if (frame === undefined || (this.state === 'greeting' && frame.t !== 'hello' && frame.t !== 'bye') || (this.state === 'ready' && frame.t === 'hello')) {
      this.#report('frame_error', frame === undefined ? 'not a frame' : `${frame.t} while ${this.state}`)
      this.close('FRAME_INVALID')
      return
    }
    this.#isHeard ||= frame.t !== 'hello' && frame.t !== 'bye'
    this.#pause(this.#intake.pauseAfter(frame, bytes.length, this.pages))
    // Operations wait for the fold before them; everything else is answered at once.
    if (frame.t === 'ops') this.#receiving.take(frame)
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
        this.#intake.told(frame.space)
        // Who takes nothing gets no answer; vectors are told again.
        this.#shared.get(frame.space)?.learn(this.#outgoing.isFull ? { ...frame, ask: false } : frame)
        this.#pump()
        break
      case 'want':
        this.#give(frame)
        break
      case 'credit':
        this.#outgoing.allow(frame, this.#shared)
        this.#pump()
        break
      case 'snap':
        this.#blameUnexpected(frame)
        this.#pause(this.#hooks.snap(frame))
        break
      case 'page':
        if (frame.bytes === undefined) this.#blameUnexpected(frame)
        this.pages.take(frame)
        break
      case 'cand':
        this.#parts.onRecords?.(this.peer, frame.records)
        break
      case 'bye':
        if (frame.space === undefined) {
          if (!this.#isHeard) this.#parts.helloFailed?.(frame.code, this.peer, undefined)
          this.leave()
        } else this.#drop(frame.space)
        break
      case 'notice':
        if (frame.code === 'NODE_CLONED') this.#parts.ownKey?.seenTwice(this.peer)
        break
      case 'none':
        this.#intake.none(frame)
        break
      // A yes follows from what comes.
      case 'answer':
        this.#parts.answered?.(this.peer, frame.space, frame.code)
        if (!frame.ok) this.#handing.consider(frame.space)
        break
    }
  }

  #greeted(hello: FrameOf<'hello'>): void {
    const trouble = helloTrouble(this.#parts, this.peer, hello)
    if (trouble === 'FRAME_INVALID') this.#report('frame_error', 'hello names another node than the one that speaks')
    if (trouble !== undefined) {
      this.close(trouble, hello)
      return
    }
    this.#cancelHello()
    this.state = 'ready'
    if (this.#hooks.greeted(hello.instance)) {
      this.#report('node_cloned', 'two starts of one identity run at the same time')
      this.#send({ t: 'notice', code: 'NODE_CLONED' })
    }
    this.offer()
    this.#parts.onLink?.(this.peer, 'ready')
  }

  /** An offer takes the place of the one before; its answer takes the same time whatever it is. */
  #takeOffer({ spaces }: FrameOf<'offer'>): void {
    const before = this.#offered
    this.#offered = new Map(spaces.map(({ space, genesis }) => [space, genesis]))
    for (const space of before.keys()) {
      if (this.#offered.has(space)) continue
      this.#digests.delete(space)
      this.#drop(space)
    }
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
    this.offer(space)
    const genesis = this.#offered.get(space)
    const may = this.state !== 'closed' && genesis !== undefined && this.#refusalOf(space, genesis) === undefined
    if (may === this.#shared.has(space)) return
    if (!may) {
      this.#drop(space)
      this.#send({ t: 'bye', space, code: 'NOT_A_HOST' })
      return
    }
    this.#shared.set(
      space,
      new SpaceLink({
        space,
        peer: this.peer,
        parts: this.#parts,
        options: this.#options,
        timers: this.#timers,
        flow: this.#outgoing,
        theirs: this.#digests.get(space),
        send: (frame) => void this.#send(frame),
        ask: (asked, ids) => this.#intake.ask(asked, ids),
      }),
    )
    this.#parts.onSpace?.(this.peer, space, true)
  }

  #drop(space: SpaceId): void {
    const sending = this.#shared.get(space)?.end()
    this.#intake.forget(space)
    if (this.#shared.delete(space)) this.#parts.onSpace?.(this.peer, space, false)
    this.#handing.consider(space, sending)
  }

  #compare({ space, at, digest, buckets }: FrameOf<'have'>): void {
    if (digest !== undefined && this.#offered.has(space)) this.#digests.set(space, digest)
    if (this.#outgoing.isFull) return
    const shared = this.#shared.get(space)
    if (shared !== undefined) {
      shared.compare(at, this.#digests.get(space), buckets)
      return
    }
    // A new host says what it lacks before its own state can name whom it asks: of whom it does not name it asks for everything, and tells nothing.
    const told = this.#parts.mayHave(this.peer, space) ? this.#parts.journal.vectors(space) : undefined
    if (!this.#isNewHost(space)) return
    this.#intake.askedAll(space)
    for (const own of vectorFrames(space, told, allBuckets, false)) this.#send(own)
  }

  #give({ space, w, ids }: FrameOf<'want'>): void {
    const shared = this.#shared.get(space)
    const vectors = shared?.vectors
    const absent = ids.filter((id) => vectors?.raw(id) === undefined)
    for (const id of ids) if (!absent.includes(id)) shared?.sending.answer(id, w)
    if (absent.length > 0 && !this.#outgoing.isFull) this.#send({ t: 'none', space, w, ids: absent, why: 'unknown' })
    this.#pump()
  }

  /** Who has offered a space may not know yet that it is not shared. */
  #blameUnexpected({ t, space }: FrameOf<'snap' | 'page'>): void {
    if (!this.#isExpected(space)) this.#report('unsolicited', `${t} of ${space}`)
  }

  #isNewHost(space: SpaceId): boolean {
    return this.#parts.expected().some((one) => one.space === space && one.genesis === this.#offered.get(space))
  }

  #isExpected(space: SpaceId): boolean {
    const genesis = this.#offered.get(space)
    return this.#isNewHost(space) || (genesis !== undefined && genesis === this.#parts.journal.info(space)?.genesis)
  }

  #pump(): void {
    if (this.state === 'ready') this.#outgoing.pump([...this.#shared, ...this.#handing.due()])
  }

  /** Reads nothing more for so long [ms], or longer where it was to be longer. */
  #pause(ms: number): void {
    const until = this.#parts.timing.now() + ms
    if (ms <= 0 || until <= this.#pausedUntil || this.state === 'closed') return
    this.#pausedUntil = until
    this.#wire.pause()
    this.#intake.paused(ms)
    this.#reading()
    this.#reading = this.#timers.after(ms, () => {
      this.#pausedUntil = 0
      this.#wire.resume()
    })
  }

  #send(frame: Frame): boolean {
    return this.state !== 'closed' && this.#outgoing.send(frame)
  }

  #report(kind: EvidenceName, detail: string): void {
    this.#parts.report(kind, this.peer, detail)
  }

  #end(): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.#timers.end()
    for (const space of this.#shared.keys()) this.#drop(space)
    this.joining.lost()
    this.#hooks.ended()
    this.#parts.onLink?.(this.peer, 'closed')
  }
}
