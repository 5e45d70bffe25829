import type { Proposed } from '@icn/journal'
import { type AbortReason, compareClocks, type Did, keyOfDid, type OperationId, type SnapMessage, type SnapMessageOf, type SnapshotEnd, type SpaceCheckpoint } from '@icn/protocol'
import { codesOfAborts, endOf, obstacleTo } from './aborts.ts'
import { Alarms } from './alarms.ts'
import { type AckMessage, Attempt, type DoubleWord, type Initiate, type Phase } from './attempt.ts'
import { type Accepted, acceptedOf, ackBody, completeBody, markerBody, strippedOf } from './bodies.ts'
import { hostsNaming, pagesNeeded, take } from './reading.ts'
import { accept, type Ballot, begin, compareBallots, isEnough, isNear, type Memory, promise, saw } from './rules.ts'
import { Early } from './early.ts'
import { cutFor, listedFor, type Plan, planned } from './plan.ts'
import type { SpaceSnapshotsParts } from './ports.ts'
import { Speaker } from './speaker.ts'
import { ackingMs, markingMs, othersMs, rankMs, resendFirstMs, resendMaxMs, unitingMs } from './timers.ts'
import { Unserved } from './unserved.ts'

/** Cuts of one space: this host as participant in whatever is begun, and as coordinator of what it begins (snapshot page §5). */
export class SpaceSnapshots {
  readonly #parts: SpaceSnapshotsParts
  #memory: Memory<Accepted>
  attempt: Attempt | undefined
  /** Of the attempt that this node has begun. */
  #plan: Plan = planned
  readonly #early: Early
  #work: Promise<void> = Promise.resolve()
  readonly #alarms: Alarms
  readonly speaker: Speaker
  readonly #unserved: Unserved
  /** Those who wait for an end. */
  readonly #ended: (() => void)[] = []
  #isClosed = false

  constructor(parts: SpaceSnapshotsParts) {
    this.#parts = parts
    this.#memory = parts.recall()
    this.speaker = new Speaker(parts)
    this.#alarms = new Alarms(parts.timing)
    this.#early = new Early(() => parts.timing.now())
    this.#unserved = new Unserved(() => parts.timing.now())
  }

  /** One thing after the other; what fails is told and ends nothing else. */
  #then(doing: string, run: () => Promise<void> | void): Promise<void> {
    this.#work = this.#work.then(async () => {
      if (this.#isClosed) return
      try {
        await run()
      } catch (error) {
        this.#parts.fault(doing, error)
      }
    })
    return this.#work
  }

  /** Begins a cut. Undefined: one is running, nothing is due, or those who take part are not enough. */
  async begin(participants: readonly Did[], plan: Partial<Plan> = {}): Promise<Attempt | undefined> {
    let begun: Attempt | undefined
    await this.#then('initiate', async () => {
      begun = await this.#initiate(participants, { ...planned, ...plan })
    })
    return begun
  }

  /** The last attempt of those that follow from what was begun, when it has ended. */
  async finished(): Promise<Attempt> {
    for (;;) {
      await this.#work
      const { attempt } = this
      if (attempt !== undefined && (attempt.isOver || this.#isClosed)) return attempt
      await new Promise<void>((resolve) => this.#ended.push(resolve))
    }
  }

  /** Has this host signed a state of which nobody knows yet whether it is final (R11)? */
  get hasUndecided(): boolean {
    return strippedOf(this.#parts.cuts, this.#parts.space, this.#memory.accepted) !== null
  }

  /** Pages that the running attempt names, and those of what this host has acknowledged. */
  get pagesNeeded(): readonly Uint8Array[] {
    return pagesNeeded(this.attempt, this.#memory.accepted)
  }

  hear(message: SnapMessage): void {
    void this.#then(message.type, () => this.#handle(message))
  }

  /** The space has changed: what was missing may be here, or the cut decided. */
  changed(): void {
    if (this.attempt === undefined || this.attempt.isOver) return
    void this.#then('changed', () => this.#review())
  }

  /** An attempt that is under way ends here; whoever takes part in one of this node's own is told that it leads nowhere. */
  async close(): Promise<void> {
    const { attempt } = this
    if (attempt !== undefined && !attempt.isOver)
      await this.#then('close', async () => {
        if (attempt.isOver) return
        if (attempt.coordinator === this.#parts.node) this.speaker.abort(attempt, 'stopping')
        await this.#end(attempt, 'cancelled')
      })
    this.#isClosed = true
    this.#alarms.clear()
    await this.#work
    for (const resolve of this.#ended.splice(0)) resolve()
  }

  async #initiate(participants: readonly Did[], plan: Plan): Promise<Attempt | undefined> {
    const { cuts, space, node, timing } = this.#parts
    if (this.attempt?.isOver === false || this.#parts.isMute() || this.#parts.hasDiverged()) return undefined
    const { previous } = cuts.hosts(space)
    const listed = listedFor(this.#parts, participants, this.#unserved)
    const cut = listed === undefined ? undefined : await cutFor(this.#parts, plan, listed, this.#memory, this.#unserved)
    if (listed === undefined || cut === undefined) return undefined
    const begun = begin(this.#memory, keyOfDid(node))
    this.#remember(begun.memory)
    const initiate = this.speaker.say({ id: this.#parts.random(32), ballot: begun.ballot }, 'InitiateSnapshot', {
      initiator: node,
      timestamp: timing.now(),
      participants: listed,
      cut: [...cut],
      ...(previous === null ? {} : { previous }),
      purpose: plan.purpose,
      rules: this.#parts.rules(),
      deadline_ms: this.#parts.timeoutMs,
    })
    await this.#take(initiate)
    const { attempt } = this
    if (attempt === undefined || compareBallots(attempt.ballot, begun.ballot) !== 0) return undefined
    attempt.said.push(initiate)
    this.#plan = plan
    this.#after(markingMs, async () => {
      if (attempt.phase === 'marking') await this.#beginWithout(attempt, attempt.missing)
    })
    return attempt
  }

  /** Once more without these, if the rest is enough. */
  async #beginWithout(attempt: Attempt, leftOut: readonly Did[], code = 'SNAPSHOT_NO_QUORUM'): Promise<void> {
    const plan = this.#plan
    const { before, now } = this.#parts.cuts.hosts(this.#parts.space)
    const rest = attempt.participants.filter((did) => !leftOut.includes(did))
    const goesOn = plan.retries > 0 && isEnough(new Set(rest), before, now)
    this.speaker.abort(attempt, goesOn ? 'participants_missing' : 'no_quorum')
    await this.#end(attempt, 'failed', goesOn ? undefined : code)
    if (goesOn) await this.#initiate(rest, { ...plan, retries: plan.retries - 1 })
  }

  async #handle(message: SnapMessage): Promise<void> {
    if (message.type === 'InitiateSnapshot') return this.#take(message)
    const { attempt } = this
    if (attempt === undefined || Buffer.compare(attempt.id, message.snapshot_id) !== 0) {
      this.#early.keep(message)
      return
    }
    if (attempt.isOver) return
    if (message.type === 'Marker') {
      if (compareBallots(message.ballot, attempt.ballot) !== 0 || !attempt.participants.includes(message.from)) return
      if ((message.body.final ?? null) !== attempt.previous || compareClocks(message.body.cut, attempt.cut) !== 0) return
      this.#double(attempt, attempt.noteMarker(message.from, message.body))
      this.#parts.told('marker', attempt, { from: message.from, missing: attempt.missing })
      await this.#review()
    } else if (message.type === 'SnapshotAck') {
      await this.#noteAck(attempt, message)
    } else if (message.type === 'Abort') await this.#aborted(attempt, message)
  }

  /** Somebody begins a cut (R1). */
  async #take(initiate: Initiate): Promise<void> {
    const { node, cuts, space, timing } = this.#parts
    const { ballot, body } = initiate
    if (!body.participants.includes(node) || !isNear(this.#memory, ballot)) return
    const { attempt } = this
    if (attempt !== undefined && !attempt.isOver && compareBallots(attempt.ballot, ballot) === 0) {
      this.#repeat(attempt)
      return
    }
    this.#remember(saw(this.#memory, ballot))
    const memory = promise(this.#memory, { ballot, cut: body.cut })
    if (memory === undefined) {
      const promised = (this.#memory.promised as { ballot: Ballot }).ballot
      // The promised one itself, heard again after a restart: this host says nothing more in it, and stands in nobody's way.
      if (compareBallots(promised, ballot) !== 0) this.speaker.refuse(initiate, 'superseded', { ballot: [...promised] })
      return
    }
    const why = obstacleTo(this.#parts, initiate)
    if (why !== undefined) {
      if (why !== 'unknown') this.speaker.refuse(initiate, why, why === 'rules_differ' ? { rules: this.#parts.rules() } : {})
      return
    }
    if (attempt !== undefined && !attempt.isOver) await this.#end(attempt, 'superseded')
    this.#remember(memory)
    const begun = new Attempt(initiate, timing.now())
    this.attempt = begun
    this.#parts.told('started', begun, {})
    this.#after(Math.min(this.#parts.timeoutMs, begun.deadlineMs), () => this.#tooLate(begun))
    await cuts.promise(space, begun.cut)
    await this.#mark(begun)
  }

  async #mark(attempt: Attempt): Promise<void> {
    const { cuts, space, node } = this.#parts
    const mark = await cuts.mark(space, attempt.cut)
    const accepted = strippedOf(cuts, space, this.#memory.accepted)
    const body = markerBody(node, mark, await cuts.write(space, [mark]), this.#parts.setDigest(), this.#parts.rules(), accepted)
    attempt.noteMarker(node, body)
    attempt.said.push(this.speaker.say(attempt, 'Marker', body))
    this.#resend(attempt, resendFirstMs)
    for (const message of this.#early.take(attempt.id)) await this.#handle(message)
    await this.#review()
  }

  /** Looks how far the attempt is. */
  async #review(): Promise<void> {
    const { attempt } = this
    if (attempt === undefined || attempt.isOver) return
    const { previous, cut } = this.#parts.cuts.hosts(this.#parts.space)
    if (previous !== attempt.previous) {
      await this.#end(attempt, cut !== null && attempt.proposed !== undefined && compareClocks(cut, attempt.proposed.cut) === 0 ? 'complete' : 'superseded')
      return
    }
    if (attempt.phase === 'marking' && attempt.missing.length === 0) await this.#unite(attempt)
    else if (attempt.phase === 'uniting') await this.#root(attempt)
  }

  /** All have said what they have (R4): what they name is taken in, and when all of it is here, it is one set. */
  async #unite(attempt: Attempt): Promise<void> {
    this.#enter(attempt, 'uniting')
    this.#after(unitingMs, () => this.#unitingIsOver(attempt))
    await this.#root(attempt)
  }

  /** Somebody has named what nobody gives: whoever that was is left out for a while. */
  async #unitingIsOver(attempt: Attempt): Promise<void> {
    if (attempt.phase !== 'uniting') return
    const hosts = hostsNaming(attempt).filter((did) => did !== this.#parts.node)
    this.#unserved.note(hosts)
    if (hosts.length > 0) this.#parts.told('unserved', attempt, { hosts })
    if (attempt.coordinator === this.#parts.node && hosts.length > 0) await this.#beginWithout(attempt, hosts, 'SNAPSHOT_TIMED_OUT')
    else await this.#giveUp(attempt, 'timeout')
  }

  async #root(attempt: Attempt): Promise<void> {
    const { cuts, space } = this.#parts
    const said = await take(this.#parts, attempt)
    if (said === undefined) return
    const { base, marks } = said
    const last = base.at(-1)
    // Something later may have been agreed on already: another attempt has to begin there.
    if (last !== undefined && compareClocks(last.cut, attempt.cut) > 0) return this.#giveUp(attempt, 'behind')
    const united = await cuts.unite(space, base, attempt.cut, [...marks.values()])
    attempt.awaited = 'missing' in united ? united.missing : []
    if ('missing' in united) return
    this.#enter(attempt, 'rooting')
    this.#parts.told('united', attempt, { layers: united.layers.length })
    const proposed = await cuts.state(space, united.layers)
    if (proposed.previous === attempt.previous) await this.#acknowledge(attempt, proposed)
  }

  /** R2. */
  async #acknowledge(attempt: Attempt, proposed: Proposed): Promise<void> {
    const { cuts, space, node } = this.#parts
    const layers = await cuts.write(space, proposed.layers)
    const memory = accept(this.#memory, acceptedOf(proposed, layers, attempt.ballot))
    if (memory === undefined) return this.#end(attempt, 'superseded')
    this.#remember(memory)
    attempt.proposed = proposed
    this.#enter(attempt, 'acking')
    const signature = this.#parts.sign(cuts.ackBytes(space, proposed, [...attempt.ballot]))
    const ack = this.speaker.say(attempt, 'SnapshotAck', ackBody(node, proposed, signature))
    attempt.said.push(ack)
    await this.#noteAck(attempt, ack)
    if (attempt.coordinator === node) this.#watchAcks(attempt, attempt.acks.size)
  }

  /** No further acknowledgement for so long: this attempt leads nowhere. */
  #watchAcks(attempt: Attempt, before: number): void {
    this.#after(ackingMs, async () => {
      if (attempt.isOver || attempt.phase !== 'acking') return
      if (attempt.acks.size > before || attempt.hopes() === 'other') this.#watchAcks(attempt, attempt.acks.size)
      else await this.#giveUp(attempt, attempt.differing().length > 0 ? 'diverged' : 'timeout')
    })
  }

  async #noteAck(attempt: Attempt, ack: AckMessage): Promise<void> {
    if (compareBallots(ack.ballot, attempt.ballot) !== 0 || !attempt.participants.includes(ack.from)) return
    const before = attempt.differing().length
    this.#double(attempt, attempt.noteAck(ack))
    this.#parts.told('ack', attempt, { from: ack.from, missing: attempt.participants.filter((did) => !attempt.acks.has(did)) })
    const { proposed } = attempt
    if (proposed === undefined || attempt.phase !== 'acking') return
    const differing = attempt.differing().map(({ from }) => from)
    if (differing.length > before) this.#parts.told('diverged', attempt, { hosts: differing })
    const hopes = attempt.hopes()
    if (hopes === 'none') return this.#giveUp(attempt, 'diverged')
    // The others finish it; what is wrong here is mended when their certificate comes.
    if (hopes === 'other') return
    const who = new Set(attempt.agreeing(this.#parts.cuts, this.#parts.space).map(({ from }) => from))
    // Nobody else's certificate is lawful.
    if (!isEnough(who, proposed.hostsBefore, proposed.hostsAtCut) || !attempt.counts(this.#parts.node)) return
    if (attempt.coordinator === this.#parts.node && who.size === attempt.participants.filter((did) => attempt.counts(did)).length) return this.#certify(attempt)
    const rank = [...attempt.participants].sort().indexOf(this.#parts.node)
    this.#after(attempt.coordinator === this.#parts.node ? othersMs : rankMs * (1 + rank), () => this.#certify(attempt))
  }

  /** R8: from here on the certificate speaks for itself. */
  async #certify(attempt: Attempt): Promise<void> {
    const { proposed } = attempt
    if (attempt.isOver || attempt.phase !== 'acking' || proposed === undefined) return
    const { cuts, space, node } = this.#parts
    this.#enter(attempt, 'certifying')
    const agreeing = attempt.agreeing(cuts, space)
    const acks = agreeing.map(({ from, body }) => ({ key: keyOfDid(from), signature: body.statement }))
    let checkpoint: OperationId
    try {
      checkpoint = await cuts.certify(space, proposed, [...attempt.ballot], acks, attempt.id)
    } catch (error) {
      // Somebody else may have published it first.
      if (cuts.hosts(space).previous !== attempt.previous) return this.#review()
      this.#parts.fault('certify', error)
      return this.#end(attempt, 'failed')
    }
    this.speaker.say(
      attempt,
      'SnapshotComplete',
      completeBody(node, attempt, proposed, checkpoint, agreeing, cuts.globalRoot(acks.map(({ key }) => ({ key, stateHash: proposed.root })))),
    )
    await this.#end(attempt, 'complete')
  }

  async #aborted(attempt: Attempt, { from, body }: SnapMessageOf<'Abort'>): Promise<void> {
    if (from === attempt.coordinator && from !== this.#parts.node) return this.#end(attempt, 'released', codesOfAborts[body.reason])
    if (attempt.coordinator !== this.#parts.node) return
    if (body.ballot !== undefined && isNear(this.#memory, body.ballot)) this.#remember(saw(this.#memory, body.ballot))
    if (body.reason === 'superseded' || body.reason === 'behind') await this.#giveUp(attempt, body.reason)
  }

  async #giveUp(attempt: Attempt, reason: AbortReason): Promise<void> {
    if (attempt.coordinator === this.#parts.node) this.speaker.abort(attempt, reason)
    await this.#end(attempt, attempt.coordinator === this.#parts.node ? endOf(reason) : 'released', codesOfAborts[reason])
  }

  async #tooLate(attempt: Attempt): Promise<void> {
    if (!attempt.isOver) await this.#end(attempt, attempt.coordinator === this.#parts.node ? 'timed_out' : 'released', 'SNAPSHOT_TIMED_OUT')
  }

  /** What was kept aside is folded; the promise stays. */
  async #end(attempt: Attempt, phase: SnapshotEnd, code?: string): Promise<void> {
    if (attempt.isOver) return
    attempt.enter(phase, this.#parts.timing.now())
    attempt.code = code
    this.#alarms.clear()
    await this.#parts.cuts.end(this.#parts.space)
    this.#parts.told('ended', attempt, { phase, code })
    for (const resolve of this.#ended.splice(0)) resolve()
    await this.#parts.cuts.forgetPages(this.#parts.space, this.pagesNeeded)
  }

  #enter(attempt: Attempt, phase: Phase): void {
    attempt.enter(phase, this.#parts.timing.now())
    this.#parts.told('phase', attempt, {})
  }

  #double(attempt: Attempt, word: DoubleWord | undefined): void {
    // Said again it bears another time, and is no further offence.
    if (word === undefined || attempt.doubled.has(word.host)) return
    attempt.doubled.add(word.host)
    this.#parts.told('double', attempt, word)
  }

  #remember(memory: Memory<Accepted>): void {
    if (memory === this.#memory) return
    this.#parts.remember(memory)
    this.#memory = memory
  }

  /** Says again what this host has said, more and more seldom: a word may have been lost with a link. */
  #resend(attempt: Attempt, ms: number): void {
    this.#after(ms, () => {
      if (attempt.isOver) return
      this.#repeat(attempt)
      this.#resend(attempt, Math.min(2 * ms, resendMaxMs))
    })
  }

  #repeat(attempt: Attempt): void {
    for (const message of attempt.said) this.speaker.again(message)
  }

  #after(ms: number, run: () => Promise<void> | void): void {
    this.#alarms.after(ms, () => void this.#then('timer', run))
  }
}
