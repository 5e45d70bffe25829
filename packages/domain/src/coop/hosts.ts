import type { Did, Facts, HostAdd, HostRemove, NoBody } from '@icn/protocol'
import { dayMs, hostLapseDays, HostAdd as HostAddBody, HostRemove as HostRemoveBody, NoBody as NoBodySchema } from '@icn/protocol'
import { decidesOf } from '../charter/index.ts'
import type { KindSpec } from './kind.ts'
import { coopRow, countOf, isFounder } from './state.ts'
import type { HostRow } from './tables.ts'
import { hosts, liveHostStatuses, members, standingStatuses } from './tables.ts'
import { addCount, noteDeed } from './write.ts'

/** Nodes that hold the space. They are named by people, agree themselves, and are nobody's member. */

/** Larger: a majority for finality is never together; smaller: federations cannot spread. */
export const hostsMax = 64

const allStatuses = ['forming', 'active', 'suspended', 'dissolving'] as const

/** The nodes that count for finality. */
export function activeHosts(facts: Facts): readonly Did[] {
  const found: Did[] = []
  for (const [[did], row] of facts.scan(hosts)) if (row.status === 'active') found.push(did)
  return found
}

/** From when on somebody who was host at the last cut counts no more [ms]; undefined: still counts, or never did. */
export function hostLapsesAt(facts: Facts, host: Did): number | undefined {
  const row = facts.get(hosts, [host])
  if (row?.status === 'left') return 0
  return row?.status !== 'removed' || row.ended_at === undefined ? undefined : row.ended_at + hostLapseDays * dayMs
}

export function hostHasLapsed(facts: Facts, host: Did, at: number): boolean {
  const lapse = hostLapsesAt(facts, host)
  return lapse !== undefined && lapse <= at
}

const openHosts = (facts: Facts): number => facts.count(hosts) - countOf(facts, 'hosts.ended')

function isPerson(facts: Facts, did: Did): boolean {
  const row = facts.get(members, [did])
  if (row !== undefined && (standingStatuses.has(row.status) || row.status === 'applied' || row.status === 'invited')) return true
  return coopRow(facts)?.status === 'forming' && isFounder(facts, did)
}

export const hostAdd: KindSpec<HostAdd> = {
  kind: 'coop.host.add',
  key: 'N',
  body: HostAddBody,
  statuses: allStatuses,
  by: 'coop.hosts',
  subject: (body) => body.did,
  way: (_ask, facts, rules) => (coopRow(facts)?.status === 'forming' ? 'one' : decidesOf(rules, 'coop.host.add')),
  check(c, facts, j) {
    const row = facts.get(hosts, [c.body.did])
    j.refuseIf(isPerson(facts, c.body.did), 'NODE_AS_MEMBER', { params: { did: c.body.did } })
    j.refuseIf(row !== undefined && liveHostStatuses.has(row.status), 'HOST_EXISTS')
    const used = openHosts(facts)
    j.refuseIf(used >= hostsMax, 'HOSTS_FULL', { params: { limit: hostsMax }, limit: hostsMax, used })
  },
  apply(c, tables) {
    const { did, label, note } = c.body
    const before = tables.get(hosts, [did])
    if (before !== undefined) addCount(tables, 'hosts.ended', -1)
    tables.put(hosts, [did], { status: 'invited', label, added_by: c.proposer, added_at: c.op.at[0], note: note ?? '' })
    noteDeed(tables, c, { kind: 'host', ref: did })
    tables.emit('coop.host_added', { did, label })
  },
}

export const hostAccept: KindSpec<NoBody> = {
  kind: 'coop.host.accept',
  key: 'R',
  body: NoBodySchema,
  statuses: allStatuses,
  by: 'anyone',
  check(c, facts, j) {
    const status = facts.get(hosts, [c.proposer])?.status
    j.refuseIf(status !== 'invited' && status !== 'active', 'HOST_NOT_INVITED', { params: { status: status ?? 'none' } })
    // Invited as a node, then admitted as a person elsewhere: both at once can never be.
    j.refuseIf(isPerson(facts, c.proposer), 'NODE_AS_MEMBER', { params: { did: c.proposer } })
    j.refuseIf(status === 'active', 'HOST_EXISTS')
  },
  apply(c, tables) {
    const row = tables.get(hosts, [c.proposer]) as HostRow
    tables.put(hosts, [c.proposer], { ...row, status: 'active', accepted_at: c.op.at[0] })
    addCount(tables, 'hosts.active', 1)
    tables.emit('coop.host_accepted', { did: c.proposer })
  },
}

/** Ends a host's part; its row stays with its dates. */
export function endHost(tables: Parameters<KindSpec['apply']>[1], did: Did, row: HostRow, status: 'left' | 'removed', at: number): void {
  if (row.status === 'active') addCount(tables, 'hosts.active', -1)
  addCount(tables, 'hosts.ended', 1)
  const { status_before: _b, ...kept } = row
  tables.put(hosts, [did], { ...kept, status, ended_at: at })
  tables.emit('coop.host_removed', { did, status })
}

const isLastHost = (facts: Facts, row: HostRow | undefined): boolean => row?.status === 'active' && countOf(facts, 'hosts.active') <= 1

export const hostRemove: KindSpec<HostRemove> = {
  kind: 'coop.host.remove',
  key: 'D',
  body: HostRemoveBody,
  statuses: ['forming', 'active', 'suspended', 'dissolving', 'dissolved'],
  by: 'coop.hosts',
  subject: (body) => body.did,
  way: (_ask, facts, rules) => (coopRow(facts)?.status === 'forming' ? 'one' : decidesOf(rules, 'coop.host.remove')),
  check(c, facts, j) {
    const row = facts.get(hosts, [c.body.did])
    j.refuseIf(row === undefined || !liveHostStatuses.has(row.status), 'HOST_UNKNOWN')
    j.refuseIf(isLastHost(facts, row), 'LAST_HOST')
  },
  apply(c, tables) {
    const row = tables.get(hosts, [c.body.did]) as HostRow
    endHost(tables, c.body.did, row, 'removed', c.op.at[0])
  },
}

export const hostLeave: KindSpec<NoBody> = {
  kind: 'coop.host.leave',
  key: 'R',
  body: NoBodySchema,
  statuses: ['forming', 'active', 'suspended', 'dissolving', 'dissolved'],
  by: 'anyone',
  check(c, facts, j) {
    const row = facts.get(hosts, [c.proposer])
    j.refuseIf(row === undefined || !liveHostStatuses.has(row.status), 'HOST_UNKNOWN')
    j.refuseIf(isLastHost(facts, row), 'LAST_HOST')
  },
  apply(c, tables) {
    endHost(tables, c.proposer, tables.get(hosts, [c.proposer]) as HostRow, 'left', c.op.at[0])
  },
}
