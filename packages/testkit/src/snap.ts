import { type Clock, type Did, encodeSnapMessage, keyOfDid, type OperationId, signSnapMessage, type SnapMessage, type SnapMessageOf, type SpaceId } from '@icn/protocol'
import type { TestSigner } from './signer.ts'

export interface SaidParts {
  readonly network: OperationId
  readonly space: SpaceId
  readonly at: Clock
  readonly to?: Did
  /** In this name, whoever signs it. */
  readonly from?: Did
  /** So long, but for a few kilobytes. */
  readonly bytes?: number
}

const keyBytes = 4_096

/** A message about a cut that asks for nothing, in the form in which it travels. */
export function snapBy(signer: TestSigner, { network, space, at, to, from = signer.did, bytes = 0 }: SaidParts): Uint8Array {
  const leaves = Array.from({ length: Math.floor(bytes / (keyBytes + 40)) }, (): [Uint8Array, Uint8Array] => [new Uint8Array(keyBytes), new Uint8Array(32)])
  const message = signSnapMessage<SnapMessageOf<'VerificationResult'>>(
    {
      v: 1,
      type: 'VerificationResult',
      network_id: network,
      space,
      snapshot_id: new Uint8Array(32).fill(9),
      ballot: [1, keyOfDid(from)],
      from,
      ...(to === undefined ? {} : { to }),
      sent_at: at,
      body: { verifier: from, valid: false, method: 'unavailable', checked_at: at[0], leaves },
    },
    (said) => signer.key.sign(said),
  )
  return encodeSnapMessage(message as SnapMessage)
}
