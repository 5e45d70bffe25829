import { type Clock, clockAfter, clockZero, compareClocks } from '@icn/protocol'

/** The node's hybrid logical clock (Kulkarni et al. 2014). Never goes back, whatever the wall clock does. */
export class HybridClock {
  readonly #wall: () => number
  #last: Clock
  #lastWall = 0
  /** Times the wall clock was seen to jump back by more than a second. */
  backwardJumps = 0

  constructor(wall: () => number, last: Clock = clockZero) {
    this.#wall = wall
    this.#last = last
  }

  /** Wall clock of this machine [ms]. */
  wallMs(): number {
    const now = this.#wall()
    if (now < this.#lastWall - 1_000) this.backwardJumps++
    this.#lastWall = now
    return now
  }

  /** What `tick` would answer now. */
  peek(): Clock {
    const wall = this.wallMs()
    return wall > this.#last[0] ? [wall, 0] : clockAfter(this.#last)
  }

  /** A value after everything made or received so far. */
  tick(): Clock {
    this.#last = this.peek()
    return this.#last
  }

  /** Moves past a received value. */
  witness(at: Clock): void {
    if (compareClocks(at, this.#last) > 0) this.#last = at
  }

  get last(): Clock {
    return this.#last
  }
}
