import { CallRefusal } from '@icn/node'
import type { Did, RowCost } from '@icn/protocol'
import { heavyMax, heavyPerCallerMax } from '../options.ts'
import { addressKey } from './address.ts'
import { Buckets, type RateAnswer } from './buckets.ts'

/** Rate limits of one door: two buckets for each call, caller and address, and how many heavy calls run at once. */
export class Limits {
  readonly #buckets: Buckets
  /** caller or address → heavy calls running. */
  readonly #heavy = new Map<string, number>()
  #heavyNow = 0
  readonly #onLimited: (cost: RowCost) => void

  constructor(parts: { readonly now: () => number; readonly ratePermille: number; readonly onLimited: (cost: RowCost) => void }) {
    this.#buckets = new Buckets(parts)
    this.#onLimited = parts.onLimited
  }

  /** Takes a token from each bucket that counts this call. Throws RATE_LIMITED. */
  take(cost: RowCost, who: { readonly did?: Did; readonly operator: boolean; readonly address: string; readonly about?: string }): RateAnswer {
    const address = addressKey(who.address)
    // The operator at the machine is not a crowd.
    const real: RowCost = who.operator && who.did === undefined ? 'operator' : cost
    const keys = [address]
    // Keyed by address and DID together, so that nobody can lock out somebody else.
    if (real === 'auth' && who.about !== undefined) keys.push(`${address} ${who.about}`)
    if (real !== 'auth' && real !== 'public' && who.did !== undefined) keys.push(who.did)
    const answer = this.#buckets.take(real, keys)
    if (!answer.ok) {
      this.#onLimited(real)
      throw new CallRefusal('RATE_LIMITED', { params: { limit: real, burst: answer.burst }, retryAfterMs: answer.retryAfterMs })
    }
    return answer
  }

  /** Runs a heavy call when there is room for one more. */
  async heavy<T>(who: string, work: () => Promise<T>): Promise<T> {
    const mine = this.#heavy.get(who) ?? 0
    if (mine >= heavyPerCallerMax || this.#heavyNow >= heavyMax) {
      this.#onLimited('heavy')
      throw new CallRefusal('RATE_LIMITED', { params: { limit: 'heavy', at_once: mine >= heavyPerCallerMax ? heavyPerCallerMax : heavyMax }, retryAfterMs: 1_000 })
    }
    this.#heavy.set(who, mine + 1)
    this.#heavyNow++
    try {
      return await work()
    } finally {
      this.#heavyNow--
      const left = (this.#heavy.get(who) ?? 1) - 1
      if (left === 0) this.#heavy.delete(who)
      else this.#heavy.set(who, left)
    }
  }
}
