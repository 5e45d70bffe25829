import type { Check, SpaceAdopt as Body, Facts, OperationView, Tables } from '@icn/protocol'
import { Judgement } from '@icn/protocol'
import { adoptedRules } from './queries.ts'
import { adoptions } from './tables.ts'

/** The change itself of `space.adopt`; who must agree to it is the space's act rule. `founding` are the rules the space began with. */
export function checkAdopt(op: OperationView, body: Body, facts: Facts, founding: string): readonly Check[] {
  const j = new Judgement()
  const at = op.at[0]
  const pending = facts.first(adoptions, { from: [at + 1] })
  const current = adoptedRules(facts, at) ?? founding
  j.refuseIf(pending?.[1].rules === body.rules || (pending === undefined && current === body.rules), 'ALREADY_ADOPTED', { params: { rules: body.rules } })
  j.refuseIf(pending !== undefined && pending[1].rules !== body.rules, 'ADOPT_PENDING', { params: { rules: pending?.[1].rules ?? '' } })
  j.refuseIf(body.from <= at, 'ADOPT_IN_PAST', { params: { from: body.from } })
  return j.checks
}

export function applyAdopt(op: OperationView, body: Body, tables: Tables): void {
  tables.put(adoptions, [body.from], { rules: body.rules, adopted_at: op.at[0], op: op.id })
  tables.emit('space.rules_adopted', { rules: body.rules, from: body.from })
}
