/** What is to happen later, unless all of it is taken back. */
export class Alarms {
  readonly #timing: { after(ms: number, run: () => void): () => void }
  readonly #cancels = new Set<() => void>()

  constructor(timing: { after(ms: number, run: () => void): () => void }) {
    this.#timing = timing
  }

  after(ms: number, run: () => void): void {
    const cancel = this.#timing.after(ms, () => {
      this.#cancels.delete(cancel)
      run()
    })
    this.#cancels.add(cancel)
  }

  clear(): void {
    for (const cancel of this.#cancels) cancel()
    this.#cancels.clear()
  }
}
