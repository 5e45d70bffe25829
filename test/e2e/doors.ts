import { type MethodName, pathFields, restMethod, restPath, rowOf } from '@icn/protocol'

/** The doors of a node by plain HTTP, without the SDK: what stands here is all a stranger's client would know. */

export interface Asking {
  readonly token?: string | undefined
  readonly dryRun?: boolean
  readonly draft?: boolean
  readonly explain?: boolean
  /** Answer only when this operation has a place here. */
  readonly atLeast?: string
  /** Idempotency key. */
  readonly key?: string
  readonly ifMatch?: string
  readonly ifUnchanged?: string
  /** How long a job's call is held [s]. */
  readonly holdSecs?: number
  readonly csv?: string
}

export interface Answer {
  readonly ok: boolean
  /** HTTP status; for JSON-RPC the status that the problem names. */
  readonly status: number
  /** The resource, the envelope, or the problem. */
  readonly body: any
  /** Code of the problem. */
  readonly code: string | undefined
  readonly etag: string | undefined
  /** Said in a header of REST; JSON-RPC does not tell. */
  readonly replayed: boolean | undefined
  readonly location: string | undefined
  readonly headers: Headers
}

export interface Door {
  readonly name: string
  readonly base: string
  ask(method: MethodName, input: Readonly<Record<string, unknown>>, asking?: Asking): Promise<Answer>
}

const jsonType = 'application/json'

export function readText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** As text of a path or query; what has no text of its own, as JSON. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value.toWellFormed() : (JSON.stringify(value) ?? ''))

/** Path, query and body as the table of rows says. */
export function restDoor(base: string): Door {
  return {
    name: 'REST',
    base,
    async ask(method, input, asking = {}) {
      const row = rowOf(method)
      const verb = restMethod(row)
      const inPath = new Set(pathFields(row.rest))
      const rest = Object.entries(input).filter(([name, value]) => !inPath.has(name) && value !== undefined)
      const path = restPath(row).replace(/\{([a-z_]+)\}/g, (_, name: string) => encodeURIComponent(textOf(input[name])))
      const query = new URLSearchParams()
      if (asking.dryRun) query.set('dry_run', 'true')
      if (asking.draft) query.set('draft', 'true')
      if (asking.explain) query.set('explain', 'true')
      if (asking.atLeast !== undefined) query.set('at_least', asking.atLeast)
      if (verb === 'GET') for (const [name, value] of rest) for (const one of Array.isArray(value) ? value : [value]) query.append(name, textOf(one))
      const body = verb === 'GET' ? undefined : (asking.csv ?? (verb === 'DELETE' && rest.length === 0 ? undefined : JSON.stringify(Object.fromEntries(rest))))
      const response = await fetch(`${base}${path}${query.size === 0 ? '' : `?${query}`}`, {
        method: verb,
        headers: {
          ...(asking.token === undefined ? {} : { authorization: `Bearer ${asking.token}` }),
          ...(body === undefined ? {} : { 'content-type': asking.csv === undefined ? jsonType : 'text/csv' }),
          ...(asking.key === undefined ? {} : { 'idempotency-key': `"${asking.key}"` }),
          ...(asking.ifMatch === undefined ? {} : { 'if-match': `"${asking.ifMatch}"` }),
          ...(asking.ifUnchanged === undefined ? {} : { 'icn-if-unchanged': asking.ifUnchanged }),
          ...(asking.holdSecs === undefined ? {} : { prefer: `wait=${asking.holdSecs}` }),
        },
        ...(body === undefined ? {} : { body }),
      })
      const { status, headers } = response
      const value = readText(await response.text())
      return {
        ok: response.ok,
        status,
        body: value,
        code: response.ok ? undefined : (value as { code?: string }).code,
        etag: headers.get('etag')?.replaceAll('"', ''),
        replayed: headers.get('idempotency-replayed') === 'true',
        location: headers.get('location') ?? undefined,
        headers,
      }
    },
  }
}

let calls = 0

/** JSON-RPC 2.0 at the operator's door. */
export function rpcDoor(base: string): Door {
  return {
    name: 'JSON-RPC',
    base,
    async ask(method, input, asking = {}) {
      const { mode } = rowOf(method)
      const isRead = mode === 'read' || mode === 'list'
      const params = {
        ...input,
        ...(asking.csv === undefined ? {} : { csv: asking.csv }),
        ...(asking.dryRun ? { dry_run: true } : {}),
        ...(asking.atLeast === undefined ? {} : { at_least: asking.atLeast }),
        ...(asking.draft ? { draft: true } : {}),
        ...(asking.explain ? { explain: true } : {}),
        ...(asking.key === undefined ? {} : { idempotency_key: asking.key }),
        ...(asking.ifMatch === undefined ? {} : { if_match: asking.ifMatch }),
        ...(asking.ifUnchanged === undefined ? {} : { if_unchanged: asking.ifUnchanged }),
        ...(asking.holdSecs === undefined ? {} : { wait_ms: asking.holdSecs * 1_000 }),
        ...(isRead ? { meta: true } : {}),
      }
      const id = `call-${++calls}`
      const response = await fetch(`${base}/rpc`, {
        method: 'POST',
        headers: { 'content-type': jsonType, ...(asking.token === undefined ? {} : { authorization: `Bearer ${asking.token}` }) },
        body: JSON.stringify({ jsonrpc: '2.0', id, method, params }),
      })
      const { headers } = response
      const value = readText(await response.text()) as any
      const more = { location: undefined, replayed: undefined, headers }
      // Refused below JSON-RPC: size, Host, method.
      if (value?.jsonrpc !== '2.0') return { ok: false, status: response.status, body: value, code: value?.code, etag: undefined, ...more }
      if (value.id !== id) throw new Error(`the answer is for ${value.id}, not for ${id}`)
      if (value.error !== undefined)
        return { ok: false, status: value.error.data?.status ?? response.status, body: value.error.data, code: value.error.data?.code, etag: undefined, ...more }
      return { ok: true, status: response.status, body: isRead ? value.result.value : value.result, code: undefined, etag: value.result?.meta?.etag ?? undefined, ...more }
    },
  }
}
