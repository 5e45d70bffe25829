import type { CommonsSweep, Facts, Law } from '@icn/protocol'
import { CommonsSweep as SweepBody, Judgement } from '@icn/protocol'
import { putRow } from './directory.ts'
import { isKnownNode } from './profile.ts'
import { directory, reservations } from './tables.ts'

/** What time brings to `commons`: ids that waited too long for their coop. */

const isDue = (facts: Facts, coopId: string, at: number): boolean => {
  const row = facts.get(directory, [coopId])
  return row?.status === 'reserved' && (row.expires_at ?? 0) <= at
}

/** What a sweeper may propose. */
export function dueInCommons(facts: Facts, at: number, itemsMax: number): CommonsSweep['items'] {
  const items: CommonsSweep['items'] = []
  for (const [[, coopId]] of facts.scan(reservations)) {
    if (items.length === itemsMax) break
    if (isDue(facts, coopId, at)) items.push({ kind: 'reservation', ref: coopId })
  }
  return items
}

export const sweepLaw: Law<CommonsSweep> = {
  kind: 'commons.sweep',
  key: 'R',
  body: SweepBody as Law<CommonsSweep>['body'],
  decide(op, facts) {
    const j = new Judgement()
    j.refuseIf(!isKnownNode(facts, op.author), 'NOT_A_HOST', { params: { did: op.author } })
    j.refuseIf(!op.body.items.some(({ ref }) => isDue(facts, ref, op.at[0])), 'SWEEP_DONE')
    return j.decision()
  },
  apply(op, tables) {
    for (const { ref } of op.body.items) {
      if (!isDue(tables, ref, op.at[0])) continue
      putRow(tables, ref, undefined)
      tables.emit('directory.expired', { coop_id: ref })
    }
  },
}
