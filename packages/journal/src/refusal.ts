import type { Code } from '@icn/protocol'
import type { JournalRefusal } from './api.ts'

/** The journal says no before any law is asked: wrong place, wrong bytes, a precondition that does not hold. */
export class Refusal extends Error implements JournalRefusal {
  override readonly name = 'JournalRefusal'
  readonly code: Code
  readonly params: Readonly<Record<string, unknown>>

  constructor(code: Code, params: Readonly<Record<string, unknown>> = {}) {
    super(code)
    this.code = code
    this.params = params
  }
}
