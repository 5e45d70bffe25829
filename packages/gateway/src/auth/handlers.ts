import { randomBytes } from 'node:crypto'
import type { JournalApi } from '@icn/journal'
import type { Call, Handlers, Sealer, Standing } from '@icn/node'
import { defineHandlers, operationJson, readSigned, refusalOf, refuse } from '@icn/node'
import { verifySignature } from '@icn/protocol/node'
import type { Did, LoginFields, OperationId, SignedOperationJson, SpaceId, Tokens as TokensAnswer } from '@icn/protocol'
import { grantMsBounds, keyOfDid, loginMsMax, loginText, operationIdOf, timeText, toBase64Url, utf8 } from '@icn/protocol'
import type { SessionRow, Sessions } from './sessions.ts'
import type { Tokens } from './tokens.ts'

type SignInMethods = 'auth.challenge' | 'auth.verify'
type SessionMethods = 'auth.refresh' | 'auth.logout' | 'auth.sessions.list' | 'auth.sessions.end'

export interface AuthParts {
  readonly journal: JournalApi
  readonly standing: Standing
  readonly sealer: Sealer
  readonly sessions: Sessions
  readonly tokens: Tokens
  /** Public origin that login texts name. */
  readonly audience: string
  network(): OperationId
  now(): number
  readonly refreshDays: number
  counted?(what: 'challenge' | 'ok' | 'invalid' | 'frozen' | 'too_many' | 'full'): void
}

/** Handlers of the sign-in (doors page §5.1, identity page §10). */
export function authHandlers(parts: AuthParts): Handlers<SignInMethods | SessionMethods> {
  return { ...signInHandlers(parts), ...sessionHandlers(parts) }
}

function signInHandlers(parts: AuthParts): Handlers<SignInMethods> {
  const { sessions } = parts
  return defineHandlers<SignInMethods>({
    'auth.challenge': (call) => {
      parts.counted?.('challenge')
      const { did, signer = did, grant: wanted } = call.input
      const now = parts.now()
      const draft = wanted === undefined ? undefined : draftGrant(parts, did, signer, wanted)
      const fields: LoginFields = {
        network: parts.network(),
        origin: parts.audience,
        node: parts.journal.node,
        did,
        signer,
        nonce: toBase64Url(randomBytes(32)),
        issued: now,
        expires: now + loginMsMax,
        grant: draft?.id ?? null,
      }
      return {
        value: {
          challenge: parts.sealer.seal('challenge', fields),
          message: loginText(fields),
          expires_in_secs: loginMsMax / 1_000,
          ...(draft === undefined ? {} : { drafts: [draft.json] }),
        },
      }
    },
    'auth.verify': async (call) => {
      const { challenge, signature, scopes, spaces, label = '', grants = [] } = call.input
      const fields = checkChallenge(parts, challenge, signature)
      if (fields === undefined) {
        parts.counted?.('invalid')
        throw refuse('CHALLENGE_INVALID')
      }
      const { did, signer, nonce, expires } = fields
      if (parts.standing.frozen(did)) {
        parts.counted?.('frozen')
        throw refuse('AUTHOR_FROZEN', { did })
      }
      const opened = (() => {
        try {
          return sessions.open({ did, signer, label, scopes: scopes ?? null, spaces: spaces ?? null }, { nonce, expiresAt: expires })
        } catch (error) {
          parts.counted?.(refusalOf(error).code === 'SESSIONS_TOO_MANY' ? 'too_many' : 'full')
          throw error
        }
      })()
      parts.counted?.('ok')
      return answer(parts, opened, await handInGrants(parts, did, grants))
    },
  })
}

function sessionHandlers(parts: AuthParts): Handlers<SessionMethods> {
  const { sessions } = parts
  return defineHandlers<SessionMethods>({
    'auth.refresh': async (call) => {
      const token = refreshToken(call)
      if (token === undefined) throw refuse('UNAUTHENTICATED')
      const renewed = sessions.refresh(token)
      const reason = endOf(parts, renewed.row)
      if (reason !== undefined) {
        sessions.end(renewed.row.sid, reason)
        throw refuse(reason === 'frozen' ? 'AUTHOR_FROZEN' : 'TOKEN_REVOKED', { did: renewed.row.did })
      }
      return answer(parts, renewed, [])
    },
    'auth.logout': (call) => {
      const token = refreshToken(call)
      const row = call.caller.sid === undefined ? (token === undefined ? undefined : sessions.ofRefresh(token)) : sessions.find(call.caller.sid)
      if (row === undefined) throw refuse('UNAUTHENTICATED')
      const { all } = call.input
      const ending = all === undefined ? [row] : sessions.list(row.did).filter(({ sid }) => all === 'every' || sid !== row.sid)
      const ended = ending.filter(({ sid }) => sessions.end(sid, all === undefined ? 'logout' : 'list')).length
      return { value: { ended }, ...(all === 'others' ? {} : { refreshCookie: null }) }
    },
    'auth.sessions.list': (call) => {
      const all = [...sessions.list(call.caller.did as Did)]
      if (call.page.reverse) all.reverse()
      const from = call.page.after === null ? 0 : all.findIndex(({ sid }) => sid === call.page.after) + 1
      const rows = all.slice(from, from + call.page.limit)
      return { items: rows.map((row) => sessionView(row, call.caller.sid)), next: from + rows.length < all.length ? (rows.at(-1)?.sid ?? null) : null }
    },
    'auth.sessions.end': (call) => {
      const row = sessions.find(call.input.sid)
      if (row === undefined || (row.did !== call.caller.did && !call.caller.operator)) throw refuse('SESSION_UNKNOWN')
      sessions.end(row.sid, row.did === call.caller.did ? 'list' : 'operator')
      return { value: { ended: 1 } }
    },
  })
}

/** Checks 1–6 of the sign-in with one answer for all of them. The signature is checked whatever came before, so that time tells nothing. */
function checkChallenge(parts: AuthParts, challenge: string, signature: Uint8Array): LoginFields | undefined {
  const fields = parts.sealer.open('challenge', challenge) as LoginFields | undefined
  const now = parts.now()
  const text = utf8(fields === undefined ? 'icn/login/0' : loginText(fields))
  const good = verifySignature(signature, text, keyOfDid(fields?.signer ?? parts.journal.node))
  if (fields === undefined || !good) return undefined
  const here = fields.network === parts.network() && fields.origin === parts.audience && fields.node === parts.journal.node
  if (!here || fields.expires <= now || fields.issued > now + 60_000 || parts.sessions.isUsed(fields.nonce)) return undefined
  return parts.standing.signs(fields.did, fields.signer) ? fields : undefined
}

/** Why a session must end although its token is good. */
export function endOf(parts: Pick<AuthParts, 'standing'>, row: Pick<SessionRow, 'did' | 'signer'>): 'key' | 'frozen' | undefined {
  if (parts.standing.frozen(row.did)) return 'frozen'
  return parts.standing.signs(row.did, row.signer) ? undefined : 'key'
}

async function answer(
  parts: AuthParts,
  opened: { readonly row: SessionRow; readonly refresh: string },
  grants: TokensAnswer['grants'],
): Promise<{ value: TokensAnswer; refreshCookie: string }> {
  const { row, refresh } = opened
  const value: TokensAnswer = {
    access_token: await parts.tokens.issue(row),
    token_type: 'Bearer',
    expires_in_secs: parts.tokens.accessSecs,
    refresh_token: refresh,
    refresh_expires_in_secs: parts.refreshDays * 86_400,
    sid: row.sid,
    did: row.did,
    signer: row.signer,
    scopes: row.scopes === null ? null : [...row.scopes],
    spaces: row.spaces === null ? null : [...row.spaces],
    grants,
  }
  return { value, refreshCookie: refresh }
}

/** A refused grant does not spoil the sign-in. */
async function handInGrants(parts: AuthParts, did: Did, grants: readonly SignedOperationJson[]): Promise<TokensAnswer['grants']> {
  const results: TokensAnswer['grants'] = []
  for (const json of grants) {
    try {
      const operation = readSigned(json)
      if (operation.envelope.kind !== 'identity.grant' || operation.envelope.author !== did) throw refuse('INPUT_INVALID', { count: 1, pointer: '/grants' })
      const result = await parts.journal.submit(operation)
      results.push({ operation: operation.id, outcome: result.outcome, code: result.decision.checks.find((check) => check.result === 'fail')?.code ?? null })
    } catch (error) {
      results.push({ operation: null, outcome: 'refused', code: refusalOf(error).code })
    }
  }
  return results
}

function draftGrant(parts: AuthParts, did: Did, signer: Did, wanted: { readonly space: SpaceId; readonly scopes: readonly string[]; readonly for_ms?: number | undefined }) {
  const { space } = wanted
  if (parts.journal.read(space) === undefined) throw refuse('NOT_FOUND')
  const now = parts.now()
  const grant = parts.standing.grant(space, did, signer, 'identity.grant', now)
  const body = {
    grantee: parts.journal.node,
    grantee_kind: 'node',
    scopes: [...wanted.scopes],
    not_before_at: now,
    not_after_at: now + (wanted.for_ms ?? grantMsBounds.node.usual),
    label: 'This node',
  }
  const unsigned = parts.journal.draft({ space, kind: 'identity.grant', author: did, body, signer, grant: grant ?? null })
  const json = { operation: operationJson(unsigned.envelope, unsigned.body), signing_bytes: toBase64Url(unsigned.signingBytes) }
  return { id: operationIdOf(unsigned.bytes), json }
}

function refreshToken(call: Call): string | undefined {
  return (call.input as { readonly refresh_token?: string }).refresh_token
}

function sessionView(row: SessionRow, sid: string | undefined) {
  return {
    sid: row.sid,
    did: row.did,
    signer: row.signer,
    label: row.label,
    created_at: timeText(row.created_at),
    used_at: timeText(row.used_at),
    expires_at: timeText(row.expires_at),
    scopes: row.scopes === null ? null : [...row.scopes],
    spaces: row.spaces === null ? null : [...row.spaces],
    this_session: row.sid === sid,
  }
}
