import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { authHandlers, type GatewayOptions, type GatewayParts, gatewayDefaults, leewaySecs, Sessions, TokenKeys, Tokens } from '@icn/gateway'
import { listHosts } from '@icn/domain'
import type { JournalApi, Store } from '@icn/journal'
import {
  type ActorName,
  backupHandlers,
  type Archives,
  archiveHandlers,
  type Backups,
  Calls,
  commonsHandlers,
  coopHandlers,
  EventFeed,
  eventHandlers,
  finalityView,
  identityHandlers,
  keeperHandlers,
  type Mailbox,
  type Metrics,
  meHandlers,
  type NetworkPort,
  networkHandlers,
  networkPeerHandlers,
  type NodeEventLog,
  nodeHandlers,
  openStanding,
  type RestoreProofs,
  type Standing,
  type Supervisor,
  type SnapshotCoordinator,
  snapshotHandlers,
  spaceHandlers,
  Trust,
  directoryHandlers,
  trustHandlers,
  type TrustOptions,
} from '@icn/node'
import { commonsSpace, type Did, type FinalityView, type Language, languages, type MethodName, type OperationId, secondMs, type SpaceId, timeText } from '@icn/protocol'
import type { ClockKeeper } from './clock.ts'
import { parseAddress } from './config/load.ts'
import type { Config } from './config/option.ts'
import { examineNode } from './doctor.ts'
import type { NodeParts } from './compose.ts'
import type { Knowledge } from './knowledge.ts'
import type { OwnHead } from './own-head.ts'
import type { SnapshotWays } from './snapshots.ts'
import { selfCalls } from './open-doors.ts'
import type { Peers } from './peers.ts'
import { peersPort } from './peers-door.ts'
import { optionsOf, statusOf } from './status.ts'
import { version } from './version.ts'

export interface Inside {
  readonly journal: JournalApi
  readonly store: Store
  readonly metrics: Metrics
  readonly supervisor: Supervisor
  readonly ownHead: OwnHead
  readonly peers: Peers
  readonly did: Did
  readonly token: string
  readonly undecodable: ReadonlySet<string>
  readonly startedAt: number
  readonly wall: () => number
  readonly clock: ClockKeeper
  readonly knowledge: Knowledge
  readonly nodeEvents: NodeEventLog
  readonly proofs: RestoreProofs
  /** Undefined where nothing is kept. */
  readonly backups: Backups | undefined
  readonly archives: Archives | undefined
}

/** What the doors are made of, once everything behind them is open. */
export class DoorParts {
  readonly inside: Inside
  readonly parts: NodeParts
  readonly standing: Standing
  readonly sessions: Sessions
  readonly tokens: Tokens
  readonly #keys: TokenKeys
  readonly calls: Calls
  readonly feed: EventFeed
  /** What this node thinks of DIDs; whoever chooses by it asks here. */
  readonly trust: Trust
  readonly options: GatewayOptions
  /** In front of each actor; filled as the actors start. */
  readonly mailboxes = new Map<ActorName, Mailbox>()
  /** Doors that listen, by name. */
  readonly answering = new Map<string, string>()
  /** Readers of events that are connected; the gateway says how many when it is open. */
  subscribers: () => number = () => 0
  /** Takes the gauges that are measured; set when everything runs. */
  measure: () => void = () => {}
  ready = false
  /** Undefined where this node was told to stay alone. */
  network: NetworkPort | undefined

  /** Where this node stands beside others that hold the space. */
  readonly sync = (space: SpaceId): string => {
    if (this.inside.journal.info(space)?.hasDiverged) return 'diverged'
    const found = this.network?.sync(space)
    return found?.state === 'behind' ? `behind; since=${timeText(found.since)}` : (found?.state ?? 'alone')
  }

  /** What the next cut of a space needs, and who is here for it. */
  readonly finality = (space: SpaceId, language: Language): FinalityView | null => finalityView(this.#cutting, space, language)

  get #cutting(): Parameters<typeof finalityView>[0] {
    return { journal: this.inside.journal, participants: (space) => this.snapshots().participants(space) }
  }

  #alone: SnapshotCoordinator | undefined

  /** Of whichever network runs. */
  snapshots(): SnapshotCoordinator {
    return (this.network?.snapshots ?? this.#alone) as SnapshotCoordinator
  }

  /** For a node that was told to stay alone. Answers how to end it. */
  cutAlone(open: (ways: SnapshotWays) => SnapshotCoordinator): () => void {
    const { journal, wall } = this.inside
    const after = (ms: number, run: () => void): (() => void) => {
      const timer = setTimeout(run, ms)
      return () => clearTimeout(timer)
    }
    const alone = open({ timing: { now: wall, after, chance: Math.random }, network: () => journal.info(commonsSpace)?.genesis ?? null, replicator: () => undefined })
    this.#alone = alone
    return () => void alone.close()
  }

  constructor(parts: NodeParts, inside: Inside) {
    const { config } = parts
    const { journal, wall, metrics, supervisor } = inside
    this.parts = parts
    this.inside = inside
    this.options = gatewayOptions(config)
    this.standing = openStanding(journal, wall)
    this.#keys = openTokenKeys(parts, inside)
    const { sealer } = this.#keys
    this.sessions = new Sessions({ local: journal.local, now: wall, refreshDays: config['gateway.refresh_token_days'] })
    this.tokens = new Tokens({
      node: inside.did,
      audience: this.options.publicOrigin,
      keys: this.#keys.session,
      accessSecs: config['gateway.access_token_secs'],
      now: wall,
    })
    const rights = (did: Did, space: SpaceId): ReadonlySet<string> => this.standing.rights(did, space)
    this.feed = new EventFeed({ journal, nodeEvents: inside.nodeEvents, rights, sealer })
    this.trust = new Trust(trustOptions(config), { journal, metrics, now: wall, standing: (did) => inside.peers.detector.standing(did) })
    const network = (): OperationId | undefined => journal.info(commonsSpace)?.genesis
    this.calls = new Calls(
      {
        journal,
        standing: this.standing,
        sealer,
        now: wall,
        sync: this.sync,
        fault: (doing, error) => supervisor.fault(doing === 'operation.submit' ? 'operation.submit' : 'internal', error),
        mailboxOf: (method) => this.#mailboxOf(method),
      },
      {
        ...this.#authHandlers(sealer),
        ...identityHandlers({ now: wall, usedAt: (did, device) => this.#usedAt(did, device) }),
        ...coopHandlers({
          now: wall,
          sealer,
          network,
          origin: () => this.options.publicOrigin,
          mayFound: (did, operator) => operator || config['gateway.found_by'] === 'anyone' || this.isOperator(did),
          rights,
          grant: (space, author, signer, kind, at) => this.standing.grant(space, author, signer, kind, at),
          random: (count) => new Uint8Array(randomBytes(count)),
          hasUndecided: (space) => this.snapshots().hasUndecided(space),
          imported: (outcome, rows) => metrics.add('icn_coop_import_rows_total', rows, { outcome }),
          timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        }),
        ...trustHandlers({ trust: this.trust, now: wall, rights }),
        ...this.#commonsHandlers(network, rights),
        ...spaceHandlers({ journal, standing: this.standing, now: wall, sync: this.sync, finality: this.finality }),
        ...snapshotHandlers({ journal, rights, auto: config['snapshot.auto'], snapshots: () => this.snapshots() }),
        ...eventHandlers({ feed: this.feed }),
        ...meHandlers({ journal, standing: this.standing, now: wall }),
        ...networkHandlers(() => this.network, rights),
        ...networkPeerHandlers(
          peersPort(inside.peers, inside.did, wall, (space) => listedHosts(journal, space)),
          rights,
        ),
        ...archiveHandlers({ archives: () => inside.archives }),
        ...backupHandlers({ backups: () => inside.backups, proofs: inside.proofs }),
        ...nodeHandlers({
          now: wall,
          about: () => ({ version, protocol: 'icn/1', node: inside.did, network: network() ?? null, public_origin: this.options.publicOrigin, languages: [...languages] }),
          status: (language) => statusOf(this, language),
          options: () => optionsOf(parts),
          doctor: () => this.#examine(),
        }),
      },
      { checkAnswers: parts.checkAnswers ?? false },
    )
  }

  #commonsHandlers(network: () => OperationId | undefined, rights: Standing['rights']) {
    const { wall: now, knowledge, store } = this.inside
    return {
      ...directoryHandlers({ now, network, rights, sign: (message) => this.parts.keys.key.sign(message) }),
      ...keeperHandlers({ now }),
      ...commonsHandlers({
        now,
        knowledgeAge: () => knowledge.age(),
        sync: () => this.sync(commonsSpace),
        store: () => ({ kind: store.kind, size_on_disk: store.sizeOnDisk() }),
      }),
    }
  }

  #examine(): ReturnType<typeof examineNode> {
    const { journal, ownHead, store, supervisor, undecodable, wall, clock, proofs, backups } = this.inside
    return examineNode({
      config: this.parts.config,
      journal,
      store,
      supervisor,
      undecodable,
      ownHead,
      proofs,
      backups,
      now: wall,
      finality: (space) => this.finality(space, 'en'),
      clock: clock.view,
      network: this.network,
      selfCalls: () => selfCalls(this),
    })
  }

  #authHandlers(sealer: TokenKeys['sealer']): ReturnType<typeof authHandlers> {
    const { config } = this.parts
    const { journal, metrics, wall } = this.inside
    return authHandlers({
      journal,
      standing: this.standing,
      sealer,
      sessions: this.sessions,
      tokens: this.tokens,
      audience: this.options.publicOrigin,
      network: () => journal.info(commonsSpace)?.genesis as OperationId,
      now: wall,
      refreshDays: config['gateway.refresh_token_days'],
      counted: (what) => (what === 'challenge' ? metrics.add('icn_auth_challenges_total', 1) : metrics.add('icn_auth_verifications_total', 1, { outcome: what })),
    })
  }

  /** Last time a device was signed in here with. */
  #usedAt(did: Did, device: Did): number | undefined {
    const times = this.sessions.list(did).flatMap((row) => (row.signer === device ? [row.used_at] : []))
    return times.length === 0 ? undefined : Math.max(...times)
  }

  #mailboxOf(method: MethodName): Mailbox | undefined {
    const actor = actorOf(method)
    return actor === undefined ? undefined : this.mailboxes.get(actor)
  }

  isOperator(did: Did): boolean {
    return this.inside.journal.local.get(['operators', did]) === true
  }

  /** Session and seal keys that are due turn, those that are over are forgotten. True when one did. */
  turnKeys(): boolean {
    const turned = this.#keys.turn()
    if (turned) this.tokens.use(this.#keys.session)
    return turned
  }

  /** Why a session must end although its token is good. */
  endOf({ did, signer }: { readonly did: Did; readonly signer: Did }): 'key' | 'frozen' | undefined {
    if (this.standing.frozen(did)) return 'frozen'
    return this.standing.signs(did, signer) ? undefined : 'key'
  }

  /** What every door is handed. */
  gatewayParts(): GatewayParts {
    const { journal, metrics, supervisor, token, wall } = this.inside
    return {
      calls: this.calls,
      feed: this.feed,
      journal,
      tokens: this.tokens,
      sessions: this.sessions,
      metrics,
      options: this.options,
      version,
      operatorToken: token,
      isOperator: (did) => this.isOperator(did),
      endOf: (row) => this.endOf(row),
      monotonic: () => performance.now(),
      now: wall,
      notReady: () => this.notReady(),
      internal: (error) => supervisor.fault('internal', error),
      fault: (_, error) => supervisor.fault('events', error),
    }
  }

  notReady(): readonly string[] {
    const down = this.inside.supervisor.actors.filter(({ isUp }) => !isUp).map(({ name }) => name)
    return [...(this.ready ? [] : ['starting']), ...(this.inside.supervisor.state === 'stopping' ? ['stopping'] : []), ...down]
  }
}

function openTokenKeys({ config, keys }: NodeParts, { journal, wall }: Inside): TokenKeys {
  return new TokenKeys({
    local: journal.local,
    first: { session: keys.sessionSeed, seal: keys.sealSeed },
    tokenLifeMs: (config['gateway.access_token_secs'] + leewaySecs) * secondMs,
    now: wall,
  })
}

/** Whoever stewards have ever named, whatever became of it. */
function listedHosts(journal: JournalApi, space: SpaceId): readonly Did[] {
  const facts = journal.read(space)
  return facts === undefined ? [] : listHosts(facts).map(({ did }) => did)
}

const coopAreas: ReadonlySet<string> = new Set(['coop', 'founding', 'charter', 'member', 'invite', 'host'])
const identityAreas: ReadonlySet<string> = new Set(['identity', 'device', 'act', 'auth'])
const journalRows: ReadonlySet<string> = new Set(['operation.submit', 'quarantine.settle', 'quarantine.reissue', 'space.simulate'])

/** The actor that answers a row: its mailbox bounds how many wait. Questions about the node itself wait behind nobody. */
function actorOf(method: MethodName): ActorName | undefined {
  const area = method.slice(0, method.indexOf('.'))
  if (coopAreas.has(area)) return 'coop'
  if (identityAreas.has(area)) return 'identity'
  if (area === 'trust') return 'trust'
  return journalRows.has(method) ? 'journal' : undefined
}

function trustOptions(config: Config): TrustOptions {
  return {
    perspective: config['trust.perspective'] as readonly Did[],
    hopMinPermille: config['trust.hop_min_permille'],
    intermediariesCount: config['trust.intermediaries_count'],
    cohostFloorPermille: config['trust.cohost_floor_permille'],
    cacheCount: config['trust.cache_count'],
  }
}

function gatewayOptions(config: Config): GatewayOptions {
  const { host, port } = parseAddress(config['gateway.listen']) ?? { host: '127.0.0.1', port: 8_080 }
  const { 'gateway.tls_cert_file': cert, 'gateway.tls_key_file': key } = config
  return {
    ...gatewayDefaults,
    host,
    port,
    publicOrigin: config['gateway.public_origin'] ?? `${cert === null ? 'http' : 'https'}://${config['gateway.listen']}`,
    hosts: config['gateway.hosts'],
    corsOrigins: config['gateway.cors_origins'],
    corsPublic: config['gateway.cors_public'],
    trustedProxies: config['gateway.trusted_proxies'],
    operatorAccess: config['gateway.operator_access'] as GatewayOptions['operatorAccess'],
    rpc: config['gateway.rpc'],
    tls: cert === null || key === null ? null : { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') },
    bodyBytesMax: config['gateway.body_bytes_max'],
    handlerTimeoutMs: config['gateway.handler_timeout_ms'],
    socketsMax: config['gateway.sockets_max'],
    eventsBufferBytesMax: config['events.buffer_bytes_max'],
    ratePermille: config['gateway.rate_permille'],
    batchMax: config['rpc.batch_max'],
  }
}
