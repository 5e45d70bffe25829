import { dueIdentity } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import type { SpaceId } from '@icn/protocol'
import { profileOf } from './views.ts'

/** Items of one operation; the rest comes with the next round. */
const itemsMax = 100

/** Proposes what time has ended in every space that counts this node as its own: acts that found nobody. Spaces in which something was written. */
export async function sweepIdentity(journal: JournalApi, now: number, signal?: AbortSignal): Promise<readonly SpaceId[]> {
  const swept: SpaceId[] = []
  for (const { space, isMute } of journal.spaces()) {
    if (signal?.aborted === true) break
    if (isMute) continue
    const facts = journal.read(space)
    if (facts === undefined || !profileOf(space).isKnownNode(facts, journal.node)) continue
    const items = dueIdentity(facts, now, itemsMax)
    if (items.length === 0) continue
    const { outcome } = await journal.propose({ space, kind: 'identity.sweep', author: journal.node, grant: null, body: { items } })
    if (outcome === 'applied') swept.push(space)
  }
  return swept
}
