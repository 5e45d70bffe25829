import assert from 'node:assert/strict'
import { type JournalApi, journalDefaults, openJournal, openMemoryStore, type Store } from '@icn/journal'
import { type Misbehaviour, Replicator } from '@icn/network'
import { type Did, didOfKey, type OperationId, type Rules, type SignedOperation, type SpaceId, toHex } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { Chance, raw, SimNetwork, type SimWire, TestSigner, toyRules, VirtualTime } from '@icn/testkit'

/**
 * Several nodes in one process: the real journal, real laws and the real replication over a simulated network, clock and disk
 * (engine page §11). Equal seeds give equal runs.
 */

export const toySpace = 'coop:toy' as SpaceId
const start = 1_790_000_000_000

export class SimNode {
  readonly did: Did
  readonly world: World
  readonly #seed: number
  /** What is durable: it outlives a crash. */
  readonly #store: Store = { ...openMemoryStore(), close() {} }
  /** This node's clock runs so much ahead of the world's [ms]. */
  skewMs = 0
  running: { readonly journal: JournalApi; readonly replicator: Replicator } | undefined

  constructor(world: World, seed: number) {
    this.world = world
    this.#seed = seed
    this.did = new TestSigner(seed).did
  }

  get journal(): JournalApi {
    return (this.running as { journal: JournalApi }).journal
  }

  start(): void {
    const { world } = this
    const key = signingKeyFromSeed(new Uint8Array(32).fill(this.#seed))
    const journal = openJournal({
      store: this.#store,
      key,
      node: didOfKey(key.publicKey),
      rulesOf: () => world.rules,
      wall: () => world.time.now() + this.skewMs,
      options: { ...journalDefaults, verifyThreads: 0 },
    })
    const hosts = (): readonly Did[] => {
      const facts = journal.read(toySpace)
      return facts === undefined ? [] : world.rules.hosts(facts)
    }
    const replicator = new Replicator({
      node: this.did,
      journal: { ...portOf(journal), ingest: (space, operations) => world.waitFor(journal.ingest(space, operations)) },
      network: () => world.genesis.id,
      rules: [[world.rules.version, new Uint8Array(32)]],
      instance: new Uint8Array(16).fill(this.#seed),
      release: 'sim',
      mayHave: (peer) => hosts().includes(peer),
      expected: () => (hosts().includes(this.did) ? [] : [{ space: toySpace, genesis: world.genesis.id }]),
      hosting: { draft: () => undefined, accept: async () => 'SPACE_NOT_PROVEN', sign: () => undefined },
      timing: { now: () => world.time.now() + this.skewMs, after: (ms, run) => world.time.after(ms, run), chance: () => world.chance.next() },
      report: (kind, peer, detail) => void world.reports.push({ by: this.did, kind, peer, detail }),
      fault: (doing, error) => void world.faults.push([doing, error]),
    })
    const upkeep = (): void => {
      if (this.running?.journal !== journal) return
      void world.waitFor(journal.maintain())
      world.time.after(5_000, upkeep)
    }
    this.running = { journal, replicator }
    upkeep()
    world.network.add(this.did, (wire: SimWire<Did>) => replicator.add(wire))
  }

  /** Ends without a word: what was not committed is lost. */
  crash(): void {
    this.world.network.remove(this.did)
    this.running?.replicator.close()
    this.running = undefined
  }

  /** By this node's own key. */
  propose(kind: string, body: unknown): void {
    void this.world
      .waitFor(this.journal.propose({ space: toySpace, kind, author: this.did, grant: null, body }))
      .catch((error: unknown) => this.world.faults.push(['propose', error]))
  }
}

function portOf(journal: JournalApi) {
  return {
    info: (space: SpaceId) => journal.info(space),
    spaces: () => journal.spaces(),
    vectors: (space: SpaceId) => journal.vectors(space),
    get clock() {
      return journal.clock
    },
    subscribe: (listener: Parameters<JournalApi['subscribe']>[0]) => journal.subscribe(listener),
  }
}

export class World {
  readonly rules: Rules
  readonly chance: Chance
  readonly time: VirtualTime
  readonly network: SimNetwork<Did>
  readonly nodes: readonly SimNode[]
  readonly genesis: SignedOperation
  readonly reports: { readonly by: Did; readonly kind: Misbehaviour; readonly peer: Did; readonly detail: string }[] = []
  readonly faults: unknown[] = []
  #pending = 0

  /** `rules`: which nodes are hosts may depend on the state. */
  constructor(seed: number, count: number, rules: Rules = toyRules) {
    this.rules = rules
    this.chance = new Chance(seed)
    this.time = new VirtualTime(start, () => this.#pending > 0)
    this.network = new SimNetwork<Did>(this.time, this.chance)
    this.nodes = Array.from({ length: count }, (_, i) => new SimNode(this, 100 + i))
    const hosts = this.nodes.map(({ did }) => did)
    this.genesis = new TestSigner(90).sign({ space: toySpace, genesis: null, kind: 'toy.found', body: { name: 'toy', hosts }, at: [start - 1_000, 0] })
  }

  /** Starts every node; the first one holds the space, or all of them do. */
  async open(held: 'first' | 'all' = 'all'): Promise<this> {
    for (const node of this.nodes) node.start()
    for (const node of held === 'all' ? this.nodes : this.nodes.slice(0, 1)) await node.journal.ingest(toySpace, [raw(this.genesis)])
    return this
  }

  waitFor<T>(work: Promise<T>): Promise<T> {
    this.#pending++
    return work.finally(() => this.#pending--)
  }

  get alive(): readonly SimNode[] {
    return this.nodes.filter(({ running }) => running !== undefined)
  }

  /** All that may be asked of nodes that have met: same set, same statuses, same state, nothing wrong, nobody blamed. */
  demandEqual(label: string): void {
    const [first, ...others] = this.alive.map((node) => shown(node))
    for (const other of others) assert.deepEqual(other, first, label)
    for (const { journal } of this.alive) assert.deepEqual(journal.doctor(), [], label)
    assert.deepEqual(this.faults, [], label)
  }

  close(): void {
    for (const node of this.alive) node.crash()
  }
}

function shown({ journal }: SimNode): unknown {
  const info = journal.info(toySpace)
  return {
    digest: toHex(info?.setDigest ?? new Uint8Array()),
    root: toHex(journal.root(toySpace).root),
    counts: info?.operations,
    vector: journal.vectors(toySpace)?.entries(),
    statuses: journal.operations(toySpace, { limit: 100_000 }).map(({ operation, status }): [OperationId, string] => [operation.id, status]),
  }
}
