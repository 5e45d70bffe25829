import type { PeerDiscovery, PeerId } from '@libp2p/interface'
import { mdns, type MulticastDNSComponents } from '@libp2p/mdns'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { ipOf } from './addresses.ts'
import { rangeOf } from './dial-filter.ts'
import type { LanParts } from './wire.ts'

/** Nodes in the same building (network page §2). What is found is a hint only: it is dialled like any other address. */

/** How often this node asks who is there [ms]. */
const askMs = 20_000

interface Listening {
  readonly peerId: PeerId
  readonly transportManager: { getAddrs(): Multiaddr[] }
}

/** Tells the addresses of the house itself: libp2p would tell confirmed ones, of which there are none. */
export const lanDiscovery =
  ({ tag }: LanParts) =>
  (components: MulticastDNSComponents & Listening): PeerDiscovery => {
    const { peerId, transportManager } = components
    const getAddresses = (): Multiaddr[] =>
      transportManager
        .getAddrs()
        .filter((address) => rangeOf(ipOf(address.toString()) ?? '') === 'private')
        .map((address) => multiaddr(`${address}/p2p/${peerId}`))
    const addressManager = Object.create(components.addressManager, { getAddresses: { value: getAddresses } })
    return mdns({ serviceTag: tag, interval: askMs })({ logger: components.logger, addressManager })
  }
