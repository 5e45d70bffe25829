import type { Timing } from './ports.ts'

/** What a link is going to do later, so that all of it ends with the link. */
export class Timers {
  readonly #timing: Timing
  readonly #waiting = new Set<() => void>()

  constructor(timing: Timing) {
    this.#timing = timing
  }

  after(ms: number, run: () => void): () => void {
    const cancel = this.#timing.after(ms, () => {
      this.#waiting.delete(cancel)
      run()
    })
    this.#waiting.add(cancel)
    return () => {
      this.#waiting.delete(cancel)
      cancel()
    }
  }

  end(): void {
    for (const cancel of this.#waiting) cancel()
    this.#waiting.clear()
  }
}
