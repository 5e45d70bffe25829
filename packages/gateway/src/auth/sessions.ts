import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { LocalStore } from '@icn/journal'
import { refuse } from '@icn/node'
import type { Did, SpaceId } from '@icn/protocol'
import { dayMs, minuteMs, secondMs, toBase64Url } from '@icn/protocol'

/** Sessions of this node, kept in `local` (identity page §10). Every change is written before the answer that tells of it. */

export interface SessionRow {
  readonly sid: string
  readonly did: Did
  readonly signer: Did
  readonly label: string
  readonly created_at: number
  readonly used_at: number
  readonly expires_at: number
  /** SHA-256 of the refresh token in use, base64url. */
  readonly refresh: string
  /** The one before it, good once more for a lost answer. */
  readonly previous: string | null
  readonly replaced_at: number
  readonly scopes: readonly string[] | null
  readonly spaces: readonly SpaceId[] | null
}

export type EndReason = 'logout' | 'list' | 'reused' | 'key' | 'frozen' | 'operator' | 'expired'

export interface SessionParts {
  readonly local: LocalStore
  now(): number
  readonly refreshDays: number
}

const sessionsPerDidMax = 50
const usedMax = 100_000
/** A lost answer is asked for again at once; a thief is not so quick. */
const graceMs = 10 * secondMs

const digestOf = (token: string): string => createHash('sha256').update(token).digest('base64url')
const sessionKey = (sid: string): string[] => ['auth.sessions', sid]
const refreshKey = (digest: string): string[] => ['auth.refresh', digest]
const digestKey = (sid: string, digest: string): string[] => ['auth.digests', sid, digest]
/** A digest and the session it belongs to, findable from both sides. */
const digestRows = (sid: string, digest: string) => [
  { key: refreshKey(digest), value: sid },
  { key: digestKey(sid, digest), value: true },
]

export class Sessions {
  readonly #parts: SessionParts
  /** sid → row; the whole table, loaded before any door opens. At most 50 for each DID. */
  readonly #rows = new Map<string, SessionRow>()
  /** nonce → expiry of challenges that were used, bounded by `usedMax`. */
  readonly #used = new Map<string, number>()
  readonly #opened = new Set<(row: SessionRow) => void>()
  readonly #ended = new Set<(row: SessionRow, reason: EndReason) => void>()

  constructor(parts: SessionParts) {
    this.#parts = parts
    const now = parts.now()
    for (const [, row] of parts.local.scan(['auth.sessions'])) this.#rows.set((row as SessionRow).sid, row as SessionRow)
    for (const [key, expiry] of parts.local.scan(['auth.used'])) if ((expiry as number) > now) this.#used.set(key[1] as string, expiry as number)
    this.sweep()
  }

  get count(): number {
    return this.#rows.size
  }

  get usedCount(): number {
    return this.#used.size
  }

  isUsed(nonce: string): boolean {
    return (this.#used.get(nonce) ?? 0) > this.#parts.now()
  }

  /** Opens a session: nonce, row and refresh digest in one transaction. */
  open(
    given: Pick<SessionRow, 'did' | 'signer' | 'label' | 'scopes' | 'spaces'>,
    challenge: { readonly nonce: string; readonly expiresAt: number },
  ): { readonly row: SessionRow; readonly refresh: string } {
    if (this.#used.size >= usedMax) this.#forgetUsed()
    // Full means wait: an old challenge must never become usable again.
    if (this.#used.size >= usedMax) throw refuse('SIGN_INS_FULL')
    if ([...this.#rows.values()].filter((row) => row.did === given.did).length >= sessionsPerDidMax) throw refuse('SESSIONS_TOO_MANY', { limit: sessionsPerDidMax })
    const now = this.#parts.now()
    const refresh = toBase64Url(randomBytes(32))
    const row: SessionRow = {
      ...given,
      sid: toBase64Url(randomBytes(16)),
      created_at: now,
      used_at: minuteOf(now),
      expires_at: now + this.#parts.refreshDays * dayMs,
      refresh: digestOf(refresh),
      previous: null,
      replaced_at: now,
    }
    this.#parts.local.write([{ key: sessionKey(row.sid), value: row }, ...digestRows(row.sid, row.refresh), { key: ['auth.used', challenge.nonce], value: challenge.expiresAt }])
    this.#used.set(challenge.nonce, challenge.expiresAt)
    this.#rows.set(row.sid, row)
    for (const listener of this.#opened) listener(row)
    return { row, refresh }
  }

  /** The session of a token that was checked; undefined when it has ended. */
  find(sid: string): SessionRow | undefined {
    const row = this.#rows.get(sid)
    return row === undefined || row.expires_at <= this.#parts.now() ? undefined : row
  }

  /** Notes that a session was used, to the minute; losing it loses nothing. */
  touch(row: SessionRow): void {
    const minute = minuteOf(this.#parts.now())
    if (minute - row.used_at < 15 * minuteMs) return
    this.#save({ ...row, used_at: minute }, [])
  }

  /** A new refresh token for an old one. One that was used before ends the session, because somebody else has it. */
  refresh(token: string): { readonly row: SessionRow; readonly refresh: string } {
    const digest = digestOf(token)
    const sid = this.#parts.local.get(refreshKey(digest)) as string | undefined
    const row = sid === undefined ? undefined : this.#rows.get(sid)
    if (row === undefined) throw refuse(sid === undefined ? 'UNAUTHENTICATED' : 'TOKEN_REVOKED')
    const now = this.#parts.now()
    if (row.expires_at <= now) {
      this.end(row.sid, 'expired')
      throw refuse('TOKEN_EXPIRED')
    }
    const present = equalText(row.refresh, digest)
    const again = !present && row.previous === digest && now - row.replaced_at <= graceMs
    if (!present && !again) {
      this.end(row.sid, 'reused')
      throw refuse('REFRESH_REUSED')
    }
    const refresh = toBase64Url(randomBytes(32))
    const next: SessionRow = {
      ...row,
      refresh: digestOf(refresh),
      previous: present ? row.refresh : null,
      replaced_at: now,
      used_at: minuteOf(now),
      expires_at: now + this.#parts.refreshDays * dayMs,
    }
    // Digests that were given out stay known, so that a stolen one is noticed however late it comes.
    this.#save(next, digestRows(row.sid, next.refresh))
    return { row: next, refresh }
  }

  /** The session that a refresh token belongs to, for signing out. */
  ofRefresh(token: string): SessionRow | undefined {
    const sid = this.#parts.local.get(refreshKey(digestOf(token))) as string | undefined
    return sid === undefined ? undefined : this.#rows.get(sid)
  }

  list(did: Did): readonly SessionRow[] {
    return [...this.#rows.values()].filter((row) => row.did === did && row.expires_at > this.#parts.now()).sort((a, b) => a.created_at - b.created_at || (a.sid < b.sid ? -1 : 1))
  }

  /** When a key was last used to sign in or renew here. */
  usedAt(did: Did, signer: Did): number | undefined {
    const used = [...this.#rows.values()].filter((row) => row.did === did && row.signer === signer).map((row) => row.used_at)
    return used.length === 0 ? undefined : Math.max(...used)
  }

  /** Written before it returns. False: there was none. */
  end(sid: string, reason: EndReason): boolean {
    const row = this.#rows.get(sid)
    if (row === undefined) return false
    const digests = [...this.#parts.local.scan(['auth.digests', sid])].flatMap(([key]) => [key, refreshKey(key[2] as string)]).map((key) => ({ key, value: undefined }))
    // The digests of a session that ended for reuse stay: what comes with them is refused, not unknown.
    this.#parts.local.write([{ key: sessionKey(sid), value: undefined }, ...(reason === 'reused' ? [] : digests)])
    this.#rows.delete(sid)
    for (const listener of this.#ended) listener(row, reason)
    return true
  }

  /** Ends every session whose key no longer speaks for its person. */
  endWhere(test: (row: SessionRow) => EndReason | undefined): number {
    let ended = 0
    for (const row of [...this.#rows.values()]) {
      const reason = test(row)
      if (reason !== undefined && this.end(row.sid, reason)) ended++
    }
    return ended
  }

  onOpen(listener: (row: SessionRow) => void): () => void {
    this.#opened.add(listener)
    return () => this.#opened.delete(listener)
  }

  onEnd(listener: (row: SessionRow, reason: EndReason) => void): () => void {
    this.#ended.add(listener)
    return () => this.#ended.delete(listener)
  }

  /** Drops what is over. */
  sweep(): void {
    const now = this.#parts.now()
    this.endWhere((row) => (row.expires_at <= now ? 'expired' : undefined))
    this.#forgetUsed()
  }

  #forgetUsed(): void {
    const now = this.#parts.now()
    const over = [...this.#used].filter(([, expiry]) => expiry <= now).map(([nonce]) => nonce)
    for (const nonce of over) this.#used.delete(nonce)
    if (over.length > 0) this.#parts.local.write(over.map((nonce) => ({ key: ['auth.used', nonce], value: undefined })))
  }

  #save(row: SessionRow, more: readonly { readonly key: readonly string[]; readonly value: unknown }[]): void {
    this.#parts.local.write([{ key: sessionKey(row.sid), value: row }, ...more])
    this.#rows.set(row.sid, row)
  }
}

const minuteOf = (ms: number): number => Math.floor(ms / minuteMs) * minuteMs

function equalText(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}
