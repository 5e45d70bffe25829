import { coopRow, countOf, invites } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import type { CoopStatus, MemberStatus } from '@icn/protocol'
import { coopStatuses, memberStatuses } from '@icn/protocol'

/** What the metrics of coops show, over every coop held here. */
export interface CoopGauges {
  readonly coops: Readonly<Record<CoopStatus, number>>
  readonly members: Readonly<Record<MemberStatus, number>>
  readonly reviews_open: number
  readonly conflicts_open: number
  readonly invites: Readonly<Record<'open' | 'used_up' | 'cancelled' | 'review', number>>
}

const zeros = <Key extends string>(keys: readonly Key[]): Record<Key, number> => Object.fromEntries(keys.map((key) => [key, 0])) as Record<Key, number>

/** Reads the counts that laws keep; only invitations are looked through. */
export function coopGauges(journal: JournalApi): CoopGauges {
  const coops = zeros(coopStatuses)
  const members = zeros(memberStatuses)
  const states = zeros(['open', 'used_up', 'cancelled', 'review'] as const)
  let reviews = 0
  let conflicts = 0
  for (const { space } of journal.spaces()) {
    const facts = space.startsWith('coop:') ? journal.read(space) : undefined
    const coop = facts === undefined ? undefined : coopRow(facts)
    if (facts === undefined || coop === undefined) continue
    coops[coop.status]++
    for (const status of memberStatuses) members[status] += countOf(facts, `members.${status}`)
    reviews += countOf(facts, 'reviews.open')
    conflicts += countOf(facts, 'conflicts.open')
    for (const [, row] of facts.scan(invites)) states[row.state]++
  }
  return { coops, members, reviews_open: reviews, conflicts_open: conflicts, invites: states }
}
