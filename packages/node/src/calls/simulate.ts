import type { Simulation } from '@icn/journal'
import type { DecisionJson, Did, OperationId, SpaceId, WriteEnvelope } from '@icn/protocol'
import { timeText } from '@icn/protocol'
import type { Call, PlanResult, Reply, WriteAnswer, WritePlan } from './call.ts'
import { toJson } from './json.ts'
import type { CallState } from './parts.ts'
import { refuse } from './refusal.ts'
import { decisionJson, failing } from './render.ts'
import { actPlan, envelopeReply, needsSecond, nodeGrant, sealToken, tokenMs, warningsOf } from './write.ts'

/** Who would sign, and under what: as the real call would have it. */
export interface SignAs {
  readonly signer: Did
  readonly grant: OperationId | null
}

/** The caller's own key; its grant in this space, when it is a device. Undefined: it may not sign this. */
export function deviceAs(state: CallState, call: Call, plan: WritePlan): SignAs | undefined {
  const { signer } = call.caller
  if (signer === undefined || plan.author !== call.caller.did) return undefined
  if (plan.genesis) return signer === plan.author ? { signer, grant: null } : undefined
  const grant = state.standing.grant(plan.space, plan.author, signer, plan.kind, state.now())
  return grant === undefined ? undefined : { signer, grant }
}

/** The way a plain call would take: this node where it may, else the caller's device. */
export function signAs(state: CallState, call: Call, plan: WritePlan, device: boolean): SignAs | undefined {
  const grant = device ? undefined : nodeGrant(state, plan)
  return grant === undefined ? deviceAs(state, call, plan) : { signer: state.journal.node, grant }
}

export interface Tried {
  /** The plan that was tried in the end: the act, when a second person is needed. */
  readonly plan: WritePlan
  readonly as: SignAs
  readonly simulation: Simulation
  readonly asAct: boolean
}

/** Tries a plan; one that only lacks a second person is tried as an act. */
export function tryPlan(state: CallState, call: Call, plan: WritePlan, device: boolean): Tried {
  const as = signAs(state, call, plan, device) ?? { signer: call.caller.signer ?? state.journal.node, grant: null }
  const simulation = simulate(state, plan, as)
  const [decision] = simulation.decisions
  if (decision?.outcome !== 'refused' || !needsSecond({ decision })) return { plan, as, simulation, asAct: false }
  const act = actPlan(state, plan)
  // A node that may not sign the act leaves it to the device, as the real call does.
  const actAs = signAs(state, call, act, device) ?? as
  return { plan: act, as: actAs, simulation: simulate(state, act, actAs), asAct: true }
}

function simulate(state: CallState, plan: WritePlan, as: SignAs): Simulation {
  const { space, kind, author, body } = plan
  return state.journal.simulate([{ space, kind, author, body, grant: as.grant, signer: as.signer }], { answer: (facts, placed) => toJson(plan.view(facts, placed)) })
}

/** `dry_run`: the same envelope with everything that would happen; nothing is written. */
export function simulatePlans(state: CallState, call: Call, answer: WriteAnswer<unknown>, plans: readonly WritePlan[]): Reply {
  const changes: NonNullable<WriteEnvelope['changes']>[number][] = []
  const results: PlanResult[] = []
  const unsigned: NonNullable<WritePlan['warnings']>[number][] = []
  let last: Tried | undefined
  let digest = ''
  for (const plan of plans) {
    const tried = tryPlan(state, call, plan, call.options.draft === true)
    if (!tagFits(state, call, plan)) throw refuse('ETAG_MISMATCH')
    last = tried
    digest = tried.simulation.readDigest
    // A plain call of this would come back as a draft or with NO_GRANT; of that the decision knows nothing.
    if (call.options.draft !== true && plan.signed === undefined && tried.as.signer !== state.journal.node)
      unsigned.push({ code: 'NO_GRANT', params: { kind: tried.plan.kind, space: plan.space, signer: state.journal.node } })
    const [decision] = tried.simulation.decisions
    const code = failing(decision?.checks ?? [])[0]?.code
    const value = tried.simulation.answer ?? null
    results.push({
      plan,
      outcome: decision?.outcome === 'refused' ? 'refused' : decision?.outcome === 'already_done' ? 'already_done' : 'simulated',
      value,
      ...(code === undefined ? {} : { code }),
    })
    changes.push(...tried.simulation.changes.map((change) => ({ key: change.key.map(toJson), before: toJson(change.before), after: toJson(change.after) })))
  }
  const [decision] = last?.simulation.decisions ?? []
  const value = 'each' in answer ? toJson(answer.value(results)) : (results[0]?.value ?? null)
  return envelopeReply({
    outcome: 'simulated',
    value: value as WriteEnvelope['value'],
    operations: [],
    decision: decision === undefined ? null : decisionJson(decision, call.caller.lang, { maySee: true }),
    warnings: last === undefined ? [] : warningsOf(call, { ...last.plan, warnings: [...(last.plan.warnings ?? []), ...unsigned] }),
    // A token seals one reading; several spaces have several.
    ...(plans.length === 1 ? { token: sealToken(state, call, digest), expires_at: timeText(state.now() + tokenMs) } : {}),
    changes,
  })
}

/** Does what the caller has read still stand? Compared again inside the transaction. */
export function tagFits(state: CallState, call: Call, plan: WritePlan): boolean {
  const { ifMatch } = call.options
  if (ifMatch === undefined || ifMatch.includes('*') || plan.matchTag === undefined) return true
  const facts = state.journal.read(plan.space)
  return facts === undefined || ifMatch.includes(plan.matchTag(facts))
}

/** Several drafts in a row, each judged after the ones before it. */
export function simulateDrafts(
  state: CallState,
  call: Call<{ readonly space: SpaceId; readonly drafts: readonly { readonly kind: string; readonly body: unknown }[] }>,
): { decisions: DecisionJson[]; changes: { key: unknown[]; before: unknown; after: unknown }[]; token: string } {
  const author = call.caller.did
  if (author === undefined) throw refuse('UNAUTHENTICATED')
  const { space, drafts } = call.input
  const simulation = state.journal.simulate(
    drafts.map(({ kind, body }) => {
      const plan: WritePlan = { space, kind, author, body, view: () => null }
      const as = signAs(state, call, plan, false) ?? { signer: call.caller.signer ?? author, grant: null }
      return { space, kind, author, body, grant: as.grant, signer: as.signer }
    }),
  )
  return {
    decisions: simulation.decisions.map((decision) => decisionJson(decision, call.caller.lang, { maySee: true })),
    changes: simulation.changes.map((change) => ({ key: change.key.map(toJson), before: toJson(change.before), after: toJson(change.after) })),
    token: sealToken(state, call, simulation.readDigest),
  }
}
