import { type MethodName, methodNames, pathFields, type Row, rowOf } from '@icn/protocol'
import { z } from 'zod'

/** What a command takes, read from the input schema of its row. */
export interface Field {
  /** Name in the input. */
  readonly name: string
  /** Name of the flag, without dashes. */
  readonly flag: string
  /** Other flags that mean the same. */
  readonly aliases: readonly string[]
  readonly type: 'text' | 'integer' | 'boolean' | 'texts' | 'integers' | 'document' | 'time' | 'duration' | 'permille'
  readonly required: boolean
  readonly default?: unknown
  readonly choices?: readonly string[]
  /** The sentence of the table. */
  readonly says: string
}

export interface CommandSpec {
  readonly method: MethodName
  readonly row: Row
  /** Noun, verb. */
  readonly path: readonly string[]
  readonly fields: readonly Field[]
  /** Those that may stand without their flag, in this order. */
  readonly positionals: readonly Field[]
}

interface JsonSchema {
  readonly type?: string
  readonly format?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly enum?: readonly unknown[]
  readonly default?: unknown
}

/** Fields that a command never asks for: the program fills them in, or they have a form of their own. */
const hidden: Readonly<Partial<Record<MethodName, readonly string[]>>> = {
  'coop.import.preview': ['csv'],
  'event.page': ['after', 'limit', 'long_poll_ms', 'spaces', 'topics'],
  'coop.accept_membership': ['personhood'],
  'coop.apply': ['personhood', 'asked'],
}

/** Flags that people know by another name. */
const otherNames: Readonly<Partial<Record<MethodName, Readonly<Record<string, readonly string[]>>>>> = {
  'identity.grant': { grantee: ['node', 'device'], grantee_kind: ['kind'] },
  'device.add': { spaces: ['space'] },
  'device.approve': { spaces: ['space'] },
  'device.revoke': { spaces: ['space'] },
  'identity.freeze': { spaces: ['space'] },
  'identity.grants.list': { live: ['live-only'] },
  'trust.edge.set': { expires_at: ['until'] },
  'trust.edge.list': { issuer: ['of'] },
}

/** Flags that stand for one value of a field. */
export const shortFor: Readonly<Partial<Record<MethodName, Readonly<Record<string, { readonly field: string; readonly value: string }>>>>> = {
  'coop.list': { mine: { field: 'scope', value: 'mine' }, directory: { field: 'scope', value: 'directory' } },
}

/** Beside the required ones these may stand by position, because people know them so. */
const alsoPositional: Readonly<Partial<Record<MethodName, readonly string[]>>> = {
  'coop.add_member': ['role'],
  'coop.activate': ['charter_hash'],
  'coop.member_log': ['did'],
  'coop.host.accept': ['did'],
  'coop.host.leave': ['did'],
  'commons.keeper.leave': ['did'],
  'trust.graph': ['subject'],
}

/** The person is oneself when nobody is named. */
export const aboutOneself: ReadonlySet<MethodName> = new Set([
  'coop.resign',
  'coop.stay',
  'coop.accept_membership',
  'coop.withdraw_application',
  'coop.update_profile',
  'coop.member_log',
])

/** The node is this one when none is named. */
export const aboutThisNode: ReadonlySet<MethodName> = new Set(['coop.host.accept', 'coop.host.leave', 'commons.keeper.leave'])

/** Filled in from what the node shows, after the person has been told. */
export const hashFromNode: ReadonlySet<MethodName> = new Set(['coop.accept_membership', 'coop.apply'])

const never = new Set(['limit', 'cursor', 'order', 'space', 'personhood'])

function typeOf(name: string, schema: JsonSchema): Field['type'] {
  if (schema.format === 'date-time') return 'time'
  if (schema.format === 'permille') return 'permille'
  if (name.endsWith('_ms')) return 'duration'
  if (schema.type === 'integer' || schema.type === 'number') return 'integer'
  if (schema.type === 'boolean') return 'boolean'
  if (schema.type === 'array') {
    if (schema.items?.type === 'string' || schema.items?.enum !== undefined || schema.items?.format !== undefined) return 'texts'
    return schema.items?.type === 'integer' ? 'integers' : 'document'
  }
  if (schema.type === 'object') return 'document'
  return 'text'
}

const kebab = (name: string): string => name.replaceAll('_', '-')

/** `until_at` is `--until`, `for_ms` is `--for`, `as_of_date` is `--as-of`. */
function flagOf(name: string, type: Field['type']): string {
  if (type === 'time') return kebab(name.replace(/_(at|date)$/, ''))
  return type === 'duration' ? kebab(name.replace(/_ms$/, '')) : kebab(name)
}

/** `--role` beside `--roles`: one at a time is how people type them. */
function aliasesOf(method: MethodName, name: string, flag: string, type: Field['type']): readonly string[] {
  const singular = type === 'texts' && flag.endsWith('s') ? [flag.slice(0, -1)] : []
  return [...new Set([...(flag === kebab(name) ? [] : [kebab(name)]), ...singular, ...(otherNames[method]?.[name] ?? [])])]
}

export function fieldsOf(method: MethodName): readonly Field[] {
  const row = rowOf(method)
  const schema = z.toJSONSchema(row.input, { io: 'input', unrepresentable: 'any' }) as JsonSchema
  const properties = schema.properties ?? {}
  const inPath = pathFields(row.rest)
  const names = [...inPath, ...Object.keys(properties).filter((name) => !inPath.includes(name))]
  return names
    .filter((name) => !(hidden[method] ?? []).includes(name))
    .map((name): Field => {
      const property = properties[name] as JsonSchema
      const type = typeOf(name, property)
      const flag = flagOf(name, type)
      const choices = (property.enum ?? property.items?.enum)?.filter((value) => typeof value === 'string')
      const isGiven = (aboutOneself.has(method) || aboutThisNode.has(method)) && name === 'did'
      const isFound = hashFromNode.has(method) && name === 'charter_hash'
      return {
        name,
        flag,
        aliases: aliasesOf(method, name, flag, type),
        type,
        required: (schema.required ?? []).includes(name) && !isGiven && !isFound,
        ...(property.default === undefined ? {} : { default: property.default }),
        ...(choices === undefined || choices.length === 0 ? {} : { choices }),
        says: property.description ?? '',
      }
    })
}

function positionalsOf(method: MethodName, fields: readonly Field[]): readonly Field[] {
  const also = alsoPositional[method] ?? []
  const isOfSpaces = method.startsWith('space.') || method === 'snapshot.create' || method.startsWith('snapshot.schedule.')
  return fields.filter(({ name, required, type }) => (required || also.includes(name)) && (!never.has(name) || (name === 'space' && isOfSpaces)) && type !== 'boolean')
}

export function specOf(method: MethodName): CommandSpec {
  const row = rowOf(method)
  const fields = fieldsOf(method)
  return { method, row, path: (row.cli ?? '').split(' '), fields, positionals: positionalsOf(method, fields) }
}

/** Every row that has a command, in the order of the table. */
export const commandMethods: readonly MethodName[] = methodNames.filter((method) => rowOf(method).cli !== undefined)
