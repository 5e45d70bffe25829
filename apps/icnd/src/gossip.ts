import type { JournalApi } from '@icn/journal'
import type { GossipParts, GossipTopic, Timing } from '@icn/network'
import type { Metrics } from '@icn/node'
import {
  commonsSpace,
  type Did,
  encodeCanonical,
  type EvidenceName,
  GossipOperations,
  gossipBytesMax,
  gossipOperationsMax,
  NodeRecord,
  operationIdOf,
  type OperationId,
  type RawOperation,
  rawBytes,
  readMessage,
  toHex,
} from '@icn/protocol'

/** What everybody may know, told to everybody: operations of `commons`, and records of nodes that want to be found. Nothing of a cooperative goes this way. */

/** Between own messages [ms]: twenty a second, because gossip slows nobody down by itself. */
const batchMs = 50
/** Operations that wait for their message. The streams bring what does not fit. */
const waitingMax = 20 * gossipOperationsMax
/** Operations of others that are remembered, so that what came is not told as new. */
const foreignMax = 10_000

type Verdict = Awaited<ReturnType<GossipParts['judge']>>

export interface GossipNode {
  readonly journal: Pick<JournalApi, 'info' | 'ingest' | 'vectors'>
  readonly metrics: Pick<Metrics, 'add'>
  readonly timing: Timing
  isReady(peer: Did): boolean
  publish(topic: GossipTopic, data: Uint8Array): Promise<void>
  takePublic(from: Did, record: NodeRecord): Verdict
  penaltyOf(peer: Did): number
  /** How many operations of these sizes are taken from this peer now, from the front. */
  allowance(peer: Did, sizes: readonly number[]): number
  report(kind: EvidenceName, peer: Did): void
  fault(error: unknown): void
}

export class Gossip implements GossipParts {
  readonly #node: GossipNode
  /** Signatures of operations that came from others, oldest first. Bound: `foreignMax`. */
  readonly #foreign = new Set<string>()
  #waiting: RawOperation[] = []
  #cancel: (() => void) | undefined

  constructor(node: GossipNode) {
    this.#node = node
  }

  penaltyOf(peer: Did): number {
    return this.#node.penaltyOf(peer)
  }

  async judge(from: Did, topic: GossipTopic, data: Uint8Array): Promise<Verdict> {
    const { isReady, metrics, report } = this.#node
    // Before it has greeted nobody knows of which network a peer is.
    const verdict = !isReady(from) ? 'ignore' : topic === 'icn/1/commons' ? await this.#judgeOperations(from, data) : this.#judgeRecord(from, data)
    metrics.add('icn_gossip_messages_total', 1, { topic: labelOf(topic), verdict })
    if (verdict === 'reject') report('gossip_invalid', from)
    return verdict
  }

  /** These came from a peer: they are no news of this node. */
  came(operations: readonly RawOperation[]): void {
    for (const { signature } of operations) this.#foreign.add(toHex(signature))
    for (const oldest of this.#foreign) {
      if (this.#foreign.size <= foreignMax) break
      this.#foreign.delete(oldest)
    }
  }

  /** Operations of `commons` that were written here. */
  committed(operations: readonly OperationId[]): void {
    const vectors = this.#node.journal.vectors(commonsSpace)
    for (const id of operations) {
      const raw = vectors?.raw(id)
      if (raw === undefined || raw.body === null || this.#foreign.has(toHex(raw.signature))) continue
      if (this.#waiting.length < waitingMax) this.#waiting.push(raw)
      else this.#node.metrics.add('icn_gossip_messages_total', 1, { topic: 'commons', verdict: 'dropped' })
    }
    if (this.#waiting.length > 0) this.#cancel ??= this.#node.timing.after(batchMs, () => this.#send())
  }

  publishRecord(record: NodeRecord): void {
    this.#publish('icn/1/candidates', encodeCanonical(record))
  }

  close(): void {
    this.#cancel?.()
    this.#waiting = []
  }

  #send(): void {
    this.#cancel = undefined
    const batch: RawOperation[] = []
    let bytes = 0
    for (const raw of this.#waiting) {
      bytes += rawBytes(raw)
      if (batch.length >= gossipOperationsMax || (batch.length > 0 && bytes > gossipBytesMax)) break
      batch.push(raw)
    }
    this.#waiting = this.#waiting.slice(batch.length)
    this.#publish('icn/1/commons', encodeCanonical({ ops: batch.map(({ envelope, signature, body }) => [envelope, signature, body as Uint8Array]) }))
    if (this.#waiting.length > 0) this.#cancel = this.#node.timing.after(batchMs, () => this.#send())
  }

  #publish(topic: GossipTopic, data: Uint8Array): void {
    this.#node.metrics.add('icn_gossip_messages_total', 1, { topic: labelOf(topic), verdict: 'sent' })
    this.#node.publish(topic, data).catch((error: unknown) => this.#node.fault(error))
  }

  async #judgeOperations(from: Did, data: Uint8Array): Promise<Verdict> {
    const { journal } = this.#node
    const read = readMessage(GossipOperations, data)
    if (read === undefined) return 'reject'
    // What belongs to a space that is not here yet comes by a stream.
    if (journal.info(commonsSpace) === undefined) return 'ignore'
    const operations = read.ops.map(([envelope, signature, body]) => ({ envelope, signature, body }))
    const taken = operations.slice(0, this.#node.allowance(from, operations.map(rawBytes)))
    if (taken.length === 0) return 'ignore'
    this.came(taken)
    const { malformed, placed } = await journal.ingest(commonsSpace, taken)
    // What others have sent earlier may turn out malformed only now that its parents are here; it is not this message's.
    const ids = new Set(taken.map(({ envelope }) => operationIdOf(envelope)))
    if (malformed.some(({ id }) => id === undefined || ids.has(id))) return 'reject'
    return placed > 0 && taken.length === operations.length ? 'accept' : 'ignore'
  }

  #judgeRecord(from: Did, data: Uint8Array): Verdict {
    const record = readMessage(NodeRecord, data)
    return record === undefined ? 'reject' : this.#node.takePublic(from, record)
  }
}

const labelOf = (topic: GossipTopic): 'commons' | 'candidates' => (topic === 'icn/1/commons' ? 'commons' : 'candidates')
