import { type Clock, compareClocks, encodeTrusted, equalBytes, type OperationId, type Rules, sha256, type SpaceCheckpoint, type SpaceId, type Trace } from '@icn/protocol'
import type { Candidate } from './candidate.ts'
import type { Engine } from './engine.ts'
import { type KeyText, keyBytes, keyText } from './key.ts'
import { idOfDigest } from './known.ts'
import { chainKey, clockText, type DigestText, type PlaceText, placeText, signerText, u48 } from './layout.ts'
import { leafChange } from './leaves.ts'
import { addDigest, emptySum, emptySummary, type HeadRecord, type SpaceRecord } from './records.ts'
import { isVectorPage, pageKey, pagesNamed } from './pages.ts'
import { HeldSpace } from './space.ts'
import { unproven } from './unproven.ts'
import type { InstallOptions } from './states.ts'
import type { Change, MapName } from './store/port.ts'
import { entriesOfRun, readTracePage } from './traces.ts'
import { LeafBuilder, readPairs, RootBuilder, stateTag, TreeBuilder, vectorTag } from './tree.ts'
import { nextTurn } from './turns.ts'
import type { SpaceWork } from './work.ts'

/** Bytes of rows that are written at once. Larger: writers wait longer; smaller: more writes for the same. */
const writeBytes = 524_288

/** A state on its way in: rows under a number of their own, which nobody reads before it is proven. */
export class Arriving {
  readonly record: SpaceRecord
  readonly rules: Rules
  /** Names that another space bears here: the one that this one replaces. They change hands with the last transaction. */
  readonly taken: Change[] = []
  /** Everything named. */
  setDigest: Uint8Array = emptySum
  count = 0
  last: { readonly id: OperationId; readonly at: Clock } | null = null
  readonly #engine: Engine
  readonly #prefix: KeyText
  #changes: Change[] = []
  #bytes = 0
  readonly #vector = new TreeBuilder(vectorTag)
  #running: { readonly key: KeyText; readonly head: HeadRecord } | undefined
  #lastPlace: PlaceText = ''

  constructor(engine: Engine, { space, genesis, at, rules }: { readonly space: SpaceId; readonly genesis: OperationId; readonly at: Clock; readonly rules: Rules }) {
    this.#engine = engine
    this.rules = rules
    this.record = { number: engine.nextNumber++, space, genesis, genesis_at: at, rules: rules.version }
    this.#prefix = new HeldSpace(this.record, rules, emptySummary, engine.rows).prefix.from
    engine.arriving.add(this.record.number)
    engine.parts.store.write([{ map: 'spaces', key: this.#prefix, value: encodeTrusted({ ...this.record, shelved_until: 0 }) }])
  }

  /** What is not in place by now is dropped by the next upkeep. */
  end(): void {
    this.#engine.arriving.delete(this.record.number)
  }

  /** The state as far as it is here, for whoever reads it. */
  get work(): SpaceWork {
    this.#write()
    return this.#engine.scratch(new HeldSpace(this.record, this.rules, emptySummary, this.#engine.rows))
  }

  tracesOf(page: Uint8Array): readonly Trace[] {
    const traces = readTracePage(page)
    if (traces === undefined) throw unproven('traces')
    return traces
  }

  /** Signers by rising key, numbers without holes, clocks that rise and none after the cut. */
  takeRun(keyOfSigner: Uint8Array, seq: number, bytes: Uint8Array, cut: Clock): void {
    const key = keyText(keyOfSigner)
    if (this.#running?.key !== key) {
      if (seq !== 0 || (this.#running !== undefined && this.#running.key >= key)) throw unproven('traces')
      this.#endChain()
    } else if (this.#running.head.seq + 1 !== seq) throw unproven('traces')
    let head = this.#running?.key === key ? this.#running.head : undefined
    for (const { digest, at } of entriesOfRun(bytes)) {
      if (compareClocks(at, cut) > 0 || (head !== undefined && compareClocks(at, head.at) <= 0)) throw unproven('traces')
      head = { seq: (head?.seq ?? -1) + 1, id: idOfDigest(digest), at, sum: addDigest(head?.sum ?? emptySum, keyBytes(digest)) }
      this.#put('chains', this.#prefix + key + u48(head.seq) + digest, placedMark)
      this.#name(digest, at)
      this.count++
    }
    this.#running = { key, head: head as HeadRecord }
  }

  /** One that the certificate names, and nothing else. */
  takePage(bytes: Uint8Array, { layers }: SpaceCheckpoint): void {
    const digest = sha256(bytes)
    if (!pagesNamed(layers).some((one) => equalBytes(one, digest)) || !isVectorPage(bytes)) throw unproven('traces')
    this.#put('checkpoints', pageKey(this.#prefix, digest), bytes)
  }

  /** Digest of the whole vector. */
  endTraces(): Uint8Array {
    this.#endChain()
    this.#write()
    return this.#vector.end().root
  }

  /** Is this operation named in its signer's chain? */
  holds({ operation: { envelope }, digest }: Candidate): boolean {
    return this.#engine.source.get('chains', chainKey(this.#prefix, signerText(envelope.signer), envelope.seq, digest)) !== undefined
  }

  /** Every pair is hashed again: the root proves them all. */
  async takePairs(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, { root, pairs, size }: SpaceCheckpoint, { signal, onProgress }: InstallOptions): Promise<void> {
    const tree = new RootBuilder(stateTag)
    const builder = new LeafBuilder((leaf) => {
      tree.add(leaf)
      const change = leafChange(this.#prefix, { what: 'made', leaf })
      if (change?.value) this.#put(change.map, change.key, change.value)
    })
    let last: KeyText | undefined
    let bytes = 0
    for await (const part of source) {
      signal?.throwIfAborted()
      bytes += part.length
      const read = bytes > size ? undefined : readPairs(part)
      if (read === undefined) throw unproven('pairs')
      for (const [key, value] of read) {
        if (last !== undefined && key <= last) throw unproven('pairs')
        last = key
        builder.add(key, value)
        // A view of the part would keep the whole part alive as long as the row is cached.
        this.#put('state', this.#prefix + key, new Uint8Array(value))
      }
      onProgress?.(bytes)
      await nextTurn()
    }
    builder.end()
    this.#write()
    const found = tree.end()
    if (!equalBytes(found.root, root) || found.pairs !== pairs || found.bytes !== size) throw unproven('root', { pairs: found.pairs, bytes: found.bytes })
  }

  #endChain(): void {
    if (this.#running === undefined) return
    const { key, head } = this.#running
    const entry = encodeTrusted({ seq: head.seq, head: head.id })
    this.#put('heads', this.#prefix + key, encodeTrusted(head))
    this.#put('checkpoints', `${this.#prefix}v${key}`, entry)
    this.#vector.add(keyBytes(key), encodeTrusted([head.seq, head.id]))
    this.setDigest = addDigest(this.setDigest, head.sum)
  }

  #name(digest: DigestText, at: Clock): void {
    const value = keyBytes(this.#prefix + clockText(at))
    if (this.#engine.source.get('ids', digest) === undefined) this.#put('ids', digest, value)
    else this.taken.push({ map: 'ids', key: digest, value })
    const place = placeText(at, digest)
    if (place <= this.#lastPlace) return
    this.#lastPlace = place
    this.last = { id: idOfDigest(digest), at }
  }

  #put(map: MapName, key: KeyText, value: Uint8Array): void {
    this.#changes.push({ map, key, value })
    this.#bytes += key.length + value.length
    if (this.#bytes >= writeBytes) this.#write()
  }

  #write(): void {
    if (this.#changes.length === 0) return
    this.#engine.parts.store.write(this.#changes)
    this.#changes = []
    this.#bytes = 0
  }
}

const placedMark = Uint8Array.of(1)
