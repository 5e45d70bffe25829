import type { Host, Replicator } from '@icn/network'
import { type ClockView, type Endpoint, type NetworkStatusView, toHex } from '@icn/protocol'
import { wayOf } from './link-news.ts'
import type { Peers } from './peers.ts'

/** The node's place among others, told to the operator. */
export interface StatusParts {
  readonly host: Pick<Host, 'addresses' | 'remoteAddress'>
  readonly replicator: Pick<Replicator, 'links'>
  readonly peers: Pick<Peers, 'classOf'>
  readonly clock: ClockView
  readonly rules: readonly (readonly [version: string, digest: Uint8Array])[]
  /** What others are told of where this node is. */
  readonly endpoints: readonly Endpoint[]
}

export const networkStatus = (parts: StatusParts): NetworkStatusView => ({
  on: true,
  addresses: addressesOf(parts),
  links: parts.replicator.links.map(({ peer, state, spaces }) => ({
    did: peer,
    class: parts.peers.classOf(peer),
    state,
    path: wayOf(parts.host.remoteAddress(peer)).path,
    spaces: [...spaces].sort(),
  })),
  clock: parts.clock,
  rules: parts.rules.map(([version, digest]) => ({ version, digest: toHex(digest) })),
})

/** Where this node listens, and where a router leads to it. */
function addressesOf({ host, endpoints }: StatusParts): NetworkStatusView['addresses'] {
  const listening = host.addresses()
  const told = new Map(endpoints.map(({ addr, type }) => [addr, type]))
  const announced = [...told.keys()].filter((addr) => !listening.some((address) => withoutPeer(address) === addr))
  return [...listening, ...announced].map((address) => ({ address, type: told.get(withoutPeer(address)) ?? null }))
}

const withoutPeer = (address: string): string => address.replace(/\/p2p\/[^/]+$/, '')
