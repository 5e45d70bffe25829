import {
  areWritten,
  checkpointChangesMax,
  type CheckpointLayer,
  checkpointPagesMax,
  decodeExactly,
  decodeTrusted,
  encodeTrusted,
  invariant,
  type OperationId,
  sha256,
  type SpaceCheckpoint,
  type VectorChange,
  VectorPage,
  vectorPageChangesMax,
} from '@icn/protocol'
import { type KeyText, keyBytes, keyText } from './key.ts'
import { textAfter } from './layout.ts'
import type { CutLayer } from './layers.ts'
import type { Source } from './store/port.ts'
import { byKeyAndNumber } from './stretch.ts'
import { pageIndex } from './waiting.ts'
import type { SpaceWork } from './work.ts'

/** Changes that are too many for one operation or message: in pages, each named by its SHA-256 (snapshot page §3, ruling 25). They stand in the map `checkpoints`. */

/** Pages of others that no placed certificate names. Larger: disk for hosts that name what nobody needs; smaller: fewer hosts cut a space with very many signers together. */
const looseMax = 256

/** Rows of one space. */
export interface Rows {
  readonly source: Source
  readonly prefix: KeyText
}

export const pageKey = (prefix: KeyText, digest: Uint8Array): KeyText => `${prefix}p${keyText(digest)}`
const looseKey = (prefix: KeyText): KeyText => `${prefix}q`

export const pageAt = ({ source, prefix }: Rows, digest: Uint8Array): Uint8Array | undefined => source.get('checkpoints', pageKey(prefix, digest))

const rowsOf = ({ overlay, prefix }: Pick<SpaceWork, 'overlay' | 'prefix'>): Rows => ({ source: overlay, prefix })

/** Is it a page as whoever names one has to write it? */
export function isVectorPage(bytes: Uint8Array): boolean {
  const changes = decodeExactly<VectorChange[]>(VectorPage, bytes)
  return changes !== undefined && areRising(changes)
}

const areRising = (changes: readonly VectorChange[]): boolean => changes.every((change, index) => index === 0 || byKeyAndNumber(changes[index - 1] as VectorChange, change) < 0)

const countOf = (layers: readonly CutLayer[]): number => layers.reduce((sum, { changes }) => sum + changes.length, 0)

/** May one certificate hold them? */
export const isWritable = (layers: readonly CutLayer[]): boolean =>
  countOf(layers) <= checkpointChangesMax || layers.reduce((sum, { changes }) => sum + Math.ceil(changes.length / vectorPageChangesMax), 0) <= checkpointPagesMax

export interface Written {
  readonly layers: SpaceCheckpoint['layers'][number][]
  readonly pages: readonly { readonly digest: Uint8Array; readonly bytes: Uint8Array }[]
}

/** As messages and certificates write them: inline where that fits, otherwise in pages that are full but for the last of a layer. Nothing else is well formed. */
export function written(layers: readonly CutLayer[]): Written {
  const isInline = countOf(layers) <= checkpointChangesMax
  const pages: Written['pages'][number][] = []
  const out = layers.map(({ cut, changes }): Written['layers'][number] => {
    const plain = changes.map(([signer, seq, head]): [Uint8Array, number, OperationId] => [signer, seq, head])
    if (isInline || plain.length === 0) return { cut: [...cut], changes: plain }
    const digests: Uint8Array[] = []
    for (let from = 0; from < plain.length; from += vectorPageChangesMax) {
      const bytes = encodeTrusted(plain.slice(from, from + vectorPageChangesMax))
      const digest = sha256(bytes)
      digests.push(digest)
      pages.push({ digest, bytes })
    }
    return { cut: [...cut], pages: digests }
  })
  return { layers: out, pages }
}

/** Digests that layers name, each once. */
export function pagesNamed(layers: readonly Pick<CheckpointLayer, 'pages'>[]): Uint8Array[] {
  const digests = layers.flatMap(({ pages }) => pages ?? [])
  return [...new Map(digests.map((digest) => [keyText(digest), digest])).values()]
}

export const pagesMissing = (rows: Rows, digests: readonly Uint8Array[]): Uint8Array[] => digests.filter((digest) => pageAt(rows, digest) === undefined)

/** What layers say; `missing`: pages that are not here. Undefined: no layers are written like this. */
export function readLayers(rows: Rows, layers: readonly CheckpointLayer[]): { readonly layers: readonly CutLayer[] } | { readonly missing: readonly Uint8Array[] } | undefined {
  if (!areWritten(layers)) return undefined
  const named = pagesNamed(layers)
  const missing = pagesMissing(rows, named)
  if (missing.length > 0) return { missing }
  const read: CutLayer[] = []
  for (const { cut, changes, pages = [] } of layers) {
    const paged = pages.map((digest) => changesIn(rows, digest))
    const all = changes ?? paged.flat()
    if (pages.length > 0 && !(areRising(all) && paged.slice(0, -1).every(({ length }) => length === vectorPageChangesMax))) return undefined
    read.push({ cut, changes: all })
  }
  return named.length > 0 && countOf(read) <= checkpointChangesMax ? undefined : { layers: read }
}

/** Of a certificate that is placed, or whose pages were found to be here. */
export const layersOf = (work: Pick<SpaceWork, 'overlay' | 'prefix'>, { layers }: Pick<SpaceCheckpoint, 'layers'>): CutLayer[] =>
  layers.map((layer) => ({ cut: layer.cut, changes: changesOf(rowsOf(work), layer) }))

const changesOf = (rows: Rows, { changes, pages = [] }: CheckpointLayer): readonly VectorChange[] => changes ?? pages.flatMap((digest) => changesIn(rows, digest))

function changesIn(rows: Rows, digest: Uint8Array): VectorChange[] {
  const bytes = pageAt(rows, digest)
  invariant(bytes !== undefined, 'a page is kept as long as something names it')
  return decodeTrusted(bytes) as VectorChange[]
}

/** Pages that nothing placed names, in the order in which they came. */
function looseOf({ source, prefix }: Rows): Uint8Array[] {
  const row = source.get('checkpoints', looseKey(prefix))
  return row === undefined ? [] : (decodeTrusted(row) as Uint8Array[])
}

function saveLoose({ overlay, prefix }: SpaceWork, loose: readonly Uint8Array[]): void {
  overlay.put('checkpoints', looseKey(prefix), loose.length === 0 ? null : encodeTrusted([...loose]))
}

const drop = ({ overlay, prefix }: SpaceWork, digest: Uint8Array): void => overlay.put('checkpoints', pageKey(prefix, digest), null)

/** This node's own, which it is about to name. */
export function savePages(work: SpaceWork, pages: Written['pages']): void {
  const fresh = pages.filter(({ digest }) => pageAt(rowsOf(work), digest) === undefined)
  if (fresh.length === 0) return
  for (const { digest, bytes } of fresh) work.overlay.put('checkpoints', pageKey(work.prefix, digest), bytes)
  saveLoose(work, [...looseOf(rowsOf(work)), ...fresh.map(({ digest }) => digest)])
}

/** A page from elsewhere that is what its digest says. `needed`: what a running attempt names goes before what certificates wait for. False: nobody needs it, or there is no room. */
export function takePage(work: SpaceWork, digest: Uint8Array, bytes: Uint8Array, needed: readonly Uint8Array[]): boolean {
  if (pageAt(rowsOf(work), digest) !== undefined) return true
  const names = new Set(needed.map(keyText))
  if (!names.has(keyText(digest)) && !isWaitedFor(work, digest)) return false
  const loose = looseOf(rowsOf(work))
  if (loose.length >= looseMax) {
    const oldest = loose.findIndex((one) => !names.has(keyText(one)))
    if (oldest === -1) return false
    for (const one of loose.splice(oldest, 1)) drop(work, one)
  }
  work.overlay.put('checkpoints', pageKey(work.prefix, digest), bytes)
  saveLoose(work, [...loose, digest])
  return true
}

/** A placed certificate keeps what it names: whoever gets it later has to read it. */
export function keepPages(work: SpaceWork, { layers }: Pick<SpaceCheckpoint, 'layers'>): void {
  const named = new Set(pagesNamed(layers).map(keyText))
  if (named.size === 0) return
  const loose = looseOf(rowsOf(work))
  const rest = loose.filter((digest) => !named.has(keyText(digest)))
  if (rest.length < loose.length) saveLoose(work, rest)
}

/** Drops what nothing placed names, nothing that waits, and none of these. */
export function forgetPages(work: SpaceWork, needed: readonly Uint8Array[]): void {
  const loose = looseOf(rowsOf(work))
  if (loose.length === 0) return
  const names = new Set(needed.map(keyText))
  const rest = loose.filter((digest) => names.has(keyText(digest)) || isWaitedFor(work, digest))
  if (rest.length === loose.length) return
  const kept = new Set(rest)
  for (const digest of loose) if (!kept.has(digest)) drop(work, digest)
  saveLoose(work, rest)
}

function isWaitedFor({ overlay, prefix }: SpaceWork, digest: Uint8Array): boolean {
  const from = `${prefix}${pageIndex}${keyText(digest)}`
  for (const _ of overlay.range('waiting', from, textAfter(from))) return true
  return false
}

/** Digests that certificates wait for, as far as they are not here. */
export function pagesWaitedFor(rows: Rows, countMax: number): Uint8Array[] {
  const found = new Map<KeyText, Uint8Array>()
  const from = rows.prefix + pageIndex
  for (const [key] of rows.source.range('waiting', from, textAfter(from))) {
    const name = key.slice(from.length, from.length + 32)
    if (found.has(name)) continue
    const digest = new Uint8Array(keyBytes(name))
    if (pageAt(rows, digest) === undefined) found.set(name, digest)
    if (found.size >= countMax) break
  }
  return [...found.values()]
}
