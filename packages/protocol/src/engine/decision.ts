import type { Code } from '../codes/index.ts'
import { codes } from '../codes/index.ts'

export type CheckResult = 'pass' | 'warn' | 'fail' | 'done' | 'not_applicable'
export type Evidence = { readonly [name: string]: unknown }

/** What the reader of a decision can do, ready to be sent as a call. */
export interface Remedy {
  readonly code: string
  readonly params?: Evidence
  readonly method?: string
  readonly input?: Evidence
  readonly link?: string
}

/** One check of a law with what it measured. `done` is a failed † check: it is so already. */
export interface Check {
  readonly code: Code
  readonly result: CheckResult
  readonly params?: Evidence
  readonly limit?: number | string
  readonly used?: number | string
  readonly requested?: number | string
  readonly remaining?: number | string
  readonly unit?: string
  readonly rule?: { readonly document: string; readonly version?: number; readonly pointer?: string; readonly adopted_by?: string }
  readonly passes_at?: number
  readonly remedies?: readonly Remedy[]
}

export type CheckDetails = Omit<Check, 'code' | 'result'>
export type DecisionOutcome = 'lawful' | 'already_done' | 'refused'

/** Every check in order of precedence, not only the first that failed. */
export interface Decision {
  readonly outcome: DecisionOutcome
  readonly checks: readonly Check[]
}

/** Collects checks in order of precedence. Codes of class `already_done` (marked † in the design) end as `already_done` when they are the first to fail. */
export class Judgement {
  readonly checks: Check[] = []

  /** Records the check; true when it failed, so that a law can stop where later checks would make no sense. */
  refuseIf(failed: boolean, code: Code, details: CheckDetails = {}): boolean {
    const result: CheckResult = failed ? (codes[code].class === 'already_done' ? 'done' : 'fail') : 'pass'
    this.checks.push({ ...details, code, result })
    return failed
  }

  /** A failing check found by a condition that has no passing form. */
  refuse(code: Code, details: CheckDetails = {}): void {
    this.refuseIf(true, code, details)
  }

  warn(code: Code, details: CheckDetails = {}): void {
    this.checks.push({ ...details, code, result: 'warn' })
  }

  include(checks: readonly Check[]): void {
    this.checks.push(...checks)
  }

  get failed(): boolean {
    return this.checks.some((check) => check.result === 'fail' || check.result === 'done')
  }

  decision(): Decision {
    return decisionOf(this.checks)
  }
}

export function decisionOf(checks: readonly Check[]): Decision {
  const first = checks.find((check) => check.result === 'fail' || check.result === 'done')
  const outcome = first === undefined ? 'lawful' : first.result === 'done' ? 'already_done' : 'refused'
  return { outcome, checks }
}
