import type { z } from 'zod'
import type { Code } from '../codes/index.ts'

/**
 * One row of the operations table (doors page §1): something that can be asked of a node. REST, JSON-RPC, SDK, command
 * line and documents are all made from the rows; the key under which a row stands is its method name.
 */

/**
 * `read` and `list` only look. `write` puts operations into a space's journal, signed by a device or by this node.
 * `exchange` changes what this node alone keeps (sessions, drafts, own settings): no operation, no dry run.
 * `job` is long work, `upload` takes a file, `download` gives one, `stream` stays open.
 */
export type RowMode = 'read' | 'list' | 'write' | 'exchange' | 'job' | 'upload' | 'download' | 'stream'

/** Rate class (doors page §7). */
export type RowCost = 'auth' | 'public' | 'read' | 'write' | 'govern' | 'compute' | 'heavy' | 'operator'

export const scopeAreas = ['identity', 'coop', 'commons', 'trust', 'ledger', 'governance', 'compute', 'snapshot', 'network', 'node'] as const
export type ScopeArea = (typeof scopeAreas)[number]
export type Scope = `${ScopeArea}:${'read' | 'write'}`

export interface Row<Input extends z.ZodType = z.ZodType, Output extends z.ZodType = z.ZodType, Mode extends RowMode = RowMode, Refuses extends readonly Code[] = readonly Code[]> {
  /** Method and path template; `{names}` are fields of the input. */
  readonly rest: `${'GET' | 'POST' | 'PUT' | 'DELETE'} /${string}`
  /** Noun and verb of the command line; absent when there is no command of its own. */
  readonly cli?: string
  readonly mode: Mode
  /** Operation kinds it may put into the journal. */
  readonly proposes?: readonly string[]
  /** Whose journal and visibility rule: `commons`, `node`, `own` (every space of the caller), or a template of input fields. */
  readonly space: string
  /** Who may ask (doors page §5.4); any one of them. The law decides, this is the early no and the documentation. */
  readonly access: readonly string[]
  /** What a narrowed token must contain. */
  readonly scope?: Scope
  readonly cost: RowCost
  /** If-Match. */
  readonly match?: 'none' | 'optional' | 'required'
  /** A job that can be tried: it says what it would do, and does nothing. */
  readonly dryRun?: true
  /** Its answer or input holds secrets: never compressed, never stored by caches or for replays. */
  readonly secret?: boolean
  /** What the row takes; every field with a sentence. */
  readonly input: Input
  /** The resource, the envelope's `value`, or one item of a list. */
  readonly output: Output
  /** Refusals of its own; those that every row may give (input, session, rate, trouble) are left out. */
  readonly refuses: Refuses
  /** One sentence. */
  readonly says: string
  readonly example: { readonly input: Readonly<Record<string, unknown>>; readonly output: unknown }
  readonly since: string
  readonly deprecated?: { readonly since: string; readonly sunset: string; readonly use: string }
}

/** Declares one row and keeps the types of its schemas. */
export function row<Input extends z.ZodType, Output extends z.ZodType, const Mode extends RowMode, const Refuses extends readonly Code[]>(
  spec: Row<Input, Output, Mode, Refuses>,
): Row<Input, Output, Mode, Refuses> {
  return spec
}

/** What a handler gets: the parsed input. */
export type InputOf<R extends Row> = z.output<R['input']>
/** What a client hands in. */
export type GivenTo<R extends Row> = z.input<R['input']>
export type OutputOf<R extends Row> = z.output<R['output']>
export type RefusalsOf<R extends Row> = R['refuses'][number]

/** Fields named in a path template, in order. */
export function pathFields(rest: string): readonly string[] {
  return [...rest.matchAll(/\{([a-z_]+)\}/g)].map((match) => match[1] as string)
}

export function restMethod(row: Pick<Row, 'rest'>): 'GET' | 'POST' | 'PUT' | 'DELETE' {
  return row.rest.slice(0, row.rest.indexOf(' ')) as 'GET' | 'POST' | 'PUT' | 'DELETE'
}

export function restPath(row: Pick<Row, 'rest'>): string {
  return row.rest.slice(row.rest.indexOf(' ') + 1)
}

/** Options that every call may carry in JSON-RPC params and that no input schema may declare (doors page §12). */
export const reservedParams = ['dry_run', 'draft', 'explain', 'if_unchanged', 'if_match', 'idempotency_key', 'as_of', 'at_least', 'wait', 'wait_ms', 'lang', 'meta'] as const
export type ReservedParam = (typeof reservedParams)[number]
