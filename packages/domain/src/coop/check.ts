import type { Did, Facts, Finding } from '@icn/protocol'
import { encodeTrusted, equalBytes } from '@icn/protocol'
import { readCharter, rulesOf } from '../charter/index.ts'
import { isFrozen } from '../identity/index.ts'
import { charterRules, coopRow, countOf, effectiveStewards } from './state.ts'
import type { MemberRow } from './tables.ts'
import {
  charters,
  counts,
  deeds,
  due,
  entries,
  hosts,
  invites,
  liveHostStatuses,
  log,
  members,
  numbers,
  officers,
  reviews,
  rulesTable,
  signatures,
  standingStatuses,
} from './tables.ts'
import { builtinRoles, dueOfMember, termKey } from './write.ts'

/** Invariants C1–C10 as far as one state can show them; scans everything. Evidence names rows, so that a person can look. */
export function checkCoop(facts: Facts): readonly Finding[] {
  const findings: Finding[] = []
  const report = (broken: boolean, invariant: string, text: string, evidence?: Finding['evidence']): void => {
    if (broken) findings.push({ invariant, text, ...(evidence === undefined ? {} : { evidence }) })
  }
  const coop = coopRow(facts)
  if (coop === undefined) return findings
  checkStewards(facts, coop.status, report)
  checkNumbers(facts, report)
  checkCounts(facts, report)
  checkCharter(facts, report)
  checkPeople(facts, report)
  checkDue(facts, report)
  checkReviews(facts, report)
  return findings
}

type Report = (broken: boolean, invariant: string, text: string, evidence?: Finding['evidence']) => void

function checkStewards(facts: Facts, status: string, report: Report): void {
  if (status === 'forming' || status === 'dissolved') return
  const inOffice = [...facts.scan(officers, { prefix: ['steward'] })]
  report(inOffice.length === 0, 'C1', 'nobody is steward')
  // Stewards who froze their own keys are the one way to be without an effective one; time over means the clock of the last change.
  const at = latest(facts)
  const frozen = inOffice.some(([[, did]]) => isFrozen(facts, did))
  report(effectiveStewards(facts, at).length === 0 && !frozen, 'C1', 'no steward can act', { at })
}

/** Time of the newest change of a member; checks have no clock. */
function latest(facts: Facts): number {
  let at = 0
  for (const [[, time]] of facts.scan(log)) at = Math.max(at, time)
  return at
}

function checkNumbers(facts: Facts, report: Report): void {
  const seen = new Map<number, Did>()
  for (const [[did], row] of facts.scan(members)) {
    if (row.number === 0) continue
    report(seen.has(row.number), 'C3', 'a number names two people', { number: row.number, dids: [seen.get(row.number), did] })
    seen.set(row.number, did)
    report(facts.get(numbers, [row.number])?.did !== did, 'C3', 'a number is not indexed', { number: row.number, did })
  }
}

function checkCounts(facts: Facts, report: Report): void {
  const scanned = new Map<string, number>()
  const add = (name: string): void => void scanned.set(name, (scanned.get(name) ?? 0) + 1)
  for (const [, row] of facts.scan(members)) {
    add(`members.${row.status}`)
    if (standingStatuses.has(row.status)) add(`class.${row.class}`)
    if (row.status === 'applied') for (const did of row.sponsors) add(`sponsored:${did}`)
  }
  for (const [[role]] of facts.scan(officers)) {
    add('officers')
    add(`officers.${role}`)
  }
  for (const [, row] of facts.scan(invites)) if (row.state === 'open') add('invites.open')
  for (const [, row] of facts.scan(reviews)) if (row.state === 'open') add('reviews.open')
  for (const [, row] of facts.scan(hosts)) {
    if (row.status === 'active') add('hosts.active')
    if (!liveHostStatuses.has(row.status)) add('hosts.ended')
  }
  for (const [, row] of facts.scan(entries)) {
    add('entries.all')
    if (row.removed === undefined && row.did === undefined) add('entries.open')
  }
  const kept = [...facts.scan(counts)].filter(([[name]]) => name !== 'numbers.next' && name !== 'conflicts.open' && !name.startsWith('rest:'))
  for (const [[name], value] of kept) report(value !== (scanned.get(name) ?? 0), 'C3', 'a count differs from its scan', { name, kept: value, scanned: scanned.get(name) ?? 0 })
  for (const [name, value] of scanned) report(countOf(facts, name) !== value, 'C3', 'a count is missing', { name, scanned: value })
}

function checkCharter(facts: Facts, report: Report): void {
  const coop = coopRow(facts)
  if (coop === undefined || coop.activated_at === undefined) return
  const row = facts.get(charters, [coop.charter_version])
  const charter = row === undefined ? undefined : readCharter(row.charter)
  const rules = facts.get(rulesTable, [])
  const equal = row !== undefined && charter !== undefined && rules !== undefined && equalBytes(encodeTrusted(rulesOf(row.charter, charter)), encodeTrusted(rules))
  report(!equal, 'C3', 'the rules differ from the charter in force', { version: coop.charter_version })
  report(row?.hash !== coop.charter_hash, 'C3', 'the coop names another charter hash', { hash: coop.charter_hash })
  const first = facts.get(charters, [1])
  const founders = first === undefined ? undefined : readCharter(first.charter)
  const valid = [...facts.scan(signatures, { prefix: [1] })].filter(
    ([[, did], signature]) => signature.hash === first?.hash && founders?.founders.some((founder) => founder.did === did),
  )
  report(valid.length < (founders?.membership.min_founders ?? 1), 'C4', 'too few founders have signed the charter', { have: valid.length })
}

function checkPeople(facts: Facts, report: Report): void {
  for (const [[did], row] of facts.scan(members)) {
    const hosting = facts.get(hosts, [did])
    report(hosting !== undefined && liveHostStatuses.has(hosting.status) && standingStatuses.has(row.status), 'C5', 'a host is a member', { did })
    const offices = row.roles.filter((role) => !builtinRoles.has(role))
    for (const role of offices) report(facts.get(officers, [role, did]) === undefined, 'C3', 'an office has no row', { did, role })
    report(row.status === 'suspended' && row.status_before === undefined, 'C2', 'a suspended member has no status before', { did })
    report(!hasLogOf(facts, did, row), 'C10', 'the last change of a member is not in the log', { did, version: row.version })
  }
  for (const [[role, did]] of facts.scan(officers))
    report(facts.get(members, [did])?.roles.includes(role) !== true, 'C3', 'an office is held by somebody without the role', { did, role })
  for (const [[ref], row] of facts.scan(invites)) {
    report(row.used.length > row.uses, 'C8', 'an invitation was used too often', { ref })
    report(row.state === 'open' && row.used.length >= row.uses, 'C8', 'an invitation that is used up is open', { ref })
  }
}

function hasLogOf(facts: Facts, did: Did, row: MemberRow): boolean {
  for (const [[, , op]] of facts.scan(log, { prefix: [did], reverse: true })) if (op === row.version) return true
  return false
}

function checkDue(facts: Facts, report: Report): void {
  for (const [[did], row] of facts.scan(members))
    for (const key of dueOfMember(row)) report(facts.get(due, key) === undefined, 'C2', 'the sweeper would miss a member', { did, at: key[0], kind: key[1] })
  for (const [[ref], row] of facts.scan(invites))
    if (row.state === 'open') report(facts.get(due, [row.expires_at, 'invite', ref]) === undefined, 'C2', 'the sweeper would miss an invitation', { ref })
  for (const [[role, did], row] of facts.scan(officers))
    if (row.until_at !== undefined) report(facts.get(due, [row.until_at, 'term', termKey(role, did)]) === undefined, 'C2', 'the sweeper would miss a term', { role, did })
}

function checkReviews(facts: Facts, report: Report): void {
  for (const [[ref], row] of facts.scan(reviews)) {
    const known = row.kind === 'rest' || facts.first(deeds, { prefix: [row.by] }) !== undefined
    report(!known, 'C7', 'a review has no deed', { ref })
  }
  for (const [[did], row] of facts.scan(members))
    if (row.review !== undefined) report(facts.get(reviews, [row.review])?.state !== 'open', 'C7', 'a member waits for a review that is not open', { did, review: row.review })
  const rules = charterRules(facts)
  report(rules === undefined, 'C3', 'no charter can be read')
}
