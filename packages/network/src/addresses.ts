/** What an address in text says, without libp2p. */

/** The IP of a multiaddr; undefined where it names none. */
export const ipOf = (address: string): string | undefined => /^\/ip[46]\/([^/]+)/.exec(address)?.[1]

/** Eight groups of sixteen bits; undefined for what is no IPv6 address. */
export function groupsOfV6(ip: string): readonly number[] | undefined {
  const [head = '', tail, more] = ip.split('::')
  if (more !== undefined) return undefined
  const read = (part: string): number[] => (part === '' ? [] : part.split(':').flatMap(readGroup))
  const [before, after] = [read(head), read(tail ?? '')]
  const zeros = 8 - before.length - after.length
  const groups = tail === undefined ? before : [...before, ...Array.from({ length: Math.max(zeros, 0) }, () => 0), ...after]
  return groups.length === 8 && groups.every((group) => group >= 0 && group <= 0xffff) ? groups : undefined
}

/** The last part may be written as IPv4. */
function readGroup(text: string): number[] {
  const four = bytesOfV4(text)
  if (four !== undefined) return [(four[0] << 8) | four[1], (four[2] << 8) | four[3]]
  return [/^[0-9a-f]{1,4}$/i.test(text) ? Number.parseInt(text, 16) : Number.NaN]
}

export function bytesOfV4(ip: string): readonly [number, number, number, number] | undefined {
  const bytes = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(ip)?.slice(1).map(Number)
  return bytes?.every((byte) => byte <= 255) ? (bytes as unknown as [number, number, number, number]) : undefined
}

/** The block of addresses that one owner commonly has: /24, for IPv6 /48. */
export function blockOf(ip: string): string {
  const four = bytesOfV4(ip)
  return four === undefined ? `${groupsOfV6(ip)?.slice(0, 3)}` : `${four.slice(0, 3)}`
}

/** Whose an address is, for counting: an IPv4 address, or the /64 of an IPv6 one, because one customer has all of it. Undefined: no IP, as of a circuit. */
export function ownerOf(address: string): string | undefined {
  const ip = ipOf(address)
  if (ip === undefined || bytesOfV4(ip) !== undefined || ip === loopback6) return ip
  const groups = groupsOfV6(ip)
  if (groups === undefined) return ip
  const [, , , , , mapped, high = 0, low = 0] = groups
  if (mapped === 0xffff && groups.slice(0, 5).every((group) => group === 0)) return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`
}

const loopback6 = '::1'

/** Of an address as `ownerOf` gives it. */
export const isLoopbackOwner = (owner: string): boolean => owner.startsWith('127.') || owner === loopback6
