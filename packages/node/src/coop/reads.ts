import type { DirectoryRow, TemplateId } from '@icn/domain'
import { calendarTable, charterTemplates, conflicts, coopRow, coopStats, directory, lint, readSettings, reviews, templateIds } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import type { CharterDocument, CharterHash, CoopId, CoopStatus, CoopView, Facts, InputOf, OperationsTable, SpaceId } from '@icn/protocol'
import { charterHashOf, codeText, commonsSpace, timeText } from '@icn/protocol'
import type { Call, Handlers, ListAnswer, ListCall } from '../calls/call.ts'
import { refuse } from '../calls/refusal.ts'
import { languageOf } from '../calls/render.ts'
import { coopIdOf, factsOf, pageOfRows, readerOf, visibleFacts } from './common.ts'
import type { CoopParts } from './parts.ts'
import { charterTag, charterView, conflictView, coopTag, coopView, isInsider, isVisible, reviewView, settingViews, tagOf } from './views.ts'

/** Looking at cooperatives: who they are, their charter, settings, totals. */

const templateNames: Readonly<Record<TemplateId, readonly [name: string, says: string]>> = {
  worker: ['Worker cooperative', 'Two admit with a sponsor, three months of trial, one member one vote.'],
  consumer: ['Consumer cooperative', 'A steward admits, no trial, decisions with a low quorum.'],
  housing: ['Housing cooperative', 'Two admit with a sponsor, two stewards, long notice.'],
  platform: ['Platform cooperative', 'Users, workers and producers under one roof.'],
  community: ['Community', 'Open to everybody, nothing to wait for.'],
  federation: ['Federation', 'Cooperatives as members, admitted by a vote.'],
}

/** Changes between two plain documents, one line for each value that differs. */
export function diffDocuments(before: unknown, after: unknown, pointer = ''): { pointer: string; before: unknown; after: unknown }[] {
  if (before === after || JSON.stringify(before) === JSON.stringify(after)) return []
  const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
  if (!isMap(before) || !isMap(after) || Array.isArray(before) !== Array.isArray(after)) return [{ pointer, before: before ?? null, after: after ?? null }]
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return keys.flatMap((key) => diffDocuments(before[key], after[key], `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`))
}

function coopSpaces(journal: JournalApi): { readonly space: SpaceId; readonly facts: Facts }[] {
  return journal
    .spaces()
    .filter((info) => info.space.startsWith('coop:'))
    .flatMap(({ space }) => {
      const facts = journal.read(space)
      return facts === undefined ? [] : [{ space, facts }]
    })
    .sort((a, b) => (a.space < b.space ? -1 : 1))
}

/** Money figures come with the ledger; public ones are only for coops large enough that nobody can be guessed. */
function statsOf(call: Call, parts: CoopParts) {
  const facts = factsOf(call)
  const stats = coopStats(facts)
  const reader = readerOf(call)
  if (stats === undefined || !isVisible(facts, reader)) throw refuse('NOT_FOUND')
  if (!isInsider(reader) && readSettings(facts)['public_stats'] !== true) throw refuse('NOT_FOUND')
  const { created_at, currency, ...rest } = stats
  const coop = coopRow(facts)
  if (coop === undefined) throw refuse('NOT_FOUND')
  return {
    ...rest,
    coop_id: coop.coop_id,
    type: coop.type,
    status: coop.status as CoopStatus,
    total_hours_exchanged: null,
    currency: currency === '' ? null : currency,
    transaction_count: null,
    avg_transaction_size: null,
    created_at: timeText(created_at),
    as_of: timeText(parts.now()),
  }
}

/** What the network's directory says, wherever those coops are held; an id that is only kept is no coop yet. */
function listDirectory(call: ListCall<InputOf<OperationsTable['coop.list']>>, journal: JournalApi): ListAnswer<CoopView> {
  const { type, status } = call.input
  const { after, reverse, limit } = call.page
  const rows = journal.read(commonsSpace)?.scan(directory, { reverse, ...(typeof after === 'string' ? { after: [after] as const } : {}) }) ?? []
  const item = ([[coop_id], row]: readonly [readonly [string], DirectoryRow]): CoopView | undefined => {
    if (row.status === 'reserved' || row.charter_hash === undefined) return undefined
    if ((type !== undefined && row.type !== type) || (status !== undefined && row.status !== status)) return undefined
    return { coop_id: coop_id as CoopId, name: row.name, type: row.type, status: row.status, charter_hash: row.charter_hash, genesis: row.genesis }
  }
  return pageOfRows(rows, limit, item, ([[coopId]]) => coopId)
}

type ReadMethods = 'coop.list' | 'coop.get' | 'coop.settings' | 'coop.stats' | 'coop.calendar.get' | 'coop.review.list' | 'coop.conflict.list' | 'coop.charter.get' | 'coop.delete'

export function readHandlers(parts: CoopParts): Handlers<ReadMethods> {
  return {
    'coop.list': (call, journal) => {
      const { scope = 'hosted', type, status } = call.input
      if (scope === 'directory') return listDirectory(call, journal)
      const { did } = call.caller
      const after = typeof call.page.after === 'string' ? call.page.after : undefined
      const rows = coopSpaces(journal)
      const ordered = call.page.reverse ? rows.reverse() : rows
      const shown = ordered.filter(({ space }) => after === undefined || (call.page.reverse ? space < after : space > after))
      const item = ({ space, facts }: { readonly space: SpaceId; readonly facts: Facts }) => {
        const reader = { did, rights: did === undefined ? new Set<string>() : parts.rights(did, space) }
        const coop = coopRow(facts)
        if (coop === undefined || (type !== undefined && coop.type !== type) || (status !== undefined && coop.status !== status)) return undefined
        if (scope === 'mine' ? !isInsider(reader) : !isVisible(facts, reader) && !(scope === 'hosted' && call.caller.operator)) return undefined
        return coopView(facts, reader, parts.now())
      }
      return pageOfRows(shown, call.page.limit, item, ({ space }) => space)
    },
    'coop.get': (call) => {
      const facts = visibleFacts(call)
      const value = coopView(facts, readerOf(call), parts.now())
      return { value, etag: isInsider(readerOf(call)) ? coopTag(facts) : tagOf(value) }
    },
    'coop.settings': (call) => {
      const facts = factsOf(call)
      return { value: { settings: settingViews(facts) }, etag: coopTag(facts) }
    },
    'coop.stats': (call) => ({ value: statsOf(call, parts) }),
    'coop.calendar.get': (call) => {
      const row = factsOf(call).get(calendarTable, [])
      if (row === undefined) throw refuse('NOT_FOUND')
      return { value: { time_zone: row.time_zone, offsets: row.offsets.map(([from, minutes]): [number, number] => [from, minutes]) }, etag: tagOf(row) }
    },
    'coop.review.list': (call) => {
      const { after } = call.page
      const from = typeof after === 'string' ? { after: [after] } : {}
      const rows = factsOf(call).scan(reviews, { reverse: call.page.reverse, ...from })
      return pageOfRows(
        rows,
        call.page.limit,
        ([[ref], row]) => (call.input.state === undefined || row.state === call.input.state ? reviewView(ref, row) : undefined),
        ([[ref]]) => ref,
      )
    },
    'coop.conflict.list': (call) => {
      const { after } = call.page
      const from = Array.isArray(after) ? { after: after as string[] } : {}
      const rows = factsOf(call).scan(conflicts, { reverse: call.page.reverse, ...from })
      return pageOfRows(
        rows,
        call.page.limit,
        ([[ref, field], row]) => (call.input.state === undefined || row.state === call.input.state ? conflictView(ref, field, row) : undefined),
        ([[ref, field]]) => [ref, field],
      )
    },
    'coop.charter.get': (call) => {
      const facts = factsOf(call)
      return { value: charterView(facts), etag: charterTag(facts) }
    },
    'coop.delete': (call) => {
      factsOf(call)
      throw refuse('USE_DISSOLUTION', { coop_id: coopIdOf(factsOf(call)) })
    },
  }
}

/** Charters as texts, without a coop. */
export function charterHandlers(): Handlers<'charter.templates' | 'charter.lint' | 'charter.diff'> {
  return {
    'charter.templates': (call) => {
      const after = typeof call.page.after === 'string' ? call.page.after : undefined
      const ids = (call.page.reverse ? [...templateIds].reverse() : [...templateIds]).filter((_, index, all) => after === undefined || index > all.indexOf(after as TemplateId))
      const item = (id: TemplateId) => {
        const { types, ...charter } = charterTemplates[id]
        const [name, says] = templateNames[id]
        return call.input.type === undefined || types.includes(call.input.type) ? { id, version: 1, name, says, types: [...types], charter: { ...charter } } : undefined
      }
      return pageOfRows(ids, call.page.limit, item, (id) => id)
    },
    'charter.lint': (call) => {
      const document: CharterDocument = call.input.charter
      const findings = lint(document).map((finding) => ({ ...finding, text: codeText(finding.code, { pointer: finding.pointer }, languageOf(call.caller.lang)) }))
      return { value: { ok: !findings.some((finding) => finding.severity === 'error'), hash: hashOf(document), findings } }
    },
    'charter.diff': (call) => ({ value: { changes: diffDocuments(call.input.before, call.input.after).slice(0, 500) } }),
  }
}

/** Null for a text that has no canonical bytes, such as one with fractions. */
function hashOf(document: CharterDocument): CharterHash | null {
  try {
    return charterHashOf(document)
  } catch {
    return null
  }
}
