import type { WriteResult } from '@icn/journal'
import type { Did, OperationId, SignedOperation, SignedOperationJson, SubmitResult } from '@icn/protocol'
import { bodies, encodeCanonical, EnvelopeSchema, fromBase64Url, operationIdOf, parseOperation } from '@icn/protocol'
import type { Call, ExchangeAnswer } from './call.ts'
import { operationRef, toJson } from './json.ts'
import { idempotencyKey } from './keys.ts'
import type { CallState } from './parts.ts'
import type { PendingDraft } from './pending.ts'
import { decisionRefusal, problemOf, refusalOf } from './problem.ts'
import { refuse } from './refusal.ts'
import { decisionPart, type StoredValue, waited, writeOptions } from './write.ts'

/** Handing in what devices have signed. Order is the caller's; each operation has its own result. */

/** The operation inside its JSON, byte for byte as it was signed. Throws OPERATION_MALFORMED. */
export function readSigned(json: SignedOperationJson): SignedOperation {
  const { sig, body, ...fields } = json
  const envelope = EnvelopeSchema.safeParse(fields)
  if (!envelope.success) throw refuse('OPERATION_MALFORMED', { reason: 'schema' })
  const schema = (bodies as Record<string, (typeof bodies)[keyof typeof bodies] | undefined>)[envelope.data.kind]
  const parsed = body === null ? null : schema === undefined ? { success: true as const, data: body } : schema.safeParse(body)
  if (parsed !== null && !parsed.success) throw refuse('OPERATION_MALFORMED', { reason: 'body' })
  let bytes: { readonly envelope: Uint8Array; readonly body: Uint8Array | null; readonly sig: Uint8Array }
  try {
    bytes = { envelope: encodeCanonical(envelope.data), body: parsed === null ? null : encodeCanonical(parsed.data), sig: fromBase64Url(sig) }
  } catch {
    throw refuse('OPERATION_MALFORMED', { reason: 'encoding' })
  }
  const found = parseOperation(bytes.envelope, bytes.sig, bytes.body)
  if ('malformed' in found) throw refuse('OPERATION_MALFORMED', { reason: found.malformed })
  return found.operation
}

export async function submitAll(
  state: CallState,
  call: Call<{ readonly operations: readonly SignedOperationJson[] }>,
  release: () => void,
): Promise<ExchangeAnswer<{ results: SubmitResult[] }>> {
  const results: SubmitResult[] = []
  // Read first: one that is not well-formed spoils nothing of the others, but the order stays.
  const waiting = call.input.operations.map((json, index) => submitOne(state, call, json, index))
  release()
  for (const result of waiting) results.push(await result)
  return { value: { results } }
}

async function submitOne(state: CallState, call: Call, json: SignedOperationJson, index: number): Promise<SubmitResult> {
  let id: OperationId | null = null
  try {
    const operation = readSigned(json)
    id = operationIdOf(operation.bytes)
    const { envelope } = operation
    // A first operation goes through the row that founds, which knows who may (ruling 2).
    if (envelope.genesis === null) throw refuse('FOUNDING_CLOSED')
    if (envelope.author !== call.caller.did && !call.caller.operator) throw refuse('NOT_FOUND')
    if (state.journal.info(envelope.space) === undefined) throw refuse('NOT_HOSTED_HERE', { space: envelope.space })
    const pending = state.pending.find({ author: envelope.author, kind: envelope.kind, bodyHash: envelope.body_hash }, state.now())
    const result = await state.journal.submit(operation, submitOptions(state, call, envelope.author, id, pending, index))
    const placed = await waited(state, call, result.operation)
    const problem = result.outcome === 'refused' ? problemOf(decisionRefusal(result.decision, result.operation), call.caller.lang, call.options.requestId) : null
    return {
      id,
      outcome: result.outcome,
      operation: placed === undefined ? null : operationRef(placed),
      value: answeredValue(result, pending),
      decision: decisionPart(call, result.decision),
      problem,
    }
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal.code === 'INTERNAL') state.fault('operation.submit', error)
    return { id, outcome: 'refused', operation: null, value: null, decision: null, problem: problemOf(refusal, call.caller.lang, call.options.requestId) }
  }
}

function submitOptions(state: CallState, call: Call, author: Did, id: OperationId, pending: PendingDraft | undefined, index: number) {
  const { idempotencyKey: key } = call.options
  const own = key === undefined ? undefined : { key: idempotencyKey(author, 'operation.submit', `${key}\n${index}`), input: new TextEncoder().encode(id) }
  if (pending === undefined) {
    const { answer, ...options } = writeOptions(state, call, { space: '' as never, kind: '', author, body: null, view: () => null }, own, undefined)
    return options
  }
  const options = writeOptions(state, call, pending.plan, pending.idempotency ?? own, pending.ifMatch)
  return pending.unchanged === undefined || options.unchanged !== undefined ? options : { ...options, unchanged: pending.unchanged }
}

function answeredValue(result: WriteResult<StoredValue>, pending: PendingDraft | undefined): unknown {
  const value = result.answer?.value ?? null
  if (pending?.plan.secret === undefined || value === null || typeof value !== 'object') return value
  return toJson({ ...value, ...pending.plan.secret })
}
