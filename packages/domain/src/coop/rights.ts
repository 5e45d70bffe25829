import type { Decides, Did, Facts, Power } from '@icn/protocol'
import { Judgement } from '@icn/protocol'
import { decidesOf } from '../charter/index.ts'
import type { ActKind, ActQuestion, ActRule, Elector, RecoveryRule, Right, SpaceProfile, Standing } from '../identity/index.ts'
import { activeHosts, hostHasLapsed } from './hosts.ts'
import type { KindSpec } from './kind.ts'
import { byOf, checkAuthor, checkKind, wayOf } from './kind.ts'
import { kindSpec } from './kinds.ts'
import { charterRules, coopRow, countOf, effectiveStewards, hasPower, holdersOf, holdsOffice, inReview, isFounder, memberAt } from './state.ts'
import { hosts, members } from './tables.ts'

/** Who is what, who may decide what, and with whom. */

const dayMs = 86_400_000
/** A second person is nobody whom the proposer has just brought in. Larger: honest helpers are shut out; smaller: a friend can be made second at once. */
export const broughtInDays = 30
/** And nobody who has only just come. */
export const newcomerDays = 7

export function standingOf(facts: Facts, did: Did): Standing {
  if (facts.get(hosts, [did])?.status === 'active') return 'node'
  const row = facts.get(members, [did])
  if (row === undefined) return coopRow(facts)?.status === 'forming' && isFounder(facts, did) ? 'invited' : 'none'
  switch (row.status) {
    case 'applied':
      return 'applicant'
    case 'invited':
      return 'invited'
    case 'provisional':
    case 'active':
    case 'suspended':
      return row.roles.includes('observer') ? 'observer' : 'member'
    default:
      // A founder dropped from one draft of the charter and named in the next.
      return coopRow(facts)?.status === 'forming' && isFounder(facts, did) ? 'invited' : 'ended'
  }
}

export function electorate(facts: Facts, at: number): readonly Elector[] {
  const rules = charterRules(facts)
  if (rules === undefined || coopRow(facts)?.status === 'forming') return []
  const voting = new Set(rules.membership.classes.filter((row) => row.votes).map((row) => row.id))
  const weights = new Map(rules.membership.tiers.map((tier) => [tier.id, tier.weight]))
  const found: Elector[] = []
  for (const [[did]] of facts.scan(members)) {
    const row = memberAt(facts, did, at)
    if (row?.status !== 'active' || !row.roles.includes('member') || !voting.has(row.class) || inReview(facts, row)) continue
    const weight = rules.membership.one_member_one_vote ? 1 : (weights.get(row.tier ?? '') ?? 1)
    found.push({ did, weight, class: row.class })
  }
  return found
}

/** Why somebody cannot be the second person for this proposer; undefined: nothing in the person's own matters stands against it. */
function barred(facts: Facts, did: Did, question: { readonly proposer: Did; readonly at: number; readonly subject: Did | undefined }): string | undefined {
  const { proposer, at, subject } = question
  if (did === proposer) return 'proposer'
  if (did === subject) return 'subject'
  const row = memberAt(facts, did, at)
  if (row === undefined || row.status !== 'active' || !row.roles.includes('member')) return 'not_active'
  if (inReview(facts, row)) return 'in_review'
  if (row.removal !== undefined) return 'removal_open'
  const entered = row.admitted_at ?? row.invited_at ?? 0
  const brought = row.admitted_by.includes(proposer) || row.sponsors.includes(proposer)
  if (brought && at < entered + broughtInDays * dayMs) return 'brought_in_by_proposer'
  if (row.joined_via !== 'founder' && at < entered + newcomerDays * dayMs) return 'too_new'
  return undefined
}

/** Holders of the same power; if there are none besides the proposer, treasurers; then any active member. */
function inCircle(facts: Facts, did: Did, power: Power, question: { readonly proposer: Did; readonly at: number; readonly subject: Did | undefined }): boolean {
  const { at } = question
  const roles = charterRules(facts)?.powers[power] ?? []
  if (roles.includes('member')) return true
  const free = (candidates: readonly Did[]): readonly Did[] => candidates.filter((candidate) => barred(facts, candidate, question) === undefined)
  const holders = free(holdersOf(facts, roles, at))
  if (holders.length > 0) return holders.includes(did)
  const treasurers = free(holdersOf(facts, ['treasurer'], at))
  if (treasurers.length > 0) return treasurers.includes(did)
  return true
}

function checkSecond(facts: Facts, j: Judgement, did: Did, power: Power, question: { readonly proposer: Did; readonly at: number; readonly subject: Did | undefined }): void {
  if (coopRow(facts)?.status === 'forming') {
    j.refuseIf(!isFounder(facts, did), 'NOT_A_FOUNDER')
    return
  }
  const row = memberAt(facts, did, question.at)
  if (j.refuseIf(row === undefined || (row.status !== 'active' && row.status !== 'provisional' && row.status !== 'suspended'), 'NOT_A_MEMBER', { params: { did } })) return
  j.refuseIf(row?.status !== 'active', 'MEMBER_NOT_ACTIVE', { params: { status: row?.status } })
  const reason = barred(facts, did, question) ?? (inCircle(facts, did, power, question) ? undefined : 'others_come_first')
  j.refuseIf(reason !== undefined, 'SECOND_NOT_ELIGIBLE', { params: { reason, did } })
}

const needOf = (way: Decides): number => (way === 'one' ? 1 : 2)

/** How many people a change needs, and who may be among them. */
export function actRule(facts: Facts, question: ActQuestion): ActRule | undefined {
  const coop = coopRow(facts)
  const rules = charterRules(facts)
  if (coop === undefined || rules === undefined) return undefined
  const spec = kindSpec(question.kind)
  if (question.kind !== 'space.adopt' && spec?.way === undefined) return undefined
  const ask = { body: question.body, proposer: question.proposer, at: question.at }
  const way = spec === undefined ? decidesOf(rules, question.kind) : wayOf(spec, ask, facts)
  const by = spec === undefined ? 'coop.manage' : byOf(spec, ask, facts)
  const power: Power = by === 'member' || by === 'anyone' ? 'coop.manage' : by
  const subject = spec === undefined ? undefined : subjectOf(spec, question.body)
  const forming = coop.status === 'forming'
  // One active member in all: nobody else can exist, and the row says so.
  const waived = way === 'two' && !forming && countOf(facts, 'members.active') <= 1
  return {
    need: waived ? 1 : needOf(way),
    vote: way === 'vote',
    ...(waived ? { waived: true } : {}),
    eligible(did) {
      const j = new Judgement()
      if (did !== question.proposer) checkSecond(facts, j, did, power, { proposer: question.proposer, at: question.at, subject })
      else if (by === 'anyone') j.refuseIf(forming && !isFounder(facts, did), 'NOT_A_FOUNDER')
      else checkAuthor(facts, j, did, question.at, by)
      return j.checks
    },
  }
}

/** The person a change is about, where nobody may decide about oneself. */
function subjectOf(spec: KindSpec, body: unknown): Did | undefined {
  if (spec.ownCase === undefined) return undefined
  const did = (body as { readonly did?: unknown } | null)?.did
  return typeof did === 'string' ? (did as Did) : undefined
}

/** Every kind that `decides` can give to two people is also an act, with the same checks and the same effect. */
export function actKind(kind: string): ActKind | undefined {
  const spec = kindSpec(kind)
  if (spec?.way === undefined) return undefined
  return {
    kind: spec.kind,
    key: spec.key,
    body: spec.body,
    subject: (body) => subjectOf(spec, body),
    check(context, facts) {
      const j = new Judgement()
      checkKind(spec, context, facts, j)
      return j.checks
    },
    apply: (context, tables) => spec.apply(context, tables),
  }
}

/** Stewards other than the subject, made up with active members when fewer than two. */
export function recoveryRule(facts: Facts, subject: Did, at: number): RecoveryRule | undefined {
  const rules = charterRules(facts)
  const row = memberAt(facts, subject, at)
  if (rules === undefined || row === undefined) return undefined
  const stewards = effectiveStewards(facts, at, { except: subject })
  const others = countOf(facts, 'members.active') - (row.status === 'active' ? 1 : 0)
  const pool = stewards.length >= 2 ? stewards.length : others
  if (pool < 1) return undefined
  return {
    need: Math.min(2, pool),
    delay_ms: rules.recovery_delay_hours * 3_600_000,
    eligible(did) {
      if (did === subject) return false
      if (stewards.includes(did)) return true
      const member = memberAt(facts, did, at)
      return stewards.length < 2 && member?.status === 'active' && !inReview(facts, member)
    },
  }
}

export function rightsOf(facts: Facts, did: Did, at: number): readonly Right[] {
  const found: Right[] = []
  if (isFounder(facts, did)) found.push('founder')
  const row = memberAt(facts, did, at)
  if (row === undefined) return found
  if (row.status === 'applied' || row.status === 'invited') found.push('applicant')
  if (row.status === 'active' || row.status === 'provisional') {
    found.push(row.roles.includes('observer') ? 'observer' : 'member')
    if (holdsOffice(facts, 'steward', did, at)) found.push('steward')
    if (holdsOffice(facts, 'treasurer', did, at)) found.push('treasurer')
  }
  return found
}

/** What somebody who has left may still do with the account: everything, settle what is open, or nothing. */
export function accountUse(facts: Facts, did: Did, at: number): 'full' | 'settle' | 'none' {
  const row = memberAt(facts, did, at)
  if (row === undefined) return 'none'
  if (row.status === 'active' || row.status === 'provisional') return 'full'
  if (row.status === 'suspended') return 'settle'
  const ended = row.status === 'resigned' || row.status === 'removed' || row.status === 'banned'
  return ended && at < (row.ended_at ?? 0) + settleDays * dayMs ? 'settle' : 'none'
}
/** Larger: the books of those who left stay open; smaller: a debt cannot be worked off. */
const settleDays = 90

export const coopProfile: SpaceProfile = {
  standing: standingOf,
  isKnownNode: (facts, did) => facts.get(hosts, [did])?.status === 'active',
  hosts: activeHosts,
  hasLapsed: hostHasLapsed,
  electorate,
  recoveryRule,
  actRule,
  act: actKind,
  rights: rightsOf,
}

export { hasPower }
