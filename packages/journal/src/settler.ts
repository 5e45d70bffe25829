import { type Clock, compareClocks, decodeTrusted, encodeTrusted, equalBytes, type SpaceId } from '@icn/protocol'
import type { Candidate } from './candidate.ts'
import { onSnapshot, type Proposed, settledOf } from './checkpointing.ts'
import type { Engine } from './engine.ts'
import { type CheckpointBody, type Found, isCertified, networkOf, settle, validAcks } from './finality.ts'
import { keepAfterwards } from './kept-leaves.ts'
import type { KeyText } from './key.ts'
import { type DigestText, textAfter } from './layout.ts'
import { pagesMissing, pagesNamed, written } from './pages.ts'
import type { Mended } from './mending.ts'
import type { CommitQueue } from './queue.ts'
import { Refusal } from './refusal.ts'
import type { HeldSpace } from './space.ts'
import { StoreFault } from './store/port.ts'
import { inTurns } from './turns.ts'
import { type HeldRow, rootKey } from './waiting.ts'
import type { SpaceWork } from './work.ts'

/** A certificate counts in a commit as what it may weigh. */
export const certificateBytes = 2_000

/** Beside the writer: what certificates from elsewhere stand for, and many leaves (rulings 23 and 27). The writer only takes over what was found. */
export class Settler {
  readonly #engine: Engine
  readonly #queue: CommitQueue
  readonly #settling = new Map<SpaceId, Promise<void>>()
  /** Certificates of another state than is here, although its rows were made anew. Bound: what waits in a space. */
  readonly #unfit = new Set<DigestText>()

  constructor(engine: Engine, queue: CommitQueue) {
    this.#engine = engine
    this.#queue = queue
  }

  /** Ends when no certificate waits there for what it stands for. Never rejects: what fails is told, and tried again with the next upkeep. */
  settle(name: SpaceId): Promise<void> {
    const running = this.#settling.get(name)
    if (running !== undefined) return running
    const space = this.#engine.spaces.get(name)
    if (space === undefined || this.#next(space) === undefined) return Promise.resolve()
    const run = this.#quietly('settling', () => this.#settle(name, space))
    this.#settling.set(name, run)
    return run
  }

  /** Leaves that were too many for the commit of their cut. */
  async keep(name: SpaceId, left: SpaceWork['leavesLeft']): Promise<void> {
    if (left !== undefined) await this.#quietly('leaves', () => keepAfterwards(this.#queue, () => this.#engine.source, this.#engine.space(name), left.checkpoint, left.leaves))
  }

  async #settle(name: SpaceId, space: HeldSpace): Promise<void> {
    try {
      // A space that a restore has put aside is nobody's any more.
      for (let next = this.#next(space); next !== undefined && this.#engine.spaces.get(name) === space; next = this.#next(space)) {
        const { rest, candidate } = next
        const rows = { source: this.#engine.source, prefix: space.prefix.from }
        if (pagesMissing(rows, pagesNamed((candidate.body as CheckpointBody).layers)).length > 0) {
          await this.#queue.add(0, 0, (batch) => batch.offerAgain(name, rest))
          continue
        }
        const found = await this.#soundly(name, space, candidate)
        if (found === undefined) {
          this.#unfit.add(candidate.digest)
          continue
        }
        await this.keep(name, await this.#queue.add(1, certificateBytes, (batch) => batch.settle(name, rest, found)))
      }
    } finally {
      // At once: whoever asks from here on has brought something new.
      this.#settling.delete(name)
    }
  }

  /** Every row anew, and whatever did not fit looked at again. */
  async mend(name: SpaceId): Promise<Mended> {
    const mended = await this.#queue.add(1, certificateBytes, (batch) => batch.mend(name))
    this.#engine.space(name).proposed = undefined
    this.#unfit.clear()
    await this.settle(name)
    return mended
  }

  /** What a certificate stands for; when that is another state than a majority has signed, it is looked for once more after the rows were made anew. Undefined: it still is. */
  async #soundly(name: SpaceId, space: HeldSpace, candidate: Candidate): Promise<Found | undefined> {
    const found = await this.#find(name, space, candidate)
    if (!isOtherState(found, candidate)) {
      this.#engine.diverged.delete(name)
      return found
    }
    this.#engine.diverged.add(name)
    let mended: Mended | undefined
    await this.#quietly('mending', async () => {
      mended = await this.#queue.add(1, certificateBytes, (batch) => batch.mend(name))
    })
    space.proposed = undefined
    const again = mended === undefined ? found : await this.#find(name, space, candidate)
    const isSound = !isOtherState(again, candidate)
    if (isSound) this.#engine.diverged.delete(name)
    this.#engine.parts.observer?.diverged?.(name, { cut: cutOf(candidate), mended, isSound })
    return isSound ? again : undefined
  }

  /** Of those that wait, the one with the earliest cut. */
  #next(space: HeldSpace): { readonly rest: KeyText; readonly candidate: Candidate } | undefined {
    const {
      summary,
      prefix: { from },
    } = space
    if (summary.counts.held === 0) return undefined
    const { source } = this.#engine
    let next: { readonly rest: KeyText; readonly candidate: Candidate } | undefined
    for (const [key] of source.range('waiting', from + rootKey, textAfter(from + rootKey))) {
      const rest = key.slice(from.length + rootKey.length)
      const { stored } = decodeTrusted(source.get('held', from + rest) as Uint8Array) as HeldRow
      const candidate = this.#engine.load(space, stored)
      if (this.#unfit.has(candidate.digest)) continue
      if (next === undefined || compareClocks(cutOf(candidate), cutOf(next.candidate)) < 0) next = { rest, candidate }
    }
    return next
  }

  /** Mostly this node has found it itself before, with the other hosts. */
  async #find(name: SpaceId, space: HeldSpace, candidate: Candidate): Promise<Found> {
    const body = candidate.body as CheckpointBody
    return onSnapshot(this.#engine, name, async (work) => {
      const upon = work.checkpoint?.id ?? null
      const acks = validAcks(networkOf(this.#engine, work), name, body)
      if (acks === undefined || compareClocks(body.cut, candidate.operation.envelope.at) >= 0) return { upon, settled: undefined, aside: undefined }
      const { proposed } = space
      if (proposed !== undefined && proposed.previous === upon && isOf(body, proposed))
        return { upon, settled: settledOf(this.#engine, name, proposed, acks), aside: proposed.aside }
      return { upon, ...(await inTurns(settle(work, body, acks, space.watch(body.cut)))) }
    })
  }

  async #quietly(what: string, run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (error) {
      const isOver = (error instanceof Refusal && (error.code === 'STOPPING' || error.code === 'SPACE_UNMENDABLE')) || (error instanceof StoreFault && error.reason === 'closed')
      if (!isOver) this.#engine.parts.observer?.fault?.(what, error)
    }
  }
}

/** Has a majority signed that the same operations make another state? */
const isOtherState = ({ settled }: Found, { body }: Candidate): boolean =>
  settled !== undefined &&
  isCertified(settled) &&
  equalBytes(settled.layers_digest, (body as CheckpointBody).layers_digest) &&
  !equalBytes(settled.root, (body as CheckpointBody).root)

const cutOf = ({ body }: Candidate): Clock => (body as CheckpointBody).cut

/** Are these the layers that were proposed, on the same checkpoint? */
const isOf = (body: CheckpointBody, { previous, layers }: Proposed): boolean =>
  (body.previous ?? null) === previous && equalBytes(encodeTrusted(body.layers), encodeTrusted(written(layers).layers))
