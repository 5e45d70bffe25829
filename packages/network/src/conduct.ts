import { dayMs, hourMs } from '@icn/protocol'

/** What is remembered of one DID: points that fade, what each kind has added lately, bans. */

/** Points are kept in thousandths, so that what fades slowly still fades. */
const milli = 1_000
/** One kind adds at most so much in an hour, and never less than one incident of it. */
const kindPointsMax = 100
/** Bans before this are no longer counted when the next one is measured. */
const bansRememberedMs = 30 * dayMs

export interface ConductRow {
  readonly milli: number
  readonly at: number
  /** Kind → when it added how much within the last hour. */
  readonly recent: readonly (readonly [kind: string, at: number, points: number])[]
  readonly away_until: number
  readonly banned_until: number
  readonly banned_by: 'points' | 'operator'
  readonly reason: string
  readonly bans: readonly number[]
}

export class Conduct {
  #milli = 0
  /** When `#milli` was worked out [ms]. */
  at = 0
  #recent: ConductRow['recent'] = []
  awayUntil = 0
  bannedUntil = 0
  bannedBy: 'points' | 'operator' = 'points'
  reason = ''
  #bans: readonly number[] = []

  static ofRow(row: ConductRow): Conduct {
    const conduct = new Conduct()
    conduct.#milli = row.milli
    conduct.at = row.at
    conduct.#recent = row.recent
    conduct.awayUntil = row.away_until
    conduct.bannedUntil = row.banned_until
    conduct.bannedBy = row.banned_by
    conduct.reason = row.reason
    conduct.#bans = row.bans
    return conduct
  }

  toRow(): ConductRow {
    return {
      milli: this.#milli,
      at: this.at,
      recent: this.#recent.map((one) => [...one]),
      away_until: this.awayUntil,
      banned_until: this.bannedUntil,
      banned_by: this.bannedBy,
      reason: this.reason,
      bans: [...this.#bans],
    }
  }

  /** Points that are left, to the nearest whole one, so that as many as one kind may add are as many in the seconds after; what is below one is none. A clock that was set back takes nothing away. */
  points(now: number, halfLifeMs: number): number {
    const left = this.#left(now, halfLifeMs)
    return left < milli ? 0 : Math.round(left / milli)
  }

  /** Adds what the hour leaves room for and answers how much that was; undefined: the hour is full, or what costs nothing was noted within it already. */
  charge(kind: string, points: number, now: number, halfLifeMs: number): number | undefined {
    this.#recent = this.#recent.filter(([, at]) => at > now - hourMs)
    const before = this.#recent.filter(([other]) => other === kind)
    const room = Math.max(kindPointsMax, points) - before.reduce((sum, [, , added]) => sum + added, 0)
    if (points === 0 ? before.length > 0 : room <= 0) return undefined
    const added = Math.min(points, room)
    this.#milli = this.#left(now, halfLifeMs) + added * milli
    this.at = Math.max(this.at, now)
    this.#recent = [...this.#recent, [kind, now, added]]
    this.reason = kind
    return added
  }

  ban(until: number, by: 'points' | 'operator', reason: string): void {
    this.bannedUntil = until
    this.bannedBy = by
    this.reason = reason
  }

  banForPoints(until: number, now: number): void {
    this.ban(until, 'points', this.reason)
    this.#bans = [...this.#bans.filter((at) => at > now - bansRememberedMs), now]
  }

  /** Bans for points within thirty days. */
  bansSince(now: number): number {
    return this.#bans.filter((at) => at > now - bansRememberedMs).length
  }

  /** Nothing is left of it. */
  isSpent(now: number, halfLifeMs: number): boolean {
    return this.bannedUntil <= now && this.bansSince(now) === 0 && this.points(now, halfLifeMs) === 0
  }

  #left(now: number, halfLifeMs: number): number {
    return Math.floor(this.#milli * 2 ** (-Math.max(0, now - this.at) / halfLifeMs))
  }
}
