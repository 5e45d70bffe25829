import type { CutApi, JournalApi } from '@icn/journal'
import type { SnapPort } from '@icn/network'
import { type Attempt, memoryOf, SpaceSnapshots } from '@icn/node'
import type { Did, OperationId, SpaceId } from '@icn/protocol'
import type { SigningKey } from '@icn/protocol/node'
import type { SimNode } from './world.ts'

/** What happened to one attempt at one node. */
export interface Told {
  readonly by: Did
  readonly what: string
  readonly attempt: Attempt
  readonly more: Readonly<Record<string, unknown>> | undefined
}

/** The cuts that a simulated node takes part in: the real agreement over the simulated network, clock and disk. */
export class Cutting {
  readonly #node: SimNode
  readonly #journal: JournalApi
  readonly #key: SigningKey
  readonly #tell: (space: SpaceId, message: Uint8Array) => void
  readonly #spaces = new Map<SpaceId, SpaceSnapshots>()

  constructor(node: SimNode, journal: JournalApi, key: SigningKey, tell: (space: SpaceId, message: Uint8Array) => void) {
    this.#node = node
    this.#journal = journal
    this.#key = key
    this.#tell = tell
    journal.subscribe((spaces) => {
      for (const space of spaces.keys()) this.#spaces.get(space)?.changed()
    })
  }

  readonly port: SnapPort = {
    maySpeak: (space, did) => {
      if (this.#journal.info(space) === undefined) return false
      const { before, now } = this.#journal.cuts.hosts(space)
      return before.includes(did) || now.includes(did)
    },
    heard: (space, message) => this.of(space).hear(message),
    page: () => undefined,
    pageCame: () => {},
  }

  of(space: SpaceId): SpaceSnapshots {
    const known = this.#spaces.get(space)
    if (known !== undefined) return known
    const journal = this.#journal
    const { world } = this.#node
    const info = () => journal.info(space) as NonNullable<ReturnType<JournalApi['info']>>
    const opened = new SpaceSnapshots({
      space,
      node: journal.node,
      cuts: waited(journal.cuts, (work) => world.waitFor(work)),
      network: () => world.realm.network() as OperationId,
      rules: () => info().rules,
      setDigest: () => info().setDigest,
      isMute: () => info().isMute,
      sign: (message) => new Uint8Array(this.#key.sign(message)),
      random: (count) => Uint8Array.from({ length: count }, () => world.chance.below(256)),
      ...memoryOf(journal.local, info().genesis),
      tell: (message) => {
        if (this.#isAlive) this.#tell(space, message)
      },
      follows: () => true,
      timing: { now: () => world.time.now() + this.#node.skewMs, after: (ms, run) => world.time.after(ms, run), chance: () => world.chance.next() },
      timeoutMs: 300_000,
      told: (what, attempt, more) => void world.cutsTold.push({ by: journal.node, what, attempt, more }),
      fault: (doing, error) => {
        if (this.#isAlive) world.faults.push([doing, error])
      },
    })
    this.#spaces.set(space, opened)
    return opened
  }

  close(): void {
    for (const one of this.#spaces.values()) void one.close()
  }

  get #isAlive(): boolean {
    return this.#node.running?.journal === this.#journal
  }
}

/** Time stands still while the journal works. */
function waited(cuts: CutApi, waitFor: <T>(work: Promise<T>) => Promise<T>): CutApi {
  return {
    due: (...args) => waitFor(cuts.due(...args)),
    hosts: (space) => cuts.hosts(space),
    promise: (...args) => waitFor(cuts.promise(...args)),
    mark: (...args) => waitFor(cuts.mark(...args)),
    admit: (...args) => waitFor(cuts.admit(...args)),
    unite: (...args) => waitFor(cuts.unite(...args)),
    knows: (...args) => cuts.knows(...args),
    globalRoot: (acks) => cuts.globalRoot(acks),
    above: (...args) => cuts.above(...args),
    state: (...args) => waitFor(cuts.state(...args)),
    isAck: (...args) => cuts.isAck(...args),
    ackBytes: (...args) => cuts.ackBytes(...args),
    certify: (...args) => waitFor(cuts.certify(...args)),
    end: (space) => waitFor(cuts.end(space)),
  }
}
