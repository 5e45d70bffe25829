import type { Did, Facts, OperationId, ReviewSettle, Tables } from '@icn/protocol'
import { ReviewSettle as ReviewSettleBody } from '@icn/protocol'
import { reinstate } from './discipline.ts'
import { dayMs, isHosting } from './entering.ts'
import { endHost } from './hosts.ts'
import { closeInvite } from './invites.ts'
import type { KindSpec } from './kind.ts'
import { charterRules, leavesSteward, without } from './state.ts'
import type { InviteRow, MemberRow, ReviewRow } from './tables.ts'
import { counts, due, hosts, invites, log, members, officers, reviews, standingStatuses } from './tables.ts'
import type { Case } from './write.ts'
import { addCount, endMember, setOffices, writeMember } from './write.ts'

/** A steward's second look at what a removed person did shortly before (coop page §8). */

/** An invitation that was confirmed lives on for this long, because its time ran while nobody could use it. */
const renewedInviteDays = 14

function profits(facts: Facts, row: ReviewRow, did: Did): boolean {
  if (row.by === did || row.ref === did) return true
  if (row.kind !== 'invite') return false
  return facts.get(invites, [row.ref as OperationId])?.used.some((use) => use.did === did) === true
}

export const reviewSettle: KindSpec<ReviewSettle> = {
  kind: 'coop.review.settle',
  key: 'D',
  body: ReviewSettleBody,
  statuses: ['active', 'suspended', 'dissolving'],
  by: 'review.settle',
  subject: (body) => body.ref,
  check(c, facts, j) {
    const row = facts.get(reviews, [c.body.ref])
    if (j.refuseIf(row === undefined, 'REVIEW_UNKNOWN') || row === undefined) return
    j.refuseIf(row.state !== 'open', 'REVIEW_CLOSED', { params: { state: row.state } })
    j.refuseIf(
      c.persons.some((did) => profits(facts, row, did)),
      'REVIEW_OWN',
    )
    const demotes = row.kind === 'roles' && row.roles_before?.includes('steward') === false
    const leaves = c.body.verdict === 'undone' && (row.kind === 'admission' || demotes) ? leavesSteward(facts, row.ref as Did, c.op.at[0]) : { ok: true, have: 1, need: 1 }
    j.refuseIf(!leaves.ok, 'LAST_STEWARD', { params: { have: leaves.have, need: leaves.need } })
    // Removed, and then named as a node by others: both at once can never be.
    const returning = c.body.verdict === 'undone' && row.kind === 'removal'
    j.refuseIf(returning && isHosting(facts, row.ref as Did), 'NODE_AS_MEMBER', { params: { did: row.ref } })
  },
  apply(c, tables) {
    const { ref, verdict, note } = c.body
    const row = tables.get(reviews, [ref]) as ReviewRow
    tables.put(reviews, [ref], { ...row, state: verdict, settled_by: c.proposer, settled_at: c.op.at[0], ...(note === undefined ? {} : { note }) })
    addCount(tables, 'reviews.open', -1)
    if (verdict === 'confirmed') confirmDeed(tables, c, ref, row)
    else undoDeed(tables, c, ref, row)
    tables.emit('coop.review_settled', { ref, verdict, kind: row.kind })
  },
}

function clearMember(tables: Tables, c: Case, did: Did, review: OperationId): void {
  const row = tables.get(members, [did])
  if (row?.review === review) writeMember(tables, c, without(row, 'review') as MemberRow)
}

function confirmDeed(tables: Tables, c: Case, ref: OperationId, row: ReviewRow): void {
  const did = row.ref as Did
  if (row.kind === 'invite') {
    const invite = tables.get(invites, [row.ref as OperationId])
    for (const use of invite?.used ?? []) clearMember(tables, c, use.did, ref)
    if (invite?.state === 'review') reopenInvite(tables, c, row.ref as OperationId, invite)
  }
  if (row.kind === 'admission') clearMember(tables, c, did, ref)
  if (row.kind === 'roles') {
    for (const role of row.gave ?? []) {
      const office = tables.get(officers, [role, did])
      if (office?.review === ref) tables.put(officers, [role, did], without(office, 'review'))
    }
  }
  if (row.kind === 'host') {
    const host = tables.get(hosts, [did])
    if (host?.status === 'review') {
      tables.put(hosts, [did], { ...without(host, 'status_before'), status: host.status_before ?? 'invited' })
      if (host.status_before === 'active') addCount(tables, 'hosts.active', 1)
    }
  }
  if (row.kind === 'rest') tables.delete(counts, [`rest:${row.by}`])
}

function reopenInvite(tables: Tables, c: Case, ref: OperationId, row: InviteRow): void {
  tables.delete(due, [row.expires_at, 'invite', ref])
  const expires_at = Math.max(row.expires_at, c.op.at[0]) + renewedInviteDays * dayMs
  tables.put(invites, [ref], { ...row, state: 'open', expires_at })
  tables.put(due, [expires_at, 'invite', ref], {})
  addCount(tables, 'invites.open', 1)
}

function undoDeed(tables: Tables, c: Case, ref: OperationId, row: ReviewRow): void {
  const did = row.ref as Did
  switch (row.kind) {
    case 'invite': {
      const invite = tables.get(invites, [row.ref as OperationId])
      if (invite === undefined) return
      for (const use of invite.used) undoAdmission(tables, c, use.did, ref)
      if (invite.state === 'open' || invite.state === 'review') closeInvite(tables, row.ref as OperationId, invite, 'cancelled')
      return
    }
    case 'admission':
      undoAdmission(tables, c, did, ref)
      return
    case 'roles':
      undoRoles(tables, c, did, ref, row)
      return
    case 'host': {
      const host = tables.get(hosts, [did])
      if (host?.status === 'review') endHost(tables, did, host, 'removed', c.op.at[0])
      return
    }
    case 'suspension':
    case 'removal':
      giveBack(tables, c, did, ref, row)
      return
    case 'rest':
      // Too many to take back one by one; what they gave stays without effect.
      return
  }
}

/** Back among the applicants, where somebody else may admit the person; who was only invited is asked no more. */
function undoAdmission(tables: Tables, c: Case, did: Did, review: OperationId): void {
  const row = tables.get(members, [did])
  if (row === undefined || row.review !== review) return
  if (row.status === 'applied') {
    clearMember(tables, c, did, review)
    return
  }
  if (!standingStatuses.has(row.status)) {
    endMember(tables, c, row, { status: 'declined', code: 'review_undone' })
    return
  }
  const at = c.op.at[0]
  setOffices(tables, c, { did, roles: ['member'], given_by: null }, row.roles)
  const kept = without(row, 'version', 'review', 'status_before', 'suspended_at', 'suspended_until_at', 'leaving_at', 'removal', 'admitted_at', 'full_at')
  const days = charterRules(tables)?.membership.application_days ?? 90
  writeMember(tables, c, { ...kept, status: 'applied', roles: ['member'], sponsors: [], admitted_by: [], applied_at: at, deadline_at: at + days * dayMs })
}

function undoRoles(tables: Tables, c: Case, did: Did, ref: OperationId, row: ReviewRow): void {
  const member = tables.get(members, [did])
  const before = row.roles_before ?? ['member']
  for (const role of row.gave ?? []) {
    const office = tables.get(officers, [role, did])
    if (office?.review === ref) tables.put(officers, [role, did], without(office, 'review'))
  }
  if (member === undefined || !standingStatuses.has(member.status)) return
  setOffices(tables, c, { did, roles: before, given_by: c.op.id }, member.roles)
  writeMember(tables, c, { ...member, roles: [...before] })
  tables.emit('coop.member_role_updated', { did, roles: before })
}

/** Reinstates somebody whom the removed person had suspended or removed, offices included. What others have decided since stands. */
function giveBack(tables: Tables, c: Case, did: Did, ref: OperationId, row: ReviewRow): void {
  const member = tables.get(members, [did])
  if (member === undefined) return
  if (member.status === 'suspended') {
    const own = row.kind === 'suspension' ? member.removal === undefined && isLastTo(tables, 'suspended_at', ref, row) : member.removal?.op === ref
    if (own) reinstate(tables, c, member)
    return
  }
  if (row.kind === 'suspension' || (member.status !== 'removed' && member.status !== 'banned') || !isLastTo(tables, 'ended_at', ref, row)) return
  const roles = row.roles_before ?? ['member']
  // Who had gone before it was only banned.
  if (roles.length === 0) {
    writeMember(tables, c, { ...without(member, 'version'), status: 'removed' })
    return
  }
  setOffices(tables, c, { did, roles, given_by: c.op.id }, member.roles)
  const kept = without(member, 'version', 'ended_at', 'end_code', 'end_reason', 'status_before')
  writeMember(tables, c, { ...kept, status: member.status_before ?? 'active', roles: [...roles] })
  tables.emit('coop.member_reinstated', { did })
}

/** Was it this deed that suspended or ended the person last, or another of the same doer that nobody has confirmed? A stayed removal ends in a sweep. */
function isLastTo(facts: Facts, field: 'suspended_at' | 'ended_at', ref: OperationId, row: ReviewRow): boolean {
  for (const [[, , op], entry] of facts.scan(log, { prefix: [row.ref as Did], reverse: true })) {
    if (!entry.changes.some((change) => change.field === field)) continue
    const stayed = entry.changes.find((change) => change.field === 'removal')?.before as MemberRow['removal']
    const cause = entry.kind === 'coop.sweep' ? stayed?.op : op
    const review = cause === undefined ? undefined : facts.get(reviews, [cause])
    return cause === ref || (review?.by === row.by && review.state !== 'confirmed')
  }
  return false
}
