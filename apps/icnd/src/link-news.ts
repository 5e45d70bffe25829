import type { NodeEventLog } from '@icn/node'
import type { Did, NodeEvents, PeerClass, SpaceId } from '@icn/protocol'

/** Whose way is remembered after the link has ended; larger: memory for whoever makes up keys. */
const waysMax = 1_000

type Way = NodeEvents['peer.path_changed']['after']

export interface LinkNewsParts {
  readonly nodeEvents: Pick<NodeEventLog, 'tell'>
  classOf(peer: Did): PeerClass
  /** Multiaddr of the other end; undefined: the connection has ended meanwhile. */
  addressOf(peer: Did): string | undefined
}

/** Tells the operator of links that come and go, and of what is kept equal over them. */
export class LinkNews {
  readonly #parts: LinkNewsParts
  /** Peers that have greeted. Bound: the links there are. */
  readonly #here = new Set<Did>()
  /** How each peer was reached when it was linked last, longest ago first. Bound: `waysMax`. */
  readonly #ways = new Map<Did, Way>()

  constructor(parts: LinkNewsParts) {
    this.#parts = parts
  }

  linkChanged(did: Did, state: 'ready' | 'closed'): void {
    const { nodeEvents, classOf, addressOf } = this.#parts
    if (state === 'closed') {
      // One that never greeted was not there.
      if (this.#here.delete(did)) nodeEvents.tell('peer.lost', { did })
      return
    }
    this.#here.add(did)
    const after = wayOf(addressOf(did))
    const before = this.#ways.get(did)
    this.#ways.delete(did)
    this.#ways.set(did, after)
    if (this.#ways.size > waysMax) this.#ways.delete(this.#ways.keys().next().value as Did)
    nodeEvents.tell('peer.ready', { did, class: classOf(did), ...after })
    if (before !== undefined && (before.path !== after.path || before.transport !== after.transport)) nodeEvents.tell('peer.path_changed', { did, before, after })
  }

  spaceChanged(did: Did, space: SpaceId, isShared: boolean): void {
    this.#parts.nodeEvents.tell(isShared ? 'space.peer_added' : 'space.peer_removed', { space, did })
  }
}

/** How a link is reached whose other end is there. Relayed and punched ones come with their paths. */
export const wayOf = (address: string | undefined): Way => ({ path: 'direct', transport: address !== undefined && /\/wss?(?:\/|$)/.test(address) ? 'ws' : 'tcp' })
