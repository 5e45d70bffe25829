import { CallRefusal, type Mailbox } from '../calls/index.ts'
import type { Timing } from './time.ts'
import { turnMsMax } from './options.ts'

export interface MailboxParts {
  /** Whose it is, for the answer. */
  readonly actor: string
  readonly timing: Timing
  /** Runs something in the actor's name, so that a failure nobody catches can be told whose it is. */
  readonly within: <T>(work: () => T) => T
  readonly onDepth: (depth: number) => void
  readonly onRejected: () => void
  readonly onAnswered: (ms: number) => void
  /** Work that kept the turn too long. */
  readonly onStuck: () => void
  /** Work that ended with an error; the caller gets it too. */
  readonly onError: (error: unknown) => void
}

interface Waiting {
  readonly start: () => void
  readonly refuse: (error: unknown) => void
}

/** How soon a refused caller may try again. */
const retryAfterMs = 250

/**
 * A bounded place in front of an actor. Messages run one after the other; the next begins when the one before has ended or has said `release`
 * (a write does when the journal has taken its proposal). Waiting and running messages count against the bound, released ones do not.
 */
export class BoundedMailbox implements Mailbox {
  readonly #count: number
  readonly #parts: MailboxParts
  readonly #waiting: Waiting[] = []
  #busy = false
  #depth = 0
  #closed: 'ACTOR_DOWN' | 'STOPPING' | undefined = 'ACTOR_DOWN'

  constructor(count: number, parts: MailboxParts) {
    this.#count = count
    this.#parts = parts
  }

  get depth(): number {
    return this.#depth
  }

  open(): void {
    this.#closed = undefined
  }

  /** Takes no new messages, and tells those that wait. What runs already may end. */
  close(why: 'ACTOR_DOWN' | 'STOPPING'): void {
    this.#closed = why
    for (const { refuse: tell } of this.#waiting.splice(0)) {
      this.#leave()
      tell(busy(why, this.#parts.actor))
    }
  }

  deliver<T>(work: (release: () => void) => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) return Promise.reject(busy(this.#closed, this.#parts.actor))
    if (this.#depth >= this.#count) {
      this.#parts.onRejected()
      return Promise.reject(busy('MAILBOX_FULL', this.#parts.actor))
    }
    this.#depth++
    this.#parts.onDepth(this.#depth)
    const arrived = this.#parts.timing.now()
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ start: () => void this.#run(work, arrived).then(resolve, reject), refuse: reject })
      this.#next()
    })
  }

  async #run<T>(work: (release: () => void) => Promise<T>, arrived: number): Promise<T> {
    const { timing } = this.#parts
    let released = false
    const release = (): void => {
      if (released) return
      released = true
      cancel()
      this.#leave()
      this.#busy = false
      this.#next()
    }
    const cancel = timing.after(turnMsMax, () => {
      this.#parts.onStuck()
      release()
    })
    try {
      return await this.#parts.within(() => work(release))
    } catch (error) {
      this.#parts.onError(error)
      throw error
    } finally {
      this.#parts.onAnswered(timing.now() - arrived)
      release()
    }
  }

  #next(): void {
    if (this.#busy) return
    const next = this.#waiting.shift()
    if (next === undefined) return
    this.#busy = true
    next.start()
  }

  #leave(): void {
    this.#depth--
    this.#parts.onDepth(this.#depth)
  }
}

const busy = (code: 'MAILBOX_FULL' | 'ACTOR_DOWN' | 'STOPPING', actor: string): CallRefusal => new CallRefusal(code, { params: { actor }, retryAfterMs })
