import type { DecisionJson, Problem } from '@icn/protocol'
import type { Texts } from '../texts/index.ts'
import type { Style } from './style.ts'
import { shortIdsIn } from './text.ts'

/** A no as people read it: what, why with its numbers, the ways out, where the whole record is. */
export function showProblem(problem: Problem, exit: number, hints: readonly string[], texts: Texts, style: Style): string {
  const lines = [style.bold(shortIdsIn(problem.detail || problem.title))]
  const { decision } = problem
  if (decision?.checks.some(({ result }) => result === 'fail')) lines.push(...checkLines(decision, texts, style))
  else if (problem.errors.length > 0) lines.push(...problem.errors.map(({ pointer, detail }) => `  ${pointer}  ${shortIdsIn(detail)}`))
  const remedies = unique([...problem.reasons.flatMap(({ remedies: ways }) => ways.map(({ text }) => text)), ...(decision?.remedies.map(({ text }) => text) ?? [])])
  if (remedies.length > 0) lines.push(`  → ${remedies.join(' · ')}`)
  lines.push(...hints)
  const tail = [
    ...(decision === undefined ? [] : [texts.say('say.record', { id: decision.id })]),
    ...(problem.code === 'INTERNAL' && problem.request_id !== '' ? [texts.say('say.request', { id: problem.request_id })] : []),
  ]
  lines.push(style.dim(`${tail.join('   ')}${tail.length > 0 ? '   ' : ''}(exit ${exit})`))
  return lines.join('\n')
}

const unique = (texts: readonly string[]): readonly string[] => [...new Set(texts.filter((text) => text !== ''))]

type Check = DecisionJson['checks'][number]

/** The failing checks, numbered, each with limit, use and request. */
function checkLines(decision: DecisionJson, texts: Texts, style: Style): readonly string[] {
  const no = decision.checks.filter(({ result }) => result === 'fail')
  // One reason is said by the sentence itself; its numbers are not.
  if (no.length === 1)
    return no
      .map((check) => measures(check, texts))
      .filter((text) => text !== '')
      .map((text) => `  ${text}`)
  return no.flatMap((check, index) => {
    const ways = unique((check.remedies ?? []).map(({ text }) => text))
    const line = `  ${index + 1}  ${style.bad(shortIdsIn(check.text ?? check.code))}${measures(check, texts) === '' ? '' : `   ${measures(check, texts)}`}${ruleText(check)}`
    return [line, ...(ways.length === 0 ? [] : [`     → ${ways.join(' · ')}`])]
  })
}

function measures(check: Check, texts: Texts): string {
  const { limit, used, requested, remaining, unit } = check
  const of = (value: number | string): string => `${value}${unit === undefined ? '' : ` ${unit}`}`
  return [
    limit === undefined ? undefined : texts.say('check.limit', { value: of(limit) }),
    used === undefined ? undefined : texts.say('check.used', { value: of(used) }),
    requested === undefined ? undefined : texts.say('check.requested', { value: of(requested) }),
    remaining === undefined ? undefined : texts.say('check.remaining', { value: of(remaining) }),
  ]
    .filter((text) => text !== undefined)
    .join('   ')
}

const ruleText = ({ rule }: Check): string =>
  rule === undefined ? '' : `   ${rule.document}${rule.version === undefined ? '' : ` v${rule.version}`}${rule.pointer === undefined ? '' : ` ${rule.pointer}`}`

const marks: Readonly<Record<Check['result'], (style: Style, text: string) => string>> = {
  pass: (style, text) => style.good(text),
  warn: (style, text) => style.warn(text),
  fail: (style, text) => style.bad(text),
  not_applicable: (style, text) => style.dim(text),
}

/** The whole record: every check in its order, passed ones too. */
export function showDecision(decision: DecisionJson, texts: Texts, style: Style, time: (at: string) => string): string {
  const width = Math.max(...decision.checks.map(({ result }) => texts.say(`check.${result}`).length), 2)
  const checks = decision.checks.map((check) => {
    const mark = marks[check.result](style, texts.say(`check.${check.result}`).padEnd(width))
    const numbers = measures(check, texts)
    return `  ${mark}  ${check.text === undefined ? check.code : shortIdsIn(check.text)}${numbers === '' ? '' : `   ${numbers}`}${ruleText(check)}`
  })
  const ways = unique(decision.remedies.map(({ text }) => text))
  return [
    style.bold(shortIdsIn(decision.summary)),
    `${decision.space}   ${decision.kind}   ${decision.id}`,
    texts.say('explain.by', { by: shortIdsIn(decision.by), time: time(decision.decided_at) }),
    ...(decision.state.head === null ? [] : [texts.say('explain.state', { head: shortIdsIn(decision.state.head) })]),
    ...(checks.length === 0 ? [] : [`${texts.say('explain.checks')}:`, ...checks]),
    ...(decision.redacted ? [texts.say('explain.redacted')] : []),
    ...(ways.length === 0 ? [] : [`  → ${ways.join(' · ')}`]),
  ].join('\n')
}
