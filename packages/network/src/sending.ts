import {
  decodeTrusted,
  type Did,
  didOfKey,
  type Envelope,
  equalBytes,
  type FrameOf,
  frameEntriesMax,
  frameOperationsMax,
  isDid,
  keyOfDid,
  rawBytes,
  type RawOperation,
  type SpaceId,
  type VectorEntry,
  type Vectors,
} from '@icn/protocol'

/** What one peer lacks of one space, as far as is known, and the order in which it is sent. Knows no wire: it is asked for frames as there is room. */

type EntryOf = FrameOf<'vector'>['entries'][number]

/** Bytes of operations in one frame. Larger: other spaces wait longer on the same stream; smaller: more frames. */
const frameOperationsBytes = 262_144
/** Single operations that wait for one peer. Larger: memory for a peer that takes nothing; smaller: it has to ask more often. */
const singleMax = 4 * frameOperationsMax
/** Room in which any one operation fits. */
const operationRoom = 70_000

/** Undefined for bytes that are no envelope; the journal counts them. */
function readSigner({ envelope }: RawOperation): { readonly signer: Did; readonly seq: number } | undefined {
  try {
    const { signer, seq } = decodeTrusted(envelope) as Envelope
    return isDid(signer) && Number.isSafeInteger(seq) ? { signer, seq } : undefined
  } catch {
    return undefined
  }
}

const wireEntry = ({ signer, seq, head, sum }: VectorEntry): EntryOf => [keyOfDid(signer), seq, head, sum]

/** Entries in frames of bounded size, each with the buckets that it covers whole. Without vectors: that nothing is here. */
export function* vectorFrames(space: SpaceId, vectors: Vectors | undefined, buckets: ReadonlySet<number>, ask: boolean): Generator<FrameOf<'vector'>> {
  const byBucket = Map.groupBy(vectors?.entries() ?? [], ({ bucket }) => bucket)
  let covered: number[] = []
  let entries: EntryOf[] = []
  for (const bucket of buckets) {
    const own = (byBucket.get(bucket) ?? []).map(wireEntry)
    if (entries.length + own.length > frameEntriesMax && covered.length > 0) {
      yield { t: 'vector', space, buckets: covered, entries, ask }
      covered = []
      entries = []
    }
    covered.push(bucket)
    entries.push(...own)
  }
  if (covered.length > 0) yield { t: 'vector', space, buckets: covered, entries, ask }
}

export class Sending {
  /** Last number of each signer that the peer has, as far as is known; undefined before it has said so. */
  #theirs: Map<Did, number> | undefined
  /** From which number on operations are being sent, and after which place; what is found to be lacking meanwhile has its turn after that. */
  #from: Map<Did, number> | undefined
  #after: string | undefined
  #later = new Map<Did, number>()
  /** Single operations: asked for, new, or bearing a number that was used twice. */
  readonly #single: { readonly raw: RawOperation; readonly w?: number }[] = []

  get knowsPeer(): boolean {
    return this.#theirs !== undefined
  }

  get isIdle(): boolean {
    return this.#from === undefined && this.#later.size === 0 && this.#single.length === 0
  }

  /** Both have the same. */
  equal(vectors: Vectors): void {
    this.#theirs = new Map(vectors.entries().map(({ signer, seq }) => [signer, seq]))
  }

  /** What the peer has of these buckets; what it lacks of them is sent from now on. */
  learn(vectors: Vectors, { buckets, entries }: FrameOf<'vector'>): void {
    const theirs = new Map(entries.map(([key, seq, head, sum]) => [didOfKey(key), { seq, head, sum }]))
    this.#theirs ??= new Map()
    for (const [signer, { seq }] of theirs) this.#theirs.set(signer, Math.max(seq, this.#theirs.get(signer) ?? -1))
    const covered = new Set(buckets)
    for (const own of vectors.entries()) {
      if (!covered.has(own.bucket)) continue
      const known = theirs.get(own.signer)
      if (known === undefined || known.seq < own.seq) this.#sendFrom(own.signer, (known?.seq ?? -1) + 1)
      // Equal numbers and unequal sums: somebody has used one twice. Unequal numbers are made equal first.
      else if (known.seq === own.seq && !equalBytes(known.sum, own.sum)) {
        if (known.head !== own.head) this.#push(vectors.raw(own.head))
        for (const raw of vectors.twins(own.signer)) this.#push(raw)
      }
    }
  }

  /** The peer has sent these, so it has them. */
  received(operations: readonly RawOperation[]): void {
    if (this.#theirs === undefined) return
    for (const raw of operations) {
      const read = readSigner(raw)
      if (read === undefined) continue
      const { signer, seq } = read
      this.#theirs.set(signer, Math.max(seq, this.#theirs.get(signer) ?? -1))
    }
  }

  /** A new operation, sent unless the peer has it or it is on its way. */
  offer(raw: RawOperation): void {
    const read = readSigner(raw)
    if (this.#theirs === undefined || read === undefined) return
    const { signer, seq } = read
    // A peer that takes nothing gets the rest when vectors are compared the next time.
    if (seq <= (this.#theirs.get(signer) ?? -1) || this.#single.length >= singleMax) return
    this.#theirs.set(signer, seq)
    this.#push(raw)
  }

  /** What was asked for; beyond the bound it has to be asked for again. */
  answer(raw: RawOperation, w: number): void {
    if (this.#single.length < singleMax) this.#single.push({ raw, w })
  }

  /** The next frame, with operations of at most so many bytes; undefined when nothing is left or nothing fits. */
  next(space: SpaceId, vectors: Vectors, room: number): { readonly frame: FrameOf<'ops'>; readonly bytes: number } | undefined {
    if (room < operationRoom) return undefined
    const bytesMax = Math.min(room, frameOperationsBytes)
    return this.#nextSingle(space, bytesMax) ?? this.#nextPage(space, vectors, bytesMax)
  }

  #nextSingle(space: SpaceId, bytesMax: number): { frame: FrameOf<'ops'>; bytes: number } | undefined {
    const [first] = this.#single
    if (first === undefined) return undefined
    const taken: RawOperation[] = []
    let bytes = 0
    while (
      this.#single[0] !== undefined &&
      this.#single[0].w === first.w &&
      taken.length < frameOperationsMax &&
      (taken.length === 0 || bytes + rawBytes(this.#single[0].raw) <= bytesMax)
    ) {
      const { raw } = this.#single.shift() as { raw: RawOperation }
      taken.push(raw)
      bytes += rawBytes(raw)
    }
    return { frame: frameOf(space, taken, first.w), bytes }
  }

  #nextPage(space: SpaceId, vectors: Vectors, bytesMax: number): { frame: FrameOf<'ops'>; bytes: number } | undefined {
    if (this.#from === undefined) {
      if (this.#later.size === 0) return undefined
      this.#from = this.#later
      this.#later = new Map()
    }
    const { operations, next } = vectors.lacking(this.#from, { ...(this.#after === undefined ? {} : { after: this.#after }), countMax: frameOperationsMax, bytesMax })
    if (next === null) this.#from = undefined
    this.#after = next ?? undefined
    if (operations.length === 0) return undefined
    this.received(operations)
    return { frame: frameOf(space, operations), bytes: operations.reduce((sum, raw) => sum + rawBytes(raw), 0) }
  }

  /** What is on its way to the peer already is not begun again. */
  #sendFrom(signer: Did, seq: number): void {
    if (this.#from?.has(signer) !== true) this.#later.set(signer, seq)
  }

  #push(raw: RawOperation | undefined): void {
    if (raw !== undefined) this.#single.push({ raw })
  }
}

function frameOf(space: SpaceId, operations: readonly RawOperation[], w?: number): FrameOf<'ops'> {
  return { t: 'ops', space, ops: operations.map(({ envelope, signature, body }) => [envelope, signature, body]), ...(w === undefined ? {} : { w }) }
}
