import { listOfficers, memberAsOf, memberAt, memberLog, members, registerAsOf } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import type { Did, Facts, SpaceId } from '@icn/protocol'
import { spaceOfCoop, timeText } from '@icn/protocol'
import type { Call, DownloadAnswer, Handlers } from '../calls/call.ts'
import { callerDid } from '../calls/call.ts'
import { signedJson } from '../calls/json.ts'
import { refuse } from '../calls/refusal.ts'
import { coopIdOf, factsOf } from './common.ts'
import { csvLine } from './csv.ts'
import type { CoopParts } from './parts.ts'

/** Everything of a coop, or everything about oneself, to take along (coop page §10). */

const pageRows = 200

/** Signed operations in the order in which they are folded, one line each; an empty node that takes them in has the same state. */
function* operationLines(journal: JournalApi, space: SpaceId, author: Did | undefined): Iterable<string> {
  let after: Parameters<JournalApi['operations']>[1]['after']
  for (;;) {
    const page = journal.operations(space, { limit: pageRows, ...(author === undefined ? {} : { author }), ...(after === undefined ? {} : { after }) })
    for (const { operation, status } of page) yield `${JSON.stringify({ id: operation.id, status, operation: signedJson(operation) })}\n`
    const last = page.at(-1)
    if (last === undefined || page.length < pageRows) return
    after = { at: last.operation.envelope.at, id: last.operation.id }
  }
}

const day = (ms: number | undefined): string => (ms === undefined || ms === 0 ? '' : timeText(ms).slice(0, 10))

function* registerLines(facts: Facts, at: number, only: Did | undefined): Iterable<string> {
  yield csvLine(['number', 'name', 'joined_at', 'role', 'class', 'tier', 'shares', 'capital', 'did', 'status'])
  for (const line of registerAsOf(facts, at)) {
    if (only !== undefined && line.did !== only) continue
    yield csvLine([
      line.number === 0 ? '' : line.number,
      line.name,
      day(line.since_at),
      line.roles.join(' '),
      line.class,
      line.tier ?? '',
      line.shares,
      line.capital,
      line.did ?? '',
      line.status,
    ])
  }
}

function* logLines(facts: Facts, at: number, only: Did | undefined): Iterable<string> {
  yield csvLine(['at', 'did', 'name', 'kind', 'by', 'via', 'field', 'before', 'after', 'reason', 'operation'])
  const text = (value: unknown): string => (value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value))
  for (const [[did], row] of facts.scan(members)) {
    if (only !== undefined && did !== only) continue
    for (const line of memberLog(facts, did, { limit: Number.MAX_SAFE_INTEGER }).toReversed()) {
      if (line.at > at) continue
      for (const change of line.changes)
        yield csvLine([timeText(line.at), did, row.name, line.kind, line.by, line.via ?? '', change.field, text(change.before), text(change.after), line.reason ?? '', line.op])
    }
  }
}

function* officerLines(facts: Facts, at: number, only: Did | undefined): Iterable<string> {
  yield csvLine(['role', 'did', 'name', 'since_at', 'until_at'])
  for (const officer of listOfficers(facts)) {
    if (only !== undefined && officer.did !== only) continue
    // Who held an office at a past day is in the register of that day; this table says since when for those who hold it.
    const row = memberAsOf(facts, officer.did, at)
    if (row?.roles.includes(officer.role) === true)
      yield csvLine([officer.role, officer.did, memberAt(facts, officer.did, at)?.name ?? '', day(officer.since_at), day(officer.until_at)])
  }
}

function answer(
  call: Call<{ readonly what: 'operations' | 'register' | 'log' | 'officers'; readonly as_of_date?: string | undefined; readonly mine: boolean }>,
  journal: JournalApi,
  parts: CoopParts,
): DownloadAnswer {
  const facts = factsOf(call)
  const did = callerDid(call)
  const { what, as_of_date, mine } = call.input
  if (!mine && !call.rights.has('register.export')) throw refuse('POWER_MISSING', { power: 'register.export', roles: [] })
  if (mine && memberAt(facts, did, parts.now()) === undefined) throw refuse('NOT_FOUND')
  const only = mine ? did : undefined
  const at = as_of_date === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(as_of_date)
  const coopId = coopIdOf(facts)
  const name = `${coopId}-${mine ? 'mine-' : ''}${what}`
  if (what === 'operations') return { type: 'application/x-ndjson', name: `${name}.ndjson`, body: operationLines(journal, spaceOfCoop(coopId), only) }
  const lines = what === 'register' ? registerLines(facts, at, only) : what === 'log' ? logLines(facts, at, only) : officerLines(facts, at, only)
  return { type: 'text/csv', name: `${name}.csv`, body: lines }
}

export function exportHandlers(parts: CoopParts): Handlers<'coop.export'> {
  return { 'coop.export': (call, journal) => answer(call, journal, parts) }
}
