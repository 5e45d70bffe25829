import type { ActPropose as ProposeBody, ActRef as RefBody, Check, Facts, Law, OperationId, OperationView, Tables } from '@icn/protocol'
import { ActPropose, ActRef, actMsMax, actsPerProposerMax, actsPerSpaceMax, encodeTrusted, Judgement, sha256 } from '@icn/protocol'
import { countOf } from './counts.ts'
import { keyTrouble } from './guard.ts'
import type { ActContext, ActKind, ActRule, SpaceProfile } from './profile.ts'
import { actById, actState, signerKind } from './queries.ts'
import type { ActRow } from './tables.ts'
import { acts, counts, due, openActs } from './tables.ts'

/** What these laws are given of their space. */
export interface ActParts {
  readonly profile: SpaceProfile
  /** Every act of the space: the profile's, and `space.adopt`. */
  readonly act: (kind: string) => ActKind | undefined
}

interface Question {
  readonly act: ActKind
  readonly body: Record<string, unknown>
  readonly rule: ActRule
}

/** The kind, its parsed body and its rule, or why there is none. */
function ask(parts: ActParts, facts: Facts, about: { kind: string; body: unknown; proposer: ActRow['proposer']; at: number }, j?: Judgement): Question | undefined {
  const act = parts.act(about.kind)
  if (act === undefined) {
    j?.refuse('ACT_UNKNOWN', { params: { kind: about.kind } })
    return undefined
  }
  const parsed = act.body.safeParse(about.body)
  if (!parsed.success) {
    j?.refuse('ACT_BODY_INVALID', { params: { kind: about.kind, detail: parsed.error.issues[0]?.message ?? '', pointer: `/${(parsed.error.issues[0]?.path ?? []).join('/')}` } })
    return undefined
  }
  const rule = parts.profile.actRule(facts, { ...about, body: parsed.data })
  if (rule === undefined) {
    j?.refuse('ACT_UNKNOWN', { params: { kind: about.kind } })
    return undefined
  }
  return { act, body: parsed.data, rule }
}

const digestOf = (body: unknown): Uint8Array => sha256(encodeTrusted(body))

export function proposeLaw(parts: ActParts): Law<ProposeBody> {
  const about = (op: OperationView<ProposeBody>): Parameters<typeof ask>[2] => ({ kind: op.body.kind, body: op.body.body, proposer: op.author, at: op.at[0] })
  return {
    kind: 'act.propose',
    key: 'N',
    body: ActPropose,
    subject(body) {
      const act = parts.act(body.kind)
      const parsed = act?.body.safeParse(body.body)
      return parsed?.success === true ? act?.subject?.(parsed.data) : undefined
    },
    decide(op, facts) {
      const j = new Judgement()
      const question = ask(parts, facts, about(op), j)
      if (question === undefined) return j.decision()
      const { act, body, rule } = question
      j.include(rule.eligible(op.author))
      const key = keyTrouble(act.key, signerKind(facts, op))
      if (key !== undefined) j.refuse(key, { params: { kind: act.kind } })
      j.refuseIf(rule.vote, 'ACT_NEEDS_VOTE')
      j.refuseIf(act.subject?.(body) === op.author, 'ACT_SAME_PERSON', { params: { did: op.author } })
      j.include(act.check(contextOf(op, body, []), facts))
      if (rule.need <= 1) return j.decision()
      const open = facts.get(openActs, [act.kind, digestOf(body)])
      const other = open === undefined ? undefined : actById(facts, open)
      j.refuseIf(
        other !== undefined && actState(other.row, op.at[0]) === 'open',
        'ACT_REPEATED',
        open === undefined ? {} : { params: { act: open }, remedies: [{ code: 'CONFIRM_ACT', method: 'act.confirm', input: { space: op.space, operation_id: open } }] },
      )
      const own = countOf(facts, op.author, 'acts')
      const all = countOf(facts, '', 'acts')
      j.refuseIf(own >= actsPerProposerMax || all >= actsPerSpaceMax, 'ACTS_TOO_MANY', own >= actsPerProposerMax ? bound(own, actsPerProposerMax) : bound(all, actsPerSpaceMax))
      return j.decision()
    },
    apply(op, tables) {
      const question = ask(parts, tables, about(op))
      if (question === undefined) return
      const { act, body, rule } = question
      const at = op.at[0]
      const subject = act.subject?.(body)
      const now = rule.need <= 1
      const row: ActRow = {
        kind: act.kind,
        body,
        ...(op.body.note === undefined ? {} : { note: op.body.note }),
        ...(subject === undefined ? {} : { subject }),
        proposer: op.author,
        proposed_at: at,
        need: rule.need,
        ...(rule.waived === true ? { waived: true } : {}),
        confirmed: [],
        expires_at: at + actMsMax,
        state: now ? 'done' : 'open',
        ...(now ? { done_op: op.id, ended_at: at } : {}),
      }
      tables.put(acts, [op.id], row)
      tables.emit('act.proposed', { act: op.id, kind: act.kind, proposer: op.author, need: rule.need })
      if (now) {
        act.apply(contextOf(op, body, []), tables)
        tables.emit('act.done', { act: op.id, kind: act.kind, persons: [op.author] })
        return
      }
      tables.put(openActs, [act.kind, digestOf(body)], op.id)
      tables.put(due, [row.expires_at, 'act_expires', op.id], {})
      count(tables, row, 1)
    },
  }
}

export function confirmLaw(parts: ActParts): Law<RefBody> {
  return {
    kind: 'act.confirm',
    key: 'D',
    body: ActRef,
    decide(op, facts) {
      const j = new Judgement()
      const row = openAct(op, facts, j)
      if (row === undefined) return j.decision()
      const persons = personsOf(row)
      j.refuseIf(persons.includes(op.author) || row.subject === op.author, 'ACT_SAME_PERSON', { params: { did: op.author } })
      const question = ask(parts, facts, { kind: row.kind, body: row.body, proposer: row.proposer, at: op.at[0] }, j)
      if (question === undefined) return j.decision()
      const { act, body, rule } = question
      j.include(rule.eligible(op.author))
      // Who spoke for it earlier must still be somebody who may.
      for (const did of persons) j.include(rule.eligible(did))
      j.refuseIf(rule.vote, 'ACT_NEEDS_VOTE')
      j.include(act.check(contextOf(op, body, persons, row.proposer), facts))
      return j.decision()
    },
    apply(op, tables) {
      const row = tables.get(acts, [op.body.ref])
      const question = row === undefined ? undefined : ask(parts, tables, { kind: row.kind, body: row.body, proposer: row.proposer, at: op.at[0] })
      if (row === undefined || question === undefined) return
      const { act, body, rule } = question
      const at = op.at[0]
      const persons = personsOf(row)
      const confirmed: ActRow = { ...row, confirmed: [...row.confirmed, { did: op.author, at }] }
      if (persons.length + 1 < Math.max(row.need, rule.need)) {
        tables.put(acts, [op.body.ref], confirmed)
        tables.emit('act.confirmed', { act: op.body.ref, kind: row.kind, by: op.author })
        return
      }
      close(tables, op.body.ref, { ...confirmed, state: 'done', done_op: op.id, ended_at: at })
      act.apply(contextOf(op, body, persons, row.proposer), tables)
      tables.emit('act.done', { act: op.body.ref, kind: row.kind, persons: [...persons, op.author] })
    },
  }
}

export function withdrawLaw(parts: ActParts): Law<RefBody> {
  return {
    kind: 'act.withdraw',
    key: 'N',
    body: ActRef,
    decide(op, facts) {
      const j = new Judgement()
      const row = openAct(op, facts, j)
      if (row === undefined || row.proposer === op.author) return j.decision()
      const question = ask(parts, facts, { kind: row.kind, body: row.body, proposer: row.proposer, at: op.at[0] }, j)
      if (question !== undefined) j.include(question.rule.eligible(op.author))
      return j.decision()
    },
    apply(op, tables) {
      const row = tables.get(acts, [op.body.ref])
      if (row === undefined) return
      close(tables, op.body.ref, { ...row, state: 'withdrawn', ended_by: op.author, ended_at: op.at[0] })
      tables.emit('act.withdrawn', { act: op.body.ref, kind: row.kind, by: op.author })
    },
  }
}

/** The law of an act's kind when one person makes it alone: right of the author, number of persons, then the change's own checks. */
export function directLaw<Body>(profile: SpaceProfile, act: ActKind<Body>): Law<Body> {
  return {
    kind: act.kind,
    key: act.key,
    body: act.body,
    ...(act.subject === undefined ? {} : { subject: act.subject.bind(act) }),
    decide(op, facts) {
      const j = new Judgement()
      const rule = profile.actRule(facts, { kind: act.kind, body: op.body, proposer: op.author, at: op.at[0] })
      if (rule === undefined) {
        j.refuse('KIND_UNKNOWN', { params: { kind: act.kind } })
        return j.decision()
      }
      j.include(rule.eligible(op.author))
      j.refuseIf(!rule.vote && rule.need > 1, 'NEEDS_SECOND', {
        remedies: [{ code: 'PROPOSE_ACT', method: 'act.propose', input: { space: op.space, kind: act.kind, body: op.body } }],
      })
      j.refuseIf(rule.vote, 'NEEDS_VOTE')
      j.include(act.check({ op, body: op.body, proposer: op.author, persons: [op.author], way: 'direct' }, facts))
      return j.decision()
    },
    apply(op, tables) {
      act.apply({ op, body: op.body, proposer: op.author, persons: [op.author], way: 'direct' }, tables)
    },
  }
}

/** Takes an act whose time is over off the list of open ones. */
export function expireAct(tables: Tables, id: OperationId, op: OperationView): void {
  const row = tables.get(acts, [id])
  if (row === undefined) return
  close(tables, id, { ...row, state: 'expired', ended_at: op.at[0] })
  tables.emit('act.expired', { act: id, kind: row.kind })
}

function contextOf<Body>(op: OperationView, body: Body, before: readonly ActRow['proposer'][], proposer = op.author): ActContext<Body> {
  return { op, body, proposer, persons: [...before, op.author], way: 'act' }
}

function personsOf(row: ActRow): readonly ActRow['proposer'][] {
  return [row.proposer, ...row.confirmed.map(({ did }) => did)]
}

function openAct(op: OperationView<RefBody>, facts: Facts, j: Judgement): ActRow | undefined {
  const row = facts.get(acts, [op.body.ref])
  if (j.refuseIf(row === undefined, 'ACT_UNKNOWN', { params: { act: op.body.ref } }) || row === undefined) return undefined
  const state = actState(row, op.at[0])
  return j.refuseIf(state !== 'open', 'ACT_CLOSED', { params: { state } }) ? undefined : row
}

function close(tables: Tables, id: OperationId, row: ActRow): void {
  tables.put(acts, [id], row)
  tables.delete(due, [row.expires_at, 'act_expires', id])
  const key = [row.kind, digestOf(row.body)] as const
  // The same may have been proposed anew after this one had run out.
  if (tables.get(openActs, key) === id) tables.delete(openActs, key)
  count(tables, row, -1)
}

function count(tables: Tables, row: ActRow, by: number): void {
  for (const who of [row.proposer, ''] as const) tables.put(counts, [who, 'acts'], countOf(tables, who, 'acts') + by)
}

const bound = (used: number, limit: number): Partial<Check> => ({ limit, used, params: { limit, used } })
