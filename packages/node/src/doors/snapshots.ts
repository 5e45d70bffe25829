import type { JournalApi } from '@icn/journal'
import {
  codeText,
  type Did,
  type Language,
  type OperationId,
  sayText,
  type ScheduleView,
  type SnapshotView,
  type SpaceId,
  timeText,
  toBase64Url,
  type Code,
  codes,
  secondMs,
  type VerifyView,
} from '@icn/protocol'
import { type Call, type Caller, callerDid, defineHandlers, type Handlers } from '../calls/call.ts'
import { refuse } from '../calls/refusal.ts'
import { languageOf } from '../calls/render.ts'
import { isEnd } from '../snapshot/attempt.ts'
import { beganAt, phaseOf, type SnapshotCoordinator, type SnapshotRecord } from '../snapshot/index.ts'
import { finalityOf, namesOf, witnessesMin } from '../snapshot/finality.ts'
import type { Rights } from './insider.ts'

export interface SnapshotDoorParts {
  readonly journal: JournalApi
  readonly rights: Rights
  /** Does this node make cuts by itself? */
  readonly auto: boolean
  snapshots(): SnapshotCoordinator
}

type Methods = 'snapshot.create' | 'snapshot.list' | 'snapshot.get' | 'snapshot.verify' | 'snapshot.schedule.get' | 'snapshot.schedule.set'

/** Whoever may read in a space may see how it became final. */
const readers = ['member', 'observer', 'founder', 'steward', 'keeper', 'host']

export function snapshotHandlers(parts: SnapshotDoorParts): Handlers<Methods> {
  const { journal, snapshots } = parts
  const genesisOf = (space: SpaceId): OperationId => {
    const info = journal.info(space)
    if (info === undefined) throw refuse('SPACE_UNKNOWN', { space })
    return info.genesis
  }
  const readable = (call: Call, id: string): SnapshotRecord => {
    const record = snapshots().records.get(id)
    if (record === undefined || !mayRead(parts, call, record.space)) throw refuse('SNAPSHOT_UNKNOWN')
    return record
  }
  return defineHandlers<Methods>({
    'snapshot.create': async (call) => {
      const { space, participants, lag_secs } = call.input
      genesisOf(space)
      const record = await snapshots().cutNow(space, { lagMs: lag_secs * secondMs, ...(participants === undefined ? {} : { participants }) })
      return {
        value: {
          outcome: record === undefined ? ('nothing_to_do' as const) : ('complete' as const),
          snapshot: record === undefined ? null : snapshotView(parts, record, call.caller),
        },
      }
    },
    'snapshot.list': (call) => {
      const { space, state } = call.input
      const spaces = journal.spaces().filter((one) => (space === undefined || one.space === space) && mayRead(parts, call, one.space))
      const all = spaces.flatMap(({ genesis }) => [...snapshots().records.list(genesis)]).filter((record) => state === undefined || phaseOf(record) === state)
      all.sort((a, b) => beganAt(b) - beganAt(a) || (a.id < b.id ? -1 : 1))
      const ordered = call.page.reverse ? all : all.reverse()
      const from = call.page.after === null ? 0 : ordered.findIndex(({ id }) => id === call.page.after) + 1
      const items = ordered.slice(from, from + call.page.limit)
      return { items: items.map((record) => snapshotView(parts, record, call.caller)), next: from + items.length < ordered.length ? (items.at(-1)?.id ?? null) : null }
    },
    'snapshot.get': (call) => ({ value: snapshotView(parts, readable(call, call.input.snapshot_id), call.caller) }),
    'snapshot.verify': async (call) => {
      const record = readable(call, call.input.snapshot_id)
      genesisOf(record.space)
      if (record.certified === null) throw refuse('SNAPSHOT_INCOMPLETE')
      const results = await snapshots().verify(record, call.input)
      const value: VerifyView = {
        snapshot_id: record.id,
        scope: call.input.scope,
        expected_root: toBase64Url(call.input.scope === 'record' ? record.certified.globalRoot : record.certified.root),
        results: results.map(({ verifier, valid, computed, method, at }) => ({
          verifier,
          valid,
          computed_root: computed === undefined ? null : toBase64Url(computed),
          method,
          checked_at: at === undefined ? null : timeText(at),
        })),
        valid: results.filter(({ valid }) => valid).length,
      }
      return { value }
    },
    'snapshot.schedule.get': (call) => {
      genesisOf(call.input.space)
      return { value: scheduleView(parts, call.input.space) }
    },
    'snapshot.schedule.set': (call) => {
      const { space, checkpoint_every_secs: every, paused_until: pause } = call.input
      snapshots().schedule.set(genesisOf(space), {
        ...(every === undefined ? {} : { every_ms: every * secondMs }),
        ...(pause === undefined ? {} : { paused_until: Date.parse(pause) }),
      })
      return { value: scheduleView(parts, space) }
    },
  })
}

function mayRead({ rights }: SnapshotDoorParts, call: Call, space: SpaceId): boolean {
  const { caller } = call
  if (caller.operator) return true
  if (caller.spaces !== undefined && !caller.spaces.includes(space)) return false
  const held = rights(callerDid(call), space)
  return readers.some((word) => held.has(word))
}

function scheduleView({ journal, snapshots, auto }: SnapshotDoorParts, space: SpaceId): ScheduleView {
  const genesis = journal.info(space)?.genesis as OperationId
  const { schedule } = snapshots()
  const { every_ms, paused_until } = schedule.rowOf(genesis)
  return {
    space,
    auto,
    checkpoint_every_secs: schedule.everyMs(genesis) / secondMs,
    own: every_ms !== undefined,
    paused_until: paused_until === undefined ? null : timeText(paused_until),
    next_at: auto ? timeText(schedule.nextAt(genesis)) : null,
  }
}

/** Bytes in a key are shown as text. */
const shown = (part: unknown): unknown => (part instanceof Uint8Array ? toBase64Url(part) : part)

function snapshotView(parts: SnapshotDoorParts, record: SnapshotRecord, { lang, operator: isOperator }: Caller): SnapshotView {
  const { certified, phases } = record
  const state = phaseOf(record)
  const confirmed: readonly Did[] = certified?.confirmed ?? []
  return {
    snapshot_id: record.id,
    space: record.space,
    purpose: record.purpose,
    state,
    says: sentence(parts, record, lang),
    hosts_confirmed: confirmed.length,
    hosts_count: certified?.hostsCount ?? null,
    confirmed_by: [...confirmed],
    missing: [...record.missing],
    few_witnesses: certified !== null && confirmed.length < witnessesMin,
    coordinator: record.coordinator,
    participants: [...record.participants],
    differing: [...record.differing],
    differences: isOperator
      ? record.differences.map(({ host, first, last }) => ({ did: host, table: String(first[0]), first: first.slice(1).map(shown), last: last === null ? null : last.map(shown) }))
      : [],
    cut: [...record.cut],
    previous: record.previous,
    checkpoint: certified?.checkpoint ?? null,
    operation: certified?.operation ?? null,
    root: certified === null ? null : toBase64Url(certified.root),
    global_state_root: certified === null ? null : toBase64Url(certified.globalRoot),
    count: certified?.count ?? null,
    bytes: certified?.bytes ?? null,
    phases: phases.map(({ phase, at }) => ({ phase, at: timeText(at) })),
    started_at: timeText(beganAt(record)),
    ended_at: isEnd(state) ? timeText(phases.at(-1)?.at as number) : null,
    code: record.code,
  }
}

/** How it stands, and who is missing. */
function sentence(parts: SnapshotDoorParts, record: SnapshotRecord, lang: string): string {
  const language = languageOf(lang)
  const { space, missing, certified } = record
  const said = outcome(parts, record, language)
  const phase = phaseOf(record)
  // Whoever was let go, or gave way to others, does not know whom the cut has missed.
  const isMissed = missing.length > 0 && (certified !== null || !isEnd(phase) || phase === 'failed' || phase === 'timed_out')
  return isMissed ? `${said} ${sayText('snapshot.missing', language, { missing: namesOf(parts.journal, space, missing) })}` : said
}

function outcome({ journal, snapshots }: SnapshotDoorParts, record: SnapshotRecord, language: Language): string {
  const { space, certified, code, participants, missing } = record
  const phase = phaseOf(record)
  if (certified !== null) {
    const confirmed = certified.confirmed.length
    return sayText(confirmed < witnessesMin ? 'snapshot.few' : 'snapshot.confirmed', language, { confirmed, hosts: certified.hostsCount })
  }
  if (!isEnd(phase)) {
    const finality = finalityOf({ journal, participants: (of) => snapshots().participants(of) }, space)
    return sayText('snapshot.running', language, { phase, here: participants.length - missing.length, hosts: finality?.hosts.length, needed: finality?.needed })
  }
  if (code !== null && Object.hasOwn(codes, code)) return sayText('snapshot.ended', language, { why: codeText(code as Code, {}, language) })
  if (phase === 'released' || phase === 'superseded' || phase === 'cancelled') return sayText(`snapshot.${phase}`, language)
  return sayText('snapshot.unfinished', language)
}
