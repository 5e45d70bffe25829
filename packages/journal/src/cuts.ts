import type { CheckpointId, CheckpointLayer, Clock, Did, OperationId, SpaceCheckpoint, SpaceId, VectorChange } from '@icn/protocol'
import { didOfKey, keyOfDid } from '@icn/protocol'
import { verifySignature } from '@icn/protocol/node'
import type { CutApi } from './api.ts'
import type { Mended } from './mending.ts'
import { type LeafRange, type StateAgain, stateAgain } from './verifying.ts'
import { type Ack, ackBytes, certificateOf, cutDue, layersAbove, type Mark, markOf, type Proposed, settledOf, stateOf, uniteMarks } from './checkpointing.ts'
import { foundersOf, knowsCheckpoint } from './cut-records.ts'
import type { Engine } from './engine.ts'
import { type CheckpointBody, globalStateRoot, validAcks } from './finality.ts'
import type { CutLayer } from './layers.ts'
import { forgetPages, pageAt, pagesWaitedFor, readLayers, type Rows, savePages, written } from './pages.ts'
import type { CommitQueue } from './queue.ts'
import { Refusal } from './refusal.ts'
import { certificateBytes, type Settler } from './settler.ts'

/** A page counts in a commit as what it may weigh. */
const pageBytes = 430_000

/** How cuts are made: each step of what hosts do together, and all of it for a host that is alone. */
export class Cuts implements CutApi {
  readonly #engine: Engine
  readonly #queue: CommitQueue
  /** Spaces with a promise that has not ended. */
  readonly #running = new Set<SpaceId>()

  readonly #settler: Settler

  constructor(engine: Engine, queue: CommitQueue, settler: Settler) {
    this.#engine = engine
    this.#queue = queue
    this.#settler = settler
  }

  isRunning(space: SpaceId): boolean {
    return this.#running.has(space)
  }

  due(space: SpaceId, lagMs: number, hostsCount = 1): Promise<Clock | undefined> {
    return cutDue(this.#engine, space, lagMs, hostsCount)
  }

  hosts(space: SpaceId): { readonly previous: CheckpointId | null; readonly cut: Clock | null; readonly before: readonly Did[]; readonly now: readonly Did[] } {
    const work = this.#engine.scratch(this.#engine.writable(space))
    const { checkpoint } = work
    const now = work.rules.hosts(work.state)
    const at: Clock = [this.#engine.parts.wall(), 0]
    const lasting = (checkpoint?.hosts ?? foundersOf(work)).filter((did) => work.rules.hasLapsed?.(work.state, did, at) !== true)
    return {
      previous: (checkpoint?.id as CheckpointId | undefined) ?? null,
      cut: checkpoint?.cut ?? null,
      before: lasting.length > 0 ? lasting : now,
      now,
    }
  }

  async promise(space: SpaceId, cut: Clock): Promise<void> {
    this.#running.add(space)
    await this.#queue.add(0, 0, (batch) => batch.promise(space, cut))
  }

  mark(space: SpaceId, cut: Clock): Promise<Mark> {
    return markOf(this.#engine, space, cut)
  }

  async admit(space: SpaceId, marks: readonly (readonly VectorChange[])[]): Promise<void> {
    const admitted = new Map<Did, number>()
    for (const [key, seq] of marks.flat()) {
      const signer = didOfKey(key)
      admitted.set(signer, Math.max(seq, admitted.get(signer) ?? -1))
    }
    await this.#queue.add(0, 0, (batch) => batch.admit(space, admitted))
    await this.#settler.settle(space)
  }

  unite(space: SpaceId, base: readonly CutLayer[], cut: Clock, marks: readonly (readonly VectorChange[])[]) {
    return uniteMarks(this.#engine, space, base, cut, marks)
  }

  knows(space: SpaceId, checkpoint: CheckpointId): boolean {
    return knowsCheckpoint(this.#engine.scratch(this.#engine.writable(space)), checkpoint)
  }

  globalRoot = globalStateRoot

  mend(space: SpaceId): Promise<Mended> {
    return this.#settler.mend(space)
  }

  signers(space: SpaceId, body: SpaceCheckpoint): readonly Did[] | undefined {
    return validAcks(this.#engine.network ?? this.#engine.writable(space).record.genesis, space, body)
  }

  again(space: SpaceId, cut: Clock, range?: LeafRange): Promise<StateAgain | undefined> {
    return stateAgain(this.#engine, space, cut, range)
  }

  above(space: SpaceId, previous: CheckpointId | null, layers: readonly CutLayer[]): readonly CutLayer[] | undefined {
    return layersAbove(this.#engine, space, previous, layers)
  }

  async write(space: SpaceId, layers: readonly CutLayer[]): Promise<SpaceCheckpoint['layers']> {
    const { layers: named, pages } = written(layers)
    if (pages.length > 0) await this.#queue.add(0, pages.length * pageBytes, (batch) => savePages(batch.workOf(space), pages))
    return named
  }

  read(space: SpaceId, layers: readonly CheckpointLayer[]): ReturnType<typeof readLayers> {
    return readLayers(this.#rows(space), layers)
  }

  page(space: SpaceId, digest: Uint8Array): Uint8Array | undefined {
    return this.#engine.spaces.has(space) ? pageAt(this.#rows(space), digest) : undefined
  }

  async takePage(space: SpaceId, digest: Uint8Array, bytes: Uint8Array, needed: readonly Uint8Array[]): Promise<boolean> {
    const isKept = await this.#queue.add(0, bytes.length, (batch) => batch.takePage(space, digest, bytes, needed))
    await this.#settler.settle(space)
    return isKept
  }

  async forgetPages(space: SpaceId, needed: readonly Uint8Array[]): Promise<void> {
    await this.#queue.add(0, 0, (batch) => forgetPages(batch.workOf(space), needed))
  }

  pagesWanted(space: SpaceId, countMax: number): readonly Uint8Array[] {
    return this.#engine.spaces.get(space)?.summary.counts.held ? pagesWaitedFor(this.#rows(space), countMax) : []
  }

  #rows(space: SpaceId): Rows {
    return { source: this.#engine.source, prefix: this.#engine.space(space).prefix.from }
  }

  state(space: SpaceId, layers: readonly CutLayer[]): Promise<Proposed> {
    return stateOf(this.#engine, space, layers)
  }

  ackBytes(space: SpaceId, proposed: Proposed, ballot: CheckpointBody['ballot']): Uint8Array {
    return ackBytes(this.#engine, space, proposed, ballot)
  }

  isAck(space: SpaceId, proposed: Proposed, ballot: CheckpointBody['ballot'], { key, signature }: Ack): boolean {
    return verifySignature(signature, this.ackBytes(space, proposed, ballot), key)
  }

  async certify(space: SpaceId, proposed: Proposed, ballot: CheckpointBody['ballot'], acks: readonly Ack[], snapshotId?: Uint8Array): Promise<OperationId> {
    // What others would not take is not taken here either.
    if (!acks.every((ack) => this.isAck(space, proposed, ballot, ack))) throw new Refusal('CHECKPOINT_ACKS')
    const body = certificateOf(this.#engine, proposed, ballot, acks, snapshotId)
    const settled = settledOf(
      this.#engine,
      space,
      proposed,
      acks.map(({ key }) => didOfKey(key)),
    )
    const { id, left } = await this.#queue.add(1, certificateBytes, (batch) =>
      batch.checkpoint(space, { body, pages: written(proposed.layers).pages, settled, aside: proposed.aside }),
    )
    await this.#settler.keep(space, left)
    return id
  }

  async end(space: SpaceId): Promise<void> {
    this.#running.delete(space)
    await this.#queue.add(0, 0, (batch) => {
      batch.promise(space, null)
      return batch.release(space, true)
    })
    await this.#settler.settle(space)
  }

  /** A cut with this node's one acknowledgement; null when nothing is due. */
  async alone(space: SpaceId, lagMs: number): Promise<OperationId | null> {
    if (this.#running.has(space)) return null
    const began = performance.now()
    // Between the question and the promise nobody else may begin.
    this.#running.add(space)
    try {
      const cut = await this.due(space, lagMs)
      if (cut === undefined) return null
      await this.promise(space, cut)
      const { changes } = await this.mark(space, cut)
      const united = await this.unite(space, [], cut, [changes])
      if ('missing' in united) return null
      const proposed = await this.state(space, united.layers)
      const key = keyOfDid(this.#engine.parts.node)
      const ballot: CheckpointBody['ballot'] = [1, key]
      const signature = new Uint8Array(this.#engine.parts.key.sign(this.ackBytes(space, proposed, ballot)))
      const id = await this.certify(space, proposed, ballot, [{ key, signature }])
      this.#engine.parts.observer?.checkpointed?.(space, performance.now() - began)
      return id
    } finally {
      await this.end(space)
    }
  }
}
