import { type Did, type FrameOf, offerSpacesMax, type SpaceId } from '@icn/protocol'
import type { ReplicatorParts } from './ports.ts'

/** Which spaces a peer is offered: those that it may have of this node, and those that this node expects from anybody, by name (network page §4). When they are too many, those that are shared already go first. */

type Offered = FrameOf<'offer'>['spaces']

export class Offering {
  readonly #peer: Did
  readonly #parts: Pick<ReplicatorParts, 'journal' | 'mayHave' | 'expected'>
  readonly #isShared: (space: SpaceId) => boolean
  /** What the peer was told last, by space. Bound: `offerSpacesMax`. */
  #told: ReadonlyMap<SpaceId, string> = new Map()

  /** `isShared`: is the space being kept equal with the peer? */
  constructor(peer: Did, parts: Pick<ReplicatorParts, 'journal' | 'mayHave' | 'expected'>, isShared: (space: SpaceId) => boolean) {
    this.#peer = peer
    this.#isShared = isShared
    this.#parts = parts
  }

  /** What the peer is to be told; undefined: it was told that. `changed`: nothing is new of any other space, so no other is looked at. */
  news(changed?: SpaceId): Offered | undefined {
    const { journal, expected } = this.#parts
    if (changed !== undefined && textOf([...this.#held(changed), ...expected().filter(({ space }) => space === changed)]) === (this.#told.get(changed) ?? '')) return undefined
    const all = [...journal.spaces().flatMap(({ space }) => this.#held(space)), ...expected()]
    const isFirst = (space: SpaceId): number => Number(this.#isShared(space))
    const chosen = all.sort((a, b) => isFirst(b.space) - isFirst(a.space) || (a.space < b.space ? -1 : 1)).slice(0, offerSpacesMax)
    const spaces = chosen.sort((a, b) => (a.space < b.space ? -1 : 1))
    const told = new Map<SpaceId, string>()
    for (const { space, genesis } of spaces) told.set(space, told.has(space) ? `${told.get(space)},${genesis}` : genesis)
    if (told.size === this.#told.size && [...told].every(([space, text]) => this.#told.get(space) === text)) return undefined
    this.#told = told
    return spaces
  }

  #held(space: SpaceId): Offered {
    const info = this.#parts.journal.info(space)
    return info === undefined || info.readOnly || !this.#parts.mayHave(this.#peer, space) ? [] : [{ space, genesis: info.genesis }]
  }
}

const textOf = (spaces: Offered): string => spaces.map(({ genesis }) => genesis).join()
