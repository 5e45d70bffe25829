import { statfsSync } from 'node:fs'
import { reviewOf } from '@icn/domain'
import type { Sessions } from '@icn/gateway'
import type { JournalApi, Store } from '@icn/journal'
import {
  type Archives,
  type Backups,
  coopGauges,
  type Metrics,
  type NetworkPort,
  measureIdentity,
  type NodeEventLog,
  type SnapshotCoordinator,
  type Supervisor,
  sweepCommons,
  sweepCoops,
  sweepIdentity,
  type Trust,
  TrustSweeper,
} from '@icn/node'
import type { SpaceId } from '@icn/protocol'
import { minuteMs } from '@icn/protocol'
import type { ClockKeeper } from './clock.ts'
import type { Knowledge } from './knowledge.ts'
import type { Config } from './config/option.ts'
import { HostSetWatch } from './host-sets.ts'
import type { Log } from './log.ts'
import type { Peers } from './peers.ts'
import { hostsOf, measureSpaces } from './replication.ts'

export interface BackgroundParts {
  readonly config: Config
  readonly journal: JournalApi
  readonly store: Store
  readonly metrics: Metrics
  readonly supervisor: Supervisor
  readonly now: () => number
  readonly startedAt: number
  readonly undecodable: ReadonlySet<string>
  readonly sessions: Sessions
  readonly trust: Trust
  /** The disk is said to be full, whatever it is. */
  isDiskFull(): boolean
  readonly clock: ClockKeeper
  readonly knowledge: Pick<Knowledge, 'age'>
  readonly peers: Peers
  readonly network: NetworkPort | undefined
  snapshots(): SnapshotCoordinator
  readonly log: Pick<Log, 'error' | 'warn'>
  readonly nodeEvents: Pick<NodeEventLog, 'tell'>
  readonly backups: Backups | undefined
  readonly archives: Archives | undefined
  /** Replaces keys of tokens and seals that are due. */
  turnKeys(): void
}

/** How often it is looked whether a cut is due anywhere. Larger: intervals are kept less well; smaller: looked in vain. */
const dueLookMs = 10_000

/** Work that nobody calls for: deadlines, cuts, measured gauges, the clock. Every failure is counted under its name. Answers how to measure at once. */
export function startBackground(parts: BackgroundParts): () => void {
  const { config, journal, supervisor } = parts
  const edges = new TrustSweeper(journal)
  supervisor.every('sweep', config['supervisor.sweep_interval_secs'] * 1_000, async (signal) => {
    await journal.maintain()
    await sweepCoops(journal, parts.now(), signal)
    await sweepIdentity(journal, parts.now(), signal)
    await edges.sweep(parts.now())
    await sweepCommons(journal, parts.now())
  })
  supervisor.every('session_cleanup', minuteMs, () => {
    parts.sessions.sweep()
    parts.turnKeys()
  })
  if (config['snapshot.auto']) supervisor.every('checkpoint', dueLookMs, (signal) => parts.snapshots().runDue(signal))
  const { backups } = parts
  if (backups !== undefined) {
    // What a crash has left of one that was tried.
    void backups.clear().catch((error: unknown) => supervisor.fault('backup', error))
    supervisor.every('backup', minuteMs, (signal) => backups.runDue(signal))
  }
  supervisor.every('archive', minuteMs, (signal) => parts.archives?.runDue(signal))
  const hostSets = new HostSetWatch(parts)
  const look = (): void => {
    measure(parts)
    hostSets.look()
  }
  supervisor.every('metrics_refresh', config['supervisor.metrics_update_interval_secs'] * 1_000, look)
  supervisor.every('clock_check', config['supervisor.clock_sync_interval_secs'] * 1_000, () => parts.clock.check())
  look()
  return look
}

/** Before a stop: everything is final wherever this node is the one host. */
export async function cutLast(journal: JournalApi): Promise<void> {
  for (const { space, unfinal, isMute } of journal.spaces()) if (unfinal > 0 && !isMute && isOnlyHost(journal, space)) await journal.checkpoint(space, 0)
}

function isOnlyHost(journal: JournalApi, space: SpaceId): boolean {
  const hosts = hostsOf(journal, space)
  return hosts.length === 1 && hosts[0] === journal.node
}

function measure(parts: BackgroundParts): void {
  const { journal, metrics, store, config } = parts
  metrics.set('icn_uptime_seconds', (parts.now() - parts.startedAt) / 1_000)
  metrics.set('icn_store_bytes', store.sizeOnDisk(), { part: 'database' })
  const free = parts.isDiskFull() ? 0 : freeBytes(config.data_dir)
  if (free !== undefined && store.kind === 'sqlite') {
    metrics.set('icn_store_free_disk_bytes', free)
    // Read-only below the reserve; writing resumes by itself when there is half as much again.
    const reserve = config['store.reserve_bytes']
    if (free < reserve) journal.isFull = true
    else if (free >= 1.5 * reserve) journal.isFull = false
  }
  metrics.set('icn_store_rows_undecodable', parts.undecodable.size)
  metrics.set('icn_store_read_only', journal.isFull ? 1 : 0)
  let held = 0
  let unfinal = 0
  let quarantine = 0
  let cut = 0
  for (const info of journal.spaces()) {
    held += info.operations.held
    unfinal += info.unfinal
    quarantine += waiting(journal, info.space)
    cut = Math.max(cut, info.checkpoint?.cut[0] ?? 0)
  }
  metrics.set('icn_journal_held_operations', held)
  metrics.set('icn_journal_unfinal_operations', unfinal)
  metrics.set('icn_journal_quarantine_operations', quarantine)
  metrics.set('icn_journal_checkpoint_timestamp_seconds', cut / 1_000)
  metrics.set('icn_auth_sessions', parts.sessions.count)
  metrics.set('icn_auth_used_nonces', parts.sessions.usedCount)
  const age = parts.knowledge.age()
  metrics.set('icn_commons_knowledge_age_seconds', (age ?? parts.now() - parts.startedAt) / 1_000)
  parts.trust.measure()
  parts.peers.measure()
  parts.network?.measure()
  measureSpaces(parts)
  measureCoops(parts)
}

/** Entries looked at for the gauge; more than that is enough to know. */
const quarantineLookMax = 500

/** Operations that could not be used and that nobody has settled. */
function waiting(journal: JournalApi, space: SpaceId): number {
  const facts = journal.read(space)
  if (facts === undefined) return 0
  return journal.quarantine(space, { limit: quarantineLookMax }).filter(({ operation }) => reviewOf(facts, operation.id) === undefined).length
}

/** Numbers of all coops together. */
function measureCoops({ journal, metrics, now }: BackgroundParts): void {
  const { coops, members, invites, reviews_open, conflicts_open, stuck } = coopGauges(journal, now())
  measureIdentity(journal, metrics, now())
  for (const [status, count] of Object.entries(coops)) metrics.set('icn_coop_coops', count, { status: status as keyof typeof coops })
  for (const [state, count] of Object.entries(members)) metrics.set('icn_coop_members', count, { state: state as keyof typeof members })
  for (const [state, count] of Object.entries(invites)) metrics.set('icn_coop_invites', count, { state: state as keyof typeof invites })
  metrics.set('icn_coop_reviews_open', reviews_open)
  metrics.set('icn_coop_conflicts_open', conflicts_open)
  for (const kind of ['founding', 'review'] as const) metrics.set('icn_stuck_matters', stuck[kind], { kind })
}

/** Free room for this user where the data is; undefined where the system does not tell. */
export function freeBytes(folder: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    return undefined
  }
}
