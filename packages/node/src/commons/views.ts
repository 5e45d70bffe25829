import { charterHashOf, coopHosts, coopRow, type DirectoryRow, publishedCharters, readSettings } from '@icn/domain'
import type { DirectoryChanges, DirectoryStatus, DirectoryView, Facts, PublishedCharterView } from '@icn/protocol'
import { encodeTrusted, equalBytes, timeText } from '@icn/protocol'

/** The directory as the doors show it, and where it is no longer what the coop is. */

const time = (ms: number | undefined): string | null => (ms === undefined ? null : timeText(ms))

export function directoryView(coopId: string, row: DirectoryRow): DirectoryView {
  return {
    coop_id: coopId,
    genesis: row.genesis,
    name: row.name,
    type: row.type,
    status: row.status,
    charter_hash: row.charter_hash ?? null,
    charter_version: row.charter_version ?? null,
    controllers: [...row.controllers],
    threshold: row.threshold,
    hosts: row.hosts.map(({ did, addresses, origin }) => ({ did, addresses: [...addresses], origin: origin ?? null })),
    description: row.description ?? null,
    website: row.website ?? null,
    version: row.version,
    reserved_by: row.reserved_by,
    expires_at: time(row.expires_at),
    registered_at: time(row.registered_at),
    updated_at: timeText(row.updated_at),
  }
}

/** The newest that was published. */
export function charterViewOf(commons: Facts, coopId: string): PublishedCharterView | undefined {
  const [found] = [...commons.scan(publishedCharters, { prefix: [coopId], reverse: true, limit: 1 })]
  if (found === undefined) return undefined
  const [[, version], { hash, charter, signatures }] = found
  return {
    coop_id: coopId,
    version,
    hash,
    charter: charter ?? null,
    verified: charter !== undefined && charterHashOf(charter) === hash,
    signers: signatures.map(({ did }) => did),
  }
}

export interface Said {
  readonly name: string
  readonly type: DirectoryRow['type']
  readonly status: DirectoryStatus
  readonly charter_hash: DirectoryRow['charter_hash']
  readonly hosts: DirectoryRow['hosts']
  readonly description: string | undefined
  readonly website: string | undefined
}

/** What a coop's own state says of what the directory shows; undefined while it is forming. */
export function saidBy(coop: Facts): Said | undefined {
  const row = coopRow(coop)
  if (row === undefined || row.status === 'forming') return undefined
  const settings = readSettings(coop)
  const text = (field: string): string | undefined => (typeof settings[field] === 'string' && settings[field] !== '' ? (settings[field] as string) : undefined)
  return {
    name: row.name,
    type: row.type,
    status: row.status,
    charter_hash: row.charter_hash,
    hosts: coopHosts(coop).map((did) => ({ did, addresses: [] })),
    description: text('description'),
    website: text('website'),
  }
}

const isSame = (some: unknown, other: unknown): boolean => equalBytes(encodeTrusted(some ?? null), encodeTrusted(other ?? null))

/** What the coop is and its entry does not say. Addresses of hosts are the controllers' to give and are left as they are. */
export function changesOf(said: Said, row: DirectoryRow): DirectoryChanges {
  const changes: Record<string, unknown> = {}
  for (const field of ['name', 'type', 'status', 'charter_hash', 'description', 'website'] as const)
    if (said[field] !== undefined && !isSame(said[field], row[field])) changes[field] = said[field]
  const names = (hosts: DirectoryRow['hosts']): string[] => hosts.map(({ did }) => did).sort()
  if (!isSame(names(said.hosts), names(row.hosts))) changes['hosts'] = said.hosts.map((host) => row.hosts.find(({ did }) => did === host.did) ?? host)
  return changes as DirectoryChanges
}
