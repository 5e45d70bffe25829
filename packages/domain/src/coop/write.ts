import type { Did, OperationId, Tables } from '@icn/protocol'
import { encodeTrusted, equalBytes } from '@icn/protocol'
import { officesOf } from '../charter/index.ts'
import type { ActContext } from '../identity/index.ts'
import { charterRules, countOf, effectiveMember } from './state.ts'
import type { DeedRow, LogRow, MemberRow } from './tables.ts'
import { counts, deeds, due, log, members, numbers, officers, standingStatuses } from './tables.ts'

/** What the checks and the `apply` of a change know: the operation, its body, who proposed it, and everyone who stands for it. */
export type Case<Body = unknown> = ActContext<Body>

/** Days that nobody sets. Larger: unanswered invitations pile up; smaller: people on holiday miss theirs. */
export const directedInviteDays = 14

export function addCount(tables: Tables, name: string, by: number): void {
  if (by !== 0) tables.put(counts, [name], countOf(tables, name) + by)
}

function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (a === undefined || b === undefined) return false
  return equalBytes(encodeTrusted(a), encodeTrusted(b))
}

/** Times at which the sweeper has to look at a member. */
export function dueOfMember(row: MemberRow): readonly (readonly [at: number, kind: string, ref: string])[] {
  const found: [number, string, string][] = []
  const add = (at: number | undefined, kind: string): void => void (at !== undefined && found.push([at, kind, row.did]))
  if (row.status === 'applied') add(row.deadline_at, 'application')
  if (row.status === 'invited') add(row.deadline_at, 'invite')
  if (row.status === 'provisional') add(row.deadline_at, 'probation')
  if (row.status === 'suspended') add(row.suspended_until_at, 'suspension')
  if (standingStatuses.has(row.status)) add(row.leaving_at, 'notice')
  add(row.removal?.due_at, 'removal')
  return found
}

/** The difference of two member rows as the log keeps it; fields that are not there are left out. */
export function changesOf(before: MemberRow | undefined, after: MemberRow): LogRow['changes'] {
  const fields = new Set([...Object.keys(before ?? {}), ...Object.keys(after)])
  fields.delete('version')
  const found: { field: string; before?: unknown; after?: unknown }[] = []
  for (const field of [...fields].sort()) {
    const was = (before as Readonly<Record<string, unknown>> | undefined)?.[field]
    const is = (after as unknown as Readonly<Record<string, unknown>>)[field]
    if (same(was, is)) continue
    found.push({ field, ...(was === undefined ? {} : { before: was }), ...(is === undefined ? {} : { after: is }) })
  }
  return found
}

/** A second change of one row by one operation (a sweep) joins the first: one log row for each operation. */
function mergeChanges(first: LogRow['changes'], second: LogRow['changes']): LogRow['changes'] {
  const byField = new Map(first.map((change) => [change.field, change]))
  for (const change of second) {
    const earlier = byField.get(change.field)
    const merged =
      earlier === undefined ? change : { field: change.field, ...('before' in earlier ? { before: earlier.before } : {}), ...('after' in change ? { after: change.after } : {}) }
    if (same(merged.before, merged.after)) byField.delete(change.field)
    else byField.set(change.field, merged)
  }
  return [...byField.values()].sort((a, b) => (a.field < b.field ? -1 : 1))
}

/** The one way in which a member row changes: row, log, counts and due times move together. */
export function writeMember(tables: Tables, c: Case, next: Omit<MemberRow, 'version'>, reason?: string): MemberRow {
  const before = tables.get(members, [next.did])
  const after: MemberRow = { ...next, version: c.op.id }
  const changes = changesOf(before, after)
  if (changes.length === 0) return before ?? after
  tables.put(members, [next.did], after)

  const logKey = [next.did, c.op.at[0], c.op.id] as const
  const earlier = tables.get(log, logKey)
  const why = reason ?? earlier?.reason
  tables.put(log, logKey, {
    kind: c.op.kind,
    by: c.proposer,
    via: c.op.grant,
    changes: earlier === undefined ? changes : mergeChanges(earlier.changes, changes),
    ...(why === undefined ? {} : { reason: why }),
  })

  if (before?.status !== after.status) {
    if (before !== undefined) addCount(tables, `members.${before.status}`, -1)
    addCount(tables, `members.${after.status}`, 1)
  }
  const classOf = (row: MemberRow | undefined): string | undefined => (row !== undefined && standingStatuses.has(row.status) ? row.class : undefined)
  if (classOf(before) !== classOf(after)) {
    if (classOf(before) !== undefined) addCount(tables, `class.${classOf(before)}`, -1)
    if (classOf(after) !== undefined) addCount(tables, `class.${classOf(after)}`, 1)
  }
  const sponsorsOf = (row: MemberRow | undefined): readonly Did[] => (row?.status === 'applied' ? row.sponsors : [])
  for (const did of sponsorsOf(before)) if (!sponsorsOf(after).includes(did)) addCount(tables, `sponsored:${did}`, -1)
  for (const did of sponsorsOf(after)) if (!sponsorsOf(before).includes(did)) addCount(tables, `sponsored:${did}`, 1)

  const dueBefore = before === undefined ? [] : dueOfMember(before)
  const dueAfter = dueOfMember(after)
  const has = (list: typeof dueAfter, item: (typeof dueAfter)[number]): boolean => list.some((other) => other[0] === item[0] && other[1] === item[1])
  for (const item of dueBefore) if (!has(dueAfter, item)) tables.delete(due, item)
  for (const item of dueAfter) if (!has(dueBefore, item)) tables.put(due, item, {})
  return after
}

/** The row as it counts now; what a write starts from. */
export function currentMember(tables: Tables, did: Did, at: number): MemberRow | undefined {
  const row = tables.get(members, [did])
  return row === undefined ? undefined : effectiveMember(row, at)
}

/** The next free number; a number given once is never given again. */
export function nextNumber(tables: Tables): number {
  let next = Math.max(countOf(tables, 'numbers.next'), 1)
  while (tables.get(numbers, [next]) !== undefined) next++
  tables.put(counts, ['numbers.next'], next + 1)
  return next
}

export const builtinRoles: ReadonlySet<string> = new Set(['member', 'observer'])

export function termKey(role: string, did: Did): string {
  return `${role} ${did}`
}

export interface OfficeChange {
  readonly did: Did
  readonly roles: readonly string[]
  readonly until_at?: number
  readonly given_by: OperationId | null
}

/** Brings the officers' rows in line with a person's roles. Offices held before keep their term unless a new one is named. */
export function setOffices(tables: Tables, c: Case, change: OfficeChange, before: readonly string[]): void {
  const at = c.op.at[0]
  const rules = charterRules(tables)
  const terms = new Map((rules === undefined ? [] : officesOf(rules)).map((office) => [office.id, office.term_days]))
  for (const role of before) {
    if (builtinRoles.has(role) || change.roles.includes(role)) continue
    const row = tables.get(officers, [role, change.did])
    if (row === undefined) continue
    if (row.until_at !== undefined) tables.delete(due, [row.until_at, 'term', termKey(role, change.did)])
    tables.delete(officers, [role, change.did])
    addCount(tables, 'officers', -1)
    addCount(tables, `officers.${role}`, -1)
  }
  for (const role of change.roles) {
    if (builtinRoles.has(role)) continue
    const row = tables.get(officers, [role, change.did])
    if (row !== undefined && change.until_at === undefined) continue
    const days = terms.get(role) ?? 0
    const until = change.until_at ?? (days > 0 ? at + days * 86_400_000 : undefined)
    if (row?.until_at !== undefined) tables.delete(due, [row.until_at, 'term', termKey(role, change.did)])
    if (row === undefined) {
      addCount(tables, 'officers', 1)
      addCount(tables, `officers.${role}`, 1)
    }
    tables.put(officers, [role, change.did], {
      since_at: row?.since_at ?? at,
      ...(until === undefined ? {} : { until_at: until }),
      given_by: row?.given_by ?? change.given_by,
      by: row?.by ?? c.proposer,
      ...(row?.review === undefined ? {} : { review: row.review }),
    })
    if (until !== undefined) tables.put(due, [until, 'term', termKey(role, change.did)], {})
  }
}

/** Notes what gave or took authority for everyone who stands for it, so that a later removal can look at it again. */
export function noteDeed(tables: Tables, c: Case, deed: Omit<DeedRow, 'at'>): void {
  for (const did of new Set(c.persons)) tables.put(deeds, [did, c.op.at[0], c.op.id], { ...deed, at: [c.op.at[0], c.op.at[1]] })
}

export interface Ending {
  readonly status: 'resigned' | 'removed' | 'banned' | 'declined'
  readonly code?: string
  readonly reason?: string
}

/** A person leaves the register's living part: offices end, the row stays with its dates. */
export function endMember(tables: Tables, c: Case, row: MemberRow, ending: Ending): MemberRow {
  setOffices(tables, c, { did: row.did, roles: [], given_by: null }, row.roles)
  const {
    status_before,
    suspended_at: _s,
    suspended_until_at: _u,
    leaving_at: _l,
    deadline_at: _d,
    removal: _r,
    review: _w,
    end_code: _c,
    end_reason: _e,
    version: _v,
    ...kept
  } = row
  const was = row.status === 'suspended' ? (status_before ?? 'active') : row.status
  return writeMember(
    tables,
    c,
    {
      ...kept,
      status: ending.status,
      // For a review that gives it back.
      ...(standingStatuses.has(was) ? { status_before: was } : {}),
      roles: [],
      ended_at: c.op.at[0],
      ...(ending.code === undefined ? {} : { end_code: ending.code }),
      ...(ending.reason === undefined ? {} : { end_reason: ending.reason }),
    },
    ending.reason,
  )
}
