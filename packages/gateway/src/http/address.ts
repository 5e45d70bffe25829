import { BlockList, isIP, isIPv6 } from 'node:net'

/** Addresses that are this machine. */
export function isLoopback(address: string): boolean {
  const plain = unmapped(address)
  return plain === '::1' || plain.startsWith('127.')
}

/** ::ffff:192.0.2.1 is 192.0.2.1. */
function unmapped(address: string): string {
  return address.toLowerCase().startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address
}

export function trustedList(entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}

const trusts = (list: BlockList, address: string): boolean => isIP(address) !== 0 && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')

/** Who is calling: the socket's address, unless a trusted proxy says for whom it asks; then the right-most address that is not a trusted proxy. */
export function clientAddress(socket: string, headers: Readonly<Record<string, string | readonly string[] | undefined>>, list: BlockList): string {
  const direct = unmapped(socket)
  if (!trusts(list, direct)) return direct
  for (const address of forwardedFor(headers).reverse()) {
    if (isIP(address) === 0) return direct
    if (!trusts(list, address)) return address
  }
  return direct
}

function forwardedFor(headers: Readonly<Record<string, string | readonly string[] | undefined>>): string[] {
  const joined = (name: string): string | undefined => {
    const value = headers[name]
    return typeof value === 'string' ? value : value?.join(',')
  }
  const standard = joined('forwarded')
  if (standard !== undefined) return standard.split(',').map((part) => stripPort(/for="?([^;"]+)"?/i.exec(part)?.[1]?.trim() ?? ''))
  return (joined('x-forwarded-for') ?? '')
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => stripPort(part.trim()))
}

function stripPort(text: string): string {
  const bracketed = /^\[([^\]]+)\]/.exec(text)
  if (bracketed !== null) return unmapped(bracketed[1] as string)
  return unmapped(/^[\d.]+:\d+$/.test(text) ? (text.split(':')[0] as string) : text)
}

/** What a bucket counts: IPv4 by /32, IPv6 by /64. */
export function addressKey(address: string): string {
  if (!isIPv6(address)) return address
  const [head = '', tail = ''] = address.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === '' ? [] : tail.split(':')
  const groups = address.includes('::') ? [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right] : left
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
