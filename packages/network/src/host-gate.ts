import { connectionsPerAddressMax, connectionsPerPeerMax, connectionsPerRoomyAddressMax, type Did, type GateRefusal } from '@icn/protocol'
import type { ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface'
import { isLoopbackOwner, ownerOf } from './addresses.ts'
import { didOfPeer } from './peer-id.ts'
import type { HostSockets } from './sockets.ts'
import { type HostParts, NetworkTrouble } from './wire.ts'

/** New connections a second from one address. libp2p's own 5 would refuse a house full of nodes. */
const perSecondMax = 20
/** Handshakes at once from one address. Larger: one address makes more work for nothing; smaller: a house full of nodes waits. */
const pendingMax = 10
/** Addresses whose new connections are counted; larger: memory for strangers, smaller: many addresses hide one another's counts. */
const addressesMax = 10_000

/** What one address has open here. */
interface Address {
  pending: number
  open: number
  /** Start of the second that is counted [ms], and new connections in it. */
  second: number
  count: number
}

/**
 * Who may connect: asked before the handshake by address, and when the key is proven by name (network page §3). Keeps the connections of dials that are
 * not over, because libp2p leaves some of them open when a dial fails.
 */
export class HostGate {
  readonly #parts: HostParts
  readonly #dialled = new Set<MultiaddrConnection>()
  readonly #sockets: HostSockets
  /** By address; an address with nothing open is forgotten when there are too many. */
  readonly #addresses = new Map<string, Address>()
  /** Connections whose key is proven. Bound: libp2p's connection limit. */
  readonly #proven = new Map<Did, Map<MultiaddrConnection, string | undefined>>()
  closed = false

  constructor(parts: HostParts, sockets: HostSockets) {
    this.#parts = parts
    this.#sockets = sockets
  }

  asGater(): ConnectionGater {
    return {
      denyInboundConnection: (link) => {
        this.#sockets.follow(link)
        return this.closed || !this.#takes(link)
      },
      denyOutboundConnection: (_, link) => {
        this.#sockets.follow(link)
        this.#dialled.add(link)
        link.addEventListener('close', () => this.#dialled.delete(link))
        return this.closed
      },
      denyInboundEncryptedConnection: (peer, link) => this.#refuses(peer, link, true),
      denyOutboundEncryptedConnection: (peer, link) => this.#refuses(peer, link, false),
      denyOutboundUpgradedConnection: (_, link) => {
        this.#dialled.delete(link)
        return false
      },
    }
  }

  /** Cuts what failed dials left behind. */
  cutLeftovers(addressEnd: string): void {
    for (const link of this.#dialled) if (link.remoteAddr.toString().endsWith(addressEnd)) link.abort(new Error('the dial failed'))
  }

  /** From where this peer has come or was found, each address once; of IPv6 its /64. */
  addressesOf(peer: Did): readonly string[] {
    return [...new Set([...(this.#proven.get(peer)?.values() ?? [])].flatMap((key) => key ?? []))]
  }

  /** Before the handshake: by address alone. */
  #takes(link: MultiaddrConnection): boolean {
    const key = ownerOf(link.remoteAddr.toString())
    if (key === undefined) return true
    const reason = this.#addressTrouble(key)
    if (reason !== undefined) {
      this.#parts.refused?.(reason)
      return false
    }
    const address = this.#addressOf(key)
    address.open++
    address.pending++
    this.#pending.add(link)
    link.addEventListener('close', () => {
      address.open--
      this.#settled(link, address)
    })
    return true
  }

  readonly #pending = new Set<MultiaddrConnection>()

  #settled(link: MultiaddrConnection, address: Address | undefined): void {
    if (this.#pending.delete(link) && address !== undefined) address.pending--
  }

  #addressTrouble(key: string): GateRefusal | undefined {
    if (this.#parts.isShutOut?.(key) === true) return 'address_banned'
    const address = this.#addressOf(key)
    const now = performance.now()
    if (now - address.second >= 1_000) {
      address.second = now
      address.count = 0
    }
    if (++address.count > perSecondMax) return 'address_rate'
    if (address.pending >= pendingMax) return 'address_pending'
    // How many it may have is known when the key is; more than that is nobody's.
    return address.open >= connectionsPerRoomyAddressMax ? 'address_full' : undefined
  }

  #addressOf(key: string): Address {
    const known = this.#addresses.get(key)
    if (known !== undefined) return known
    if (this.#addresses.size >= addressesMax) {
      for (const [other, { open }] of this.#addresses) {
        if (open > 0) continue
        this.#addresses.delete(other)
        break
      }
    }
    const address: Address = { pending: 0, open: 0, second: performance.now(), count: 0 }
    this.#addresses.set(key, address)
    return address
  }

  #refuses(peer: PeerId, link: MultiaddrConnection, inbound: boolean): boolean {
    const key = ownerOf(link.remoteAddr.toString())
    const address = key === undefined ? undefined : this.#addresses.get(key)
    if (inbound) this.#settled(link, address)
    try {
      if (this.closed) return true
      const did = didOfPeer(peer)
      const reason = this.#roomTrouble(did, key, address, inbound)
      if (reason !== undefined) {
        this.#parts.refused?.(reason)
        return true
      }
      // Last, because whoever is let in here takes somebody's place.
      if (!this.#parts.admits(did)) return true
      this.#keep(did, link, key)
      return false
    } catch (error) {
      if (!(error instanceof NetworkTrouble)) this.#parts.fault('network.admits', error)
      return true
    }
  }

  #roomTrouble(did: Did, key: string | undefined, address: Address | undefined, inbound: boolean): GateRefusal | undefined {
    if ((this.#proven.get(did)?.size ?? 0) >= connectionsPerPeerMax) return 'peer_full'
    if (!inbound || key === undefined || address === undefined || isLoopbackOwner(key) || this.#parts.isRoomy?.(did) === true) return undefined
    return address.open > connectionsPerAddressMax ? 'address_full' : undefined
  }

  #keep(did: Did, link: MultiaddrConnection, key: string | undefined): void {
    const links = this.#proven.get(did) ?? new Map<MultiaddrConnection, string | undefined>()
    links.set(link, key)
    this.#proven.set(did, links)
    this.#sockets.proven(link)
    link.addEventListener('close', () => {
      links.delete(link)
      if (links.size === 0 && this.#proven.get(did) === links) this.#proven.delete(did)
    })
  }
}
