import { coopRow, countOf, invites, reviews as reviewTable } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import type { CoopStatus, MemberStatus } from '@icn/protocol'
import { coopStatuses, dayMs, memberStatuses } from '@icn/protocol'

/** What the metrics of coops show, over every coop held here. */
export interface CoopGauges {
  readonly coops: Readonly<Record<CoopStatus, number>>
  readonly members: Readonly<Record<MemberStatus, number>>
  readonly reviews_open: number
  readonly conflicts_open: number
  readonly invites: Readonly<Record<'open' | 'used_up' | 'cancelled' | 'review', number>>
  /** Coops that have been forming, and reviews that have been open, longer than is good. */
  readonly stuck: Readonly<Record<'founding' | 'review', number>>
}

/** After this long a matter is listed as stuck (coop page §§5 and 8). */
const stuckDays = { founding: 180, review: 14 }

const zeros = <Key extends string>(keys: readonly Key[]): Record<Key, number> => Object.fromEntries(keys.map((key) => [key, 0])) as Record<Key, number>

/** Reads the counts that laws keep; only invitations are looked through. */
export function coopGauges(journal: JournalApi, now: number): CoopGauges {
  const coops = zeros(coopStatuses)
  const members = zeros(memberStatuses)
  const states = zeros(['open', 'used_up', 'cancelled', 'review'] as const)
  let reviews = 0
  let conflicts = 0
  const stuck = { founding: 0, review: 0 }
  for (const { space } of journal.spaces()) {
    const facts = space.startsWith('coop:') ? journal.read(space) : undefined
    const coop = facts === undefined ? undefined : coopRow(facts)
    if (facts === undefined || coop === undefined) continue
    coops[coop.status]++
    if (coop.status === 'forming' && coop.founded_at < now - stuckDays.founding * dayMs) stuck.founding++
    for (const [, review] of facts.scan(reviewTable)) if (review.state === 'open' && review.opened_at < now - stuckDays.review * dayMs) stuck.review++
    for (const status of memberStatuses) members[status] += countOf(facts, `members.${status}`)
    reviews += countOf(facts, 'reviews.open')
    conflicts += countOf(facts, 'conflicts.open')
    for (const [, row] of facts.scan(invites)) states[row.state]++
  }
  return { coops, members, reviews_open: reviews, conflicts_open: conflicts, invites: states, stuck }
}
