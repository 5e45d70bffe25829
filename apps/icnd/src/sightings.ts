import type { Did, FrameOf, SpaceId } from '@icn/protocol'

/** What was seen of peers since this start: for whoever looks why one of them is not here. */

/** Peers that are remembered; larger: memory for whoever makes up keys. Those that were heard of longest ago go. */
const peersMax = 1_000

/** A greeting that came to nothing. */
export interface GreetingTrouble {
  readonly code: string
  /** [ms] */
  readonly at: number
  /** What the peer has said of itself, where it has. */
  readonly theirs: Pick<FrameOf<'hello'>, 'network_id' | 'rules' | 'release'> | undefined
}

/** What a peer says of a space that this node offers. */
export interface SpaceAnswer {
  /** Undefined: both hold it. */
  readonly code: string | undefined
  /** Since when it says so [ms]. */
  readonly since: number
}

export interface Sighting {
  /** When its link ended last [ms]; undefined: it is here, or was never. */
  lastSeenAt?: number
  trouble?: GreetingTrouble
  readonly answers: Map<SpaceId, SpaceAnswer>
}

export class Sightings {
  readonly #now: () => number
  /** Peer → what was seen, longest ago first. Bound: `peersMax`. */
  readonly #peers = new Map<Did, Sighting>()
  readonly #here = new Set<Did>()

  constructor(now: () => number) {
    this.#now = now
  }

  linkChanged(peer: Did, state: 'ready' | 'closed'): void {
    const seen = this.#touch(peer)
    if (state === 'ready') {
      this.#here.add(peer)
      delete seen.trouble
      delete seen.lastSeenAt
    } else {
      if (this.#here.delete(peer)) seen.lastSeenAt = this.#now()
      seen.answers.clear()
    }
  }

  greetingFailed(peer: Did, code: string, theirs: FrameOf<'hello'> | undefined): void {
    this.#touch(peer).trouble = { code, at: this.#now(), theirs }
  }

  /** Only of spaces that this node has offered, so that a peer cannot fill the memory. */
  answered(peer: Did, space: SpaceId, code: string | undefined): void {
    const { answers } = this.#touch(peer)
    const before = answers.get(space)
    if (before === undefined || before.code !== code) answers.set(space, { code, since: this.#now() })
  }

  of(peer: Did): Readonly<Sighting> | undefined {
    return this.#peers.get(peer)
  }

  /** Peers whose last greeting came to nothing. */
  get troubles(): readonly (readonly [Did, GreetingTrouble])[] {
    return [...this.#peers].flatMap(([peer, { trouble }]) => (trouble === undefined ? [] : [[peer, trouble] as const]))
  }

  /** What each peer that is here says of a space. */
  answersOf(space: SpaceId): readonly (SpaceAnswer & { readonly peer: Did })[] {
    return [...this.#peers].flatMap(([peer, { answers }]) => {
      const answer = answers.get(space)
      return answer === undefined ? [] : [{ peer, ...answer }]
    })
  }

  #touch(peer: Did): Sighting {
    const seen = this.#peers.get(peer) ?? { answers: new Map() }
    this.#peers.delete(peer)
    this.#peers.set(peer, seen)
    for (const other of this.#peers.keys()) {
      if (this.#peers.size <= peersMax) break
      if (!this.#here.has(other)) this.#peers.delete(other)
    }
    return seen
  }
}
