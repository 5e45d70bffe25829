import { ed25519 } from '@noble/curves/ed25519.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8 } from './canonical.ts'
import { didOfKey } from './did.ts'
import type { Did } from './ids.ts'

/**
 * Invitation codes (coop page §6): 80 random bits as 16 Crockford base32 characters. The code makes a key; its public
 * half stands in the journal, and redeeming signs the newcomer's DID with it, so nobody who sees that can take it over.
 */

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
export const inviteCodeBytes = 10

/** Ten random bytes as `XXXX-XXXX-XXXX-XXXX`. */
export function inviteCodeText(random: Uint8Array): string {
  if (random.length !== inviteCodeBytes) throw new TypeError(`an invitation code has ${inviteCodeBytes} bytes`)
  let bits = 0n
  for (const byte of random) bits = (bits << 8n) | BigInt(byte)
  let text = ''
  for (let i = 0; i < 16; i++) {
    text = alphabet[Number(bits & 31n)] + text
    bits >>= 5n
  }
  return text.replace(/(.{4})(?=.)/g, '$1-')
}

/** Sixteen characters whatever dashes, spaces, case and look-alikes (O/0, I/L/1) were typed; undefined for anything else. */
export function readInviteCode(typed: string): string | undefined {
  const plain = typed.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1')
  return /^[0-9A-HJKMNP-TV-Z]{16}$/.test(plain) ? plain : undefined
}

/** Seed of the invitation's Ed25519 key; `code` as `readInviteCode` returns it. */
export function inviteSeed(code: string, coopId: string, genesis: string): Uint8Array {
  return hkdf(nobleSha256, utf8(code), utf8('icn/invite/1'), concatBytes(utf8(coopId), utf8(genesis)), 32)
}

/** Public half of the invitation's key, as it stands in the journal. */
export function inviteKeyOf(seed: Uint8Array): Did {
  return didOfKey(ed25519.getPublicKey(seed))
}

export interface InviteLink {
  readonly origin: string
  readonly coop_id: string
  readonly genesis: string
  readonly network: string
  readonly inviter: Did
  readonly code: string
}

/** The fragment never reaches a server. */
export function inviteLink(parts: InviteLink): string {
  return `${parts.origin}/join#${[parts.coop_id, parts.genesis, parts.network, parts.inviter, parts.code].map(encodeURIComponent).join('.')}`
}

/** Parts of a link, or undefined when it is not one. */
export function readInviteLink(link: string): InviteLink | undefined {
  const [origin, fragment] = link.split('/join#')
  const parts = (fragment ?? '').split('.').map(decodeURIComponent)
  const [coop_id, genesis, network, inviter, code] = parts
  if (origin === undefined || parts.length !== 5 || coop_id === undefined || genesis === undefined || network === undefined || inviter === undefined || code === undefined)
    return undefined
  return { origin, coop_id, genesis, network, inviter: inviter as Did, code }
}
