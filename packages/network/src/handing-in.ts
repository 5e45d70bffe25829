import { commonsSpace, equalBytes, type SpaceId, type Vectors } from '@icn/protocol'
import type { News } from './news.ts'
import type { JournalPort } from './ports.ts'
import { Sending } from './sending.ts'
import type { Flow } from './under-way.ts'

export interface HandingInParts {
  readonly journal: JournalPort
  readonly flow: Flow
  /** Set digests of what was handed in whole; outlives the link. */
  readonly done: Map<SpaceId, Uint8Array>
  /** Does this node's own state name the peer as host, and does the peer tell it nothing of the space? */
  isDue(space: SpaceId): boolean
  /** Runs later, unless the link has ended. */
  later(run: () => void): void
  pump(): void
}

/**
 * What a node has to hand in where its peer does not name it as host any more (ruling 15: receiving is open). What its people wrote before
 * it knew of its removal is signed by them and belongs to the space; and where it comes earlier in the order, the removal may not even stand.
 * The peer may tell nothing of what it has, so it gets whatever it is not known to have, once.
 */
export class HandingIn {
  readonly #parts: HandingInParts
  /** Bounded by the spaces that both have offered. */
  readonly #sendings = new Map<SpaceId, Sending>()
  /** What was here when all of a space had left, and how much had been sent by then. */
  readonly #left = new Map<SpaceId, { readonly digest: Uint8Array; readonly end: number }>()

  constructor(parts: HandingInParts) {
    this.#parts = parts
  }

  /** The peer has refused or ended the space. `former`: what is known of what it has. It may only be behind, so this waits. */
  consider(space: SpaceId, former = new Sending(this.#parts.flow)): void {
    if (space === commonsSpace || !this.#parts.isDue(space)) return
    this.#parts.later(() => this.#begin(space, former))
  }

  /** These are new here. */
  committed(space: SpaceId, operations: () => readonly News[], now: number): void {
    const sending = this.#sendings.get(space)
    if (sending !== undefined) for (const news of operations()) sending.pushNew(news, now)
  }

  /** What may go out now, by space. */
  due(): readonly (readonly [SpaceId, { readonly sending: Sending; readonly vectors: Vectors | undefined }])[] {
    const { journal } = this.#parts
    return [...this.#sendings].flatMap(([space, sending]) => {
      const digest = journal.info(space)?.setDigest
      if (!this.#parts.isDue(space)) this.#sendings.delete(space)
      else if (!sending.isIdle) return [[space, { sending, vectors: journal.vectors(space) }] as const]
      else if (digest !== undefined) this.#leftAll(space, digest)
      return []
    })
  }

  /** It is handed in when the peer has folded it: what has only left may be lost with the link. */
  #leftAll(space: SpaceId, digest: Uint8Array): void {
    const { flow, done } = this.#parts
    const before = this.#left.get(space)
    const left = before !== undefined && equalBytes(before.digest, digest) ? before : { digest, end: flow.sent }
    this.#left.set(space, left)
    if (left.end <= flow.folded) done.set(space, digest)
  }

  #begin(space: SpaceId, sending: Sending): void {
    const vectors = this.#parts.journal.vectors(space)
    const digest = this.#parts.journal.info(space)?.setDigest
    const done = this.#parts.done.get(space)
    if (vectors === undefined || digest === undefined || !this.#parts.isDue(space) || this.#sendings.has(space)) return
    this.#sendings.set(space, sending)
    // What was handed in on an earlier link is not sent again; what is written from now on is.
    if (done !== undefined && equalBytes(done, digest)) sending.equal(vectors)
    else sending.push(vectors)
    this.#parts.pump()
  }
}
