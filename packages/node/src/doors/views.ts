import { commonsRules, coopRules, reviewOf, type SpaceReviewRow } from '@icn/domain'
import type { PlacedOperation } from '@icn/journal'
import type { Facts, OperationDetail, OperationId, OperationItem, QuarantineView } from '@icn/protocol'
import { timeText, toBase64Url } from '@icn/protocol'
import { operationJson } from '../calls/json.ts'
import { checkJson, failing, languageOf } from '../calls/render.ts'

/** Operations as the audit log and the quarantine show them. */

/** Whom or what an operation is about, as its law says. */
export function subjectOf(placed: PlacedOperation): string | null {
  const { space, kind } = placed.operation.envelope
  const law = (space === 'commons' ? commonsRules : coopRules).laws.get(kind)
  return placed.body === null ? null : (law?.subject?.(placed.body) ?? null)
}

export function operationItem(placed: PlacedOperation): OperationItem {
  const { operation, status, final, checks } = placed
  const { space, kind, author, signer, grant, at } = operation.envelope
  return {
    id: operation.id,
    space,
    kind,
    author,
    signer,
    grant,
    subject: subjectOf(placed),
    status,
    final,
    at: [at[0], at[1]],
    made_at: timeText(at[0]),
    codes: failing(checks).map(({ code }) => code),
  }
}

export function operationDetail(placed: PlacedOperation, lang: string, maySee: boolean): OperationDetail {
  const { operation, checks, displacedBy } = placed
  const language = languageOf(lang)
  return {
    ...operationItem(placed),
    operation: operationJson(operation.envelope, operation.body),
    sig: toBase64Url(operation.signature),
    checks: checks.map((check) => checkJson(check, language, !maySee)),
    displaced_by: displacedBy ?? null,
  }
}

/** What somebody decided; without that, a later operation of the same author that says the same and counts. */
export function settlementOf({ operation, retriedBy }: PlacedOperation, facts: Facts | undefined): Omit<SpaceReviewRow, 'op'> | undefined {
  const review = facts === undefined ? undefined : reviewOf(facts, operation.id)
  if (review !== undefined || retriedBy === undefined) return review
  return { verdict: 'reissued', by: operation.envelope.author, at: retriedBy.at[0], note: '', reissue: retriedBy.id }
}

export function quarantineView(placed: PlacedOperation, facts: Facts | undefined, detail?: { readonly lang: string }): QuarantineView {
  const { operation, checks, displacedBy } = placed
  const { envelope } = operation
  const settled = settlementOf(placed, facts)
  return {
    operation_id: operation.id,
    space: envelope.space,
    kind: envelope.kind,
    author: envelope.author,
    status: placed.status as QuarantineView['status'],
    made_at: timeText(envelope.at[0]),
    codes: failing(checks).map(({ code }) => code),
    displaced_by: displacedBy ?? null,
    state: settled?.verdict ?? 'open',
    settled: settled === undefined ? null : { by: settled.by, at: timeText(settled.at), note: settled.note, reissue: settled.reissue ?? null },
    ...(detail === undefined ? {} : { operation: operationJson(envelope, operation.body), checks: checks.map((check) => checkJson(check, languageOf(detail.lang), false)) }),
  }
}

/** Where a page of operations ended. */
export function placeOf(placed: PlacedOperation | undefined): { at: [number, number]; id: OperationId } | null {
  return placed === undefined ? null : { at: [...placed.operation.envelope.at], id: placed.operation.id }
}
