import type { Did, Facts, MemberPlace, MemberProfile, MemberRoles } from '@icn/protocol'
import { MemberPlace as MemberPlaceBody, MemberProfile as MemberProfileBody, MemberRoles as MemberRolesBody, nameText } from '@icn/protocol'
import { decidesOf, officesOf } from '../charter/index.ts'
import { checkLastSteward } from './discipline.ts'
import { checkPlace, dayMs } from './entering.ts'
import type { KindSpec } from './kind.ts'
import { charterRules, countOf, effectiveStewards, hasPower, isStanding, memberAt } from './state.ts'
import type { MemberRow } from './tables.ts'
import { members, numbers } from './tables.ts'
import { builtinRoles, currentMember, noteDeed, setOffices, writeMember } from './write.ts'

/** Roles and offices, the place in the register, and one's own name. */

/** Offices held in all. Larger: every check of a power scans more; smaller: large coops cannot staff themselves. */
export const officersMax = 100

const whileLiving = ['active', 'suspended', 'dissolving'] as const

const weighty = (role: string): boolean => role === 'steward' || role === 'treasurer'

interface RoleChange {
  readonly before: readonly string[]
  readonly given: readonly string[]
  readonly taken: readonly string[]
}

function changeOf(facts: Facts, did: Did, roles: readonly string[]): RoleChange {
  const before = facts.get(members, [did])?.roles ?? []
  return { before, given: roles.filter((role) => !before.includes(role)), taken: before.filter((role) => !roles.includes(role)) }
}

/** Laying down one's own office takes from nobody else and needs no leave. */
function isLayingDown(facts: Facts, proposer: Did, body: MemberRoles): boolean {
  if (proposer !== body.did || body.until_at !== undefined) return false
  const { given, taken } = changeOf(facts, body.did, body.roles)
  return given.length === 0 && taken.length > 0 && taken.every((role) => !builtinRoles.has(role))
}

/** A suspended member's offices may change, they only have no effect until the suspension ends; so both orders of a suspension and a change of roles stand. Somebody whose removal is pending gets none. */
function mayHoldOffice(row: MemberRow | undefined): boolean {
  return row?.status === 'active' || (row?.status === 'suspended' && row.status_before === 'active' && row.removal === undefined)
}

function rolesFit(roles: readonly string[]): boolean {
  if (new Set(roles).size !== roles.length) return false
  return roles.includes('observer') ? roles.length === 1 : roles.includes('member')
}

export const memberRoles: KindSpec<MemberRoles> = {
  kind: 'coop.member.roles',
  key: 'N',
  body: MemberRolesBody,
  statuses: whileLiving,
  by: (ask, facts) => (isLayingDown(facts, ask.proposer, ask.body) ? 'member' : 'member.roles'),
  subject: (body) => body.did,
  way(ask, facts, rules) {
    if (isLayingDown(facts, ask.proposer, ask.body)) return 'one'
    const { given, taken } = changeOf(facts, ask.body.did, ask.body.roles)
    // A new term for a weighty office is as much as giving it.
    const renewed = ask.body.until_at !== undefined && ask.body.roles.some(weighty)
    return renewed || [...given, ...taken].some(weighty) ? decidesOf(rules, 'coop.member.roles') : 'one'
  },
  ownCase: (c, facts) => (isLayingDown(facts, c.proposer, c.body) ? undefined : c.body.did),
  check(c, facts, j) {
    const at = c.op.at[0]
    const { did, roles, until_at } = c.body
    const row = memberAt(facts, did, at)
    const rules = charterRules(facts)
    const offices = new Map((rules === undefined ? [] : officesOf(rules)).map((office) => [office.id, office]))
    const { given, taken } = changeOf(facts, did, roles)
    j.refuseIf(!mayHoldOffice(row), 'MEMBER_STATE', { params: { status: row?.status ?? 'none' } })
    j.refuseIf(!rolesFit(roles), 'ROLES_INVALID', { params: { roles } })
    const unknown = roles.find((role) => !builtinRoles.has(role) && !offices.has(role))
    j.refuseIf(unknown !== undefined, 'OFFICE_UNKNOWN', { params: { role: unknown } })
    const full = given.find((role) => countOf(facts, `officers.${role}`) >= (offices.get(role)?.max ?? officersMax) && offices.has(role))
    const limit = full === undefined ? officersMax : (offices.get(full)?.max ?? officersMax)
    j.refuseIf(full !== undefined || countOf(facts, 'officers') + given.length > officersMax, 'OFFICE_FULL', { params: { role: full ?? '', limit }, limit })
    const held = roles.filter((role) => offices.has(role))
    const days = Math.min(Number.MAX_SAFE_INTEGER, ...held.map((role) => offices.get(role)?.term_days || Number.MAX_SAFE_INTEGER))
    const termFits = until_at === undefined || (held.length > 0 && until_at > at && (days === Number.MAX_SAFE_INTEGER || until_at <= at + days * dayMs))
    j.refuseIf(!termFits, 'TERM_INVALID', { params: { limit: days === Number.MAX_SAFE_INTEGER ? 0 : days } })
    const need = Math.max(1, rules?.offices.steward.min ?? 1)
    // Below the charter's minimum already, one steward is what must remain: otherwise nothing could be mended.
    const wanted = effectiveStewards(facts, at).length >= need ? need : 1
    if (taken.includes('steward')) checkLastSteward(j, facts, did, at, wanted)
    else j.refuseIf(false, 'LAST_STEWARD')
  },
  apply(c, tables) {
    const { did, roles, until_at } = c.body
    const row = currentMember(tables, did, c.op.at[0]) as MemberRow
    const { given, taken } = changeOf(tables, did, roles)
    const gave = given.filter((role) => !builtinRoles.has(role))
    if (gave.length > 0 || taken.some((role) => !builtinRoles.has(role))) noteDeed(tables, c, { kind: 'roles', ref: did, roles_before: [...row.roles], gave })
    setOffices(tables, c, { did, roles, given_by: c.op.id, ...(until_at === undefined ? {} : { until_at }) }, row.roles)
    writeMember(tables, c, { ...row, roles: [...roles] })
    tables.emit('coop.member_role_updated', { did, roles })
  },
}

export const memberPlace: KindSpec<MemberPlace> = {
  kind: 'coop.member.place',
  key: 'N',
  body: MemberPlaceBody,
  statuses: whileLiving,
  by: (ask, facts) => (hasPower(facts, ask.proposer, 'register.edit', ask.at) ? 'register.edit' : 'member.admit'),
  subject: (body) => body.did,
  ownCase: (c) => c.body.did,
  check(c, facts, j) {
    const row = memberAt(facts, c.body.did, c.op.at[0])
    const rules = charterRules(facts)
    checkPlace(j, facts, c.body.did, c.body)
    j.refuseIf(!isStanding(row), 'MEMBER_STATE', { params: { status: row?.status ?? 'none' } })
    const need = rules?.membership.tiers.find((tier) => tier.id === c.body.tier)?.shares_min ?? 0
    const have = row?.shares ?? 0
    j.refuseIf(have < need, 'TIER_SHARES', { params: { have, need, tier: c.body.tier }, limit: need, used: have })
  },
  apply(c, tables) {
    const { did, number, tier } = c.body
    const row = currentMember(tables, did, c.op.at[0]) as MemberRow
    // The old number stays used, so that it never names anybody else.
    if (number !== undefined) tables.put(numbers, [number], { ...tables.get(numbers, [number]), did })
    writeMember(tables, c, {
      ...row,
      ...(c.body.class === undefined ? {} : { class: c.body.class }),
      ...(tier === undefined ? {} : { tier }),
      ...(number === undefined ? {} : { number }),
    })
    tables.emit('coop.member_updated', { did, fields: (['class', 'tier', 'number'] as const).filter((field) => c.body[field] !== undefined) })
  },
}

export const memberProfile: KindSpec<MemberProfile> = {
  kind: 'coop.member.profile',
  key: 'N',
  body: MemberProfileBody,
  statuses: whileLiving,
  by: 'member',
  check(c, _facts, j) {
    j.refuseIf(!nameText(1, 80).safeParse(c.body.name).success, 'NAME_INVALID', { params: { limit: 80 } })
  },
  apply(c, tables) {
    const row = currentMember(tables, c.proposer, c.op.at[0]) as MemberRow
    writeMember(tables, c, { ...row, name: c.body.name })
    tables.emit('coop.member_updated', { did: row.did, fields: ['name'] })
  },
}
