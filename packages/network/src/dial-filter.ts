import type { EndpointType } from '@icn/protocol'
import { bytesOfV4, groupsOfV6 } from './addresses.ts'

/** Where this node may be made to connect by what others say (network page §7): nothing a peer says reaches into this machine or its house. */

/** Dials to one IP on behalf of records, in a minute. */
const dialsMax = 3
const windowMs = 60_000
/** IPs remembered; larger: memory for whoever names many. */
const ipsMax = 10_000

type Range = 'global' | 'private' | 'loopback' | 'never'

/** What sort of place an IP is. `never`: link-local, multicast, unspecified, reserved, or no IP. */
export function rangeOf(ip: string): Range {
  const four = bytesOfV4(ip)
  if (four !== undefined) return rangeOfV4(four)
  const six = groupsOfV6(ip)
  return six === undefined ? 'never' : rangeOfV6(six)
}

function rangeOfV4([a, b, c]: readonly [number, number, number, number]): Range {
  if (a === 127) return 'loopback'
  if (a === 0 || a >= 224 || (a === 169 && b === 254)) return 'never'
  if (a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168) || (a === 100 && b >= 64 && b < 128)) return 'private'
  // Kept for documents, tests and protocols (RFC 6890): nobody's address on the internet.
  if ((a === 192 && b === 0 && (c === 0 || c === 2)) || (a === 198 && (b === 18 || b === 19 || (b === 51 && c === 100))) || (a === 203 && b === 0 && c === 113)) return 'private'
  return 'global'
}

function rangeOfV6(groups: readonly number[]): Range {
  const [first = 0, second = 0] = groups
  const inside = [(groups[6] ?? 0) >> 8, (groups[6] ?? 0) & 255, (groups[7] ?? 0) >> 8, (groups[7] ?? 0) & 255] as const
  const isZero = (from: number, to: number): boolean => groups.slice(from, to).every((group) => group === 0)
  if (isZero(0, 7)) return groups[7] === 1 ? 'loopback' : 'never'
  // IPv4 in other clothes: mapped, compatible, and through a translator.
  if (isZero(0, 6) || (isZero(0, 5) && groups[5] === 0xffff) || (first === 0x64 && second === 0xff9b)) return rangeOfV4(inside)
  if (first === 0x2002) return rangeOfV4([second >> 8, second & 255, (groups[2] ?? 0) >> 8, (groups[2] ?? 0) & 255])
  if ((first & 0xffc0) === 0xfe80 || (first & 0xff00) === 0xff00) return 'never'
  if ((first & 0xfe00) === 0xfc00 || (first & 0xffc0) === 0xfec0 || (first === 0x2001 && second === 0xdb8)) return 'private'
  return (first & 0xe000) === 0x2000 ? 'global' : 'never'
}

export interface Named {
  readonly type: EndpointType
  readonly address: string
}

export interface DialFilterParts {
  /** Multiaddrs at which this node listens. */
  listening(): readonly string[]
  /** This machine is a place like any other: tests and development. */
  readonly loopback: boolean
  now(): number
}

/** Why a dial is not made; undefined: it is. Everything that is no plain `/ip/tcp` or `/ip/tcp/ws` is refused: names could mean any place. */
export class DialFilter {
  readonly #parts: DialFilterParts
  /** IP → when it was dialled within the last minute. Bound: `ipsMax`. */
  readonly #dialled = new Map<string, number[]>()

  constructor(parts: DialFilterParts) {
    this.#parts = parts
  }

  /** `trusted`: the operator allows this peer always. */
  refusal({ type, address }: Named, trusted = false): 'form' | 'range' | 'port' | 'self' | 'rate' | undefined {
    const parsed = /^\/ip([46])\/([^/]+)\/tcp\/(\d{1,5})(?:\/ws)?$/.exec(address)
    if (parsed === null) return 'form'
    const [, version, ip = '', portText] = parsed
    if ((version === '4') !== (bytesOfV4(ip) !== undefined)) return 'form'
    const port = Number(portText)
    if (port > 65_535 || (port < 1_024 && port !== 80 && port !== 443)) return 'port'
    const range = rangeOf(ip)
    if (range === 'never' || (range === 'loopback' && !this.#parts.loopback) || (range === 'private' && type !== 'lan' && !trusted)) return 'range'
    if (this.#parts.listening().some((own) => own.startsWith(`${address}/`) || own === address)) return 'self'
    return this.#count(ip) ? undefined : 'rate'
  }

  #count(ip: string): boolean {
    // Peers of one machine share its one address.
    if (rangeOf(ip) === 'loopback') return true
    const now = this.#parts.now()
    const times = (this.#dialled.get(ip) ?? []).filter((at) => at > now - windowMs)
    this.#dialled.delete(ip)
    if (times.length < dialsMax) times.push(now)
    else {
      this.#dialled.set(ip, times)
      return false
    }
    this.#dialled.set(ip, times)
    const [oldest] = this.#dialled.keys()
    if (this.#dialled.size > ipsMax && oldest !== undefined) this.#dialled.delete(oldest)
    return true
  }
}
