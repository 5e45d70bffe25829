import type { Did, PeerClass } from '@icn/protocol'

/** Who may stay, and what for (network page §4). */

/** What other protocols ask about a peer whose key is proven. */
export interface PeerFacts {
  classOf(peer: Did): PeerClass
  /** May it have this node's record and use its help? It shares a private space, is a keeper or a first contact, or holds a pass. */
  isEntitled(peer: Did): boolean
  /** Both have greeted. */
  isReady(peer: Did): boolean
}

/** What is proven or seen of a peer at this moment. */
export interface PeerEvidence {
  readonly isBanned: boolean
  /** Active host of a private space of which this node is one too, or a keeper as this node is. */
  readonly isCohost: boolean
  /** Named by the operator, first contact, holder of a good pass, or invited as host. */
  readonly isAllowed: boolean
  /** It has gathered so many points that it is trusted with little, whatever people say. */
  readonly isDoubtful: boolean
  /** Trust of this node in it, times its standing [‰]. */
  readonly trustPermille: number
}

const partnerPermille = 400
const federatedPermille = 700

/** The first class that fits. Doubt takes away what is owed to trust; what stewards or the operator have said stays, but for budgets. */
export function classOf({ isBanned, isCohost, isAllowed, isDoubtful, trustPermille }: PeerEvidence, minTrustPermille: number): PeerClass {
  if (isBanned) return 'banned'
  if (isCohost) return 'cohost'
  if (isDoubtful) return isAllowed || trustPermille >= minTrustPermille ? 'known' : 'guest'
  if (isAllowed) return 'allowed'
  if (trustPermille >= federatedPermille) return 'federated'
  if (trustPermille >= partnerPermille) return 'partner'
  return trustPermille >= minTrustPermille ? 'known' : 'guest'
}
