import type { CallOptions, Calls, Metrics, Reply } from '@icn/node'
import { CallRefusal, nearest, problemOf, refusalOf, refuse } from '@icn/node'
import type { MethodName, OperationId, Problem, Row } from '@icn/protocol'
import { codeClasses, codes, isCid, isMethodName, methodNames, reservedParams, rowOf } from '@icn/protocol'
import type { Asker } from '../http/caller.ts'
import { NotJson, parseJson } from '../http/json.ts'

/** JSON-RPC 2.0 (doors page §12), apart from any transport. */

export interface RpcParts {
  readonly calls: Pick<Calls, 'ask' | 'shape'>
  readonly metrics?: Metrics
  /** Throws RATE_LIMITED. */
  take(row: Row, input: Readonly<Record<string, unknown>>): void
  heavy?<T>(work: () => Promise<T>): Promise<T>
  /** Rows for the operator are at the local door only. */
  readonly operatorRows: boolean
  readonly batchMax: number
  discover(): unknown
  readonly requestId: string
  internal(error: unknown, requestId: string): void
  monotonic(): number
  deadline<T>(work: Promise<T>, taken: () => boolean): Promise<T>
  /** The table; tests bring their own. */
  readonly rowOf?: (method: string) => Row | undefined
}

type Id = string | number | null

interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: Problem
}

type RpcAnswer = { readonly jsonrpc: '2.0'; readonly id: Id; readonly result: unknown } | { readonly jsonrpc: '2.0'; readonly id: Id; readonly error: RpcError }

/** The answer's text, or null when nothing is owed. */
export async function dispatch(parts: RpcParts, body: Uint8Array, asker: Asker): Promise<string | null> {
  let request: unknown
  try {
    request = parseJson(body)
  } catch (error) {
    if (!(error instanceof NotJson)) throw error
    return JSON.stringify({ jsonrpc: '2.0', id: null, error: errorOf(refuse('BODY_NOT_JSON', { reason: error.message }), parts, asker, -32700) })
  }
  if (!Array.isArray(request)) {
    const answer = await one(parts, request, asker, () => {})
    return answer === null ? null : JSON.stringify(answer)
  }
  if (request.length === 0) return JSON.stringify(invalid(parts, asker, 'an empty batch'))
  if (request.length > parts.batchMax) return JSON.stringify(invalid(parts, asker, `more than ${parts.batchMax} in a batch`))
  const answers = await batch(parts, request, asker)
  return answers.length === 0 ? null : JSON.stringify(answers)
}

/** In the order given: each begins when the journal has taken the one before it, so that they share a commit and are judged in turn. */
async function batch(parts: RpcParts, requests: readonly unknown[], asker: Asker): Promise<RpcAnswer[]> {
  const running: Promise<RpcAnswer | null>[] = []
  for (const request of requests) {
    let taken: () => void = () => {}
    const begun = new Promise<void>((resolve) => (taken = resolve))
    const answer = one(parts, request, asker, taken)
    running.push(answer)
    await Promise.race([begun, answer])
  }
  return (await Promise.all(running)).filter((answer) => answer !== null)
}

function invalid(parts: RpcParts, asker: Asker, reason: string): RpcAnswer {
  return { jsonrpc: '2.0', id: null, error: errorOf(refuse('RPC_REQUEST_INVALID', { reason }), parts, asker, -32600) }
}

const isId = (value: unknown): value is Id => value === null || typeof value === 'string' || (typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER)

async function one(parts: RpcParts, request: unknown, asker: Asker, taken: () => void): Promise<RpcAnswer | null> {
  if (typeof request !== 'object' || request === null || Array.isArray(request)) return invalid(parts, asker, 'not an object')
  const { jsonrpc, method, params, id, ...stray } = request as Record<string, unknown>
  const known = Object.hasOwn(request, 'id')
  if (known && !isId(id)) return invalid(parts, asker, 'an id is text, a number within 2^53, or null')
  const owed = known ? (id as Id) : null
  const wrong =
    jsonrpc !== '2.0'
      ? 'jsonrpc must be "2.0"'
      : typeof method !== 'string'
        ? 'method must be text'
        : params !== undefined && (typeof params !== 'object' || params === null)
          ? 'params must be an object or an array'
          : Object.keys(stray).length > 0
            ? `no member ${Object.keys(stray)[0]}`
            : undefined
  // The identity of a broken request is not believed when it could not be read, but one that was read is echoed.
  if (wrong !== undefined) return { jsonrpc: '2.0', id: known ? owed : null, error: errorOf(refuse('RPC_REQUEST_INVALID', { reason: wrong }), parts, asker, -32600) }
  try {
    const result = await run(parts, method as string, params as Record<string, unknown> | readonly unknown[] | undefined, asker, taken)
    return known ? { jsonrpc: '2.0', id: owed, result } : null
  } catch (error) {
    // A notification is never answered, not even on error.
    return known ? { jsonrpc: '2.0', id: owed, error: errorOf(error, parts, asker) } : null
  }
}

async function run(parts: RpcParts, method: string, params: Record<string, unknown> | readonly unknown[] | undefined, asker: Asker, taken: () => void): Promise<unknown> {
  if (method === 'rpc.discover') return parts.discover()
  const row = parts.rowOf === undefined ? (isMethodName(method) ? rowOf(method) : undefined) : parts.rowOf(method)
  if (row === undefined || (!parts.operatorRows && row.access.every((word) => word === 'operator'))) {
    const near = nearest(method, methodNames)
    throw refuse('RPC_METHOD_UNKNOWN', { method: method.slice(0, 80), ...(near === undefined ? {} : { nearest: near }) })
  }
  const name = method as MethodName
  const started = parts.monotonic()
  let kind = 'ok'
  try {
    const fields = parts.calls.shape(name).fields
    const { input, options, meta, lang } = readParams(params, fields)
    parts.take(row, input)
    if (asker.trouble !== undefined && !row.access.includes('public')) throw asker.trouble
    const caller = lang === undefined ? asker.caller : { ...asker.caller, lang }
    let isTaken = false
    const onTaken = (): void => {
      isTaken = true
      taken()
    }
    const work = () => parts.calls.ask(name, input, caller, { ...options, requestId: parts.requestId }, { onTaken })
    const reply = await parts.deadline(row.cost === 'heavy' && parts.heavy !== undefined ? parts.heavy(work) : work(), () => isTaken)
    return await resultOf(reply, meta)
  } catch (error) {
    kind = codes[refusalOf(error).code].class
    throw error
  } finally {
    parts.metrics?.add('icn_rpc_requests_total', 1, { method, class: kind })
    parts.metrics?.observe('icn_rpc_request_duration_seconds', (parts.monotonic() - started) / 1_000, { cost: row.cost })
  }
}

/** By name or by position; reserved names are options and never inputs. */
function readParams(
  params: Record<string, unknown> | readonly unknown[] | undefined,
  fields: readonly string[],
): { input: Record<string, unknown>; options: Omit<CallOptions, 'requestId'>; meta: boolean; lang?: string } {
  if (Array.isArray(params)) {
    if (params.length > fields.length)
      throw new CallRefusal('INPUT_INVALID', {
        params: { count: params.length - fields.length, pointer: `/${fields.length}` },
        errors: [{ in: 'body', pointer: `/${fields.length}`, code: 'FIELD_UNKNOWN', detail: `There are ${fields.length} fields.` }],
      })
    return { input: Object.fromEntries(params.map((value, i) => [fields[i] as string, value])), options: {}, meta: false }
  }
  const input: Record<string, unknown> = {}
  const reserved: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(params ?? {})) ((reservedParams as readonly string[]).includes(name) ? reserved : input)[name] = value
  return { input, ...readReserved(reserved) }
}

function readReserved(given: Readonly<Record<string, unknown>>): { options: Omit<CallOptions, 'requestId'>; meta: boolean; lang?: string } {
  const fail = (name: string, reason: string): CallRefusal =>
    new CallRefusal('INPUT_INVALID', { params: { count: 1, pointer: `/${name}` }, errors: [{ in: 'body', pointer: `/${name}`, code: 'FIELD_FORMAT', detail: reason }] })
  const bool = (name: string): boolean => {
    const value = given[name]
    if (value !== undefined && typeof value !== 'boolean') throw fail(name, 'must be true or false')
    return value === true
  }
  const text = (name: string, max: number): string | undefined => {
    const value = given[name]
    if (value === undefined) return undefined
    if (typeof value !== 'string' || value.length === 0 || value.length > max) throw fail(name, `must be text of at most ${max} characters`)
    return value
  }
  const match = given.if_match
  if (match !== undefined && typeof match !== 'string' && !(Array.isArray(match) && match.every((tag) => typeof tag === 'string')))
    throw fail('if_match', 'must be a tag or a list of tags')
  const key = text('idempotency_key', 64)
  if (key !== undefined && !/^[\x20-\x7e]{1,64}$/.test(key)) throw fail('idempotency_key', 'must be 1 to 64 printable characters')
  const atLeast = text('at_least', 80)
  if (atLeast !== undefined && !isCid(atLeast)) throw fail('at_least', 'must be an operation id')
  const wait = text('wait', 8)
  if (wait !== undefined && wait !== 'applied' && wait !== 'final') throw fail('wait', 'must be applied or final')
  const waitMs = given.wait_ms
  if (waitMs !== undefined && !(Number.isSafeInteger(waitMs) && (waitMs as number) >= 0 && (waitMs as number) <= 30_000)) throw fail('wait_ms', 'must be 0 to 30000')
  const ifUnchanged = text('if_unchanged', 4_096)
  const asOf = text('as_of', 40)
  const lang = text('lang', 35)
  return {
    options: {
      ...(bool('dry_run') ? { dryRun: true } : {}),
      ...(bool('draft') ? { draft: true } : {}),
      ...(bool('explain') ? { explain: true } : {}),
      ...(ifUnchanged === undefined ? {} : { ifUnchanged }),
      ...(match === undefined ? {} : { ifMatch: (typeof match === 'string' ? [match] : match).map((tag: string) => tag.replaceAll('"', '')) }),
      ...(key === undefined ? {} : { idempotencyKey: key }),
      ...(atLeast === undefined ? {} : { atLeast: atLeast as OperationId }),
      ...(asOf === undefined ? {} : { asOf }),
      ...(wait === undefined ? {} : { wait }),
      ...(waitMs === undefined ? {} : { waitMs: waitMs as number }),
    },
    meta: bool('meta'),
    ...(lang === undefined ? {} : { lang: lang.split('-')[0] as string }),
  }
}

async function resultOf(reply: Reply, meta: boolean): Promise<unknown> {
  switch (reply.as) {
    case 'value':
      return meta ? { value: reply.value, meta: { ...metaOf(reply), etag: reply.etag ?? null } } : reply.value
    case 'page':
      return meta ? { value: reply.page, meta: { ...metaOf(reply), etag: null } } : reply.page
    case 'envelope':
      return reply.envelope
    case 'exchange':
      return reply.value
    case 'job':
      return reply.job
    case 'download': {
      const parts: string[] = []
      for await (const part of reply.answer.body) parts.push(typeof part === 'string' ? part : Buffer.from(part).toString('utf8'))
      return parts.join('')
    }
  }
}

function metaOf(reply: Reply & { as: 'value' | 'page' }): Readonly<Record<string, unknown>> {
  return { as_of: reply.meta?.asOf ?? null, checkpoint: reply.meta?.checkpoint ?? null, sync: reply.meta?.sync ?? null }
}

function errorOf(error: unknown, parts: RpcParts, asker: Asker, code?: number): RpcError {
  const problem = problemOf(error, asker.caller.lang, parts.requestId)
  if (problem.code === 'INTERNAL') parts.internal(error, parts.requestId)
  return { code: code ?? codeClasses[codes[refusalOf(error).code].class].rpc, message: problem.title, data: problem }
}
