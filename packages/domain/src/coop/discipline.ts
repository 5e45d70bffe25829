import type { Did, Facts, MemberReinstate, MemberRemove, MemberResign, MemberSuspend, MemberUnban, NoBody, Tables } from '@icn/protocol'
import {
  MemberReinstate as MemberReinstateBody,
  MemberRemove as MemberRemoveBody,
  MemberResign as MemberResignBody,
  MemberSuspend as MemberSuspendBody,
  MemberUnban as MemberUnbanBody,
  NoBody as NoBodySchema,
} from '@icn/protocol'
import { decidesOf } from '../charter/index.ts'
import { cutOf } from '../space/index.ts'
import { dayMs } from './entering.ts'
import type { KindSpec } from './kind.ts'
import { openReviews } from './review-open.ts'
import { charterRules, isStanding, leavesSteward, memberAt, without } from './state.ts'
import type { MemberRow } from './tables.ts'
import { members } from './tables.ts'
import type { Case } from './write.ts'
import { currentMember, endMember, noteDeed, writeMember } from './write.ts'

/** Suspending, reinstating, removing, banning; and leaving of one's own will. */

/** Longer suspensions are removals in disguise. */
export const suspensionDaysMax = 365
/** Up to here one person may suspend, where the charter says so. */
export const shortSuspensionDays = 30

const whileLiving = ['active', 'suspended', 'dissolving'] as const

type Check = KindSpec['check']

/** Somebody must be left who can act as steward. */
export function checkLastSteward(j: Parameters<Check>[2], facts: Facts, did: Did, at: number, need = 1): void {
  const { ok, have, need: wanted } = leavesSteward(facts, did, at, need)
  j.refuseIf(!ok, 'LAST_STEWARD', { params: { have, need: wanted }, limit: wanted, used: have })
}

function checkState(j: Parameters<Check>[2], row: MemberRow | undefined, allowed: boolean): void {
  j.refuseIf(!allowed, 'MEMBER_STATE', { params: { status: row?.status ?? 'none' } })
}

function isShort(body: MemberSuspend, at: number): boolean {
  return body.until_at !== undefined && body.until_at <= at + shortSuspensionDays * dayMs
}

export const memberSuspend: KindSpec<MemberSuspend> = {
  kind: 'coop.member.suspend',
  key: 'N',
  body: MemberSuspendBody,
  statuses: whileLiving,
  by: 'member.discipline',
  subject: (body) => body.did,
  way: (ask, _facts, rules) => decidesOf(rules, isShort(ask.body, ask.at) ? 'coop.member.suspend.short' : 'coop.member.suspend'),
  ownCase: (c) => c.body.did,
  check(c, facts, j) {
    const at = c.op.at[0]
    const row = memberAt(facts, c.body.did, at)
    checkState(j, row, row?.status === 'active' || row?.status === 'provisional')
    const until = c.body.until_at
    j.refuseIf(until !== undefined && (until <= at || until > at + suspensionDaysMax * dayMs), 'UNTIL_INVALID', { params: { limit: suspensionDaysMax }, limit: suspensionDaysMax })
    checkLastSteward(j, facts, c.body.did, at)
  },
  apply(c, tables) {
    const at = c.op.at[0]
    const row = currentMember(tables, c.body.did, at) as MemberRow
    const { until_at, reason, code } = c.body
    noteDeed(tables, c, { kind: 'suspension', ref: row.did })
    writeMember(
      tables,
      c,
      { ...row, status: 'suspended', status_before: row.status, suspended_at: at, ...(until_at === undefined ? {} : { suspended_until_at: until_at }) },
      `${code}: ${reason}`,
    )
    tables.emit('coop.member_suspended', { did: row.did, ...(until_at === undefined ? {} : { until_at }) })
  },
}

/** Back to where the person was before a suspension or a pending removal. */
export function reinstate(tables: Tables, c: Case, row: MemberRow, reason?: string): void {
  writeMember(tables, c, { ...without(row, 'version', 'suspended_at', 'suspended_until_at', 'status_before', 'removal'), status: row.status_before ?? 'active' }, reason)
  tables.emit('coop.member_reinstated', { did: row.did })
}

export const memberReinstate: KindSpec<MemberReinstate> = {
  kind: 'coop.member.reinstate',
  key: 'N',
  body: MemberReinstateBody,
  statuses: whileLiving,
  by: 'member.discipline',
  subject: (body) => body.did,
  way: (_ask, _facts, rules) => decidesOf(rules, 'coop.member.reinstate'),
  ownCase: (c) => c.body.did,
  check(c, facts, j) {
    const row = memberAt(facts, c.body.did, c.op.at[0])
    j.refuseIf(row?.status !== 'suspended', 'NOT_SUSPENDED', { params: { status: row?.status ?? 'none' } })
    j.refuseIf(row?.removal !== undefined, 'REMOVAL_PENDING', { params: { due_at: row?.removal?.due_at } })
  },
  apply(c, tables) {
    reinstate(tables, c, tables.get(members, [c.body.did]) as MemberRow, c.body.note)
  },
}

const immediateCodes: ReadonlySet<string> = new Set(['fraud', 'violence', 'died'])
const bannable: ReadonlySet<string> = new Set(['resigned', 'removed', 'declined'])

/** A removal waits for appeals when the charter says that they stay it, and nothing forbids waiting. */
function isStayed(facts: Facts, body: MemberRemove): boolean {
  return !body.immediate && charterRules(facts)?.appeals.stays.includes('removal') === true
}

export const memberRemove: KindSpec<MemberRemove> = {
  kind: 'coop.member.remove',
  key: 'D',
  body: MemberRemoveBody,
  statuses: whileLiving,
  by: 'member.discipline',
  subject: (body) => body.did,
  way: (_ask, _facts, rules) => decidesOf(rules, 'coop.member.remove'),
  ownCase: (c) => c.body.did,
  check(c, facts, j) {
    const at = c.op.at[0]
    const row = memberAt(facts, c.body.did, at)
    const standing = isStanding(row)
    const gone = row !== undefined && bannable.has(row.status)
    checkState(j, row, standing || (gone && c.body.ban))
    j.refuseIf(standing && row.removal !== undefined && isStayed(facts, c.body), 'REMOVAL_PENDING', { params: { due_at: row?.removal?.due_at } })
    checkLastSteward(j, facts, c.body.did, at)
    j.refuseIf(c.body.immediate && !immediateCodes.has(c.body.code) && c.way !== 'vote', 'IMMEDIATE_NOT_ALLOWED', { params: { code: c.body.code, allowed: [...immediateCodes] } })
    j.refuseIf(c.body.cut_seen !== undefined && cutOf(facts, c.body.cut_seen) === undefined, 'CUT_UNKNOWN')
  },
  apply(c, tables) {
    const at = c.op.at[0]
    const { did, code, reason, ban } = c.body
    const row = currentMember(tables, did, at) as MemberRow
    const days = charterRules(tables)?.appeals.deadlines.file_days ?? 30
    noteDeed(tables, c, { kind: 'removal', ref: did, roles_before: [...row.roles] })
    if (isStanding(row) && isStayed(tables, c.body)) {
      const removal = { op: c.op.id, due_at: at + days * dayMs, ban, code, reason }
      const before = row.status === 'suspended' ? (row.status_before ?? 'active') : row.status
      writeMember(
        tables,
        c,
        { ...without(row, 'version', 'suspended_until_at'), status: 'suspended', status_before: before, suspended_at: row.suspended_at ?? at, removal },
        reason,
      )
      tables.emit('coop.member_removal_pending', { did, due_at: removal.due_at })
    } else {
      endMember(tables, c, row, { status: ban ? 'banned' : 'removed', code, reason })
      tables.emit('coop.member_removed', { did, status: ban ? 'banned' : 'removed' })
    }
    openReviews(tables, c, did, c.body.cut_seen === undefined ? undefined : cutOf(tables, c.body.cut_seen))
  },
}

export const memberUnban: KindSpec<MemberUnban> = {
  kind: 'coop.member.unban',
  key: 'D',
  body: MemberUnbanBody,
  statuses: whileLiving,
  by: 'member.discipline',
  subject: (body) => body.did,
  way: (_ask, _facts, rules) => decidesOf(rules, 'coop.member.unban'),
  ownCase: (c) => c.body.did,
  check(c, facts, j) {
    const row = memberAt(facts, c.body.did, c.op.at[0])
    j.refuseIf(row?.status !== 'banned', 'NOT_BANNED', { params: { status: row?.status ?? 'none' } })
  },
  apply(c, tables) {
    const row = tables.get(members, [c.body.did]) as MemberRow
    writeMember(tables, c, { ...row, status: 'removed' }, c.body.reason)
    tables.emit('coop.member_updated', { did: row.did, fields: ['status'] })
  },
}

export const memberResign: KindSpec<MemberResign> = {
  kind: 'coop.member.resign',
  key: 'D',
  body: MemberResignBody,
  statuses: whileLiving,
  by: 'anyone',
  check(c, facts, j) {
    const at = c.op.at[0]
    const row = memberAt(facts, c.proposer, at)
    checkState(j, row, isStanding(row))
    const leaving = row?.leaving_at !== undefined
    // Whoever is going already takes nothing more away by saying so again.
    if (!leaving) checkLastSteward(j, facts, c.proposer, at)
    j.refuseIf(leaving, 'ALREADY_LEAVING', { params: { leaving_at: row?.leaving_at } })
  },
  apply(c, tables) {
    const at = c.op.at[0]
    const row = currentMember(tables, c.proposer, at) as MemberRow
    const days = charterRules(tables)?.membership.notice_days ?? 0
    if (days > 0) {
      writeMember(tables, c, { ...row, leaving_at: at + days * dayMs }, c.body.reason)
      tables.emit('coop.member_updated', { did: row.did, fields: ['leaving_at'] })
      return
    }
    endMember(tables, c, row, { status: 'resigned', code: 'resigned', ...(c.body.reason === undefined ? {} : { reason: c.body.reason }) })
    tables.emit('coop.member_resigned', { did: row.did })
  },
}

export const memberStay: KindSpec<NoBody> = {
  kind: 'coop.member.stay',
  key: 'D',
  body: NoBodySchema,
  statuses: whileLiving,
  by: 'anyone',
  check(c, facts, j) {
    const row = memberAt(facts, c.proposer, c.op.at[0])
    j.refuseIf(!isStanding(row) || row.leaving_at === undefined, 'NOT_LEAVING')
  },
  apply(c, tables) {
    const row = currentMember(tables, c.proposer, c.op.at[0]) as MemberRow
    writeMember(tables, c, without(row, 'leaving_at') as MemberRow)
    tables.emit('coop.member_updated', { did: row.did, fields: ['leaving_at'] })
  },
}
