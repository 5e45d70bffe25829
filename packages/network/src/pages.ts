import { equalBytes, type EvidenceName, type FrameOf, sha256, type SpaceId, toHex } from '@icn/protocol'
import type { ReplicatorParts } from './ports.ts'

/** Pages of vectors that are too long for a message, asked of one peer and given to it (network page §6). */

/** Questions to one peer that may be open; the oldest is forgotten. Larger: memory for a peer that answers nothing; smaller: its late answers look unasked. */
const openMax = 256
/** The same peer is asked for the same page again after this [ms]. */
const againMs = 30_000
/** Another peer is asked after this [ms]. Larger: a peer that has not got it holds us up; smaller: pages come twice. */
const othersMs = 10_000

export interface PagesParts {
  readonly parts: Pick<ReplicatorParts, 'snaps' | 'timing' | 'fault'>
  isShared(space: SpaceId): boolean
  /** False: it takes nothing now, so that no answer is made. */
  hasRoom(): boolean
  send(frame: FrameOf<'page'>): void
  report(kind: EvidenceName, detail: string): void
}

interface Question {
  readonly at: number
  /** Answers that may still come. */
  readonly open: number
}

const nameOf = (space: SpaceId, digest: Uint8Array): string => `${space} ${toHex(digest)}`

export class Pages {
  readonly #parts: PagesParts
  /** The one asked last comes last. Bound: `openMax`. */
  readonly #asked = new Map<string, Question>()

  constructor(parts: PagesParts) {
    this.#parts = parts
  }

  isShared(space: SpaceId): boolean {
    return this.#parts.isShared(space)
  }

  /** When the peer was asked for this last, without an answer since [ms]. */
  askedAt(space: SpaceId, digest: Uint8Array): number {
    return this.#asked.get(nameOf(space, digest))?.at ?? Number.NEGATIVE_INFINITY
  }

  ask(space: SpaceId, digest: Uint8Array): void {
    const name = nameOf(space, digest)
    const before = this.#asked.get(name)
    this.#asked.delete(name)
    if (this.#asked.size >= openMax) this.#asked.delete(this.#asked.keys().next().value as string)
    this.#asked.set(name, { at: this.#parts.parts.timing.now(), open: (before?.open ?? 0) + 1 })
    this.#parts.send({ t: 'page', space, digest })
  }

  /** Was it asked for? Answers cost nothing. */
  isAnswer({ space, digest, bytes }: FrameOf<'page'>): boolean {
    return bytes !== undefined && (this.#asked.get(nameOf(space, digest))?.open ?? 0) > 0
  }

  take(frame: FrameOf<'page'>): void {
    if (frame.bytes === undefined) this.#give(frame)
    else this.#took(frame, frame.bytes)
  }

  /** Who has not got it says nothing: the one that asks goes on to others. */
  #give({ space, digest }: FrameOf<'page'>): void {
    const { parts, isShared, hasRoom, send } = this.#parts
    if (!isShared(space) || !hasRoom()) return
    const bytes = parts.snaps?.page(space, digest)
    if (bytes !== undefined) send({ t: 'page', space, digest, bytes })
  }

  #took({ space, digest }: FrameOf<'page'>, bytes: Uint8Array): void {
    const { parts, report, isShared } = this.#parts
    const name = nameOf(space, digest)
    const asked = this.#asked.get(name)
    if (asked === undefined || asked.open === 0) {
      report('unsolicited', `a page of ${space}`)
      return
    }
    this.#asked.delete(name)
    if (asked.open > 1) this.#asked.set(name, { at: Number.NEGATIVE_INFINITY, open: asked.open - 1 })
    const trouble = !equalBytes(sha256(bytes), digest)
      ? 'a page is not what its digest says'
      : isShared(space) && parts.snaps?.pageCame(space, digest, bytes) === false
        ? 'what it gives as a page is none'
        : undefined
    if (trouble === undefined) return
    // Others are asked first.
    this.#asked.set(name, { at: parts.timing.now(), open: asked.open - 1 })
    report('bad_page', trouble)
  }
}

/** Asks one of these peers for a page, each in turn; nobody while another's answer may be on its way. False: none of them shares the space. */
export function askInTurn(peers: Iterable<Pages>, space: SpaceId, digest: Uint8Array, now: number): boolean {
  const sharing = [...peers].filter((one) => one.isShared(space)).map((one) => ({ one, at: one.askedAt(space, digest) }))
  const next = sharing.reduce<(typeof sharing)[0] | undefined>((first, other) => (first === undefined || other.at < first.at ? other : first), undefined)
  if (next === undefined) return false
  if (next.at + againMs <= now && sharing.every(({ at }) => at + othersMs <= now)) next.one.ask(space, digest)
  return true
}
