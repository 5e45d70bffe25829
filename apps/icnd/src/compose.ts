import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { commonsRules, coopRules } from '@icn/domain'
import { endSessionsWithKeys } from '@icn/gateway'
import { type JournalApi, type JournalOptions, journalDefaults, openJournal, openMemoryStore, openSqliteStore, type Store } from '@icn/journal'
import { actorInCharge, type Metrics, type NetworkPort, NodeEventLog, openMetrics, realTiming, RestoreProofs, type SnapshotCoordinator, Supervisor, type Timing } from '@icn/node'
import { commonsSpace, type Did, didOfKey, secondMs } from '@icn/protocol'
import { openArchives } from './archives.ts'
import { foundNetwork } from './founding.ts'
import { cutLast, startBackground } from './background.ts'
import { openBackups } from './keeping.ts'
import { ClockKeeper } from './clock.ts'
import type { Config, OptionName, Origin } from './config/option.ts'
import { DoorParts, type Inside } from './doors.ts'
import type { Faults } from './faults.ts'
import { Knowledge } from './knowledge.ts'
import { lastRun, noteRun } from './last-run.ts'
import { type FolderLock, lockFolder } from './lock.ts'
import type { Log } from './log.ts'
import { type NodeKeys, operatorToken } from './node-key.ts'
import { openNetwork, type RunningNetwork } from './network.ts'
import { OwnHead } from './own-head.ts'
import { type NetworkOfFile, readNetworkFile } from './network-file.ts'
import { countingObserver } from './observer.ts'
import { openDoors } from './open-doors.ts'
import { Peers } from './peers.ts'
import { demandPorts } from './ports.ts'
import { tellDivergence } from './snapshot-news.ts'
import { openSnapshots, type SnapshotWays } from './snapshots.ts'
import { stateOptionsOf } from './state-transfer.ts'
import { finishSwap } from './swap.ts'
import { version } from './version.ts'

export interface NodeParts {
  readonly config: Config
  readonly origins: Readonly<Record<OptionName, Origin>>
  readonly log: Log
  readonly keys: NodeKeys
  readonly ephemeral: boolean
  /** Wall clock [ms]; tests and the development network bring their own. */
  readonly wall?: () => number
  /** How the supervisor waits; tests bring their own. */
  readonly timing?: Timing
  /** People who may speak in the network that this node founds for itself; of development and tests (ruling 20). */
  readonly stewards?: readonly Did[]
  /** Of development and tests. */
  readonly faults?: Faults
  /** The daemon cannot go on. */
  readonly onFatal: (why: string) => void
  /** Every answer is compared with its schema. */
  readonly checkAnswers?: boolean
}

/** A node with its doors open. */
export interface RunningNode {
  readonly did: Did
  readonly journal: JournalApi
  readonly supervisor: Supervisor
  readonly addresses: { readonly gateway?: string; readonly rpc?: string; readonly metrics?: string }
  /** Undefined where the node was told to stay alone. */
  readonly network: NetworkPort | undefined
  readonly operatorToken: string
  readonly clock: Pick<ClockKeeper, 'check' | 'view'>
  /** Names of what did not end in time; empty: a clean stop. */
  stop(): Promise<readonly string[]>
  /** Waits for no running call: what was taken is written and the folder given back. The process has to end after it. */
  stopNow(): Promise<void>
}

/** The whole wiring of a node, top to bottom: config → store → recover → identity → actors → network → replication → doors → ready. */
export async function openNode(parts: NodeParts): Promise<RunningNode> {
  const { config, log } = parts
  const wall = parts.wall ?? Date.now
  const startedAt = wall()
  const metrics = openMetrics({ version })
  const supervisor = openSupervisor(parts, metrics, wall)
  const unwatch = supervisor.watch(process)
  const closers: (() => void)[] = [unwatch]
  try {
    const lock = await supervisor.phase('config', () => prepareFolder(parts))
    if (lock !== undefined) closers.push(() => lock.release())
    await demandPorts(config)
    const store = await supervisor.phase('store', () => openStore(parts))
    const undecodable = new Set<string>()
    let peers: Peers | undefined
    let tellOfNode: NodeEventLog | undefined
    const { journal, did } = await supervisor.phase('recover', () =>
      openEngine(
        parts,
        store,
        wall,
        countingObserver({
          metrics,
          log,
          fault: (operation, error) => supervisor.fault(operation, error),
          forked: (space, fork) => peers?.forked(space, fork),
          diverged: (space, told) => tellDivergence({ log, nodeEvents: tellOfNode }, space, told),
          lost: (error) => actorInCharge.run('journal', () => supervisor.lost(error)),
          undecodable,
        }),
      ),
    )
    const token = await supervisor.phase('identity', () => (parts.ephemeral ? randomBytes(32).toString('base64url') : operatorToken(config.data_dir)))
    await supervisor.spawn({ name: 'store', isVital: true, start: () => ({ handle: store }) })
    const engine = await supervisor.spawn({
      name: 'journal',
      isVital: true,
      start: () => ({
        handle: journal,
        async stop() {
          try {
            await cutLast(journal)
          } finally {
            await journal.close()
          }
        },
      }),
    })
    const nodeEvents = new NodeEventLog({ now: wall, epoch: randomBytes(9).toString('base64url'), fault: (error) => supervisor.fault('events', error) })
    tellOfNode = nodeEvents
    const ownHead = new OwnHead({ nodeEvents, journal, log, wall, alone: config['node.alone'], store: parts.ephemeral ? 'first' : lastRun(config.data_dir, journal.local) })
    closers.push(() => ownHead.close())
    if (!parts.ephemeral) noteRun(config.data_dir, journal.local)
    const joined = parts.ephemeral ? undefined : readNetworkFile(config.data_dir)
    await supervisor.phase('actors', () => foundNetwork(parts, journal, joined))
    const clock = new ClockKeeper({ nodeEvents, journal, metrics, log, wall, fault: (error) => supervisor.fault('clock_check', error) })
    closers.push(() => clock.close())
    const trustIn = (peer: Did): number => doors.trust.effective(peer, commonsSpace)
    const watched = new Peers({ config, journal, metrics, nodeEvents, log, now: wall, trustIn, fault: (error) => supervisor.fault('internal', error) })
    peers = watched
    closers.push(() => watched.close())
    const proofs = new RestoreProofs({ local: journal.local, metrics, now: wall })
    const backups = openBackups(parts, { journal, metrics, proofs, wall, fault: (error) => supervisor.fault('backup', error) })
    const archives = openArchives(parts, { journal, store, metrics, proofs, ownHead, wall, joined })
    const doors: DoorParts = new DoorParts(parts, {
      journal,
      ownHead,
      store,
      metrics,
      supervisor,
      peers: watched,
      did,
      token,
      undecodable,
      startedAt,
      wall,
      clock,
      knowledge: new Knowledge(journal),
      nodeEvents,
      proofs,
      backups,
      archives,
    })
    doors.mailboxes.set('journal', engine.mailbox)
    for (const name of ['identity', 'commons', 'trust', 'coop', 'snapshot', 'metrics'] as const)
      doors.mailboxes.set(
        name,
        (
          await supervisor.spawn({
            name,
            start: ({ mailbox }) => ({ handle: mailbox, ...(name === 'snapshot' ? { stop: async () => void (await Promise.all([backups?.close(), archives?.close()])) } : {}) }),
          })
        ).mailbox,
      )
    closers.push(() => doors.trust.close())
    closers.push(endSessionsWithKeys({ journal, sessions: doors.sessions, endOf: (row) => doors.endOf(row) }))
    const openCuts = (ways: SnapshotWays): SnapshotCoordinator =>
      openSnapshots(
        {
          config,
          journal,
          key: parts.keys.key,
          log,
          metrics,
          nodeEvents,
          trustIn: (host, space) => doors.trust.effective(host, space),
          doubleAck: (space, signer, proof) => watched.report({ kind: 'double_ack', signer, proof, space }),
          fault: (error) => supervisor.fault('internal', error),
        },
        ways,
      )
    const network = await supervisor.phase('network', () => openPeers(parts, doors.inside, joined, openCuts))
    doors.network = network
    if (network === undefined) closers.push(doors.cutAlone(openCuts))
    // Streams begin with the connections; the phase is there so that its place is seen.
    await supervisor.phase('replication', () => {})
    const addresses = await supervisor.phase('doors', () => openDoors(parts, supervisor, doors))
    await supervisor.phase('ready', () => {
      const turnKeys = (): void => {
        if (doors.turnKeys()) log.info('keys_turned', 'keys of tokens or seals have turned')
      }
      doors.measure = startBackground({
        isDiskFull: () => parts.faults?.isDiskFull ?? false,
        config,
        journal,
        store,
        metrics,
        supervisor,
        now: wall,
        startedAt,
        undecodable,
        sessions: doors.sessions,
        trust: doors.trust,
        peers: watched,
        network,
        log,
        nodeEvents,
        snapshots: () => doors.snapshots(),
        knowledge: doors.inside.knowledge,
        turnKeys,
        clock,
        backups,
        archives,
      })
    })
    supervisor.ready()
    doors.ready = true
    log.info('ready', 'ready', { duration_ms: Math.round(wall() - startedAt) })
    return {
      did,
      journal,
      supervisor,
      addresses,
      network,
      operatorToken: token,
      clock,
      async stop() {
        doors.ready = false
        log.info('stopping', 'stopping')
        const late = await supervisor.stop()
        for (const close of closers.splice(0)) close()
        log.info('stopped', late.length === 0 ? 'stopped' : 'stopped, but not everything ended in time')
        log.flush()
        return late
      },
      async stopNow() {
        doors.ready = false
        await journal.close()
        for (const close of closers.splice(0)) close()
        log.info('stopped', 'stopped without waiting')
        log.flush()
      },
    }
  } catch (error) {
    await supervisor.stop()
    for (const close of closers) close()
    throw error
  }
}

function openSupervisor({ config, log, onFatal, timing = realTiming }: NodeParts, metrics: Metrics, wall: () => number): Supervisor {
  return new Supervisor(
    {
      mailboxCount: config['supervisor.mailbox_count'],
      shutdownTimeoutMs: config['supervisor.shutdown_timeout_secs'] * secondMs,
      restartInitialDelayMs: config['supervisor.restart_initial_delay_ms'],
      restartMaxDelayMs: config['supervisor.restart_max_delay_ms'],
      restartAttemptsMax: config['supervisor.restart_attempts_max'],
      restartWindowMs: config['supervisor.restart_window_secs'] * secondMs,
    },
    {
      timing,
      metrics,
      wallMs: wall,
      chance: Math.random,
      log: {
        fault: (operation, err) => log.error('fault', 'something failed that nobody waited for', { operation, err }),
        phase: (phase, what, ms) =>
          what === 'done'
            ? log.info('phase', `phase ${phase} done`, { phase, duration_ms: Math.round(ms) })
            : what === 'still'
              ? log.warn('phase', `still in phase ${phase}`, { phase, duration_ms: Math.round(ms) })
              : undefined,
        late: (name) => log.error('late', 'did not stop in time', { name }),
      },
      onFatal(why, err) {
        log.fatal('fatal', why, { err })
        onFatal(why)
      },
    },
  )
}

function prepareFolder({ config, log, ephemeral }: NodeParts): FolderLock | undefined {
  if (ephemeral) {
    log.warn('ephemeral', 'everything is kept in memory: nothing survives a restart')
    return undefined
  }
  mkdirSync(config.data_dir, { recursive: true, mode: 0o700 })
  const lock = lockFolder(config.data_dir)
  finishSwap(config.data_dir)
  if (lock.abandoned !== undefined) log.warn('stopped_without_warning', `the last run stopped without warning; it began at ${lock.abandoned.at.toISOString()}`)
  return lock
}

function openStore({ config, ephemeral }: NodeParts): Store {
  if (ephemeral) return openMemoryStore()
  return openSqliteStore({
    folder: join(config.data_dir, 'store'),
    release: version,
    mmapBytes: config['store.mmap_bytes'],
    cacheBytes: Math.floor(config['store.cache_bytes'] / 4),
  })
}

function openEngine({ config, keys }: NodeParts, store: Store, wall: () => number, observer: ReturnType<typeof countingObserver>): { journal: JournalApi; did: Did } {
  const did = didOfKey(keys.key.publicKey)
  const options: JournalOptions = {
    ...journalDefaults,
    batchOpsMax: config['journal.batch_ops_max'],
    batchBytesMax: config['journal.batch_bytes_max'],
    undoDays: config['journal.undo_days'],
    refusedLogCount: config['journal.refused_log_count'],
    eventsLogCount: config['events.log_count'],
    eventsLogDays: config['events.log_days'],
    spacesCount: config['limits.spaces_count'],
    cacheBytes: config['store.cache_bytes'],
  }
  return { did, journal: openJournal({ store, key: keys.key, node: did, rulesOf: (space) => (space === commonsSpace ? commonsRules : coopRules), wall, observer, options }) }
}

/** How often first contacts are asked again while there are too few peers. */
const bootstrapMs = 60_000

/** The node among others, where it was told to listen or whom to ask. */
async function openPeers(
  { config, keys, log, faults }: NodeParts,
  { journal, ownHead, peers, supervisor, wall, clock, metrics, knowledge, nodeEvents }: Inside,
  joined: NetworkOfFile | undefined,
  snapshots: (ways: SnapshotWays) => SnapshotCoordinator,
): Promise<NetworkPort | undefined> {
  const bootstrap = [...config['network.bootstrap_peers'], ...(joined?.bootstrap ?? [])]
  const listen = [...config['network.listen_addr'], ...config['network.ws_listen_addr']]
  if (listen.length === 0 && bootstrap.length === 0) return undefined
  const openIt = (): Promise<RunningNetwork> =>
    openNetwork({
      journal,
      key: keys.key,
      seed: keys.seed,
      listen,
      bootstrap,
      expected: joined?.network,
      openSnapshots: snapshots,
      release: version,
      log,
      peers,
      nodeEvents,
      wall,
      clock,
      ownKey: ownHead,
      knowledge,
      mdns: config['network.mdns_enabled'],
      metrics,
      options: {
        announce: config['network.announce'],
        isPublic: config['network.public'],
        loopback: config['network.dial_loopback'],
        recordLifeMs: config['network.candidate_ttl_secs'] * secondMs,
        pingMs: config['network.ping_interval_secs'] * secondMs,
        peersCount: config['limits.peers_count'],
        haveIntervalMs: config['network.have_interval_secs'] * secondMs,
        drainMs: config['network.drain_ms'],
        announceMs: config['network.candidate_announce_interval_secs'] * secondMs,
        exchangeDelayMs: config['supervisor.peer_exchange_delay_ms'],
        exchangeRecordsMax: config['supervisor.peer_exchange_max_peers'],
      },
      folder: config.data_dir,
      stateOptions: stateOptionsOf(config),
      ...(faults === undefined ? {} : { faults }),
      fault: (operation, error) => supervisor.fault(operation, error),
    })
  let network: RunningNetwork | undefined
  await supervisor.spawn({
    name: 'network',
    async start() {
      const opened = await openIt()
      network = opened
      return { handle: opened, stop: () => opened.close() }
    },
  })
  supervisor.every('bootstrap', bootstrapMs, () => network?.meet())
  supervisor.every('candidate_cleanup', config['supervisor.candidate_cleanup_interval_secs'] * secondMs, () => network?.cleanUp())
  // After a crash there is another; whoever asks gets the one that runs.
  const current = (): RunningNetwork => network as RunningNetwork
  return {
    status: () => current().status(),
    measure: () => network?.measure(),
    dial: (target) => current().dial(target),
    paths: (space) => current().paths(space),
    sync: (space) => current().sync(space),
    examine: () => current().examine(),
    ticket: (space, node) => current().ticket(space, node),
    accept: (ticket) => current().accept(ticket),
    get snapshots() {
      return current().snapshots
    },
  }
}
