import type { LadderOutcome, RungOutcome } from '@icn/network'
import { type Did, type DoctorFinding, equalBytes, type OperationId, type SpaceId, toHex } from '@icn/protocol'
import type { GreetingTrouble, Sighting, SpaceAnswer } from './sightings.ts'

/** Where this node stands among others, in words: each fault its own sentence, and something to do (network page §16). */

export interface NetworkFacts {
  readonly startedAt: number
  /** Where this node listens, as multiaddrs. */
  readonly addresses: readonly string[]
  /** First contacts whose address cannot be used, as they were written. */
  readonly unusable: readonly string[]
  readonly firstContacts: readonly Did[]
  /** Peers to be linked with, whoever they are. */
  readonly wanted: readonly Did[]
  readonly ready: readonly Did[]
  /** Other hosts of own private spaces, with these. */
  readonly cohosts: ReadonlyMap<Did, readonly SpaceId[]>
  /** Spaces that this node has accepted to hold and whose state does not yet say so. */
  readonly awaited: readonly SpaceId[]
  /** The network's first operation is not here yet. */
  readonly isWithoutCommons: boolean
  readonly own: { readonly network: OperationId | null; readonly rules: GreetingRules; readonly release: string }
  readonly troubles: readonly (readonly [Did, GreetingTrouble])[]
  roundTripMs(peer: Did): number | undefined
  sighting(peer: Did): Readonly<Sighting> | undefined
  ladder(peer: Did): LadderOutcome | undefined
  answersOf(space: SpaceId): readonly (SpaceAnswer & { readonly peer: Did })[]
}

type GreetingRules = readonly (readonly [version: string, digest: Uint8Array])[]

interface Line {
  readonly text: string
  readonly fix: string | null
}

/** Strangers whose greeting came to nothing that are named. */
const strangersShown = 10

export function networkFindings(facts: NetworkFacts): readonly DoctorFinding[] {
  return [
    listening(facts),
    firstContact(facts),
    ...facts.unusable.map((text) =>
      finding(
        'bootstrap',
        'fail',
        `network.bootstrap_peers names ${text}, which is no address of a node`,
        'write it as /ip4/…/tcp/7777/p2p/<peer id>; the log of that node shows it',
      ),
    ),
    ...facts.firstContacts.filter((peer) => !facts.cohosts.has(peer)).map((peer) => peerLine('bootstrap', facts, peer, [])),
    // Of many hosts some are wanted at a time; that the others are not here is as it should be.
    ...[...facts.cohosts].filter(([peer]) => facts.wanted.includes(peer) || facts.ready.includes(peer)).map(([peer, spaces]) => peerLine('host', facts, peer, spaces)),
    ...strangers(facts),
    ...spaces(facts),
  ]
}

const finding = (name: string, state: DoctorFinding['state'], text: string, fix: string | null): DoctorFinding => ({ group: 'network', name, state, text, fix })
const timeOf = (ms: number): string => new Date(ms).toISOString()

function listening({ addresses }: NetworkFacts): DoctorFinding {
  if (addresses.length > 0) return finding('listening', 'ok', `listens at ${addresses.join(', ')}`, null)
  return finding(
    'listening',
    'warn',
    'listens nowhere: others cannot begin a connection to this node',
    'leave network.listen_addr as it is, or name an address of this machine such as /ip4/0.0.0.0/tcp/7777',
  )
}

function firstContact(facts: NetworkFacts): DoctorFinding {
  const { ready, wanted, isWithoutCommons } = facts
  if (ready.length > 0) return finding('first contact', 'ok', `${ready.length} peers are here`, null)
  if (wanted.length === 0)
    return finding(
      'first contact',
      isWithoutCommons ? 'fail' : 'ok',
      'no peer is known, so none is asked',
      'to meet others, add an address to network.bootstrap_peers, or run icnctl network pass create on a node that you trust and icnctl network dial PASS here',
    )
  const tried = wanted.flatMap((peer) => facts.ladder(peer) ?? [])
  if (
    wanted.some((peer) => facts.sighting(peer)?.trouble !== undefined) ||
    tried.some(({ rungs }) => rungs.some(({ outcome }) => outcome === 'connected' || outcome === 'not_admitted'))
  )
    return finding('first contact', 'warn', `${wanted.length} peers are known; some answer, and none stays`, 'the lines that follow say why')
  const ports = [...new Set(tried.flatMap(({ rungs }) => rungs.flatMap(({ address }) => /\/tcp\/(\d+)/.exec(address)?.[1] ?? [])))].sort()
  return finding(
    'first contact',
    'warn',
    `${wanted.length} peers are known, and none answers`,
    `${ports.length === 0 ? 'see' : `see whether this network lets TCP out to port ${ports.join(', ')}, and`} whether any of them runs; where only the web is let through, name one that listens for WebSocket at port 443`,
  )
}

/** A peer that should be here: how it is reached, or why it is not. */
function peerLine(name: 'bootstrap' | 'host', facts: NetworkFacts, peer: Did, spaces: readonly SpaceId[]): DoctorFinding {
  const what = spaces.length === 0 ? peer : `${peer} (${spaces.join(', ')})`
  if (facts.ready.includes(peer)) {
    const trip = facts.roundTripMs(peer)
    return finding(name, 'ok', `${what} is reached directly${trip === undefined ? '' : `, ${Math.round(trip)} ms away`}`, null)
  }
  const seen = facts.sighting(peer)
  const since = seen?.lastSeenAt === undefined ? `not seen since this node started at ${timeOf(facts.startedAt)}` : `last seen at ${timeOf(seen.lastSeenAt)}`
  const { text, fix } = seen?.trouble === undefined ? unreached(facts.ladder(peer)) : greetingLine(facts, seen.trouble)
  return finding(name, isIncurable(seen?.trouble) ? 'fail' : 'warn', `${what} is ${since}: ${text}`, fix)
}

/** Waiting does not help. */
const isIncurable = (trouble: GreetingTrouble | undefined): boolean => trouble !== undefined && ['NETWORK_MISMATCH', 'RULES_MISMATCH', 'VERSION_UNSUPPORTED'].includes(trouble.code)

/** What came of the last try to reach a peer: the outcome that says most. */
function unreached(ladder: LadderOutcome | undefined): Line {
  if (ladder === undefined || ladder.rungs.length === 0) return { text: 'nobody has said where it is', fix: 'ask its operator for an address, and run icnctl network dial ADDRESS' }
  const at = timeOf(ladder.at)
  const of = (outcome: RungOutcome['outcome']): readonly RungOutcome[] => ladder.rungs.filter((rung) => rung.outcome === outcome)
  const where = (rungs: readonly RungOutcome[]): string => [...new Set(rungs.map(({ address }) => address))].join(', ')
  if (ladder.connected) return { text: `it answered at ${at}, and the link has ended since`, fix: 'the node tries again by itself; icnctl network paths shows what it tries' }
  if (of('not_admitted').length > 0)
    return {
      text: `it hung up right after the handshake at ${at}: one of the two does not admit the other`,
      fix: 'see icnctl network peers --banned here, and ask its operator the same; a pass made there lets this node in',
    }
  if (of('late').length > 0)
    return { text: `no answer in time at ${at} from ${where(of('late'))}`, fix: 'something on the way drops the connection: let TCP through to that port, or the machine is off' }
  if (of('failed').length > 0)
    return {
      text: `at ${at} nobody answered at ${where(of('failed'))}, or another node did`,
      fix: 'ask its operator whether it runs, and for its address: icnctl network dial ADDRESS',
    }
  const reasons = [...new Set(of('refused').flatMap(({ refused }) => refused ?? []))]
  return {
    text: `its addresses are not dialled on others’ word: ${where(of('refused'))} (${reasons.join(', ')})`,
    fix: 'if you trust that address, dial it yourself with icnctl network dial ADDRESS, or name it in network.bootstrap_peers',
  }
}

function greetingLine({ own }: NetworkFacts, { code, at, theirs }: GreetingTrouble): Line {
  const when = timeOf(at)
  switch (code) {
    case 'NETWORK_MISMATCH':
      return {
        text: `it belongs to another network, ${theirs?.network_id ?? 'which it did not name'}; this node to ${own.network}`,
        fix: 'one of the two has the wrong network.json: compare icnctl version on both, or take it out of network.bootstrap_peers',
      }
    case 'VERSION_UNSUPPORTED':
      return {
        text: `it has no rules in common with this node: release ${theirs?.release ?? 'unknown'} there (${versionsOf(theirs?.rules)}), ${own.release} here (${versionsOf(own.rules)})`,
        fix: 'upgrade the older of the two releases',
      }
    case 'RULES_MISMATCH':
      return {
        text: `its rules bear the same version and are others: ${differing(own.rules, theirs?.rules ?? [])}`,
        fix: 'one of the two runs a changed program: install the same release on both',
      }
    case 'PEER_NOT_TRUSTED':
      return {
        text: `it takes no strangers, or this node does not (${when})`,
        fix: 'let its operator make a pass with icnctl network pass create, and dial it here; or add its DID to network.allow_peers on both',
      }
    case 'PEER_BANNED':
      return { text: `one of the two has banned the other (${when})`, fix: 'see icnctl network peers --banned on both; icnctl network unban DID takes a ban back' }
    case 'PASS_UNKNOWN':
    case 'PASS_INVALID':
    case 'PASS_EXPIRED':
    case 'PASS_USED_UP':
      return {
        text: `it does not take the pass that this node showed, or the other way round (${code}, ${when})`,
        fix: 'ask its operator for a new pass: icnctl network pass create',
      }
    case 'HELLO_TIMEOUT':
      return { text: `it answered at ${when} and did not greet`, fix: 'its machine may be overloaded or the way very slow; the node tries again by itself' }
    case 'STOPPING':
      return { text: `it was about to stop at ${when}`, fix: 'ask its operator whether it comes back; the node tries again by itself' }
    default:
      return { text: `its greeting was not understood (${code}, ${when})`, fix: 'compare the releases of both: icnctl version' }
  }
}

const versionsOf = (rules: GreetingRules | undefined): string => (rules === undefined ? 'not told' : rules.map(([version]) => version.slice(0, 12)).join(', '))

function differing(own: GreetingRules, theirs: GreetingRules): string {
  const short = (digest: Uint8Array): string => toHex(digest).slice(0, 12)
  const found = own.flatMap(([version, digest]) =>
    theirs
      .filter(([other, otherDigest]) => other === version && !equalBytes(digest, otherDigest))
      .map(([, other]) => `${version.slice(0, 12)} is ${short(other)} there and ${short(digest)} here`),
  )
  return found.length === 0 ? 'which, it did not say' : found.join('; ')
}

/** Nodes that nobody waits for, and that came with something this node cannot live with. */
function strangers(facts: NetworkFacts): readonly DoctorFinding[] {
  const known = new Set([...facts.firstContacts, ...facts.cohosts.keys()])
  return facts.troubles
    .filter(([peer, trouble]) => !known.has(peer) && isIncurable(trouble))
    .slice(-strangersShown)
    .map(([peer, trouble]) => {
      const { text, fix } = greetingLine(facts, trouble)
      return finding('greeting', 'warn', `${peer} was here at ${timeOf(trouble.at)}: ${text}`, fix)
    })
}

/** Hosts that do not give this node what it holds or waits for. */
function spaces(facts: NetworkFacts): readonly DoctorFinding[] {
  const held = new Set([...facts.cohosts.values()].flat())
  return [...new Set([...held, ...facts.awaited])].sort().flatMap((space) => {
    const answers = facts.answersOf(space).filter(({ peer }) => facts.awaited.includes(space) || facts.cohosts.get(peer)?.includes(space) === true)
    const others = answers.filter(({ code }) => code === 'WRONG_GENESIS').map(({ peer }) => wrongGenesis(space, peer))
    const unproven = answers.filter(({ code }) => code === 'SPACE_NOT_PROVEN')
    const good = answers.filter(({ code }) => code === undefined).map(({ peer }) => peer)
    // While a space is awaited, everybody is asked, and most hold nothing of it.
    if (facts.awaited.includes(space) && good.length === 0) return [...others, awaitedLine(space, unproven)]
    return [...others, ...(facts.awaited.includes(space) ? [] : unproven.map((answer) => unprovenLine(space, answer, good)))]
  })
}

const wrongGenesis = (space: SpaceId, peer: Did): DoctorFinding =>
  finding(
    'space',
    'fail',
    `${peer} holds another ${space}, with another beginning; the two are never merged`,
    'ask a steward of the one you mean for a ticket: icnctl coop host ticket',
  )

const awaitedLine = (space: SpaceId, asked: readonly SpaceAnswer[]): DoctorFinding =>
  finding(
    'space',
    'warn',
    asked.length === 0
      ? `${space} is awaited, and nobody is here to ask for it`
      : `${space} is awaited since ${timeOf(Math.min(...asked.map(({ since }) => since)))}, and none of the ${asked.length} peers that are here gives it`,
    'connect this node to a host of it: icnctl network dial with the ticket; a steward sees with icnctl coop host list whether this node was admitted',
  )

const unprovenLine = (space: SpaceId, { peer, since }: SpaceAnswer & { readonly peer: Did }, good: readonly Did[]): DoctorFinding =>
  finding(
    'space',
    'warn',
    `${peer} has not yet heard that this node was admitted to ${space}, since ${timeOf(since)}; ${good.length === 0 ? 'no other host is here' : `${good.join(', ')} has`}`,
    good.length === 0 ? 'bring back the host that took this node in; it tells the others' : 'see on that host whether the two reach each other: icnctl network paths',
  )
