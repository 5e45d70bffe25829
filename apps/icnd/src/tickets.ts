import type { JournalApi } from '@icn/journal'
import { type Host, NetworkTrouble, type Replicator } from '@icn/network'
import type { NetworkPort } from '@icn/node'
import { dayMs, type Did, type HostTicket, hostTicketText, type OperationId, readHostTicket, type SpaceId } from '@icn/protocol'
import type { Acquaintances } from './acquaintances.ts'
import type { Hosting } from './hosting.ts'
import type { StateTransfer } from './state-transfer.ts'

/** Tickets show an invited node the way to a space (network page §4); taking one up makes this node a host. */

/** How long a ticket shows the way [ms]. */
const ticketMs = 30 * dayMs
const hostsMax = 4

interface Making {
  readonly journal: JournalApi
  readonly hosting: Hosting
  readonly host: Pick<Host, 'addresses'>
  wall(): number
  network(): OperationId | null
  /** Where another node can be dialled, with its peer id. */
  addressesOf(peer: Did): readonly string[]
}

/** The way here, and to those of the other hosts of which it is known. Undefined: the space is not here. */
export function ticketFor({ journal, hosting, host, wall, network, addressesOf }: Making, space: SpaceId, node: Did): ReturnType<NetworkPort['ticket']> {
  const info = journal.info(space)
  const network_id = network()
  if (info === undefined || network_id === null) return undefined
  const others = hosting.hostsOf(space).flatMap((did) => {
    const addresses = did === journal.node || did === node ? [] : addressesOf(did).slice(0, 4)
    return addresses.length === 0 ? [] : [{ did, addresses: [...addresses] }]
  })
  const hosts = [{ did: journal.node, addresses: host.addresses().slice(0, 8) }, ...others.slice(0, hostsMax - 1)]
  const expires_at = wall() + ticketMs
  return { ticket: hostTicketText({ v: 1, network_id, space, genesis: info.genesis, node, hosts, expires_at }), expires_at }
}

interface Joining extends Pick<Making, 'journal' | 'hosting' | 'wall' | 'network'> {
  readonly host: Pick<Host, 'dial'>
  readonly replicator: Pick<Replicator, 'ready' | 'join'>
  readonly acquaintances: Acquaintances
  readonly states: StateTransfer
}

export async function acceptTicket(text: string, joining: Joining): ReturnType<NetworkPort['accept']> {
  const { journal, hosting, states, network, wall } = joining
  const ticket = demandTicket(text, journal.node, network(), wall())
  const { space, genesis } = ticket
  // As long as this node says nothing of the space nobody sends anything of it: first the state, then what comes after it.
  if (journal.info(space) === undefined && !hosting.expected().some((one) => one.space === space)) {
    const peers = await connected(ticket, joining)
    if (peers.length > 0) await states.take(ticket, peers)
  }
  // Before anybody is asked: a host sends from the moment in which it has taken this node in.
  const isNew = hosting.expect(space, genesis)
  try {
    await joinThrough(ticket, joining)
  } catch (error) {
    if (isNew) hosting.forget(space)
    throw error
  }
  return { space, genesis }
}

function demandTicket(text: string, node: Did, network: OperationId | null, now: number): HostTicket {
  const ticket = readHostTicket(text)
  if (ticket === undefined || ticket.node !== node) throw new NetworkTrouble('TICKET_INVALID', 'this is no ticket for this node')
  if (ticket.expires_at <= now) throw new NetworkTrouble('TICKET_EXPIRED', 'the time of this ticket is over')
  if (ticket.network_id !== network) throw new NetworkTrouble('NETWORK_MISMATCH', 'this ticket is for another network')
  return ticket
}

/** Hosts of the ticket that can be reached, and have greeted. */
async function connected({ hosts }: HostTicket, joining: Joining): Promise<Did[]> {
  const reached = await Promise.all(hosts.map(async ({ did, addresses }) => ((await reach(did, addresses, joining)) instanceof NetworkTrouble ? undefined : did)))
  return reached.filter((did) => did !== undefined)
}

/** The address that led there, or why none did. */
async function reach(did: Did, addresses: readonly string[], { host, replicator }: Joining): Promise<string | NetworkTrouble> {
  let last = new NetworkTrouble('NO_PATH', 'the ticket names no address')
  for (const address of addresses) {
    try {
      if ((await host.dial(address)) !== did) continue
      await replicator.ready(did)
      return address
    } catch (error) {
      if (!(error instanceof NetworkTrouble)) throw error
      last = error
    }
  }
  return last
}

/** Asks one host after the other until one has taken this node in. */
async function joinThrough({ space, genesis, hosts }: HostTicket, joining: Joining): Promise<void> {
  let last = new NetworkTrouble('NO_PATH', 'the ticket names no address')
  for (const { did, addresses } of hosts) {
    const address = await reach(did, addresses, joining)
    try {
      if (address instanceof NetworkTrouble) throw address
      await joining.replicator.join(did, space, genesis)
      joining.acquaintances.joined(address)
      return
    } catch (error) {
      if (!(error instanceof NetworkTrouble)) throw error
      last = error
    }
  }
  throw last
}
