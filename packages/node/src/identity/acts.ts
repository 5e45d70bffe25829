import { actById, actsOf } from '@icn/domain'
import type { ActView, Facts, OperationId } from '@icn/protocol'
import type { Call, Handlers } from '../calls/index.ts'
import { callerDid, refuse } from '../calls/index.ts'
import { pageBy, spaceOf } from './grants.ts'
import type { IdentityParts } from './parts.ts'
import { actView, mayConfirm } from './views.ts'

export type ActMethods = 'act.list' | 'act.get' | 'act.propose' | 'act.confirm' | 'act.withdraw'

export function actHandlers(parts: IdentityParts): Handlers<ActMethods> {
  const show =
    (call: Call, id: OperationId) =>
    (facts: Facts): ActView => {
      const act = actById(facts, id)
      if (act === undefined) throw refuse('ACT_UNKNOWN', { act: id })
      return actView(facts, spaceOf(call).space, act, call.caller.did, parts.now())
    }
  return {
    'act.list': (call) => {
      const { space, facts } = spaceOf(call)
      const { state, mine } = call.input
      const did = callerDid(call)
      const now = parts.now()
      const found = actsOf(facts, { limit: Number.MAX_SAFE_INTEGER, ...(state === undefined ? {} : { state }) }, now)
        .filter((act) => mine === undefined || mine === (act.row.proposer === did || act.row.confirmed.some((one) => one.did === did) || mayConfirm(facts, space, act, did, now)))
        .toSorted((a, b) => a.row.proposed_at - b.row.proposed_at || (a.id < b.id ? -1 : 1))
      const { items, next } = pageBy(found, call, ({ id }) => id)
      return { items: items.map((act) => actView(facts, space, act, did, now)), next }
    },
    'act.get': (call) => ({ value: show(call, call.input.operation_id)(spaceOf(call).facts) }),
    'act.propose': (call) => {
      const { space } = spaceOf(call)
      const { kind, body, note } = call.input
      return {
        space,
        kind: 'act.propose',
        author: callerDid(call),
        body: { kind, body, ...(note === undefined ? {} : { note }) },
        view: (facts, placed) => show(call, placed?.operation.id as OperationId)(facts),
        location: (value: ActView) => `/v1/spaces/${space}/acts/${value.act_id}`,
      }
    },
    'act.confirm': (call) => ({
      space: spaceOf(call).space,
      kind: 'act.confirm',
      author: callerDid(call),
      body: { ref: call.input.operation_id },
      view: show(call, call.input.operation_id),
    }),
    'act.withdraw': (call) => ({
      space: spaceOf(call).space,
      kind: 'act.withdraw',
      author: callerDid(call),
      body: { ref: call.input.operation_id },
      view: show(call, call.input.operation_id),
    }),
  }
}
