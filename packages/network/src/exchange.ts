import { type Did, encodeCanonical, type EvidenceName, type NodeRecord, PeersAnswer, PeersQuestion, readMessage } from '@icn/protocol'

/** Exchange of records between nodes (network page §7): only what the asker is entitled to, nothing of who was seen when. */

export const peersProtocol = '/icn/peers/1'
export const peersMessageBytesMax = 262_144
/** What the answer says beside its records. */
const frameRoom = 64

export interface ExchangeParts {
  /** Records of which the peer may be told, this node's own first. */
  recordsFor(peer: Did): readonly NodeRecord[]
  /** How many records go either way with this peer, at most. */
  countMaxOf(peer: Did): number
  ask(peer: Did, request: Uint8Array): Promise<Uint8Array>
  take(from: Did, records: readonly NodeRecord[]): void
  report(kind: EvidenceName, peer: Did, detail: string): void
}

/** The answer to who asks for records; undefined for what is no question. */
export function answerPeers(parts: Pick<ExchangeParts, 'recordsFor' | 'countMaxOf'>, peer: Did, request: Uint8Array): Uint8Array | undefined {
  const question = readMessage(PeersQuestion, request)
  if (question === undefined) return undefined
  const all = parts.recordsFor(peer)
  const records: NodeRecord[] = []
  let room = peersMessageBytesMax - frameRoom
  for (const record of all.slice(0, Math.min(question.max, parts.countMaxOf(peer)))) {
    room -= encodeCanonical(record).length
    if (room < 0) break
    records.push(record)
  }
  return encodeCanonical({ records, total: all.length })
}

/** Asks a peer and takes what it says. False: the answer was none, or brought more than was asked for, which is evidence; nothing of it is taken. */
export async function exchangePeers(parts: ExchangeParts, peer: Did): Promise<boolean> {
  const max = parts.countMaxOf(peer)
  const answer = readMessage(PeersAnswer, await parts.ask(peer, encodeCanonical({ max })))
  if (answer === undefined) parts.report('frame_error', peer, 'the answer holds no records')
  else if (answer.records.length > max) parts.report('unsolicited', peer, `${answer.records.length} records; ${max} were asked for`)
  else {
    parts.take(peer, answer.records)
    return true
  }
  return false
}
