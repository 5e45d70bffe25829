interface Entry {
  readonly at: number
  readonly order: number
  run: (() => void) | undefined
}

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

/** A clock that moves from one thing to do to the next, and waits for nothing. Ties run in the order in which they were asked for. */
export class VirtualTime {
  #now: number
  #order = 0
  /** A heap: no entry comes before its parent. What was taken back stays until its turn. */
  readonly #heap: Entry[] = []
  readonly #busy: () => boolean
  /** Things to do that nobody has taken back. */
  waiting = 0

  /** `busy`: something that was begun goes on without this clock (a commit, say) and is waited for before time moves on. */
  constructor(start: number, busy: () => boolean = () => false) {
    this.#now = start
    this.#busy = busy
  }

  now(): number {
    return this.#now
  }

  after(ms: number, run: () => void): () => void {
    const entry: Entry = { at: this.#now + Math.max(0, ms), order: this.#order++, run }
    this.#push(entry)
    this.waiting++
    return () => {
      if (entry.run === undefined) return
      entry.run = undefined
      this.waiting--
    }
  }

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms
    await this.#settle()
    for (let next = this.#heap[0]; next !== undefined && next.at <= until; next = this.#heap[0]) {
      this.#pop()
      const { run } = next
      if (run === undefined) continue
      next.run = undefined
      this.waiting--
      this.#now = next.at
      run()
      await this.#settle()
    }
    this.#now = until
  }

  async #settle(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve))
    while (this.#busy())
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let at = heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(entry, heap[parent] as Entry)) break
      heap[at] = heap[parent] as Entry
      at = parent
    }
    heap[at] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Entry
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child++
      if (!isBefore(heap[child] as Entry, last)) break
      heap[at] = heap[child] as Entry
      at = child
    }
    heap[at] = last
  }
}
