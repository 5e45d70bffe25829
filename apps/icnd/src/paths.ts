import { type Host, type LadderOutcome, NetworkTrouble, type Replicator, type Timing, timeProtocol, type Way } from '@icn/network'
import { targetOf } from '@icn/network/node'
import {
  type Did,
  encodeCanonical,
  type GreetingCode,
  greetingCodes,
  isDid,
  type LadderView,
  type NetworkDialView,
  type PathView,
  type NetworkPass,
  readHostTicket,
  readPass,
  type SpaceId,
  timeText,
} from '@icn/protocol'
import type { Acquaintances } from './acquaintances.ts'
import type { Discovery } from './discovery.ts'
import { wayOf } from './link-news.ts'
import type { Peers } from './peers.ts'
import type { Sightings } from './sightings.ts'

/** How peers are reached, told to the operator. */

export interface PathParts {
  readonly me: Did
  readonly host: Host
  readonly discovery: Discovery
  readonly replicator: Pick<Replicator, 'links' | 'isReady'>
  readonly acquaintances: Pick<Acquaintances, 'wanted' | 'hostsOf'>
  /** Why this node itself would not let a peer in. */
  readonly peers: Pick<Peers, 'whyNot'>
  /** What came of the last greeting, where that was nothing. */
  readonly sightings: Pick<Sightings, 'of'>
  readonly timing: Pick<Timing, 'after'>
}

/** Until a peer that was dialled must have greeted, looked at so often [ms]. Both sides give up by themselves after 5 s. */
const greetingMs = 10_000
const greetingLookMs = 50

interface Target {
  readonly did: Did
  readonly told: readonly string[]
}

/** Each host of the space, or whoever is linked or should be. */
export function pathsOf(parts: PathParts, space: SpaceId | undefined): readonly PathView[] {
  const { me, host, discovery, replicator } = parts
  const links = new Map(replicator.links.map((link) => [link.peer, link]))
  const peers = new Set(space === undefined ? [...links.keys(), ...parts.acquaintances.wanted(new Set())] : parts.acquaintances.hostsOf(space))
  peers.delete(me)
  return [...peers].sort().map((did) => {
    const link = links.get(did)
    const last = discovery.ladders.of(did).at(-1)
    const rtt = host.roundTripMs(did)
    return {
      did,
      state: link?.state ?? 'none',
      path: link === undefined ? null : wayOf(host.remoteAddress(did)).path,
      address: host.remoteAddress(did) ?? null,
      rtt_ms: rtt === undefined ? null : Math.round(rtt),
      spaces: [...(link?.spaces ?? [])].sort(),
      ladder: last === undefined ? null : ladderView(last),
    }
  })
}

/** Connects to whom a DID, an address, a pass or a ticket names; a pass is shown in the greeting. Rejects with a NetworkTrouble that carries every rung: NO_PATH, or why one of the two does not let the other in. */
export async function dialTarget(parts: PathParts, text: string, carry: (pass: NetworkPass) => void): Promise<NetworkDialView> {
  const pass = readPass(text)
  if (pass !== undefined && pass.expires_at <= parts.discovery.now()) throw new NetworkTrouble('PASS_EXPIRED', 'the time of this pass is over')
  if (pass !== undefined) carry(pass)
  const targets = pass === undefined ? readTargets(text) : [{ did: pass.node, told: pass.addresses.map((address) => targetOf(address).address) }]
  if (targets.some(({ did }) => did === parts.me)) throw new NetworkTrouble('PEER_IS_SELF', 'that is this node')
  const tried: LadderView['rungs'][number][] = []
  let trouble: NetworkTrouble | undefined
  for (const { did, told } of targets) {
    if (told.length === 0 && parts.replicator.isReady(did)) return { did, ladder: { at: timeText(parts.discovery.now()), connected: true, rungs: [] } }
    const shut = parts.peers.whyNot(did)
    if (shut !== undefined) {
      trouble ??= new NetworkTrouble(shut, 'this node does not let that one in')
      continue
    }
    const before = parts.sightings.of(did)?.trouble
    const ladder = ladderView(await parts.discovery.climb(did, [...parts.discovery.waysTo(did), ...told.map((address): Way => ({ source: 'told', address }))]))
    tried.push(...ladder.rungs)
    const failed = ladder.connected ? await greetingFailed(parts, did, before) : unreached(ladder)
    if (failed === undefined) return { did, ladder }
    // A door that is shut says more than a way that leads nowhere.
    if (trouble === undefined || trouble.code === 'NO_PATH') trouble = failed
  }
  throw Object.assign(trouble ?? new NetworkTrouble('NO_PATH', `no way to ${text.slice(0, 80)}`), { params: { rungs: tried } })
}

const unreached = ({ rungs }: LadderView): NetworkTrouble =>
  rungs.some(({ outcome }) => outcome === 'not_admitted')
    ? new NetworkTrouble('PEER_NOT_TRUSTED', 'it hung up when it knew who dialled')
    : new NetworkTrouble('NO_PATH', 'none of its addresses leads to it')

/** What the peer says is taken for a code only where it is one of a greeting. */
const asGreetingCode = (code: string): GreetingCode => greetingCodes.find((known) => known === code) ?? 'PEER_NOT_TRUSTED'

/** A peer answers only whom it has greeted; that this node has greeted it says nothing of what it thinks. */
async function answers(host: Host, did: Did): Promise<boolean> {
  try {
    await host.ask(did, timeProtocol, encodeCanonical({ n: 0, t0: 0 }))
    return true
  } catch (error) {
    if (!(error instanceof NetworkTrouble)) throw error
    return false
  }
}

/** Waits until both have greeted; why they have not. */
async function greetingFailed({ replicator, host, timing, sightings }: PathParts, did: Did, before: object | undefined): Promise<NetworkTrouble | undefined> {
  for (let left = greetingMs / greetingLookMs; left > 0; left--) {
    const trouble = sightings.of(did)?.trouble
    if (trouble !== undefined && trouble !== before) return new NetworkTrouble(asGreetingCode(trouble.code), 'the greeting came to nothing')
    if (!host.peers().includes(did)) return new NetworkTrouble('NO_PATH', 'the connection ended before the greeting')
    if (replicator.isReady(did) && (await answers(host, did))) return undefined
    await new Promise<void>((resolve) => void timing.after(greetingLookMs, resolve))
  }
  return new NetworkTrouble('HELLO_TIMEOUT', 'the peer did not greet')
}

function readTargets(text: string): readonly Target[] {
  if (isDid(text)) return [{ did: text, told: [] }]
  const ticket = readHostTicket(text)
  if (ticket === undefined) {
    const { peer, address } = targetOf(text)
    return [{ did: peer, told: [address] }]
  }
  return ticket.hosts.map(({ did, addresses }) => ({ did, told: addresses.map((address) => targetOf(address).address) }))
}

export const ladderView = ({ at, connected, rungs }: LadderOutcome): LadderView => ({
  at: timeText(at),
  connected,
  rungs: rungs.map(({ path, source, address, outcome, code, refused, ms }) => ({
    path,
    source,
    address,
    outcome,
    code: code ?? null,
    refused: refused ?? null,
    ms: Math.round(ms),
  })),
})
