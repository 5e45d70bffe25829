import type { MemberRow } from '@icn/domain'
import { calendarTable, conflicts, entries, hosts, lastCheckpoint, matchesFilter, memberAsOf, memberAt, memberLog, members, reviews, settings } from '@icn/domain'
import type { Did, Facts, InputOf, MemberView, OperationId, OperationsTable } from '@icn/protocol'
import { spaceOfCoop, toBase64Url } from '@icn/protocol'
import type { Call, Handlers, WritePlan } from '../calls/call.ts'
import { callerDid } from '../calls/call.ts'
import { refuse } from '../calls/refusal.ts'
import { coopIdOf, factsOf, memberRow, pageOfRows, readerOf } from './common.ts'
import type { CoopParts } from './parts.ts'
import { isTimeZone, nextOffsets } from './time-zone.ts'
import { conflictView, coopTag, coopView, entryView, hostView, logItem, memberView, reviewView, tagOf } from './views.ts'

/** The register, roles, hosts, settings: one handler for each row that means one operation. */

const ms = (text: string | undefined): number | undefined => (text === undefined ? undefined : Date.parse(text))

/** Leaves fields without a value out, as bodies want them. */
function present<T extends Record<string, unknown>>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> }
}

/** A plan in the coop that the row names. */
export function planIn<Value>(call: Call, kind: string, body: unknown, view: (facts: Facts) => Value, more: Partial<WritePlan<Value>> = {}): WritePlan<Value> {
  return { space: spaceOfCoop(coopIdOf(factsOf(call))), kind, author: callerDid(call), body, view, ...more }
}

/** Only oneself may ask for this; the door says it before the law would. */
function self(call: Call<{ readonly did: Did }>): Did {
  const did = callerDid(call)
  if (call.input.did !== did) throw refuse('NOT_A_MEMBER', { did: call.input.did })
  return did
}

/** The member as this caller sees it, also right after a write. */
const memberAfter =
  (parts: CoopParts, call: Call, did: Did) =>
  (facts: Facts): MemberView =>
    memberView(memberRow(facts, did, parts.now()), coopIdOf(facts), readerOf(call))

const tag =
  (did: Did) =>
  (facts: Facts): string =>
    tagOf(facts.get(members, [did]))

type RegisterMethods = 'coop.list_members' | 'coop.get_member' | 'coop.member_log' | 'coop.entry.list' | 'coop.entry.add' | 'coop.entry.remove'

/** Reading the register, and its entries. */
export function registerHandlers(parts: CoopParts): Handlers<RegisterMethods> {
  return {
    'coop.list_members': (call) => {
      const facts = factsOf(call)
      const { status, role, class: memberClass, q, as_of_date } = call.input
      const at = ms(as_of_date) ?? parts.now()
      const filter = present({ status, role, class: memberClass, q })
      const from = typeof call.page.after === 'string' ? { after: [call.page.after as Did] as const } : {}
      const item = ([[did]]: readonly [readonly [Did], MemberRow]): MemberView | undefined => {
        const row = as_of_date === undefined ? memberAt(facts, did, at) : memberAsOf(facts, did, at)
        return row !== undefined && matchesFilter(row, filter) ? memberView(row, coopIdOf(facts), readerOf(call)) : undefined
      }
      return pageOfRows(facts.scan(members, { reverse: call.page.reverse, ...from }), call.page.limit, item, ([[did]]) => did)
    },
    'coop.get_member': (call) => {
      const facts = factsOf(call)
      const { did } = call.input
      return { value: memberAfter(parts, call, did)(facts), etag: tag(did)(facts) }
    },
    'coop.member_log': (call) => {
      const facts = factsOf(call)
      const { did } = call.input
      memberRow(facts, did, parts.now())
      const { after, limit } = call.page
      const before = Array.isArray(after) ? { before: [after[0] as number, after[1] as OperationId] as const } : {}
      const lines = memberLog(facts, did, { limit: limit + 1, ...before })
      return pageOfRows(
        lines,
        limit,
        (line) => logItem(did, line),
        (line) => [line.at, line.op],
      )
    },
    'coop.entry.list': (call) => {
      const from = typeof call.page.after === 'number' ? { after: [call.page.after] } : {}
      const rows = factsOf(call).scan(entries, { reverse: call.page.reverse, ...from })
      return pageOfRows(
        rows,
        call.page.limit,
        ([, row]) => (call.input.open !== true || (row.did === undefined && row.removed === undefined) ? entryView(row) : undefined),
        ([[number]]) => number,
      )
    },
    'coop.entry.add': (call) => entryAddPlan(call, parts),
    'coop.entry.remove': (call) => {
      const { number, reason } = call.input
      const view = (facts: Facts) => {
        const row = facts.get(entries, [number])
        if (row === undefined) throw refuse('ENTRY_UNKNOWN', { number })
        return entryView(row)
      }
      return planIn(call, 'coop.entry.remove', { number, reason }, view)
    },
  }
}

type MemberMethods =
  | 'coop.add_member'
  | 'coop.approve_member'
  | 'coop.decline_member'
  | 'coop.accept_membership'
  | 'coop.withdraw_application'
  | 'coop.confirm_member'
  | 'coop.sponsor_member'
  | 'coop.suspend_member'
  | 'coop.reinstate_member'
  | 'coop.remove_member'
  | 'coop.unban_member'
  | 'coop.resign'
  | 'coop.stay'
  | 'coop.update_member_role'
  | 'coop.place_member'
  | 'coop.update_profile'
  | 'coop.apply'

export function memberHandlers(parts: CoopParts): Handlers<MemberMethods> {
  const show = (call: Call, did: Did) => memberAfter(parts, call, did)
  const plan = (call: Call, did: Did, kind: string, body: unknown, more: Partial<WritePlan<MemberView>> = {}): WritePlan<MemberView> =>
    planIn(call, kind, body, show(call, did), more)
  return {
    'coop.add_member': (call) => {
      const { did, role, name, class: memberClass, tier, number } = call.input
      return plan(
        call,
        did,
        'coop.member.admit',
        { did, roles: [role], ...present({ name, class: memberClass, tier, number }) },
        { location: (value) => `/v1/coops/${value.coop_id}/members/${did}` },
      )
    },
    'coop.approve_member': (call) => {
      const { did, roles, name, class: memberClass, tier, number } = call.input
      return plan(call, did, 'coop.member.admit', { did, roles, ...present({ name, class: memberClass, tier, number }) })
    },
    'coop.decline_member': (call) => plan(call, call.input.did, 'coop.member.decline', { did: call.input.did, reason: call.input.reason }),
    'coop.accept_membership': (call) => {
      const { charter_hash, name, personhood } = call.input
      return plan(call, self(call), 'coop.member.accept', { charter_hash, ...present({ name, personhood }) })
    },
    'coop.withdraw_application': (call) => plan(call, self(call), 'coop.member.withdraw', {}),
    'coop.confirm_member': (call) => plan(call, call.input.did, 'coop.member.confirm', { did: call.input.did }),
    'coop.sponsor_member': (call) => plan(call, call.input.did, 'coop.member.sponsor', { did: call.input.did }),
    'coop.suspend_member': (call) => {
      const { did, code, reason, until_at } = call.input
      return plan(call, did, 'coop.member.suspend', { did, code, reason, ...present({ until_at: ms(until_at) }) })
    },
    'coop.reinstate_member': (call) => plan(call, call.input.did, 'coop.member.reinstate', { did: call.input.did, ...present({ note: call.input.note }) }),
    'coop.remove_member': (call) => {
      const { did, code, reason, ban, immediate } = call.input
      // What this node has seen final is what the remover can be shown to have known.
      const cut_seen = lastCheckpoint(factsOf(call))?.id
      return plan(call, did, 'coop.member.remove', { did, code, reason, ban, immediate, ...present({ cut_seen }) })
    },
    'coop.unban_member': (call) => plan(call, call.input.did, 'coop.member.unban', { did: call.input.did, reason: call.input.reason }),
    'coop.resign': (call) => plan(call, self(call), 'coop.member.resign', present({ reason: call.input.reason })),
    'coop.stay': (call) => plan(call, self(call), 'coop.member.stay', {}),
    'coop.update_member_role': (call) => {
      const { did, roles, until_at } = call.input
      return plan(call, did, 'coop.member.roles', { did, roles, ...present({ until_at: ms(until_at) }) }, { matchTag: tag(did) })
    },
    'coop.place_member': (call) => {
      const { did, class: memberClass, tier, number } = call.input
      return plan(call, did, 'coop.member.place', { did, ...present({ class: memberClass, tier, number }) }, { matchTag: tag(did) })
    },
    'coop.update_profile': (call) => plan(call, self(call), 'coop.member.profile', { name: call.input.name }, { matchTag: tag(call.input.did) }),
    'coop.apply': (call) => {
      const did = callerDid(call)
      const { charter_hash, name, kind, statement, asked, personhood } = call.input
      const wish = asked === undefined ? undefined : present(asked)
      return plan(
        call,
        did,
        'coop.member.apply',
        { charter_hash, name, ...present({ kind, statement, asked: wish, personhood }) },
        { location: (value) => `/v1/coops/${value.coop_id}/members/${did}` },
      )
    },
  }
}

function entryAddPlan(call: Call<InputOf<OperationsTable['coop.entry.add']>>, parts: CoopParts): WritePlan<{ import_id: string; batch: number; added: number }> {
  const import_id = call.input.import_id ?? call.clientKey ?? parts.random(16)
  const { batch } = call.input
  const list = call.input.entries.map((entry, index) => {
    const { number, name, joined_at, roles, class: entryClass, tier, shares, capital, row } = entry
    return { number, name, joined_at: Date.parse(joined_at), row: row ?? index + 1, ...present({ roles, class: entryClass, tier, shares, capital }) }
  })
  const value = { import_id: toBase64Url(import_id), batch, added: list.length }
  return planIn(call, 'coop.entry.add', { import_id, batch, entries: list }, () => value, { location: () => `/v1/coops/${coopIdOf(factsOf(call))}/entries` })
}

type HouseMethods =
  | 'coop.host.list'
  | 'coop.host.add'
  | 'coop.host.accept'
  | 'coop.host.remove'
  | 'coop.host.leave'
  | 'coop.update'
  | 'coop.calendar.set'
  | 'coop.review.settle'
  | 'coop.conflict.settle'

/** Hosts, settings, calendar, reviews and conflicts. */
export function houseHandlers(parts: CoopParts): Handlers<HouseMethods> {
  const showHost = (did: Did, node: Did) => (facts: Facts) => {
    const row = facts.get(hosts, [did])
    if (row === undefined) throw refuse('HOST_UNKNOWN')
    return hostView(did, row, node)
  }
  return {
    'coop.host.list': (call, journal) => {
      const from = typeof call.page.after === 'string' ? { after: [call.page.after as Did] as const } : {}
      const rows = factsOf(call).scan(hosts, { reverse: call.page.reverse, ...from })
      return pageOfRows(
        rows,
        call.page.limit,
        ([[did], row]) => hostView(did, row, journal.node),
        ([[did]]) => did,
      )
    },
    'coop.host.add': (call, journal) => {
      const { did, label, note } = call.input
      return planIn(call, 'coop.host.add', { did, label, ...present({ note }) }, showHost(did, journal.node), { location: () => `/v1/coops/${coopIdOf(factsOf(call))}/hosts` })
    },
    'coop.host.accept': (call, journal) => {
      if (call.input.did !== journal.node) throw refuse('HOST_NOT_INVITED')
      return planIn({ ...call, caller: { ...call.caller, did: journal.node } }, 'coop.host.accept', {}, showHost(journal.node, journal.node))
    },
    'coop.host.remove': (call, journal) => planIn(call, 'coop.host.remove', { did: call.input.did, reason: call.input.reason }, showHost(call.input.did, journal.node)),
    'coop.host.leave': (call, journal) => {
      if (call.input.did !== journal.node) throw refuse('HOST_UNKNOWN')
      // Whoever holds its leave is to hold the checkpoint, too, that it has signed.
      if (call.space !== undefined && parts.hasUndecided?.(call.space)) throw refuse('SNAPSHOT_RUNNING')
      return planIn({ ...call, caller: { ...call.caller, did: journal.node } }, 'coop.host.leave', {}, showHost(journal.node, journal.node))
    },
    'coop.update': (call) => {
      const facts = factsOf(call)
      // Who does not say which value was read has read the one that stands.
      const changes = call.input.changes.map(({ field, value, base }) => ({ field, value, base: base === undefined ? (facts.get(settings, [field])?.op ?? null) : base }))
      return planIn(call, 'coop.settings.set', { changes }, (after) => coopView(after, readerOf(call), parts.now()), { matchTag: coopTag })
    },
    'coop.calendar.set': (call) => {
      const { time_zone } = call.input
      if (!isTimeZone(time_zone)) throw refuse('INPUT_INVALID', { count: 1, pointer: '/time_zone' })
      const before = factsOf(call).get(calendarTable, [])
      const offsets = nextOffsets(before?.offsets ?? [], time_zone, parts.now())
      const view = (facts: Facts) => {
        const row = facts.get(calendarTable, [])
        return { time_zone: row?.time_zone ?? time_zone, offsets: (row?.offsets ?? []).map(([from, minutes]): [number, number] => [from, minutes]) }
      }
      return planIn(call, 'coop.calendar.set', { time_zone, offsets }, view)
    },
    'coop.review.settle': (call) => {
      const { operation_id: ref, verdict, note } = call.input
      const view = (facts: Facts) => {
        const row = facts.get(reviews, [ref])
        if (row === undefined) throw refuse('REVIEW_UNKNOWN')
        return reviewView(ref, row)
      }
      return planIn(call, 'coop.review.settle', { ref, verdict, ...present({ note }) }, view)
    },
    'coop.conflict.settle': (call) => {
      const { operation_id: ref, field, keep, note } = call.input
      const view = (facts: Facts) => {
        const row = facts.get(conflicts, [ref, field])
        if (row === undefined) throw refuse('CONFLICT_UNKNOWN')
        return conflictView(ref, field, row)
      }
      return planIn(call, 'coop.conflict.settle', { ref, field, keep, ...present({ note }) }, view)
    },
  }
}
