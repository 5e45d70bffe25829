import type { CoopReason, CoopResume, Did, Facts } from '@icn/protocol'
import { CoopReason as CoopReasonBody, CoopResume as CoopResumeBody } from '@icn/protocol'
import { decidesOf } from '../charter/index.ts'
import type { KindSpec } from './kind.ts'
import { coopRow, effectiveStewards, isFounder, without } from './state.ts'
import type { CoopRow } from './tables.ts'
import { coopTable, signatures } from './tables.ts'

/** Suspending, resuming and giving up a coop. Dissolving has its own module. */

const must = (facts: Facts): CoopRow => coopRow(facts) as CoopRow

/** Founders other than this one who have signed the text that stands. */
function otherSigners(facts: Facts, did: Did): number {
  let others = 0
  for (const [[, signer]] of facts.scan(signatures, { prefix: [1] })) if (signer !== did) others++
  return others
}

export const abandon: KindSpec<CoopReason> = {
  kind: 'coop.abandon',
  key: 'D',
  body: CoopReasonBody,
  statuses: ['forming'],
  by: 'anyone',
  way: (ask, facts) => (otherSigners(facts, ask.proposer) > 0 ? 'two' : 'one'),
  check(c, facts, j) {
    j.refuseIf(!c.persons.every((did) => isFounder(facts, did)), 'NOT_A_FOUNDER')
  },
  apply(c, tables) {
    const coop = must(tables)
    tables.put(coopTable, [], { ...coop, status: 'dissolved', status_before: coop.status, ended_at: c.op.at[0], end_reason: 'abandoned' })
    tables.emit('coop.abandoned', { coop_id: coop.coop_id, by: c.proposer })
  },
}

export const suspend: KindSpec<CoopReason> = {
  kind: 'coop.suspend',
  key: 'D',
  body: CoopReasonBody,
  statuses: ['active'],
  by: 'coop.manage',
  way: (_c, _facts, rules) => decidesOf(rules, 'coop.suspend'),
  check() {},
  apply(c, tables) {
    const coop = must(tables)
    tables.put(coopTable, [], { ...coop, status: 'suspended', status_before: coop.status, suspension: { reason: c.body.reason, at: c.op.at[0], by: c.proposer } })
    tables.emit('coop.suspended', { coop_id: coop.coop_id, by: c.proposer })
  },
}

export const resume: KindSpec<CoopResume> = {
  kind: 'coop.resume',
  key: 'D',
  body: CoopResumeBody,
  statuses: ['suspended'],
  by: 'coop.manage',
  way: (_c, _facts, rules) => decidesOf(rules, 'coop.resume'),
  check(c, facts, j) {
    j.refuseIf(effectiveStewards(facts, c.op.at[0]).length === 0, 'NO_STEWARD')
  },
  apply(c, tables) {
    const coop = must(tables)
    tables.put(coopTable, [], { ...without(coop, 'suspension', 'status_before'), status: 'active' })
    tables.emit('coop.resumed', { coop_id: coop.coop_id, by: c.proposer })
  },
}
