import { secondMs, type SpaceId } from '@icn/protocol'

/** Larger: a page that is not given is asked of the next peer later; smaller: more looking for nothing. */
const againMs = 3 * secondMs
/** Pages that are asked for at once in one space. Larger: other frames wait behind them; smaller: more rounds. */
const atOnceMax = 16

export interface FetchingParts {
  /** Pages that are awaited in the space, so many at most. */
  wanted(space: SpaceId, countMax: number): readonly Uint8Array[]
  ask(space: SpaceId, digest: Uint8Array): void
  readonly timing: { after(ms: number, run: () => void): () => void }
}

/** Asks for pages of vectors until they are here or nobody wants them any more (network page §6). */
export class Fetching {
  readonly #parts: FetchingParts
  /** Space → the way to end the wait for its next round. */
  readonly #rounds = new Map<SpaceId, () => void>()
  #isClosed = false

  constructor(parts: FetchingParts) {
    this.#parts = parts
  }

  /** Something may be wanted, or have come. */
  look(space: SpaceId): void {
    if (this.#isClosed) return
    this.#rounds.get(space)?.()
    this.#rounds.delete(space)
    const wanted = this.#parts.wanted(space, atOnceMax)
    if (wanted.length === 0) return
    for (const digest of wanted) this.#parts.ask(space, digest)
    this.#rounds.set(
      space,
      this.#parts.timing.after(againMs, () => this.look(space)),
    )
  }

  close(): void {
    this.#isClosed = true
    for (const end of this.#rounds.values()) end()
  }
}
