import { fromUtf8, type MethodName, pathFields, type Problem, type Row, restMethod, restPath, rowOf, toBase64Url, toHex } from '@icn/protocol'
import { errorOf, IcnError, isProblem, OutcomeUnknownError, UnreachableError } from './errors.ts'

/** What every call may be told; the last argument of each method. */
export interface CallOptions {
  readonly signal?: AbortSignal
  /** Longest wait for one try [ms]; 30 000. */
  readonly timeoutMs?: number
  /** Made if absent, so that trying again does the thing once. */
  readonly idempotencyKey?: string
  readonly dryRun?: boolean
  readonly explain?: boolean
  readonly ifUnchanged?: string
  readonly ifMatch?: string
  readonly wait?: 'applied' | 'final'
  readonly waitMs?: number
  readonly atLeast?: string
  readonly lang?: string
  /** Hold a job's call for so long [ms]. */
  readonly jobWaitMs?: number
}

/** One request as a transport sends it. */
export interface WireCall {
  readonly method: MethodName
  readonly input: Readonly<Record<string, unknown>>
  readonly options: CallOptions & { readonly draft?: boolean }
  readonly token?: string
  /** The operator's token beside a session; only for rows that the operator may call. */
  readonly operator?: string
  /** Body of an upload. */
  readonly file?: { readonly bytes: Uint8Array; readonly type: string }
}

export interface WireMeta {
  readonly asOf?: string
  readonly checkpoint?: string
  readonly sync?: string
  readonly etag?: string
  readonly replayed?: boolean
}

export interface WireAnswer {
  readonly value: unknown
  readonly meta: WireMeta
  /** A download: the bytes as they come. */
  readonly stream?: ReadableStream<Uint8Array>
}

export interface Transport {
  readonly kind: 'rest' | 'rpc'
  readonly endpoint: string
  send(call: WireCall): Promise<WireAnswer>
}

export type Fetch = typeof globalThis.fetch

const timeoutMsDefault = 30_000

/** May this call have changed something although no answer came? */
export function changesSomething(row: Pick<Row, 'mode'>, options: WireCall['options']): boolean {
  return !options.draft && !options.dryRun && ['write', 'exchange', 'job', 'upload'].includes(row.mode)
}

/** Nothing has left this machine when one of these is the reason. */
const neverLeft = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

/** Times out, tells a broken connection from an answer, and never shows what a library threw. */
async function request<T>(fetch: Fetch, url: string, init: RequestInit, call: WireCall, read: (response: Response) => Promise<T>): Promise<T> {
  const timeout = AbortSignal.timeout((call.options.timeoutMs ?? timeoutMsDefault) + (call.options.waitMs ?? 0) + (call.options.jobWaitMs ?? 0))
  const signal = call.options.signal === undefined ? timeout : AbortSignal.any([timeout, call.options.signal])
  let hasAnswered = false
  try {
    const response = await fetch(url, { ...init, signal, redirect: 'error' })
    hasAnswered = true
    return await read(response)
  } catch (cause) {
    if (call.options.signal?.aborted || cause instanceof IcnError) throw cause
    throw brokenOff(url, call, cause, timeout.aborted, hasAnswered)
  }
}

function brokenOff(url: string, call: WireCall, cause: unknown, isLate: boolean, hasAnswered: boolean): IcnError {
  const code = (cause as { readonly cause?: { readonly code?: unknown } }).cause?.code
  const hasLeft = hasAnswered || typeof code !== 'string' || !neverLeft.has(code)
  const { origin } = new URL(url)
  if (hasLeft && changesSomething(rowOf(call.method), call.options)) {
    return new OutcomeUnknownError(
      isLate ? 'TIMEOUT' : 'OUTCOME_UNKNOWN',
      isLate ? 'The node did not answer in time.' : 'The connection broke before the node had answered.',
      undefined,
      cause,
    )
  }
  const what = isLate ? 'did not answer in time' : hasAnswered ? 'did not answer like an icn node' : 'cannot be reached'
  return new UnreachableError('UNREACHABLE', `${origin} ${what}.`, undefined, cause)
}

const readJson = async (response: Response): Promise<unknown> => JSON.parse(await response.text()) as unknown

/** What JSON has no form for: bytes become base64url text, absent fields are left out. */
export function toWire(value: unknown): unknown {
  if (value instanceof Uint8Array) return toBase64Url(value)
  if (Array.isArray(value)) return value.map(toWire)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).flatMap(([name, inner]) => (inner === undefined ? [] : [[name, toWire(inner)]])))
}

/** The gateway: paths, queries and headers of the doors page. */
export function restTransport(endpoint: string, fetch: Fetch = globalThis.fetch): Transport {
  const origin = endpoint.replace(/\/+$/, '')
  return {
    kind: 'rest',
    endpoint: origin,
    async send(call) {
      const row = rowOf(call.method)
      const method = restMethod(row)
      const named = new Set(pathFields(row.rest))
      const rest = Object.entries(call.input).filter(([name, value]) => !named.has(name) && value !== undefined)
      const path = restPath(row).replace(/\{([a-z_]+)\}/g, (_, name: string) => encodeURIComponent(String(call.input[name])))
      const query = new URLSearchParams(optionQuery(call.options))
      const inQuery = method === 'GET' || (method === 'DELETE' && row.mode !== 'write') || call.file !== undefined
      if (inQuery) for (const [name, value] of rest) for (const item of Array.isArray(value) ? value : [value]) query.append(name, String(item))
      const hasBody = !inQuery && (method !== 'DELETE' || rest.length > 0)
      const text = query.toString()
      return request(
        fetch,
        `${origin}${path}${text === '' ? '' : `?${text}`}`,
        {
          method,
          headers: { ...optionHeaders(call), ...(hasBody ? { 'content-type': 'application/json' } : call.file === undefined ? {} : { 'content-type': call.file.type }) },
          ...(call.file === undefined ? (hasBody ? { body: JSON.stringify(Object.fromEntries(rest)) } : {}) : { body: call.file.bytes as BodyInit }),
        },
        call,
        async (response): Promise<WireAnswer> => {
          if (response.ok && row.mode === 'download') return { value: null, meta: metaOf(response.headers), ...(response.body === null ? {} : { stream: response.body }) }
          const value = await readJson(response)
          if (!response.ok) throw isProblem(value) ? errorOf(value) : new UnreachableError('UNREACHABLE', `${origin} answered ${response.status} without a reason.`)
          return { value, meta: metaOf(response.headers) }
        },
      )
    },
  }
}

function optionQuery(options: WireCall['options']): Record<string, string> {
  const query: Record<string, string> = {}
  if (options.dryRun) query['dry_run'] = 'true'
  if (options.draft) query['draft'] = 'true'
  if (options.explain) query['explain'] = 'true'
  if (options.wait !== undefined) query['wait'] = options.wait
  if (options.waitMs !== undefined) query['wait_ms'] = String(options.waitMs)
  if (options.atLeast !== undefined) query['at_least'] = options.atLeast
  return query
}

function optionHeaders({ options, token, operator }: WireCall): Record<string, string> {
  return {
    accept: 'application/json, application/problem+json, application/x-ndjson, text/csv',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(operator === undefined ? {} : { 'icn-operator': operator }),
    ...(options.idempotencyKey === undefined ? {} : { 'idempotency-key': JSON.stringify(options.idempotencyKey) }),
    ...(options.ifUnchanged === undefined ? {} : { 'icn-if-unchanged': options.ifUnchanged }),
    ...(options.ifMatch === undefined ? {} : { 'if-match': options.ifMatch === '*' ? '*' : `"${options.ifMatch}"` }),
    ...(options.lang === undefined ? {} : { 'accept-language': options.lang }),
    ...(options.jobWaitMs === undefined ? {} : { prefer: `wait=${Math.ceil(options.jobWaitMs / 1_000)}` }),
  }
}

function metaOf(headers: Headers): WireMeta {
  const at = (name: string): string | undefined => headers.get(name) ?? undefined
  const etag = at('etag')?.replace(/^(W\/)?"(.*)"$/, '$2')
  return {
    ...(at('icn-as-of') === undefined ? {} : { asOf: at('icn-as-of') as string }),
    ...(at('icn-checkpoint') === undefined ? {} : { checkpoint: at('icn-checkpoint') as string }),
    ...(at('icn-sync') === undefined ? {} : { sync: at('icn-sync') as string }),
    ...(etag === undefined ? {} : { etag }),
    ...(at('idempotency-replayed') === 'true' ? { replayed: true } : {}),
  }
}

interface RpcAnswer {
  readonly result?: unknown
  readonly error?: { readonly code: number; readonly message: string; readonly data?: Problem }
}

/** The operator's door: JSON-RPC 2.0 over HTTP. Uploads and downloads go as text fields where the row has one. */
export function rpcTransport(endpoint: string, fetch: Fetch = globalThis.fetch): Transport {
  const url = `${endpoint.replace(/\/+$/, '')}${endpoint.endsWith('/rpc') ? '' : '/rpc'}`
  let id = 0
  return {
    kind: 'rpc',
    endpoint,
    async send(call) {
      const row = rowOf(call.method)
      const file = call.file === undefined ? {} : { csv: fromUtf8(call.file.bytes) }
      const reads = row.mode === 'read' || row.mode === 'list'
      const params = { ...call.input, ...file, ...optionParams(call.options), ...(reads ? { meta: true } : {}) }
      const headers = {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(call.token === undefined ? {} : { authorization: `Bearer ${call.token}` }),
        ...(call.operator === undefined ? {} : { 'icn-operator': call.operator }),
      }
      const body = JSON.stringify({ jsonrpc: '2.0', id: ++id, method: call.method, params })
      const answer = (await request(fetch, url, { method: 'POST', headers, body }, call, readJson)) as RpcAnswer
      if (isProblem(answer)) throw errorOf(answer)
      if (answer.error !== undefined) throw answer.error.data === undefined ? new UnreachableError('UNREACHABLE', answer.error.message) : errorOf(answer.error.data)
      if (!('result' in answer)) throw new UnreachableError('UNREACHABLE', `${new URL(url).origin} did not answer like an icn node.`)
      if (!reads) return { value: answer.result, meta: {} }
      const { value, meta } = answer.result as { value: unknown; meta: { as_of?: string; checkpoint?: string | null; sync?: string; etag?: string } | null }
      return {
        value,
        meta: {
          ...(meta?.as_of ? { asOf: meta.as_of } : {}),
          ...(meta?.checkpoint ? { checkpoint: meta.checkpoint } : {}),
          ...(meta?.sync ? { sync: meta.sync } : {}),
          ...(meta?.etag ? { etag: meta.etag } : {}),
        },
      }
    },
  }
}

function optionParams(options: WireCall['options']): Record<string, unknown> {
  return {
    ...(options.dryRun ? { dry_run: true } : {}),
    ...(options.draft ? { draft: true } : {}),
    ...(options.explain ? { explain: true } : {}),
    ...(options.ifUnchanged === undefined ? {} : { if_unchanged: options.ifUnchanged }),
    ...(options.ifMatch === undefined ? {} : { if_match: options.ifMatch }),
    ...(options.idempotencyKey === undefined ? {} : { idempotency_key: options.idempotencyKey }),
    ...(options.atLeast === undefined ? {} : { at_least: options.atLeast }),
    ...(options.wait === undefined ? {} : { wait: options.wait }),
    ...(options.waitMs === undefined && options.jobWaitMs === undefined ? {} : { wait_ms: options.waitMs ?? options.jobWaitMs }),
    ...(options.lang === undefined ? {} : { lang: options.lang }),
  }
}

/** 128 random bits: one for each thing that is meant to happen once. */
export function newIdempotencyKey(): string {
  return toHex(globalThis.crypto.getRandomValues(new Uint8Array(16)))
}
