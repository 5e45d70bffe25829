import { randomBytes } from 'node:crypto'
import { commonsRules, coopRules } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import { NetworkTrouble, Replicator } from '@icn/network'
import { openHost } from '@icn/network/node'
import type { NetworkPort } from '@icn/node'
import { commonsSpace, dayMs, type Did, type HostTicket, hostTicketText, type OperationId, readHostTicket, type SpaceId, sha256, utf8 } from '@icn/protocol'
import type { SigningKey } from '@icn/protocol/node'
import { Hosting } from './hosting.ts'
import type { Log } from './log.ts'

/** The node among others: its libp2p host, and the streams that keep its spaces equal with those of its peers. */

/** Peers wanted before the first contacts are left in peace. */
const linksWanted = 3

export interface NetworkParts {
  readonly journal: JournalApi
  readonly key: SigningKey
  /** Seed of the same key. */
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

export interface RunningNetwork extends NetworkPort {
  /** Dials first contacts as long as there are too few links. */
  meet(): Promise<void>
  close(): Promise<void>
}

/** How long a ticket shows the way [ms]. */
const ticketMs = 30 * dayMs

export async function openNetwork(parts: NetworkParts): Promise<RunningNetwork> {
  const { journal, log } = parts
  const network = (): OperationId | null => journal.info(commonsSpace)?.genesis ?? parts.expected ?? null
  const hosting = new Hosting(journal, parts.key)
  const replicator = openReplicator(parts, network, hosting)
  const host = await openHost({
    seed: parts.seed,
    listen: parts.listen,
    admits: () => true,
    onWire: (wire) => replicator.add(wire),
    fault: (_, error) => parts.fault('internal', error),
  })
  for (const address of host.addresses()) log.info('listening', 'network listens', { name: 'network', address })
  return {
    status: () => ({
      on: true,
      addresses: [...host.addresses()],
      links: replicator.links.map(({ peer, state, spaces }) => ({ did: peer, state, spaces: [...spaces].sort() })),
    }),
    async meet() {
      if (replicator.links.length >= linksWanted) return
      await Promise.all(parts.bootstrap.map((address) => meetOne(host, address, parts)))
    },
    ticket(space, node) {
      const info = journal.info(space)
      const id = network()
      if (info === undefined || id === null) return undefined
      const hosts = [{ did: journal.node, addresses: host.addresses().slice(0, 8) }]
      const expires_at = parts.wall() + ticketMs
      return { ticket: hostTicketText({ v: 1, network_id: id, space, genesis: info.genesis, node, hosts, expires_at }), expires_at }
    },
    async accept(text) {
      const ticket = demandTicket(text, journal.node, network(), parts.wall())
      const { space, genesis } = ticket
      // Before anybody is asked: a host sends from the moment in which it has taken this node in.
      const isNew = hosting.expect(space, genesis)
      try {
        await joinThrough(ticket, host, replicator)
      } catch (error) {
        if (isNew) hosting.forget(space)
        throw error
      }
      return { space, genesis }
    },
    async close() {
      replicator.close()
      await host.close()
    },
  }
}

function openReplicator(parts: NetworkParts, network: () => OperationId | null, hosting: Hosting): Replicator {
  const { journal, log } = parts
  return new Replicator({
    node: journal.node,
    journal,
    network,
    // Until 1.0 a version is the digest of its laws, so that one version cannot mean two things.
    rules: [...new Set([commonsRules.version, coopRules.version])].map((version) => [version, sha256(utf8(version))]),
    instance: new Uint8Array(randomBytes(16)),
    release: parts.release,
    mayHave: (peer, space) => space === commonsSpace || hosting.isHost(peer, space),
    expected: () => [
      ...(parts.expected === undefined || journal.info(commonsSpace) !== undefined ? [] : [{ space: commonsSpace, genesis: parts.expected }]),
      ...hosting.expected(),
    ],
    hosting,
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

function demandTicket(text: string, node: Did, network: OperationId | null, now: number): HostTicket {
  const ticket = readHostTicket(text)
  if (ticket === undefined || ticket.node !== node) throw new NetworkTrouble('TICKET_INVALID', 'this is no ticket for this node')
  if (ticket.expires_at <= now) throw new NetworkTrouble('TICKET_EXPIRED', 'the time of this ticket is over')
  if (ticket.network_id !== network) throw new NetworkTrouble('NETWORK_MISMATCH', 'this ticket is for another network')
  return ticket
}

/** Asks one host after the other until one has taken this node in. */
async function joinThrough({ space, genesis, hosts }: HostTicket, host: Awaited<ReturnType<typeof openHost>>, replicator: Replicator): Promise<void> {
  let last = new NetworkTrouble('NO_PATH', 'the ticket names no address')
  for (const { did, addresses } of hosts) {
    for (const address of addresses) {
      try {
        if ((await host.dial(address)) !== did) continue
        await replicator.ready(did)
        await replicator.join(did, space, genesis)
        return
      } catch (error) {
        if (!(error instanceof NetworkTrouble)) throw error
        last = error
      }
    }
  }
  throw last
}
