import {
  type Did,
  didOfKey,
  equalBytes,
  type FrameOf,
  frameEntriesMax,
  frameOperationsMax,
  keyOfDid,
  type OperationId,
  rawBytes,
  type RawOperation,
  type SpaceId,
  vectorBuckets,
  type VectorEntry,
  type Vectors,
} from '@icn/protocol'
import { type News, readSigner, type Signed } from './news.ts'
import { Spared } from './spared.ts'
import { type Flow, UnderWay } from './under-way.ts'

/** What one peer lacks of one space, as far as is known, and the order in which it is sent. Knows no wire: it is asked for frames as there is room. */

type EntryOf = FrameOf<'vector'>['entries'][number]

/** Bytes of operations in one frame. Larger: other spaces wait longer on the same stream; smaller: more frames. */
const frameOperationsBytes = 262_144
/** Bytes of new operations that wait for one peer; what comes after them is read from the store when there is room. Larger: memory for a peer that takes nothing; smaller: more reads. */
const waitingBytesMax = 1_048_576
/** Names of operations that a peer has asked for and that wait for it. Larger: memory for a peer that takes nothing; smaller: it has to ask more often. */
const askedMax = 4 * frameOperationsMax
/** Room in which any one operation fits. */
export const operationRoom = 70_000

const wireEntry = ({ signer, seq, head, sum }: VectorEntry): EntryOf => [keyOfDid(signer), seq, head, sum]

export const allBuckets: ReadonlySet<number> = new Set(Array.from({ length: vectorBuckets }, (_, bucket) => bucket))

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

/** New here, or bearing a number that was used twice. */
interface Waiting extends Signed {
  readonly raw: RawOperation
  readonly via: Did | undefined
}

/** Asked for, and read when it leaves; or waiting. */
type Single = { readonly id: OperationId; readonly w: number } | Waiting

/** What leaves as one frame. */
export interface Parcel {
  readonly frame: FrameOf<'ops'>
  readonly bytes: number
  /** Who brought all of it here. */
  readonly via: Did | undefined
}

export class Sending {
  readonly #flow: Flow
  readonly #underWay: UnderWay
  readonly spared = new Spared()
  /** Last number of each signer that the peer has, as far as is known; undefined before it has said so. */
  #theirs: Map<Did, number> | undefined
  /** From which number on operations are being sent, and after which place; what is found to be lacking meanwhile has its turn after that. */
  #from: Map<Did, number> | undefined
  #after: string | undefined
  #later = new Map<Did, number>()
  /** Last number of each signer that became new while its operations were being read: it may stand where reading had passed. */
  readonly #passed = new Map<Did, number>()
  readonly #single: Single[] = []
  #waitingBytes = 0
  #asked = 0
  #readsNoMore = false

  constructor(flow: Flow) {
    this.#flow = flow
    this.#underWay = new UnderWay(flow)
  }

  get knowsPeer(): boolean {
    return this.#theirs !== undefined
  }

  get isIdle(): boolean {
    return this.#from === undefined && this.#later.size === 0 && this.#single.length === 0
  }

  /** From here on nothing is read for a peer that has not asked for it: what waits in memory still leaves. */
  readNoMore(): void {
    this.#readsNoMore = true
    this.#from = undefined
    this.#later.clear()
    this.#passed.clear()
  }

  /** Both have the same. */
  equal(vectors: Vectors): void {
    this.#theirs = new Map(vectors.entries().map(({ signer, seq }) => [signer, seq]))
    this.spared.hasAll()
  }

  /** Whatever the peer is not known to have is sent, without asking it. */
  push(vectors: Vectors): void {
    this.#theirs ??= new Map()
    for (const { signer, seq } of vectors.entries()) {
      const known = this.#theirs.get(signer)
      // Which of two that bear one number it has, it does not say.
      if (known !== undefined) for (const raw of vectors.twins(signer)) this.#pushOne(raw)
      if ((known ?? -1) < seq && this.#from?.has(signer) !== true) this.#readFrom(signer)
    }
  }

  /** A new operation for a peer that tells nothing of what it has. */
  pushNew(news: News, now: number): void {
    if (news.seq <= (this.#theirs?.get(news.signer) ?? -1)) this.#pushOne(news.raw())
    // Others may be told as little.
    else this.offer({ ...news, via: undefined }, now)
  }

  /** What the peer has of these buckets; what it lacks of them is sent from now on. True: it has more of somebody than is here. */
  learn(vectors: Vectors, { buckets, entries }: FrameOf<'vector'>, now: number): boolean {
    const theirs = new Map(entries.map(([key, seq, head, sum]) => [didOfKey(key), { seq, head, sum }]))
    this.#theirs ??= new Map()
    for (const [signer, { seq }] of theirs) {
      this.#has(signer, seq)
      this.spared.has(signer, seq)
    }
    this.#underWay.tidy()
    const covered = new Set(buckets)
    let isMore = false
    for (const own of vectors.entries()) {
      if (!covered.has(own.bucket)) continue
      const known = theirs.get(own.signer)
      theirs.delete(own.signer)
      isMore ||= known !== undefined && known.seq > own.seq
      if (known === undefined || known.seq < own.seq) this.#sendFrom(own, (known?.seq ?? -1) + 1, now)
      // Equal numbers and unequal sums: somebody has used one twice. Unequal numbers are made equal first.
      else if (known.seq === own.seq && !equalBytes(known.sum, own.sum)) {
        if (known.head !== own.head) this.#pushOne(vectors.raw(own.head))
        for (const raw of vectors.twins(own.signer)) this.#pushOne(raw)
      }
    }
    // Whoever is left is unknown here.
    return isMore || theirs.size > 0
  }

  /** Has the peer said that it holds what bears this number? */
  claims(raw: RawOperation): boolean {
    const read = readSigner(raw)
    return read !== undefined && read.seq <= (this.#theirs?.get(read.signer) ?? -1)
  }

  /** The peer has sent these, so it has them. */
  received(operations: readonly Signed[]): void {
    for (const { signer, seq } of operations) this.#has(signer, seq)
  }

  /** A new operation, sent unless the peer has it, it is on its way, or others bring it. */
  offer(news: News, now: number): void {
    const { signer, seq, via } = news
    if (this.#theirs === undefined || seq <= (this.#theirs.get(signer) ?? -1) || this.spared.leaves(via, signer, seq, now)) return
    if (this.#from !== undefined) {
      // Read in the order with everything else that the peer lacks, so that it never waits for what comes later.
      if (this.#from.has(signer)) this.#passed.set(signer, seq)
      else this.#readFrom(signer)
      return
    }
    if (this.#later.has(signer)) return
    const raw = news.raw()
    if (raw === undefined) return
    if (this.#waitingBytes + rawBytes(raw) > waitingBytesMax) this.#readFrom(signer)
    else {
      this.#has(signer, seq)
      this.#wait({ ...news, raw })
    }
  }

  /** What was asked for; beyond the bound it has to be asked for again. */
  answer(id: OperationId, w: number): void {
    if (this.#asked >= askedMax) return
    this.#asked++
    this.#single.push({ id, w })
  }

  /** The next frame, with operations of at most so many bytes; undefined when nothing is left or nothing fits. */
  next(space: SpaceId, vectors: Vectors, room: number): Parcel | undefined {
    if (room < operationRoom) return undefined
    const bytesMax = Math.min(room, frameOperationsBytes)
    return this.#nextAnswer(space, vectors, bytesMax) ?? this.#nextNews(space, bytesMax) ?? this.#nextPage(space, vectors, bytesMax)
  }

  #nextAnswer(space: SpaceId, vectors: Vectors, bytesMax: number): Parcel | undefined {
    const taken: RawOperation[] = []
    let w: number | undefined
    let bytes = 0
    for (let first = this.#single[0]; first !== undefined && 'w' in first && (w === undefined || first.w === w); first = this.#single[0]) {
      const raw = vectors.raw(first.id)
      if (raw !== undefined) {
        if (taken.length > 0 && (taken.length === frameOperationsMax || bytes + rawBytes(raw) > bytesMax)) break
        taken.push(raw)
        bytes += rawBytes(raw)
        w = first.w
      }
      this.#single.shift()
      this.#asked--
    }
    return taken.length === 0 ? undefined : { frame: frameOf(space, taken, w), bytes, via: undefined }
  }

  #nextNews(space: SpaceId, bytesMax: number): Parcel | undefined {
    const [first] = this.#single
    if (first === undefined || 'w' in first) return undefined
    const taken: Waiting[] = []
    let bytes = 0
    for (const news of this.#single) {
      if ('w' in news || news.via !== first.via || taken.length === frameOperationsMax || (taken.length > 0 && bytes + rawBytes(news.raw) > bytesMax)) break
      taken.push(news)
      bytes += rawBytes(news.raw)
    }
    this.#single.splice(0, taken.length)
    this.#waitingBytes -= bytes
    for (const { signer, seq } of taken) this.#underWay.add(signer, seq, this.#flow.sent + bytes)
    const raws = taken.map(({ raw }) => raw)
    return { frame: frameOf(space, raws), bytes, via: first.via }
  }

  #nextPage(space: SpaceId, vectors: Vectors, bytesMax: number): Parcel | undefined {
    if (this.#from === undefined) {
      if (this.#later.size === 0) return undefined
      this.#from = this.#later
      this.#later = new Map()
    }
    const { operations, next } = vectors.lacking(this.#from, { ...(this.#after === undefined ? {} : { after: this.#after }), countMax: frameOperationsMax, bytesMax })
    const bytes = bytesOf(operations)
    for (const raw of operations) {
      const read = readSigner(raw)
      if (read === undefined) continue
      this.#has(read.signer, read.seq)
      this.#underWay.add(read.signer, read.seq, this.#flow.sent + bytes)
    }
    this.#after = next ?? undefined
    if (next === null) this.#readToTheEnd()
    if (operations.length > 0) return { frame: frameOf(space, operations), bytes, via: undefined }
    return this.#later.size === 0 ? undefined : this.#nextPage(space, vectors, bytesMax)
  }

  #readToTheEnd(): void {
    this.#from = undefined
    for (const [signer, seq] of this.#passed) if (seq > (this.#theirs?.get(signer) ?? -1)) this.#readFrom(signer)
    this.#passed.clear()
  }

  #has(signer: Did, seq: number): void {
    this.#theirs?.set(signer, Math.max(seq, this.#theirs.get(signer) ?? -1))
  }

  /** Everything of a signer after what the peer has or what waits for it is read from the store, in its turn. */
  #readFrom(signer: Did): void {
    if (!this.#readsNoMore && !this.#later.has(signer)) this.#later.set(signer, (this.#theirs?.get(signer) ?? -1) + 1)
  }

  /** What is on its way to the peer already, or waits to be sent, is not begun again. */
  #sendFrom({ signer, seq: last }: Pick<VectorEntry, 'signer' | 'seq'>, seq: number, now: number): void {
    if (this.#readsNoMore || this.#from?.has(signer) === true) return
    let from = this.#underWay.after(signer, seq)
    for (const news of this.#single) if (!('w' in news) && news.signer === signer && news.seq === from) from++
    if (from <= last && !this.spared.mayCome(signer, from, now)) this.#later.set(signer, from)
  }

  #pushOne(raw: RawOperation | undefined): void {
    const read = raw === undefined ? undefined : readSigner(raw)
    if (raw !== undefined && read !== undefined && this.#waitingBytes + rawBytes(raw) <= waitingBytesMax) this.#wait({ raw, ...read, via: undefined })
  }

  #wait(news: Waiting): void {
    this.#waitingBytes += rawBytes(news.raw)
    this.#single.push(news)
  }
}

export const bytesOf = (operations: readonly RawOperation[]): number => operations.reduce((sum, raw) => sum + rawBytes(raw), 0)

function frameOf(space: SpaceId, operations: readonly RawOperation[], w?: number): FrameOf<'ops'> {
  return { t: 'ops', space, ops: operations.map(({ envelope, signature, body }) => [envelope, signature, body]), ...(w === undefined ? {} : { w }) }
}
