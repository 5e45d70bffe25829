import type { JournalRefusal } from '@icn/journal'
import { StoreFault } from '@icn/journal'
import type { Code, Problem } from '@icn/protocol'
import { codeClasses, codes, codeText } from '@icn/protocol'
import { operationRef } from './json.ts'
import { decisionJson, evidenceJson, failing, isCode, languageOf, remediesOf, summaryOf } from './render.ts'
import { CallRefusal, type RefusalDetails } from './refusal.ts'

const isJournalRefusal = (error: unknown): error is JournalRefusal => error instanceof Error && error.name === 'JournalRefusal' && isCode((error as JournalRefusal).code)

/** Anything thrown below a door as a refusal. What is not expected is our bug and says nothing of its inside. */
export function refusalOf(error: unknown): CallRefusal {
  if (error instanceof CallRefusal) return error
  if (isJournalRefusal(error)) return new CallRefusal(error.code as Code, { params: error.params })
  // A write that failed may or may not be there; a full disk has written nothing.
  if (error instanceof StoreFault) return new CallRefusal(error.reason === 'full' ? 'STORE_FULL' : error.reason === 'io' ? 'OUTCOME_UNKNOWN' : 'STORE_READ_ONLY')
  // Faults of the supervisor and its parts carry a code of the table.
  const code = (error as { readonly code?: unknown } | null)?.code
  if (error instanceof Error && typeof code === 'string' && isCode(code)) {
    const { params, retryAfterMs } = error as { readonly params?: Readonly<Record<string, unknown>>; readonly retryAfterMs?: number }
    return new CallRefusal(code, { ...(params === undefined ? {} : { params }), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
  }
  return new CallRefusal('INTERNAL')
}

const busyRetryMs = 1_000

/** RFC 9457, with all reasons (doors page §8). */
export function problemOf(error: unknown, lang: string, requestId: string): Problem {
  const { code, details } = refusalOf(error)
  return problemJson(code, details, lang, requestId)
}

function problemJson(code: Code, details: RefusalDetails, lang: string, requestId: string): Problem {
  const language = languageOf(lang)
  const row = codes[code]
  const kind = codeClasses[row.class]
  const params = details.params ?? {}
  const { decision } = details
  const reasons =
    decision === undefined
      ? [{ code, params, remedies: [] as const }]
      : failing(decision.checks).map((check) => ({ code: check.code, params: check.params ?? {}, remedies: check.remedies ?? [] }))
  const detail = decision === undefined ? codeText(code, params, language) : summaryOf(decision, language)
  const afterMs = details.retryAfterMs ?? (row.class === 'busy' ? busyRetryMs : passesIn(details))
  return {
    type: `/codes/${code}`,
    title: codeText(code, params, language),
    status: row.http ?? kind.http,
    detail,
    instance: `/v1/requests/${requestId}`,
    code,
    class: row.class,
    params: evidenceJson(params),
    reasons: reasons.map((reason) => ({
      code: reason.code,
      text: codeText(reason.code, reason.params, language),
      params: evidenceJson(reason.params),
      remedies: remediesOf(reason.code, reason.params, reason.remedies, language),
    })),
    errors: [...(details.errors ?? [])].slice(0, 50),
    ...(decision === undefined ? {} : { decision: decisionJson(decision, lang, { maySee: false, did: decision.author }) }),
    retry: { advice: kind.retry, after_ms: afterMs },
    request_id: requestId,
    ...(details.operation === undefined ? {} : { operation: operationRef(details.operation) }),
  }
}

/** A rule that time alone will satisfy says when. */
function passesIn(details: RefusalDetails): number | null {
  const { decision } = details
  if (decision === undefined) return null
  const no = failing(decision.checks)
  if (no.length === 0 || no.some((check) => check.passes_at === undefined)) return null
  return Math.max(0, Math.max(...no.map((check) => check.passes_at as number)) - decision.decided_at)
}

/** The refusal of a decision: its first failing check names the code. */
export function decisionRefusal(decision: NonNullable<RefusalDetails['decision']>, operation?: RefusalDetails['operation']): CallRefusal {
  const first = failing(decision.checks)[0]
  if (first === undefined) throw new Error(`a decision refuses without a failing check: ${decision.kind}`)
  return new CallRefusal(first.code, { ...(first.params === undefined ? {} : { params: first.params }), decision, ...(operation === undefined ? {} : { operation }) })
}
