import { checkpointLayersMax, type Clock, compareClocks, type Did, didOfKey, keyOfDid, type OperationId, type SignedOperation, type VectorChange } from '@icn/protocol'
import { isReissueOf } from './candidate.ts'
import { digestText, placeText } from './layout.ts'
import { CutVector, type CutLayer } from './layers.ts'
import { isWritable } from './pages.ts'
import { keyText } from './key.ts'
import type { SpaceWork } from './work.ts'

/**
 * One set from the markers of all participants (snapshot page §4, R4 to R7): a function of what the markers name, so that everybody who has all of them
 * and what they name unites the same.
 */

/** What one marker says of one signer: its last number, and which of several reissues counts where the chain does not say. */
interface Branch {
  readonly seq: number
  readonly head: OperationId
  readonly pins: ReadonlyMap<number, OperationId>
}

/** One set, or what has to come first. */
export type United = { readonly layers: readonly CutLayer[] } | { readonly missing: readonly OperationId[] }

/** `base`: layers that a majority may have agreed on before (R5); they stay as they are. `missing`: what the markers name and is not placed here. */
export function* unite(work: SpaceWork, base: readonly CutLayer[], cut: Clock, marks: readonly (readonly VectorChange[])[]): Generator<void, United> {
  const named = new Set([...marks, ...base.map(({ changes }) => changes)].flatMap((changes) => changes.map(([, , head]) => head)))
  const missing: OperationId[] = []
  for (const id of named) {
    yield
    if (work.operationOf(id) === undefined) missing.push(id)
  }
  if (missing.length > 0) return { missing }
  const last = base.at(-1)
  if (last !== undefined && (compareClocks(last.cut, cut) >= 0 || base.length >= checkpointLayersMax)) return { layers: base }
  const floor = new CutVector(
    work,
    base.flatMap(({ changes }) => changes),
  )
  const said = new Map<string, { readonly signer: Did; readonly branches: Branch[] }>()
  for (const mark of marks)
    for (const [key, entries] of Map.groupBy(mark, ([signer]) => keyText(signer))) {
      const signer = didOfKey((entries[0] as VectorChange)[0])
      const known = said.get(key) ?? { signer, branches: [] }
      known.branches.push(branchOf(entries))
      said.set(key, known)
    }
  const changes: VectorChange[] = []
  for (const [, { signer, branches }] of [...said].sort(([a], [b]) => (a < b ? -1 : 1))) changes.push(...(yield* agreed(work, floor, signer, branches, cut)))
  const layers = [...base, { cut, changes }]
  // What does not fit one certificate waits for the next.
  return { layers: base.length > 0 && !isWritable(layers) ? base : layers }
}

function branchOf(entries: readonly VectorChange[]): Branch {
  const [, seq, head] = entries.reduce((a, b) => (b[1] > a[1] ? b : a))
  return { seq, head, pins: new Map(entries.map(([, number, id]) => [number, id])) }
}

/** The longest chain from what counts already on which all who name a number of this signer agree, but for innocent reissues. */
function* agreed(work: SpaceWork, floor: CutVector, signer: Did, branches: readonly Branch[], cut: Clock): Generator<void, VectorChange[]> {
  const last = floor.entryOf(signer)
  const from = last === undefined ? 0 : last.seq + 1
  const distinct = new Map(branches.map((branch) => [`${branch.seq} ${branch.head} ${[...branch.pins].join()}`, branch]))
  const ways: Map<number, SignedOperation>[] = []
  for (const branch of distinct.values()) {
    const way = yield* walk(work, signer, branch, from, cut)
    if (way !== undefined) ways.push(way)
  }
  const chosen: SignedOperation[] = []
  for (let seq = from; ; seq++) {
    const named = [...new Map(ways.flatMap((way) => (way.get(seq) === undefined ? [] : [[way.get(seq)?.id, way.get(seq) as SignedOperation] as const]))).values()]
    const first = named[0]
    if (first === undefined || !named.every(({ envelope }) => isReissueOf(envelope, first.envelope))) break
    const before = chosen.at(-1)?.id ?? last?.head ?? null
    if (!follows(work, first, before)) break
    chosen.push(named.reduce((a, b) => (placeOf(b) < placeOf(a) ? b : a)))
  }
  return entriesOf(chosen)
}

/** A marker's operations of one signer by number, from its head back to what counts already. Undefined: it names what cannot be. */
function* walk(work: SpaceWork, signer: Did, branch: Branch, from: number, cut: Clock): Generator<void, Map<number, SignedOperation> | undefined> {
  const way = new Map<number, SignedOperation>()
  let next: OperationId | null = branch.head
  for (let seq = branch.seq; seq >= from; seq--) {
    yield
    const id: OperationId | null = branch.pins.get(seq) ?? next
    const operation: SignedOperation | undefined = id === null ? undefined : work.operationOf(id)
    if (operation === undefined || operation.envelope.signer !== signer || operation.envelope.seq !== seq || compareClocks(operation.envelope.at, cut) > 0) return undefined
    way.set(seq, operation)
    next = operation.envelope.prev
  }
  return way
}

/** It stands on this operation, or on a reissue of it. */
function follows(work: SpaceWork, { envelope }: SignedOperation, before: OperationId | null): boolean {
  if (envelope.prev === before) return true
  if (envelope.prev === null || before === null) return false
  const [meant, counts] = [work.operationOf(envelope.prev), work.operationOf(before)]
  return meant !== undefined && counts !== undefined && isReissueOf(meant.envelope, counts.envelope)
}

const placeOf = ({ id, envelope }: SignedOperation): string => placeText(envelope.at, digestText(id))

/** The head, and what its chain does not say. */
function entriesOf(chosen: readonly SignedOperation[]): VectorChange[] {
  return chosen.flatMap((operation, index): VectorChange[] => {
    const after = chosen[index + 1]
    return after === undefined || after.envelope.prev !== operation.id ? [[keyOfDid(operation.envelope.signer), operation.envelope.seq, operation.id]] : []
  })
}
