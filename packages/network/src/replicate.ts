import type { Did, NodeRecord, OperationId, RawOperation, SpaceId } from '@icn/protocol'
import { Instances } from './instances.ts'
import { Link } from './link.ts'
import { type News, readSigner, type Signed } from './news.ts'
import { askInTurn } from './pages.ts'
import { type LinkState, type ReplicatorOptions, type ReplicatorParts, replicatorDefaults } from './ports.ts'
import { Snaps } from './snaps.ts'
import { NetworkTrouble, type Wire } from './wire.ts'

/** Larger: memory for peers that come and go; smaller: somebody removed sends again what it has sent before. */
const handedInPeersMax = 256

/** How often is looked at what is still on its way when the node stops [ms]. */
const drainLookMs = 20

/** Keeps the spaces of this node equal with those of its peers: a link for each wire, and every commit told to each of them. */
export class Replicator {
  readonly #parts: ReplicatorParts
  readonly #options: ReplicatorOptions
  readonly #links = new Map<Did, Link>()
  readonly #instances = new Instances()
  /** What peers were handed in whole: peer → space → set digest. The peer seen longest ago goes. */
  readonly #handedIn = new Map<Did, Map<SpaceId, Uint8Array>>()
  readonly #unsubscribe: () => void
  /** Which peer has brought an operation that is being folded. Bound: what credit lets peers send. */
  readonly #bringers = new Map<OperationId, Signed & { readonly via: Did }>()
  readonly #snaps: Snaps
  #closed = false

  constructor(parts: ReplicatorParts) {
    this.#parts = parts
    this.#snaps = new Snaps(parts, () => this.#links.values())
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
    const link: Link = new Link(wire, this.#parts, this.#options, {
      handedIn: this.#handedInTo(wire.peer),
      greeted: (instance) => this.#instances.greeted(wire.peer, instance),
      brought: (operations) => this.#brought(wire.peer, operations),
      snap: (frame) => this.#snaps.take(link, frame),
      ended: () => {
        if (this.#links.get(wire.peer) === link) this.#links.delete(wire.peer)
      },
    })
    this.#links.set(wire.peer, link)
    link.start()
  }

  #handedInTo(peer: Did): Map<SpaceId, Uint8Array> {
    const known = this.#handedIn.get(peer) ?? new Map<SpaceId, Uint8Array>()
    this.#handedIn.delete(peer)
    this.#handedIn.set(peer, known)
    if (this.#handedIn.size > handedInPeersMax) this.#handedIn.delete(this.#handedIn.keys().next().value as Did)
    return known
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

  isReady(peer: Did): boolean {
    return this.#links.get(peer)?.state === 'ready'
  }

  /** Sends a peer away with a code that says why. */
  dismiss(peer: Did, code: string): void {
    this.#links.get(peer)?.close(code)
  }

  /** Tells a peer where nodes may be reached; nothing where it has not greeted. */
  tell(peer: Did, records: readonly NodeRecord[]): void {
    this.#links.get(peer)?.tell(records)
  }

  /** Says a message about a cut, signed and encoded, to every peer that shares the space; they pass it on. What is to be said again needs another `sent_at`, or it goes nowhere. */
  tellSnap(space: SpaceId, message: Uint8Array): void {
    this.#snaps.tell(space, message)
  }

  /** Asks the peers that share the space, each in turn, for a page that `SnapPort.pageCame` then brings; to be called again until it has come. False: nobody shares the space now. */
  askPage(space: SpaceId, digest: Uint8Array): boolean {
    const pages = [...this.#links.values()].map((link) => link.pages)
    return askInTurn(pages, space, digest, this.#parts.timing.now())
  }

  /** `lag`: spaces of which the peer has more than is here, or has not said yet what it has, and since when [ms]. */
  get links(): readonly {
    readonly peer: Did
    readonly state: LinkState
    readonly spaces: readonly SpaceId[]
    readonly lag: readonly { readonly space: SpaceId; readonly since: number }[]
  }[] {
    return [...this.#links.values()].map(({ peer, state, shared }) => ({
      peer,
      state,
      spaces: [...shared.keys()],
      lag: [...shared].flatMap(([space, { behindSince }]) => (behindSince === null ? [] : [{ space, since: behindSince }])),
    }))
  }

  /** Where this node stands in a space beside the peers that share it; `since` [ms]: one of them is known to have more. */
  sync(space: SpaceId): { readonly state: 'synced' | 'alone' } | { readonly state: 'behind'; readonly since: number } {
    const since = [...this.#links.values()].map(({ shared }) => shared.get(space)?.behindSince).filter((one) => one !== undefined)
    const behind = since.filter((one) => one !== null)
    if (behind.length > 0) return { state: 'behind', since: Math.min(...behind) }
    return { state: since.length === 0 ? 'alone' : 'synced' }
  }

  /** Takes no further wire, and waits so long, at most, until what was taken from the journal has left [ms]. */
  async drain(ms: number): Promise<void> {
    this.#closed = true
    for (let left = ms; left > 0 && ![...this.#links.values()].every((link) => link.drain()); left -= drainLookMs)
      await new Promise<void>((resolve) => void this.#parts.timing.after(Math.min(left, drainLookMs), resolve))
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
      let news: readonly News[] | undefined
      const read = (): readonly News[] => {
        news ??= this.#newsOf(space, placed)
        return news
      }
      for (const link of [...this.#links.values()]) link.committed(space, read)
    }
  }

  /** What peers bring is only read when somebody lacks it; and from here, because of what they brought only the journal knows what is good. */
  #newsOf(space: SpaceId, ids: ReadonlySet<OperationId>): News[] {
    const vectors = this.#parts.journal.vectors(space)
    return [...ids].flatMap((id): News[] => {
      let kept: RawOperation | undefined
      const raw = (): RawOperation | undefined => {
        kept ??= vectors?.raw(id)
        return kept
      }
      const brought = this.#bringers.get(id)
      if (brought !== undefined) return [{ ...brought, raw }]
      const own = raw()
      const signed = own === undefined ? undefined : readSigner(own)
      return signed === undefined ? [] : [{ ...signed, via: undefined, raw }]
    })
  }

  #brought(via: Did, operations: readonly Signed[]): () => void {
    const first = operations.filter(({ id }) => !this.#bringers.has(id))
    for (const one of first) this.#bringers.set(one.id, { ...one, via })
    return () => {
      for (const { id } of first) this.#bringers.delete(id)
    }
  }
}
