import {
  decodeTrusted,
  type Did,
  didOfKey,
  equalBytes,
  type Envelope,
  type LackingPage,
  type OperationId,
  type RawOperation,
  rawBytes,
  sha256,
  type VectorEntry,
  vectorBucketOf,
  vectorBuckets,
  vectorSumBytes,
} from '@icn/protocol'
import type { Engine } from './engine.ts'
import { chainDigestOf, chainKey, chainSeqOf, type DigestText, digestText, signerText, textAfter } from './layout.ts'
import { keyBytes, keyText } from './key.ts'
import { addDigest, decodeStored, emptySum, type HeadRecord } from './records.ts'
import type { HeldSpace } from './space.ts'

/** What is placed here of each signer, and what somebody else lacks of it (engine page §8, network page §6). What is only held does not count. */

function* headsOf(engine: Engine, { prefix }: HeldSpace): Generator<readonly [Did, HeadRecord]> {
  for (const [key, bytes] of engine.source.range('heads', prefix.from, prefix.to)) {
    const head = decodeTrusted(bytes) as HeadRecord
    // A number may be known to have been used twice before anything of its signer has a place.
    if (head.seq >= 0) yield [didOfKey(keyBytes(key.slice(4))), head]
  }
}

/** By rising key. Not to be changed: all who ask get the same. */
export const entriesOf = (engine: Engine, space: HeldSpace): readonly VectorEntry[] => read(engine, space).entries

/** For each bucket the beginning of the sum over its signers. Not to be changed either. */
export const bucketsOf = (engine: Engine, space: HeldSpace): Uint8Array => read(engine, space).buckets

/** Every link asks after every commit, so it is read once for each set. */
function read(engine: Engine, space: HeldSpace): NonNullable<HeldSpace['vectors']> {
  const { setDigest } = space.summary
  if (space.vectors?.setDigest !== setDigest) {
    const entries: VectorEntry[] = []
    const sums = Array.from({ length: vectorBuckets }, (): Uint8Array => emptySum)
    for (const [signer, { seq, id, sum }] of headsOf(engine, space)) {
      const bucket = vectorBucketOf(signer)
      entries.push({ signer, seq, head: id, sum: sum.subarray(0, vectorSumBytes), bucket })
      sums[bucket] = addDigest(sums[bucket] as Uint8Array, sum)
    }
    const buckets = new Uint8Array(vectorBuckets * vectorSumBytes)
    for (const [bucket, sum] of sums.entries()) buckets.set(sum.subarray(0, vectorSumBytes), bucket * vectorSumBytes)
    space.vectors = { setDigest, entries, buckets }
  }
  return space.vectors
}

const rawOf = (stored: Uint8Array): RawOperation => {
  const { bytes, signature, body } = decodeStored(stored)
  return { envelope: bytes, signature, body }
}

/**
 * Operations of these signers from these numbers on, in total order, so that whoever gets a part has a causal prefix. At least one when there is one,
 * however large; `after` is the page before's `next`.
 */
export function lackingPage(
  engine: Engine,
  space: HeldSpace,
  from: ReadonlyMap<Did, number>,
  { after, countMax, bytesMax }: { readonly after?: string; readonly countMax: number; readonly bytesMax: number },
): LackingPage {
  const { prefix } = space
  const given = givable(engine, space, from)
  const start = after === undefined ? firstPlace(engine, space, given) : `${after}\u0000`
  const operations: RawOperation[] = []
  let bytes = 0
  let last = after
  if (start !== undefined) {
    for (const [key, stored] of engine.source.range('operations', prefix.from + start, prefix.to)) {
      const raw = rawOf(stored)
      const { signer, seq } = decodeTrusted(raw.envelope) as Envelope
      if (seq >= (given.get(signer) ?? Number.POSITIVE_INFINITY)) {
        if (operations.length > 0 && (operations.length === countMax || bytes + rawBytes(raw) > bytesMax)) return { operations, next: last as string }
        operations.push(raw)
        bytes += rawBytes(raw)
      }
      last = key.slice(4)
    }
  }
  return { operations, next: null }
}

/** Of whom somebody lacks what is known here by name only, they get nothing: what follows would wait there for what others have to give. */
function givable(engine: Engine, space: HeldSpace, from: ReadonlyMap<Did, number>): ReadonlyMap<Did, number> {
  if (space.floor === null) return from
  return new Map(
    [...from].filter(([signer, wanted]) => {
      // The first operation of the space is here, whatever follows it.
      for (const [seq, digest] of chainOf(engine, space, signer, wanted)) if (seq > 0) return rawAt(engine, space, digest) !== undefined
      return true
    }),
  )
}

/** Where the earliest of them stands. */
function firstPlace(engine: Engine, space: HeldSpace, from: ReadonlyMap<Did, number>): string | undefined {
  let first: string | undefined
  for (const [signer, wanted] of from) {
    let lowest: number | undefined
    for (const [seq, digest] of chainOf(engine, space, signer, wanted)) {
      // Later numbers stand later; only what bears the same one may stand before.
      lowest ??= seq
      if (seq > lowest) break
      const place = placeOf(engine, digest)
      if (first === undefined || place < first) first = place
    }
  }
  return first
}

/** Placed operations of a signer from a number on: number and digest. */
function* chainOf(engine: Engine, { prefix }: HeldSpace, signer: Did, from: number): Generator<readonly [number, DigestText]> {
  const key = signerText(signer)
  for (const [entry, mark] of engine.source.range('chains', chainKey(prefix.from, key, from, ''), textAfter(prefix.from + key)))
    if (mark[0] !== 0) yield [chainSeqOf(entry), chainDigestOf(entry)]
}

const placeOf = (engine: Engine, digest: DigestText): string => keyText(engine.source.get('ids', digest) as Uint8Array).slice(4) + digest

/** What a signer has used a number twice for: reissues and forks. Read only where two nodes have equal numbers and unequal sums. */
export function twinsOf(engine: Engine, space: HeldSpace, signer: Did): RawOperation[] {
  const byNumber = new Map<number, DigestText[]>()
  for (const [seq, digest] of chainOf(engine, space, signer, 0)) byNumber.set(seq, [...(byNumber.get(seq) ?? []), digest])
  const twins = [...byNumber.values()].filter(({ length }) => length > 1).flat()
  return twins.flatMap((digest) => rawAt(engine, space, digest) ?? [])
}

/** A placed operation as it is sent; undefined when it is unknown here or only held. */
export const rawOperation = (engine: Engine, space: HeldSpace, id: OperationId): RawOperation | undefined => rawAt(engine, space, digestText(id))

function rawAt(engine: Engine, space: HeldSpace, digest: DigestText): RawOperation | undefined {
  const known = engine.source.get('ids', digest)
  if (known === undefined) return undefined
  const place = keyText(known)
  if (place.length === 4 || !place.startsWith(space.prefix.from)) return undefined
  const stored = engine.source.get('operations', place + digest)
  return stored === undefined ? undefined : rawOf(stored)
}

/** Is this placed here, byte for byte? Its name covers the envelope alone: with another signature or body it is somebody's claim, to be examined. */
export function isPlaced(engine: Engine, space: HeldSpace, { envelope, signature, body }: RawOperation): boolean {
  const own = rawAt(engine, space, keyText(sha256(envelope)) as DigestText)
  if (own === undefined || own.body === null || body === null) return false
  return equalBytes(own.signature, signature) && equalBytes(own.body, body)
}
