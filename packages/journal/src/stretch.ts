import { type Clock, compareClocks, type Did, keyOfDid, type OperationId, type VectorChange } from '@icn/protocol'
import type { OperationStatus } from './api.ts'
import { clockOfPlace, digestOfPlace, type PlaceText, placeAfter } from './layout.ts'
import { envelopeAt, idOfDigest } from './known.ts'
import { statusOfOrder } from './records.ts'
import type { SpaceWork } from './work.ts'

/** What stands after the last checkpoint. Whatever may be long stops now and then, for `inTurns`. */

/** Places after the last checkpoint and up to a cut, in order, with what became of each. */
export function* stretch(work: SpaceWork, cut: Clock): Generator<readonly [PlaceText, OperationStatus]> {
  const from = work.checkpoint === null ? '' : placeAfter(work.checkpoint.cut)
  for (const [key, order] of work.overlay.range('order', work.prefix + from, work.prefix + placeAfter(cut))) yield [key.slice(4), statusOfOrder(order)]
}

/** What changes in the vector when everything placed up to the cut counts: forked and late operations do not. */
export function* changesUpTo(work: SpaceWork, cut: Clock): Generator<void, VectorChange[]> {
  const heads = new Map<Did, VectorChange>()
  const reissued = new Map<string, { readonly signer: Did; readonly seq: number }>()
  const counted = new Map<string, OperationId>()
  for (const [place, status] of stretch(work, cut)) {
    yield
    if (status === 'forked' || status === 'late') continue
    const envelope = envelopeAt(work, place)
    const id = idOfDigest(digestOfPlace(place))
    // A certificate of a key that was used twice stands, but its chain does not lead anywhere.
    if (envelope.seq >= (work.head(envelope.signer)?.fork ?? Number.POSITIVE_INFINITY)) continue
    const number = `${envelope.signer} ${envelope.seq}`
    if (status === 'superseded') {
      reissued.set(number, envelope)
      continue
    }
    counted.set(number, id)
    if (envelope.seq > (heads.get(envelope.signer)?.[1] ?? -1)) heads.set(envelope.signer, [keyOfDid(envelope.signer), envelope.seq, id])
  }
  const changes = [...heads.values()]
  for (const [number, { signer, seq }] of reissued) {
    const id = counted.get(number)
    if (id !== undefined && heads.get(signer)?.[1] !== seq) changes.push([keyOfDid(signer), seq, id])
  }
  return changes.sort(byKeyAndNumber)
}

export const byKeyAndNumber = (a: VectorChange, b: VectorChange): number => Buffer.compare(a[0], b[0]) || a[1] - b[1]

/**
 * The latest cut at or before the wanted one whose changes fit into one operation. A stretch with more signers is made final in several cuts.
 * Undefined when not even the first clock fits, or when nothing but certificates stands before it.
 */
export function* fittingCut(work: SpaceWork, wanted: Clock, changesMax: number): Generator<void, Clock | undefined> {
  const signers = new Set<Did>()
  let entries = 0
  let fits: Clock | undefined
  let running: Clock | undefined
  let isAny = false
  for (const [place, status] of stretch(work, wanted)) {
    yield
    const at = clockOfPlace(place)
    if (running !== undefined && compareClocks(at, running) !== 0) fits = running
    running = at
    if (status === 'forked' || status === 'late') continue
    const { signer, kind } = envelopeAt(work, place)
    isAny ||= kind !== 'space.checkpoint'
    // A reissue may need an entry of its own.
    if (!signers.has(signer) || status === 'superseded') entries++
    signers.add(signer)
    if (entries > changesMax) return isAny ? fits : undefined
  }
  return isAny ? wanted : undefined
}

/** Takes back, on a dropped overlay, everything after the cut. */
export function* rewindTo(work: SpaceWork, cut: Clock): Generator<void, void> {
  for (const [key] of work.overlay.range('order', work.prefix + placeAfter(cut), work.space.prefix.to, true)) {
    yield
    work.undo(key.slice(4))
  }
}
