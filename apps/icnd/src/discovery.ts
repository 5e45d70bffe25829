import {
  answerPeers,
  answerTime,
  type Candidates,
  type ClockReading,
  checkClock,
  climb,
  DialFilter,
  type ExchangeParts,
  exchangePeers,
  type Host,
  Ladders,
  type LadderOutcome,
  NetworkTrouble,
  type PeerFacts,
  peersProtocol,
  type Protocol,
  type ProtocolId,
  type Timing,
  timeProtocol,
  Wanted,
  type Way,
} from '@icn/network'
import { peerAddress } from '@icn/network/node'
import type { Metrics } from '@icn/node'
import type { Did, Endpoint, EndpointType, EvidenceName, NodeRecord } from '@icn/protocol'
import type { Acquaintances } from './acquaintances.ts'
import type { OwnRecord } from './own-record.ts'

/** How this node finds others and is found, and keeps time with them: records, exchange, dials; and what is done when links come and go. */

/** Links from which on clocks can be compared, and how long after the third one that is done [ms]. */
const clockLinks = 3
const clockDelayMs = 30_000
/** Links with fewer of which peers are asked again whom they know. */
const linksFew = 3
const exchangeEveryMs = 3_600_000
/** How often own addresses are looked at, and how long after a change they are told [ms]. */
const lookMs = 5_000
const changedMs = 1_000
/** Records that a guest gets or gives at once. */
const guestRecordsMax = 8

export interface DiscoveryOptions {
  readonly announceMs: number
  readonly loopback: boolean
  readonly exchangeDelayMs: number
  readonly exchangeRecordsMax: number
}

export interface DiscoveryParts {
  readonly me: Did
  readonly options: DiscoveryOptions
  readonly acquaintances: Acquaintances
  readonly facts: Pick<PeerFacts, 'classOf' | 'isEntitled'>
  readonly candidates: Candidates
  readonly own: OwnRecord
  readonly timing: Timing
  readonly metrics: Pick<Metrics, 'add' | 'observe' | 'set'>
  /** Peers that have greeted. */
  ready(): readonly Did[]
  tell(peer: Did, records: readonly NodeRecord[]): void
  /** Says goodbye to a peer that is not wanted any more. */
  letGo(peer: Did): void
  /** Tells everybody. */
  publish(record: NodeRecord): void
  checkClock(): Promise<void>
  report(kind: EvidenceName, peer: Did, detail: string): void
  fault(operation: 'clock_check' | 'peer_exchange' | 'internal', error: unknown): void
}

export class Discovery {
  readonly #parts: DiscoveryParts
  readonly ladders = new Ladders()
  readonly #wanted: Wanted
  readonly #filter: DialFilter
  readonly #exchange: ExchangeParts
  #host: Host | undefined
  readonly #cancels = new Map<string, () => void>()
  #readyBefore = 0
  #hostsBefore = ''
  #closed = false

  constructor(parts: DiscoveryParts) {
    this.#parts = parts
    const { acquaintances, facts, timing, options } = parts
    this.#filter = new DialFilter({ listening: () => this.#host?.addresses() ?? [], loopback: options.loopback, now: () => timing.now() })
    this.#wanted = new Wanted({
      wanted: () => acquaintances.wanted(new Set(parts.ready())).filter((peer) => facts.classOf(peer) !== 'banned'),
      isLinked: (peer) => parts.ready().includes(peer),
      isClose: (peer) => acquaintances.cohosts().has(peer),
      climb: async (peer) => {
        const { connected } = await this.climb(peer, this.waysTo(peer))
        acquaintances.tried(peer, connected)
        return connected
      },
      letGo: (peer) => parts.letGo(peer),
      timing,
      fault: (error) => parts.fault('internal', error),
    })
    this.#exchange = {
      recordsFor: (peer) => this.#recordsFor(peer),
      countMaxOf: (peer) => (facts.isEntitled(peer) ? options.exchangeRecordsMax : Math.min(options.exchangeRecordsMax, guestRecordsMax)),
      ask: (peer, request) => this.#ask(peer, peersProtocol, request),
      take: (from, records) => this.take(from, records),
      report: (kind, peer, detail) => parts.report(kind, peer, detail),
    }
  }

  /** What it answers to other nodes. */
  answers(): Readonly<Partial<Record<ProtocolId, Protocol['serve']>>> {
    return {
      [timeProtocol]: (_, request) => answerTime(request, () => this.#parts.timing.now()),
      [peersProtocol]: async (peer, request) => answerPeers(this.#exchange, peer, request),
    }
  }

  /** What others are told of where this node is. */
  get endpoints(): readonly Endpoint[] {
    return this.#parts.own.endpoints
  }

  /** From here on there is a host to ask and dial with. */
  start(host: Host): void {
    this.#host = host
    this.#publish()
    this.#every('look', lookMs, () => {
      if (this.#parts.own.isStale) this.#later('publish', changedMs, () => this.#publish())
    })
    this.#every('exchange', exchangeEveryMs, () => this.#exchangeWithAll())
    this.#wanted.look()
  }

  /** Too few links: first contacts are dialled now, and who is there is asked whom it knows. */
  meet(): void {
    if (this.#parts.ready().length >= linksFew || this.#closed) return
    for (const peer of this.#parts.acquaintances.firstContacts()) this.#wanted.hasNews(peer)
    this.#exchangeWithAll()
  }

  /** Something was committed: who holds what with whom may have changed. */
  committed(): void {
    if (this.#cancels.has('spaces')) return
    this.#later('spaces', changedMs, () => {
      const hosts = this.#parts.acquaintances.print()
      if (hosts === this.#hostsBefore) return
      this.#hostsBefore = hosts
      this.#publish()
      this.#wanted.look()
    })
  }

  /** A greeting came to nothing. */
  greetingFailed(peer: Did, code: string): void {
    if (code === 'NETWORK_MISMATCH' || code === 'RULES_MISMATCH' || code === 'VERSION_UNSUPPORTED') {
      this.#parts.acquaintances.tried(peer, false)
      this.#wanted.foreign(peer)
    }
  }

  linkChanged(peer: Did, state: 'ready' | 'closed'): void {
    if (this.#closed) return
    if (state === 'ready') {
      this.#parts.acquaintances.tried(peer, true)
      this.#wanted.ready(peer)
      this.#tellOwn(peer)
      this.#later(`exchange ${peer}`, this.#parts.options.exchangeDelayMs, () => void this.#exchangeWith(peer))
    } else {
      this.#cancel(`exchange ${peer}`)
      this.#wanted.lost(peer)
    }
    const { length } = this.#parts.ready()
    if (length >= clockLinks && this.#readyBefore < clockLinks)
      this.#later('clock', clockDelayMs, () => void this.#parts.checkClock().catch((error: unknown) => this.#parts.fault('clock_check', error)))
    this.#readyBefore = length
  }

  /** Records that a peer has brought. What is nobody's business here is not kept. */
  take(from: Did, records: readonly NodeRecord[]): void {
    const { acquaintances, facts, candidates, metrics, report } = this.#parts
    const news: NodeRecord[] = []
    for (const record of records) {
      const { node } = record
      const isOurs = acquaintances.sharesSpace(this.#parts.me, node)
      const taken = isOurs || record.public || (node === from && facts.isEntitled(from)) ? candidates.take(record) : 'rejected'
      if (taken === 'forged') report('bad_signature', from, 'a record that its node has not signed')
      if (taken !== 'known') metrics.add('icn_network_candidates_total', 1, { outcome: taken === 'new' ? 'received' : 'rejected' })
      if (taken !== 'new') continue
      news.push(record)
      if (isOurs) acquaintances.remember(record)
    }
    for (const record of news) this.#wanted.hasNews(record.node)
    for (const peer of this.#parts.ready())
      if (peer !== from)
        this.#parts.tell(
          peer,
          news.filter(({ node }) => node !== peer && acquaintances.sharesSpace(peer, node)),
        )
    metrics.set('icn_network_candidates', candidates.size)
  }

  /** A record that was told to everybody. */
  takePublic(from: Did, record: NodeRecord): 'accept' | 'ignore' | 'reject' {
    if (!record.public) return 'reject'
    const taken = this.#parts.candidates.take(record)
    this.#parts.metrics.set('icn_network_candidates', this.#parts.candidates.size)
    if (taken === 'known' || taken === 'new') {
      if (taken === 'new') this.#parts.metrics.add('icn_network_candidates_total', 1, { outcome: 'received' })
      return taken === 'new' ? 'accept' : 'ignore'
    }
    this.#parts.metrics.add('icn_network_candidates_total', 1, { outcome: 'rejected' })
    // Own word that comes back is nobody's fault.
    return record.node === this.#parts.me && from !== record.node ? 'ignore' : 'reject'
  }

  /** Somebody in this building says to be this peer. */
  found(peer: Did, addresses: readonly string[]): void {
    const { acquaintances, me } = this.#parts
    if (peer !== me && acquaintances.foundInHouse(peer, addresses)) this.#wanted.hasNews(peer)
  }

  /** Drops records that have expired. */
  cleanUp(): void {
    const { candidates, metrics } = this.#parts
    metrics.add('icn_network_candidates_total', candidates.sweep(), { outcome: 'expired' })
    metrics.set('icn_network_candidates', candidates.size)
  }

  /** Tries these ways to a peer, and keeps how that went. */
  async climb(peer: Did, ways: readonly Way[]): Promise<LadderOutcome> {
    const host = this.#host
    const { timing, metrics } = this.#parts
    if (host === undefined || this.#closed || ways.length === 0) return { at: timing.now(), connected: false, rungs: [] }
    const ladder = await climb(peer, ways, {
      dial: (to, address, signal) => host.dialAt(to, address, signal),
      timing,
      tried({ path, outcome, ms }) {
        metrics.add('icn_network_dials_total', 1, { path, outcome })
        if (outcome === 'connected') metrics.observe('icn_network_dial_duration_seconds', ms / 1_000, { path })
      },
    })
    this.ladders.add(peer, ladder)
    return ladder
  }

  /** Peers by how they are reached, and how far away they are. */
  measure(): void {
    const { metrics, ready } = this.#parts
    const peers = ready()
    metrics.set('icn_network_peers', peers.length, { path: 'direct' })
    const trips = peers.flatMap((peer) => this.#host?.roundTripMs(peer) ?? []).sort((a, b) => a - b)
    const middle = trips[trips.length >> 1]
    if (middle !== undefined) metrics.set('icn_network_rtt_seconds', middle / 1_000)
  }

  compareClocks(): Promise<ClockReading> {
    return checkClock({
      // Guests are too easily many.
      peers: () =>
        this.#parts
          .ready()
          .filter((peer) => this.#parts.facts.classOf(peer) !== 'guest')
          .map((peer) => ({ peer, address: this.#host?.remoteAddress(peer) })),
      ask: (peer, request) => this.#ask(peer, timeProtocol, request),
      now: () => this.#parts.timing.now(),
      chance: () => this.#parts.timing.chance(),
    })
  }

  close(): void {
    this.#closed = true
    this.#wanted.close()
    for (const cancel of this.#cancels.values()) cancel()
    this.#cancels.clear()
  }

  now(): number {
    return this.#parts.timing.now()
  }

  /** Where it can be dialled, as others may be told. */
  addressesOf(peer: Did): readonly string[] {
    return this.waysTo(peer).flatMap(({ address, refused }) => (refused === undefined ? [peerAddress(address, peer)] : []))
  }

  /** Addresses of a peer as far as they are known, those left out that nobody may be made to dial. */
  waysTo(peer: Did): readonly Way[] {
    const { acquaintances, candidates } = this.#parts
    const told: readonly Way[] = acquaintances.told(peer).map((address) => ({ source: 'told', address }))
    const named: readonly { readonly type: EndpointType; readonly addr: string }[] = [...(candidates.get(peer)?.endpoints ?? []), ...acquaintances.remembered(peer)]
    const seen = new Set(told.map(({ address }) => address))
    const dialled = named.filter(({ type, addr }) => (type === 'lan' || type === 'public' || type === 'mapped' || type === 'ws') && !seen.has(addr) && seen.add(addr))
    return [
      ...dialled.map(({ type, addr }): Way => {
        const refused = this.#filter.refusal({ type, address: addr })
        return { source: type, address: addr, ...(refused === undefined ? {} : { refused }) }
      }),
      ...told,
    ]
  }

  #recordsFor(peer: Did): readonly NodeRecord[] {
    const { acquaintances, facts, candidates, me } = this.#parts
    const own = this.#parts.own.for(acquaintances.sharesSpace(me, peer))
    return [
      ...(own !== undefined && (own.public || facts.isEntitled(peer)) ? [own] : []),
      ...candidates.live().filter(({ node, public: isPublic }) => node !== peer && (isPublic || acquaintances.sharesSpace(peer, node))),
    ]
  }

  #publish(): void {
    this.#later('announce', this.#parts.options.announceMs, () => this.#publish())
    if (!this.#parts.own.renew()) return
    this.#parts.metrics.add('icn_network_candidates_total', 1, { outcome: 'published' })
    for (const peer of this.#parts.ready()) this.#tellOwn(peer)
    const record = this.#parts.own.for(false)
    if (record?.public === true) this.#parts.publish(record)
  }

  #tellOwn(peer: Did): void {
    const { acquaintances, facts, own, me } = this.#parts
    const record = facts.isEntitled(peer) ? own.for(acquaintances.sharesSpace(me, peer)) : undefined
    if (record !== undefined) this.#parts.tell(peer, [record])
  }

  #exchangeWithAll(): void {
    for (const peer of this.#parts.ready()) void this.#exchangeWith(peer)
  }

  async #exchangeWith(peer: Did): Promise<void> {
    const { metrics, fault } = this.#parts
    try {
      const isGood = await exchangePeers(this.#exchange, peer)
      metrics.add('icn_network_peer_exchanges_total', 1, { outcome: isGood ? 'ok' : 'unsolicited' })
    } catch (error) {
      const isRefusal = error instanceof NetworkTrouble && error.code !== 'NO_PATH' && error.code !== 'DIAL_TIMEOUT'
      metrics.add('icn_network_peer_exchanges_total', 1, { outcome: isRefusal ? 'refused' : 'failed' })
      if (!(error instanceof NetworkTrouble)) fault('peer_exchange', error)
    }
  }

  async #ask(peer: Did, protocol: string, request: Uint8Array): Promise<Uint8Array> {
    if (this.#host === undefined) throw new NetworkTrouble('NO_PATH', 'there is no host yet')
    return this.#host.ask(peer, protocol, request)
  }

  /** Once, in place of what was to be done later under the same name. */
  #later(name: string, ms: number, run: () => void): void {
    this.#cancel(name)
    if (this.#closed) return
    const cancel = this.#parts.timing.after(ms, () => {
      this.#cancels.delete(name)
      try {
        run()
      } catch (error) {
        this.#parts.fault('internal', error)
      }
    })
    this.#cancels.set(name, cancel)
  }

  #every(name: string, ms: number, run: () => void): void {
    this.#later(name, ms, () => {
      this.#every(name, ms, run)
      run()
    })
  }

  #cancel(name: string): void {
    this.#cancels.get(name)?.()
    this.#cancels.delete(name)
  }
}
