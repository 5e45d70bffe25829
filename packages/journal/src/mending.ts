import { decodeKey, equalBytes } from '@icn/protocol'
import { type KeyText, keyBytes, keyText } from './key.ts'
import type { PlaceText } from './layout.ts'
import { Refusal } from './refusal.ts'
import type { SpaceWork } from './work.ts'

/** Larger: a store that is mended keeps the writer for longer; smaller: more spaces have to be fetched from another host. */
const operationsMax = 100_000

/** What was wrong with the rows of a space. */
export interface Mended {
  /** Rows that were not what the operations make of them. */
  readonly rows: number
  /** Tables of these rows, by name. */
  readonly tables: readonly string[]
  /** Keys of the first and the last of them. */
  readonly first: readonly unknown[] | null
  readonly last: readonly unknown[] | null
}

/**
 * Makes every row anew from the operations, in their order and by the laws (snapshot page §11). For a store that has been damaged: nothing that stands in its
 * rows is believed, and what changes by it is told as revised. Refuses SPACE_UNMENDABLE where not every operation is here whole (`state`: the space began from one here; `forgotten`), or they are too many (`size`).
 */
export function mend(work: SpaceWork): Mended {
  const { prefix, overlay } = work
  if (work.space.floor !== null) throw new Refusal('SPACE_UNMENDABLE', { reason: 'state' })
  const places: PlaceText[] = []
  for (const [key] of overlay.range('order', prefix, work.space.prefix.to)) places.push(key.slice(4))
  if (places.length > operationsMax) throw new Refusal('SPACE_UNMENDABLE', { reason: 'size' })
  for (const place of places) if (work.loadAt(place).operation.body === null) throw new Refusal('SPACE_UNMENDABLE', { reason: 'forgotten' })
  const before = new Map<KeyText, Uint8Array>()
  for (const [key, value] of overlay.range('state', prefix, work.space.prefix.to)) before.set(key, value)
  for (const place of places) overlay.put('undo', prefix + place, null)
  work.state.restore([...before.keys()].map((key): [KeyText, null] => [key.slice(prefix.length), null]))
  const first = places[0]
  if (first !== undefined) work.fold([], new Map([[first, 'fold']]))
  const floor = overlay.get('checkpoints', `${prefix}u`)
  if (floor !== undefined) for (const place of places) if (place <= keyText(floor)) overlay.put('undo', prefix + place, null)
  return differing(work, before)
}

function differing({ overlay, prefix, space }: SpaceWork, before: ReadonlyMap<KeyText, Uint8Array>): Mended {
  const keys: KeyText[] = []
  const seen = new Set<KeyText>()
  for (const [key, value] of overlay.range('state', prefix, space.prefix.to)) {
    const old = before.get(key)
    if (old === undefined || !equalBytes(old, value)) keys.push(key)
    seen.add(key)
  }
  keys.push(...[...before.keys()].filter((key) => !seen.has(key)))
  const shown = keys.sort().map((key) => decodeKey(keyBytes(key.slice(prefix.length))))
  return { rows: keys.length, tables: [...new Set(shown.map(([table]) => String(table)))].sort(), first: shown[0] ?? null, last: shown.at(-1) ?? null }
}
