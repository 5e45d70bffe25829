import type { RowCost } from '@icn/protocol'
import { rateTable } from '../options.ts'

/** Larger: memory for addresses that come once; smaller: a busy afternoon forgets who was greedy. */
const keysMax = 100_000

export interface RateAnswer {
  readonly ok: boolean
  /** Which bucket said no, or has least left: class and what it counts. */
  readonly limit: string
  readonly remaining: number
  readonly burst: number
  /** When one more call fits, or the bucket is full again [ms]. */
  readonly retryAfterMs: number
  readonly resetMs: number
}

/** Token buckets, key → level at a time; bounded, least recently used goes (doors page §7). */
export class Buckets {
  readonly #levels = new Map<string, { level: number; at: number }>()
  readonly #now: () => number
  readonly #scale: number

  /** `now` is a monotonic clock [ms]. */
  constructor(parts: { readonly now: () => number; readonly ratePermille: number }) {
    this.#now = parts.now
    this.#scale = parts.ratePermille / 1_000
  }

  get size(): number {
    return this.#levels.size
  }

  /** Takes one token from each key's bucket, or none when one is empty. */
  take(cost: RowCost, keys: readonly string[]): RateAnswer {
    const { burst: tableBurst, perSecond: tableRate } = rateTable[cost]
    const burst = Math.max(1, tableBurst * this.#scale)
    const perMs = (tableRate * this.#scale) / 1_000
    const now = this.#now()
    const levels = keys.map((key) => {
      const name = `${cost} ${key}`
      const seen = this.#levels.get(name)
      return { name, level: seen === undefined ? burst : Math.min(burst, seen.level + (now - seen.at) * perMs) }
    })
    const least = levels.reduce((a, b) => (b.level < a.level ? b : a))
    const ok = least.level >= 1
    for (const { name, level } of levels) this.#set(name, ok ? level - 1 : level, now)
    const left = ok ? least.level - 1 : least.level
    return {
      ok,
      limit: cost,
      remaining: Math.floor(left),
      burst: Math.floor(burst),
      retryAfterMs: ok ? 0 : Math.ceil((1 - least.level) / perMs),
      resetMs: Math.ceil((burst - left) / perMs),
    }
  }

  #set(name: string, level: number, at: number): void {
    this.#levels.delete(name)
    if (this.#levels.size >= keysMax) this.#levels.delete(this.#levels.keys().next().value as string)
    this.#levels.set(name, { level, at })
  }
}

/** The form of draft-ietf-httpapi-ratelimit-headers, in one place because it still moves. */
export function rateHeaders(answer: RateAnswer): Readonly<Record<string, string>> {
  const window = Math.ceil(answer.burst / rateTable[answer.limit as RowCost].perSecond)
  return {
    'RateLimit-Policy': `"${answer.limit}";q=${answer.burst};w=${window}`,
    RateLimit: `"${answer.limit}";r=${Math.max(0, answer.remaining)};t=${Math.ceil(answer.resetMs / 1_000)}`,
  }
}
