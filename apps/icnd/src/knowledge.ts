import { isKeeper, keepersOf } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import { commonsSpace, type Did, type SpaceId } from '@icn/protocol'

/**
 * How old this node's knowledge of its network may be (commons page §2): a majority of the keepers, itself counted where it is one,
 * had told nothing that was not here. It begins anew with each start, and no clock that people set has a part in it.
 */
export class Knowledge {
  readonly #journal: Pick<JournalApi, 'node' | 'read'>
  /** Milliseconds that only go on. */
  readonly #now: () => number
  /** Keeper → when it last told what was here. At most as many as there have been keepers since the start. */
  readonly #coveredAt = new Map<Did, number>()

  constructor(journal: Pick<JournalApi, 'node' | 'read'>, now: () => number = () => performance.now()) {
    this.#journal = journal
    this.#now = now
  }

  /** What the peer has just told to have of the space is here. */
  covered(peer: Did, space: SpaceId): void {
    if (space !== commonsSpace) return
    const facts = this.#journal.read(commonsSpace)
    if (facts !== undefined && isKeeper(facts, peer)) this.#coveredAt.set(peer, this.#now())
  }

  /** Milliseconds; undefined: never since the start. */
  age(): number | undefined {
    const facts = this.#journal.read(commonsSpace)
    const keepers = facts === undefined ? [] : keepersOf(facts)
    const now = this.#now()
    const ages = keepers.flatMap((did) => (did === this.#journal.node ? [0] : this.#coveredAt.has(did) ? [now - (this.#coveredAt.get(did) as number)] : []))
    return ages.sort((a, b) => a - b)[Math.floor(keepers.length / 2)]
  }
}
