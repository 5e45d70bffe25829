import type { DraftJson, WriteEnvelope } from '@icn/protocol'
import { timeText, toBase64Url } from '@icn/protocol'
import type { Call, Reply, WritePlan } from './call.ts'
import { operationJson } from './json.ts'
import type { CallState } from './parts.ts'
import { decisionRefusal } from './problem.ts'
import { refuse } from './refusal.ts'
import { deviceAs, tagFits, type Tried, tryPlan } from './simulate.ts'
import { decisionPart, envelopeReply, openToken, sealToken, tokenMs, warningsOf } from './write.ts'

/** `draft`: unsigned operations for the caller's own key, tried first so that nobody signs what cannot stand (doors page §3). */
export function draftPlans(state: CallState, call: Call, plans: readonly WritePlan[], asked: { readonly key: string; readonly input: Uint8Array } | undefined): Reply {
  if (call.caller.signer === undefined) throw refuse('UNAUTHENTICATED')
  const drafts: DraftJson[] = []
  let last: Tried | undefined
  let secret: Readonly<Record<string, unknown>> | undefined
  let refused: unknown
  for (const plan of plans) {
    if (plan.author !== call.caller.did) throw refuse('OPTION_UNSUPPORTED', { option: 'draft' })
    if (!tagFits(state, call, plan)) throw refuse('ETAG_MISMATCH')
    const as = deviceAs(state, call, plan)
    if (as === undefined) {
      refused ??= refuse('NO_GRANT', { kind: plan.kind, space: plan.space, signer: call.caller.signer })
      continue
    }
    const tried = tryPlan(state, call, plan, true)
    last = tried
    const [decision] = tried.simulation.decisions
    if (decision?.outcome === 'refused') {
      refused ??= decisionRefusal(decision)
      continue
    }
    if (decision?.outcome === 'already_done') continue
    drafts.push(draftOf(state, call, tried, asked))
    secret ??= tried.plan.secret
  }
  if (drafts.length === 0) {
    if (refused !== undefined) throw refused
    return alreadyDone(call, last)
  }
  const [decision] = last?.simulation.decisions ?? []
  const value = secret === undefined ? null : { ...(last?.simulation.answer as object | undefined), ...secret }
  return envelopeReply({
    outcome: 'drafted',
    value: value as WriteEnvelope['value'],
    operations: [],
    decision: decision === undefined ? null : decisionPart(call, decision),
    warnings: last === undefined ? [] : warningsOf(call, last.plan),
    ...(plans.length === 1 && last !== undefined ? { token: sealToken(state, call, last.simulation.readDigest) } : {}),
    drafts,
    expires_at: timeText(state.now() + tokenMs),
  })
}

function draftOf(state: CallState, call: Call, tried: Tried, asked: { readonly key: string; readonly input: Uint8Array } | undefined): DraftJson {
  const { plan, as, asAct } = tried
  const unsigned = state.journal.draft({
    space: plan.space,
    kind: plan.kind,
    author: plan.author,
    body: plan.body,
    signer: as.signer,
    grant: as.grant,
    ...(plan.genesis ? { genesis: null } : {}),
  })
  state.pending.put(
    { author: plan.author, kind: plan.kind, bodyHash: unsigned.envelope.body_hash },
    {
      plan,
      asAct,
      expiresAt: state.now() + tokenMs,
      ...(asked === undefined ? {} : { idempotency: asked }),
      ...(call.options.ifMatch === undefined ? {} : { ifMatch: call.options.ifMatch }),
      ...(call.options.ifUnchanged === undefined ? {} : { unchanged: openToken(state, call, call.options.ifUnchanged) }),
    },
  )
  return { operation: operationJson(unsigned.envelope, unsigned.body), signing_bytes: toBase64Url(unsigned.signingBytes) }
}

function alreadyDone(call: Call, last: Tried | undefined): Reply {
  const [decision] = last?.simulation.decisions ?? []
  return envelopeReply({
    outcome: 'already_done',
    value: (last?.simulation.answer ?? null) as WriteEnvelope['value'],
    operations: [],
    decision: decision === undefined ? null : decisionPart(call, decision),
    warnings: [],
  })
}
