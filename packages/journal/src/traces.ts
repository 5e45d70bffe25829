import {
  type Clock,
  compareClocks,
  decodeExactly,
  decodeTrusted,
  encodeCanonical,
  type OperationId,
  type SettledCut,
  type Trace,
  TracePage,
  traceEntryBytes,
  tracePageBytesMax,
  traceRunMax,
} from '@icn/protocol'
import { layerAt } from './cut-records.ts'
import type { CheckpointBody } from './finality.ts'
import { type KeyText, keyBytes, keyText } from './key.ts'
import { chainDigestOf, chainSeqOf, clockOfPlace, clockText, type DigestText, digestText, type PlaceText, placeText, textAfter } from './layout.ts'
import { pageAt, pagesNamed } from './pages.ts'
import type { CheckpointRecord } from './records.ts'
import type { SpaceWork } from './work.ts'

/** What a journal knows of operations that it need not hold: see `TracePage`. */

/** One operation by name and place. */
export interface TraceEntry {
  readonly digest: DigestText
  readonly at: Clock
}

/** Pages of these, each as large as may be. */
export function* tracePages(traces: Iterable<Trace>): Generator<Uint8Array> {
  let page: Trace[] = []
  let bytes = listBytes
  for (const trace of traces) {
    const { length } = encodeCanonical(trace)
    if (page.length > 0 && bytes + length > tracePageBytesMax) {
      yield encodeCanonical(page)
      page = []
      bytes = listBytes
    }
    page.push(trace)
    bytes += length
  }
  if (page.length > 0) yield encodeCanonical(page)
}

/** Head of a list of so many entries. */
const listBytes = 5

/** Undefined: these bytes are no such page. */
export const readTracePage = (page: Uint8Array): readonly Trace[] | undefined => (page.length > tracePageBytesMax ? undefined : decodeExactly<Trace[]>(TracePage, page))

export function entriesOfRun(bytes: Uint8Array): TraceEntry[] {
  const text = keyText(bytes)
  return Array.from({ length: text.length / traceEntryBytes }, (_, index) => {
    const entry = text.slice(index * traceEntryBytes, (index + 1) * traceEntryBytes)
    return { digest: entry.slice(0, 32), at: clockOfPlace(entry.slice(32)) }
  })
}

/** Everything that counts up to the last checkpoint, and what was settled before it. Stops nowhere: pages are made one by one. */
export function* tracesOf(work: SpaceWork, body: CheckpointBody): Generator<Trace> {
  for (const digest of pagesNamed(body.layers)) yield ['page', pageAt({ source: work.overlay, prefix: work.prefix }, digest) as Uint8Array]
  for (const [key, { seq }] of vectorOf(work)) yield* chainTraces(work, key, seq)
  for (const { cut } of body.layers) {
    const layer = layerAt(work, cut)
    if (layer !== undefined) yield ['layer', [...cut], layer.vector] as unknown as Trace
  }
  for (const { record, settled } of earlierCuts(work, body)) yield ['cut', record, settled] as Trace
}

/** What counts of each signer up to the last checkpoint, by rising key. */
export function* vectorOf({ overlay, prefix }: Pick<SpaceWork, 'overlay' | 'prefix'>): Generator<readonly [KeyText, { readonly seq: number; readonly head: OperationId }]> {
  for (const [key, value] of overlay.range('checkpoints', `${prefix}v`, `${prefix}w`)) yield [key.slice(5), decodeTrusted(value) as { seq: number; head: OperationId }]
}

function* chainTraces(work: SpaceWork, key: KeyText, last: number): Generator<Trace> {
  let from = 0
  let run = ''
  const left: PlaceText[] = []
  for (const { digest, at, isFolded } of countedChain(work, key, last)) {
    run += digest + clockText(at)
    if (!isFolded) left.push(placeText(at, digest))
    if (run.length < traceEntryBytes * traceRunMax) continue
    yield ['chain', keyBytes(key), from, new Uint8Array(keyBytes(run))]
    from += traceRunMax
    run = ''
  }
  if (run !== '') yield ['chain', keyBytes(key), from, new Uint8Array(keyBytes(run))]
  for (const place of left) {
    const { bytes, signature, body } = work.loadAt(place).operation
    const status = work.statusAt(place)
    if (body !== null && (status === 'late' || status === 'forked' || status === 'superseded')) yield ['left', bytes, signature, body, status]
  }
}

/** One operation for each number: that which was folded or is known by name, or, where an earlier cut has left all of them behind, the earliest. */
function* countedChain(work: SpaceWork, key: KeyText, last: number): Generator<TraceEntry & { readonly isFolded: boolean }> {
  const { overlay, prefix } = work
  let seq = 0
  let best: (TraceEntry & { readonly isFolded: boolean }) | undefined
  for (const [entry, mark] of overlay.range('chains', prefix + key, textAfter(prefix + key))) {
    if (mark[0] === 0) continue
    const number = chainSeqOf(entry)
    if (number !== seq) {
      if (best !== undefined) yield best
      best = undefined
      seq = number
    }
    if (number > last) return
    const digest = chainDigestOf(entry)
    const clock = keyText(overlay.get('ids', digest) as Uint8Array).slice(4)
    const status = work.statusAt(clock + digest)
    const isFolded = status === undefined || status === 'applied' || status === 'refused'
    const found = { digest, at: clockOfPlace(clock), isFolded }
    if (best === undefined || (isFolded && !best.isFolded) || (isFolded === best.isFolded && compareClocks(found.at, best.at) < 0)) best = found
  }
  if (best !== undefined) yield best
}

/** Checkpoints of which other certificates may still come. Larger: more to carry along; smaller: what was said of older ones is not understood. */
const earlierMax = 64

/** The newest before this one, and the one that it follows. */
function earlierCuts({ overlay, prefix }: SpaceWork, { previous, cut, root }: CheckpointBody): { readonly record: CheckpointRecord; readonly settled: SettledCut }[] {
  const records: CheckpointRecord[] = []
  for (const [, value] of overlay.range('checkpoints', `${prefix}i`, `${prefix}j`)) records.push(decodeTrusted(value) as CheckpointRecord)
  const isSame = (record: CheckpointRecord): boolean => clockText(record.cut) === clockText(cut) && keyText(record.root) === keyText(root)
  const sorted = records.filter((record) => !isSame(record)).sort((a, b) => (clockText(a.cut) < clockText(b.cut) ? 1 : -1))
  return sorted.flatMap((record, index) => {
    if (index >= earlierMax && record.id !== previous) return []
    const settled = overlay.get('checkpoints', `${prefix}o${digestText(record.operation)}`)
    return settled === undefined ? [] : [{ record, settled: decodeTrusted(settled) as SettledCut }]
  })
}
