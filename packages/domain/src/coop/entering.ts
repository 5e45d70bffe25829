import type { Attestation, Did, Facts, Judgement, MemberApply, Statement, StatementContext, Tables } from '@icn/protocol'
import { personhoodLevels } from '@icn/protocol'
import { rootOf } from '../identity/index.ts'
import { charterRules, coopRow, membersMax, membersStanding } from './state.ts'
import type { MemberRow } from './tables.ts'
import { entries, hosts, invites, liveHostStatuses, members, numbers, standingStatuses } from './tables.ts'
import type { Case } from './write.ts'
import { addCount, nextNumber, writeMember } from './write.ts'

/** What is the same wherever a person comes in: application, invitation, import. */

const dayMs = 86_400_000

export function isHosting(facts: Facts, did: Did): boolean {
  const row = facts.get(hosts, [did])
  return row !== undefined && liveHostStatuses.has(row.status)
}

export interface Place {
  readonly class?: string | undefined
  readonly tier?: string | undefined
  readonly number?: number | undefined
}

/** Class and tier are the charter's, and the number is free or the person's own. */
export function checkPlace(j: Judgement, facts: Facts, did: Did | undefined, place: Place): void {
  const rules = charterRules(facts)
  j.refuseIf(place.class !== undefined && !rules?.membership.classes.some((row) => row.id === place.class), 'CLASS_UNKNOWN', { params: { class: place.class } })
  j.refuseIf(place.tier !== undefined && !rules?.membership.tiers.some((row) => row.id === place.tier), 'TIER_UNKNOWN', { params: { tier: place.tier } })
  const holder = place.number === undefined ? undefined : facts.get(numbers, [place.number])
  j.refuseIf(holder !== undefined && (did === undefined || holder.did !== did), 'NUMBER_TAKEN', { params: { number: place.number } })
}

/** Checks common to everyone who comes in, before a kind's own. */
export function checkEntering(j: Judgement, facts: Facts, did: Did, place: Place): void {
  const rules = charterRules(facts)
  const row = facts.get(members, [did])
  j.refuseIf(isHosting(facts, did), 'NODE_AS_MEMBER', { params: { did } })
  j.refuseIf(row?.status === 'banned', 'BANNED')
  j.refuseIf(row !== undefined && standingStatuses.has(row.status), 'ALREADY_A_MEMBER', { params: { did } })
  const limit = rules === undefined ? 10_000 : membersMax(rules)
  const used = membersStanding(facts)
  j.refuseIf(used >= limit, 'MEMBERS_FULL', { params: { limit }, limit, used, rule: { document: 'charter', pointer: '/membership/members_max' } })
  checkPlace(j, facts, did, place)
}

/** Payload of the statement `attest`, as it was signed in the commons. */
export function attestStatements(attestations: readonly Attestation[] | undefined, context: StatementContext): readonly Statement[] {
  return (attestations ?? []).map(({ did: _did, key, signature, subject, level, method, issued_at, expires_at }) => ({
    purpose: 'attest',
    key,
    payload: { network: context.network, subject, level, method, issued_at, expires_at },
    signature,
  }))
}

const levelOf = (level: (typeof personhoodLevels)[number]): number => personhoodLevels.indexOf(level)

/** The attestation that counts under the charter at this time; how far the others came tells which check fails. */
function bestAttestation(
  facts: Facts,
  did: Did,
  attestations: readonly Attestation[],
  at: number,
): { readonly found?: Attestation; readonly reached: 0 | 1 | 2; readonly have: string; readonly expires_at?: number } {
  const rules = charterRules(facts)
  const need = levelOf(rules?.membership.required_level ?? 'none')
  const own = attestations.filter((row) => row.subject === did && row.key === rootOf(facts, row.did))
  const have = personhoodLevels[Math.max(0, ...own.map((row) => levelOf(row.level)))] ?? 'none'
  const high = own.filter((row) => levelOf(row.level) >= need)
  if (high.length === 0) return { reached: 0, have }
  const listed = high.filter((row) => rules?.membership.attesters.includes(row.did))
  if (listed.length === 0) return { reached: 1, have }
  const live = listed.find((row) => row.issued_at <= at && row.expires_at > at)
  if (live === undefined) return { reached: 2, have, expires_at: Math.max(...listed.map((row) => row.expires_at)) }
  return { found: live, reached: 2, have }
}

/** Where a person accepts: the charter in force, and the personhood it asks for. */
export function checkAccepting(j: Judgement, facts: Facts, did: Did, body: Pick<MemberApply, 'charter_hash' | 'personhood'>, at: number): void {
  const rules = charterRules(facts)
  const hash = coopRow(facts)?.charter_hash
  j.refuseIf(hash !== undefined && body.charter_hash !== hash, 'CHARTER_CHANGED', { params: { hash } })
  const need = rules?.membership.required_level ?? 'none'
  const needed = need !== 'none'
  const best = needed ? bestAttestation(facts, did, body.personhood ?? [], at) : { reached: 2 as const, have: 'none', found: true }
  j.refuseIf(needed && best.reached === 0, 'PERSONHOOD_REQUIRED', { params: { need, have: best.have } })
  j.refuseIf(needed && best.reached === 1, 'PERSONHOOD_ATTESTER', { params: { attesters: rules?.membership.attesters ?? [] } })
  const late = needed && best.reached === 2 && best.found === undefined
  j.refuseIf(late, 'PERSONHOOD_EXPIRED', { params: { expires_at: 'expires_at' in best ? best.expires_at : 0 } })
}

export function personhoodOf(facts: Facts, did: Did, attestations: readonly Attestation[] | undefined, at: number): Pick<MemberRow, 'personhood'> {
  if (attestations === undefined) return {}
  const { found } = bestAttestation(facts, did, attestations, at)
  return found === undefined ? {} : { personhood: { level: found.level, attester: found.did, expires_at: found.expires_at } }
}

export interface Newcomer {
  readonly did: Did
  readonly name: string
  readonly kind?: 'person' | 'group' | undefined
  readonly class?: string | undefined
  readonly tier?: string | undefined
  readonly roles?: readonly string[] | undefined
  readonly joined_via: MemberRow['joined_via']
}

/** A row to begin with: what stays of an earlier time (number, shares, capital), everything else as new. */
export function newcomerRow(tables: Tables, newcomer: Newcomer): Omit<MemberRow, 'version' | 'status'> {
  const before = tables.get(members, [newcomer.did])
  const rules = charterRules(tables)
  return {
    did: newcomer.did,
    number: before?.number ?? 0,
    kind: newcomer.kind ?? (coopRow(tables)?.type === 'federation' ? 'group' : 'person'),
    name: newcomer.name,
    roles: [...(newcomer.roles ?? ['member'])],
    class: newcomer.class ?? rules?.membership.classes[0]?.id ?? '',
    ...(newcomer.tier === undefined ? {} : { tier: newcomer.tier }),
    shares: before?.shares ?? 0,
    capital: before?.capital ?? '0',
    joined_via: newcomer.joined_via,
    sponsors: [],
    admitted_by: [],
  }
}

export function charterAccepted(tables: Tables, at: number): Pick<MemberRow, 'charter'> {
  const coop = coopRow(tables)
  return coop === undefined ? {} : { charter: { version: coop.charter_version, hash: coop.charter_hash, at } }
}

/** Line of an imported register that the invitation names: its number, class, dates and shares become the person's. */
function takeEntry(tables: Tables, row: Pick<MemberRow, 'did' | 'invite' | 'shares' | 'capital'>, at: number): Partial<MemberRow> {
  const number = row.invite === undefined ? undefined : tables.get(invites, [row.invite])?.entry
  const entry = number === undefined ? undefined : tables.get(entries, [number])
  if (number === undefined || entry === undefined || entry.did !== undefined || entry.removed !== undefined) return {}
  tables.put(entries, [number], { ...entry, did: row.did, taken_at: at })
  addCount(tables, 'entries.open', -1)
  return {
    number,
    class: entry.class,
    ...(entry.tier === undefined ? {} : { tier: entry.tier }),
    joined_at: entry.joined_at,
    shares: row.shares + entry.shares,
    capital: String(BigInt(row.capital) + BigInt(entry.capital)),
  }
}

/** The row of section 3 marked *: on trial, or a full member at once. */
export function admit(tables: Tables, c: Case, row: Omit<MemberRow, 'version' | 'status'>, options: { readonly number?: number | undefined } = {}): MemberRow {
  const at = c.op.at[0]
  const days = charterRules(tables)?.membership.probation_days ?? 0
  const { deadline_at: _d, status_before: _b, ...before } = row as Omit<MemberRow, 'version'>
  const entry = takeEntry(tables, before, at)
  const kept = { ...before, ...entry }
  const number = options.number ?? (kept.number > 0 ? kept.number : nextNumber(tables))
  tables.put(numbers, [number], { ...tables.get(numbers, [number]), did: row.did })
  const written = writeMember(tables, c, {
    ...kept,
    number,
    status: days > 0 ? 'provisional' : 'active',
    admitted_at: at,
    ...(days > 0 ? { deadline_at: at + days * dayMs } : { full_at: at }),
  })
  tables.emit('coop.member_admitted', { did: row.did, number, status: written.status, roles: written.roles, class: written.class })
  return written
}

export { dayMs }
