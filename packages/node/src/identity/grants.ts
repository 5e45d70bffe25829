import { grantById, grantsBy, grantState } from '@icn/domain'
import type { Facts, GrantView, OperationId } from '@icn/protocol'
import { grantMsBounds } from '@icn/protocol'
import type { Call, Handlers, ListCall } from '../calls/index.ts'
import { callerDid, refuse } from '../calls/index.ts'
import type { IdentityParts } from './parts.ts'
import { documentView, grantView, profileOf } from './views.ts'
import { resolve } from '@icn/domain'

export type GrantMethods = 'identity.resolve' | 'identity.grants.list' | 'identity.grant' | 'identity.revoke'

/** The space that a row names, with its state; absent and hidden look the same. */
export function spaceOf(call: Call): { readonly space: NonNullable<Call['space']>; readonly facts: Facts } {
  const { space, facts } = call
  if (space === undefined || facts === undefined) throw refuse('NOT_FOUND')
  return { space, facts }
}

/** Newest last; `after` is the id of the last one of the page before. */
export function pageBy<Item>(items: readonly Item[], call: ListCall, idOf: (item: Item) => string): { readonly items: readonly Item[]; readonly next: string | null } {
  const ordered = call.page.reverse ? [...items].reverse() : items
  const from = call.page.after === null ? 0 : ordered.findIndex((item) => idOf(item) === call.page.after) + 1
  const page = ordered.slice(from, from + call.page.limit)
  const last = page.at(-1)
  return { items: page, next: last !== undefined && from + page.length < ordered.length ? idOf(last) : null }
}

export function grantHandlers(parts: IdentityParts): Handlers<GrantMethods> {
  const show =
    (call: Call, id: OperationId) =>
    (facts: Facts): GrantView => {
      const found = grantById(facts, id)
      if (found === undefined) throw refuse('GRANT_UNKNOWN')
      return grantView(spaceOf(call).space, found, parts.now())
    }
  return {
    'identity.resolve': (call, journal) => {
      const { facts, input } = call
      const space = call.space ?? ('commons' as NonNullable<Call['space']>)
      return { value: documentView(resolve(facts, profileOf(space), input.did, parts.now()), journal.info(space), parts.now()) }
    },
    'identity.grants.list': (call) => {
      const { space, facts } = spaceOf(call)
      const { grantee, live } = call.input
      const now = parts.now()
      const own = grantsBy(facts, callerDid(call))
        .filter(({ row }) => (grantee === undefined || row.grantee === grantee) && (live === undefined || (grantState(row, now) === 'live') === live))
        .sort((a, b) => a.row.made_at - b.row.made_at || (a.id < b.id ? -1 : 1))
      const { items, next } = pageBy(own, call, ({ id }) => id)
      return { items: items.map((grant) => grantView(space, grant, now)), next }
    },
    'identity.grant': (call, journal) => {
      const { space } = spaceOf(call)
      const { grantee = journal.node, grantee_kind, scopes, not_before_at, not_after_at, for_ms, max_amount, label } = call.input
      const from = not_before_at === undefined ? parts.now() : Date.parse(not_before_at)
      const until = not_after_at === undefined ? from + (for_ms ?? grantMsBounds[grantee_kind].usual) : Date.parse(not_after_at)
      const body = {
        grantee,
        grantee_kind,
        scopes,
        not_before_at: from,
        not_after_at: until,
        label: label ?? (grantee_kind === 'node' ? 'Node' : 'Device'),
        ...(max_amount === undefined ? {} : { max_amount }),
      }
      return {
        space,
        kind: 'identity.grant',
        author: callerDid(call),
        body,
        view: (facts, placed) => show(call, placed?.operation.id as OperationId)(facts),
        location: (value: GrantView) => `/v1/spaces/${space}/grants/${value.grant_id}`,
      }
    },
    'identity.revoke': (call) => {
      const { space, facts } = spaceOf(call)
      const { operation_id, reason, known_seq } = call.input
      // Who may not know of it hears what a stranger hears.
      const found = grantById(facts, operation_id)
      if (found === undefined || (found.author !== callerDid(call) && found.row.grantee !== callerDid(call))) throw refuse('GRANT_UNKNOWN')
      return {
        space,
        kind: 'identity.revoke',
        author: callerDid(call),
        body: { grant: operation_id, reason, ...(known_seq === undefined ? {} : { known_seq }) },
        view: show(call, operation_id),
      }
    },
  }
}
