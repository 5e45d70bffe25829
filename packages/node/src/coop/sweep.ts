import { calendarTable, coopRow, dueItems, hosts } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import type { SpaceId } from '@icn/protocol'
import { extendedOffsets } from './time-zone.ts'

/** What time brings to coops: this node proposes it as a host, the law looks whether it is so. */

/** Larger: one operation writes too many rows; smaller: a backlog takes more rounds. */
const itemsMax = 100

export interface Swept {
  readonly space: SpaceId
  readonly kind: 'coop.sweep' | 'coop.calendar.set'
  readonly items: number
  readonly outcome: 'applied' | 'already_done' | 'refused'
}

function isActiveHost(journal: JournalApi, space: SpaceId): boolean {
  return journal.read(space)?.get(hosts, [journal.node])?.status === 'active'
}

/** Proposes what is due in every coop that this node hosts; one round for each call, the rest comes with the next. */
export async function sweepCoops(journal: JournalApi, now: number, signal?: AbortSignal): Promise<readonly Swept[]> {
  const done: Swept[] = []
  for (const { space, isMute } of journal.spaces()) {
    if (signal?.aborted === true) break
    if (isMute || !space.startsWith('coop:') || !isActiveHost(journal, space)) continue
    const facts = journal.read(space)
    if (facts === undefined) continue
    const status = coopRow(facts)?.status
    if (status === undefined || status === 'forming' || status === 'dissolved') continue
    const items = dueItems(facts, now, itemsMax)
    if (items.length > 0) {
      const { outcome } = await journal.propose({ space, kind: 'coop.sweep', author: journal.node, grant: null, body: { items } })
      done.push({ space, kind: 'coop.sweep', items: items.length, outcome })
    }
    const row = facts.get(calendarTable, [])
    const offsets = row === undefined ? undefined : extendedOffsets(row.offsets, row.time_zone, now)
    if (row !== undefined && offsets !== undefined) {
      const { outcome } = await journal.propose({ space, kind: 'coop.calendar.set', author: journal.node, grant: null, body: { time_zone: row.time_zone, offsets } })
      done.push({ space, kind: 'coop.calendar.set', items: offsets.length - row.offsets.length, outcome })
    }
  }
  return done
}
