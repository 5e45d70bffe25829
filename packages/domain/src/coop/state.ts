import type { Did, Facts, MemberStatus, Power } from '@icn/protocol'
import type { CharterRules } from '../charter/index.ts'
import { readCharter, rulesOf } from '../charter/index.ts'
import { isFrozen } from '../identity/index.ts'
import type { CoopRow, MemberRow, OfficerRow } from './tables.ts'
import { charters, coopTable, counts, members, officers, rulesTable, standingStatuses } from './tables.ts'

export function coopRow(facts: Facts): CoopRow | undefined {
  return facts.get(coopTable, [])
}

/** The rules of the charter in force; while forming, of the text that stands for signing. */
export function charterRules(facts: Facts): CharterRules | undefined {
  const row = facts.get(rulesTable, [])
  if (row !== undefined) return row
  const document = facts.get(charters, [1])?.charter
  const charter = document === undefined ? undefined : readCharter(document)
  return document === undefined || charter === undefined ? undefined : rulesOf(document, charter)
}

/** Founders named in the charter text that stands, in its order. Read without the schema: the text was checked when it was written, and every request asks this. */
export function foundersOf(facts: Facts): readonly { readonly did: Did; readonly name: string; readonly roles: readonly string[] }[] {
  const founders = facts.get(charters, [1])?.charter['founders'] as readonly { did: Did; name: string; roles?: readonly string[] }[] | undefined
  return (founders ?? []).map(({ did, name, roles = ['member'] }) => ({ did, name, roles }))
}

export function isFounder(facts: Facts, did: Did): boolean {
  return foundersOf(facts).some((founder) => founder.did === did)
}

export function countOf(facts: Facts, name: string): number {
  return facts.get(counts, [name]) ?? 0
}

/** Members who have not left: provisional, active, suspended. */
export function membersStanding(facts: Facts): number {
  return countOf(facts, 'members.provisional') + countOf(facts, 'members.active') + countOf(facts, 'members.suspended')
}

export function membersMax(rules: CharterRules): number {
  return rules.membership.members_max === 0 ? 10_000 : rules.membership.members_max
}

export function without<T extends object, K extends keyof T>(row: T, ...fields: readonly K[]): Omit<T, K> {
  const copy = { ...row }
  for (const field of fields) delete copy[field]
  return copy
}

/** A suspension whose time is over counts as ended, also before the sweeper has written it down. */
export function effectiveMember(row: MemberRow, at: number): MemberRow {
  if (row.status !== 'suspended' || row.suspended_until_at === undefined || row.suspended_until_at > at || row.removal !== undefined) return row
  return { ...without(row, 'suspended_at', 'suspended_until_at', 'status_before'), status: row.status_before ?? 'active' }
}

export function memberAt(facts: Facts, did: Did, at: number): MemberRow | undefined {
  const row = facts.get(members, [did])
  return row === undefined ? undefined : effectiveMember(row, at)
}

export function statusAt(facts: Facts, did: Did, at: number): MemberStatus | undefined {
  return memberAt(facts, did, at)?.status
}

/** Deeds beyond the first two hundred of a removed person wait as one: everything done after this time is under review. */
export function restCovers(facts: Facts, by: Did, at: number): boolean {
  const from = facts.get(counts, [`rest:${by}`])
  return from !== undefined && at > from
}

export function inReview(facts: Facts, row: MemberRow): boolean {
  if (row.review !== undefined) return true
  return row.admitted_by.some((by) => restCovers(facts, by, row.admitted_at ?? row.invited_at ?? 0))
}

/** In the register, not left, and not an observer. */
export function isStanding(row: MemberRow | undefined): row is MemberRow {
  return row !== undefined && standingStatuses.has(row.status)
}

/** The office holds but for its term: active member, not under review, key not frozen. */
function holdsApartFromTerm(facts: Facts, did: Did, office: OfficerRow, at: number): boolean {
  if (office.review !== undefined || restCovers(facts, office.by, office.since_at)) return false
  const row = memberAt(facts, did, at)
  return row !== undefined && row.status === 'active' && !inReview(facts, row) && !isFrozen(facts, did)
}

const inTerm = (office: OfficerRow, at: number): boolean => office.until_at === undefined || office.until_at > at

/**
 * Stewards who can act at this time. One whose term is over goes on as caretaker while nobody else is effective.
 * `leaving: false` leaves out those whose notice is running: who counts on them counts on somebody who goes.
 */
export function effectiveStewards(facts: Facts, at: number, options: { readonly except?: Did; readonly leaving?: boolean } = {}): readonly Did[] {
  const able: Did[] = []
  const over: Did[] = []
  for (const [[, did], office] of facts.scan(officers, { prefix: ['steward'] })) {
    if (did === options.except || !holdsApartFromTerm(facts, did, office, at)) continue
    if (options.leaving === false && facts.get(members, [did])?.leaving_at !== undefined) continue
    if (inTerm(office, at)) able.push(did)
    else over.push(did)
  }
  return able.length > 0 ? able : over
}

export function holdsOffice(facts: Facts, role: string, did: Did, at: number): boolean {
  const office = facts.get(officers, [role, did])
  if (office === undefined || !holdsApartFromTerm(facts, did, office, at)) return false
  if (inTerm(office, at)) return true
  return role === 'steward' && effectiveStewards(facts, at).includes(did)
}

/** Everyone in office for one of these roles now; `member` is not an office and gives nobody here. */
export function holdersOf(facts: Facts, roles: readonly string[], at: number): readonly Did[] {
  const found = new Set<Did>()
  for (const role of roles) {
    if (role === 'steward') for (const did of effectiveStewards(facts, at)) found.add(did)
    else for (const [[, did], office] of facts.scan(officers, { prefix: [role] })) if (inTerm(office, at) && holdsApartFromTerm(facts, did, office, at)) found.add(did)
  }
  return [...found]
}

/** May this person do what the charter calls by this name, at this time. */
export function hasPower(facts: Facts, did: Did, power: Power, at: number): boolean {
  const coop = coopRow(facts)
  if (coop === undefined) return false
  if (coop.status === 'forming') return power === 'coop.hosts' && isFounder(facts, did)
  const rules = charterRules(facts)
  const row = memberAt(facts, did, at)
  if (rules === undefined || row === undefined || inReview(facts, row)) return false
  if (row.status === 'provisional') {
    if (!rules.membership.provisional_powers.includes(power)) return false
  } else if (row.status !== 'active') return false
  return rules.powers[power].some((role) => (role === 'member' ? row.roles.includes('member') : holdsOffice(facts, role, did, at)))
}

/** One rule for every ending: somebody must be left who can act as steward. */
export function leavesSteward(facts: Facts, did: Did, at: number, need = 1): { readonly ok: boolean; readonly have: number; readonly need: number } {
  const have = effectiveStewards(facts, at, { except: did, leaving: false }).length
  // Who is no effective steward takes nothing away by going.
  const counts = effectiveStewards(facts, at).includes(did)
  return { ok: !counts || have >= need, have, need }
}
