import { codes } from '../codes/index.ts'
import { bodies, trustGraphs } from '../bodies/index.ts'
import { methodNames } from '../operations/index.ts'
import { topics } from '../events/index.ts'
import { networkPathNames } from '../peers.ts'
import { defineMetrics } from './define.ts'
import { peerMetrics } from './peers.ts'

export type { MetricRow } from './define.ts'

const quick = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const
const kinds = Object.keys(bodies)
const codeNames = Object.keys(codes)
const methods = [...methodNames]
const classes = [...new Set(['ok', ...Object.values(codes).map((row) => row.class)])]

/** Parts of a node that can be started, counted and restarted, in start order. */
export const actorNames = ['store', 'journal', 'identity', 'commons', 'trust', 'coop', 'snapshot', 'network', 'metrics', 'rpc', 'gateway'] as const
/** Work in the background whose failures are counted by name, because nobody is there to catch them. */
export const backgroundOperations = [
  'metrics_server_start',
  'rpc_server',
  'gateway_server',
  'identity_bundle_missing',
  'shutdown_timeout',
  'clock_check',
  'metrics_refresh',
  'sweep',
  'checkpoint',
  'backup',
  'archive',
  'events',
  'session_cleanup',
  'bootstrap',
  'gossip',
  'mdns',
  'candidate_cleanup',
  'peer_exchange',
  'law_fault',
  'operation.submit',
  'actor',
  'internal',
  'unhandled',
  'other',
] as const
export const startupPhases = ['config', 'store', 'recover', 'identity', 'actors', 'network', 'replication', 'doors', 'ready'] as const
export const rateClasses = ['auth', 'public', 'read', 'write', 'govern', 'compute', 'heavy', 'operator'] as const

/** What restores are tried of: the whole node, or one space. */
const restorable = ['backup', 'archive', 'archive'] as const
const actor = { actor: actorNames }

// Times are by rate class and not by row: rows times buckets would pass the 500 series of a family.
export const metrics = defineMetrics({
  icn_supervisor_errors_total: { type: 'counter', labels: { operation: backgroundOperations }, says: 'Failures that nobody was there to catch, by what was being done.' },
  icn_supervisor_startup_phases_total: { type: 'counter', labels: { phase: startupPhases }, says: 'Phases of starting that were finished.' },
  icn_supervisor_startup_phase_duration_seconds: { type: 'gauge', labels: { phase: startupPhases }, says: 'How long each phase of the last start took.' },
  icn_supervisor_state: { type: 'gauge', says: '0 stopped, 1 starting, 2 running, 3 stopping.' },
  icn_supervisor_actors_spawned_total: { type: 'counter', labels: actor, says: 'Actors started.' },
  icn_supervisor_actor_spawn_failures_total: { type: 'counter', labels: actor, says: 'Actors that did not start.' },
  icn_supervisor_actor_restarts_total: { type: 'counter', labels: actor, says: 'Actors started again after a crash.' },
  icn_supervisor_actor_active: { type: 'gauge', labels: actor, says: '1 while the actor runs.' },
  icn_supervisor_mailbox_depth: { type: 'gauge', labels: actor, says: 'Messages waiting in front of the actor.' },
  icn_supervisor_mailbox_rejected_total: { type: 'counter', labels: actor, says: 'Messages refused because the mailbox was full.' },
  icn_supervisor_message_duration_seconds: { type: 'histogram', labels: actor, buckets: quick, says: 'Time from a message’s arrival to its answer.' },
  icn_build_info: { type: 'gauge', labels: { version: [] }, says: 'Always 1; the version is in the label.' },
  icn_uptime_seconds: { type: 'gauge', says: 'Since this process is ready.' },
  icn_clock_backward_jumps_total: { type: 'counter', says: 'Times the wall clock went back.' },
  icn_clock_offset_seconds: { type: 'gauge', says: 'How far the wall clock is ahead of the median of the peers’; negative: behind.' },
  icn_clock_checks_total: { type: 'counter', labels: { outcome: ['ok', 'off', 'jumped', 'no_peers', 'failed'] }, says: 'Comparisons of the wall clock.' },
  icn_store_bytes: { type: 'gauge', labels: { part: ['database', 'log', 'memory'] }, says: 'Bytes on disk or in memory.' },
  icn_store_free_disk_bytes: { type: 'gauge', says: 'Room left where the data is.' },
  icn_store_commit_duration_seconds: { type: 'histogram', buckets: quick, says: 'Time of one durable write.' },
  icn_store_commits_total: { type: 'counter', says: 'Durable writes.' },
  icn_store_operations_per_commit: { type: 'histogram', buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512], says: 'Operations that shared one durable write.' },
  icn_store_rows_undecodable: { type: 'gauge', says: 'Rows that cannot be read; must be 0.' },
  icn_store_read_only: { type: 'gauge', says: '1 while the disk is too full to write.' },
  icn_journal_operations_total: {
    type: 'counter',
    labels: { kind: kinds, status: ['held', 'applied', 'refused', 'late', 'forked', 'superseded'] },
    says: 'Operations placed, by kind and what became of them.',
  },
  icn_journal_decisions_total: { type: 'counter', labels: { kind: kinds, outcome: ['lawful', 'already_done', 'refused'] }, says: 'Decisions made, replays and trials left out.' },
  icn_journal_refusals_total: { type: 'counter', labels: { code: codeNames }, says: 'Reasons for which changes were refused.' },
  icn_journal_rewinds_total: { type: 'counter', says: 'Times the fold went back for an earlier operation.' },
  icn_journal_rewound_operations: { type: 'histogram', buckets: [1, 4, 16, 64, 256, 1_024, 4_096], says: 'Operations folded again by one rewind.' },
  icn_journal_revised_total: { type: 'counter', says: 'Outcomes that a rewind changed.' },
  icn_journal_held_operations: { type: 'gauge', says: 'Operations waiting for parents or the clock.' },
  icn_journal_evicted_total: { type: 'counter', says: 'Held operations that had to go for others.' },
  icn_journal_late_total: { type: 'counter', says: 'Operations that came behind a checkpoint.' },
  icn_journal_forks_total: { type: 'counter', says: 'Keys that were used twice for one number.' },
  icn_journal_quarantine_operations: { type: 'gauge', says: 'Operations that wait for a person.' },
  icn_journal_checkpoint_timestamp_seconds: { type: 'gauge', says: 'When the last checkpoint was settled here.' },
  icn_journal_unfinal_operations: { type: 'gauge', says: 'Operations that no checkpoint covers yet.' },
  icn_journal_malformed_total: {
    type: 'counter',
    labels: { reason: ['encoding', 'schema', 'size', 'body_hash', 'signature', 'body', 'statement', 'parents', 'genesis', 'chain', 'clock', 'wrong_space', 'wrong_network'] },
    says: 'Bytes that were no operation.',
  },
  icn_journal_law_faults_total: { type: 'counter', labels: { kind: kinds }, says: 'Laws that threw: our bugs; must be 0.' },
  icn_identity_operations_total: {
    type: 'counter',
    labels: { kind: kinds.filter((kind) => kind.startsWith('identity.') || kind.startsWith('act.')), outcome: ['lawful', 'already_done', 'refused'] },
    says: 'Operations of identity and acts.',
  },
  icn_identity_grants: { type: 'gauge', labels: { kind: ['device', 'node'] }, says: 'Live permissions over all spaces.' },
  icn_identity_revocations_total: { type: 'counter', says: 'Permissions ended.' },
  icn_auth_challenges_total: { type: 'counter', says: 'Sign-ins begun.' },
  icn_auth_verifications_total: { type: 'counter', labels: { outcome: ['ok', 'invalid', 'frozen', 'too_many', 'full'] }, says: 'Sign-ins finished, well or not.' },
  icn_auth_sessions: { type: 'gauge', says: 'Sessions that hold.' },
  icn_auth_used_nonces: { type: 'gauge', says: 'Used challenges that are remembered.' },
  icn_gateway_requests_total: { type: 'counter', labels: { method: methods, class: classes }, says: 'REST calls by row and class of answer.' },
  icn_gateway_request_duration_seconds: { type: 'histogram', labels: { cost: rateClasses }, buckets: quick, says: 'Time to answer a REST call.' },
  icn_gateway_in_flight: { type: 'gauge', says: 'REST calls being answered.' },
  icn_gateway_rate_limited_total: { type: 'counter', labels: { class: rateClasses }, says: 'Calls refused because there were too many.' },
  icn_gateway_deprecated_total: { type: 'counter', labels: { method: methods }, says: 'Calls of rows that are on their way out.' },
  icn_rpc_requests_total: { type: 'counter', labels: { method: methods, class: classes }, says: 'JSON-RPC calls by row and class of answer.' },
  icn_rpc_request_duration_seconds: { type: 'histogram', labels: { cost: rateClasses }, buckets: quick, says: 'Time to answer a JSON-RPC call.' },
  icn_rpc_in_flight: { type: 'gauge', says: 'JSON-RPC requests being answered.' },
  icn_events_subscribers: { type: 'gauge', labels: { transport: ['websocket', 'sse', 'page'] }, says: 'Readers that are connected.' },
  icn_events_sent_total: { type: 'counter', labels: { topic: topics }, says: 'Events sent to readers.' },
  icn_events_dropped_subscribers_total: { type: 'counter', labels: { reason: ['slow_consumer', 'not_allowed', 'expired'] }, says: 'Readers that were cut off.' },
  icn_events_resumes_total: { type: 'counter', labels: { outcome: ['fresh', 'resumed', 'truncated'] }, says: 'How subscriptions began.' },
  icn_coop_coops: { type: 'gauge', labels: { status: ['forming', 'active', 'suspended', 'dissolving', 'dissolved'] }, says: 'Cooperatives held here.' },
  icn_coop_members: {
    type: 'gauge',
    labels: { state: ['applied', 'invited', 'provisional', 'active', 'suspended', 'resigned', 'removed', 'banned', 'declined'] },
    says: 'People in the registers held here.',
  },
  icn_coop_operations_total: {
    type: 'counter',
    labels: { kind: kinds.filter((kind) => kind.startsWith('coop.')), outcome: ['lawful', 'already_done', 'refused'] },
    says: 'Operations of cooperatives.',
  },
  icn_coop_reviews_open: { type: 'gauge', says: 'Deeds that need a second look.' },
  icn_coop_conflicts_open: { type: 'gauge', says: 'Settings with two values.' },
  icn_coop_invites: { type: 'gauge', labels: { state: ['open', 'used_up', 'cancelled', 'review'] }, says: 'Invitations.' },
  icn_coop_import_rows_total: { type: 'counter', labels: { outcome: ['added', 'left_out'] }, says: 'Lines of registers brought in.' },
  icn_trust_edges: { type: 'gauge', says: 'Trust edges that stand.' },
  icn_trust_edges_set_total: { type: 'counter', labels: { graph: trustGraphs }, says: 'Trust edges set.' },
  icn_trust_scores_total: { type: 'counter', labels: { class: ['isolated', 'known', 'partner', 'federated'] }, says: 'Trust scores answered, by class.' },
  icn_trust_cache_hits_total: { type: 'counter', says: 'Scores of a graph that were remembered.' },
  icn_trust_cache_misses_total: { type: 'counter', says: 'Scores of a graph that had to be worked out.' },
  icn_trust_score_duration_seconds: { type: 'histogram', buckets: quick, says: 'Time to work out or find a score.' },
  icn_trust_pins: { type: 'gauge', says: 'Numbers that the operator gave by hand.' },
  icn_network_peers: { type: 'gauge', labels: { path: networkPathNames }, says: 'Peers that have greeted, by how they are reached.' },
  icn_network_rtt_seconds: { type: 'gauge', says: 'Median of the round trips to all peers.' },
  icn_network_candidates: { type: 'gauge', says: 'Records of other nodes that are held.' },
  icn_network_candidates_total: { type: 'counter', labels: { outcome: ['published', 'received', 'expired', 'rejected'] }, says: 'Records of nodes, own and others’.' },
  icn_network_peer_exchanges_total: { type: 'counter', labels: { outcome: ['ok', 'refused', 'failed', 'unsolicited'] }, says: 'Times that peers were asked whom they know.' },
  icn_network_dials_total: {
    type: 'counter',
    labels: { path: networkPathNames, outcome: ['connected', 'failed', 'late', 'not_admitted', 'refused', 'given_up'] },
    says: 'Tries to reach a peer at one address.',
  },
  icn_network_dial_duration_seconds: { type: 'histogram', labels: { path: networkPathNames }, buckets: quick, says: 'Time until a peer answered.' },
  icn_gossip_messages_total: {
    type: 'counter',
    labels: { topic: ['commons', 'candidates'], verdict: ['accept', 'ignore', 'reject', 'sent', 'dropped'] },
    says: 'Messages to everybody: what was made of those that came, and own ones.',
  },
  icn_acts: { type: 'gauge', labels: { state: ['open', 'done', 'withdrawn', 'expired'] }, says: 'Changes of several persons.' },
  ...peerMetrics,
  icn_backup_total: { type: 'counter', labels: { outcome: ['made', 'failed'] }, says: 'Backups of the whole node.' },
  icn_snapshot_bootstraps_total: {
    type: 'counter',
    labels: { outcome: ['installed', 'none', 'failed'] },
    says: 'States of spaces taken from other hosts; none: no host had one that was worth it.',
  },
  icn_snapshot_chunks_total: { type: 'counter', labels: { direction: ['in', 'out'], outcome: ['ok', 'bad'] }, says: 'Pieces of states on their way between nodes.' },
  icn_snapshot_splits: { type: 'gauge', says: 'Certificates that contradict what is final here: two ends of one story.' },
  icn_snapshot_host_sets_shrinking: { type: 'gauge', says: 'Spaces in which removed hosts still count for the next cut, until their seven days have run.' },
  icn_snapshot_archive_total: { type: 'counter', labels: { outcome: ['made', 'failed'] }, says: 'Archives of the states of spaces.' },
  icn_snapshot_archives: { type: 'gauge', labels: { state: ['kept', 'pinned', 'proven'] }, says: 'Archives in the folder of archives.' },
  icn_backup_interval_seconds: { type: 'gauge', says: 'How far apart backups are made; 0: none are made by themselves.' },
  icn_backup_timestamp_seconds: { type: 'gauge', says: 'When the last good backup was begun; 0: never.' },
  icn_restore_drill_total: {
    type: 'counter',
    labels: { outcome: ['proven', 'failed', 'partial'] },
    says: 'Restores that were tried, from backups and archives, by what came of them.',
  },
  icn_restore_drill_interval_seconds: { type: 'gauge', labels: { what: restorable }, says: 'How far apart such drills may be; 0: none are asked for.' },
  icn_restore_proven_timestamp_seconds: { type: 'gauge', labels: { what: restorable }, says: 'When a restore was last proven to work; 0: never.' },
  icn_restore_failing: { type: 'gauge', labels: { what: restorable }, says: 'Things whose last restore that was tried did not work.' },
  icn_stuck_matters: { type: 'gauge', labels: { kind: ['founding', 'review'] }, says: 'Matters that have waited longer than is good.' },
})

export type MetricName = keyof typeof metrics
export type MetricLabels<Name extends MetricName> = (typeof metrics)[Name] extends { readonly labels: infer Labels } ? { readonly [K in keyof Labels]: string } : undefined
