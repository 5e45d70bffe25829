/** Names that doors and metrics share about peers (network page §4, §11). */

/** From the most to the least trusted; `banned` stands outside of the row. */
export const peerClasses = ['cohost', 'allowed', 'federated', 'partner', 'known', 'guest', 'banned'] as const
export type PeerClass = (typeof peerClasses)[number]

/** Parts of a node that see bad manners. */
export const evidenceSources = ['journal', 'snapshot', 'network', 'gossip', 'compute', 'ledger'] as const

export const evidenceNames = [
  'malformed_operation',
  'bad_signature',
  'fork',
  'double_ack',
  'false_marker',
  'bad_chunk',
  'bad_page',
  'frame_error',
  'oversize',
  'credit_exceeded',
  'budget_exceeded',
  'unsolicited',
  'want_unmet',
  'node_cloned',
  'gossip_invalid',
  'result_disagrees',
  'receipt_false',
  'lease_abandoned',
  'replayed_statement',
] as const
export type EvidenceName = (typeof evidenceNames)[number]

/** Why a connection was refused: by its address, by how many there are, or by who it is. */
export const gateRefusals = [
  'address_banned',
  'address_rate',
  'address_pending',
  'address_full',
  'peer_full',
  'banned',
  'away',
  'not_trusted',
  'guests_full',
  'peers_full',
] as const
export type GateRefusal = (typeof gateRefusals)[number]

/** Why a greeting came to nothing, as one side says it to the other. */
export const greetingCodes = [
  'HELLO_TIMEOUT',
  'FRAME_INVALID',
  'NETWORK_MISMATCH',
  'RULES_MISMATCH',
  'VERSION_UNSUPPORTED',
  'PEER_NOT_TRUSTED',
  'PEER_BANNED',
  'PEERS_FULL',
  'GUESTS_FULL',
  'PASS_UNKNOWN',
  'PASS_INVALID',
  'PASS_EXPIRED',
  'PASS_USED_UP',
  'SLOW_PEER',
  'STOPPING',
] as const
export type GreetingCode = (typeof greetingCodes)[number]

/** Why something of a peer had to wait: too many frames, bytes or pushed operations, or the points it has gathered. */
export const throttleReasons = ['frames', 'bytes', 'operations', 'points'] as const
export type ThrottleReason = (typeof throttleReasons)[number]

/** How bytes travel between two nodes. */
export const networkPathNames = ['direct', 'punched', 'relayed', 'turn'] as const

/** How two nodes came to hold the same of a space; `broken`: they did not. */
export const syncOutcomes = ['equal', 'done', 'broken'] as const
export type SyncOutcome = (typeof syncOutcomes)[number]

/** What became of a message about a cut: `received`; handed up (`heard`) or meant `for_others`; `told` and `passed_on`, once for each link; the rest was dropped. */
export const snapOutcomes = [
  'received',
  'heard',
  'for_others',
  'told',
  'passed_on',
  'again',
  'not_shared',
  'not_a_host',
  'malformed',
  'bad_signature',
  'over_budget',
  'no_room',
] as const
export type SnapOutcome = (typeof snapOutcomes)[number]
