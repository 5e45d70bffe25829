import type { ForkSeen, JournalObserver } from '@icn/journal'
import type { Metrics } from '@icn/node'
import { bodies, type SpaceId } from '@icn/protocol'
import type { Log } from './log.ts'

export interface ObserverParts {
  readonly metrics: Metrics
  readonly log: Pick<Log, 'info'>
  fault(operation: 'law_fault' | 'internal' | 'events', error: unknown): void
  /** The journal cannot go on. */
  lost(error: unknown): void
  /** A key was used twice, and this shows it. */
  forked(space: SpaceId, fork: ForkSeen): void
  /** A majority of the hosts has signed another state than was found here. */
  diverged: NonNullable<JournalObserver['diverged']>
  /** Rows that cannot be read are added here. */
  readonly undecodable: Set<string>
}

/** Counts what the engine says it did, and has a line for each operation that was written. Nothing here decides anything. */
export function countingObserver({ metrics, log, fault, lost, forked, diverged, undecodable }: ObserverParts): JournalObserver {
  return {
    committed(ms, operations) {
      metrics.add('icn_store_commits_total', 1)
      metrics.observe('icn_store_commit_duration_seconds', ms / 1_000)
      metrics.observe('icn_store_operations_per_commit', operations)
    },
    decided(kind, outcome, codes) {
      metrics.add('icn_journal_decisions_total', 1, { kind, outcome } as never)
      if (kind.startsWith('coop.')) metrics.add('icn_coop_operations_total', 1, { kind, outcome } as never)
      else if (kind.startsWith('identity.') || kind.startsWith('act.')) metrics.add('icn_identity_operations_total', 1, { kind, outcome } as never)
      if (outcome === 'refused') for (const code of codes) metrics.add('icn_journal_refusals_total', 1, { code } as never)
      if (kind === 'identity.revoke' && outcome === 'lawful') metrics.add('icn_identity_revocations_total', 1)
    },
    placed(kind, status) {
      metrics.add('icn_journal_operations_total', 1, { kind, status } as never)
      // One that came behind the cut; `late` tells of those that were here when a cut passed over them.
      if (status === 'late') metrics.add('icn_journal_late_total', 1)
      // The kind of a stranger's operation may be any text.
      log.info('operation', 'operation written', { kind: Object.hasOwn(bodies, kind) ? kind : 'other', outcome: status })
    },
    malformed: (reason) => metrics.add('icn_journal_malformed_total', 1, { reason } as never),
    rewound(operations) {
      metrics.add('icn_journal_rewinds_total', 1)
      metrics.observe('icn_journal_rewound_operations', operations)
    },
    revised: (operations) => metrics.add('icn_journal_revised_total', operations),
    late: (operations) => metrics.add('icn_journal_late_total', operations),
    forked(space, forks) {
      metrics.add('icn_journal_forks_total', forks.length)
      for (const fork of forks) forked(space, fork)
    },
    evicted: (operations) => metrics.add('icn_journal_evicted_total', operations),
    lawFault(kind, error) {
      metrics.add('icn_journal_law_faults_total', 1, { kind } as never)
      fault('law_fault', error)
    },
    diverged(space, told) {
      metrics.add('icn_snapshot_divergences_total', 1)
      diverged(space, told)
    },
    undecodable: (row) => undecodable.add(row),
    lost,
    fault: (doing, error) => fault(doing === 'subscriber' ? 'events' : 'internal', error),
  }
}
