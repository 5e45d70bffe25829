import type { DecisionRecord } from '@icn/journal'
import type { Check, Code, DecisionJson, Did, Language, Remedy } from '@icn/protocol'
import { codes, codeText, fixText, isTextKey, languages, sayText, timeText } from '@icn/protocol'
import { toJson } from './json.ts'

/** Decision records and evidence as readers see them (doors page §4). */

export function languageOf(lang: string): Language {
  return languages.find((language) => language === lang) ?? 'en'
}

export const isCode = (code: string): code is Code => Object.hasOwn(codes, code)

/** Evidence leaves the process with times as text; names tell which numbers are times. */
export function evidenceJson(params: Readonly<Record<string, unknown>> | undefined): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(params ?? {})) if (value !== undefined) out[name] = name.endsWith('_at') && typeof value === 'number' ? timeText(value) : toJson(value)
  return out
}

function remedyJson(remedy: Remedy, language: Language): DecisionJson['remedies'][number] {
  const key = `remedy.${remedy.code}`
  const text = isTextKey(key)
    ? sayText(key, language, remedy.params)
    : isCode(remedy.code)
      ? (fixText(remedy.code, remedy.params ?? {}, language) ?? codeText(remedy.code, remedy.params ?? {}, language))
      : remedy.code
  return {
    code: remedy.code,
    text,
    ...(remedy.method === undefined ? {} : { method: remedy.method }),
    ...(remedy.input === undefined ? {} : { input: toJson(remedy.input) as Record<string, unknown> }),
    ...(remedy.link === undefined ? {} : { link: remedy.link }),
  }
}

/** Remedies of a code: what the check brought along, then the table's advice. */
export function remediesOf(code: Code, params: Readonly<Record<string, unknown>>, given: readonly Remedy[], language: Language): DecisionJson['remedies'] {
  const fix = fixText(code, params, language)
  return [...given.map((remedy) => remedyJson(remedy, language)), ...(fix === undefined ? [] : [{ code: `FIX_${code}`, text: fix }])]
}

export type CheckView = DecisionJson['checks'][number]

export function checkJson(check: Check, language: Language, hidden: boolean): CheckView {
  const { code, params = {}, remedies = [] } = check
  const failed = check.result === 'fail' || check.result === 'warn' || check.result === 'done'
  return {
    code,
    // A † check that ends in "it is so already" is a note, not a refusal.
    result: check.result === 'done' ? 'warn' : check.result,
    ...(failed ? { text: codeText(code, hidden ? {} : params, language) } : {}),
    ...(hidden ? {} : pick(check, 'limit', 'used', 'requested', 'remaining', 'unit')),
    ...(check.rule === undefined ? {} : { rule: { ...check.rule } }),
    ...(hidden || Object.keys(params).length === 0 ? {} : { evidence: evidenceJson(params) }),
    ...(check.passes_at === undefined ? {} : { passes_at: timeText(check.passes_at) }),
    ...(failed && remedies.length > 0 ? { remedies: remediesOf(code, params, remedies, language) } : {}),
  }
}

function pick<T extends object, K extends keyof T>(value: T, ...names: readonly K[]): Partial<Pick<T, K>> {
  const out: Partial<Pick<T, K>> = {}
  for (const name of names) if (value[name] !== undefined) out[name] = value[name]
  return out
}

/** Which checks said no (or "already"), in order of precedence. */
export function failing(checks: readonly Check[]): readonly Check[] {
  return checks.filter((check) => check.result === 'fail' || check.result === 'done')
}

export function summaryOf(record: Pick<DecisionRecord, 'outcome' | 'checks'>, language: Language): string {
  const no = failing(record.checks)
  const first = no[0]
  if (record.outcome === 'lawful' || first === undefined) return sayText('decision.lawful', language)
  const params = { first: codeText(first.code, first.params ?? {}, language), count: no.length }
  if (record.outcome === 'already_done') return sayText('decision.already_done', language, params)
  return sayText(no.length > 1 ? 'decision.refused_more' : 'decision.refused', language, params)
}

/** A record for a reader. Evidence about another member is left out unless the reader may see the space's affairs. */
export function decisionJson(record: DecisionRecord, lang: string, reader: { readonly did?: Did; readonly maySee: boolean }): DecisionJson {
  const language = languageOf(lang)
  const hidden = !reader.maySee && reader.did !== record.author
  return {
    id: record.id,
    space: record.space,
    kind: record.kind,
    author: record.author,
    by: record.by,
    decided_at: timeText(record.decided_at),
    outcome: record.outcome,
    mode: record.mode,
    state: { checkpoint: record.state.checkpoint, head: record.state.head },
    checks: record.checks.map((check) => checkJson(check, language, hidden)),
    remedies: failing(record.checks).flatMap((check) => remediesOf(check.code, check.params ?? {}, check.remedies ?? [], language)),
    // Appeals are decided by laws that this rules version does not have.
    appeal: null,
    summary: summaryOf(record, language),
    ...(hidden ? { redacted: true } : {}),
  }
}
