import type { JournalApi } from '@icn/journal'
import { Draw, type DrawParts, NetworkTrouble } from '@icn/network'
import { targetOf } from '@icn/network/node'
import { commonsSpace, type Did, type Endpoint, type NodeRecord, type SpaceId } from '@icn/protocol'
import type { Log } from './log.ts'
import { hostsOf } from './replication.ts'

/** With whom this node has to do, by its own state and its operator's word, and where they were last said to be. */

/** Links wanted with hosts of one space, with keepers and first contacts together, and with whoever is in the network. */
const linksOfSpace = { near: 8, drawn: 2 }
const linksOfNetwork = { enough: 4, most: 4 }
const linksOfCommons = { enough: 6, most: 12 }
/** Peers of the building that are remembered; larger: memory for whoever makes up names there. */
const houseMax = 64

type Remembered = Pick<Endpoint, 'type' | 'addr'>

export interface AcquaintancesParts {
  readonly journal: Pick<JournalApi, 'node' | 'spaces' | 'read' | 'local'>
  /** Multiaddrs of first contacts, each ending in /p2p/<peer id>. */
  readonly bootstrap: readonly string[]
  readonly log: Pick<Log, 'warn'>
  /** Nodes of the network whose records are here. */
  known(): readonly Did[]
  readonly draw: DrawParts
}

export class Acquaintances {
  readonly #parts: AcquaintancesParts
  /** First contact → addresses without /p2p. */
  readonly #told = new Map<Did, string[]>()

  /** First contacts as they were written whose address cannot be used. */
  readonly unusable: readonly string[]
  /** Bound: `houseMax`. */
  readonly #house = new Map<Did, readonly string[]>()

  readonly #draw: Draw

  constructor(parts: AcquaintancesParts) {
    this.#parts = parts
    this.#draw = new Draw(parts.draw)
    const unusable: string[] = []
    for (const text of parts.bootstrap) {
      try {
        const { peer, address } = targetOf(text)
        if (peer !== parts.journal.node) this.#told.set(peer, [...(this.#told.get(peer) ?? []), address])
      } catch (error) {
        if (!(error instanceof NetworkTrouble)) throw error
        parts.log.warn('bootstrap', 'a first contact cannot be used', { code: error.code })
        unusable.push(text)
      }
    }
    this.unusable = unusable
  }

  firstContacts(): readonly Did[] {
    return [...this.#told.keys()]
  }

  /** Addresses that this node's operator has named, in its configuration or by the ticket it joined with. */
  told(peer: Did): readonly string[] {
    const joinedAt = this.#parts.journal.local.get(['joined', peer]) as string | undefined
    return [...new Set([...(this.#told.get(peer) ?? []), ...(joinedAt === undefined ? [] : [joinedAt])])]
  }

  /** This address of a ticket has answered: it is kept, for its host may not have said yet where it is when this node is started again. */
  joined(address: string): void {
    const { peer, address: value } = targetOf(address)
    this.#parts.journal.local.write([{ key: ['joined', peer], value }])
  }

  /** Are both active hosts of one private space that is here? */
  sharesSpace(a: Did, b: Did): boolean {
    return this.#privateSpaces().some((space) => this.hostsOf(space).includes(a) && this.hostsOf(space).includes(b))
  }

  /** Other hosts of private spaces that this node hosts, with these spaces. */
  cohosts(): ReadonlyMap<Did, readonly SpaceId[]> {
    const { node } = this.#parts.journal
    const found = new Map<Did, SpaceId[]>()
    for (const space of this.#ownSpaces()) {
      for (const host of this.hostsOf(space)) if (host !== node) found.set(host, [...(found.get(host) ?? []), space])
    }
    return found
  }

  /** Peers to be linked with: other hosts of own spaces, some keepers and first contacts, and some of the network whoever they are. */
  wanted(ready: ReadonlySet<Did>): readonly Did[] {
    const { node } = this.#parts.journal
    const others = (peers: readonly Did[]): readonly Did[] => [...new Set(peers)].filter((peer) => peer !== node)
    const wanted = new Set<Did>([
      ...this.#house.keys(),
      ...this.#ownSpaces().flatMap((space) => this.#draw.nearest(others(this.hostsOf(space)), linksOfSpace)),
      ...this.#draw.of(others([...this.firstContacts(), ...this.hostsOf(commonsSpace)]), ready, linksOfNetwork),
    ])
    const anybody = others([...ready, ...this.#parts.known()]).filter((peer) => !wanted.has(peer))
    return [...wanted, ...this.#draw.of(anybody, ready, linksOfCommons)]
  }

  /** A dial has reached the peer, or has not, or it is of no use: somebody else may be wanted in its place. */
  tried(peer: Did, isReached: boolean): void {
    this.#draw.tried(peer, isReached)
  }

  /** True when this is news: who is in the building is dialled like anybody else. */
  foundInHouse(peer: Did, addresses: readonly string[]): boolean {
    const isNews = this.#house.get(peer)?.join() !== addresses.join()
    if (isNews && (this.#house.has(peer) || this.#house.size < houseMax)) this.#house.set(peer, addresses)
    return isNews && this.#house.has(peer)
  }

  /** Where a host of an own space was last said to be. It outlives a restart, so that nobody has to be asked. */
  remembered(peer: Did): readonly Remembered[] {
    const near = (this.#house.get(peer) ?? []).map((addr): Remembered => ({ type: 'lan', addr }))
    return [...near, ...this.#stored(peer)]
  }

  remember({ node, endpoints }: NodeRecord): void {
    const now = endpoints.map(({ type, addr }) => ({ type, addr }))
    if (JSON.stringify(now) !== JSON.stringify(this.#stored(node))) this.#parts.journal.local.write([{ key: ['addresses', node], value: now }])
  }

  #stored(peer: Did): readonly Remembered[] {
    return (this.#parts.journal.local.get(['addresses', peer]) ?? []) as readonly Remembered[]
  }

  /** Who hosts what, as text to be compared. */
  print(): string {
    return [commonsSpace, ...this.#privateSpaces()].map((space) => `${space} ${this.hostsOf(space).join()}`).join('\n')
  }

  #ownSpaces(): readonly SpaceId[] {
    return this.#privateSpaces().filter((space) => this.hostsOf(space).includes(this.#parts.journal.node))
  }

  #privateSpaces(): readonly SpaceId[] {
    return this.#parts.journal.spaces().flatMap(({ space }) => (space === commonsSpace ? [] : [space]))
  }

  /** Hosts of a coop; of commons its keepers. */
  hostsOf(space: SpaceId): readonly Did[] {
    return hostsOf(this.#parts.journal, space)
  }
}
