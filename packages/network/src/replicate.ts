import type { Did, OperationId, SpaceId } from '@icn/protocol'
import { Link } from './link.ts'
import { type ReplicatorOptions, type ReplicatorParts, replicatorDefaults } from './ports.ts'
import { NetworkTrouble, type Wire } from './wire.ts'

/** Keeps the spaces of this node equal with those of its peers: a link for each wire, and every commit told to each of them. */
export class Replicator {
  readonly #parts: ReplicatorParts
  readonly #options: ReplicatorOptions
  readonly #links = new Map<Did, Link>()
  readonly #unsubscribe: () => void
  #closed = false

  constructor(parts: ReplicatorParts) {
    this.#parts = parts
    this.#options = { ...replicatorDefaults, ...parts.options }
    this.#unsubscribe = parts.journal.subscribe((spaces) => this.#committed(spaces))
  }

  /** A wire to a peer whose key is proven. The peer's former one, if there was one, ends. */
  add(wire: Wire): void {
    if (this.#closed) {
      wire.close()
      return
    }
    this.#links.get(wire.peer)?.leave()
    const link: Link = new Link(wire, this.#parts, this.#options, () => {
      if (this.#links.get(wire.peer) === link) this.#links.delete(wire.peer)
    })
    this.#links.set(wire.peer, link)
    link.start()
  }

  /** This node has become a host of something, or is one no longer: the peers hear of it. */
  offerAgain(): void {
    for (const link of this.#links.values()) link.offer()
  }

  /** When the link to a peer has greeted; rejects with a NetworkTrouble after ten seconds without. */
  async ready(peer: Did): Promise<void> {
    for (let left = 100; this.#links.get(peer)?.state !== 'ready'; left--) {
      if (left === 0) throw new NetworkTrouble('HELLO_TIMEOUT', 'the host did not greet')
      await new Promise<void>((resolve) => void this.#parts.timing.after(100, resolve))
    }
  }

  /** Accepts, over the link to a host, to hold a space that this node was named for. Rejects with a NetworkTrouble. */
  async join(peer: Did, space: SpaceId, genesis: OperationId): Promise<void> {
    const link = this.#links.get(peer)
    if (link === undefined || link.state !== 'ready') throw new NetworkTrouble('NO_PATH', 'there is no link to this host')
    await link.joining.join(space, genesis)
    this.offerAgain()
  }

  get links(): readonly { readonly peer: Did; readonly state: string; readonly spaces: readonly SpaceId[] }[] {
    return [...this.#links.values()].map(({ peer, state, spaces }) => ({ peer, state, spaces }))
  }

  close(): void {
    this.#closed = true
    this.#unsubscribe()
    for (const link of [...this.#links.values()]) link.close('STOPPING')
  }

  #committed(spaces: Parameters<Parameters<ReplicatorParts['journal']['subscribe']>[0]>[0]): void {
    for (const [space, events] of spaces) {
      const placed = new Set<OperationId>()
      for (const { operation, status } of events) if (operation !== null && status !== null && status !== 'held') placed.add(operation)
      for (const link of [...this.#links.values()]) link.committed(space, [...placed])
    }
  }
}
