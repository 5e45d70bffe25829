import { decodeTrusted, type Did, type Envelope, isDid, type OperationId, operationIdOf, type RawOperation } from '@icn/protocol'

/** What an envelope says of its place in its signer's chain. */
export interface Signed {
  readonly id: OperationId
  readonly signer: Did
  readonly seq: number
}

/** An operation that is new here, for all links. */
export interface News extends Signed {
  /** The peer that brought it; undefined: it was written at this node, or has waited here. */
  readonly via: Did | undefined
  /** As it is kept here, read when the first link needs it. Undefined: it is gone again. */
  raw(): RawOperation | undefined
}

/** Undefined for bytes that are no envelope; the journal counts them. */
export function readSigner({ envelope }: Pick<RawOperation, 'envelope'>): Signed | undefined {
  try {
    const { signer, seq } = decodeTrusted(envelope) as Envelope
    return isDid(signer) && Number.isSafeInteger(seq) ? { id: operationIdOf(envelope), signer, seq } : undefined
  } catch {
    return undefined
  }
}
