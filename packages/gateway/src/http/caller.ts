import { timingSafeEqual } from 'node:crypto'
import type { Caller } from '@icn/node'
import { CallRefusal, refuse } from '@icn/node'
import type { Did } from '@icn/protocol'
import type { Sessions } from '../auth/sessions.ts'
import type { AccessClaims, Tokens } from '../auth/tokens.ts'

export interface CallerParts {
  readonly tokens: Tokens
  readonly sessions: Sessions
  /** base64url of 32 bytes; made at first start. */
  readonly operatorToken: string
  /** DIDs listed as operators of this node. */
  isOperator(did: Did): boolean
  /** Why a session must end although its token is good: the key no longer speaks for the person, or it is frozen. */
  endOf(row: { readonly did: Did; readonly signer: Did }): 'key' | 'frozen' | undefined
}

export interface Asker {
  readonly caller: Caller
  /** What was wrong with a token that came along; told only to calls that need one. */
  readonly trouble?: CallRefusal
  /** When the access token is over [ms]. */
  readonly expiresAt?: number
}

const bearer = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i

function equalSecret(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}

export interface Credentials {
  readonly authorization?: string
  /** Operator token beside a session (ruling 4). */
  readonly operator?: string
  readonly lang: string
  /** May the operator token, and a listed operator's session, be used at this door from this address? */
  readonly operatorHere: boolean
}

/** Who asks, from the headers. A bad token is not an error by itself: public rows still work. */
export async function askerOf(parts: CallerParts, given: Credentials): Promise<Asker> {
  const { lang } = given
  const beside = given.operatorHere && given.operator !== undefined && equalSecret(given.operator, parts.operatorToken)
  const nobody: Caller = { operator: beside, lang }
  if (given.authorization === undefined) return { caller: nobody }
  const token = bearer.exec(given.authorization)?.[1]
  if (token === undefined) return { caller: nobody, trouble: refuse('UNAUTHENTICATED') }
  if (equalSecret(token, parts.operatorToken)) return given.operatorHere ? { caller: { operator: true, lang } } : { caller: nobody, trouble: refuse('UNAUTHENTICATED') }
  try {
    return await askerOfToken(parts, token, { lang, operator: beside, operatorHere: given.operatorHere })
  } catch (error) {
    if (!(error instanceof CallRefusal)) throw error
    return { caller: nobody, trouble: error }
  }
}

/** A session's access token; checked against the sessions and keys of this moment. Throws. */
export async function askerOfToken(
  parts: CallerParts,
  token: string,
  given: { readonly lang: string; readonly operator: boolean; readonly operatorHere: boolean },
): Promise<Asker> {
  const claims = await parts.tokens.check(token)
  const row = parts.sessions.find(claims.sid)
  if (row === undefined || row.did !== claims.sub || row.signer !== claims.dev) throw refuse('TOKEN_REVOKED')
  const reason = parts.endOf(row)
  if (reason !== undefined) {
    parts.sessions.end(row.sid, reason)
    throw refuse('TOKEN_REVOKED')
  }
  parts.sessions.touch(row)
  return { caller: callerOf(claims, given.operator || (given.operatorHere && parts.isOperator(claims.sub)), given.lang), expiresAt: claims.expiresAt }
}

function callerOf(claims: AccessClaims, operator: boolean, lang: string): Caller {
  return {
    did: claims.sub,
    signer: claims.dev,
    sid: claims.sid,
    operator,
    lang,
    ...(claims.scopes === undefined ? {} : { scopes: claims.scopes }),
    ...(claims.spaces === undefined ? {} : { spaces: claims.spaces }),
  }
}
