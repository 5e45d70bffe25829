import type { Code, FieldError, Row } from '@icn/protocol'
import { codeText, isCoopId, parseDid } from '@icn/protocol'
import { z } from 'zod'
import { nearest } from './nearest.ts'
import { CallRefusal } from './refusal.ts'
import { isCode, languageOf } from './render.ts'

/** Where a field of the input stood; JSON-RPC has only a body. */
export type FieldPlace = (field: string) => FieldError['in']

const errorsMax = 50

type Issue = z.core.$ZodIssue & { readonly input?: unknown; readonly params?: { readonly code?: unknown } }

const pointerOf = (path: readonly PropertyKey[]): string => path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

export interface InputShape {
  /** Names of all fields, in declared order, path fields first. */
  readonly fields: readonly string[]
  readonly required: ReadonlySet<string>
  /** Top-level fields that hold a DID: `me` may stand there. */
  readonly dids: ReadonlySet<string>
  /** JSON types of top-level fields, for query strings and flags. */
  readonly types: Readonly<Record<string, 'string' | 'integer' | 'boolean' | 'array' | 'object' | 'any'>>
  /** Type of the items, where a field is a list. */
  readonly items: Readonly<Record<string, 'string' | 'integer' | 'boolean' | 'object' | 'any'>>
}

interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
}

const typeOf = (schema: JsonSchema): InputShape['types'][string] => {
  const type = typeof schema.type === 'string' ? schema.type : undefined
  if (type === 'number') return 'integer'
  if (type === 'string' || type === 'integer' || type === 'boolean' || type === 'array' || type === 'object') return type
  if (schema.enum?.every((value) => typeof value === 'string')) return 'string'
  return 'any'
}

/** What doors must know of an input schema to read queries, positions and flags. */
export function inputShape(row: Pick<Row, 'input' | 'rest'>): InputShape {
  const schema = z.toJSONSchema(row.input, { io: 'input', unrepresentable: 'any' }) as JsonSchema
  const properties = schema.properties ?? {}
  const inPath = [...row.rest.matchAll(/\{([a-z_]+)\}/g)].map((match) => match[1] as string)
  const fields = [...inPath, ...Object.keys(properties).filter((name) => !inPath.includes(name))]
  return {
    fields,
    required: new Set(schema.required ?? []),
    dids: new Set(Object.entries(properties).flatMap(([name, field]) => (field.format === 'did' ? [name] : []))),
    types: Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, typeOf(field)])),
    items: Object.fromEntries(
      Object.entries(properties).flatMap(([name, field]) => (field.items === undefined ? [] : [[name, typeOf(field.items) as InputShape['items'][string]]])),
    ),
  }
}

/** Parses an input; every wrong field is reported at once. Throws a refusal of class `input`. */
export function parseInput<T>(schema: z.ZodType<T>, value: unknown, shape: InputShape, place: FieldPlace, lang: string): T {
  const parsed = schema.safeParse(value, { reportInput: true })
  const denormal = parsed.success ? denormalText(parsed.data, '') : []
  if (parsed.success && denormal.length === 0) return parsed.data
  const language = languageOf(lang)
  const found = (parsed.success ? denormal : (parsed.error.issues as Issue[]).flatMap((issue) => faults(issue, shape))).slice(0, errorsMax)
  const errors = found.map(
    ({ pointer, code, params }): FieldError => ({ in: place(pointer.split('/')[1] ?? ''), pointer, code, detail: codeText(code, { pointer, ...params }, language) }),
  )
  const first = found[0] as Fault
  // A form that has a code of its own (a DID, a coop's id) is the answer, when nothing else is wrong.
  const own = found.every((fault) => fault.code === first.code) && !first.code.startsWith('FIELD_')
  if (own) throw new CallRefusal(first.code, { params: { pointer: first.pointer, ...first.params }, errors })
  throw new CallRefusal('INPUT_INVALID', { params: { count: errors.length, pointer: first.pointer }, errors })
}

interface Fault {
  readonly pointer: string
  readonly code: Code
  readonly params: Readonly<Record<string, unknown>>
}

function faults(issue: Issue, shape: InputShape): Fault[] {
  const pointer = pointerOf(issue.path)
  const { code } = issue
  if (code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const near = issue.path.length === 0 ? nearest(key, shape.fields) : undefined
      return { pointer: `${pointer}${pointerOf([key])}`, code: 'FIELD_UNKNOWN', params: near === undefined ? {} : { nearest: near } }
    })
  }
  // Whatever its schema would say of nothing: what is not there is missing.
  if (issue.input === undefined && issue.path.length > 0) return [{ pointer, code: 'FIELD_MISSING', params: {} }]
  const own = issue.params?.code
  if (code === 'custom' && typeof own === 'string' && isCode(own)) return [{ pointer, code: own, params: evidence(own, issue.input) }]
  if (code === 'too_small' || code === 'too_big')
    return [{ pointer, code: 'FIELD_OUT_OF_RANGE', params: { ...(code === 'too_small' ? { minimum: Number(issue.minimum) } : { maximum: Number(issue.maximum) }) } }]
  return [{ pointer, code: 'FIELD_FORMAT', params: { reason: issue.message } }]
}

function evidence(code: string, input: unknown): Readonly<Record<string, unknown>> {
  if (typeof input !== 'string') return {}
  if (code === 'DID_INVALID') {
    const parsed = parseDid(input)
    return 'fault' in parsed ? { reason: parsed.fault, ...(parsed.remedy === undefined ? {} : { converted: parsed.remedy }) } : {}
  }
  if (code === 'COOP_ID_INVALID') {
    const lower = input.toLowerCase()
    return { coop_id: input.slice(0, 80), ...(lower !== input && isCoopId(lower) ? { suggestion: lower } : {}) }
  }
  return {}
}

/** Texts that could stand in no operation because they have two spellings; wherever they are, also where a schema takes any text. */
function denormalText(value: unknown, pointer: string): Fault[] {
  if (typeof value === 'string') {
    // A file brings its text along as it is, and is read with that in mind.
    const isFine = pointer === '/csv' || value.normalize('NFC') === value
    return isFine ? [] : [{ pointer, code: 'FIELD_FORMAT', params: { reason: 'text must be in Unicode normalisation form C' } }]
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return []
  return Object.entries(value).flatMap(([name, inner]) => denormalText(inner, `${pointer}${pointerOf([name])}`))
}
