import type { CodeClass } from './define.ts'

/** Advice that a problem gives about trying again. */
export type RetryAdvice = 'never' | 'after_change' | 'after_sign_in' | 'after_reading' | 'as_decided' | 'later' | 'same_key' | 'once'

export interface ClassRow {
  /** HTTP status when the code names none of its own. */
  readonly http: number
  /** JSON-RPC error number; 0 where the answer is a result. */
  readonly rpc: number
  /** Exit code of `icnctl`. */
  readonly exit: number
  readonly retry: RetryAdvice
}

/** What follows from the class of a code (doors page §8): status, number, exit code, advice. */
export const codeClasses: Readonly<Record<CodeClass, ClassRow>> = {
  already_done: { http: 200, rpc: 0, exit: 0, retry: 'never' },
  malformed: { http: 400, rpc: -32600, exit: 2, retry: 'never' },
  unknown: { http: 404, rpc: -32601, exit: 2, retry: 'never' },
  input: { http: 400, rpc: -32602, exit: 2, retry: 'after_change' },
  unauthenticated: { http: 401, rpc: -32000, exit: 4, retry: 'after_sign_in' },
  forbidden: { http: 403, rpc: -32000, exit: 4, retry: 'after_change' },
  not_found: { http: 404, rpc: -32000, exit: 5, retry: 'never' },
  conflict: { http: 409, rpc: -32000, exit: 6, retry: 'after_reading' },
  precondition: { http: 412, rpc: -32000, exit: 6, retry: 'after_reading' },
  gone: { http: 410, rpc: -32000, exit: 6, retry: 'never' },
  rule: { http: 422, rpc: -32000, exit: 3, retry: 'as_decided' },
  busy: { http: 503, rpc: -32000, exit: 7, retry: 'later' },
  full: { http: 507, rpc: -32000, exit: 7, retry: 'later' },
  timeout: { http: 504, rpc: -32000, exit: 8, retry: 'same_key' },
  internal: { http: 500, rpc: -32603, exit: 1, retry: 'once' },
}

/** Exit codes that belong to no class. */
export const exitPartly = 9
export const exitFindings = 10
export const exitInterrupted = 130
