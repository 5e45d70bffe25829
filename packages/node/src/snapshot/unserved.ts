import { type Did, hourMs } from '@icn/protocol'

/** Larger: an honest host whose link was slow waits longer to take part again; smaller: one that names what nobody has holds cuts up more often. */
const leftOutMs = hourMs

/** Hosts whose marker named what nobody could be given: cuts are made without them for a while, where the others are enough. */
export class Unserved {
  readonly #now: () => number
  /** Host → until when it is left out. Bound: hosts of the space. */
  readonly #until = new Map<Did, number>()

  constructor(now: () => number) {
    this.#now = now
  }

  note(hosts: readonly Did[]): void {
    for (const did of hosts) this.#until.set(did, this.#now() + leftOutMs)
  }

  has(did: Did): boolean {
    const until = this.#until.get(did)
    if (until === undefined || until > this.#now()) return until !== undefined
    this.#until.delete(did)
    return false
  }
}
