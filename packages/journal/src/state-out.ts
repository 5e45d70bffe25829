import { type CheckpointId, decodeTrusted, type OperationId, type RawOperation, type SpaceCheckpoint, type SpaceId, type VectorChange } from '@icn/protocol'
import { readCertificate } from './cut-records.ts'
import type { Engine } from './engine.ts'
import { layersOf } from './pages.ts'
import { type KeyText, keyBytes, keyText } from './key.ts'
import { pairsOf } from './leaves.ts'
import { decodeStored, type CheckpointRecord } from './records.ts'
import { Refusal } from './refusal.ts'
import type { StateLeaf, StateReader, StateSubject } from './states.ts'
import type { Snapshot } from './store/port.ts'
import { rewindTo } from './stretch.ts'
import { tracePages, tracesOf, vectorOf } from './traces.ts'
import { LeafBuilder, RootBuilder, type StateRoot, stateTag } from './tree.ts'
import { inTurns } from './turns.ts'
import type { SpaceWork } from './work.ts'

/** The state at the last checkpoint, read while writers go on (snapshot page §9). */
export async function openState(engine: Engine, name: SpaceId): Promise<StateReader> {
  const space = engine.writable(name)
  const { checkpoint } = space.summary
  if (checkpoint === null) throw new Refusal('NOTHING_FINAL', { space: name })
  const snapshot = engine.parts.store.snapshot()
  try {
    const work = engine.scratch(space, snapshot)
    await inTurns(rewindTo(work, checkpoint.cut))
    const found = await inTurns(surveyOf(work))
    if (keyText(found.root.root) !== keyText(checkpoint.root)) throw new Refusal('STATE_DIFFERS', { space: name, cut: checkpoint.cut[0] })
    return new Reader(engine, work, snapshot, checkpoint, found)
  } catch (error) {
    snapshot.close()
    throw error
  }
}

interface Survey {
  readonly root: StateRoot
  readonly leaves: readonly (StateLeaf & { readonly first: KeyText })[]
  readonly tables: readonly { readonly name: string; readonly pairs: number }[]
}

/** Reads every pair once. */
function* surveyOf(work: SpaceWork): Generator<void, Survey> {
  const root = new RootBuilder(stateTag)
  const leaves: (StateLeaf & { first: KeyText })[] = []
  const builder = new LeafBuilder((leaf) => {
    root.add(leaf)
    leaves.push({ first: leaf.first, hash: keyBytes(leaf.hash), pairs: leaf.pairs, bytes: leaf.bytes })
  })
  const tables = new Map<string, number>()
  for (const [key, value] of pairsOf(work.overlay, work.space.prefix)('')) {
    builder.add(key, value)
    const table = key.slice(1, key.indexOf('\u0000'))
    tables.set(table, (tables.get(table) ?? 0) + 1)
    yield
  }
  builder.end()
  return { root: root.end(), leaves, tables: [...tables].map(([name, pairs]) => ({ name, pairs })) }
}

class Reader implements StateReader {
  readonly network: OperationId
  readonly space: SpaceId
  readonly genesis: OperationId
  readonly checkpoint: CheckpointId
  readonly cut: StateSubject['cut']
  readonly root: Uint8Array
  readonly rules: string
  readonly count: number
  readonly certificate: RawOperation
  readonly first: RawOperation
  readonly layers: StateReader['layers']
  readonly vector: readonly VectorChange[]
  readonly #survey: Survey
  readonly #work: SpaceWork
  readonly #snapshot: Snapshot
  readonly #body: SpaceCheckpoint
  #closed = false

  constructor(engine: Engine, work: SpaceWork, snapshot: Snapshot, record: CheckpointRecord, survey: Survey) {
    const { space, genesis } = work.space.record
    this.#survey = survey
    this.#work = work
    this.#snapshot = snapshot
    this.network = engine.network ?? genesis
    this.space = space
    this.genesis = genesis
    this.checkpoint = record.id as CheckpointId
    this.cut = record.cut
    this.root = record.root
    this.rules = work.rules.version
    this.count = record.count
    this.certificate = certificateRaw(work, record)
    this.first = rawOf(work, genesis)
    this.#body = decodeTrusted(this.certificate.body as Uint8Array) as SpaceCheckpoint
    this.layers = layersOf(work, this.#body)
    this.vector = [...vectorOf(work)].map(([key, { seq, head }]) => [keyBytes(key), seq, head])
  }

  get pairsCount(): number {
    return this.#survey.root.pairs
  }

  get bytes(): number {
    return this.#survey.root.bytes
  }

  get leaves(): readonly StateLeaf[] {
    return this.#survey.leaves
  }

  get tables(): StateReader['tables'] {
    return this.#survey.tables
  }

  traces(): Iterable<Uint8Array> {
    return tracePages(tracesOf(this.#work, this.#body))
  }

  *pairs(): Generator<Uint8Array> {
    for (let index = 0; index < this.leaves.length; index++) yield this.leaf(index)
  }

  leaf(index: number): Uint8Array {
    const { leaves } = this.#survey
    const leaf = leaves[index]
    if (leaf === undefined) throw new RangeError(`there is no leaf ${index}; there are ${leaves.length}`)
    let bytes = new Uint8Array(0)
    const builder = new LeafBuilder((_, pairs) => {
      bytes = new Uint8Array(pairs)
    })
    for (const [key, value] of pairsOf(this.#work.overlay, this.#work.space.prefix)(leaf.first, leaves[index + 1]?.first)) builder.add(key, value)
    builder.end()
    return bytes
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#snapshot.close()
  }
}

function rawOf(work: SpaceWork, id: OperationId): RawOperation {
  const operation = work.operationOf(id)
  if (operation === undefined) throw new Refusal('STATE_DIFFERS', { space: work.space.record.space })
  return { envelope: operation.bytes, signature: operation.signature, body: operation.body }
}

/** The operation that carried it here, or, where the state came from elsewhere and that operation has not, the one it came with. */
function certificateRaw(work: SpaceWork, record: CheckpointRecord): RawOperation {
  const kept = work.operationOf(record.operation) === undefined ? readCertificate(work) : undefined
  if (kept === undefined) return rawOf(work, record.operation)
  const { bytes, signature, body } = decodeStored(kept)
  return { envelope: bytes, signature, body }
}
