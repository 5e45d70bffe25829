import type { CallOptions, InputShape } from '@icn/node'
import { CallRefusal, refuse } from '@icn/node'
import type { FieldError, OperationId } from '@icn/protocol'
import { codeText, isCid } from '@icn/protocol'

/** Reads one row's input and options out of path, query, headers and body. */

export interface RestInput {
  readonly input: Readonly<Record<string, unknown>>
  readonly options: Omit<CallOptions, 'requestId' | 'signal'>
  readonly place: (field: string) => FieldError['in']
  readonly lang?: string
  readonly preferWaitMs?: number
}

export interface RestRequest {
  readonly url: string
  readonly params: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Parsed JSON; undefined: none. */
  readonly body: unknown
}

const queryOptions = new Set(['dry_run', 'draft', 'explain', 'if_unchanged', 'idempotency_key', 'as_of', 'at_least', 'wait', 'wait_ms', 'lang'])

export function readRest(request: RestRequest, shape: InputShape): RestInput {
  const query = readQuery(request.url)
  const places = new Map<string, FieldError['in']>()
  const input: Record<string, unknown> = {}
  if (request.body !== undefined) {
    if (typeof request.body !== 'object' || request.body === null || Array.isArray(request.body)) throw wrong('body', '', 'the body must be an object')
    for (const [name, value] of Object.entries(request.body)) input[name] = value
  }
  for (const [name, values] of query) {
    if (queryOptions.has(name)) continue
    if (Object.hasOwn(input, name)) throw refuse('ID_MISMATCH', { field: name, path: values.join(','), body: shown(input[name]) })
    places.set(name, 'query')
    input[name] = coerce(values, shape, name)
  }
  for (const [name, value] of Object.entries(request.params)) {
    const given = input[name]
    const coerced = coerce([value], shape, name)
    if (given !== undefined && given !== coerced) throw refuse('ID_MISMATCH', { field: name, path: value, body: shown(given) })
    places.set(name, 'path')
    input[name] = coerced
  }
  const one = (name: string): string | undefined => query.get(name)?.at(-1)
  const lang = one('lang')
  const wait = /(?:^|,)\s*wait\s*=\s*(\d{1,5})/.exec(header(request, 'prefer') ?? '')?.[1]
  return {
    input,
    options: readOptions(request, one),
    place: (field) => places.get(field) ?? 'body',
    ...(lang === undefined ? {} : { lang }),
    ...(wait === undefined ? {} : { preferWaitMs: Number(wait) * 1_000 }),
  }
}

/** A value as a problem shows it; what came in may pretend to be anything. */
const shown = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).slice(0, 200)

function readOptions(request: RestRequest, one: (name: string) => string | undefined): RestInput['options'] {
  const ifUnchanged = header(request, 'icn-if-unchanged') ?? one('if_unchanged')
  const ifMatch = tags(header(request, 'if-match'), 'if-match')
  const ifNoneMatch = tags(header(request, 'if-none-match'), 'if-none-match')
  const key = idempotencyKey(header(request, 'idempotency-key'))
  const atLeast = one('at_least')
  if (atLeast !== undefined && !isCid(atLeast)) throw wrong('query', '/at_least', 'not an operation id')
  const wait = one('wait')
  if (wait !== undefined && wait !== 'applied' && wait !== 'final') throw wrong('query', '/wait', 'must be applied or final')
  const waitMs = one('wait_ms')
  if (waitMs !== undefined && !(/^\d{1,5}$/.test(waitMs) && Number(waitMs) <= 30_000)) throw wrong('query', '/wait_ms', 'must be 0 to 30000')
  const asOf = one('as_of')
  return {
    ...(flag(one('dry_run'), '/dry_run') ? { dryRun: true } : {}),
    ...(flag(one('draft'), '/draft') ? { draft: true } : {}),
    ...(flag(one('explain'), '/explain') ? { explain: true } : {}),
    ...(ifUnchanged === undefined ? {} : { ifUnchanged }),
    ...(ifMatch === undefined ? {} : { ifMatch }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
    ...(key === undefined ? {} : { idempotencyKey: key }),
    ...(atLeast === undefined ? {} : { atLeast: atLeast as OperationId }),
    ...(asOf === undefined ? {} : { asOf }),
    ...(wait === undefined ? {} : { wait }),
    ...(waitMs === undefined ? {} : { waitMs: Number(waitMs) }),
  }
}

function flag(value: string | undefined, pointer: string): boolean {
  if (value === undefined || value === 'false') return false
  if (value === 'true') return true
  throw wrong('query', pointer, 'must be true or false')
}

function header(request: RestRequest, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : value?.join(', ')
}

/** `"a", W/"b"` or `*`. */
function tags(value: string | undefined, name: string): readonly string[] | undefined {
  if (value === undefined) return undefined
  if (value.trim() === '*') return ['*']
  const found = [...value.matchAll(/(?:W\/)?"([\x21\x23-\x7e]*)"/g)].map((match) => match[1] as string)
  if (found.length === 0) throw wrong('header', `/${name}`, 'must be tags in quotes')
  return found
}

/** A structured-field string (RFC 9651), or the same without its quotes. */
export function idempotencyKey(value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  const key = /^"(.*)"$/.exec(value)?.[1]?.replaceAll('\\"', '"') ?? value
  if (!/^[\x20-\x7e]{1,64}$/.test(key)) throw wrong('header', '/idempotency-key', 'must be 1 to 64 printable characters')
  return key
}

function readQuery(url: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  const mark = url.indexOf('?')
  if (mark < 0) return found
  for (const pair of url.slice(mark + 1).split('&')) {
    if (pair === '') continue
    const cut = pair.indexOf('=')
    let name: string
    let value: string
    try {
      name = decodeURIComponent((cut < 0 ? pair : pair.slice(0, cut)).replaceAll('+', ' '))
      value = cut < 0 ? '' : decodeURIComponent(pair.slice(cut + 1).replaceAll('+', ' '))
    } catch {
      throw wrong('query', '', 'percent-encoding is broken')
    }
    if (name === '__proto__' || name === 'constructor' || name === 'prototype') throw wrong('query', '', 'a name that no field has')
    const list = found.get(name)
    if (list === undefined) found.set(name, [value])
    else list.push(value)
  }
  return found
}

/** A query knows only text; the schema's type says what was meant. What does not fit stays as it is, for the schema to refuse. */
function coerce(values: readonly string[], shape: InputShape, name: string): unknown {
  const type = shape.types[name]
  if (type === 'array') return values.map((value) => coerceOne(value, shape.items[name] ?? 'any'))
  return values.length === 1 ? coerceOne(values[0] as string, type ?? 'any') : values
}

function coerceOne(value: string, type: string): unknown {
  if (type === 'integer' && /^-?\d{1,16}$/.test(value)) return Number(value)
  if (type === 'boolean' && (value === 'true' || value === 'false')) return value === 'true'
  return value
}

function wrong(place: FieldError['in'], pointer: string, reason: string): CallRefusal {
  return new CallRefusal('INPUT_INVALID', {
    params: { count: 1, pointer },
    errors: [{ in: place, pointer, code: 'FIELD_FORMAT', detail: codeText('FIELD_FORMAT', { pointer, reason }, 'en') }],
  })
}
