import type { Facts, Law, OperationId, IdentitySweep as SweepBody } from '@icn/protocol'
import { IdentitySweep, Judgement } from '@icn/protocol'
import { expireAct } from './acts.ts'
import type { SpaceProfile } from './profile.ts'
import { acts, due } from './tables.ts'

/** What a sweeper should propose now, soonest first. */
export function dueIdentity(facts: Facts, at: number, limit: number): SweepBody['items'] {
  const items: SweepBody['items'] = []
  for (const [[when, kind, ref]] of facts.scan(due, { limit })) {
    if (when > at) break
    items.push({ kind, ref: ref as OperationId })
  }
  return items
}

function isDue(facts: Facts, { ref }: SweepBody['items'][number], at: number): boolean {
  const row = facts.get(acts, [ref])
  return row !== undefined && row.state === 'open' && at >= row.expires_at
}

export function sweepLaw(profile: SpaceProfile): Law<SweepBody> {
  return {
    kind: 'identity.sweep',
    key: 'R',
    body: IdentitySweep,
    decide(op, facts) {
      const j = new Judgement()
      j.refuseIf(!profile.isKnownNode(facts, op.author), 'NOT_A_HOST', { params: { did: op.author } })
      j.refuseIf(!op.body.items.some((item) => isDue(facts, item, op.at[0])), 'SWEEP_DONE')
      return j.decision()
    },
    apply(op, tables) {
      for (const item of op.body.items) if (isDue(tables, item, op.at[0])) expireAct(tables, item.ref, op)
    },
  }
}
