import { decodeTrusted, type Did, didOfKey, type Envelope, type LackingPage, type OperationId, type RawOperation, sha256, type VectorEntry } from '@icn/protocol'
import type { Engine } from './engine.ts'
import { chainDigestOf, chainKey, chainRange, chainSeqOf, type DigestText, digestText, signerText } from './layout.ts'
import { keyBytes, keyText } from './key.ts'
import { addDigest, decodeStored, emptySum, type HeadRecord } from './records.ts'
import type { HeldSpace } from './space.ts'

/** What is placed here of each signer, and what somebody else lacks of it (engine page §8, network page §6). What is only held does not count. */

export const bucketCount = 256
const sumBytes = 8

/** Signers are spread over buckets, so that comparing costs what differs and not how many there are. */
export const bucketOf = (signer: Did): number => sha256(keyBytes(signerText(signer)))[0] as number

function* headsOf(engine: Engine, { prefix }: HeldSpace): Generator<readonly [Did, HeadRecord]> {
  for (const [key, bytes] of engine.source.range('heads', prefix.from, prefix.to)) {
    const head = decodeTrusted(bytes) as HeadRecord
    // A number may be known to have been used twice before anything of its signer has a place.
    if (head.seq >= 0) yield [didOfKey(keyBytes(key.slice(4))), head]
  }
}

/** For each bucket the first eight bytes of the sum over its signers. */
export function bucketsOf(engine: Engine, space: HeldSpace): Uint8Array {
  const sums = Array.from({ length: bucketCount }, (): Uint8Array => emptySum)
  for (const [signer, { sum }] of headsOf(engine, space)) {
    const bucket = bucketOf(signer)
    sums[bucket] = addDigest(sums[bucket] as Uint8Array, sum)
  }
  const whole = new Uint8Array(bucketCount * sumBytes)
  for (const [bucket, sum] of sums.entries()) whole.set(sum.subarray(0, sumBytes), bucket * sumBytes)
  return whole
}

/** By rising key. */
export function entriesOf(engine: Engine, space: HeldSpace, buckets?: ReadonlySet<number>): VectorEntry[] {
  const entries: VectorEntry[] = []
  for (const [signer, { seq, id, sum }] of headsOf(engine, space))
    if (buckets === undefined || buckets.has(bucketOf(signer))) entries.push({ signer, seq, head: id, sum: sum.subarray(0, sumBytes) })
  return entries
}

const rawOf = (stored: Uint8Array): RawOperation => {
  const { bytes, signature, body } = decodeStored(stored)
  return { envelope: bytes, signature, body }
}

const sizeOf = ({ envelope, body }: RawOperation): number => envelope.length + 64 + (body?.length ?? 0)

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
  const start = after === undefined ? firstPlace(engine, space, from) : `${after}\u0000`
  const operations: RawOperation[] = []
  let bytes = 0
  let last = after
  if (start !== undefined) {
    for (const [key, stored] of engine.source.range('operations', prefix.from + start, prefix.to)) {
      const raw = rawOf(stored)
      const { signer, seq } = decodeTrusted(raw.envelope) as Envelope
      if (seq >= (from.get(signer) ?? Number.POSITIVE_INFINITY)) {
        if (operations.length > 0 && (operations.length === countMax || bytes + sizeOf(raw) > bytesMax)) return { operations, next: last as string }
        operations.push(raw)
        bytes += sizeOf(raw)
      }
      last = key.slice(4)
    }
  }
  return { operations, next: null }
}

/** Where the earliest of them stands. */
function firstPlace(engine: Engine, space: HeldSpace, from: ReadonlyMap<Did, number>): string | undefined {
  let first: string | undefined
  for (const [signer, seq] of from) {
    for (const [, place] of chainOf(engine, space, signer, seq, 2 ** 47)) {
      if (first === undefined || place < first) first = place
      // Later numbers stand later; only what bears the same number may stand before.
      break
    }
    for (const [, place] of chainOf(engine, space, signer, seq, seq)) if (first === undefined || place < first) first = place
  }
  return first
}

/** Placed operations of a signer by number, then id, with their places. */
function* chainOf(engine: Engine, { prefix }: HeldSpace, signer: Did, fromSeq: number, toSeq: number): Generator<readonly [number, string]> {
  const key = signerText(signer)
  for (const [entry, mark] of engine.source.range('chains', chainKey(prefix.from, key, fromSeq, ''), chainRange(prefix.from, key, toSeq)[1])) {
    if (mark[0] === 0) continue
    const digest: DigestText = chainDigestOf(entry)
    yield [chainSeqOf(entry), keyText(engine.source.get('ids', digest) as Uint8Array).slice(4) + digest]
  }
}

/** What a signer has used a number twice for: reissues and forks. Read only where two nodes have equal heads and unequal sums. */
export function twinsOf(engine: Engine, space: HeldSpace, signer: Did): RawOperation[] {
  const byNumber = new Map<number, string[]>()
  for (const [seq, place] of chainOf(engine, space, signer, 0, 2 ** 47)) byNumber.set(seq, [...(byNumber.get(seq) ?? []), place])
  return [...byNumber.values()].flatMap((places) =>
    places.length < 2 ? [] : places.map((place) => rawOf(engine.source.get('operations', space.prefix.from + place) as Uint8Array)),
  )
}

/** A placed operation as it is sent; undefined when it is unknown here or only held. */
export function rawOperation(engine: Engine, space: HeldSpace, id: OperationId): RawOperation | undefined {
  const digest = digestText(id)
  const known = engine.source.get('ids', digest)
  if (known === undefined) return undefined
  const place = keyText(known)
  if (place.length === 4 || !place.startsWith(space.prefix.from)) return undefined
  return rawOf(engine.source.get('operations', place + digest) as Uint8Array)
}
