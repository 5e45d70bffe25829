import type { InviteRow } from '@icn/domain'
import { charterRules, charters, coopRow, inviteKeys, invites, memberAt } from '@icn/domain'
import type { Did, Facts, InputOf, InviteView, OperationId, OperationsTable } from '@icn/protocol'
import { inviteCodeBytes, inviteCodeText, inviteKeyOf, inviteLink, inviteSeed, readInviteCode, timeText } from '@icn/protocol'
import type { Call, Handlers, WritePlan } from '../calls/call.ts'
import { callerDid } from '../calls/call.ts'
import { refuse } from '../calls/refusal.ts'
import { coopIdOf, factsOf, memberRow, pageOfRows, readerOf } from './common.ts'
import { planIn } from './members.ts'
import type { CoopParts } from './parts.ts'
import { inviteState, inviteView, memberView } from './views.ts'

/** Invitations by code. A code that this node makes is in the one answer that made it and nowhere else. */

const dayMs = 86_400_000
const usualDays = 14

export interface MadeCode {
  readonly code: string
  readonly key: Did
  readonly link: string
}

/** A fresh code with its key and link. */
export function makeCode(parts: CoopParts, facts: Facts, inviter: Did): MadeCode {
  const coop = coopRow(facts)
  if (coop === undefined) throw refuse('NOT_FOUND')
  const code = inviteCodeText(parts.random(inviteCodeBytes))
  const key = inviteKeyOf(inviteSeed(readInviteCode(code) ?? '', coop.coop_id, coop.genesis))
  return { code, key, link: inviteLink({ origin: parts.origin(), coop_id: coop.coop_id, genesis: coop.genesis, network: parts.network() ?? '', inviter, code }) }
}

/** The usual fortnight, or less where the charter allows less. */
export function usualExpiry(facts: Facts, now: number): number {
  const days = Math.min(usualDays, charterRules(facts)?.membership.invite_days_max ?? usualDays)
  // An hour less than the limit, so that a clock a little ahead does not make it too long.
  return now + days * dayMs - 3_600_000
}

function showInvite(ref: OperationId | undefined, key: Did, now: number) {
  return (facts: Facts): InviteView => {
    const id = ref ?? facts.get(inviteKeys, [key])
    const row = id === undefined ? undefined : facts.get(invites, [id])
    if (id === undefined || row === undefined) throw refuse('INVITE_UNKNOWN')
    return inviteView(id, row, coopIdOf(facts), now)
  }
}

function createPlan(call: Call<InputOf<OperationsTable['coop.invite.create']>>, parts: CoopParts): WritePlan<InviteView> {
  const facts = factsOf(call)
  const did = callerDid(call)
  const { key: given, roles, class: inviteClass, tier, name, entry, uses, expires_at } = call.input
  const made = given === undefined ? makeCode(parts, facts, did) : undefined
  const key = given ?? (made as MadeCode).key
  const body = {
    key,
    roles,
    uses,
    expires_at: expires_at === undefined ? usualExpiry(facts, parts.now()) : Date.parse(expires_at),
    ...(inviteClass === undefined ? {} : { class: inviteClass }),
    ...(tier === undefined ? {} : { tier }),
    ...(name === undefined ? {} : { name }),
    ...(entry === undefined ? {} : { entry }),
    // With a code made here a second try is another invitation; only the caller's own key makes it the same one.
    ...(given !== undefined && expires_at !== undefined && call.clientKey !== undefined ? { client_key: call.clientKey } : {}),
  }
  return planIn(call, 'coop.invite.create', body, showInvite(undefined, key, parts.now()), {
    location: (value) => `/v1/coops/${value.coop_id}/invites`,
    ...(made === undefined ? {} : { secret: { code: made.code, link: made.link } }),
  })
}

type InviteMethods = 'coop.invite.list' | 'coop.invite.create' | 'coop.invite.cancel' | 'coop.invite.find' | 'coop.join'

export function inviteHandlers(parts: CoopParts): Handlers<InviteMethods> {
  return {
    'coop.invite.list': (call) => {
      const facts = factsOf(call)
      const from = typeof call.page.after === 'string' ? { after: [call.page.after as OperationId] as const } : {}
      const item = ([[ref], row]: readonly [readonly [OperationId], InviteRow]) => {
        const view = inviteView(ref, row, coopIdOf(facts), parts.now())
        return call.input.state === undefined || view.state === call.input.state ? view : undefined
      }
      return pageOfRows(facts.scan(invites, { reverse: call.page.reverse, ...from }), call.page.limit, item, ([[ref]]) => ref)
    },
    'coop.invite.create': (call) => createPlan(call, parts),
    'coop.invite.cancel': (call) => {
      const ref = call.input.operation_id
      const row = factsOf(call).get(invites, [ref])
      if (row === undefined) throw refuse('INVITE_UNKNOWN')
      return planIn(call, 'coop.invite.cancel', { ref }, showInvite(ref, row.key, parts.now()))
    },
    'coop.invite.find': (call) => {
      const facts = factsOf(call)
      const coop = coopRow(facts)
      const ref = facts.get(inviteKeys, [call.input.invite_key])
      const row = ref === undefined ? undefined : facts.get(invites, [ref])
      const network = parts.network()
      if (coop === undefined || ref === undefined || row === undefined || network === undefined) throw refuse('INVITE_UNKNOWN')
      const charter = facts.get(charters, [coop.charter_version])?.charter ?? {}
      return {
        value: {
          invite_id: ref,
          coop_id: coop.coop_id,
          name: coop.name,
          network,
          genesis: coop.genesis,
          charter_hash: coop.charter_hash,
          charter: { ...charter },
          invited_by: row.by,
          invited_by_name: memberAt(facts, row.by, parts.now())?.name ?? null,
          roles: [...row.roles],
          for_name: row.name ?? null,
          expires_at: timeText(row.expires_at),
          state: inviteState(row, parts.now()),
        },
      }
    },
    'coop.join': (call) => {
      const facts = factsOf(call)
      const did = callerDid(call)
      const { invite_key, signature, charter_hash, name, personhood } = call.input
      const ref = facts.get(inviteKeys, [invite_key])
      // A wrong code and an unknown coop look alike to a stranger.
      if (ref === undefined) throw refuse('INVITE_UNKNOWN')
      const body = { ref, statement: { did, key: invite_key, signature }, charter_hash, name, ...(personhood === undefined ? {} : { personhood }) }
      const view = (after: Facts) => memberView(memberRow(after, did, parts.now()), coopIdOf(after), readerOf(call))
      return planIn(call, 'coop.invite.redeem', body, view, { location: (value) => `/v1/coops/${value.coop_id}/members/${did}` })
    },
  }
}
