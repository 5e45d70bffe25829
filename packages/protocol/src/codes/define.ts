/** Class of a code: HTTP status, JSON-RPC number, exit code and retry advice follow from it (doors page §8). */
export type CodeClass =
  | 'already_done'
  | 'malformed'
  | 'unknown'
  | 'input'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'precondition'
  | 'gone'
  | 'rule'
  | 'busy'
  | 'full'
  | 'timeout'
  | 'internal'

export interface CodeRow {
  readonly class: CodeClass
  /** A sentence for people; `{name}` is filled from params. */
  readonly en: string
  readonly es: string
  /** What the reader can do. */
  readonly fix?: { readonly en: string; readonly es: string }
  /** Only where it differs from its class's status. */
  readonly http?: number
}

export function defineCodes<const T extends Record<string, CodeRow>>(rows: T): T {
  return rows
}
