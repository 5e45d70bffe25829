import { labelOf, stateText } from '../texts/labels.ts'
import type { Texts } from '../texts/index.ts'
import { renderPairs, renderTable } from './table.ts'
import { isId, shortId, timeOf } from './text.ts'

/** Resources as lines and tables. */
export interface Showing {
  readonly texts: Texts
  readonly now: number
  readonly wide: boolean
  /** A person or node by DID, where a name is known. */
  nameOf(did: string): string | undefined
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const isRows = (value: unknown): value is readonly Record<string, unknown>[] => Array.isArray(value) && value.length > 0 && value.every(isRecord)

const stateFields = new Set(['status', 'state', 'outcome', 'standing', 'grantee_kind', 'purpose', 'sync', 'status_before', 'member_status'])

/** One value in one line. `full`: ids are not shortened. */
export function cell(showing: Showing, name: string, value: unknown, full = showing.wide): string {
  const { texts } = showing
  if (value === null || value === undefined || value === '') return '–'
  if (typeof value === 'boolean') return texts.say(value ? 'yes' : 'no')
  if (typeof value === 'number') return name.endsWith('_at') && value > 1e11 ? timeOf(new Date(value).toISOString(), showing.now, texts.language) : String(value)
  if (typeof value === 'string') return textCell(showing, name, value, full)
  if (Array.isArray(value)) return arrayCell(showing, name, value, full)
  return recordCell(showing, name, value as Record<string, unknown>, full)
}

function textCell(showing: Showing, name: string, value: string, full: boolean): string {
  const { texts, now } = showing
  if (name.endsWith('_at') || (name === 'at' && /^\d{4}-/.test(value)) || name === 'now' || name === 'as_of') return timeOf(value, now, texts.language)
  if (stateFields.has(name)) return stateText(value, texts.language, name)
  if (value.startsWith('did:icn:')) {
    const known = showing.nameOf(value)
    if (full) return known === undefined || name === 'did' ? value : `${known} (${value})`
    return known !== undefined && name !== 'did' ? known : shortId(value)
  }
  return full || !isId(value) ? value : shortId(value)
}

function arrayCell(showing: Showing, name: string, value: readonly unknown[], full: boolean): string {
  if (value.length === 0) return '–'
  // A clock: milliseconds and a counter.
  if ((name === 'at' || name === 'cut') && value.length === 2 && value.every((part) => typeof part === 'number'))
    return timeOf(new Date(value[0] as number).toISOString(), showing.now, showing.texts.language)
  const shown = full ? value : value.slice(0, itemsInCell)
  const more = value.length - shown.length
  return `${shown.map((one) => cell(showing, name, one, full)).join(', ')}${more === 0 ? '' : `, … +${more}`}`
}

/** A cell of a table holds so many parts of a list; the whole stands in the resource itself. */
const itemsInCell = 4

function recordCell(showing: Showing, name: string, value: Record<string, unknown>, full: boolean): string {
  if (name === 'changes' && 'field' in value) {
    const field = String(value['field'])
    return `${labelOf(field, showing.texts.language)}: ${cell(showing, field, value['before'], full)} → ${cell(showing, field, value['after'], full)}`
  }
  if (name === 'progress') return `${String(value['done'])} / ${String(value['total'])} ${String(value['unit'])}`.trim()
  if (name === 'have_need' || ('have' in value && 'need' in value)) return `${String(value['have'])} / ${String(value['need'])}`
  if (typeof value['says'] === 'string') return value['says']
  const main = ['name', 'label', 'space', 'did', 'id'].find((key) => typeof value[key] === 'string')
  // A person inside a line is shown by name, like an author.
  if (main !== undefined)
    return (
      cell(showing, main === 'did' ? 'by' : main, value[main], full) +
      (main === 'space' && typeof value['state'] === 'string' ? ` ${stateText(value['state'], showing.texts.language, 'state')}` : '') +
      (main === 'space' && typeof value['since_at'] === 'string' ? ` (${timeOf(value['since_at'], showing.now, showing.texts.language)})` : '')
    )
  return Object.entries(value)
    .map(([key, inner]) => `${labelOf(key, showing.texts.language).toLowerCase()} ${cell(showing, key, inner, full)}`)
    .join(', ')
}

const at = (item: Readonly<Record<string, unknown>>, path: string): unknown => path.split('.').reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), item)

/** A list as a table of the given fields; columns in which nothing stands are left out. */
export function showRows(showing: Showing, fields: readonly string[], items: readonly Readonly<Record<string, unknown>>[], memberStatus = false): string {
  const used = fields.filter((path) => items.some((item) => at(item, path) !== undefined && at(item, path) !== null))
  const last = (path: string): string => path.split('.').at(-1) as string
  const columns = used.map((path) => ({ head: labelOf(last(path), showing.texts.language), right: items.every((item) => typeof at(item, path) === 'number') }))
  const rows = items.map((item) => used.map((path) => cell(showing, memberStatus && path === 'status' ? 'member_status' : last(path), at(item, path))))
  return renderTable(columns, rows)
}

/** A resource as lines, its lists as tables below. Ids stand in full: here they are copied from. */
export function showResource(showing: Showing, value: unknown, skip: ReadonlySet<string> = new Set()): string {
  if (!isRecord(value)) return cell(showing, '', value, true)
  const { language } = showing.texts
  const pairs: [string, string][] = []
  const tables: string[] = []
  for (const [name, inner] of Object.entries(value)) {
    if (skip.has(name) || inner === null || inner === undefined) continue
    if (isRows(inner)) tables.push(`${labelOf(name, language)}:\n${indent(showRows(showing, namesOf(inner), inner))}`)
    else if (isRecord(inner) && Object.values(inner).some((one) => typeof one === 'object' && one !== null))
      tables.push(`${labelOf(name, language)}:\n${indent(showResource(showing, inner))}`)
    else if (isRecord(inner) && Object.keys(inner).length > 3) tables.push(`${labelOf(name, language)}:\n${indent(showResource(showing, inner))}`)
    else pairs.push([labelOf(name, language), cell(showing, name, inner, true)])
  }
  return [renderPairs(pairs), ...tables].filter((part) => part !== '').join('\n')
}

const namesOf = (rows: readonly Record<string, unknown>[]): readonly string[] => [...new Set(rows.flatMap((row) => Object.keys(row)))]

export const indent = (text: string): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? '' : `  ${line}`))
    .join('\n')

/** RFC 4180: every column a field of the items that is not an object. */
export function csvOf(items: readonly Readonly<Record<string, unknown>>[], fields: readonly string[]): string {
  const quote = (value: unknown): string => {
    const text =
      value === null || value === undefined
        ? ''
        : Array.isArray(value)
          ? value.map((one) => (typeof one === 'object' ? JSON.stringify(one) : String(one))).join(' ')
          : typeof value === 'object'
            ? JSON.stringify(value)
            : String(value)
    // A cell that a spreadsheet would run as a formula is made text.
    const safe = /^[=+@\t\r]|^-[^\d]/.test(text) ? `'${text}` : text
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
  }
  return [fields.join(','), ...items.map((item) => fields.map((name) => quote(item[name])).join(','))].map((line) => `${line}\r\n`).join('')
}
