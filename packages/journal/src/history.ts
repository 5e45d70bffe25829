import {
  type Clock,
  compareClocks,
  dayMs,
  type Decision,
  decisionOf,
  decodeKey,
  decodeTrusted,
  equalBytes,
  type Facts,
  type OperationId,
  type Rules,
  type SpaceId,
} from '@icn/protocol'
import type { OperationFilter, PlacedOperation, RowChange } from './api.ts'
import { retryOf } from './contents.ts'
import type { Engine } from './engine.ts'
import { rewindTo } from './stretch.ts'
import { atOnce } from './turns.ts'
import { clockOfPlace, clockText, digestText, earlierText, laterText, type PlaceText, placeAfter, placeText } from './layout.ts'
import { keyBytes, keyText } from './key.ts'
import { Overlay } from './overlay.ts'
import { candidateOf } from './receive.ts'
import { decodeOrder, decodeStored, encodeStored, type OrderRecord } from './records.ts'
import { Refusal } from './refusal.ts'
import { HeldSpace } from './space.ts'
import { RowCache } from './state.ts'
import type { Candidate } from './candidate.ts'
import { SpaceWork } from './work.ts'

/** Questions about what was, answered on overlays that are dropped. */

/** Rows that a scratch work wrote, against the tip. */
export function differences(engine: Engine, work: SpaceWork): RowChange[] {
  const changes: RowChange[] = []
  for (const key of work.overlay.keys('state')) {
    const before = engine.source.get('state', key)
    const after = work.overlay.own('state', key) ?? undefined
    if (before === after || (before !== undefined && after !== undefined && equalBytes(before, after))) continue
    const show = (bytes: Uint8Array | undefined): unknown => (bytes === undefined ? null : decodeTrusted(bytes))
    changes.push({ key: decodeKey(keyBytes(key.slice(4))), before: show(before), after: show(after) })
  }
  return changes
}

/** Before it nothing can be taken back any more; undefined: everything can. */
export function undoFloor(engine: Engine, space: HeldSpace): Clock | undefined {
  const floor = engine.source.get('checkpoints', `${space.prefix.from}u`)
  return floor === undefined ? undefined : clockOfPlace(keyText(floor))
}

/** State just after a past clock value. Bounded by what is still there to undo. */
export function stateAt(engine: Engine, space: HeldSpace, at: Clock): Facts {
  const floor = undoFloor(engine, space)
  if (floor !== undefined && compareClocks(at, floor) < 0) throw new Refusal('AS_OF_OUT_OF_REACH', { oldest: floor[0] })
  const work = engine.scratch(space)
  atOnce(rewindTo(work, at))
  return work.state
}

/** Folds everything after `from` again under other rules; what comes out otherwise is listed. */
export function replayStretch(engine: Engine, space: HeldSpace, from: Clock, rules: Rules): { id: OperationId; before: Decision; after: Decision }[] {
  const other = new HeldSpace(space.record, rules, space.summary, new RowCache(1_048_576))
  const hooks = engine.hooks(other)
  const work = new SpaceWork(other, new Overlay(engine.source), { ...hooks, load: (stored) => candidateOf(stored, rules) }, { cached: false })
  hooks.work = work
  const before = new Map<PlaceText, OrderRecord>()
  const out: { id: OperationId; before: Decision; after: Decision }[] = []
  for (const { place, record } of work.rewind(placeAfter(from))) before.set(place, record)
  for (const [place, record] of before) {
    if (record.status !== 'applied' && record.status !== 'refused') continue
    const candidate = work.loadAt(place)
    // A forgotten body cannot be judged again; the cut that covers it stands for it.
    if (candidate.operation.body === null) continue
    const after = work.judge(candidate).decision
    const was = decisionOf(record.checks)
    if (after.outcome !== was.outcome || codes(after) !== codes(was)) out.push({ id: candidate.operation.id, before: was, after })
  }
  return out
}

const codes = (decision: Decision): string => decision.checks.flatMap((check) => (check.result === 'fail' || check.result === 'done' ? [check.code] : [])).join()

export function showOperation(engine: Engine, id: OperationId): (PlacedOperation & { readonly space: SpaceId }) | undefined {
  const digest = digestText(id)
  const known = engine.source.get('ids', digest)
  if (known === undefined) return undefined
  const text = keyText(known)
  for (const space of engine.byGenesis.values()) {
    if (!text.startsWith(space.prefix.from)) continue
    if (text.length === 4) return heldOperation(engine, space, digest)
    const place = text.slice(4) + digest
    if (engine.source.get('operations', space.prefix.from + place) === undefined) return undefined
    const noted = engine.source.get('quarantine', space.prefix.from + place)
    const shown = show(engine, space, place)
    return { ...shown, ...(noted === undefined ? {} : quarantineNote(engine, space, shown, place, noted)), space: space.record.space }
  }
  return undefined
}

/** The audit log: scans the order, so that a page border can fall anywhere. */
export function listOperations(engine: Engine, space: HeldSpace, filter: OperationFilter): PlacedOperation[] {
  const { from, to } = space.prefix
  let gte = filter.since === undefined ? from : from + clockText([filter.since, 0])
  let lt = filter.until === undefined ? to : from + placeAfter([filter.until, 65535])
  if (filter.after !== undefined) {
    const place = from + placeText(filter.after.at, digestText(filter.after.id))
    if (filter.reverse) lt = earlierText(place, lt)
    else gte = laterText(`${place}\u0000`, gte)
  }
  const out: PlacedOperation[] = []
  for (const [key, bytes] of engine.source.range('order', gte, lt, filter.reverse ?? false)) {
    const record = decodeOrder(bytes)
    if (filter.status !== undefined && record.status !== filter.status) continue
    const shown = show(engine, space, key.slice(4), record)
    const { envelope } = shown.operation
    if (filter.kind !== undefined && envelope.kind !== filter.kind) continue
    if (filter.author !== undefined && envelope.author !== filter.author) continue
    if (filter.subject !== undefined && space.rules?.laws.get(envelope.kind)?.subject?.(shown.body as never) !== filter.subject) continue
    out.push(shown)
    if (out.length === filter.limit) break
  }
  return out
}

/** What displaced it, as its row in the quarantine notes; and what has said the same since. */
function quarantineNote(engine: Engine, space: HeldSpace, { operation }: PlacedOperation, place: PlaceText, row: Uint8Array): Pick<PlacedOperation, 'displacedBy' | 'retriedBy'> {
  const { displaced_by } = decodeTrusted(row) as { displaced_by?: OperationId }
  return { ...(displaced_by === undefined ? {} : { displacedBy: displaced_by }), ...retryOf(engine.source, space.prefix.from, operation.envelope, place) }
}

export function listQuarantine(
  engine: Engine,
  space: HeldSpace,
  options: { readonly limit: number; readonly after?: { readonly at: Clock; readonly id: OperationId } },
): PlacedOperation[] {
  const from = options.after === undefined ? space.prefix.from : `${space.prefix.from}${placeText(options.after.at, digestText(options.after.id))}\u0000`
  const out: PlacedOperation[] = []
  for (const [key, bytes] of engine.source.range('quarantine', from, space.prefix.to)) {
    const place = key.slice(4)
    const shown = show(engine, space, place)
    out.push({ ...shown, ...quarantineNote(engine, space, shown, place, bytes) })
    if (out.length === options.limit) break
  }
  return out
}

/** Drops undo records that no rewind and no as-of read will need: final for longer than the option says. A bounded number at a time. */
export function pruneUndo(engine: Engine, work: SpaceWork): number {
  const before = engine.parts.wall() - engine.parts.options.undoDays * dayMs
  let reach: Clock | undefined
  for (const [, bytes] of work.overlay.range('checkpoints', `${work.prefix}c`, `${work.prefix}d`, true)) {
    const { cut, settled_at } = decodeTrusted(bytes) as { cut: Clock; settled_at: number }
    if (settled_at >= before) continue
    reach = cut
    break
  }
  if (reach === undefined) return 0
  let dropped = 0
  let floor: PlaceText | undefined
  for (const [key] of work.overlay.range('undo', work.prefix, work.prefix + placeAfter(reach))) {
    work.overlay.put('undo', key, null)
    floor = key.slice(4)
    if (++dropped === undoDroppedMax) break
  }
  if (floor !== undefined) work.overlay.put('checkpoints', `${work.prefix}u`, keyBytes(floor))
  return dropped
}

/**
 * Drops bodies that their kinds keep only for a time (engine page §1): final, and older than that. Envelope, outcome and what it wrote stay.
 * A bounded stretch at a time; where it ended is noted, so that nothing is looked at twice.
 */
export function forgetBodies(engine: Engine, work: SpaceWork): number {
  const { checkpoint, rules } = work
  const kept = [...rules.laws.values()].flatMap(({ keepDays }) => (keepDays === undefined ? [] : [keepDays]))
  if (checkpoint === null || kept.length === 0) return 0
  const now = engine.parts.wall()
  // What the most patient kind may drop today bounds the stretch; younger ones come by again.
  const until = Math.min(checkpoint.cut[0], now - Math.max(...kept) * dayMs)
  const noted = work.overlay.get('checkpoints', `${work.prefix}b`)
  const from = noted === undefined ? '' : `${keyText(noted)}\u0000`
  let forgotten = 0
  let looked = 0
  let last: PlaceText | undefined
  for (const [key, stored] of work.overlay.range('operations', work.prefix + from, work.prefix + placeAfter([Math.max(until, 0), 65535]))) {
    const { bytes, signature, body } = decodeStored(stored)
    const keepDays = body === null ? undefined : rules.laws.get(work.loadAt(key.slice(4)).operation.envelope.kind)?.keepDays
    if (keepDays !== undefined) {
      work.overlay.put('operations', key, encodeStored(bytes, signature, null))
      forgotten++
    }
    last = key.slice(4)
    if (++looked === undoDroppedMax) break
  }
  if (last !== undefined) work.overlay.put('checkpoints', `${work.prefix}b`, keyBytes(last))
  return forgotten
}

/** Undo records dropped, and bodies looked at, with one commit. */
const undoDroppedMax = 1_000

function show(engine: Engine, space: HeldSpace, place: PlaceText, known?: OrderRecord): PlacedOperation {
  const candidate = engine.load(space, engine.source.get('operations', space.prefix.from + place) as Uint8Array)
  const record = known ?? decodeOrder(engine.source.get('order', space.prefix.from + place) as Uint8Array)
  const cut = space.summary.checkpoint?.cut
  const final = cut !== undefined && compareClocks(clockOfPlace(place), cut) <= 0 && record.status !== 'late' && record.status !== 'forked'
  return { operation: candidate.operation, body: bodyOf(candidate), status: record.status, final, checks: record.checks }
}

function heldOperation(engine: Engine, space: HeldSpace, digest: string): (PlacedOperation & { readonly space: SpaceId }) | undefined {
  for (const [key, value] of engine.source.range('held', space.prefix.from, space.prefix.to)) {
    if (!key.endsWith(digest)) continue
    const candidate = engine.load(space, (decodeTrusted(value) as { stored: Uint8Array }).stored)
    return { operation: candidate.operation, body: bodyOf(candidate), status: 'held', final: false, checks: [], space: space.record.space }
  }
  return undefined
}

/** A body of a kind that the rules do not have is still shown. */
function bodyOf(candidate: Candidate): unknown {
  if (candidate.operation.body === null) return null
  return candidate.body ?? decodeTrusted(candidate.operation.body)
}
