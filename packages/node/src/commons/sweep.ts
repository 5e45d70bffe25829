import { commonsProfile, dueInCommons } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import { commonsSpace } from '@icn/protocol'

/** Items of one operation; the rest comes with the next round. */
const itemsMax = 100

/** Proposes what time has ended in `commons`: ids that waited too long for their coop. How many. */
export async function sweepCommons(journal: JournalApi, now: number): Promise<number> {
  const facts = journal.read(commonsSpace)
  if (facts === undefined || journal.info(commonsSpace)?.isMute === true || !commonsProfile.isKnownNode(facts, journal.node)) return 0
  const items = dueInCommons(facts, now, itemsMax)
  if (items.length === 0) return 0
  const { outcome } = await journal.propose({ space: commonsSpace, kind: 'commons.sweep', author: journal.node, grant: null, body: { items } })
  return outcome === 'applied' ? items.length : 0
}
