import {
  type CheckpointId,
  decodeStateMessage,
  type Did,
  digestOfCid,
  encodeSnapMessage,
  equalBytes,
  keyOfDid,
  type OperationId,
  signSnapMessage,
  type SpaceId,
  type StateMessage,
  verifySnapMessage,
} from '@icn/protocol'
import { verifySignature } from '@icn/protocol/node'
import type { Packed } from '../snapshot/index.ts'

/** One question and one answer about a state (snapshot page §3): signed by the node that says it, over a stream of their own. */

type Of<T extends StateMessage['type']> = Extract<StateMessage, { readonly type: T }>
export type What = Of<'RequestState'>['body']['what']
export type Piece = Of<'StateChunk'>['body']

export interface Talker {
  readonly node: Did
  network(): OperationId
  sign(bytes: Uint8Array): Uint8Array
  now(): number
}

/** Asks for the newest state there is. */
const newest = new Uint8Array(32)

export interface Wanted {
  readonly space: SpaceId
  /** Undefined: the newest there is. */
  readonly checkpoint: CheckpointId | undefined
  readonly what: What
  readonly from: number
}

export interface Question extends Wanted {
  readonly by: Did
}

const idOf = (checkpoint: CheckpointId | undefined): Uint8Array => (checkpoint === undefined ? newest : digestOfCid(checkpoint))

function say(talker: Talker, space: SpaceId, snapshot_id: Uint8Array, more: Pick<Of<'RequestState'>, 'type' | 'body'> | Pick<Of<'StateChunk'>, 'type' | 'body'>): Uint8Array {
  const envelope = { v: 1, network_id: talker.network(), space, snapshot_id, ballot: [1, keyOfDid(talker.node)], from: talker.node, sent_at: [talker.now(), 0] } as const
  return encodeSnapMessage(signSnapMessage<StateMessage>({ ...envelope, ...more } as unknown as StateMessage, (bytes) => talker.sign(bytes)) as StateMessage)
}

export function ask(talker: Talker, { space, checkpoint, what, from }: Wanted): Uint8Array {
  const subject = checkpoint === undefined ? { snapshot_id: newest } : { checkpoint }
  return say(talker, space, idOf(checkpoint), { type: 'RequestState', body: { ...subject, requester: talker.node, what, from, count: 1 } })
}

/** Undefined for whatever is no question of this peer. */
export function readQuestion(talker: Talker, peer: Did, bytes: Uint8Array): Question | undefined {
  const message = readSigned(talker, peer, bytes)
  if (message?.type !== 'RequestState') return undefined
  const { checkpoint, what, from } = message.body
  return { by: peer, space: message.space, checkpoint, what, from }
}

export interface Said extends Packed {
  readonly index: number
  readonly total: number
  readonly firstLeaf?: number
  readonly leafCount?: number
}

export function answer(talker: Talker, { space, what }: Question, checkpoint: CheckpointId, said: Said): Uint8Array {
  const { index, total, firstLeaf = 0, leafCount = 0, compression, raw_size, data } = said
  const body: Piece = {
    snapshot_id: idOf(checkpoint),
    sender: talker.node,
    what,
    chunk_index: index,
    total_chunks: total,
    first_leaf: firstLeaf,
    leaf_count: leafCount,
    compression,
    raw_size,
    data,
  }
  return say(talker, space, idOf(checkpoint), { type: 'StateChunk', body })
}

/** Undefined for whatever does not answer this question. */
export function readAnswer(talker: Talker, peer: Did, { space, checkpoint, what, from }: Wanted, bytes: Uint8Array): Piece | undefined {
  const message = readSigned(talker, peer, bytes)
  if (message?.type !== 'StateChunk' || message.space !== space) return undefined
  const { body } = message
  const isAsked = body.what === what && body.chunk_index === from && (checkpoint === undefined || equalBytes(body.snapshot_id, idOf(checkpoint)))
  return isAsked ? body : undefined
}

function readSigned(talker: Talker, peer: Did, bytes: Uint8Array): StateMessage | undefined {
  const message = decodeStateMessage(bytes)
  const isTheirs = message?.from === peer && message.network_id === talker.network() && verifySnapMessage(message, verifySignature)
  return isTheirs ? message : undefined
}
