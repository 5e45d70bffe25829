import {
  ackedBy,
  decodeSnapMessage,
  decodeTrusted,
  type Did,
  encodeSnapMessage,
  encodeTrusted,
  equalBytes,
  type EvidenceName,
  type evidenceSources,
  keyOfDid,
  parseOperation,
  type RawOperation,
  signingBytes,
  type SnapMessageOf,
  verifySnapMessage,
} from '@icn/protocol'

/** Kinds of bad manners (network page §11): how many points, and who can be blamed for them. */

export interface EvidenceKind {
  readonly points: number
  /** `signer`: only when the proof shows by itself that this key did it. `sender`: the peer at the other end of a proven connection, never whom its bytes name. */
  readonly charged: 'sender' | 'signer'
  readonly source: (typeof evidenceSources)[number]
}

const sender = (points: number, source: EvidenceKind['source']): EvidenceKind => ({ points, charged: 'sender', source })
const signer = (points: number, source: EvidenceKind['source']): EvidenceKind => ({ points, charged: 'signer', source })

export const evidenceKinds = {
  malformed_operation: sender(20, 'journal'),
  bad_signature: sender(20, 'journal'),
  fork: signer(100, 'journal'),
  double_ack: signer(200, 'snapshot'),
  false_marker: sender(30, 'snapshot'),
  bad_chunk: sender(40, 'snapshot'),
  bad_page: sender(40, 'snapshot'),
  frame_error: sender(30, 'network'),
  oversize: sender(30, 'network'),
  credit_exceeded: sender(30, 'network'),
  /** For each second over. */
  budget_exceeded: sender(2, 'network'),
  unsolicited: sender(5, 'network'),
  want_unmet: sender(5, 'network'),
  /** Nobody is charged: a copied folder is an accident. */
  node_cloned: sender(0, 'network'),
  gossip_invalid: sender(10, 'gossip'),
  result_disagrees: sender(30, 'compute'),
  receipt_false: sender(60, 'compute'),
  lease_abandoned: sender(5, 'compute'),
  replayed_statement: sender(10, 'ledger'),
} as const satisfies Readonly<Record<EvidenceName, EvidenceKind>>

/** Checks an Ed25519 signature by the strict rules of the protocol. */
export type Verify = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean

/** Two operations of one key that bear the same number in one space: their envelopes and signatures, without bodies. */
export function forkProof(first: Omit<RawOperation, 'body'>, second: Omit<RawOperation, 'body'>): Uint8Array {
  return encodeTrusted([first, second].map(({ envelope, signature }) => [envelope, signature]).sort(([a], [b]) => Buffer.compare(a as Uint8Array, b as Uint8Array)))
}

/** Does the proof show by itself that this key did it? Kinds that are charged to the sender need none. */
export function proves(kind: EvidenceName, signer: Did, proof: Uint8Array, verify: Verify): boolean {
  if (kind === 'double_ack') return provesDoubleAck(signer, proof, verify)
  return kind === 'fork' && provesFork(signer, proof, verify)
}

/** Two acknowledgements of one host under one ballot that say different things (snapshot page §4, R9): the messages as they were said. */
export function doubleAckProof(first: SnapMessageOf<'SnapshotAck'>, second: SnapMessageOf<'SnapshotAck'>): Uint8Array {
  return encodeTrusted([first, second].map((message) => encodeSnapMessage(message)).sort((a, b) => Buffer.compare(a, b)))
}

function provesDoubleAck(signer: Did, proof: Uint8Array, verify: Verify): boolean {
  const [first, second] = readAcks(proof)
  if (first === undefined || second === undefined) return false
  if (![first, second].every((ack) => ack.from === signer && verifySnapMessage(ack, verify))) return false
  const about = ({ network_id, space, ballot }: typeof first): Uint8Array => encodeTrusted([network_id, space, ballot])
  return equalBytes(about(first), about(second)) && !equalBytes(encodeTrusted(ackedBy(first)), encodeTrusted(ackedBy(second)))
}

function readAcks(proof: Uint8Array): readonly SnapMessageOf<'SnapshotAck'>[] {
  try {
    const pair = decodeTrusted(proof)
    if (!Array.isArray(pair) || pair.length !== 2) return []
    return pair.flatMap((bytes: unknown) => {
      const message = bytes instanceof Uint8Array ? decodeSnapMessage(bytes) : undefined
      return message?.type === 'SnapshotAck' ? [message] : []
    })
  } catch {
    return []
  }
}

function provesFork(signer: Did, proof: Uint8Array, verify: Verify): boolean {
  const pair = readPair(proof)
  if (pair === undefined) return false
  const [first, second] = pair.map(({ envelope, signature }) => {
    const parsed = parseOperation(envelope, signature, null)
    if ('malformed' in parsed || parsed.operation.envelope.signer !== signer) return undefined
    return verify(signature, signingBytes(envelope), keyOfDid(signer)) ? parsed.operation.envelope : undefined
  })
  if (first === undefined || second === undefined || first.seq !== second.seq) return false
  if (first.space !== second.space || first.genesis === null || first.genesis !== second.genesis) return false
  // The same said again, stamped anew, is a reissue: innocent (engine page §6).
  return !(first.prev === second.prev && first.author === second.author && first.kind === second.kind && equalBytes(first.body_hash, second.body_hash))
}

function readPair(proof: Uint8Array): readonly Pick<RawOperation, 'envelope' | 'signature'>[] | undefined {
  try {
    const pair = decodeTrusted(proof)
    if (!Array.isArray(pair) || pair.length !== 2) return undefined
    return pair.map(([envelope, signature]) => {
      if (!(envelope instanceof Uint8Array) || !(signature instanceof Uint8Array)) throw new TypeError('not a proof')
      return { envelope, signature }
    })
  } catch {
    return undefined
  }
}
