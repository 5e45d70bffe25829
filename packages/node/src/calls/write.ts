import type { JournalApi, PlacedOperation, WriteOptions, WriteResult } from '@icn/journal'
import type { Facts, KeyClass, OperationId, Row, SignedOperation, WriteEnvelope } from '@icn/protocol'
import { codeText, equalBytes } from '@icn/protocol'
import type { Call, PlanResult, Reply, WriteAnswer, WritePlan, WritePlans } from './call.ts'
import { draftPlans } from './draft.ts'
import { operationRef, toJson } from './json.ts'
import { idempotencyKey, inputDigest } from './keys.ts'
import type { CallState } from './parts.ts'
import { decisionRefusal, refusalOf } from './problem.ts'
import { refuse } from './refusal.ts'
import { decisionJson, failing, isCode, languageOf, summaryOf } from './render.ts'
import { simulatePlans } from './simulate.ts'

/** What is stored with an operation under an idempotency key and answered again. */
export interface StoredValue {
  readonly value: unknown
  readonly location?: string
}

type Keyed = { readonly key: string; readonly input: Uint8Array } | undefined

const waitMsDefault = 2_000

/** Does what a write row means, in whichever of the three ways was asked for (doors page §3). */
export async function performWrite(state: CallState, row: Row, call: Call, answer: WriteAnswer<unknown>, release: () => void): Promise<Reply> {
  if ('nothing' in answer) return envelopeReply({ outcome: 'already_done', value: toJson(answer.value), operations: [], decision: null, warnings: [] })
  const plans: readonly WritePlan[] = 'each' in answer ? answer.each : [answer]
  if (row.match === 'required' && call.options.ifMatch === undefined && call.options.dryRun !== true) throw refuse('PRECONDITION_REQUIRED')
  if (call.options.dryRun) return simulatePlans(state, call, answer, plans)
  const replay = storedReply(state, call, plans[0]) ?? (plans.length === 1 ? handedInReply(state, call, plans[0] as WritePlan) : undefined)
  if (replay !== undefined) return replay
  if (call.options.draft) return draftPlans(state, call, plans, keyed(call, plans[0]))
  if ('each' in answer) return proposeAll(state, call, answer, release)
  return proposeOne(state, call, answer, release)
}

/** The key under which the answer of this call is kept; only for calls that carry one. */
export function keyed(call: Call, plan: WritePlan | undefined, index = 0): Keyed {
  const { idempotencyKey: key } = call.options
  const author = call.caller.did ?? plan?.author
  if (key === undefined || author === undefined) return undefined
  return { key: idempotencyKey(author, call.method, index === 0 ? key : `${key}\n${index}`), input: inputDigest(call.input) }
}

/**
 * Asked before the handler looks at anything: a founding that stands would be refused by its own coop.
 * What is signed already is told by its operation and waits for the plan.
 */
export function repeatedReply(state: CallState, call: Call): Reply | undefined {
  const isSigned = (call.input as { readonly signed?: unknown }).signed !== undefined
  return call.options.dryRun || isSigned ? undefined : storedReply(state, call, undefined)
}

/** A key that was answered already gives that answer, also to a call for drafts. */
function storedReply(state: CallState, call: Call, plan: WritePlan | undefined): Reply | undefined {
  const asked = keyed(call, plan)
  const stored = asked === undefined ? undefined : state.journal.answered(asked.key)
  if (asked === undefined || stored === undefined) return undefined
  // The key is bound to the operation, whichever of draft and signed bytes it comes with (ruling 8).
  const isSame = plan?.signed === undefined ? equalBytes(stored.input, asked.input) : stored.operation === plan.signed.id
  if (!isSame) throw refuse('IDEMPOTENCY_KEY_REUSED')
  return replayOf(state, call, stored, stored.answer as StoredValue | undefined)
}

/** Signed bytes that came after their draft was forgotten (a restart in between) stand under the key of the handing in. */
function handedInReply(state: CallState, call: Call, plan: WritePlan): Reply | undefined {
  const { idempotencyKey: key } = call.options
  const { did, signer } = call.caller
  if (key === undefined || did === undefined || signer === undefined || plan.genesis || plan.signed !== undefined) return undefined
  const stored = state.journal.answered(idempotencyKey(did, 'operation.submit', `${key}\n0`))
  const placed = stored?.operation ? state.journal.operation(stored.operation) : undefined
  if (stored === undefined || placed === undefined) return undefined
  const { kind, body_hash } = placed.operation.envelope
  const meant = [plan, actPlan(state, plan)].find((one) => one.kind === kind)
  const isSame =
    meant !== undefined && equalBytes(state.journal.draft({ space: meant.space, kind, author: meant.author, body: meant.body, signer, grant: null }).envelope.body_hash, body_hash)
  if (!isSame) throw refuse('IDEMPOTENCY_KEY_REUSED')
  const facts = state.journal.read(plan.space)
  return replayOf(state, call, stored, facts === undefined ? undefined : { value: toJson(meant.view(facts, placed)) })
}

function replayOf(state: CallState, call: Call, stored: NonNullable<ReturnType<JournalApi['answered']>>, answer: StoredValue | undefined): Reply {
  const placed = stored.operation === null ? undefined : state.journal.operation(stored.operation)
  const decision = placed === undefined ? undefined : state.journal.decision(placed.operation.id)
  const envelope: WriteEnvelope = {
    outcome: stored.outcome,
    value: (answer?.value ?? null) as WriteEnvelope['value'],
    operations: placed === undefined ? [] : [operationRef(placed)],
    decision: decision === undefined ? null : { id: decision.id, outcome: decision.outcome, summary: summaryOf(decision, languageOf(call.caller.lang)) },
    warnings: [],
  }
  return { as: 'envelope', status: answer?.location === undefined ? 200 : 201, envelope, replayed: true, ...(answer?.location === undefined ? {} : { location: answer.location }) }
}

/** What a signed operation was drafted under, so that a repeated call for its draft finds the answer. */
function draftedFor(state: CallState, plan: WritePlan, { envelope }: SignedOperation): Keyed {
  return state.pending.find({ author: plan.author, kind: plan.kind, bodyHash: envelope.body_hash }, state.now())?.idempotency
}

async function proposeOne(state: CallState, call: Call, plan: WritePlan, release: () => void): Promise<Reply> {
  const grant = nodeGrant(state, plan)
  if (plan.signed === undefined && (plan.genesis || grant === undefined)) return withoutGrant(state, call, plan)
  const asked = (plan.signed === undefined ? undefined : draftedFor(state, plan, plan.signed)) ?? keyed(call, plan)
  const running = asked?.key
  if (running !== undefined && state.running.has(running)) throw refuse('REQUEST_IN_PROGRESS')
  if (running !== undefined) state.running.add(running)
  try {
    const options = writeOptions(state, call, plan, asked)
    const proposed =
      plan.signed === undefined
        ? state.journal.propose({ space: plan.space, kind: plan.kind, author: plan.author, grant: grant ?? null, body: plan.body }, options)
        : state.journal.submit(plan.signed, options)
    release()
    const result = await proposed
    if (result.outcome !== 'refused') return await replyOf(state, call, plan, result)
    if (!needsSecond(result) || plan.signed !== undefined) throw decisionRefusal(result.decision, result.operation)
    return await proposeAct(state, call, plan, asked)
  } finally {
    if (running !== undefined) state.running.delete(running)
  }
}

/** Several operations, each with its own answer; what one space refuses another may take. */
async function proposeAll(state: CallState, call: Call, plans: WritePlans, release: () => void): Promise<Reply> {
  const missing = plans.each.filter((plan) => nodeGrant(state, plan) === undefined)
  if (missing.length === plans.each.length && missing.length > 0) return withoutGrant(state, call, ...plans.each)
  const results: PlanResult[] = []
  const operations: WriteEnvelope['operations'][number][] = []
  let refused: unknown
  for (const [index, plan] of plans.each.entries()) {
    const grant = nodeGrant(state, plan)
    if (grant === undefined) {
      results.push({ plan, outcome: 'refused', value: null, code: 'NO_GRANT' })
      continue
    }
    try {
      const proposed = state.journal.propose(
        { space: plan.space, kind: plan.kind, author: plan.author, grant, body: plan.body },
        writeOptions(state, call, plan, keyed(call, plan, index)),
      )
      if (index === plans.each.length - 1) release()
      const result = await proposed
      const code = failing(result.decision.checks)[0]?.code
      results.push({ plan, outcome: result.outcome, value: result.answer?.value ?? null, ...(code === undefined ? {} : { code }) })
      if (result.operation !== undefined) operations.push(operationRef(result.operation))
      if (result.outcome === 'refused') refused ??= decisionRefusal(result.decision, result.operation)
    } catch (error) {
      const refusal = refusalOf(error)
      refused ??= refusal
      results.push({ plan, outcome: 'refused', value: null, code: refusal.code })
    }
  }
  if (results.length > 0 && results.every(({ outcome }) => outcome === 'refused') && refused !== undefined) throw refused
  const value = plans.value(results)
  const outcome = results.some((result) => result.outcome === 'applied') ? 'applied' : 'already_done'
  const location = outcome === 'applied' ? plans.location?.(value) : undefined
  return envelopeReply({ outcome, value: toJson(value), operations, decision: null, warnings: [] }, location === undefined ? {} : { location })
}

/** The change needs a second person: it becomes an open act by itself (ruling 7). */
async function proposeAct(state: CallState, call: Call, plan: WritePlan, asked: Keyed): Promise<Reply> {
  const act = actPlan(state, plan)
  const grant = nodeGrant(state, act)
  if (grant === undefined) return withoutGrant(state, call, act)
  const result = await state.journal.propose({ space: act.space, kind: act.kind, author: act.author, grant, body: act.body }, writeOptions(state, call, act, asked))
  if (result.outcome === 'refused') throw decisionRefusal(result.decision, result.operation)
  return replyOf(state, call, act, result)
}

/** The same change as an act; its value is the act, the register stays as it is. */
export function actPlan(state: Pick<CallState, 'standing'>, plan: WritePlan): WritePlan {
  return {
    space: plan.space,
    kind: 'act.propose',
    author: plan.author,
    body: { kind: plan.kind, body: plan.body },
    view: (facts: Facts, placed: PlacedOperation | undefined) => ({ act: placed === undefined ? null : (state.standing.act(facts, plan.space, placed.operation.id) ?? null) }),
  }
}

export function needsSecond(result: { readonly decision: { readonly checks: WriteResult['decision']['checks'] } }): boolean {
  // What is done already is said by the act, too.
  const no = failing(result.decision.checks).filter(({ result: outcome }) => outcome !== 'done')
  return no.length > 0 && no.every((check) => check.code === 'NEEDS_SECOND')
}

/** Under what this node may sign the plan: null as the author itself, a grant, or undefined. */
export function nodeGrant(state: CallState, plan: WritePlan): OperationId | null | undefined {
  const { node } = state.journal
  if (plan.genesis) return undefined
  const key = keyClassOf(state, plan)
  if (plan.author !== node && (key === 'R' || key === 'D')) return undefined
  return state.standing.grant(plan.space, plan.author, node, plan.kind, state.now())
}

/** The weakest key for a plan; to propose an act takes the same as to do it. */
function keyClassOf({ standing }: CallState, { space, kind, body }: WritePlan): KeyClass | undefined {
  const inner = kind === 'act.propose' ? standing.keyClass(space, String((body as { readonly kind?: unknown }).kind)) : undefined
  return inner === 'R' || inner === 'D' ? inner : standing.keyClass(space, kind)
}

/** No grant covers it: a kind that no grant can cover is drafted, the rest is refused with both ways out. */
function withoutGrant(state: CallState, call: Call, ...plans: readonly WritePlan[]): Reply {
  const first = plans[0] as WritePlan
  const key = keyClassOf(state, first)
  if (first.genesis || key === 'R' || key === 'D') return draftPlans(state, call, plans, keyed(call, first))
  throw refuse('NO_GRANT', { kind: first.kind, space: first.space, signer: state.journal.node })
}

export function writeOptions(
  state: CallState,
  call: Call,
  plan: WritePlan,
  asked: Keyed,
  ifMatch: readonly string[] | undefined = call.options.ifMatch,
): WriteOptions<StoredValue> {
  const token = call.options.ifUnchanged === undefined ? undefined : openToken(state, call, call.options.ifUnchanged)
  return {
    answer: (facts, placed) => {
      const value = plan.view(facts, placed)
      const location = placed === undefined ? undefined : plan.location?.(value, placed)
      return { value: toJson(value), ...(location === undefined ? {} : { location }) }
    },
    ...(asked === undefined ? {} : { idempotency: asked }),
    ...(token === undefined ? {} : { unchanged: token }),
    // `*` asks only that there is something.
    ...(plan.matchTag !== undefined && ifMatch !== undefined && !ifMatch.includes('*') ? { match: { tag: plan.matchTag, expected: ifMatch } } : {}),
    ...(plan.replacesGenesis === undefined ? {} : { replacesGenesis: plan.replacesGenesis }),
  }
}

interface TokenContent {
  readonly digest: string
  readonly did: string | null
  readonly method: string
  readonly expires_at: number
}

export const tokenMs = 15 * 60_000

export function sealToken(state: CallState, call: Call, digest: string): string {
  const content: TokenContent = { digest, did: call.caller.did ?? null, method: call.method, expires_at: state.now() + tokenMs }
  return state.sealer.seal('token', content)
}

/** The read digest inside a token of this caller and row. */
export function openToken(state: CallState, call: Call, token: string): string {
  const content = state.sealer.open('token', token) as TokenContent | undefined
  if (content === undefined || content.did !== (call.caller.did ?? null)) throw refuse('TOKEN_INVALID')
  if (content.method !== call.method && call.method !== 'operation.submit') throw refuse('TOKEN_INVALID')
  if (content.expires_at < state.now()) throw refuse('EXPIRED', { expires_at: content.expires_at })
  return content.digest
}

async function replyOf(state: CallState, call: Call, plan: WritePlan, result: WriteResult<StoredValue>): Promise<Reply> {
  const placed = await waited(state, call, result.operation)
  const facts = state.journal.read(plan.space)
  const value = result.answer?.value ?? null
  const withSecret = plan.secret !== undefined && !result.replayed && value !== null && typeof value === 'object' ? { ...value, ...plan.secret } : value
  const location = result.answer?.location
  const envelope: WriteEnvelope = {
    outcome: result.outcome === 'applied' ? 'applied' : 'already_done',
    value: withSecret as WriteEnvelope['value'],
    operations: placed === undefined ? [] : [operationRef(placed)],
    decision: decisionPart(call, result.decision),
    warnings: warningsOf(call, plan),
  }
  const etag = plan.matchTag === undefined || facts === undefined ? undefined : plan.matchTag(facts)
  return {
    as: 'envelope',
    status: location !== undefined && result.outcome === 'applied' ? 201 : 200,
    envelope,
    replayed: result.replayed,
    ...(location === undefined ? {} : { location }),
    ...(etag === undefined ? {} : { etag }),
  }
}

export function decisionPart(call: Call, record: WriteResult['decision']): WriteEnvelope['decision'] {
  if (call.options.explain || call.options.dryRun) return decisionJson(record, call.caller.lang, { maySee: true })
  return { id: record.id, outcome: record.outcome, summary: summaryOf(record, languageOf(call.caller.lang)) }
}

export function warningsOf(call: Call, plan: WritePlan): WriteEnvelope['warnings'] {
  return (plan.warnings ?? []).map(({ code, params = {} }) => ({ code, text: isCode(code) ? codeText(code, params, languageOf(call.caller.lang)) : code, params: { ...params } }))
}

export function envelopeReply(envelope: WriteEnvelope, more: { readonly location?: string; readonly etag?: string; readonly replayed?: boolean } = {}): Reply {
  const { location, etag, replayed = false } = more
  return {
    as: 'envelope',
    status: location === undefined ? 200 : 201,
    envelope,
    replayed,
    ...(location === undefined ? {} : { location }),
    ...(etag === undefined ? {} : { etag }),
  }
}

/** With `wait=final` the answer is held until a checkpoint covers the operation, or the time is over. */
export async function waited(state: CallState, call: Call, placed: PlacedOperation | undefined): Promise<PlacedOperation | undefined> {
  if (placed === undefined || call.options.wait !== 'final') return placed
  const id = placed.operation.id
  const found = await waitUntil(
    (run) => state.journal.subscribe(run),
    call.options.waitMs ?? waitMsDefault,
    call.options.signal,
    () => {
      const now = state.journal.operation(id)
      return now?.final ? now : undefined
    },
  )
  return found ?? state.journal.operation(id) ?? placed
}

/** Looks whenever there is news until `look` finds something or the time is over. */
export async function waitUntil<T>(onNews: (run: () => void) => () => void, ms: number, signal: AbortSignal | undefined, look: () => T | undefined): Promise<T | undefined> {
  const at = look()
  if (at !== undefined || ms <= 0) return at
  return new Promise((resolve) => {
    const done = (value: T | undefined): void => {
      clearTimeout(timer)
      stop()
      signal?.removeEventListener('abort', onAbort)
      resolve(value)
    }
    const onAbort = (): void => done(undefined)
    const timer = setTimeout(() => done(look()), ms)
    const stop = onNews(() => {
      const value = look()
      if (value !== undefined) done(value)
    })
    signal?.addEventListener('abort', onAbort)
  })
}
