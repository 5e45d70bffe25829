import { join } from 'node:path'
import { NetworkTrouble } from '@icn/network'
import { CallRefusal, fetchState, type Metrics, type NodeEventLog, StateServing, type ServingOptions } from '@icn/node'
import type { JournalApi } from '@icn/journal'
import { type Did, type EvidenceName, type HostTicket, type OperationId, type SpaceId, timeText } from '@icn/protocol'
import type { SigningKey } from '@icn/protocol/node'
import type { Config } from './config/option.ts'
import type { Log } from './log.ts'

/** States of spaces on their way between nodes: handed out to hosts, and taken by a node that has just been invited (snapshot page §10). */

export const stateProtocol = '/icn/state/1'

export interface StateTransferOptions extends ServingOptions {
  /** A shorter history is taken operation by operation. */
  readonly countMin: number
}

export const stateOptionsOf = (config: Config): StateTransferOptions => ({
  chunkBytes: config['snapshot.chunk_size'],
  level: config['snapshot.compression_level'],
  stateBytesMax: config['snapshot.max_snapshot_size'],
  bytesPerSecond: config['snapshot.serve_bytes_per_sec'],
  countMin: config['snapshot.bootstrap_operations'],
})

export interface StateTransferParts {
  readonly journal: JournalApi
  readonly key: SigningKey
  readonly options: StateTransferOptions
  /** Folder of the node. */
  readonly folder: string
  readonly log: Log
  readonly metrics: Metrics
  readonly nodeEvents: NodeEventLog
  network(): OperationId | null
  /** Do stewards want this node to hold the space? */
  mayHave(peer: Did, space: SpaceId): boolean
  ask(peer: Did, request: Uint8Array): Promise<Uint8Array>
  report(kind: EvidenceName, peer: Did, detail: string): void
  now(): number
  /** A state in which this node's key has signed was put in place. */
  restored(space: SpaceId): void
}

export class StateTransfer {
  readonly #parts: StateTransferParts
  readonly #serving: StateServing
  readonly #stop = new AbortController()

  constructor(parts: StateTransferParts) {
    this.#parts = parts
    const { journal, options, metrics } = parts
    for (const outcome of ['installed', 'none', 'failed'] as const) metrics.add('icn_snapshot_bootstraps_total', 0, { outcome })
    this.#serving = new StateServing({
      ...this.#talker,
      journal,
      folder: join(parts.folder, 'run', 'serving'),
      options,
      mayHave: (peer, space) => parts.mayHave(peer, space),
      refused: (code) => new NetworkTrouble(code, 'no state for this peer'),
    })
  }

  get #talker() {
    const { journal, key, now, network } = this.#parts
    return { node: journal.node, network: () => network() as OperationId, sign: (bytes: Uint8Array) => new Uint8Array(key.sign(bytes)), now }
  }

  async answer(peer: Did, request: Uint8Array): Promise<Uint8Array | undefined> {
    const answer = await this.#serving.answer(peer, request)
    if (answer !== undefined) this.#parts.metrics.add('icn_snapshot_chunks_total', 1, { direction: 'out', outcome: 'ok' })
    return answer
  }

  /** From hosts that are connected. False: none of them has a state that is worth it, or it could not be taken; then the operations come one by one. Rejects with what the operator can change. */
  async take({ space, genesis, hosts }: Pick<HostTicket, 'space' | 'genesis' | 'hosts'>, peers: readonly Did[]): Promise<boolean> {
    const { journal, options, metrics, log, nodeEvents } = this.#parts
    const count = (direction: 'in', outcome: 'ok' | 'bad'): void => metrics.add('icn_snapshot_chunks_total', 1, { direction, outcome })
    const parts = {
      ...this.#talker,
      journal,
      folder: join(this.#parts.folder, 'run', 'bootstrap'),
      stateBytesMax: options.stateBytesMax,
      ask: this.#parts.ask,
      report: (kind: EvidenceName, peer: Did, detail: string) => {
        count('in', 'bad')
        this.#parts.report(kind, peer, detail)
      },
    }
    try {
      const wanted = { space, genesis, peers, trusted: hosts.map(({ did }) => did), countMin: options.countMin }
      const installed = await fetchState(parts, wanted, { signal: this.#stop.signal, onProgress: () => count('in', 'ok') })
      metrics.add('icn_snapshot_bootstraps_total', 1, { outcome: installed === undefined ? 'none' : 'installed' })
      if (installed === undefined) return false
      log.info('bootstrap', 'took the state of a space from other hosts', { space })
      nodeEvents.tell('space.bootstrapped', { space, cut: timeText(installed.cut[0]), bytes: installed.bytes, operations: installed.count })
      const isKnown =
        journal
          .vectors(space)
          ?.entries()
          .some(({ signer }) => signer === journal.node) === true
      if (isKnown) this.#parts.restored(space)
      return true
    } catch (error) {
      if (this.#stop.signal.aborted) throw error
      metrics.add('icn_snapshot_bootstraps_total', 1, { outcome: 'failed' })
      if (error instanceof CallRefusal && error.code === 'BOOTSTRAP_FAILED') {
        log.warn('bootstrap', 'the state of a space could not be taken: its operations come one by one', { space, code: error.code, err: error })
        return false
      }
      throw error
    }
  }

  async cleanUp(): Promise<void> {
    await this.#serving.cleanUp()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#serving.close()
  }
}
