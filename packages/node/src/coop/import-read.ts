import { charterRules, entries, foldName, members, numbers } from '@icn/domain'
import type { Did, Facts } from '@icn/protocol'
import { isDid, nameText } from '@icn/protocol'
import type { CsvTable } from './csv.ts'
import { unitOf } from './views.ts'

/** What a register in a file means beside the one that is there. Reads only; nothing here ends anybody. */

export const importRowsMax = 5_000

const columns = {
  name: ['name', 'nombre'],
  number: ['number', 'no', 'nr', 'numero', 'número', 'n.º'],
  joined_at: ['joined_at', 'joined', 'since', 'alta', 'fecha_alta', 'fecha de alta', 'desde'],
  role: ['role', 'roles', 'funcion', 'función', 'rol'],
  class: ['class', 'clase'],
  tier: ['tier', 'nivel'],
  shares: ['shares', 'participaciones'],
  capital: ['capital'],
  did: ['did'],
  email: ['email', 'e-mail', 'correo'],
} as const
export type ImportColumn = keyof typeof columns

export type ImportOutcome = 'new' | 'same' | 'changes' | 'conflict' | 'error'

export interface ImportProblem {
  readonly row: number
  readonly column: string
  /** Key of a text; the problem's kind. */
  readonly code: string
}

/** A line ready to become an entry. */
export interface ImportEntry {
  readonly number: number
  readonly name: string
  readonly joined_at: number
  readonly roles: readonly string[]
  readonly class?: string
  readonly tier?: string
  readonly shares: number
  readonly capital: string
  readonly row: number
}

export interface ImportReading {
  readonly lines: readonly {
    readonly row: number
    readonly outcome: ImportOutcome
    readonly number: number | null
    readonly name: string
    readonly joined_at: number | null
    readonly entry?: ImportEntry
  }[]
  readonly problems: readonly ImportProblem[]
  readonly absent: readonly { readonly number: number; readonly name: string }[]
}

/** Which column of the file is which; unknown headers are named. */
export function mapHeader(header: readonly string[]): { readonly at: ReadonlyMap<ImportColumn, number>; readonly problems: readonly ImportProblem[] } {
  const at = new Map<ImportColumn, number>()
  const problems: ImportProblem[] = []
  for (const [index, title] of header.entries()) {
    const plain = title.toLowerCase().trim()
    const found = (Object.keys(columns) as ImportColumn[]).find((column) => (columns[column] as readonly string[]).includes(plain))
    if (found === undefined || at.has(found)) problems.push({ row: 0, column: title, code: found === undefined ? 'IMPORT_COLUMN_UNKNOWN' : 'IMPORT_COLUMN_TWICE' })
    else at.set(found, index)
  }
  if (!at.has('name')) problems.push({ row: 0, column: 'name', code: 'IMPORT_COLUMN_MISSING' })
  return { at, problems }
}

/** A day as 2020-01-31, 31.01.2020 or 31/01/2020, at midnight UTC. */
export function readDay(text: string): number | undefined {
  const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:T.*)?$/.exec(text)
  const european = /^(\d{1,2})[./](\d{1,2})[./](\d{4})$/.exec(text)
  const parts = iso !== null ? [iso[1], iso[2], iso[3]] : european !== null ? [european[3], european[2], european[1]] : undefined
  if (parts === undefined) return undefined
  const [year, month, day] = parts.map(Number) as [number, number, number]
  const at = Date.UTC(year, month - 1, day)
  const date = new Date(at)
  return date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day && at >= 0 ? at : undefined
}

/** `12`, `12.50` or `12,50` as whole minor units. */
export function readAmount(text: string, decimals: number): string | undefined {
  const match = /^(\d{1,12})(?:[.,](\d{1,6}))?$/.exec(text)
  if (match === null) return undefined
  const fraction = match[2] ?? ''
  if (fraction.length > decimals && /[1-9]/.test(fraction.slice(decimals))) return undefined
  return String(BigInt(match[1] ?? '0') * 10n ** BigInt(decimals) + BigInt(fraction.slice(0, decimals).padEnd(decimals, '0') || '0'))
}

const wholeNumber = (text: string, max: number): number | undefined => (/^\d{1,9}$/.test(text) && Number(text) <= max ? Number(text) : undefined)

/** Reads cells of one line; what is wrong with them goes to `problem`. */
function readLine(cell: (column: ImportColumn) => string, facts: Facts, problem: (column: ImportColumn, code: string) => void, now: number) {
  const rules = charterRules(facts)
  const name = cell('name').normalize('NFC')
  if (!nameText(1, 80).safeParse(name).success) problem('name', 'IMPORT_NAME')
  const number = cell('number') === '' ? null : (wholeNumber(cell('number'), 9_999_999) ?? 0)
  if (number === 0) problem('number', 'IMPORT_NUMBER')
  const joined = cell('joined_at') === '' ? now : readDay(cell('joined_at'))
  if (joined === undefined || joined > now) problem('joined_at', 'IMPORT_DATE')
  const entryClass = cell('class') === '' ? undefined : rules?.membership.classes.find((row) => row.id === cell('class') || foldName(row.name) === foldName(cell('class')))?.id
  if (cell('class') !== '' && entryClass === undefined) problem('class', 'CLASS_UNKNOWN')
  const tier = cell('tier') === '' ? undefined : rules?.membership.tiers.find((row) => row.id === cell('tier') || foldName(row.name) === foldName(cell('tier')))?.id
  if (cell('tier') !== '' && tier === undefined) problem('tier', 'TIER_UNKNOWN')
  const shares = cell('shares') === '' ? 0 : wholeNumber(cell('shares'), 1_000_000)
  if (shares === undefined) problem('shares', 'IMPORT_SHARES')
  const capital = cell('capital') === '' ? '0' : readAmount(cell('capital'), unitOf(facts)?.decimals ?? 2)
  if (capital === undefined) problem('capital', 'IMPORT_AMOUNT')
  const role = cell('role').toLowerCase()
  const roles = role === 'observer' || role === 'observador' || role === 'observadora' ? ['observer'] : ['member']
  const did = cell('did')
  if (did !== '' && !isDid(did)) problem('did', 'DID_INVALID')
  return { name, number, joined, entryClass, tier, shares: shares ?? 0, capital: capital ?? '0', roles, did: isDid(did) ? did : undefined, email: cell('email').toLowerCase() }
}

type ReadLine = ReturnType<typeof readLine>

interface Standing {
  readonly byNumber: ReadonlyMap<number, { readonly name: string; readonly did?: Did }>
  readonly byName: ReadonlyMap<string, number>
}

function standingOf(facts: Facts): Standing {
  const byNumber = new Map<number, { name: string; did?: Did }>()
  const byName = new Map<string, number>()
  for (const [[did], row] of facts.scan(members)) {
    if (row.number === 0 || row.status === 'declined') continue
    byNumber.set(row.number, { name: row.name, did })
    byName.set(foldName(row.name), row.number)
  }
  for (const [[number], row] of facts.scan(entries)) {
    if (row.removed !== undefined || row.did !== undefined) continue
    byNumber.set(number, { name: row.name })
    byName.set(foldName(row.name), number)
  }
  return { byNumber, byName }
}

/** Same person and same values, other values, or somebody else's number. */
function compare(facts: Facts, line: ReadLine, standing: Standing): ImportOutcome {
  const member = line.did === undefined ? undefined : facts.get(members, [line.did])
  if (member !== undefined) return foldName(member.name) === foldName(line.name) && (line.number === null || member.number === line.number) ? 'same' : 'changes'
  const number = line.number ?? standing.byName.get(foldName(line.name))
  const holder = number === undefined ? undefined : standing.byNumber.get(number)
  // A number without a holder may still have been somebody's, and is theirs for ever.
  if (number === undefined || holder === undefined) return number !== undefined && facts.get(numbers, [number]) !== undefined ? 'conflict' : 'new'
  if (foldName(holder.name) !== foldName(line.name)) return 'conflict'
  const entry = facts.get(entries, [number])
  if (entry === undefined || entry.did !== undefined) return 'same'
  const equal = (line.entryClass === undefined || entry.class === line.entryClass) && entry.tier === line.tier && entry.shares === line.shares && entry.capital === line.capital
  return equal ? 'same' : 'changes'
}

/** What each line of the file would do. */
export function readImport(facts: Facts, table: CsvTable, now: number): ImportReading {
  const { at, problems: headerProblems } = mapHeader(table.header)
  const problems: ImportProblem[] = [...headerProblems]
  const standing = standingOf(facts)
  const seen = { number: new Map<number, number>(), did: new Map<string, number>(), email: new Map<string, number>(), name: new Map<string, number>() }
  const read = table.rows.slice(0, importRowsMax).map(({ cells }, index) => {
    const row = index + 1
    let wrong = false
    const problem = (column: string, code: string): void => {
      wrong = true
      problems.push({ row, column, code })
    }
    const line = readLine((column) => cells[at.get(column) ?? -1] ?? '', facts, problem, now)
    const twice = <K>(map: Map<K, number>, key: K, column: string, code: string): void => {
      if (map.has(key)) problem(column, code)
      else map.set(key, row)
    }
    if (line.number !== null && line.number > 0) twice(seen.number, line.number, 'number', 'IMPORT_NUMBER_TWICE')
    if (line.did !== undefined) twice(seen.did, line.did, 'did', 'IMPORT_DID_TWICE')
    if (line.email !== '') twice(seen.email, line.email, 'email', 'IMPORT_EMAIL_TWICE')
    if (line.name !== '') twice(seen.name, foldName(line.name), 'name', 'IMPORT_NAME_TWICE')
    return { row, line, wrong }
  })
  let next = 1
  const free = (): number => {
    while (standing.byNumber.has(next) || seen.number.has(next) || facts.get(numbers, [next]) !== undefined) next++
    return next++
  }
  const lines = read.map(({ row, line, wrong }) => {
    const outcome: ImportOutcome = wrong ? 'error' : compare(facts, line, standing)
    if (outcome === 'conflict') problems.push({ row, column: 'number', code: 'NUMBER_TAKEN' })
    if (outcome === 'changes') problems.push({ row, column: 'number', code: 'IMPORT_CHANGES' })
    const base = { row, outcome, number: line.number, name: line.name, joined_at: line.joined ?? null }
    if (outcome !== 'new') return base
    const number = line.number ?? free()
    const { entryClass, tier, shares, capital, roles, name } = line
    const entry: ImportEntry = {
      number,
      name,
      joined_at: line.joined ?? now,
      roles,
      ...(entryClass === undefined ? {} : { class: entryClass }),
      ...(tier === undefined ? {} : { tier }),
      shares,
      capital,
      row,
    }
    return { ...base, number, entry }
  })
  const named = new Set(lines.map((line) => foldName(line.name)))
  const absent = [...standing.byNumber]
    .filter(([number, holder]) => !named.has(foldName(holder.name)) && !seen.number.has(number))
    .map(([number, holder]) => ({ number, name: holder.name }))
  // In the order of the file, as it is gone through with a pencil.
  return { lines, problems: problems.sort((a, b) => a.row - b.row), absent }
}
