import { type Did, laddersMax } from '@icn/protocol'
import type { Timing } from './ports.ts'

/** Links that this node wants and does not have: dialled again and again, ever more seldom (network page §5). */

const firstMs = 5_000
const backoffMsMax = 600_000
/** With whom there is work to do together: a line that is back is used within seconds. Larger: both sides work apart for longer; smaller: a host that is gone for good costs more dials. */
const closeBackoffMsMax = 15_000
const spread = 0.2
/** A link that lasted so long was a good one [ms]: the next loss is the first again. */
const goodMs = 60_000
/** Whom to be linked with is asked anew after so long at the latest, for others are drawn as time passes. Larger: a draw lasts longer; smaller: work for nothing. */
const lookMsMax = 60_000

export interface WantedParts {
  /** Peers to be linked with. */
  wanted(): readonly Did[]
  isLinked(peer: Did): boolean
  /** Does it host a space that this node hosts, too? */
  isClose(peer: Did): boolean
  /** True when the peer has answered. */
  climb(peer: Did): Promise<boolean>
  /** Ends a link that was dialled here and is not wanted any more. */
  letGo(peer: Did): void
  readonly timing: Timing
  fault(error: unknown): void
}

interface State {
  /** Tries and short links in a row. */
  failures: number
  /** When the next try is due. */
  due: number
  climbing: boolean
  /** A new way has become known while the ways before it were tried. */
  news: boolean
  readyAt?: number
  /** The link was dialled here: whoever else wants it dials it, too. */
  isOurs: boolean
  /** It belongs to another network: until then it is not dialled, whatever is heard of it. */
  foreignUntil?: number
}

export class Wanted {
  readonly #parts: WantedParts
  /** Bound: what is wanted, and forgotten with it. */
  readonly #states = new Map<Did, State>()
  #cancel: () => void = () => {}
  #closed = false

  constructor(parts: WantedParts) {
    this.#parts = parts
  }

  /** Looks at everything: what is due is dialled, and the next look is set. */
  look(): void {
    if (this.#closed) return
    const { wanted, isLinked, timing } = this.#parts
    const now = timing.now()
    const peers = new Set(wanted())
    this.#forgetOthers(peers, now)
    let next = now + lookMsMax
    let running = [...this.#states.values()].filter(({ climbing }) => climbing).length
    for (const peer of peers) {
      const state = this.#state(peer)
      if (state.climbing || isLinked(peer)) continue
      const due = Math.max(state.due, state.foreignUntil ?? 0)
      if (due <= now) {
        // Whoever has no place is looked at when a ladder ends.
        if (running++ < laddersMax) void this.#climb(peer, state)
      } else next = Math.min(next, due)
    }
    this.#cancel()
    this.#cancel = timing.after(Math.max(next - now, 100), () => this.look())
  }

  /** What is wanted no more is let go, if it was this side that wanted it. */
  #forgetOthers(peers: ReadonlySet<Did>, now: number): void {
    for (const [peer, { climbing, isOurs, foreignUntil = now }] of [...this.#states]) {
      if (peers.has(peer) || climbing) continue
      if (isOurs && this.#parts.isLinked(peer)) this.#parts.letGo(peer)
      else if (foreignUntil <= now) this.#states.delete(peer)
    }
  }

  /** There is a new way to this peer: it is tried at once. */
  hasNews(peer: Did): void {
    const state = this.#states.get(peer)
    if (state !== undefined) {
      state.due = this.#parts.timing.now()
      state.news = state.climbing
    }
    this.look()
  }

  /** The peer lives in another network, or by other rules. */
  foreign(peer: Did): void {
    const state = this.#states.get(peer)
    if (state !== undefined) state.foreignUntil = this.#parts.timing.now() + backoffMsMax
  }

  ready(peer: Did): void {
    const state = this.#state(peer)
    state.readyAt = this.#parts.timing.now()
    delete state.foreignUntil
  }

  /** The link has ended: redialled at once, unless that happens again and again. */
  lost(peer: Did): void {
    if (this.#closed) return
    const state = this.#state(peer)
    const now = this.#parts.timing.now()
    const { readyAt } = state
    delete state.readyAt
    state.isOurs = false
    if (readyAt !== undefined && now - readyAt >= goodMs) state.failures = 0
    state.due = readyAt !== undefined && state.failures === 0 ? now : now + this.#backoff(peer, state)
    state.failures++
    this.look()
  }

  close(): void {
    this.#closed = true
    this.#cancel()
  }

  async #climb(peer: Did, state: State): Promise<void> {
    state.climbing = true
    try {
      // A link that greets makes it good; one that does not ends, and is counted then.
      if (await this.#parts.climb(peer)) state.isOurs = true
      else state.failures++
    } catch (error) {
      state.failures++
      this.#parts.fault(error)
    }
    state.climbing = false
    // Whom it wants is read from a state that may be closed by now.
    if (this.#closed) return
    state.due = this.#parts.timing.now() + (state.news ? 0 : this.#backoff(peer, state))
    state.news = false
    this.look()
  }

  #backoff(peer: Did, { failures }: State): number {
    const most = this.#parts.isClose(peer) ? closeBackoffMsMax : backoffMsMax
    const ms = Math.min(firstMs * 2 ** Math.max(failures - 1, 0), most)
    return Math.min(ms * (1 + spread * (2 * this.#parts.timing.chance() - 1)), most)
  }

  #state(peer: Did): State {
    const known = this.#states.get(peer)
    if (known !== undefined) return known
    const state: State = { failures: 0, due: 0, climbing: false, news: false, isOurs: false }
    this.#states.set(peer, state)
    return state
  }
}
