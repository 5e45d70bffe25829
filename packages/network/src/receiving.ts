import type { EvidenceName, Frame, FrameOf, RawOperation, SpaceId } from '@icn/protocol'
import type { Intake } from './intake.ts'
import { readSigner } from './news.ts'
import type { LinkHooks, ReplicatorParts } from './ports.ts'
import { bytesOf } from './sending.ts'
import type { SpaceLink } from './space-link.ts'

/** Operations that one peer sends: as many as credit and budget allow, folded frame after frame (network page §6). */

export interface ReceivingParts {
  readonly parts: Pick<ReplicatorParts, 'journal' | 'onOperations' | 'ownKey' | 'fault'>
  readonly intake: Intake
  readonly shared: ReadonlyMap<SpaceId, SpaceLink>
  /** Bytes of operations that may come before any is folded. */
  readonly creditBytes: number
  readonly brought: LinkHooks['brought']
  isOpen(): boolean
  /** Does the peer offer the space, and is it one of this node's? */
  isExpected(space: SpaceId): boolean
  /** Operations of the space have a place now. */
  folded(space: SpaceId): void
  send(frame: Frame): void
  /** Reads nothing more for so long [ms]. */
  pause(ms: number): void
  report(kind: EvidenceName, detail: string): void
  close(code: string): void
}

export class Receiving {
  readonly #parts: ReceivingParts
  #before: Promise<void> = Promise.resolve()
  /** Bytes of operations: what the peer may have sent, and has. */
  #granted: number
  #received = 0

  constructor(parts: ReceivingParts) {
    this.#parts = parts
    this.#granted = parts.creditBytes
  }

  /** Receiving is open to whoever shares the space when it arrives (ruling 15): before it is folded the peer may have gone on to offer less. */
  take(frame: FrameOf<'ops'>): void {
    const { space, ops } = frame
    const { intake, shared, parts } = this.#parts
    const operations: RawOperation[] = ops.map(([envelope, signature, body]) => ({ envelope, signature, body }))
    const bytes = bytesOf(operations)
    this.#received += bytes
    if (this.#received > this.#granted) {
      this.#parts.report('credit_exceeded', `${this.#received} bytes of ${this.#granted}`)
      this.#parts.close('CREDIT_EXCEEDED')
      return
    }
    const link = shared.get(space)
    link?.heard()
    const { taken, pauseMs } = intake.take(frame, operations, link)
    this.#parts.pause(pauseMs)
    const isExpected = this.#parts.isExpected(space)
    if (!isExpected) this.#parts.report('unsolicited', `operations of ${space}`)
    this.#before = this.#folded(space, isExpected ? taken : [], bytes, this.#before).catch((error: unknown) => parts.fault('fold', error))
  }

  /** What comes is checked while what came before is being folded, and folded after it. */
  async #folded(space: SpaceId, operations: readonly RawOperation[], bytes: number, before: Promise<void>): Promise<void> {
    // The first operation of a space decides what is made of the others.
    if (this.#parts.parts.journal.info(space) === undefined) await before
    if (!this.#parts.isOpen()) return
    const known = operations.length > 0 ? await this.#fold(space, operations, before) : 0
    await before
    // Only what is folded makes room for more, so that a slow disk slows the sender and fills no memory here.
    this.#granted += bytes
    this.#parts.send({ t: 'credit', bytes: this.#granted, ...(known === 0 ? {} : { known }) })
  }

  /** How many of them were here already. */
  async #fold(space: SpaceId, operations: readonly RawOperation[], before: Promise<void>): Promise<number> {
    const { parts, intake, shared } = this.#parts
    // Before the commit tells everybody what is new, so that nothing goes back to where it came from.
    const brought = operations.flatMap((raw) => readSigner(raw) ?? [])
    shared.get(space)?.sending.received(brought)
    parts.onOperations?.(space, operations)
    const forget = this.#parts.brought(brought)
    const { known, malformed, wanted, own } = await parts.journal.ingest(space, operations, before).finally(forget)
    if (own.length > 0) {
      parts.ownKey?.arrived(space, own)
      shared.get(space)?.seeEqual()
    }
    intake.malformed(operations, malformed)
    shared.get(space)?.want(wanted)
    this.#parts.folded(space)
    return known
  }
}
