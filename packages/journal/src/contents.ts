import { type Envelope, sha256, utf8 } from '@icn/protocol'
import type { PlacedOperation } from './api.ts'
import type { Candidate } from './candidate.ts'
import { type KeyText, keyText } from './key.ts'
import { idOfDigest } from './known.ts'
import { clockOfPlace, digestOfPlace, type PlaceText, textAfter } from './layout.ts'
import type { Overlay } from './overlay.ts'
import { statusOfOrder } from './records.ts'
import type { HeldSpace } from './space.ts'
import type { Source, Store } from './store/port.ts'

/** What has taken effect, by who said what: of an operation in the quarantine it tells whether the same has counted later (snapshot page §13). */

/** Of 16 bytes: only its author could make two things look the same, and would settle nobody's entries but their own. */
const contentBytes = 16
const there = Uint8Array.of(1)

/** `contents`: author, kind and body as a hash; place. */
const contentText = ({ author, kind, body_hash }: Envelope): KeyText => keyText(sha256(utf8(`${author} ${kind} ${keyText(body_hash)}`)).subarray(0, contentBytes))
export const contentKey = (prefix: KeyText, envelope: Envelope, place: PlaceText): KeyText => prefix + contentText(envelope) + place

/** Keeps the index as an operation begins or ceases to count. */
export function indexContent(overlay: Overlay, prefix: KeyText, { operation, place }: Candidate, applies: boolean, applied: boolean): void {
  if (applies !== applied) overlay.put('contents', contentKey(prefix, operation.envelope, place), applies ? there : null)
}

/** The first operation that says the same after this place, and counts: a function of the set, whatever came first. */
export function retryOf(source: Source, prefix: KeyText, envelope: Envelope, place: PlaceText): Pick<PlacedOperation, 'retriedBy'> {
  const same = prefix + contentText(envelope)
  for (const [key] of source.range('contents', `${same}${place}\u0000`, textAfter(same))) {
    const found = key.slice(same.length)
    return { retriedBy: { id: idOfDigest(digestOfPlace(found)), at: clockOfPlace(found) } }
  }
  return {}
}

/** Operations looked at with one write, when a store of an older layout is indexed. */
const filledMax = 10_000

/** Indexes what is in a store that was made before there was this index. */
export function fillContents(store: Store, spaces: Iterable<HeldSpace>, load: (space: HeldSpace, stored: Uint8Array) => Candidate): void {
  if (store.get('meta', 'contents') !== undefined) return
  for (const space of spaces) {
    const { from, to } = space.prefix
    for (let next: KeyText | undefined = from; next !== undefined; ) {
      const rows: (readonly [KeyText, Uint8Array])[] = [...firstOf(store.range('order', next, to), filledMax)]
      const applied = rows.filter(([, record]) => statusOfOrder(record) === 'applied')
      store.write(
        applied.map(([key]) => {
          const { operation, place } = load(space, store.get('operations', key) as Uint8Array)
          return { map: 'contents', key: contentKey(from, operation.envelope, place), value: there }
        }),
      )
      next = rows.length < filledMax ? undefined : `${rows.at(-1)?.[0]}\u0000`
    }
  }
  store.write([{ map: 'meta', key: 'contents', value: there }])
}

function* firstOf<T>(items: Iterable<T>, max: number): Generator<T> {
  let left = max
  for (const item of items) {
    yield item
    if (--left === 0) return
  }
}
