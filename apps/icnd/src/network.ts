import { randomBytes } from 'node:crypto'
import { commonsRules, coopRules } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import { Candidates, type Host, protocolsOf, Replicator, type Timing } from '@icn/network'
import { openHost } from '@icn/network/node'
import type { Metrics, NetworkPort, NodeEventLog, SnapshotCoordinator } from '@icn/node'
import { commonsSpace, dayMs, type Did, type HostTicket, hostTicketText, type OperationId, readHostTicket, type SpaceId, sha256, utf8 } from '@icn/protocol'
import type { SigningKey } from '@icn/protocol/node'
import { Acquaintances } from './acquaintances.ts'
import type { ClockKeeper } from './clock.ts'
import type { Knowledge } from './knowledge.ts'
import { Discovery, type DiscoveryOptions } from './discovery.ts'
import type { Faults } from './faults.ts'
import { Gossip } from './gossip.ts'
import { Hosting } from './hosting.ts'
import { LinkNews } from './link-news.ts'
import type { Log } from './log.ts'
import type { OwnHead } from './own-head.ts'
import { OwnRecord, type OwnRecordOptions } from './own-record.ts'
import { networkStatus } from './network-status.ts'
import { type NetworkFacts, networkFindings } from './network-doctor.ts'
import { dialTarget, type PathParts, pathsOf } from './paths.ts'
import type { Connections, Peers } from './peers.ts'
import { countTraffic } from './replication.ts'
import { Sightings } from './sightings.ts'
import type { SnapshotWays } from './snapshots.ts'
import { stateProtocol, StateTransfer, type StateTransferOptions } from './state-transfer.ts'
import { acceptTicket, ticketFor } from './tickets.ts'

/** The node among others: its libp2p host, and the streams that keep its spaces equal with those of its peers. */

export interface NetworkParts {
  readonly journal: JournalApi
  readonly key: SigningKey
  /** Seed of the same key. */
  readonly seed: Uint8Array
  readonly listen: readonly string[]
  readonly bootstrap: readonly string[]
  /** The network of `network.json`, as long as its first operation is not here. */
  readonly expected: OperationId | undefined
  readonly release: string
  readonly log: Log
  readonly clock: ClockKeeper
  readonly ownKey: OwnHead
  readonly knowledge: Pick<Knowledge, 'covered'>
  /** Who may stay. */
  readonly peers: Peers
  readonly metrics: Metrics
  readonly nodeEvents: NodeEventLog
  /** Look for nodes in this building. */
  readonly mdns: boolean
  readonly options: DiscoveryOptions & OwnRecordOptions & LinkOptions
  readonly stateOptions: StateTransferOptions
  /** Folder of the node. */
  readonly folder: string
  readonly faults?: Faults
  openSnapshots(ways: SnapshotWays): SnapshotCoordinator
  wall(): number
  fault(operation: 'internal' | 'clock_check' | 'peer_exchange' | 'gossip', error: unknown): void
}

export interface LinkOptions {
  readonly pingMs: number
  readonly peersCount: number
  readonly haveIntervalMs: number
  /** How long a stop waits for what is on its way to peers. */
  readonly drainMs: number
}

export interface RunningNetwork extends NetworkPort {
  /** Dials first contacts as long as there are too few links, and asks who is there whom it knows. */
  meet(): void
  /** Forgets where others were, when they have said nothing for long. */
  cleanUp(): Promise<void>
  close(): Promise<void>
}

export async function openNetwork(parts: NetworkParts): Promise<RunningNetwork> {
  const { journal, log, peers } = parts
  const startedAt = parts.wall()
  const network = (): OperationId | null => journal.info(commonsSpace)?.genesis ?? parts.expected ?? null
  const hosting = new Hosting(journal, parts.key, (space, id) => parts.ownKey.signedElsewhere(space, id))
  const timing = realTiming(parts)
  const sightings = new Sightings(parts.wall)
  const candidates = new Candidates({ me: journal.node, network, now: () => timing.now() })
  let host: Host | undefined
  const draw = { now: () => timing.now(), chance: () => timing.chance(), roundTripMs: (peer: Did) => host?.roundTripMs(peer) }
  const acquaintances = new Acquaintances({ journal, bootstrap: parts.bootstrap, log, draw, known: () => candidates.live().map(({ node }) => node) })
  const discovery = openDiscovery(parts, { acquaintances, candidates, network, timing, host: () => host, replicator: () => replicator, gossip: () => gossip })
  const gossip = openGossip(parts, { timing, host: () => host, replicator: () => replicator, discovery: () => discovery })
  const linkNews = new LinkNews({ nodeEvents: parts.nodeEvents, classOf: (peer) => peers.classOf(peer), addressOf: (peer) => host?.remoteAddress(peer) })
  const snapshots = parts.openSnapshots({ network, timing, replicator: () => replicator })
  const replicator: Replicator = openReplicator(parts, { network, hosting, discovery, timing, gossip, sightings, linkNews, snapshots })
  const states = openStates(parts, { network, hosting, timing, host: () => host as Host })
  const opened = await openGated(parts, { gossip, discovery, replicator, states, network })
  host = opened
  const unsubscribe = tellOfCommits(journal, discovery, gossip)
  parts.clock.compare = () => discovery.compareClocks()
  peers.attach(connectionsOf(parts, opened, replicator, discovery), parts.bootstrap)
  discovery.start(opened)
  for (const address of opened.addresses()) log.info('listening', 'network listens', { name: 'network', address })
  const joining = { journal, hosting, host: opened, replicator, acquaintances, states, network, wall: parts.wall }
  const paths = { me: journal.node, host: opened, discovery, replicator, acquaintances, peers, sightings, timing }
  const rules = rulesSpoken()
  const running: RunningNetwork = {
    examine: () =>
      networkFindings({
        ...factsOf(paths, acquaintances, sightings),
        startedAt,
        awaited: hosting.expected().map(({ space }) => space),
        isWithoutCommons: journal.info(commonsSpace) === undefined,
        own: { network: network(), rules, release: parts.release },
      }),
    status: () => networkStatus({ host: opened, replicator, peers, rules, clock: parts.clock.view, endpoints: discovery.endpoints }),
    dial: (target) => dialTarget(paths, target, (pass) => peers.passes.carry(pass)),
    paths: (space) => pathsOf(paths, space),
    measure: () => discovery.measure(),
    sync: (space) => replicator.sync(space),
    snapshots,
    meet: () => discovery.meet(),
    async cleanUp() {
      discovery.cleanUp()
      await states.cleanUp()
    },
    ticket: (space, node) => ticketFor({ ...joining, addressesOf: (peer) => discovery.addressesOf(peer) }, space, node),
    accept: (text) => acceptTicket(text, joining),
    async close() {
      unsubscribe()
      gossip.close()
      discovery.close()
      await states.close()
      await snapshots.close()
      await replicator.drain(parts.options.drainMs)
      replicator.close()
      await opened.close()
    },
  }
  if (parts.faults !== undefined) parts.faults.attached = { cut: (peer) => void opened.disconnect(peer), meet: () => running.meet() }
  return running
}

/** The libp2p host, with whoever decides who may come. */
function openGated(
  parts: NetworkParts,
  around: {
    readonly gossip: Gossip
    readonly discovery: Discovery
    readonly replicator: Replicator
    readonly states: StateTransfer
    network(): OperationId | null
  },
): Promise<Host> {
  const { gossip, discovery, replicator, states, network } = around
  const gate = parts.peers.gate()
  return openHost({
    seed: parts.seed,
    listen: parts.listen,
    pingMs: parts.options.pingMs,
    peersCount: parts.options.peersCount,
    ...gate,
    admits: (peer) => (parts.faults?.admits(peer) ?? true) && gate.admits(peer),
    protocols: protocolsOf({ ...discovery.answers(), [stateProtocol]: (peer, request) => states.answer(peer, request) }),
    isReady: (peer) => replicator.isReady(peer),
    gossip,
    ...(parts.mdns ? { lan: { tag: `icn-${network()?.slice(-8)}`, found: (peer, addresses) => discovery.found(peer, addresses) } } : {}),
    onWire: (wire) => replicator.add(parts.faults?.through(wire) ?? wire),
    fault: (_, error) => parts.fault('internal', error),
  })
}

function openStates(
  parts: NetworkParts,
  { network, hosting, timing, host }: { readonly hosting: Hosting; readonly timing: Timing; network(): OperationId | null; host(): Host },
): StateTransfer {
  return new StateTransfer({
    ...parts,
    options: parts.stateOptions,
    network,
    mayHave: (peer, space) => hosting.isInvitedOrHost(peer, space),
    ask: (peer, request) => host().ask(peer, stateProtocol, request),
    report: (kind, peer) => parts.peers.report({ kind, peer }),
    now: () => timing.now(),
    restored: (space) => parts.ownKey.restored(space),
  })
}

function tellOfCommits(journal: NetworkParts['journal'], discovery: Discovery, gossip: Gossip): () => void {
  return journal.subscribe((spaces) => {
    discovery.committed()
    gossip.committed((spaces.get(commonsSpace) ?? []).flatMap(({ operation, status }) => (operation === null || status === null || status === 'held' ? [] : [operation])))
  })
}

const factsOf = (
  { host, discovery, replicator }: PathParts,
  acquaintances: Acquaintances,
  sightings: Sightings,
): Omit<NetworkFacts, 'startedAt' | 'awaited' | 'isWithoutCommons' | 'own'> => ({
  addresses: host.addresses(),
  unusable: acquaintances.unusable,
  firstContacts: acquaintances.firstContacts(),
  wanted: [...new Set(acquaintances.wanted(new Set()))],
  ready: readyPeers(replicator),
  cohosts: acquaintances.cohosts(),
  troubles: sightings.troubles,
  roundTripMs: (peer) => host.roundTripMs(peer),
  sighting: (peer) => sightings.of(peer),
  ladder: (peer) => discovery.ladders.of(peer).at(-1),
  // Whoever has heard of this node since then shares the space, and answers only when it is asked again.
  answersOf: (space) =>
    sightings
      .answersOf(space)
      .map((answer) => (replicator.links.some((link) => link.peer === answer.peer && link.spaces.includes(space)) ? { ...answer, code: undefined } : answer)),
})

function connectionsOf({ fault }: NetworkParts, host: Host, replicator: Replicator, { ladders }: Discovery): Connections {
  return {
    peers: () => host.peers(),
    addressesOf: (peer) => host.addressesOf(peer),
    isReady: (peer) => replicator.isReady(peer),
    roundTripMs: (peer) => host.roundTripMs(peer),
    addresses: () => host.addresses(),
    remoteAddress: (peer) => host.remoteAddress(peer),
    lastLadder: (peer) => ladders.of(peer).at(-1),
    get links() {
      return replicator.links
    },
    dismiss(peer, code) {
      replicator.dismiss(peer, code)
      void host.disconnect(peer).catch((error: unknown) => fault('internal', error))
    },
  }
}

const readyPeers = ({ links }: Pick<Replicator, 'links'>): readonly Did[] => links.filter(({ state }) => state === 'ready').map(({ peer }) => peer)

// Until 1.0 a version is the digest of its laws, so that one version cannot mean two things.
const rulesSpoken = (): readonly (readonly [string, Uint8Array])[] => [...new Set([commonsRules.version, coopRules.version])].map((version) => [version, sha256(utf8(version))])

interface ReplicatorAround {
  readonly hosting: Hosting
  readonly discovery: Discovery
  readonly timing: Timing
  readonly gossip: Gossip
  readonly sightings: Sightings
  readonly linkNews: LinkNews
  readonly snapshots: SnapshotCoordinator
  network(): OperationId | null
}

function openReplicator(parts: NetworkParts, { network, hosting, discovery, timing, gossip, sightings, linkNews, snapshots }: ReplicatorAround): Replicator {
  const { journal, metrics } = parts
  return new Replicator({
    node: journal.node,
    journal,
    network,
    rules: rulesSpoken(),
    instance: new Uint8Array(randomBytes(16)),
    release: parts.release,
    mayHave: (peer, space) => space === commonsSpace || hosting.isHost(peer, space),
    expected: () => [
      ...(parts.expected === undefined || journal.info(commonsSpace) !== undefined ? [] : [{ space: commonsSpace, genesis: parts.expected }]),
      ...hosting.expected(),
    ],
    hosting,
    snaps: snapshots.port,
    ownKey: parts.ownKey,
    covered: (peer, space) => parts.knowledge.covered(peer, space),
    heldAt: (peer, space, at, isCovered) => snapshots.heldAt(peer, space, at, isCovered),
    timing,
    options: { haveIntervalMs: parts.options.haveIntervalMs },
    ...parts.peers.links(),
    traffic: countTraffic(metrics),
    helloFailed(code, peer, theirs) {
      metrics.add('icn_network_hello_failures_total', 1, { code })
      sightings.greetingFailed(peer, code, theirs)
      discovery.greetingFailed(peer, code)
    },
    answered(peer, space, code) {
      if (journal.info(space) !== undefined || hosting.expected().some((one) => one.space === space)) sightings.answered(peer, space, code)
    },
    onLink(peer, state) {
      linkNews.linkChanged(peer, state)
      sightings.linkChanged(peer, state)
      discovery.linkChanged(peer, state)
    },
    onSpace: (peer, space, isShared) => linkNews.spaceChanged(peer, space, isShared),
    onOperations: (space, operations) => {
      if (space === commonsSpace) gossip.came(operations)
    },
    onRecords: (peer, records) => discovery.take(peer, records),
    fault: (_, error) => parts.fault('internal', error),
  })
}

function realTiming({ wall }: NetworkParts): Timing {
  return {
    now: () => wall(),
    after(ms, run) {
      const timer = setTimeout(run, ms)
      return () => clearTimeout(timer)
    },
    chance: Math.random,
  }
}

interface Around {
  readonly acquaintances: Acquaintances
  readonly candidates: Candidates
  readonly timing: Timing
  network(): OperationId | null
  host(): Host | undefined
  replicator(): Replicator
  gossip(): Gossip
}

function openDiscovery(parts: NetworkParts, { acquaintances, candidates, timing, network, host, replicator, gossip }: Around): Discovery {
  const { journal, key, metrics, options, peers } = parts
  const me = journal.node
  return new Discovery({
    me,
    options,
    acquaintances,
    facts: peers,
    candidates,
    own: new OwnRecord({ me, options, sign: (message) => key.sign(message), network, listening: () => host()?.addresses() ?? [], now: () => timing.now() }),
    timing,
    metrics,
    ready: () => readyPeers(replicator()),
    tell: (peer, records) => replicator().tell(peer, records),
    letGo: (peer) => peers.connections?.dismiss(peer, 'PEERS_FULL'),
    publish: (record) => gossip().publishRecord(record),
    checkClock: () => parts.clock.check(),
    report: (kind, peer) => peers.report({ kind, peer }),
    fault: (operation, error) => parts.fault(operation, error),
  })
}

function openGossip(
  { journal, metrics, peers, fault }: NetworkParts,
  { timing, host, replicator, discovery }: Pick<Around, 'timing' | 'host' | 'replicator'> & { discovery(): Discovery },
): Gossip {
  return new Gossip({
    journal,
    metrics,
    timing,
    isReady: (peer) => replicator().isReady(peer),
    publish: async (topic, data) => host()?.publish(topic, data),
    takePublic: (from, record) => discovery().takePublic(from, record),
    penaltyOf: (peer) => peers.detector.points(peer),
    allowance: (peer, sizes) => peers.budgets.gossip(peer, sizes),
    report: (kind, peer) => peers.report({ kind, peer }),
    fault: (error) => fault('gossip', error),
  })
}
