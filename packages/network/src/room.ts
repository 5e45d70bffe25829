import { type Did, type GateRefusal, minuteMs, type PeerClass, type SpaceId } from '@icn/protocol'

/** How many of whom there is room for (network page §4 and §5). */

/** A guest has so long before another may take its place. */
const guestStayMs = 10 * minuteMs
/** Between a place that was given and the connection that is seen [ms]. */
const comingMs = 15_000

export type GateWord = 'open' | 'guests' | 'closed'

export interface RoomOptions {
  readonly gate: GateWord
  readonly guestsCount: number
  readonly peersCount: number
}

export interface RoomParts {
  now(): number
  classOf(peer: Did): PeerClass
  /** What is seen of it [‰]. */
  standingOf(peer: Did): number
  /** Spaces that both host, by this node's own state. */
  spacesOf(peer: Did): readonly SpaceId[]
  /** Is it sent away for a while? */
  isAway(peer: Did): boolean
  /** Could a stranger bring something with its greeting that makes it more than a guest? */
  expectsPass(): boolean
  connected(): readonly Did[]
}

/** Who has to go for somebody, or why there is no place. */
type Place = { readonly leaves: readonly Did[] } | { readonly refused: GateRefusal }

/** What a class is worth to whoever wants a place. */
const worth: Readonly<Record<PeerClass, number>> = { banned: 0, guest: 1, known: 2, partner: 3, federated: 4, allowed: 5, cohost: 6 }
/** In which order they go when somebody has to: among those without a common space it is their standing that counts. */
const tiers: Readonly<Record<PeerClass, number>> = { banned: 0, guest: 1, known: 2, partner: 3, federated: 3, allowed: 3, cohost: 4 }

export class Room {
  readonly #options: RoomOptions
  readonly #parts: RoomParts
  /** Who has a place, since when. Bound: `peersCount`, and whom stewards have named beyond it. */
  readonly #since = new Map<Did, number>()

  constructor(options: RoomOptions, parts: RoomParts) {
    this.#options = options
    this.#parts = parts
  }

  /** A place, and who has to go for it; or why there is none. */
  take(peer: Did): Place {
    this.#tidy()
    const place = this.#placeFor(peer)
    if ('refused' in place || this.#since.has(peer)) return place
    for (const other of place.leaves) this.#since.delete(other)
    this.#since.set(peer, this.#parts.now())
    return place
  }

  /** Why there would be no place for it now; undefined: there would. */
  whyNot(peer: Did): GateRefusal | undefined {
    this.#tidy()
    const place = this.#placeFor(peer)
    return 'refused' in place ? place.refused : undefined
  }

  #placeFor(peer: Did): Place {
    const kind = this.#parts.classOf(peer)
    if (kind === 'banned') return { refused: 'banned' }
    if (this.#parts.isAway(peer)) return { refused: 'away' }
    if (this.#since.has(peer)) return { leaves: [] }
    const leaves: Did[] = []
    if (kind === 'guest' && this.#options.gate !== 'open') {
      if (this.#options.gate === 'closed' && !this.#parts.expectsPass()) return { refused: 'not_trusted' }
      const guests = [...this.#since].filter(([other]) => this.#parts.classOf(other) === 'guest')
      if (guests.length >= this.#options.guestsCount) {
        const [oldest] = guests
        if (oldest === undefined || oldest[1] + guestStayMs > this.#parts.now()) return { refused: 'guests_full' }
        leaves.push(oldest[0])
      }
    }
    if (this.#since.size - leaves.length >= this.#options.peersCount) {
      const least = this.#leastFor(peer, kind)
      if (least === undefined) return { refused: 'peers_full' }
      leaves.push(least)
    }
    return { leaves }
  }

  /** May it stay, now that its class has changed? Why not, if not. */
  trouble(peer: Did): GateRefusal | undefined {
    const kind = this.#parts.classOf(peer)
    if (kind === 'banned') return 'banned'
    return kind === 'guest' && this.#options.gate === 'closed' ? 'not_trusted' : undefined
  }

  /** Who goes for a newcomer: somebody who is worth less, the least of them, and never the last link of a space. */
  #leastFor(newcomer: Did, kind: PeerClass): Did | undefined {
    const { classOf, standingOf } = this.#parts
    const links = this.#linksBySpace()
    const isOnly = (peer: Did): boolean => classOf(peer) === 'cohost' && this.#parts.spacesOf(peer).some((space) => [...(links.get(space) ?? [])].every((other) => other === peer))
    // Whoever brings the first link of a space is worth more than the second of another.
    const isFirst = isOnly(newcomer)
    const mayGo = (peer: Did): boolean => !isOnly(peer) && (worth[classOf(peer)] < worth[kind] || isFirst)
    const isBelow = (a: Did, b: Did): boolean => (tiers[classOf(a)] - tiers[classOf(b)] || standingOf(a) - standingOf(b)) < 0
    return [...this.#since.keys()].filter(mayGo).reduce<Did | undefined>((least, peer) => (least === undefined || isBelow(peer, least) ? peer : least), undefined)
  }

  /** Who is connected, for each space that is shared with somebody; a place that was only promised is no link. */
  #linksBySpace(): ReadonlyMap<SpaceId, ReadonlySet<Did>> {
    const links = new Map<SpaceId, Set<Did>>()
    for (const peer of this.#parts.connected()) for (const space of this.#parts.spacesOf(peer)) links.set(space, (links.get(space) ?? new Set()).add(peer))
    return links
  }

  #tidy(): void {
    const connected = new Set(this.#parts.connected())
    const now = this.#parts.now()
    for (const [peer, since] of this.#since) if (!connected.has(peer) && since + comingMs <= now) this.#since.delete(peer)
  }
}
