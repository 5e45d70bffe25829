import { createPrivateKey, createPublicKey, type KeyObject, randomBytes } from 'node:crypto'
import { refuse } from '@icn/node'
import type { Did, SpaceId } from '@icn/protocol'
import { toBase64Url } from '@icn/protocol'
import { decodeProtectedHeader, exportJWK, type JWK, jwtVerify, SignJWT } from 'jose'
import type { SessionRow } from './sessions.ts'

/** Access tokens: JWT with Ed25519 (RFC 8037, RFC 9864), ten minutes, who and at most what (doors page §5.2). */

export interface TokenKey {
  /** 32 bytes. */
  readonly seed: Uint8Array
  readonly createdAt: number
}

export interface TokenParts {
  readonly node: Did
  readonly audience: string
  /** Present key first, then the one that is still accepted. */
  readonly keys: readonly TokenKey[]
  readonly accessSecs: number
  now(): number
}

export interface AccessClaims {
  readonly sub: Did
  readonly sid: string
  readonly dev: Did
  readonly scopes?: readonly string[]
  readonly spaces?: readonly SpaceId[]
  readonly expiresAt: number
}

const type = 'at+jwt'
/** Clocks of one machine differ by no more [s]. */
export const leewaySecs = 5
const algorithms = ['EdDSA', 'Ed25519']

// PKCS #8 of an Ed25519 seed is this prefix and the seed (RFC 8410).
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex')

interface LoadedKey {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

function load(key: TokenKey): LoadedKey {
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8, key.seed]), format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey(privateKey)
  const raw = publicKey.export({ format: 'jwk' }).x as string
  return { kid: raw.slice(0, 16), privateKey, publicKey }
}

export class Tokens {
  readonly #parts: TokenParts
  #keys: readonly LoadedKey[] = []

  constructor(parts: TokenParts) {
    this.#parts = parts
    this.use(parts.keys)
  }

  /** Signs and accepts with these from now on: the present key first. */
  use(keys: readonly TokenKey[]): void {
    if (keys.length === 0) throw new TypeError('tokens need a key')
    this.#keys = keys.map(load)
  }

  get accessSecs(): number {
    return this.#parts.accessSecs
  }

  async issue(row: SessionRow): Promise<string> {
    const key = this.#keys[0] as LoadedKey
    const now = Math.floor(this.#parts.now() / 1_000)
    return new SignJWT({
      sid: row.sid,
      dev: row.signer,
      ...(row.scopes === null ? {} : { scope: row.scopes.join(' ') }),
      ...(row.spaces === null ? {} : { spaces: [...row.spaces] }),
    })
      .setProtectedHeader({ alg: 'EdDSA', typ: type, kid: key.kid })
      .setIssuer(this.#parts.node)
      .setSubject(row.did)
      .setAudience(this.#parts.audience)
      .setJti(toBase64Url(randomBytes(12)))
      .setIssuedAt(now)
      .setExpirationTime(now + this.#parts.accessSecs)
      .sign(key.privateKey)
  }

  /** Claims of a good token; TOKEN_EXPIRED or UNAUTHENTICATED otherwise. */
  async check(token: string): Promise<AccessClaims> {
    // Larger than any token we make: not worth a signature check.
    if (token.length > 4_096) throw refuse('UNAUTHENTICATED')
    try {
      const { kid } = decodeProtectedHeader(token)
      const key = this.#keys.find((one) => one.kid === kid)
      if (key === undefined) throw new Error('unknown key')
      const { payload } = await jwtVerify(token, key.publicKey, {
        algorithms,
        typ: type,
        issuer: this.#parts.node,
        audience: this.#parts.audience,
        clockTolerance: leewaySecs,
        currentDate: new Date(this.#parts.now()),
        requiredClaims: ['sub', 'sid', 'dev', 'exp', 'iat', 'jti'],
      })
      const { sub, sid, dev, scope, spaces, exp } = payload
      return {
        sub: sub as Did,
        sid: sid as string,
        dev: dev as Did,
        expiresAt: (exp as number) * 1_000,
        ...(typeof scope === 'string' ? { scopes: scope.split(' ') } : {}),
        ...(Array.isArray(spaces) ? { spaces: spaces as SpaceId[] } : {}),
      }
    } catch (error) {
      throw refuse((error as { readonly code?: string }).code === 'ERR_JWT_EXPIRED' ? 'TOKEN_EXPIRED' : 'UNAUTHENTICATED')
    }
  }

  /** Public halves, for /.well-known/jwks.json. */
  async jwks(): Promise<{ readonly keys: readonly JWK[] }> {
    return { keys: await Promise.all(this.#keys.map(async (key) => ({ ...(await exportJWK(key.publicKey)), kid: key.kid, use: 'sig', alg: 'EdDSA' }))) }
  }
}
