import { randomBytes } from 'node:crypto'
import { commonsRules, coopHosts, coopRules } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import { NetworkTrouble, Replicator } from '@icn/network'
import { openHost } from '@icn/network/node'
import { commonsSpace, type Did, type OperationId, type SpaceId, sha256, utf8 } from '@icn/protocol'
import type { Log } from './log.ts'

/** The node among others: its libp2p host, and the streams that keep its spaces equal with those of its peers. */

/** Peers wanted before the first contacts are left in peace. */
const linksWanted = 3

export interface NetworkParts {
  readonly journal: JournalApi
  /** Seed of the node's main key. */
  readonly seed: Uint8Array
  readonly listen: readonly string[]
  readonly bootstrap: readonly string[]
  /** The network of `network.json`, as long as its first operation is not here. */
  readonly expected: OperationId | undefined
  readonly release: string
  readonly log: Log
  wall(): number
  fault(operation: 'internal' | 'bootstrap', error: unknown): void
}

export interface RunningNetwork {
  readonly addresses: readonly string[]
  readonly peers: Replicator['links']
  /** Dials first contacts as long as there are too few links. */
  meet(): Promise<void>
  close(): Promise<void>
}

export async function openNetwork(parts: NetworkParts): Promise<RunningNetwork> {
  const { journal, log } = parts
  const network = (): OperationId | null => journal.info(commonsSpace)?.genesis ?? parts.expected ?? null
  const replicator = new Replicator({
    node: journal.node,
    journal,
    network,
    // Until 1.0 a version is the digest of its laws, so that one version cannot mean two things.
    rules: [...new Set([commonsRules.version, coopRules.version])].map((version) => [version, sha256(utf8(version))]),
    instance: new Uint8Array(randomBytes(16)),
    release: parts.release,
    mayHave: (peer, space) => space === commonsSpace || isHost(journal, peer, space),
    expected: () => (parts.expected === undefined || journal.info(commonsSpace) !== undefined ? [] : [{ space: commonsSpace, genesis: parts.expected }]),
    timing: {
      now: () => parts.wall(),
      after(ms, run) {
        const timer = setTimeout(run, ms)
        return () => clearTimeout(timer)
      },
      chance: Math.random,
    },
    // What the peer has said stays out of the log.
    report: (kind) => log.warn('misbehaviour', 'a peer does not keep to the protocol', { kind }),
    fault: (_, error) => parts.fault('internal', error),
  })
  const host = await openHost({
    seed: parts.seed,
    listen: parts.listen,
    admits: () => true,
    onWire: (wire) => replicator.add(wire),
    fault: (_, error) => parts.fault('internal', error),
  })
  for (const address of host.addresses()) log.info('listening', 'network listens', { name: 'network', address })
  return {
    get addresses() {
      return host.addresses()
    },
    get peers() {
      return replicator.links
    },
    async meet() {
      if (replicator.links.length >= linksWanted) return
      await Promise.all(parts.bootstrap.map((address) => meetOne(host, address, parts)))
    },
    async close() {
      replicator.close()
      await host.close()
    },
  }
}

async function meetOne(host: Awaited<ReturnType<typeof openHost>>, address: string, { fault, log }: NetworkParts): Promise<void> {
  try {
    await host.dial(address)
  } catch (error) {
    // Nobody is there yet, or it is this node itself: the next turn tries again.
    if (error instanceof NetworkTrouble) log.info('bootstrap', error.message, { code: error.code })
    else fault('bootstrap', error)
  }
}

function isHost(journal: JournalApi, peer: Did, space: SpaceId): boolean {
  const facts = journal.read(space)
  return facts !== undefined && coopHosts(facts).includes(peer)
}
