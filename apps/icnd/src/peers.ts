import { commonsRules, coopRules, listHosts } from '@icn/domain'
import type { ForkSeen, JournalApi, JournalEvent } from '@icn/journal'
import {
  type Ban,
  Budgets,
  classOf,
  closedPoints,
  Detector,
  evidenceKinds,
  forkProof,
  type GateWord,
  halvedPoints,
  type HostParts,
  type LadderOutcome,
  Passes,
  type PeerFacts,
  type Replicator,
  type Report,
  type ReplicatorParts,
  Room,
} from '@icn/network'
import { isLoopbackOwner, peerOfAddress } from '@icn/network/node'
import type { Metrics, NodeEventLog } from '@icn/node'
import { commonsSpace, type Did, type GateRefusal, type GreetingCode, type PeerClass, peerClasses, secondMs, type SpaceId, timeText } from '@icn/protocol'
import { signingKeyFromSeed, verifySignature } from '@icn/protocol/node'
import type { Config } from './config/option.ts'
import type { Log } from './log.ts'

/** What this node makes of others: what they are to it, whether they may stay, and what their bad manners cost them (network page §4 and §11). */

/** How long an answer about a class is kept where nothing has said that it changed: edges end and points fade by themselves. */
const classMs = 10 * secondMs

/** The running connections, as far as they matter here. */
export interface Connections {
  peers(): readonly Did[]
  addressesOf(peer: Did): readonly string[]
  isReady(peer: Did): boolean
  readonly links: Replicator['links']
  roundTripMs(peer: Did): number | undefined
  addresses(): readonly string[]
  /** Multiaddr of the other end; undefined: there is no connection. */
  remoteAddress(peer: Did): string | undefined
  /** The last time that this peer was dialled. */
  lastLadder(peer: Did): LadderOutcome | undefined
  /** Says goodbye with a code and ends every connection. */
  dismiss(peer: Did, code: string): void
}

export interface PeersParts {
  readonly config: Config
  readonly journal: JournalApi
  readonly metrics: Metrics
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly nodeEvents: Pick<NodeEventLog, 'tell'>
  now(): number
  /** Trust of this node in a DID, in matters of `commons`, times its standing [‰]. */
  trustIn(did: Did): number
  fault(error: unknown): void
}

const refusalCodes: Readonly<Partial<Record<GateRefusal, GreetingCode>>> = { banned: 'PEER_BANNED', guests_full: 'GUESTS_FULL', peers_full: 'PEERS_FULL' }

export class Peers implements PeerFacts {
  readonly detector: Detector
  readonly budgets: Budgets
  readonly passes: Passes
  readonly #parts: PeersParts
  readonly #room: Room
  readonly #stop: () => void
  /** Of DIDs that were asked about lately; all of them are worked out anew when trust, a space or a ban changes. */
  readonly #classes = new Map<Did, { readonly value: PeerClass; readonly at: number }>()
  #named: Named | undefined
  #firstContacts: ReadonlySet<Did> = new Set()
  /** Undefined while this node reaches nobody. */
  connections: Connections | undefined
  #reviewing: NodeJS.Immediate | undefined

  constructor(parts: PeersParts) {
    const { config, journal, metrics } = parts
    this.#parts = parts
    this.detector = new Detector({
      me: journal.node,
      rows: journal.local,
      now: () => parts.now(),
      halfLifeMs: config['network.misbehaviour_half_life_secs'] * secondMs,
      verify: verifySignature,
      isExempt: (did) => this.#isAllowed(did) || this.#names().cohosts.has(did),
      isCohost: (did) => this.#names().cohosts.has(did),
      addressesOf: (did) => (this.connections?.addressesOf(did) ?? []).filter((address) => !isLoopbackOwner(address)),
      isLoopback: (did) => this.#isLoopback(did),
      counted: (kind) => metrics.add('icn_misbehaviour_reports_total', 1, { reason: kind, source: evidenceKinds[kind].source }),
      decided: (did, what, ban) => this.#decided(did, what, ban),
      fault: (error) => parts.fault(error),
    })
    this.passes = new Passes({
      me: journal.node,
      rows: journal.local,
      now: () => parts.now(),
      verify: verifySignature,
      keyOf: signingKeyFromSeed,
      network: () => journal.info(commonsSpace)?.genesis ?? null,
    })
    this.budgets = new Budgets({
      now: () => performance.now(),
      classOf: (peer) => this.classOf(peer),
      isHalved: (peer) => this.detector.points(peer) >= halvedPoints,
      isThrottled: (peer) => this.classOf(peer) === 'cohost' && this.detector.points(peer) >= closedPoints,
      throttled: (_, reason) => metrics.add('icn_network_throttled_total', 1, { reason }),
      exceeded: (peer) => this.report({ kind: 'budget_exceeded', peer }),
    })
    this.#room = new Room(
      { gate: config['network.gate'] as GateWord, guestsCount: config['network.guests_count'], peersCount: config['limits.peers_count'] },
      {
        now: () => parts.now(),
        classOf: (peer) => this.classOf(peer),
        standingOf: (peer) => this.detector.standing(peer),
        spacesOf: (peer) => this.#names().cohosts.get(peer) ?? [],
        isAway: (peer) => this.detector.isAway(peer),
        expectsPass: () => this.passes.isExpecting(),
        connected: () => this.connections?.peers() ?? [],
      },
    )
    this.#stop = journal.subscribe((spaces) => {
      for (const events of spaces.values()) if (events.some(mayChangeClasses)) this.#changed()
    })
  }

  /** The connections that run now; after a crash there are others. `firstContacts`: multiaddrs. */
  attach(connections: Connections, firstContacts: readonly string[]): void {
    this.connections = connections
    this.#firstContacts = new Set(firstContacts.flatMap((address) => peerOfAddress(address) ?? []))
    this.#changed()
  }

  close(): void {
    this.#stop()
    clearImmediate(this.#reviewing)
  }

  report(report: Report): void {
    // What the peer has said stays out of the log.
    this.#parts.log.warn('misbehaviour', 'somebody does not keep to the protocol', { kind: report.kind })
    if (report.kind === 'node_cloned' && report.peer !== undefined) this.#parts.nodeEvents.tell('node.cloned', { did: report.peer, told_by: null })
    this.detector.report(report)
    for (const did of [report.peer, report.signer]) if (did !== undefined) this.#classes.delete(did)
  }

  /** A key has been used twice in a space: shown by its own signatures, so charged to it and not to whoever brought it. */
  forked(space: SpaceId, { signer, operations: [first, second] }: ForkSeen): void {
    const proof = forkProof({ envelope: first.bytes, signature: first.signature }, { envelope: second.bytes, signature: second.signature })
    this.report({ kind: 'fork', signer, proof, space })
  }

  classOf(peer: Did): PeerClass {
    const now = this.#parts.now()
    const known = this.#classes.get(peer)
    if (known !== undefined && now - known.at < classMs && now >= known.at) return known.value
    const value = classOf(
      {
        isBanned: this.detector.ban(peer) !== undefined,
        isCohost: this.#names().cohosts.has(peer),
        isAllowed: this.#isAllowed(peer),
        isDoubtful: this.detector.points(peer) >= closedPoints,
        trustPermille: this.#parts.trustIn(peer),
      },
      this.#parts.config['network.min_trust_permille'],
    )
    if (this.#classes.size >= 10_000) this.#classes.clear()
    this.#classes.set(peer, { value, at: now })
    return value
  }

  isEntitled(peer: Did): boolean {
    const kind = this.classOf(peer)
    return kind === 'cohost' || (kind !== 'banned' && (this.#isAllowed(peer) || this.#names().keepers.has(peer)))
  }

  isReady(peer: Did): boolean {
    return this.connections?.isReady(peer) ?? false
  }

  /** What replication asks about peers and tells of them. */
  links(): Pick<Required<ReplicatorParts>, 'budgets' | 'passFor' | 'report' | 'welcome'> {
    return {
      budgets: this.budgets,
      report: (kind, peer) => this.report({ kind, peer }),
      passFor: (peer) => this.passes.shownTo(peer),
      welcome: (peer, pass) => this.#welcome(peer, pass),
    }
  }

  /** Somebody may have been let in only to show a pass. */
  #welcome(peer: Did, pass: Parameters<Passes['redeem']>[1] | undefined): string | undefined {
    const trouble = pass === undefined ? undefined : this.passes.redeem(peer, pass)
    if (trouble !== undefined) return trouble
    this.#classes.delete(peer)
    return this.#room.trouble(peer) === undefined ? undefined : 'PEER_NOT_TRUSTED'
  }

  /** What the host asks about connections. */
  gate(): Pick<Required<HostParts>, 'admits' | 'isShutOut' | 'isRoomy' | 'refused'> {
    return {
      admits: (peer) => this.#admits(peer),
      isShutOut: (address) => this.detector.isShutOut(address),
      isRoomy: (peer) => this.#isNamed(peer),
      refused: (reason) => this.#refused(reason),
    }
  }

  /** Whoever takes somebody's place sends that one away. */
  #admits(peer: Did): boolean {
    const answer = this.#room.take(peer)
    if ('refused' in answer) {
      this.#refused(answer.refused)
      return false
    }
    for (const other of answer.leaves) this.connections?.dismiss(other, 'PEERS_FULL')
    return true
  }

  /** Why this node would not let somebody in whom it dials; undefined: it would. */
  whyNot(peer: Did): GreetingCode | undefined {
    const reason = this.#room.whyNot(peer)
    return reason === undefined ? undefined : (refusalCodes[reason] ?? 'PEER_NOT_TRUSTED')
  }

  #refused(reason: GateRefusal): void {
    this.#parts.metrics.add('icn_network_gate_refusals_total', 1, { reason })
  }

  measure(): void {
    const counts = new Map<PeerClass, number>(peerClasses.map((name) => [name, 0]))
    for (const peer of this.connections?.peers() ?? []) counts.set(this.classOf(peer), (counts.get(this.classOf(peer)) ?? 0) + 1)
    for (const [name, count] of counts) this.#parts.metrics.set('icn_network_peers_by_class', count, { class: name })
    for (const state of ['greeting', 'ready']) this.#parts.metrics.set('icn_network_links', this.connections?.links.filter((link) => link.state === state).length ?? 0, { state })
  }

  #decided(did: Did, what: 'closed' | 'banned' | 'unbanned', ban: Ban | undefined): void {
    const { metrics, nodeEvents } = this.#parts
    this.#classes.delete(did)
    if (ban !== undefined) {
      metrics.add('icn_network_bans_total', 1, { reason: ban.by === 'operator' ? 'operator' : ban.reason })
      nodeEvents.tell('peer.banned', { did, by: ban.by, reason: ban.reason, until_at: timeText(ban.until) })
    }
    if (what === 'unbanned') nodeEvents.tell('peer.unbanned', { did })
    if (what !== 'unbanned') this.connections?.dismiss(did, what === 'banned' ? 'PEER_BANNED' : 'PEER_NOT_TRUSTED')
  }

  /** Has the operator named it as one that may always connect? */
  #isNamed(did: Did): boolean {
    return this.#parts.config['network.allow_peers'].includes(did)
  }

  #isAllowed(did: Did): boolean {
    return this.#isNamed(did) || this.#firstContacts.has(did) || this.#names().invited.has(did) || this.passes.isHolder(did) || this.passes.isCarriedTo(did)
  }

  #isLoopback(did: Did): boolean {
    if (this.#parts.config['network.dial_loopback']) return false
    const addresses = this.connections?.addressesOf(did) ?? []
    return addresses.length > 0 && addresses.every(isLoopbackOwner)
  }

  /** A pass was taken back: whoever came with it is looked at anew. */
  reconsider(): void {
    this.#changed()
  }

  /** Worked out once after each change, for it reads every space. */
  #names(): Named {
    this.#named ??= namedIn(this.#parts.journal)
    return this.#named
  }

  #changed(): void {
    this.#named = undefined
    this.#classes.clear()
    // Once for all changes of a turn.
    this.#reviewing ??= setImmediate(() => {
      this.#reviewing = undefined
      for (const peer of this.connections?.peers() ?? []) {
        const trouble = this.#room.trouble(peer)
        if (trouble !== undefined) this.connections?.dismiss(peer, refusalCodes[trouble] ?? 'PEER_NOT_TRUSTED')
      }
    })
  }
}

/** Whom this node's own state of its spaces names. */
interface Named {
  /** With the spaces that both host. */
  readonly cohosts: ReadonlyMap<Did, readonly SpaceId[]>
  readonly invited: ReadonlySet<Did>
  readonly keepers: ReadonlySet<Did>
}

function namedIn(journal: JournalApi): Named {
  const cohosts = new Map<Did, SpaceId[]>()
  const add = (host: Did, space: SpaceId): unknown => cohosts.set(host, [...(cohosts.get(host) ?? []), space])
  const invited = new Set<Did>()
  const commons = journal.read(commonsSpace)
  const keepers = new Set(commons === undefined ? [] : commonsRules.hosts(commons))
  if (keepers.has(journal.node)) for (const keeper of keepers) add(keeper, commonsSpace)
  for (const { space } of journal.spaces()) {
    const facts = space === commonsSpace ? undefined : journal.read(space)
    if (facts === undefined) continue
    const hosts = coopRules.hosts(facts)
    if (!hosts.includes(journal.node)) continue
    for (const host of hosts) add(host, space)
    for (const { did, status } of listHosts(facts)) if (status === 'invited') invited.add(did)
  }
  cohosts.delete(journal.node)
  return { cohosts, invited, keepers }
}

const changing = /^(?:trust|identity|commons|keeper)\.|^coop\.(?:created|activated|abandoned|host_)|^operation\.revised$/

const mayChangeClasses = ({ type }: JournalEvent): boolean => changing.test(type)
