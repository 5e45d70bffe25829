import { commonsProfile, dueEdges } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import { commonsSpace } from '@icn/protocol'

/** Rows looked at in one round: larger rounds hold up others, smaller ones take longer to come around. Nothing is late that is swept days later. */
const rowsMax = 1_000
/** Items of one operation. */
const itemsMax = 100

/** Walks through all edges, some in each round, and proposes to take away those that were over long ago. */
export class TrustSweeper {
  readonly #journal: JournalApi
  #after: ReturnType<typeof dueEdges>['next']

  constructor(journal: JournalApi) {
    this.#journal = journal
  }

  /** How many edges went. */
  async sweep(now: number): Promise<number> {
    const journal = this.#journal
    const facts = journal.read(commonsSpace)
    if (facts === undefined || journal.info(commonsSpace)?.isMute === true || !commonsProfile.isKnownNode(facts, journal.node)) return 0
    const { items, next } = dueEdges(facts, now, { after: this.#after, rowsMax, itemsMax })
    this.#after = next
    if (items.length === 0) return 0
    const { outcome } = await journal.propose({ space: commonsSpace, kind: 'trust.sweep', author: journal.node, grant: null, body: { items } })
    return outcome === 'applied' ? items.length : 0
  }
}
