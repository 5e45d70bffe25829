import { createHash } from 'node:crypto'
import {
  type Clock,
  compareClocks,
  decodeTrusted,
  type Did,
  encodeTrusted,
  type OperationId,
  sha256,
  type SignedOperation,
  type SpaceCheckpoint,
  type VectorChange,
} from '@icn/protocol'
import type { OperationStatus } from './api.ts'
import { type Disposition, isReissueOf } from './candidate.ts'
import { finalAt, idOfCut, knowsCheckpoint } from './cut-records.ts'
import { type KeyText, keyBytes, keyText } from './key.ts'
import { envelopeAt, idOfDigest, idRow } from './known.ts'
import { chainDigestOf, chainRange, clockOfPlace, digestOfPlace, type PlaceText, signerText, u16, u48 } from './layout.ts'
import { stretch } from './stretch.ts'
import { TreeBuilder, vectorTag } from './tree.ts'
import type { SpaceWork } from './work.ts'

/** What counts up to a cut: the vector of the last checkpoint, and layers of changes above it (snapshot page §4). */

/** One agreed cut since the last checkpoint: what counts up to it, against the layer before it, or for the first against the checkpoint. */
export interface CutLayer {
  readonly cut: Clock
  /** By rising key and number; a signer has further entries where the chain back from its head does not say which reissue counts. */
  readonly changes: readonly VectorChange[]
}

/** One signer's last number that counts, and its operation. */
interface Entry {
  readonly seq: number
  readonly head: OperationId
}

/** The vector of the last checkpoint with changes above it. */
export class CutVector {
  readonly #work: SpaceWork
  readonly #entries = new Map<KeyText, Entry>()
  readonly #pins = new Map<KeyText, Map<number, OperationId>>()
  readonly #chosen = new Map<KeyText, ReadonlyMap<number, OperationId>>()

  constructor(work: SpaceWork, changes: readonly VectorChange[] = []) {
    this.#work = work
    for (const [key, seq, head] of changes) {
      const text = keyText(key)
      const pins = this.#pins.get(text) ?? new Map<number, OperationId>()
      this.#pins.set(text, pins.set(seq, head))
      if (seq > (this.#entries.get(text)?.seq ?? -1)) this.#entries.set(text, { seq, head })
    }
  }

  /** Undefined when nothing of this signer counts. */
  entryOf(signer: Did): Entry | undefined {
    const key = signerText(signer)
    return this.#entries.get(key) ?? this.#stored(key)
  }

  /** Operations above the last checkpoint: numbers, so that a reissue counts once. */
  get added(): number {
    let added = 0
    for (const [key, { seq }] of this.#entries) added += seq - (this.#stored(key)?.seq ?? -1)
    return added
  }

  /** The operations of a signer that count, from the head back to the last checkpoint: by `prev`, except where an entry names another reissue. */
  chosen(signer: Did): ReadonlyMap<number, OperationId> {
    const key = signerText(signer)
    const known = this.#chosen.get(key)
    if (known !== undefined) return known
    const floor = this.#stored(key)?.seq ?? -1
    const out = new Map<number, OperationId>()
    let entry: { seq: number; head: OperationId | null } | undefined = this.#entries.get(key)
    while (entry?.head != null && entry.seq > floor) {
      const id: OperationId = this.#pins.get(key)?.get(entry.seq) ?? entry.head
      out.set(entry.seq, id)
      entry = { seq: entry.seq - 1, head: this.#work.operationOf(id)?.envelope.prev ?? null }
    }
    this.#chosen.set(key, out)
    return out
  }

  /** Digest over every signer's entry by rising key, in the shape of the state tree. */
  digest(): Uint8Array {
    const from = `${this.#work.prefix}v`
    const all = new Map<KeyText, Entry>()
    for (const [key, value] of this.#work.overlay.range('checkpoints', from, `${this.#work.prefix}w`)) all.set(key.slice(from.length), decodeTrusted(value) as Entry)
    for (const [key, entry] of this.#entries) all.set(key, entry)
    const tree = new TreeBuilder(vectorTag)
    for (const [key, { seq, head }] of [...all].sort(([a], [b]) => (a < b ? -1 : 1))) tree.add(keyBytes(key), encodeTrusted([seq, head]))
    return tree.end().root
  }

  save(): void {
    for (const [key, entry] of this.#entries) this.#work.overlay.put('checkpoints', `${this.#work.prefix}v${key}`, encodeTrusted(entry))
  }

  #stored(key: KeyText): Entry | undefined {
    const stored = this.#work.overlay.get('checkpoints', `${this.#work.prefix}v${key}`)
    return stored === undefined ? undefined : (decodeTrusted(stored) as Entry)
  }
}

interface LayerHere extends CutLayer {
  readonly vector: CutVector
}

/** Layers above the last checkpoint. */
export class Layers {
  readonly #all: readonly LayerHere[]

  constructor(work: SpaceWork, layers: readonly CutLayer[]) {
    this.#all = layers.map((layer, index) => ({
      ...layer,
      vector: new CutVector(
        work,
        layers.slice(0, index + 1).flatMap(({ changes }) => changes),
      ),
    }))
  }

  /** What counts in the end. */
  get vector(): CutVector {
    return (this.#all.at(-1) as LayerHere).vector
  }

  /** R6: what decides about everything with this clock. Undefined: it stands after all of them. */
  vectorFor(at: Clock): CutVector | undefined {
    return this.#all.find(({ cut }) => compareClocks(at, cut) <= 0)?.vector
  }

  /** Digest of each layer's vector. */
  vectorDigests(): Uint8Array[] {
    return this.#all.map(({ vector }) => vector.digest())
  }
}

export function layersDigest(layers: readonly { readonly cut: Clock; readonly vector: Uint8Array }[]): Uint8Array {
  const hash = createHash('sha256').update('icn/layers/1\n')
  for (const { cut, vector } of layers) hash.update(clockBytes(cut)).update(vector)
  return hash.digest()
}

/** Before the first layer of a space. */
export const chainStart: Uint8Array = new Uint8Array(32)

/** Stands for all layers of a space up to one: what two certificates have in common is found by it. */
export function chainAfter(chain: Uint8Array, { cut, changes }: CutLayer): Uint8Array {
  const hash = createHash('sha256').update('icn/chain/1\n').update(chain).update(clockBytes(cut))
  return hash.update(sha256(encodeTrusted(changes))).digest()
}

const clockBytes = (cut: Clock): Uint8Array => keyBytes(`\u0000\u0000${u48(cut[0])}${u16(cut[1])}`)

/** What layers make of the stretch up to their last cut. */
export interface Decided {
  /** Placed operations that become something else: left behind, or the branch or reissue that counts. */
  readonly changed: ReadonlyMap<PlaceText, Disposition>
  /** Operations of the stretch that are final with it, and how many of them are not certificates. */
  readonly final: number
  readonly due: number
}

/** R6 and R7: what each placed operation up to the last cut becomes, where it is not that already. */
export function* decidedBy(work: SpaceWork, layers: Layers, cut: Clock): Generator<void, Decided> {
  const changed = new Map<PlaceText, Disposition>()
  let [final, due] = [0, 0]
  const { forked, superseded, late } = work.counts
  // Then every number was used once and is on its signer's one chain.
  const isPlain = forked + superseded + late === 0
  for (const [place, status] of stretch(work, cut)) {
    yield
    const vector = layers.vectorFor(clockOfPlace(place)) as CutVector
    const envelope = envelopeAt(work, place)
    const isCut = envelope.kind === 'space.checkpoint'
    let wanted: Disposition
    if (isPlain && !isCut) wanted = isUpTo(vector, envelope) ? 'fold' : 'late'
    else if (isCut && status === 'applied' && knowsCheckpoint(work, idOfCut(work, work.loadAt(place).body as SpaceCheckpoint))) wanted = 'fold'
    else {
      wanted = wantedOf(work, vector, envelope, idOfDigest(digestOfPlace(place)), status)
      // Left out by an earlier cut; whoever gets it only now finds that the number is final.
      if (wanted === 'fold') for (const twin of lateTwins(work, envelope)) changed.set(twin, 'superseded')
    }
    if (wanted !== dispositionOf(status)) changed.set(place, wanted)
    if (wanted !== 'fold' && wanted !== 'superseded') continue
    final++
    if (!isCut) due++
  }
  return { changed, final, due }
}

type Envelope = SignedOperation['envelope']

const isUpTo = (vector: CutVector, { signer, seq }: Envelope): boolean => seq <= (vector.entryOf(signer)?.seq ?? -1)

const dispositionOf = (status: OperationStatus): Disposition => (status === 'late' || status === 'forked' || status === 'superseded' ? status : 'fold')

/** What an operation of the stretch is by the vector that decides about its clock. */
function wantedOf(work: SpaceWork, vector: CutVector, envelope: Envelope, id: OperationId, status: OperationStatus): Disposition {
  // What was not folded needs no other reason to be left out.
  if (!isUpTo(vector, envelope)) return status === 'applied' || status === 'refused' ? 'late' : dispositionOf(status)
  const counts = vector.chosen(envelope.signer).get(envelope.seq) ?? finalAt(work, envelope.signer, envelope.seq)
  if (counts === id) return 'fold'
  const other = counts === undefined ? undefined : work.operationOf(counts)?.envelope
  // Beside what is known by name only it was judged when it came.
  if (counts !== undefined && other === undefined) return dispositionOf(status)
  return other !== undefined && isReissueOf(envelope, other) ? 'superseded' : 'forked'
}

/** Reissues of an operation that an earlier cut has left out. */
function* lateTwins(work: SpaceWork, envelope: Envelope): Generator<PlaceText> {
  const [from, to] = chainRange(work.prefix, signerText(envelope.signer), envelope.seq)
  for (const [entry, mark] of work.overlay.range('chains', from, to)) {
    if (mark[0] === 0) continue
    const digest = chainDigestOf(entry)
    const place = ((idRow(work, digest) as string).slice(4) + digest) as PlaceText
    if (work.statusAt(place) === 'late' && isReissueOf(work.loadAt(place).operation.envelope, envelope)) yield place
  }
}
