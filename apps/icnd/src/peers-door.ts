import { randomBytes } from 'node:crypto'
import type { PeersPort } from '@icn/node'
import { type Did, hourMs, type PassView, type PeerView, secondMs, timeText } from '@icn/protocol'
import { wayOf } from './link-news.ts'
import { ladderView } from './paths.ts'
import type { Peers } from './peers.ts'

/** Other nodes for the doors: what they are, and what the operator does to them. */
export function peersPort(peers: Peers, me: Did, now: () => number, hostsOf: PeersPort['hostsOf']): PeersPort {
  const { detector, passes } = peers
  return {
    me,
    connected: () => peers.connections?.peers() ?? [],
    banned: () => detector.bans().map(({ did }) => did),
    view: (peer) => peerView(peers, peer),
    lastLadder(peer) {
      const last = peers.connections?.lastLadder(peer)
      return last === undefined ? null : ladderView(last)
    },
    disconnect(peer) {
      if (peers.connections?.peers().includes(peer) !== true) return false
      peers.connections.dismiss(peer, 'STOPPING')
      return true
    },
    ban: (peer, secs, reason) => void detector.banByHand(peer, secs * secondMs, reason),
    unban: (peer) => detector.unban(peer),
    createPass({ label, uses, hours }) {
      const addresses = peers.connections?.addresses() ?? []
      const made = passes.create({ label, uses, addresses, expires_at: now() + hours * hourMs }, { id: new Uint8Array(randomBytes(16)), seed: new Uint8Array(randomBytes(32)) })
      return made === undefined ? undefined : { ...passView({ id: made.id, ...made.row }), pass: made.text }
    },
    passes: () => passes.list().map(passView),
    revokePass(id) {
      const row = passes.revoke(id)
      if (row === undefined) return undefined
      peers.reconsider()
      return passView({ id, ...row })
    },
    evidence: (filter) =>
      detector.evidence(filter).map(({ id, kind, did, points, space, proof, at }) => ({ evidence_id: `${id}`, kind, did, points, space, proof, at: timeText(at) })),
    proofOf: (id) => detector.proofOf(Number(id)),
    hostsOf,
  }
}

function peerView(peers: Peers, peer: Did): PeerView {
  const { connections, detector } = peers
  const link = connections?.links.find((one) => one.peer === peer)
  const address = connections?.remoteAddress(peer)
  const ban = detector.ban(peer)
  return {
    did: peer,
    class: peers.classOf(peer),
    state: link === undefined || link.state === 'closed' ? 'away' : link.state === 'ready' ? 'ready' : 'greeting',
    path: address === undefined ? null : wayOf(address).path,
    address: address ?? null,
    spaces: [...(link?.spaces ?? [])].sort(),
    lag: (link?.lag ?? []).map(({ space, since }) => ({ space, since_at: timeText(since) })).sort((a, b) => (a.space < b.space ? -1 : 1)),
    rtt_ms: wholeMs(connections?.roundTripMs(peer)),
    standing: detector.standing(peer),
    points: detector.points(peer),
    ban: ban === undefined ? null : { until_at: timeText(ban.until), by: ban.by, reason: ban.reason },
  }
}

type Listed = ReturnType<Peers['passes']['list']>[number]

const passView = ({ id, label, uses, used_by, created_at, expires_at }: Listed): PassView => ({
  pass_id: id,
  label,
  uses,
  used_by: [...used_by],
  created_at: timeText(created_at),
  expires_at: timeText(expires_at),
})

const wholeMs = (ms: number | undefined): number | null => (ms === undefined ? null : Math.round(ms))
