import type { SpaceCheckpoint } from '../bodies/space.ts'
import { encodeCanonical } from '../canonical.ts'
import { keyOfDid } from '../did.ts'
import { decodeExactly } from '../schema.ts'
import { statementBytes } from '../statement.ts'
import { SnapMessage, type SnapMessageOf, StateMessage } from './messages.ts'

/** Bytes of one message in the frame `snap`. Larger: one message holds up what comes behind it; smaller: markers need pages sooner. */
export const snapMessageBytesMax = 262_144
/** The same over `/icn/state/1`, with the largest chunk. */
export const stateMessageBytesMax = 1_310_720

type Signed = SnapMessage | StateMessage
/** Without the signature; of each type by itself. */
export type Unsigned<M extends Signed> = M extends unknown ? Omit<M, 'signature'> : never

/** What a message signs: `"icn/snap/1\n"` and the DAG-CBOR of everything but the signature. */
const signedBytes = (content: Unsigned<Signed>): Uint8Array => statementBytes('snap', content)

export function signSnapMessage<M extends Signed>(content: Unsigned<M>, sign: (message: Uint8Array) => Uint8Array): Unsigned<M> & { readonly signature: Uint8Array } {
  return { ...content, signature: sign(signedBytes(content)) }
}

/** Has `from` signed it? `verify` is the strict check of this platform. */
export function verifySnapMessage(message: Signed, verify: (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean): boolean {
  const { signature, ...content } = message
  return verify(signature, signedBytes(content), keyOfDid(message.from))
}

/** One spelling for each message, which is what its digest is taken of. */
export const encodeSnapMessage = (message: Signed): Uint8Array => encodeCanonical(message)

/** Undefined for whatever is not a message for the hosts of a space, however it is broken. Its signature is another question. */
export const decodeSnapMessage = (bytes: Uint8Array): SnapMessage | undefined => (bytes.length > snapMessageBytesMax ? undefined : decodeExactly(SnapMessage, bytes))

/** The same for what two hosts say over `/icn/state/1`. */
export const decodeStateMessage = (bytes: Uint8Array): StateMessage | undefined => (bytes.length > stateMessageBytesMax ? undefined : decodeExactly(StateMessage, bytes))

/** What an acknowledgement has put its name to, under the names of `space.checkpoint`. */
export function ackedBy({
  ballot,
  body,
}: Pick<SnapMessageOf<'SnapshotAck'>, 'ballot' | 'body'>): Pick<SpaceCheckpoint, 'ballot' | 'cut' | 'previous' | 'layers_digest' | 'root' | 'count' | 'pairs' | 'size' | 'rules'> {
  const { cut, previous, layers_digest, state_hash, state_size, count, pairs, rules } = body
  return { ballot, cut, ...(previous === undefined ? {} : { previous }), layers_digest, root: state_hash, count, pairs, size: state_size, rules }
}
