import type { Facts, MemberAccept, MemberAdmit, MemberApply, MemberDecline, MemberRef, NoBody } from '@icn/protocol'
import {
  MemberAccept as MemberAcceptBody,
  MemberAdmit as MemberAdmitBody,
  MemberApply as MemberApplyBody,
  MemberDecline as MemberDeclineBody,
  MemberRef as MemberRefBody,
  NoBody as NoBodySchema,
} from '@icn/protocol'
import { decidesOf } from '../charter/index.ts'
import { admit, attestStatements, charterAccepted, checkAccepting, checkEntering, dayMs, newcomerRow, personhoodOf } from './entering.ts'
import type { KindSpec } from './kind.ts'
import { readSetting } from './setting-list.ts'
import { charterRules, countOf, inReview, memberAt, statusAt } from './state.ts'
import type { MemberRow } from './tables.ts'
import { members, numbers } from './tables.ts'
import { builtinRoles, currentMember, directedInviteDays, endMember, noteDeed, writeMember } from './write.ts'

/** Applications open at once. Larger: nobody can look at them; smaller: a call for members is cut off. */
export const applicationsMax = 1_000
/** After a refusal. Larger: unjust to those refused in error; smaller: the same application every day. */
export const coolingOffDays = 30
/** Open applications one member may stand for. Larger: sponsoring means nothing; smaller: small coops cannot grow. */
export const sponsoredMax = 10

export const apply: KindSpec<MemberApply> = {
  kind: 'coop.member.apply',
  key: 'R',
  body: MemberApplyBody as KindSpec<MemberApply>['body'],
  statuses: ['active'],
  by: 'anyone',
  statements: (body, context) => attestStatements(body.personhood, context),
  check(c, facts, j) {
    const at = c.op.at[0]
    const did = c.proposer
    const row = facts.get(members, [did])
    checkEntering(j, facts, did, { class: c.body.asked?.class, tier: c.body.asked?.tier })
    checkAccepting(j, facts, did, c.body, at)
    j.refuseIf(readSetting(facts, 'open_applications') === false, 'APPLICATIONS_CLOSED')
    j.refuseIf(row?.status === 'applied', 'ALREADY_APPLIED')
    j.refuseIf(row?.status === 'invited', 'MEMBER_STATE', { params: { status: row?.status } })
    const until = row?.status === 'declined' ? (row.ended_at ?? 0) + coolingOffDays * dayMs : 0
    j.refuseIf(at < until, 'COOLING_OFF', { params: { until_at: until }, passes_at: until })
    const open = countOf(facts, 'members.applied')
    j.refuseIf(open >= applicationsMax, 'APPLICATIONS_FULL', { params: { limit: applicationsMax }, limit: applicationsMax, used: open })
  },
  apply(c, tables) {
    const at = c.op.at[0]
    const did = c.proposer
    const rules = charterRules(tables)
    const { asked, statement } = c.body
    const row = {
      ...newcomerRow(tables, { did, name: c.body.name, kind: c.body.kind, joined_via: 'application' }),
      ...(asked === undefined ? {} : { asked }),
      ...(statement === undefined || statement === '' ? {} : { statement }),
      ...charterAccepted(tables, at),
      ...personhoodOf(tables, did, c.body.personhood, at),
      applied_at: at,
    }
    if (rules?.membership.admission === 'open' && rules.membership.sponsors === 0) {
      admit(tables, c, row)
      return
    }
    writeMember(tables, c, { ...row, status: 'applied', deadline_at: at + (rules?.membership.application_days ?? 90) * dayMs })
    tables.emit('coop.member_applied', { did })
  },
}

const isWaiting = (_facts: Facts, row: MemberRow | undefined): row is MemberRow => row !== undefined && (row.status === 'applied' || row.status === 'invited')

export const withdraw: KindSpec<NoBody> = {
  kind: 'coop.member.withdraw',
  key: 'D',
  body: NoBodySchema,
  statuses: ['active', 'suspended', 'dissolving'],
  by: 'anyone',
  check(c, facts, j) {
    j.refuseIf(!isWaiting(facts, facts.get(members, [c.proposer])), 'NOT_APPLIED')
  },
  apply(c, tables) {
    const row = tables.get(members, [c.proposer]) as MemberRow
    endMember(tables, c, row, { status: 'declined', code: 'withdrawn' })
    tables.emit('coop.member_declined', { did: row.did, code: 'withdrawn' })
  },
}

export const sponsor: KindSpec<MemberRef> = {
  kind: 'coop.member.sponsor',
  key: 'N',
  body: MemberRefBody,
  statuses: ['active', 'suspended'],
  by: 'member',
  subject: (body) => body.did,
  ownCase: (c) => c.body.did,
  check(c, facts, j) {
    const at = c.op.at[0]
    const own = memberAt(facts, c.proposer, at)
    j.refuseIf(own !== undefined && own.status !== 'active' && own.removal === undefined, 'MEMBER_NOT_ACTIVE', { params: { status: own?.status } })
    j.refuseIf(own !== undefined && !own.roles.includes('member'), 'POWER_MISSING', { params: { power: 'member.sponsor', roles: ['member'] } })
    const row = facts.get(members, [c.body.did])
    j.refuseIf(row?.status !== 'applied', 'NOT_APPLIED')
    j.refuseIf(row?.sponsors.includes(c.proposer) === true, 'ALREADY_SPONSORED')
    const open = countOf(facts, `sponsored:${c.proposer}`)
    j.refuseIf(open >= sponsoredMax, 'SPONSOR_LIMIT', { params: { limit: sponsoredMax }, limit: sponsoredMax, used: open })
    j.refuseIf(own !== undefined && (inReview(facts, own) || own.removal !== undefined), 'SPONSOR_UNDER_REVIEW')
  },
  apply(c, tables) {
    const row = tables.get(members, [c.body.did]) as MemberRow
    writeMember(tables, c, { ...row, sponsors: [...row.sponsors, c.proposer] })
    tables.emit('coop.member_updated', { did: row.did, fields: ['sponsors'] })
  },
}

/** Plain roles for somebody who comes in; an office is given afterwards. */
export function checkPlainRoles(j: Parameters<KindSpec['check']>[2], roles: readonly string[]): void {
  const office = roles.find((role) => !builtinRoles.has(role))
  j.refuseIf(office === undefined && roles.length !== 1, 'ROLES_INVALID', { params: { roles } })
  j.refuseIf(office !== undefined, 'ROLE_NEEDS_ACT', { params: { role: office } })
}

export const admitMember: KindSpec<MemberAdmit> = {
  kind: 'coop.member.admit',
  key: 'N',
  body: MemberAdmitBody,
  statuses: ['active'],
  by: 'member.admit',
  subject: (body) => body.did,
  way: (_c, _facts, rules) => (rules.membership.admission === 'open' ? 'one' : rules.membership.admission),
  ownCase: (c) => c.body.did,
  check(c, facts, j) {
    const { did } = c.body
    const row = facts.get(members, [did])
    checkEntering(j, facts, did, c.body)
    const need = charterRules(facts)?.membership.sponsors ?? 0
    const have = row?.sponsors.length ?? 0
    j.refuseIf(row?.status === 'applied' && have < need, 'SPONSORS_MISSING', {
      params: { have, need },
      limit: need,
      used: have,
      rule: { document: 'charter', pointer: '/membership/sponsors' },
    })
    checkPlainRoles(j, c.body.roles)
    j.refuseIf(row?.status === 'invited', 'ALREADY_INVITED')
  },
  apply(c, tables) {
    const { did } = c.body
    const at = c.op.at[0]
    const row = currentMember(tables, did, at)
    const placed = { ...(c.body.class === undefined ? {} : { class: c.body.class }), ...(c.body.tier === undefined ? {} : { tier: c.body.tier }) }
    noteDeed(tables, c, { kind: 'admission', ref: did })
    if (row?.status === 'applied') {
      const { version: _v, status: _s, ...kept } = row
      admit(
        tables,
        c,
        { ...kept, ...placed, roles: [...c.body.roles], ...(c.body.name === undefined ? {} : { name: c.body.name }), admitted_by: [...c.persons] },
        { number: c.body.number },
      )
      return
    }
    const asked = newcomerRow(tables, { did, name: c.body.name ?? row?.name ?? shortName(did), roles: c.body.roles, class: c.body.class, tier: c.body.tier, joined_via: 'invite' })
    // The number is promised with the invitation, so that nobody else can take it meanwhile.
    const number = c.body.number ?? asked.number
    if (c.body.number !== undefined) reserveNumber(tables, c.body.number, did)
    writeMember(tables, c, { ...asked, number, status: 'invited', invited_at: at, deadline_at: at + directedInviteDays * dayMs, admitted_by: [...c.persons] })
    tables.emit('coop.member_invited', { did, roles: c.body.roles })
  },
}

const shortName = (did: string): string => `…${did.slice(-8)}`

function reserveNumber(tables: Parameters<KindSpec['apply']>[1], number: number, did: MemberRow['did']): void {
  tables.put(numbers, [number], { did })
}

export const accept: KindSpec<MemberAccept> = {
  kind: 'coop.member.accept',
  key: 'R',
  body: MemberAcceptBody,
  statuses: ['active'],
  by: 'anyone',
  statements: (body, context) => attestStatements(body.personhood, context),
  check(c, facts, j) {
    const at = c.op.at[0]
    const row = facts.get(members, [c.proposer])
    checkEntering(j, facts, c.proposer, {})
    checkAccepting(j, facts, c.proposer, c.body, at)
    j.refuseIf(row?.status !== 'invited', 'NOT_INVITED')
    j.refuseIf(row?.status === 'invited' && row.deadline_at !== undefined && at >= row.deadline_at, 'INVITE_EXPIRED', { params: { expires_at: row?.deadline_at } })
  },
  apply(c, tables) {
    const at = c.op.at[0]
    const { version: _v, status: _s, ...row } = tables.get(members, [c.proposer]) as MemberRow
    admit(tables, c, {
      ...row,
      ...(c.body.name === undefined ? {} : { name: c.body.name }),
      ...charterAccepted(tables, at),
      ...personhoodOf(tables, row.did, c.body.personhood, at),
    })
  },
}

export const decline: KindSpec<MemberDecline> = {
  kind: 'coop.member.decline',
  key: 'N',
  body: MemberDeclineBody,
  statuses: ['active', 'suspended', 'dissolving'],
  by: 'member.admit',
  subject: (body) => body.did,
  ownCase: (c) => c.body.did,
  check(c, facts, j) {
    j.refuseIf(!isWaiting(facts, facts.get(members, [c.body.did])), 'NOT_APPLIED')
  },
  apply(c, tables) {
    const row = tables.get(members, [c.body.did]) as MemberRow
    endMember(tables, c, row, { status: 'declined', code: 'declined', reason: c.body.reason })
    tables.emit('coop.member_declined', { did: row.did, code: 'declined' })
  },
}

export const confirm: KindSpec<MemberRef> = {
  kind: 'coop.member.confirm',
  key: 'N',
  body: MemberRefBody,
  statuses: ['active', 'suspended', 'dissolving'],
  by: 'member.admit',
  subject: (body) => body.did,
  way: (_c, _facts, rules) => decidesOf(rules, 'coop.member.confirm'),
  ownCase: (c) => c.body.did,
  check(c, facts, j) {
    const status = statusAt(facts, c.body.did, c.op.at[0])
    j.refuseIf(status !== 'provisional', 'NOT_PROVISIONAL', { params: { status: status ?? 'none' } })
  },
  apply(c, tables) {
    const row = currentMember(tables, c.body.did, c.op.at[0]) as MemberRow
    const { deadline_at: _d, ...kept } = row
    writeMember(tables, c, { ...kept, status: 'active', full_at: c.op.at[0] })
    tables.emit('coop.member_confirmed', { did: row.did })
  },
}
