import { sha256 } from '#sha256'
import { keyOfDid } from '../did.ts'
import type { Did, OperationId } from '../ids.ts'
import type { MalformedReason } from '../operation.ts'

/** What the journal and the streams between nodes say to each other. */

/** An operation as it travels: envelope, signature, body; no body where its kind may forget it and a cut covers it. */
export interface RawOperation {
  readonly envelope: Uint8Array
  readonly signature: Uint8Array
  readonly body: Uint8Array | null
}

/** Bytes of an operation on the way: envelope, signature, body. */
export const rawBytes = ({ envelope, body }: Pick<RawOperation, 'envelope' | 'body'>): number => envelope.length + 64 + (body?.length ?? 0)

/** Signers are spread over buckets by the first byte of SHA-256 of their key, so that comparing costs what differs and not how many there are. */
export const vectorBuckets = 256
/** Of a sum modulo 2^256, so many bytes are compared. Larger: more traffic; smaller: a difference could hide. */
export const vectorSumBytes = 8

/** First byte of SHA-256 of the signer's key. */
export const vectorBucketOf = (signer: Did): number => sha256(keyOfDid(signer))[0] as number

/** What is placed of one signer: last number, its operation, and eight bytes of the order-free sum over everything of theirs. */
export interface VectorEntry {
  readonly signer: Did
  readonly seq: number
  readonly head: OperationId
  readonly sum: Uint8Array
  readonly bucket: number
}

/** Operations in total order; `next` goes on after them, null at the end. */
export interface LackingPage {
  readonly operations: readonly RawOperation[]
  readonly next: string | null
}

/** What replication compares and sends (engine page §8). Reads of the last commit; what is held does not count. */
export interface Vectors {
  /** For each bucket of signers the beginning of the sum over what is placed of them. */
  buckets(): Uint8Array
  /** By rising key. */
  entries(): readonly VectorEntry[]
  /** Operations of these signers from these numbers on. */
  lacking(from: ReadonlyMap<Did, number>, page: { readonly after?: string; readonly countMax: number; readonly bytesMax: number }): LackingPage
  /** Operations of a signer whose number was used more than once. */
  twins(signer: Did): readonly RawOperation[]
  /** Undefined: unknown here, or only held. */
  raw(id: OperationId): RawOperation | undefined
}

export interface IngestResult {
  readonly placed: number
  readonly held: number
  readonly known: number
  readonly malformed: readonly { readonly id?: OperationId; readonly reason: MalformedReason }[]
  /** Parents that held operations wait for. */
  readonly wanted: readonly OperationId[]
  /** New here, and signed by this node's own key, while it was signing here: it has signed elsewhere, or this store is older than what it has signed. */
  readonly own: readonly OperationId[]
}
