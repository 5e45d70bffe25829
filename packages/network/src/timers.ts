import type { Timing } from './ports.ts'

/** What a link is going to do later, so that all of it ends with the link. */
export class Timers {
  readonly #timing: Timing
  readonly #waiting = new Set<() => void>()
  readonly #fault: (error: unknown) => void
  #isOver = false

  /** `fault`: what was to be done has failed, and nobody waits for it. */
  constructor(timing: Timing, fault: (error: unknown) => void) {
    this.#timing = timing
    this.#fault = fault
  }

  /** Once the link has ended nothing is going to happen: what was awaited meanwhile may ask in vain. */
  after(ms: number, run: () => void): () => void {
    if (this.#isOver) return () => {}
    const cancel = this.#timing.after(ms, () => {
      this.#waiting.delete(cancel)
      try {
        run()
      } catch (error) {
        this.#fault(error)
      }
    })
    this.#waiting.add(cancel)
    return () => {
      this.#waiting.delete(cancel)
      cancel()
    }
  }

  end(): void {
    this.#isOver = true
    for (const cancel of this.#waiting) cancel()
    this.#waiting.clear()
  }
}
