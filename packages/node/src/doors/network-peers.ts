import { commonsSpace, type Did, type EvidenceView, type LadderView, type PassView, type PeerView, type SpaceId, toBase64Url } from '@icn/protocol'
import type { Handlers, ListCall } from '../calls/call.ts'
import { defineHandlers } from '../calls/call.ts'
import { refuse } from '../calls/refusal.ts'
import { demandInsider, type Rights } from './insider.ts'

/** What the doors ask about other nodes, and may do to them. */
export interface PeersPort {
  readonly me: Did
  connected(): readonly Did[]
  banned(): readonly Did[]
  view(peer: Did): PeerView
  /** How it went when this node last tried to reach it; null: it never has. */
  lastLadder(peer: Did): LadderView | null
  /** False: there is no connection. */
  disconnect(peer: Did): boolean
  ban(peer: Did, secs: number, reason: string): void
  /** False: nothing was known of it. */
  unban(peer: Did): boolean
  /** Undefined: this node listens nowhere, or knows no network. */
  createPass(parts: { readonly label: string; readonly uses: number; readonly hours: number }): (PassView & { readonly pass: string }) | undefined
  passes(): readonly PassView[]
  revokePass(id: string): PassView | undefined
  /** Newest first. */
  evidence(filter: { readonly did?: Did; readonly limit: number }): readonly Omit<EvidenceView, 'bytes'>[]
  proofOf(evidenceId: string): Uint8Array | undefined
  hostsOf(space: SpaceId): readonly Did[]
}

const evidenceMax = 10_000

type PeerMethods = 'network.peer.list' | 'network.peer.get' | 'network.peer.disconnect' | 'network.peer.ban' | 'network.peer.unban'
type PassMethods = 'network.pass.create' | 'network.pass.list' | 'network.pass.revoke' | 'network.evidence.list'

export function networkPeerHandlers(peers: PeersPort, rights: Rights): Handlers<PeerMethods | PassMethods> {
  return { ...peerHandlers(peers), ...passHandlers(peers, rights) }
}

function peerHandlers(peers: PeersPort): Handlers<PeerMethods> {
  return defineHandlers<PeerMethods>({
    'network.peer.list': (call) => {
      const all = [...(call.input.banned ? peers.banned() : peers.connected())].sort()
      const { items, next } = pageOf(call, all, (did) => did)
      return { items: items.map((did) => peers.view(did)), next }
    },
    'network.peer.get': (call) => ({ value: { ...peers.view(call.input.did), ladder: peers.lastLadder(call.input.did) } }),
    'network.peer.disconnect': (call) => {
      if (!peers.disconnect(call.input.did)) throw refuse('PEER_UNKNOWN')
      return { value: peers.view(call.input.did) }
    },
    'network.peer.ban': (call) => {
      const { did, secs, reason } = call.input
      if (did === peers.me) throw refuse('PEER_IS_SELF')
      peers.ban(did, secs, reason)
      return { value: peers.view(did) }
    },
    'network.peer.unban': (call) => {
      if (!peers.unban(call.input.did)) throw refuse('PEER_UNKNOWN')
      return { value: peers.view(call.input.did) }
    },
  })
}

function passHandlers(peers: PeersPort, rights: Rights): Handlers<PassMethods> {
  return defineHandlers<PassMethods>({
    'network.pass.create': (call) => {
      const made = peers.createPass(call.input)
      if (made === undefined) throw refuse('NETWORK_OFF')
      return { value: made }
    },
    'network.pass.list': (call) => pageOf(call, peers.passes(), ({ pass_id }) => pass_id),
    'network.pass.revoke': (call) => {
      const pass = peers.revokePass(call.input.pass_id)
      if (pass === undefined) throw refuse('PASS_UNKNOWN')
      return { value: pass }
    },
    'network.evidence.list': (call) => {
      const { did, coop_id } = call.input
      const space = demandInsider(call, coop_id, rights, 'steward')
      const all = peers.evidence({ ...(did === undefined ? {} : { did }), limit: evidenceMax })
      const hosts = new Set(space === undefined ? [] : peers.hostsOf(space))
      // What happened in another cooperative is not for stewards of this one, whoever did it.
      const seen = space === undefined ? all : all.filter((one) => hosts.has(one.did) && (one.space === null || one.space === commonsSpace || one.space === space))
      const { items, next } = pageOf(call, seen, ({ evidence_id }) => evidence_id)
      return { items: items.map((one) => withBytes(one, peers.proofOf(one.evidence_id))), next }
    },
  })
}

const withBytes = (one: Omit<EvidenceView, 'bytes'>, bytes: Uint8Array | undefined): EvidenceView => ({ ...one, bytes: bytes === undefined ? null : toBase64Url(bytes) })

/** Of what is all in memory: the items after the one that ended the page before. */
function pageOf<Item>({ page }: Pick<ListCall, 'page'>, all: readonly Item[], nameOf: (item: Item) => string): { readonly items: Item[]; readonly next: string | null } {
  const { after, limit, reverse } = page
  const ordered = reverse ? all.toReversed() : all
  const from = after === null ? 0 : ordered.findIndex((item) => nameOf(item) === after) + 1
  const items = ordered.slice(from, from + limit)
  const last = items.at(-1)
  return { items, next: last !== undefined && from + items.length < ordered.length ? nameOf(last) : null }
}
