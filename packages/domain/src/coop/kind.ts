import type { CoopStatus, Decides, Did, Facts, KeyClass, Law, OperationView, Power, Statement, StatementContext, Tables } from '@icn/protocol'
import { Judgement } from '@icn/protocol'
import type { z } from 'zod'
import type { CharterRules } from '../charter/index.ts'
import { charterRules, coopRow, hasPower, inReview, memberAt } from './state.ts'
import type { MemberRow } from './tables.ts'
import { standingStatuses } from './tables.ts'
import type { Case } from './write.ts'

/** Who wants what, when; enough to say which right and how many people it needs. */
export interface Ask<Body = unknown> {
  readonly body: Body
  readonly proposer: Did
  /** Milliseconds. */
  readonly at: number
}

/**
 * One kind of a coop's space, said once: the direct operation and the act of two people come from the same description,
 * so that neither can do what the other may not.
 */
export interface KindSpec<Body = any> {
  readonly kind: string
  readonly key: KeyClass
  readonly body: z.ZodType<Body>
  /** While the coop is in one of these it may happen; otherwise COOP_STATUS. */
  readonly statuses: readonly CoopStatus[]
  /** What the author needs: a power, to be a member of any standing, or nothing that is common (the kind's own checks say). */
  readonly by: Power | 'member' | 'anyone' | ((ask: Ask<Body>, facts: Facts) => Power | 'member' | 'anyone')
  /** Who decides; left out: always one, and it can never be an act. */
  way?(ask: Ask<Body>, facts: Facts, rules: CharterRules): Decides
  /** Whose case it is, when nobody may decide about oneself. */
  ownCase?(c: Case<Body>, facts: Facts): Did | undefined
  /** For the audit log's filter. */
  subject?(body: Body): string | undefined
  statements?(body: Body, context: StatementContext): readonly Statement[]
  /** The kind's own checks, after the common ones, in order of precedence. */
  check(c: Case<Body>, facts: Facts, j: Judgement): void
  apply(c: Case<Body>, tables: Tables): void
}

export function directCase<Body>(op: OperationView<Body>): Case<Body> {
  return { op, body: op.body, proposer: op.author, persons: [op.author], way: 'direct' }
}

/** Checks about the person who wants it: a member, active, not under review, with the power. */
export function checkAuthor(facts: Facts, j: Judgement, did: Did, at: number, by: Power | 'member' | 'anyone'): void {
  if (by === 'anyone') return
  if (coopRow(facts)?.status === 'forming') {
    j.refuseIf(by === 'member' || !hasPower(facts, did, by, at), 'NOT_A_FOUNDER', {})
    return
  }
  const row = memberAt(facts, did, at)
  if (j.refuseIf(row === undefined || !standingStatuses.has(row.status), 'NOT_A_MEMBER', { params: { did } })) return
  const member = row as MemberRow
  if (by === 'member') return
  const rules = charterRules(facts)
  const provisional = member.status === 'provisional' && rules?.membership.provisional_powers.includes(by) === true
  j.refuseIf(member.status !== 'active' && !provisional, 'MEMBER_NOT_ACTIVE', { params: { status: member.status } })
  j.refuseIf(inReview(facts, member), 'MEMBER_IN_REVIEW')
  j.refuseIf(!hasPower(facts, did, by, at), 'POWER_MISSING', {
    params: { power: by, roles: rules?.powers[by] ?? [] },
    rule: { document: 'charter', ...(rules === undefined ? {} : { version: rules.version }), pointer: `/powers/${by}` },
  })
}

/** Founded, and in a state in which this may happen. False: nothing further can be said. */
export function checkStatus(facts: Facts, j: Judgement, statuses: readonly CoopStatus[]): boolean {
  const coop = coopRow(facts)
  if (j.refuseIf(coop === undefined, 'NOT_FOUNDED') || coop === undefined) return false
  j.refuseIf(!statuses.includes(coop.status), 'COOP_STATUS', { params: { status: coop.status, allowed: statuses } })
  return true
}

export function wayOf<Body>(spec: KindSpec<Body>, ask: Ask<Body>, facts: Facts): Decides {
  const rules = charterRules(facts)
  return spec.way === undefined || rules === undefined ? 'one' : spec.way(ask, facts, rules)
}

export function byOf<Body>(spec: KindSpec<Body>, ask: Ask<Body>, facts: Facts): Power | 'member' | 'anyone' {
  return typeof spec.by === 'function' ? spec.by(ask, facts) : spec.by
}

const askOf = <Body>(c: Case<Body>): Ask<Body> => ({ body: c.body, proposer: c.proposer, at: c.op.at[0] })

/** Every check of a kind. In an act the persons' right was looked at one by one, and the number of persons is the act's. */
export function checkKind<Body>(spec: KindSpec<Body>, c: Case<Body>, facts: Facts, j: Judgement): void {
  if (!checkStatus(facts, j, spec.statuses)) return
  if (c.way === 'direct') {
    checkAuthor(facts, j, c.proposer, c.op.at[0], byOf(spec, askOf(c), facts))
    const way = wayOf(spec, askOf(c), facts)
    j.refuseIf(way === 'two', 'NEEDS_SECOND', {
      remedies: [{ code: 'PROPOSE_ACT', method: 'act.propose', input: { space: c.op.space, kind: spec.kind, body: c.body } }],
    })
    j.refuseIf(way === 'vote', 'NEEDS_VOTE')
  }
  const own = spec.ownCase?.(c, facts)
  if (spec.ownCase !== undefined) j.refuseIf(own !== undefined && c.persons.includes(own), 'OWN_CASE', { params: { did: own } })
  spec.check(c, facts, j)
}

/** The law of the direct operation. */
export function lawOf<Body>(spec: KindSpec<Body>): Law<Body> {
  return {
    kind: spec.kind,
    key: spec.key,
    body: spec.body,
    ...(spec.statements === undefined ? {} : { statements: spec.statements }),
    ...(spec.subject === undefined ? {} : { subject: spec.subject }),
    decide(op, facts) {
      const j = new Judgement()
      checkKind(spec, directCase(op), facts, j)
      return j.decision()
    },
    apply(op, tables) {
      spec.apply(directCase(op), tables)
    },
  }
}
