import { type Endpoint, recordEndpointsMax } from '@icn/protocol'
import { ipOf } from './addresses.ts'
import { rangeOf } from './dial-filter.ts'

/** What a node says of where it is reached (network page §7). */

const prefs = { lan: 200, public: 180, ws: 120 } as const

export interface OwnAddresses {
  /** Multiaddrs at which this node listens. */
  readonly listening: readonly string[]
  /** Multiaddrs to publish as they are. */
  readonly announce: readonly string[]
  /** This machine is a place like any other: tests and development. */
  readonly loopback: boolean
  /** IPs of bridges between containers, which lead nowhere from another machine. */
  readonly bridges: ReadonlySet<string>
}

const withoutPeer = (address: string): string => address.replace(/\/p2p\/[^/]+$/, '')
const isWebSocket = (address: string): boolean => address.endsWith('/ws')

/** Endpoints of a record, best first. */
export function endpointsOf({ listening, announce, loopback, bridges }: OwnAddresses): readonly Endpoint[] {
  const found = new Map<string, Endpoint>()
  const add = (type: keyof typeof prefs, addr: string): void => {
    if (addr.length <= 128 && !found.has(addr)) found.set(addr, { type, addr, pref: prefs[type] })
  }
  for (const address of announce.map(withoutPeer)) add(isWebSocket(address) ? 'ws' : 'public', address)
  for (const address of listening.map(withoutPeer)) {
    const ip = ipOf(address) ?? ''
    const range = rangeOf(ip)
    if (range === 'global') add(isWebSocket(address) ? 'ws' : 'public', address)
    else if ((range === 'private' && !bridges.has(ip)) || (range === 'loopback' && loopback)) add('lan', address)
  }
  return [...found.values()].sort((a, b) => b.pref - a.pref).slice(0, recordEndpointsMax)
}
