import type { CharterDocument, CharterHash, Did, Facts, MemberStatus, OperationId } from '@icn/protocol'
import { charterRules, coopRow, countOf, effectiveMember, effectiveStewards, isFounder, membersStanding } from './state.ts'
import type { ConflictRow, EntryRow, HostRow, InviteRow, LogRow, MemberRow, OfficerRow, ReviewRow } from './tables.ts'
import { charters, conflicts, entries, hosts, invites, log, members, officers, reviews, signatures } from './tables.ts'
import { readCharter } from '../charter/index.ts'

/** Reads of a coop's space. Nothing here keeps a second list: every answer comes from the rows that the laws read. */

export interface MemberFilter {
  readonly status?: readonly MemberStatus[]
  readonly role?: string
  readonly class?: string
  /** Part of a name, a number, or the end of a DID. */
  readonly q?: string
  /** Members after this DID, in the order of the table. */
  readonly after?: Did
  readonly limit?: number
}

const fold = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()

/** Folded form in which names are compared, so that accents and case do not hide a repeated person. */
export { fold as foldName }

export function matchesFilter(row: MemberRow, filter: MemberFilter): boolean {
  if (filter.status !== undefined && !filter.status.includes(row.status)) return false
  if (filter.role !== undefined && !row.roles.includes(filter.role)) return false
  if (filter.class !== undefined && row.class !== filter.class) return false
  if (filter.q === undefined || filter.q === '') return true
  return fold(row.name).includes(fold(filter.q)) || String(row.number) === filter.q || row.did.endsWith(filter.q)
}

export function listMembers(facts: Facts, filter: MemberFilter, at: number): readonly MemberRow[] {
  const found: MemberRow[] = []
  for (const [, stored] of facts.scan(members, filter.after === undefined ? {} : { after: [filter.after] })) {
    const row = effectiveMember(stored, at)
    if (!matchesFilter(row, filter)) continue
    found.push(row)
    if (found.length >= (filter.limit ?? Number.MAX_SAFE_INTEGER)) break
  }
  return found
}

/** A member's row as it stood at a past time, rebuilt by taking the log back; undefined: not there yet. */
export function memberAsOf(facts: Facts, did: Did, at: number): MemberRow | undefined {
  const now = facts.get(members, [did])
  if (now === undefined) return undefined
  const row: Record<string, unknown> = { ...now }
  for (const [[, time, op], entry] of facts.scan(log, { prefix: [did], reverse: true })) {
    if (time <= at) {
      row['version'] = op
      break
    }
    for (const change of entry.changes) {
      if ('before' in change) row[change.field] = change.before
      else delete row[change.field]
    }
  }
  return row['status'] === undefined ? undefined : effectiveMember(row as unknown as MemberRow, at)
}

export interface RegisterLine {
  readonly number: number
  readonly name: string
  readonly did?: Did
  readonly status: MemberStatus | 'entry'
  readonly roles: readonly string[]
  readonly class: string
  readonly tier?: string
  readonly shares: number
  readonly capital: string
  readonly since_at: number
}

export function lineOfMember(row: MemberRow): RegisterLine {
  return {
    number: row.number,
    name: row.name,
    did: row.did,
    status: row.status,
    roles: row.roles,
    class: row.class,
    ...(row.tier === undefined ? {} : { tier: row.tier }),
    shares: row.shares,
    capital: row.capital,
    since_at: row.joined_at ?? row.admitted_at ?? row.applied_at ?? row.invited_at ?? 0,
  }
}

function lineOfEntry(row: EntryRow): RegisterLine {
  return {
    number: row.number,
    name: row.name,
    status: 'entry',
    roles: row.roles,
    class: row.class,
    ...(row.tier === undefined ? {} : { tier: row.tier }),
    shares: row.shares,
    capital: row.capital,
    since_at: row.joined_at,
  }
}

const entryStood = (row: EntryRow, at: number): boolean =>
  row.added_at <= at && (row.taken_at === undefined || row.taken_at > at) && (row.removed === undefined || row.removed.at > at)

/** The register as of a date: members and entries, by number; works for any date since the founding. */
export function registerAsOf(facts: Facts, at: number): readonly RegisterLine[] {
  const lines: RegisterLine[] = []
  for (const [[did]] of facts.scan(members)) {
    const row = memberAsOf(facts, did, at)
    if (row !== undefined) lines.push(lineOfMember(row))
  }
  for (const [, row] of facts.scan(entries)) if (entryStood(row, at)) lines.push(lineOfEntry(row))
  return lines.sort((a, b) => a.number - b.number || (a.name < b.name ? -1 : 1))
}

export interface LogLine extends LogRow {
  readonly at: number
  readonly op: OperationId
}

/** Changes of one person's row, newest first. */
export function memberLog(facts: Facts, did: Did, options: { readonly limit?: number; readonly before?: readonly [number, OperationId] } = {}): readonly LogLine[] {
  const found: LogLine[] = []
  const after = options.before === undefined ? {} : { after: [did, options.before[0], options.before[1]] }
  for (const [[, at, op], row] of facts.scan(log, { prefix: [did], reverse: true, ...after })) {
    found.push({ ...row, at, op })
    if (found.length >= (options.limit ?? 200)) break
  }
  return found
}

export interface Officer extends OfficerRow {
  readonly role: string
  readonly did: Did
}

export function listOfficers(facts: Facts): readonly Officer[] {
  return [...facts.scan(officers)].map(([[role, did], row]) => ({ ...row, role, did }))
}

export function listHosts(facts: Facts): readonly (HostRow & { readonly did: Did })[] {
  return [...facts.scan(hosts)].map(([[did], row]) => ({ ...row, did }))
}

export function listInvites(facts: Facts): readonly (InviteRow & { readonly ref: OperationId })[] {
  return [...facts.scan(invites)].map(([[ref], row]) => ({ ...row, ref }))
}

/** Reviews older than this are listed as stuck. */
export const reviewStuckDays = 14

export function listReviews(facts: Facts): readonly (ReviewRow & { readonly op: OperationId })[] {
  return [...facts.scan(reviews)].map(([[op], row]) => ({ ...row, op }))
}

export function listConflicts(facts: Facts): readonly (ConflictRow & { readonly op: OperationId; readonly field: string })[] {
  return [...facts.scan(conflicts)].map(([[op, field], row]) => ({ ...row, op, field }))
}

export function listEntries(facts: Facts): readonly EntryRow[] {
  return [...facts.scan(entries)].map(([, row]) => row).filter((row) => row.removed === undefined && row.did === undefined)
}

export interface FounderStep {
  readonly did: Did
  readonly name: string
  readonly roles: readonly string[]
  readonly signed_at?: number
}

export interface FoundingState {
  readonly founded: boolean
  readonly ratified: boolean
  readonly active: boolean
  readonly charter_hash?: string
  readonly need: number
  readonly signed: number
  readonly founders: readonly FounderStep[]
  /** Forming for 180 days without an end. */
  readonly stuck: boolean
}

const stuckDays = 180

/** How far the founding has come, by what stands in the journal. */
export function foundingState(facts: Facts, at: number): FoundingState {
  const coop = coopRow(facts)
  const document = facts.get(charters, [1])?.charter
  const charter = document === undefined ? undefined : readCharter(document)
  const founders = (charter?.founders ?? []).map((founder) => {
    const signed = facts.get(signatures, [1, founder.did])
    return { did: founder.did, name: founder.name, roles: founder.roles, ...(signed === undefined ? {} : { signed_at: signed.at }) }
  })
  return {
    founded: coop !== undefined,
    ratified: coop?.ratified ?? false,
    active: coop?.activated_at !== undefined,
    ...(coop === undefined ? {} : { charter_hash: coop.charter_hash }),
    need: charter?.membership.min_founders ?? 0,
    signed: founders.filter((founder) => 'signed_at' in founder).length,
    founders,
    stuck: coop?.status === 'forming' && at > coop.founded_at + stuckDays * 86_400_000,
  }
}

/** The first text of the charter and who signed it, as it can be shown elsewhere; undefined before there is one. */
export function signedCharter(facts: Facts):
  | {
      readonly hash: CharterHash
      readonly charter: CharterDocument
      readonly signatures: readonly { readonly did: Did; readonly key: Did; readonly signature: Uint8Array }[]
    }
  | undefined {
  const row = facts.get(charters, [1])
  if (row === undefined) return undefined
  const found = [...facts.scan(signatures, { prefix: [1] })].filter(([, signed]) => signed.hash === row.hash)
  return { hash: row.hash, charter: row.charter, signatures: found.map(([[, did], { key, signature }]) => ({ did, key, signature })) }
}

export interface CoopStats {
  readonly coop_id: string
  readonly name: string
  readonly type: string
  readonly status: string
  readonly total_members: number
  readonly currency: string
  readonly created_at: number
}

export function coopStats(facts: Facts): CoopStats | undefined {
  const coop = coopRow(facts)
  if (coop === undefined) return undefined
  return {
    coop_id: coop.coop_id,
    name: coop.name,
    type: coop.type,
    status: coop.status,
    total_members: membersStanding(facts),
    currency: charterRules(facts)?.unit.code ?? '',
    created_at: coop.founded_at,
  }
}

export { charterRules, coopRow, countOf, effectiveStewards, isFounder, membersStanding }
