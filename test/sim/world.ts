import { type Draft, type JournalApi, type JournalObserver, journalDefaults, openJournal, type PlacedOperation, Refusal } from '@icn/journal'
import { type BudgetPort, type HostingPort, Replicator, type SnapPort, type TrafficPort } from '@icn/network'
import type { SnapshotCoordinator } from '@icn/node'
import { type Did, didOfKey, type EvidenceName, type IngestResult, type OperationId, type RawOperation, type Rules, type SpaceId, toHex } from '@icn/protocol'
import { type SigningKey, signingKeyFromSeed, verifySignature } from '@icn/protocol/node'
import { Chance, SimNetwork, type SimWire, TestSigner, VirtualTime } from '@icn/testkit'
import { openCutting, type Told } from './cutting.ts'
import { SimDisk } from './disk.ts'

/**
 * Several nodes in one process: the real journal, real laws and the real replication over a simulated network, clock and disk
 * (engine page §11). Equal seeds give equal runs.
 */

export const worldStart = 1_790_000_000_000

/** How often a node looks after what waits [ms]. */
const upkeepMs = 5_000

/** Which spaces there are, by which laws they live, and who holds them. */
export interface Realm {
  rulesOf(space: SpaceId): Rules
  network(): OperationId | null
  openHosting(journal: JournalApi, key: SigningKey): RealmHosting
  /** Run by each node now and then, as its background tasks would. */
  upkeep?(node: SimNode): Promise<void>
}

export interface RealmHosting {
  readonly port: HostingPort
  mayHave(peer: Did, space: SpaceId): boolean
  expected(): readonly { readonly space: SpaceId; readonly genesis: OperationId }[]
  expect(space: SpaceId, genesis: OperationId): void
}

interface Running {
  readonly journal: JournalApi
  readonly replicator: Replicator
  readonly hosting: RealmHosting
  readonly snapshots: SnapshotCoordinator
}

export interface Report {
  readonly by: Did
  readonly kind: EvidenceName
  readonly peer: Did
  readonly detail: string
}

/** Parts of a node that others, or planted bugs, take the place of. */
export interface Wrapping {
  /** Asked once a start and space. */
  rules?(rules: Rules): Rules
  journal?(journal: JournalApi): JournalApi
  hosting?(hosting: RealmHosting): RealmHosting
  budgets?(node: SimNode): BudgetPort
  traffic?(node: SimNode): TrafficPort
  snaps?(node: SimNode): SnapPort
}

export class SimNode {
  readonly did: Did
  readonly world: World
  readonly #key: SigningKey
  readonly disk = new SimDisk()
  /** This node's clock runs so much ahead of the world's [ms]. */
  skewMs = 0
  /** How long this node takes until it begins to write what a peer has sent [ms]. */
  slowMs = 0
  /** Does it take part in what this host begins? */
  follows: (initiator: Did) => boolean = () => true
  /** For so long cuts do not pass over a host that is away [ms]. */
  graceMs = 3_600_000
  /** How long an attempt at a cut may take here [ms]. */
  timeoutMs = 300_000
  running: Running | undefined
  starts = 0

  constructor(world: World, seed: number) {
    this.world = world
    this.#key = signingKeyFromSeed(new Uint8Array(32).fill(seed))
    this.did = didOfKey(this.#key.publicKey)
  }

  get snapshots(): SnapshotCoordinator {
    return (this.running as Running).snapshots
  }

  get journal(): JournalApi {
    return (this.running as Running).journal
  }

  start(): void {
    const { world } = this
    const { time, realm, wrapping } = world
    this.disk.onCut = () => {
      world.counts.tornWrites++
      this.crash()
    }
    const rulesHere = new Map<SpaceId, Rules>()
    const opened = openJournal({
      store: this.disk.open(),
      key: this.#key,
      node: this.did,
      rulesOf: (space) => {
        const rules = rulesHere.get(space) ?? wrapping.rules?.(realm.rulesOf(space)) ?? realm.rulesOf(space)
        rulesHere.set(space, rules)
        return rules
      },
      wall: () => time.now() + this.skewMs,
      verify: (check) => world.verified(check),
      random: (count) => Uint8Array.from({ length: count }, () => world.chance.below(256)),
      observer: {
        diverged: (space, told) => void world.diverged.push({ by: this.did, space, ...told }),
        lawFault: (kind, error) => void world.faults.push([kind, error]),
        fault: (doing, error) => {
          if (this.running?.journal === journal) world.faults.push([doing, error])
        },
      },
      options: { ...journalDefaults, verifyThreads: 0 },
    })
    const journal = wrapping.journal?.(opened) ?? opened
    const honest = realm.openHosting(journal, this.#key)
    const hosting = wrapping.hosting?.(honest) ?? honest
    const instance = new Uint8Array(16)
    instance.set([++this.starts])
    const snapshots: SnapshotCoordinator = openCutting(this, journal, this.#key, () => replicator)
    const replicator: Replicator = new Replicator({
      snaps: snapshots.port,
      heldAt: (peer, space, at, isCovered) => snapshots.heldAt(peer, space, at, isCovered),
      node: this.did,
      journal: portOf(journal, (space, operations, after) => this.#ingest(journal, space, operations, after)),
      network: () => realm.network(),
      rules: [[world.rulesVersion, new Uint8Array(32)]],
      instance,
      release: 'sim',
      mayHave: hosting.mayHave,
      expected: hosting.expected,
      hosting: { ...hosting.port, accept: (peer, space, operation) => world.waitFor(hosting.port.accept(peer, space, operation)) },
      timing: { now: () => time.now() + this.skewMs, after: (ms, run) => time.after(ms, run), chance: () => world.chance.next() },
      report: (kind, peer, detail) => void world.reports.push({ by: this.did, kind, peer, detail }),
      ...(wrapping.budgets === undefined ? {} : { budgets: wrapping.budgets(this) }),
      ...(wrapping.traffic === undefined ? {} : { traffic: wrapping.traffic(this) }),
      ...(wrapping.snaps === undefined ? {} : { snaps: wrapping.snaps(this) }),
      fault: (doing, error) => {
        // What a dead process could not finish is nobody's fault.
        if (this.running?.journal === journal) world.faults.push([doing, error])
      },
      options: { creditBytes: world.creditBytes },
    })
    this.running = { journal, replicator, hosting, snapshots }
    this.#keepUp(journal)
    world.network.add(this.did, (wire: SimWire<Did>) => replicator.add(wire))
    world.started(this)
  }

  /** Ends without a word: what was not committed is lost. */
  crash(): void {
    if (this.running === undefined) return
    this.disk.detach()
    this.world.network.remove(this.did)
    const { replicator, snapshots } = this.running
    this.running = undefined
    replicator.close()
    void snapshots.close()
  }

  /** The power fails in the node's next write. */
  crashInNextWrite(when: 'before' | 'after'): void {
    this.disk.cutAtNextWrite(when)
  }

  keepPower(): void {
    this.disk.cutAtNextWrite(undefined)
  }

  /** By this node's own key, for itself or for somebody who has allowed it. */
  propose(space: SpaceId, kind: string, body: unknown, by: { readonly author: Did; readonly grant: OperationId | null } = { author: this.did, grant: null }): void {
    void this.#propose({ space, kind, body, ...by })
  }

  async #propose(draft: Draft): Promise<void> {
    const { journal, world } = { journal: this.journal, world: this.world }
    try {
      const { operation } = await world.waitFor(journal.propose(draft))
      if (operation !== undefined) world.acknowledge(this, draft.space, operation.operation.id, operation.status)
    } catch (error) {
      if (this.running?.journal === journal && !(error instanceof Refusal)) world.faults.push(['propose', error])
    }
  }

  async #ingest(journal: JournalApi, space: SpaceId, operations: readonly RawOperation[], after: Promise<void> | undefined): Promise<IngestResult> {
    // Not by the journal itself: what came before may wait for time to pass, which stands still while the journal works.
    await after
    const { world, slowMs } = this
    if (slowMs > 0) await new Promise<void>((resolve) => world.time.after(slowMs, resolve))
    return world.waitFor(journal.ingest(space, operations))
  }

  #keepUp(journal: JournalApi): void {
    const upkeep = async (): Promise<void> => {
      if (this.running?.journal !== journal) return
      this.world.time.after(upkeepMs, () => void upkeep())
      try {
        await this.world.waitFor(journal.maintain())
        if (this.running?.journal === journal) await this.world.realm.upkeep?.(this)
      } catch (error) {
        if (this.running?.journal === journal && !(error instanceof Refusal)) this.world.faults.push(['upkeep', error])
      }
    }
    void upkeep()
  }
}

function portOf(journal: JournalApi, ingest: JournalApi['ingest']) {
  return {
    ingest,
    info: (space: SpaceId) => journal.info(space),
    spaces: () => journal.spaces(),
    vectors: (space: SpaceId) => journal.vectors(space),
    get clock() {
      return journal.clock
    },
    subscribe: (listener: Parameters<JournalApi['subscribe']>[0]) => journal.subscribe(listener),
  }
}

/** An operation that somebody was told is written. */
export interface Acknowledged {
  readonly node: SimNode
  readonly space: SpaceId
  readonly id: OperationId
  readonly status: string
}

export interface WorldParts {
  readonly seed: number
  readonly nodes: number
  readonly realm: Realm
  readonly rulesVersion: string
  readonly wrapping?: Wrapping
  /** Left out: as in a release. */
  readonly creditBytes?: number
}

/** Seeds of the keys of nodes. */
export const nodeSeed = (index: number): number => 100 + index
export const nodeDid = (index: number): Did => new TestSigner(nodeSeed(index)).did

export class World {
  readonly seed: number
  readonly realm: Realm
  readonly rulesVersion: string
  wrapping: Wrapping
  /** Bytes that a peer may have sent and this node has not folded: as in a release, or so few that senders wait. */
  readonly creditBytes: number
  readonly chance: Chance
  readonly time: VirtualTime
  readonly network: SimNetwork<Did>
  readonly nodes: readonly SimNode[]
  readonly reports: Report[] = []
  readonly faults: unknown[] = []
  readonly acknowledged: Acknowledged[] = []
  /** Which nodes have found another state than a majority. */
  readonly diverged: ({ readonly by: Did; readonly space: SpaceId } & Parameters<NonNullable<JournalObserver['diverged']>>[1])[] = []
  /** What attempts at cuts have come to. */
  readonly cutsTold: Told[] = []
  readonly counts = {
    operations: 0,
    partitions: 0,
    crashes: 0,
    tornWrites: 0,
    forks: 0,
    cuts: 0,
    clockJumps: 0,
    redials: 0,
    slow: 0,
    slowDisks: 0,
    checkpoints: 0,
    revised: 0,
    apart: 0,
  }
  readonly startListeners: ((node: SimNode) => void)[] = []
  /** By the counts of a summary, which each commit makes anew. */
  readonly #placed = new WeakMap<object, ReadonlyMap<OperationId, PlacedOperation>>()
  /** What was checked once in this world is known: signature, message and key → answer. */
  readonly #verified = new Map<string, boolean>()
  #pending = 0

  constructor(parts: WorldParts) {
    this.seed = parts.seed
    this.realm = parts.realm
    this.rulesVersion = parts.rulesVersion
    this.chance = new Chance(parts.seed)
    this.wrapping = parts.wrapping ?? {}
    this.creditBytes = parts.creditBytes ?? 4_194_304
    this.time = new VirtualTime(worldStart, () => this.#pending > 0)
    this.network = new SimNetwork<Did>(this.time, this.chance)
    this.nodes = Array.from({ length: parts.nodes }, (_, i) => new SimNode(this, nodeSeed(i)))
  }

  started(node: SimNode): void {
    for (const listener of this.startListeners) listener(node)
  }

  waitFor<T>(work: Promise<T>): Promise<T> {
    this.#pending++
    return work.finally(() => this.#pending--)
  }

  acknowledge(node: SimNode, space: SpaceId, id: OperationId, status: string): void {
    this.counts.operations++
    this.acknowledged.push({ node, space, id, status })
  }

  verified(check: { readonly signature: Uint8Array; readonly message: Uint8Array; readonly key: Uint8Array }): boolean {
    const text = [check.signature, check.key, check.message].map((bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')).join('')
    let known = this.#verified.get(text)
    if (known === undefined) {
      known = verifySignature(check.signature, check.message, check.key)
      this.#verified.set(text, known)
    }
    return known
  }

  /** What has a place in a space, read once for each commit; empty where the space is not. */
  placedAt({ journal }: SimNode, space: SpaceId): ReadonlyMap<OperationId, PlacedOperation> {
    const counts = journal.info(space)?.operations
    if (counts === undefined) return new Map()
    const known = this.#placed.get(counts) ?? new Map(journal.operations(space, { limit: 100_000 }).map((placed) => [placed.operation.id, placed]))
    this.#placed.set(counts, known)
    return known
  }

  get alive(): readonly SimNode[] {
    return this.nodes.filter(({ running }) => running !== undefined)
  }

  nodeOf(did: Did): SimNode | undefined {
    return this.nodes.find((node) => node.did === did)
  }

  close(): void {
    for (const node of this.alive) node.crash()
  }
}

/** Operations that have a place, by status; what waits for something is each node's own. */
export function placedCounts(journal: JournalApi, space: SpaceId): Readonly<Record<string, number>> {
  const { held: _, ...placed } = journal.info(space)?.operations ?? { held: 0 }
  return placed
}

/** Everything about a space that has to be the same on nodes that have met. */
export function shown(node: SimNode, space: SpaceId): unknown {
  const { journal } = node
  const info = journal.info(space)
  if (info === undefined) return 'not here'
  return {
    digest: toHex(info.setDigest),
    root: toHex(journal.root(space).root),
    counts: placedCounts(journal, space),
    checkpoint: info.checkpoint?.id,
    vector: journal.vectors(space)?.entries(),
    statuses: [...node.world.placedAt(node, space)].map(([id, { status }]): [OperationId, string] => [id, status]),
  }
}
