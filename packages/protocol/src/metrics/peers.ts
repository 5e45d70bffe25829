import { snapshotEnds, snapshotPhases } from '../snapshot/messages.ts'
import { evidenceNames, evidenceSources, gateRefusals, greetingCodes, peerClasses, snapOutcomes, syncOutcomes, throttleReasons } from '../peers.ts'
import { defineMetrics } from './define.ts'

const snapshotSeconds = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300] as const

/** Who may stay, and who was sent away (network page §15). */
export const peerMetrics = defineMetrics({
  icn_misbehaviour_reports_total: { type: 'counter', labels: { reason: evidenceNames, source: evidenceSources }, says: 'Bad manners that were seen, charged to somebody or not.' },
  icn_network_bans_total: { type: 'counter', labels: { reason: [...evidenceNames, 'operator'] }, says: 'Bans, by what came last before them.' },
  icn_network_gate_refusals_total: { type: 'counter', labels: { reason: gateRefusals }, says: 'Connections that were refused, before or after their key was proven.' },
  icn_network_throttled_total: { type: 'counter', labels: { reason: throttleReasons }, says: 'Times something that a peer sent unasked had to wait.' },
  icn_network_hello_failures_total: {
    type: 'counter',
    labels: { code: greetingCodes },
    says: 'Greetings that came to nothing, by what one side said.',
  },
  icn_network_links: { type: 'gauge', labels: { state: ['greeting', 'ready'] }, says: 'Streams to peers, by how far they are.' },
  icn_replication_sent_operations_total: { type: 'counter', says: 'Operations sent to peers.' },
  icn_replication_sent_bytes_total: { type: 'counter', says: 'Bytes of operations sent to peers.' },
  icn_replication_received_operations_total: { type: 'counter', says: 'Operations that peers have sent, new here or not.' },
  icn_replication_received_bytes_total: { type: 'counter', says: 'Bytes of operations that peers have sent.' },
  icn_replication_syncs_total: {
    type: 'counter',
    labels: { outcome: syncOutcomes },
    says: 'Comparisons with peers, space by space: equal at once, equal after what was lacking had come, or broken off before.',
  },
  icn_replication_lag_seconds: { type: 'gauge', says: 'For how long the space that is furthest behind has lacked something that a peer is known to have; 0: nothing is lacking.' },
  icn_replication_spaces_alone: { type: 'gauge', says: 'Spaces held together with other hosts, none of which this node is in touch with.' },
  icn_commons_knowledge_age_seconds: {
    type: 'gauge',
    says: 'How long ago a majority of the keepers had told this node nothing about the network that is not here; since the start where they never did.',
  },
  icn_replication_credit_waits_total: { type: 'counter', says: 'Times sending operations had to wait until a peer had folded what it has.' },
  icn_snapshot_messages_total: {
    type: 'counter',
    labels: { outcome: snapOutcomes },
    says: 'Messages about cuts: received; handed up or for others; said and passed on, once for each link; repeated, and dropped, by reason.',
  },
  icn_snapshot_total: { type: 'counter', labels: { outcome: snapshotEnds }, says: 'Snapshots that have ended here, by how.' },
  icn_snapshot_active: { type: 'gauge', says: 'Snapshots under way.' },
  icn_snapshot_duration_seconds: { type: 'histogram', buckets: snapshotSeconds, says: 'Time from the beginning of a snapshot to its end.' },
  icn_snapshot_phase_duration_seconds: { type: 'histogram', labels: { phase: snapshotPhases }, buckets: snapshotSeconds, says: 'Time that snapshots spent in each phase.' },
  icn_snapshot_missing_participants: { type: 'gauge', says: 'Hosts that the last snapshot had to do without.' },
  icn_snapshot_state_bytes: { type: 'gauge', says: 'Size of the state that was last made final.' },
  icn_snapshot_divergences_total: { type: 'counter', says: 'Snapshots in which hosts found different states of the same operations; must be 0.' },
  icn_snapshot_unserved_total: { type: 'counter', says: 'Snapshots held up because a host named operations that nobody has.' },
  icn_network_peers_by_class: { type: 'gauge', labels: { class: peerClasses }, says: 'Connected peers by what they are to this node.' },
})
