import type { Did } from '@icn/protocol'
import type { Timing } from './ports.ts'

/** Which of many peers to be linked with (network page §5): the nearest, and some by chance and others after a while, so that no part of the network stays among itself. */

const drawMs = 600_000
/** Links beyond those that are enough, for peers that were drawn. */
const drawnMax = 2

export interface Enough {
  /** With fewer links, as many are wanted as there may be. */
  readonly enough: number
  readonly most: number
}

export interface NearAndDrawn {
  readonly near: number
  /** Beyond the nearest. Larger: more traffic over long ways; none: two groups of hosts that are far from each other lose touch. */
  readonly drawn: number
}

export interface DrawParts extends Pick<Timing, 'now' | 'chance'> {
  /** Round trip to a peer [ms]; undefined: it is not connected, or has not answered. */
  roundTripMs(peer: Did): number | undefined
}

interface Place {
  readonly place: number
  /** As it was measured when this draw began, or the last time before. */
  readonly roundTripMs: number
}

const byPlace = (a: Place, b: Place): number => a.place - b.place
// Whoever was never measured comes after everybody who was, by chance.
const byDistance = (a: Place, b: Place): number => (a.roundTripMs === b.roundTripMs ? byPlace(a, b) : a.roundTripMs - b.roundTripMs)

export class Draw {
  readonly #parts: DrawParts
  /** Place of each peer in this draw. Bound: what was asked about since it began. */
  #places = new Map<Did, Place>()
  /** The draw before. */
  #before: ReadonlyMap<Did, Place> = new Map()
  /** Peers that could not be reached since this draw began: they come after all others. Bound: what was tried since. */
  readonly #absent = new Set<Did>()
  #until = Number.NEGATIVE_INFINITY

  constructor(parts: DrawParts) {
    this.#parts = parts
  }

  /** Those of the peers that are linked, as many as there may be, and others until there are enough; two more where there are. */
  of(peers: readonly Did[], linked: ReadonlySet<Did>, { enough, most }: Enough): readonly Did[] {
    this.#renew()
    const here = peers.filter((peer) => linked.has(peer)).slice(0, most)
    const count = here.length < enough ? most - here.length : Math.min(drawnMax, most - here.length)
    const others = this.#ranked(
      peers.filter((peer) => !linked.has(peer)),
      byPlace,
    )
    return [...here, ...others.slice(0, count)]
  }

  /** The nearest of the peers, and some of the others that have been drawn. The same ones until the next draw, but for those that cannot be reached. */
  nearest(peers: readonly Did[], { near, drawn }: NearAndDrawn): readonly Did[] {
    this.#renew()
    const nearest = this.#ranked(peers, byDistance).slice(0, near)
    const taken = new Set(nearest)
    const others = this.#ranked(
      peers.filter((peer) => !taken.has(peer)),
      byPlace,
    )
    return [...nearest, ...others.slice(0, drawn)]
  }

  /** Somebody takes the place of whom a dial has not reached, and gives it back when that one is here. */
  tried(peer: Did, isReached: boolean): void {
    if (isReached) this.#absent.delete(peer)
    else this.#absent.add(peer)
  }

  #ranked(peers: readonly Did[], compare: (a: Place, b: Place) => number): readonly Did[] {
    const absence = (peer: Did): number => (this.#absent.has(peer) ? 1 : 0)
    return [...peers].sort((a, b) => absence(a) - absence(b) || compare(this.#placeOf(a), this.#placeOf(b)))
  }

  #placeOf(peer: Did): Place {
    const known = this.#places.get(peer)
    if (known !== undefined) return known
    const roundTripMs = this.#parts.roundTripMs(peer) ?? this.#before.get(peer)?.roundTripMs ?? Number.POSITIVE_INFINITY
    const place = { place: this.#parts.chance(), roundTripMs }
    this.#places.set(peer, place)
    return place
  }

  #renew(): void {
    const now = this.#parts.now()
    if (now < this.#until) return
    this.#until = now + drawMs
    this.#before = this.#places
    this.#places = new Map()
    this.#absent.clear()
  }
}
