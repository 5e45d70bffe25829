import type { Code, CodeClass, Problem } from '@icn/protocol'

/** What a client itself says when no node has answered. */
export type ClientCode = Code | 'UNREACHABLE'

/** What a node says no with. `code` is stable; branch on it or on the class of the error, never on text. */
export class IcnError extends Error {
  override readonly name: string = 'IcnError'
  readonly code: ClientCode
  readonly problem: Problem | undefined

  constructor(code: ClientCode, message: string, problem?: Problem, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.code = code
    this.problem = problem
  }

  get params(): Readonly<Record<string, unknown>> {
    return this.problem?.params ?? {}
  }
  get reasons(): Problem['reasons'] {
    return this.problem?.reasons ?? []
  }
  get errors(): Problem['errors'] {
    return this.problem?.errors ?? []
  }
  get decision(): Problem['decision'] {
    return this.problem?.decision
  }
  get requestId(): string | undefined {
    return this.problem?.request_id
  }
  get operation(): Problem['operation'] {
    return this.problem?.operation
  }
}

export class RefusedError extends IcnError {
  override readonly name = 'RefusedError'
}
export class InputError extends IcnError {
  override readonly name = 'InputError'
}
export class SignInError extends IcnError {
  override readonly name = 'SignInError'
}
export class ForbiddenError extends IcnError {
  override readonly name = 'ForbiddenError'
}
export class NotFoundError extends IcnError {
  override readonly name = 'NotFoundError'
}
export class ConflictError extends IcnError {
  override readonly name = 'ConflictError'
}
export class PreconditionError extends IcnError {
  override readonly name = 'PreconditionError'
}
export class GoneError extends IcnError {
  override readonly name = 'GoneError'
}
export class BusyError extends IcnError {
  override readonly name = 'BusyError'
  /** When to try again [ms]; undefined where the node did not say. */
  get retryAfterMs(): number | undefined {
    return this.problem?.retry.after_ms ?? undefined
  }
}
export class FullError extends IcnError {
  override readonly name = 'FullError'
}
/** Whether it was done is not known, also after the same key was tried again. Ask again with `idempotencyKey`; never repeat it with another. */
export class OutcomeUnknownError extends IcnError {
  override readonly name = 'OutcomeUnknownError'
  readonly idempotencyKey: string | undefined

  constructor(code: ClientCode, message: string, problem?: Problem, cause?: unknown, idempotencyKey?: string) {
    super(code, message, problem, cause)
    this.idempotencyKey = idempotencyKey
  }
}
/** No node has heard the request. */
export class UnreachableError extends IcnError {
  override readonly name = 'UnreachableError'
}
export class InternalError extends IcnError {
  override readonly name = 'InternalError'
}
/** The node has drafted something else than was asked for, or shows a text to sign in with that is not this sign-in's. Nothing was signed. */
export class TamperedError extends IcnError {
  override readonly name = 'TamperedError'
}

const byClass: Readonly<Record<CodeClass, new (code: ClientCode, message: string, problem?: Problem) => IcnError>> = {
  already_done: IcnError,
  malformed: InputError,
  unknown: InputError,
  input: InputError,
  unauthenticated: SignInError,
  forbidden: ForbiddenError,
  not_found: NotFoundError,
  conflict: ConflictError,
  precondition: PreconditionError,
  gone: GoneError,
  rule: RefusedError,
  busy: BusyError,
  full: FullError,
  timeout: OutcomeUnknownError,
  internal: InternalError,
}

export function errorOf(problem: Problem): IcnError {
  const ErrorClass = byClass[problem.class as CodeClass] ?? IcnError
  return new ErrorClass(problem.code as Code, problem.detail || problem.title, problem)
}

export const isProblem = (value: unknown): value is Problem => typeof value === 'object' && value !== null && 'code' in value && 'class' in value && 'status' in value
