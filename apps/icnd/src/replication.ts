import { commonsRules, coopRules } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import type { TrafficPort } from '@icn/network'
import type { Metrics, NetworkPort } from '@icn/node'
import { commonsSpace, type Did, type SpaceId } from '@icn/protocol'

/** What moves between the hosts of a space, and what does not, as numbers. */

export const countTraffic = (metrics: Pick<Metrics, 'add'>): TrafficPort => ({
  sent(operations, bytes) {
    metrics.add('icn_replication_sent_operations_total', operations)
    metrics.add('icn_replication_sent_bytes_total', bytes)
  },
  received(operations, bytes) {
    metrics.add('icn_replication_received_operations_total', operations)
    metrics.add('icn_replication_received_bytes_total', bytes)
  },
  creditWait: () => metrics.add('icn_replication_credit_waits_total', 1),
  synced: (outcome) => metrics.add('icn_replication_syncs_total', 1, { outcome }),
  snap: (outcome) => metrics.add('icn_snapshot_messages_total', 1, { outcome }),
})

export interface SpacesParts {
  readonly journal: Pick<JournalApi, 'node' | 'read' | 'spaces'>
  readonly metrics: Pick<Metrics, 'set'>
  /** Undefined where this node was told to stay alone. */
  readonly network: Pick<NetworkPort, 'sync'> | undefined
  now(): number
}

/** How far this node is behind, and which spaces it holds with others without being in touch with any of them. */
export function measureSpaces(parts: SpacesParts): void {
  const { journal, metrics, network, now } = parts
  const since = journal.spaces().flatMap(({ space }) => {
    const sync = network?.sync(space)
    return sync?.state === 'behind' ? [sync.since] : []
  })
  metrics.set('icn_replication_lag_seconds', since.length === 0 ? 0 : Math.max(0, now() - Math.min(...since)) / 1_000)
  metrics.set('icn_replication_spaces_alone', spacesAlone(parts).length)
}

/** Spaces that this node is to hold together with others, none of which it is in touch with. */
export function spacesAlone({ journal, network }: Pick<SpacesParts, 'journal' | 'network'>): readonly SpaceId[] {
  return journal.spaces().flatMap(({ space }) => {
    const hosts = hostsOf(journal, space)
    return hosts.length > 1 && hosts.includes(journal.node) && (network?.sync(space).state ?? 'alone') === 'alone' ? [space] : []
  })
}

/** Hosts of a coop; of commons its keepers. */
export function hostsOf(journal: Pick<JournalApi, 'read'>, space: SpaceId): readonly Did[] {
  const facts = journal.read(space)
  return facts === undefined ? [] : (space === commonsSpace ? commonsRules : coopRules).hosts(facts)
}
