import { commonsRules, coopRow, coopRules } from '@icn/domain'
import type { JournalApi, PlacedOperation } from '@icn/journal'
import type { Clock, Did, FinalityView, Language, OperationId, SpaceId, SpaceView } from '@icn/protocol'
import { timeText, toBase64Url } from '@icn/protocol'
import type { Call, Handlers, Standing } from '../calls/call.ts'
import { callerDid, defineHandlers } from '../calls/call.ts'
import { refuse } from '../calls/refusal.ts'
import { decisionJson, languageOf } from '../calls/render.ts'
import { type QuarantineMethods, quarantineHandlers } from './quarantine.ts'
import { operationDetail, operationItem, placeOf } from './views.ts'

export interface SpaceDoorParts {
  readonly journal: JournalApi
  readonly standing: Standing
  now(): number
  sync(space: SpaceId): string
  finality(space: SpaceId, language: Language): FinalityView | null
}

type LogMethods = 'space.list' | 'space.get' | 'operation.list' | 'operation.get' | 'decision.get' | 'decision.list'
export type SpaceMethods = LogMethods | QuarantineMethods

/** Spaces, their audit log, decisions and the quarantine: rows that belong to the engine (doors page §14). */
export function spaceHandlers(parts: SpaceDoorParts): Handlers<SpaceMethods> {
  return { ...logHandlers(parts), ...quarantineHandlers(parts) }
}

function logHandlers(parts: SpaceDoorParts): Handlers<LogMethods> {
  const { journal } = parts
  return defineHandlers<LogMethods>({
    'space.list': (call) => {
      const mine = journal
        .spaces()
        .map(({ space }) => space)
        .filter((space) => call.caller.operator || parts.standing.rights(callerDid(call), space).size > 0)
        .sort()
      const ordered = call.page.reverse ? mine.reverse() : mine
      const from = call.page.after === null ? 0 : ordered.indexOf(call.page.after as SpaceId) + 1
      const names = ordered.slice(from, from + call.page.limit)
      return { items: names.map((space) => spaceView(parts, space, call.caller.lang)), next: from + names.length < ordered.length ? (names.at(-1) ?? null) : null }
    },
    'space.get': (call) => {
      if (journal.info(call.input.space) === undefined) throw refuse('NOT_FOUND')
      return { value: spaceView(parts, call.input.space, call.caller.lang) }
    },
    'operation.list': (call) => {
      const { space, author, kind, status, subject, since_at, until_at } = call.input
      if (journal.info(space) === undefined) throw refuse('NOT_FOUND')
      const after = call.page.after as { readonly at: Clock; readonly id: OperationId } | null
      const found = journal.operations(space, {
        ...(author === undefined ? {} : { author }),
        ...(kind === undefined ? {} : { kind }),
        ...(status === undefined ? {} : { status }),
        ...(subject === undefined ? {} : { subject }),
        ...(since_at === undefined ? {} : { since: Date.parse(since_at) }),
        ...(until_at === undefined ? {} : { until: Date.parse(until_at) - 1 }),
        ...(after === null ? {} : { after }),
        reverse: call.page.reverse,
        limit: call.page.limit + 1,
      })
      const items = found.slice(0, call.page.limit)
      return { items: items.map(operationItem), next: found.length > items.length ? placeOf(items.at(-1)) : null }
    },
    'operation.get': (call) => {
      const placed = visibleOperation(parts, call, call.input.operation_id)
      return { value: operationDetail(placed, call.caller.lang, true) }
    },
    'decision.get': (call) => {
      const record = journal.decision(call.input.id)
      if (record === undefined) throw refuse('DECISION_RECORD_UNKNOWN')
      const did = callerDid(call)
      const rights = parts.standing.rights(did, record.space)
      // A stranger cannot tell a record of somebody else from none.
      if (record.author !== did && rights.size === 0) throw refuse('DECISION_RECORD_UNKNOWN')
      return { value: decisionJson(record, call.caller.lang, { did, maySee: rights.has('steward') || rights.has('member') }) }
    },
    'decision.list': (call) => {
      const did = callerDid(call)
      const author = call.input.author ?? did
      if (author !== did && !call.caller.operator) throw refuse('NOT_FOUND')
      const all = journal.decisions({ author, limit: decisionsMax })
      const from = call.page.after === null ? 0 : all.findIndex(({ id }) => id === call.page.after) + 1
      const records = all.slice(from, from + call.page.limit)
      return {
        items: records.map((record) => decisionJson(record, call.caller.lang, { did, maySee: false })),
        next: from + records.length < all.length ? (records.at(-1)?.id ?? null) : null,
      }
    },
  })
}

/** Larger: a page walks a long log; smaller: an old refusal of one's own is out of reach. */
const decisionsMax = 1_000

function visibleOperation(parts: SpaceDoorParts, call: Call, id: OperationId): PlacedOperation {
  const placed = parts.journal.operation(id)
  const did = callerDid(call)
  const isInsider = (space: SpaceId): boolean => ['member', 'observer', 'founder', 'host'].some((word) => parts.standing.rights(did, space).has(word))
  const insider = placed !== undefined && isInsider(placed.space)
  const named = placed === undefined ? parts.journal.states.traceOf(id) : undefined
  if (named !== undefined && isInsider(named)) throw refuse('HISTORY_NOT_HERE', { space: named, from: parts.journal.states.floor(named)?.[0] ?? 0 })
  if (placed === undefined || !(insider || placed.operation.envelope.author === did || placed.operation.envelope.signer === did)) throw refuse('NOT_FOUND')
  return placed
}

function spaceView(parts: SpaceDoorParts, space: SpaceId, lang: string): SpaceView {
  const info = parts.journal.info(space)
  if (info === undefined) throw refuse('NOT_FOUND')
  const facts = parts.journal.read(space)
  const rules = space === 'commons' ? commonsRules : coopRules
  return {
    space,
    genesis: info.genesis,
    name: facts === undefined ? null : (coopRow(facts)?.name ?? null),
    rules: info.rules,
    head: info.head === null ? null : { id: info.head.id, at: [...info.head.at] },
    checkpoint:
      info.checkpoint === null ? null : { id: info.checkpoint.id, cut: [...info.checkpoint.cut], root: toBase64Url(info.checkpoint.root), operation: info.checkpoint.operation },
    operations: { ...info.operations },
    history_from: info.historyFrom === null ? null : timeText(info.historyFrom[0]),
    unfinal: info.unfinal,
    set_digest: toBase64Url(info.setDigest),
    sync: parts.sync(space),
    read_only: info.readOnly,
    hosts: facts === undefined ? [] : ([...rules.hosts(facts)] as Did[]),
    finality: parts.finality(space, languageOf(lang)),
    as_of: timeText(info.head?.at[0] ?? parts.now()),
  }
}
