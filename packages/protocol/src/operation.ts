import { z } from 'zod'
import { sha256 } from '#sha256'
import { cidOfDigest, concatBytes, decodeTrusted, equalBytes, isCid, utf8 } from './canonical.ts'
import { isDid } from './did.ts'
import type { Did, OperationId, SpaceId } from './ids.ts'
import { operationBytesMax, seenMax } from './limits.ts'
import { bytes, clock, did, isSpaceId, operationId, spaceId } from './schema.ts'
import { type Clock, clockCounterMax } from './units.ts'

/** The signed part of an operation, field by field as in the engine page §1; the body travels beside it. */
export interface Envelope {
  readonly v: 1
  readonly space: SpaceId
  /** The space's first operation; null only in that one. */
  readonly genesis: OperationId | null
  readonly kind: string
  /** Who answers for it. */
  readonly author: Did
  /** Whose key signed it. */
  readonly signer: Did
  readonly grant: OperationId | null
  /** The signer's own count in this space, without holes. */
  readonly seq: number
  readonly prev: OperationId | null
  /** Heads the signer knew besides its own: causal parents. */
  readonly seen: readonly OperationId[]
  readonly at: Clock
  readonly body_hash: Uint8Array
}

/** An operation with everything that is derived from its bytes once. */
export interface SignedOperation {
  readonly id: OperationId
  readonly envelope: Envelope
  /** Canonical bytes of the envelope: what the id names. */
  readonly bytes: Uint8Array
  readonly signature: Uint8Array
  /** Null when it was forgotten (engine page §1). */
  readonly body: Uint8Array | null
}

export const kindPattern = /^[a-z]+(?:\.[a-z_]+){1,3}$/

export const EnvelopeSchema: z.ZodType<Envelope> = z.strictObject({
  v: z.literal(1),
  space: spaceId,
  genesis: operationId.nullable(),
  kind: z.string().max(64).regex(kindPattern),
  author: did,
  signer: did,
  grant: operationId.nullable(),
  seq: z.int().min(0),
  prev: operationId.nullable(),
  seen: z.array(operationId).max(16),
  at: clock,
  body_hash: bytes(32),
}) as unknown as z.ZodType<Envelope>

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
const isId = (value: unknown): boolean => typeof value === 'string' && isCid(value)
const isIdOrNull = (value: unknown): boolean => value === null || isId(value)
const isDidText = (value: unknown): boolean => typeof value === 'string' && isDid(value)

/** Says what `EnvelopeSchema` says, several times quicker: every operation from elsewhere passes here. A property holds the two together. */
export function isEnvelope(value: unknown): value is Envelope {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false
  const envelope = value as Record<string, unknown>
  if (Object.keys(envelope).length !== keysInOrder.length) return false
  const { at, seen, space, kind, body_hash: hash } = envelope
  return (
    envelope['v'] === 1 &&
    typeof space === 'string' &&
    isSpaceId(space) &&
    typeof kind === 'string' &&
    kind.length <= 64 &&
    kindPattern.test(kind) &&
    isIdOrNull(envelope['genesis']) &&
    isIdOrNull(envelope['grant']) &&
    isIdOrNull(envelope['prev']) &&
    isDidText(envelope['author']) &&
    isDidText(envelope['signer']) &&
    isCount(envelope['seq']) &&
    Array.isArray(seen) &&
    seen.length <= seenMax &&
    seen.every(isId) &&
    Array.isArray(at) &&
    at.length === 2 &&
    isCount(at[0]) &&
    isCount(at[1]) &&
    at[1] <= clockCounterMax &&
    hash instanceof Uint8Array &&
    hash.length === 32
  )
}

const signingTag = utf8('icn/op/1\n')

/** The bytes that Ed25519 signs: the tag, then the canonical envelope. */
export function signingBytes(envelopeBytes: Uint8Array): Uint8Array {
  return concatBytes(signingTag, envelopeBytes)
}

export function operationIdOf(envelopeBytes: Uint8Array): OperationId {
  return cidOfDigest(sha256(envelopeBytes)) as OperationId
}

export function bodyHash(body: Uint8Array): Uint8Array {
  return sha256(body)
}

// Keys of the envelope as DAG-CBOR orders them: by length, then by bytes.
const keysInOrder = ['v', 'at', 'seq', 'kind', 'prev', 'seen', 'grant', 'space', 'author', 'signer', 'genesis', 'body_hash'] as const
const encodedKeys = keysInOrder.map((key) => Uint8Array.from([0x60 + key.length, ...utf8(key)]))

/**
 * Canonical bytes of an envelope. Written out, because every operation is encoded once when it is made and once when it is
 * received, and the general encoder costs more than the signature's hash; a property holds it against the library.
 */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  writer.begin()
  writer.head(0xa0, keysInOrder.length)
  for (const [index, key] of keysInOrder.entries()) {
    writer.raw(encodedKeys[index] as Uint8Array)
    const value = envelope[key]
    if (value === null) writer.byte(0xf6)
    else if (typeof value === 'number') writer.head(0x00, value)
    else if (typeof value === 'string') writer.text(value)
    else if (value instanceof Uint8Array) {
      writer.head(0x40, value.length)
      writer.raw(value)
    } else {
      writer.head(0x80, value.length)
      for (const item of value) {
        if (typeof item === 'number') writer.head(0x00, item)
        else writer.text(item as string)
      }
    }
  }
  return writer.end()
}

/** Grows as needed; CBOR heads in their shortest form (RFC 8949 §4.2.1). */
class Writer {
  #bytes = new Uint8Array(1_024)
  #at = 0

  begin(): void {
    this.#at = 0
  }

  byte(value: number): void {
    this.#room(1)
    this.#bytes[this.#at++] = value
  }

  raw(value: Uint8Array): void {
    this.#room(value.length)
    this.#bytes.set(value, this.#at)
    this.#at += value.length
  }

  head(major: number, value: number): void {
    this.#room(9)
    const bytes = this.#bytes
    if (value < 24) bytes[this.#at++] = major | value
    else if (value < 0x100) {
      bytes[this.#at++] = major | 24
      bytes[this.#at++] = value
    } else if (value < 0x10000) {
      bytes[this.#at++] = major | 25
      bytes[this.#at++] = value >> 8
      bytes[this.#at++] = value & 255
    } else {
      const isLong = value >= 0x100000000
      bytes[this.#at++] = major | (isLong ? 27 : 26)
      if (isLong) this.#word(Math.floor(value / 0x100000000))
      this.#word(value % 0x100000000)
    }
  }

  text(value: string): void {
    // Ids and kinds are ASCII; what is not takes the long way.
    for (let i = 0; i < value.length; i++) {
      if (value.charCodeAt(i) > 127) {
        const encoded = utf8(value)
        this.head(0x60, encoded.length)
        this.raw(encoded)
        return
      }
    }
    this.head(0x60, value.length)
    this.#room(value.length)
    for (let i = 0; i < value.length; i++) this.#bytes[this.#at++] = value.charCodeAt(i)
  }

  end(): Uint8Array {
    return this.#bytes.slice(0, this.#at)
  }

  #word(value: number): void {
    this.#bytes[this.#at++] = (value >>> 24) & 255
    this.#bytes[this.#at++] = (value >>> 16) & 255
    this.#bytes[this.#at++] = (value >>> 8) & 255
    this.#bytes[this.#at++] = value & 255
  }

  #room(more: number): void {
    if (this.#at + more <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#at + more))
    grown.set(this.#bytes)
    this.#bytes = grown
  }
}

// One for all: encoding is synchronous and `end` copies.
const writer = new Writer()

/** Signs an envelope with its body; `sign` gets the exact bytes. */
export function sealOperation(envelope: Envelope, body: Uint8Array, sign: (message: Uint8Array) => Uint8Array): SignedOperation {
  const encoded = encodeEnvelope(envelope)
  return { id: operationIdOf(encoded), envelope, bytes: encoded, signature: sign(signingBytes(encoded)), body }
}

/** Why bytes from outside are not an operation; the gossip verdict and the counter `journal_malformed_total{reason}` follow from it. */
export type MalformedReason =
  | 'encoding'
  | 'schema'
  | 'size'
  | 'body_hash'
  | 'signature'
  | 'body'
  | 'statement'
  | 'parents'
  | 'genesis'
  | 'chain'
  | 'clock'
  | 'wrong_space'
  | 'wrong_network'

export type OperationParse = { readonly operation: SignedOperation } | { readonly malformed: MalformedReason; readonly detail: string }

/** Size, encoding, shape and hash of an operation from elsewhere; signature, body schema and parents are checked by the journal. */
export function parseOperation(envelopeBytes: Uint8Array, signature: Uint8Array, body: Uint8Array | null): OperationParse {
  if (envelopeBytes.length + (body?.length ?? 0) + signature.length > operationBytesMax) return { malformed: 'size', detail: `larger than ${operationBytesMax} bytes` }
  if (signature.length !== 64) return { malformed: 'schema', detail: 'a signature has 64 bytes' }
  let value: unknown
  try {
    value = decodeTrusted(envelopeBytes)
  } catch (error) {
    return { malformed: 'encoding', detail: (error as Error).message }
  }
  if (!isEnvelope(value)) return { malformed: 'schema', detail: EnvelopeSchema.safeParse(value).error?.issues[0]?.message ?? 'does not fit the schema' }
  const envelope = value
  // One encoding: key order, shortest heads, no doubled keys. The schema takes only ASCII and integers, so nothing else can differ.
  if (!equalBytes(encodeEnvelope(envelope), envelopeBytes)) return { malformed: 'encoding', detail: 'not the canonical encoding' }
  if ((envelope.genesis === null) !== (envelope.seq === 0 && envelope.prev === null && envelope.seen.length === 0 && envelope.genesis === null))
    return { malformed: 'genesis', detail: 'a first operation has seq 0 and no parents' }
  if ((envelope.seq === 0) !== (envelope.prev === null)) return { malformed: 'chain', detail: 'prev is there exactly when seq is above 0' }
  if (body !== null && !equalBytes(bodyHash(body), envelope.body_hash)) return { malformed: 'body_hash', detail: 'the body is not the one that was signed' }
  return { operation: { id: operationIdOf(envelopeBytes), envelope, bytes: envelopeBytes, signature, body } }
}
