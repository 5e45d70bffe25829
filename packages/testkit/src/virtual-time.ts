interface Entry {
  readonly at: number
  readonly order: number
  run(): void
}

/** A clock that moves from one thing to do to the next, and waits for nothing. Ties run in the order in which they were asked for. */
export class VirtualTime {
  #now: number
  #order = 0
  readonly #queue: Entry[] = []
  readonly #busy: () => boolean

  /** `busy`: something that was begun goes on without this clock (a commit, say) and is waited for before time moves on. */
  constructor(start: number, busy: () => boolean = () => false) {
    this.#now = start
    this.#busy = busy
  }

  now(): number {
    return this.#now
  }

  after(ms: number, run: () => void): () => void {
    const entry = { at: this.#now + Math.max(0, ms), order: this.#order++, run }
    this.#queue.push(entry)
    return () => {
      const index = this.#queue.indexOf(entry)
      if (index >= 0) this.#queue.splice(index, 1)
    }
  }

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms
    await this.#settle()
    for (;;) {
      let next: Entry | undefined
      for (const entry of this.#queue) if (next === undefined || entry.at < next.at || (entry.at === next.at && entry.order < next.order)) next = entry
      if (next === undefined || next.at > until) break
      this.#queue.splice(this.#queue.indexOf(next), 1)
      this.#now = next.at
      next.run()
      await this.#settle()
    }
    this.#now = until
  }

  async #settle(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve))
    while (this.#busy())
  }
}
