import type { Facts, InviteCancel, InviteCreate, InviteRedeem, OperationId, Tables } from '@icn/protocol'
import {
  encodeCanonical,
  equalBytes,
  InviteCancel as InviteCancelBody,
  InviteCreate as InviteCreateBody,
  InviteRedeem as InviteRedeemBody,
  redeemStatementPayload,
  sha256,
} from '@icn/protocol'
import { checkPlainRoles } from './admission.ts'
import { admit, attestStatements, charterAccepted, checkAccepting, checkEntering, checkPlace, dayMs, newcomerRow, personhoodOf } from './entering.ts'
import type { KindSpec } from './kind.ts'
import { charterRules, countOf, isStanding, restCovers } from './state.ts'
import type { EntryRow, InviteRow } from './tables.ts'
import { clientKeys, due, entries, inviteKeys, invites, members } from './tables.ts'
import { addCount, noteDeed, writeMember } from './write.ts'

/** Invitations by code: whoever holds the code's key may let one newcomer in for each use. */

/** Larger: the list is out of hand; smaller: a membership drive stalls. */
export const invitesMax = 500

/** An entry that can still be taken by an invitation. */
function openEntry(facts: Facts, number: number): EntryRow | undefined {
  const row = facts.get(entries, [number])
  return row === undefined || row.removed !== undefined ? undefined : row
}

function hasOpenInvite(facts: Facts, entry: EntryRow | undefined): boolean {
  const state = entry?.invite === undefined ? undefined : facts.get(invites, [entry.invite])?.state
  return state === 'open' || state === 'review'
}

const digestOf = (body: InviteCreate): Uint8Array => sha256(encodeCanonical(body))

export const inviteCreate: KindSpec<InviteCreate> = {
  kind: 'coop.invite.create',
  key: 'N',
  body: InviteCreateBody as KindSpec<InviteCreate>['body'],
  statuses: ['active'],
  by: 'member.invite',
  check(c, facts, j) {
    const at = c.op.at[0]
    const { body } = c
    const days = charterRules(facts)?.membership.invite_days_max ?? 90
    const known = body.client_key === undefined ? undefined : facts.get(clientKeys, [c.proposer, body.client_key])
    const repeated = known !== undefined && equalBytes(known.digest, digestOf(body))
    j.refuseIf(repeated, 'INVITE_REPEATED', { params: { ref: known?.op } })
    j.refuseIf(known !== undefined && !repeated, 'ID_REUSED')
    checkPlace(j, facts, undefined, { class: body.class, tier: body.tier })
    j.refuseIf(body.expires_at <= at || body.expires_at > at + days * dayMs, 'INVITE_TIMES_INVALID', {
      params: { limit: days },
      limit: days,
      rule: { document: 'charter', pointer: '/membership/invite_days_max' },
    })
    checkPlainRoles(j, body.roles)
    const entry = body.entry === undefined ? undefined : openEntry(facts, body.entry)
    j.refuseIf(body.entry !== undefined && entry === undefined, 'ENTRY_UNKNOWN', { params: { number: body.entry } })
    j.refuseIf(entry !== undefined && (entry.did !== undefined || hasOpenInvite(facts, entry)), 'ENTRY_TAKEN', { params: { number: body.entry } })
    const open = countOf(facts, 'invites.open')
    j.refuseIf(open >= invitesMax, 'INVITES_FULL', { params: { limit: invitesMax }, limit: invitesMax, used: open })
    j.refuseIf(facts.get(inviteKeys, [body.key]) !== undefined, 'INVITE_KEY_USED')
  },
  apply(c, tables) {
    const { key, roles, entry, uses, expires_at, client_key, name, tier } = c.body
    const { id } = c.op
    tables.put(invites, [id], {
      by: c.proposer,
      key,
      roles: [...roles],
      ...(c.body.class === undefined ? {} : { class: c.body.class }),
      ...(tier === undefined ? {} : { tier }),
      ...(name === undefined ? {} : { name }),
      ...(entry === undefined ? {} : { entry }),
      // One entry is one person.
      uses: entry === undefined ? uses : 1,
      used: [],
      expires_at,
      created_at: c.op.at[0],
      state: 'open',
    })
    tables.put(inviteKeys, [key], id)
    tables.put(due, [expires_at, 'invite', id], {})
    if (client_key !== undefined) tables.put(clientKeys, [c.proposer, client_key], { op: id, digest: digestOf(c.body) })
    const row = entry === undefined ? undefined : tables.get(entries, [entry])
    if (row !== undefined && entry !== undefined) tables.put(entries, [entry], { ...row, invite: id })
    addCount(tables, 'invites.open', 1)
    noteDeed(tables, c, { kind: 'invite', ref: id })
    tables.emit('coop.invite_created', { ref: id, uses, expires_at })
  },
}

/** Ends an invitation that could still be used. */
export function closeInvite(tables: Tables, ref: OperationId, row: InviteRow, state: 'cancelled' | 'used_up', expired = false): InviteRow {
  if (row.state === 'open') addCount(tables, 'invites.open', -1)
  tables.delete(due, [row.expires_at, 'invite', ref])
  const next: InviteRow = { ...row, state, ...(expired ? { expired: true } : {}) }
  tables.put(invites, [ref], next)
  return next
}

export const inviteCancel: KindSpec<InviteCancel> = {
  kind: 'coop.invite.cancel',
  key: 'N',
  body: InviteCancelBody,
  statuses: ['active', 'suspended', 'dissolving'],
  by: (ask, facts) => (facts.get(invites, [ask.body.ref])?.by === ask.proposer ? 'member' : 'member.invite'),
  subject: (body) => body.ref,
  check(c, facts, j) {
    const row = facts.get(invites, [c.body.ref])
    j.refuseIf(row === undefined, 'INVITE_UNKNOWN')
    j.refuseIf(row !== undefined && row.state !== 'open' && row.state !== 'review', 'INVITE_CLOSED', { params: { state: row?.state } })
  },
  apply(c, tables) {
    closeInvite(tables, c.body.ref, tables.get(invites, [c.body.ref]) as InviteRow, 'cancelled')
    tables.emit('coop.invite_cancelled', { ref: c.body.ref })
  },
}

export const inviteRedeem: KindSpec<InviteRedeem> = {
  kind: 'coop.invite.redeem',
  key: 'R',
  body: InviteRedeemBody as KindSpec<InviteRedeem>['body'],
  statuses: ['active'],
  by: 'anyone',
  subject: (body) => body.ref,
  statements: (body, context) => [
    {
      purpose: 'redeem',
      key: body.statement.key,
      payload: redeemStatementPayload({ network: context.network, space: context.space, invite: body.ref, did: context.author }),
      signature: body.statement.signature,
    },
    ...attestStatements(body.personhood, context),
  ],
  check(c, facts, j) {
    const at = c.op.at[0]
    const row = facts.get(invites, [c.body.ref])
    checkEntering(j, facts, c.proposer, { class: row?.class, tier: row?.tier })
    checkAccepting(j, facts, c.proposer, c.body, at)
    const status = facts.get(members, [c.proposer])?.status
    j.refuseIf(status === 'applied' || status === 'invited', 'MEMBER_STATE', { params: { status } })
    if (j.refuseIf(row === undefined, 'INVITE_UNKNOWN') || row === undefined) return
    j.refuseIf(c.body.statement.key !== row.key, 'INVITE_KEY')
    j.refuseIf(row.state === 'review' || restCovers(facts, row.by, row.created_at), 'INVITE_NEEDS_REVIEW')
    j.refuseIf(row.state === 'cancelled' && row.expired !== true, 'INVITE_CANCELLED')
    j.refuseIf(row.expired === true || at >= row.expires_at, 'INVITE_EXPIRED', { params: { expires_at: row.expires_at } })
    j.refuseIf(row.state === 'used_up' || row.used.length >= row.uses, 'INVITE_USED_UP', { params: { by: row.by } })
  },
  apply(c, tables) {
    const at = c.op.at[0]
    const did = c.proposer
    const invite = tables.get(invites, [c.body.ref]) as InviteRow
    const rules = charterRules(tables)
    const used: InviteRow = { ...invite, used: [...invite.used, { did, at, op: c.op.id }] }
    if (used.used.length >= used.uses) closeInvite(tables, c.body.ref, used, 'used_up')
    else tables.put(invites, [c.body.ref], used)
    const row = {
      ...newcomerRow(tables, { did, name: c.body.name, roles: invite.roles, class: invite.class, tier: invite.tier, joined_via: invite.entry === undefined ? 'invite' : 'import' }),
      ...charterAccepted(tables, at),
      ...personhoodOf(tables, did, c.body.personhood, at),
      invite: c.body.ref,
    }
    tables.emit('coop.invite_used', { ref: c.body.ref, did })
    const admission = rules?.membership.admission ?? 'one'
    if (admission === 'two' || admission === 'vote') {
      const inviter = tables.get(members, [invite.by])
      const sponsors = isStanding(inviter) ? [invite.by] : []
      writeMember(tables, c, { ...row, status: 'applied', applied_at: at, sponsors, deadline_at: at + (rules?.membership.application_days ?? 90) * dayMs })
      tables.emit('coop.member_applied', { did })
      return
    }
    admit(tables, c, { ...row, admitted_by: [invite.by] })
  },
}
