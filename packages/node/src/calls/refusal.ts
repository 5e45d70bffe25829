import type { DecisionRecord, PlacedOperation } from '@icn/journal'
import type { Code, FieldError } from '@icn/protocol'

export interface RefusalDetails {
  readonly params?: Readonly<Record<string, unknown>>
  /** Wrong fields, for class `input`. */
  readonly errors?: readonly FieldError[]
  readonly decision?: DecisionRecord
  /** A signed operation that was appended as refused. */
  readonly operation?: PlacedOperation
  /** When to try again, for class `busy`. */
  readonly retryAfterMs?: number
}

/** A door or handler says no with a code; the machinery turns it into a problem. Thrown, because it ends a call wherever it is. */
export class CallRefusal extends Error {
  override readonly name = 'CallRefusal'
  readonly code: Code
  readonly details: RefusalDetails

  constructor(code: Code, details: RefusalDetails = {}) {
    super(code)
    this.code = code
    this.details = details
  }
}

/** `throw refuse('NOT_FOUND')`, with params where the sentence has some. */
export function refuse(code: Code, params?: Readonly<Record<string, unknown>>): CallRefusal {
  return new CallRefusal(code, params === undefined ? {} : { params })
}
