import { createHash, randomBytes } from 'node:crypto'
import { coopRules, commonsRules } from '@icn/domain'
import { type JournalApi, journalDefaults, openJournal, openMemoryStore } from '@icn/journal'
import {
  Calls,
  coopHandlers,
  EventFeed,
  NodeEventLog,
  eventHandlers,
  identityHandlers,
  type Mailbox,
  meHandlers,
  type Metrics,
  type NodeHandlers,
  networkHandlers,
  networkPeerHandlers,
  archiveHandlers,
  backupHandlers,
  nodeHandlers,
  openMetrics,
  openSealer,
  openStanding,
  type PeersPort,
  SnapshotCoordinator,
  snapshotHandlers,
  spaceHandlers,
  type Standing,
  Trust,
  trustDefaults,
  commonsHandlers,
  directoryHandlers,
  keeperHandlers,
  trustHandlers,
} from '@icn/node'
import { commonsSpace, type Did, didOfKey, type OperationId, toBase64Url } from '@icn/protocol'
import { type SigningKey, signingKeyFromSeed } from '@icn/protocol/node'
import { authHandlers, endOf } from './auth/handlers.ts'
import { endSessionsWithKeys } from './auth/keep.ts'
import { Sessions } from './auth/sessions.ts'
import { Tokens } from './auth/tokens.ts'
import { type GatewayParts, openGateway, type OpenDoor } from './gateway.ts'
import { gatewayDefaults, type GatewayOptions } from './options.ts'
import { openRpc } from './rpc/server.ts'

/** A whole node in memory behind real doors, for tests: clock you move, people by name. */

export const keyOf = (name: string): SigningKey => signingKeyFromSeed(createHash('sha256').update(`test ${name}`).digest())
export const didOf = (name: string): Did => didOfKey(keyOf(name).publicKey)

export class TestNode {
  now = 1_790_000_000_000

  readonly key = keyOf('node elm')
  readonly journal: JournalApi
  readonly standing: Standing
  readonly sessions: Sessions
  readonly tokens: Tokens
  readonly calls: Calls
  readonly feed: EventFeed
  readonly nodeEvents = new NodeEventLog({ now: () => this.now, epoch: 'run', fault: (error) => this.faults.push(error) })
  readonly trust: Trust
  readonly metrics: Metrics = openMetrics({ version: 'test', process: false })
  readonly operatorToken = toBase64Url(randomBytes(32))
  /** Listed as operators. */
  readonly operators = new Set<Did>()
  readonly internals: unknown[] = []
  readonly faults: unknown[] = []
  readonly options: GatewayOptions
  mailbox: Mailbox | undefined

  constructor(options: Partial<GatewayOptions> = {}, overrides: Partial<NodeHandlers> = {}) {
    this.options = { ...gatewayDefaults, port: 0, ratePermille: 1_000_000, ...options }
    const now = (): number => this.now
    this.journal = openJournal({
      store: openMemoryStore(),
      key: this.key,
      node: didOfKey(this.key.publicKey),
      rulesOf: (space) => (space === commonsSpace ? commonsRules : coopRules),
      wall: now,
      options: { ...journalDefaults, verifyThreads: 0 },
    })
    const { journal } = this
    this.standing = openStanding(journal, now)
    const sealer = openSealer([new Uint8Array(32).fill(1)])
    this.sessions = new Sessions({ local: journal.local, now, refreshDays: 30 })
    endSessionsWithKeys({ journal, sessions: this.sessions, endOf: (row) => endOf(this, row) })
    const audience = this.options.publicOrigin
    this.tokens = new Tokens({ node: journal.node, audience, keys: [{ seed: new Uint8Array(32).fill(2), createdAt: 0 }], accessSecs: 600, now })
    const rights = (did: Did, space: Parameters<Standing['rights']>[1]) => this.standing.rights(did, space)
    this.feed = new EventFeed({ journal, nodeEvents: this.nodeEvents, rights, sealer })
    this.trust = new Trust(trustDefaults, { journal, metrics: this.metrics, now })
    const network = (): OperationId | undefined => journal.info(commonsSpace)?.genesis
    const snapshots = new SnapshotCoordinator({
      journal,
      network: () => network() ?? null,
      sign: (message) => new Uint8Array(this.key.sign(message)),
      random: (count) => new Uint8Array(randomBytes(count)),
      timing: { now, after: () => () => {}, chance: Math.random },
      options: { everyMs: 600_000, graceMs: 0, lagMs: 0, timeoutMs: 300_000, participantsMin: 3 },
      follows: () => true,
      tell() {},
      askPage() {},
      reachable: () => [],
      told() {},
      fault: (_, error) => this.faults.push(error),
    })
    const sync = (): string => 'alone'
    this.calls = new Calls(
      { journal, standing: this.standing, sealer, now, sync, fault: (_, error) => this.faults.push(error), mailboxOf: () => this.mailbox },
      {
        ...authHandlers({
          journal,
          standing: this.standing,
          sealer,
          sessions: this.sessions,
          tokens: this.tokens,
          audience,
          network: () => network() as OperationId,
          now,
          refreshDays: 30,
        }),
        ...identityHandlers({ now }),
        ...coopHandlers({
          now,
          sealer,
          network,
          origin: () => audience,
          mayFound: () => true,
          rights,
          grant: (...asked) => this.standing.grant(...asked),
          random: (count) => new Uint8Array(randomBytes(count)),
          timeZone: 'Europe/Madrid',
        }),
        ...trustHandlers({ trust: this.trust, now, rights }),
        ...keeperHandlers({ now }),
        ...commonsHandlers({ now, knowledgeAge: () => 0, sync: () => 'alone', store: () => ({ kind: 'memory', size_on_disk: 0 }) }),
        ...directoryHandlers({ now, network, rights, sign: (message) => this.key.sign(message) }),
        ...spaceHandlers({ journal, standing: this.standing, now, sync, finality: () => null }),
        ...snapshotHandlers({ journal, rights, auto: true, snapshots: () => snapshots }),
        ...eventHandlers({ feed: this.feed }),
        ...meHandlers({ journal, standing: this.standing, now }),
        ...networkHandlers(() => undefined, rights),
        ...networkPeerHandlers(noPeers(journal.node), rights),
        ...archiveHandlers({ archives: () => undefined }),
        ...backupHandlers({ backups: () => undefined, proofs: { trials: () => [] } }),
        ...nodeHandlers({
          now,
          about: () => ({ version: 'test', protocol: 'icn/1', node: journal.node, network: network() ?? null, public_origin: audience, languages: ['en', 'es'] }),
          status: () => ({
            version: 'test',
            node: journal.node,
            name: 'elm',
            state: 'running',
            phase: 'ready',
            started_at: new Date(0).toISOString(),
            uptime_secs: 1,
            clock: { now: new Date(this.now).toISOString(), offset_ms: null },
            spaces: [],
            actors: [],
            store: { kind: 'memory', bytes: 0, free_bytes: null, read_only: false },
            sessions: 0,
            subscribers: 0,
            recovering: [],
            runs_twice_at: null,
            backup: null,
            restore_proven_at: null,
            restores: [],
            errors_24h: [],
          }),
          options: () => [{ name: 'gateway.listen', value: '127.0.0.1:8080', source: 'default', unit: null }],
          doctor: async () => journal.doctor().map((finding) => ({ group: 'store', name: finding.invariant, state: 'fail' as const, text: finding.text, fix: null })),
        }),
        ...overrides,
      },
      { checkAnswers: true },
    )
  }

  /** Founds the network; stewards are people who may say something in it (ruling 20). */
  async found(stewards: readonly Did[] = []): Promise<void> {
    await this.journal.propose({
      space: commonsSpace,
      kind: 'commons.found',
      author: this.journal.node,
      grant: null,
      body: { name: 'Test network', keepers: [this.journal.node], stewards, nonce: new Uint8Array(16) },
    })
  }

  get parts(): GatewayParts {
    return {
      calls: this.calls,
      feed: this.feed,
      journal: this.journal,
      tokens: this.tokens,
      sessions: this.sessions,
      metrics: this.metrics,
      options: this.options,
      version: 'test',
      operatorToken: this.operatorToken,
      isOperator: (did) => this.operators.has(did),
      endOf: (row) => endOf(this, row),
      monotonic: () => performance.now(),
      now: () => this.now,
      notReady: () => [],
      internal: (error) => this.internals.push(error),
      fault: (_, error) => this.faults.push(error),
    }
  }

  async gateway(): Promise<OpenDoor> {
    return (await openGateway(this.parts)).listen()
  }

  async rpc(): Promise<OpenDoor> {
    return openRpc({ ...this.parts, options: { ...this.options, port: 0 } }).listen()
  }
}

/** One person at a gateway, by plain HTTP. */
export class Person {
  readonly name: string
  readonly did: Did
  readonly key: SigningKey
  readonly base: string
  token: string | undefined
  refresh: string | undefined

  constructor(name: string, base: string) {
    this.name = name
    this.key = keyOf(name)
    this.did = didOf(name)
    this.base = base
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly status: number; readonly headers: Headers; readonly json: any }> {
    const response = await fetch(this.base + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, json: text === '' ? undefined : JSON.parse(text) }
  }

  async signIn(more: object = {}): Promise<this> {
    const { json } = await this.call('POST', '/v1/auth/challenge', { did: this.did })
    const verified = await this.call('POST', '/v1/auth/verify', {
      challenge: json.challenge,
      signature: toBase64Url(this.key.sign(new TextEncoder().encode(json.message))),
      ...more,
    })
    if (verified.status !== 200) throw new Error(JSON.stringify(verified.json))
    this.token = verified.json.access_token
    this.refresh = verified.json.refresh_token
    return this
  }

  /** Signs what a draft call answered. */
  sign(envelope: any): any[] {
    return envelope.drafts.map(({ operation, signing_bytes }: any) => ({ ...operation, sig: toBase64Url(this.key.sign(Buffer.from(signing_bytes, 'base64url'))) }))
  }

  /** Draft, sign, submit. */
  async write(method: string, path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) {
    const drafted = await this.call(method, `${path}${path.includes('?') ? '&' : '?'}draft=true`, body, headers)
    if (drafted.status !== 200 || drafted.json.outcome !== 'drafted') return drafted
    const operations = this.sign(drafted.json)
    if (operations[0].genesis === null) return this.call('POST', path, { signed: operations[0] }, headers)
    const submitted = await this.call('POST', '/v1/operations', { operations }, headers)
    return { ...submitted, json: submitted.json.results?.[0] ?? submitted.json, drafted: drafted.json }
  }
}

/** A node that knows nobody. */
const noPeers = (me: Did): PeersPort => ({
  me,
  connected: () => [],
  banned: () => [],
  view: (did) => ({ did, class: 'guest', state: 'away', path: null, address: null, spaces: [], lag: [], rtt_ms: null, standing: 1_000, points: 0, ban: null }),
  lastLadder: () => null,
  disconnect: () => false,
  ban: () => {},
  unban: () => false,
  createPass: () => undefined,
  passes: () => [],
  revokePass: () => undefined,
  evidence: () => [],
  proofOf: () => undefined,
  hostsOf: () => [],
})
