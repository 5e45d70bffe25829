import { bodyHash, type Clock, type Did, didOfKey, encodeCanonical, type Envelope, type OperationId, sealOperation, type SignedOperation, type SpaceId } from '@icn/protocol'
import { type SigningKey, signingKeyFromSeed } from '@icn/protocol/node'

/** A key that signs operations by hand, for tests: nothing stops it from breaking rules. */
export class TestSigner {
  readonly key: SigningKey
  readonly did: Did
  seq = 0
  prev: OperationId | null = null

  constructor(seed: number | Uint8Array) {
    this.key = signingKeyFromSeed(typeof seed === 'number' ? new Uint8Array(32).fill(seed) : seed)
    this.did = didOfKey(this.key.publicKey)
  }

  /** The next operation of this key's chain; the chain moves on unless `keep`. */
  sign(parts: {
    space: SpaceId
    genesis: OperationId | null
    kind: string
    body: unknown
    at: Clock
    author?: Did
    grant?: OperationId
    seen?: readonly OperationId[]
    seq?: number
    prev?: OperationId | null
    keep?: boolean
  }): SignedOperation {
    const body = encodeCanonical(parts.body)
    const envelope: Envelope = {
      v: 1,
      space: parts.space,
      genesis: parts.genesis,
      kind: parts.kind,
      author: parts.author ?? this.did,
      signer: this.did,
      grant: parts.grant ?? null,
      seq: parts.seq ?? this.seq,
      prev: parts.prev === undefined ? this.prev : parts.prev,
      seen: parts.seen ?? [],
      at: parts.at,
      body_hash: bodyHash(body),
    }
    const operation = sealOperation(envelope, body, (message) => this.key.sign(message))
    if (!parts.keep) {
      this.seq = envelope.seq + 1
      this.prev = operation.id
    }
    return operation
  }
}

export const raw = (operation: SignedOperation): { envelope: Uint8Array; signature: Uint8Array; body: Uint8Array | null } => ({
  envelope: operation.bytes,
  signature: operation.signature,
  body: operation.body,
})
