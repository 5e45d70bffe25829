import { type Code, codeClasses, codes, codeText, exitInterrupted, fixText, KeyFileRefused, type Problem, type TextParams } from '@icn/protocol'
import { IcnError, OutcomeUnknownError, UnreachableError } from '@icn/sdk'
import type { Texts, Words } from './texts/index.ts'

/** A no of this program itself: a code of the table, and a sentence of its own where the table's says too little. */
export class CliRefusal extends Error {
  override readonly name = 'CliRefusal'
  readonly code: Code
  readonly words: Words | undefined
  readonly params: TextParams
  /** What the reader can do. */
  readonly fix: { readonly words: Words; readonly params: TextParams } | undefined

  constructor(code: Code, words?: Words, params: TextParams = {}, fix?: CliRefusal['fix']) {
    super(`${code} ${words ?? ''} ${JSON.stringify(params)}`)
    this.code = code
    this.words = words
    this.params = params
    this.fix = fix
  }
}

/** Ctrl-C. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

/** What is told of a failure: the problem for machines, lines for people, the exit code. */
export interface Failure {
  readonly problem: Problem
  readonly exit: number
  /** Advice of this program beside the node's own. */
  readonly hints: readonly string[]
  /** Of a mistake of this program; shown with -v. */
  readonly stack?: string
}

function problemFor(code: Code, detail: string, params: TextParams, fix: string | undefined): Problem {
  const row = codes[code]
  return {
    type: `/codes/${code}`,
    title: detail,
    status: row.http ?? codeClasses[row.class].http,
    detail,
    instance: '',
    code,
    class: row.class,
    params: { ...params },
    reasons: [{ code, text: detail, params: { ...params }, remedies: fix === undefined ? [] : [{ code: `FIX_${code}`, text: fix }] }],
    errors: [],
    retry: { advice: codeClasses[row.class].retry, after_ms: null },
    request_id: '',
  }
}

export function failureOf(error: unknown, texts: Texts): Failure {
  if (error instanceof CliRefusal) {
    const detail = error.words === undefined ? codeText(error.code, error.params, texts.language) : texts.say(error.words, error.params)
    const fix = error.fix === undefined ? fixText(error.code, error.params, texts.language) : texts.say(error.fix.words, error.fix.params)
    return { problem: problemFor(error.code, detail, error.params, fix), exit: codeClasses[codes[error.code].class].exit, hints: [] }
  }
  if (error instanceof KeyFileRefused) {
    const problem = problemFor(error.code, codeText(error.code, error.params, texts.language), error.params, fixText(error.code, error.params, texts.language))
    return { problem, exit: codeClasses[codes[error.code].class].exit, hints: [] }
  }
  if (error instanceof Interrupted) return { problem: problemFor('OUTCOME_UNKNOWN', texts.say('say.interrupted'), {}, undefined), exit: exitInterrupted, hints: [] }
  if (error instanceof IcnError) return failureOfClient(error, texts)
  const message = error instanceof Error ? error.message : String(error)
  return {
    problem: problemFor('INTERNAL', texts.say('trouble.bug', { message }), {}, undefined),
    exit: 1,
    hints: [],
    ...(error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {}),
  }
}

function failureOfClient(error: IcnError, texts: Texts): Failure {
  if (error.problem !== undefined) {
    const { problem } = error
    const exit = codeClasses[problem.class as keyof typeof codeClasses]?.exit ?? 1
    return { problem, exit, hints: error instanceof OutcomeUnknownError && error.idempotencyKey !== undefined ? [texts.say('say.same_key', { key: error.idempotencyKey })] : [] }
  }
  // What the client itself found out has no sentence of a node.
  if (error instanceof UnreachableError)
    return { problem: { ...problemFor('TIMEOUT', error.message, {}, texts.say('trouble.unreachable')), code: 'UNREACHABLE', type: '/codes/UNREACHABLE' }, exit: 8, hints: [] }
  const code = error.code === 'UNREACHABLE' ? 'TIMEOUT' : error.code
  const hints = error instanceof OutcomeUnknownError && error.idempotencyKey !== undefined ? [texts.say('say.same_key', { key: error.idempotencyKey })] : []
  return { problem: problemFor(code, error.message, {}, fixText(code, {}, texts.language)), exit: codeClasses[codes[code].class].exit, hints }
}
