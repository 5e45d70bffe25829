import { type Did, type OperationId, parseLoginText, toBase64Url, utf8 } from '@icn/protocol'
import { IcnError, SignInError, TamperedError } from './errors.ts'
import type { Identity } from './identity.ts'
import type { Transport } from './transport.ts'

/** The pair a sign-in was made with. A changed one is asked about, never followed silently. */
export interface Pin {
  readonly origin: string
  readonly node: Did
  readonly network: OperationId
}

export interface PinStore {
  get(endpoint: string): Promise<Pin | undefined>
  set(endpoint: string, pin: Pin): Promise<void>
}

export interface StoredTokens {
  readonly access_token: string
  readonly refresh_token?: string
  readonly sid: string
  /** Wall clock when they were made and after which they are renewed [ms]; for stores that outlive the process. */
  readonly made_at: number
  readonly renew_at: number
}

/** Keeps tokens across processes, by door and key: a session is of one key, not of a person. Absent: they last as long as the client. */
export interface TokenStore {
  get(endpoint: string, signer: Did): Promise<StoredTokens | undefined>
  set(endpoint: string, signer: Did, tokens: StoredTokens | undefined): Promise<void>
}

export interface SessionParts {
  readonly transport: Transport
  readonly identity: Identity
  readonly pins?: PinStore
  readonly tokens?: TokenStore
  readonly label?: string
  readonly scopes?: readonly string[]
  readonly spaces?: readonly string[]
  readonly lang?: string
  /** Asked when a known address suddenly shows another node, network or origin. */
  readonly confirmChanged?: (before: Pin, now: Pin) => Promise<boolean>
  /** For tests. */
  readonly wall?: () => number
  readonly monotonic?: () => number
}

/** The text may lie this far from our clock, because ours may be wrong; its own life is checked exactly. */
const textLifeMsMax = 300_000
/** A token is renewed when this much of its life is over. */
const renewAfter = 0.8

interface TokensAnswer {
  readonly access_token: string
  readonly refresh_token?: string
  readonly expires_in_secs: number
  readonly sid: string
}

/** Signs in when a token is first needed, renews it in time, one renewal at a time. */
export class Session {
  readonly #parts: SessionParts
  readonly #wall: () => number
  readonly #monotonic: () => number
  #tokens: StoredTokens | undefined
  /** On the clock that nobody can set; undefined for tokens of another process. */
  #renewAt: number | undefined
  #loaded = false
  #running: Promise<string> | undefined
  #peer: Pin | undefined

  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#wall = parts.wall ?? Date.now
    this.#monotonic = parts.monotonic ?? (() => performance.now())
  }

  /** A token that is good for now. Many callers share one sign-in. */
  token(): Promise<string> {
    this.#running ??= this.#find().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** How long the present token is fresh [ms]; 0 when there is none. */
  get freshMs(): number {
    return this.#renewAt === undefined ? 0 : Math.max(0, this.#renewAt - this.#monotonic())
  }

  /** The node, network and origin that this session speaks with. */
  async peer(): Promise<Pin | undefined> {
    this.#peer ??= await this.#parts.pins?.get(this.#parts.transport.endpoint)
    return this.#peer
  }

  /** The node said that the token is no good: the next call renews it or signs in anew. */
  async forget(token: string): Promise<void> {
    // Another caller may have renewed it meanwhile.
    if (this.#tokens === undefined || this.#tokens.access_token !== token) return
    this.#renewAt = undefined
    await this.#save(this.#tokens.refresh_token === undefined ? undefined : { ...this.#tokens, renew_at: 0 })
  }

  /** Ends the session here and at the node. */
  async signOut(all?: 'others' | 'every'): Promise<void> {
    await this.#load()
    if (this.#tokens === undefined && all === undefined) return
    const token = await this.token()
    const { transport } = this.#parts
    await transport.send({
      method: 'auth.logout',
      token,
      options: {},
      input: { ...(this.#tokens?.refresh_token === undefined ? {} : { refresh_token: this.#tokens.refresh_token }), ...(all === undefined ? {} : { all }) },
    })
    if (all !== 'others') await this.#save(undefined)
  }

  /** Signs in anew, whatever is kept. */
  async renew(): Promise<string> {
    return this.#keep(await this.#signIn())
  }

  async #load(): Promise<void> {
    if (this.#loaded) return
    this.#tokens = await this.#parts.tokens?.get(this.#parts.transport.endpoint, this.#parts.identity.signer.did)
    this.#loaded = true
  }

  #isFresh(tokens: StoredTokens): boolean {
    if (this.#renewAt !== undefined) return this.#monotonic() < this.#renewAt
    const now = this.#wall()
    // A clock that was set back says nothing about their age.
    return now >= tokens.made_at && now < tokens.renew_at
  }

  async #find(): Promise<string> {
    const { transport } = this.#parts
    await this.#load()
    if (this.#tokens !== undefined && this.#isFresh(this.#tokens)) return this.#tokens.access_token
    return this.#alone(async () => {
      // Another tab may have renewed it while this one waited.
      const stored = await this.#parts.tokens?.get(transport.endpoint, this.#parts.identity.signer.did)
      if (stored !== undefined && stored.access_token !== this.#tokens?.access_token) {
        this.#renewAt = undefined
        this.#tokens = stored
        if (this.#isFresh(stored)) return stored.access_token
      }
      if (this.#tokens?.refresh_token !== undefined) {
        try {
          const { value } = await transport.send({ method: 'auth.refresh', input: { refresh_token: this.#tokens.refresh_token }, options: {} })
          return await this.#keep(value as TokensAnswer)
        } catch (error) {
          if (!(error instanceof IcnError) || !['unauthenticated', 'input', 'forbidden'].includes(error.problem?.class ?? '')) throw error
        }
      }
      return this.#keep(await this.#signIn())
    })
  }

  /** One renewal at a time across the tabs of a browser, where tokens are shared. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const locks = (globalThis.navigator as Navigator | undefined)?.locks as LockManager | undefined
    if (locks === undefined || this.#parts.tokens === undefined) return work()
    return (await locks.request(`icn session ${this.#parts.transport.endpoint} ${this.#parts.identity.signer.did}`, work)) as T
  }

  /** Challenge, checks of everything the text says, signature, verify (doors page §5.1). */
  async #signIn(): Promise<TokensAnswer> {
    const { transport, identity, lang, label, scopes, spaces } = this.#parts
    const options = lang === undefined ? {} : { lang }
    const { value: about } = await transport.send({ method: 'node.about', input: {}, options })
    const { node, network, public_origin: origin } = about as { node: Did; network: OperationId; public_origin: string }
    if (transport.kind === 'rest' && new URL(origin).origin !== new URL(transport.endpoint).origin)
      throw new TamperedError('ORIGIN_NOT_ALLOWED', `${transport.endpoint} signs people in for ${origin}; nothing was signed.`)
    await this.#checkPin({ origin, node, network })
    const { value } = await transport.send({
      method: 'auth.challenge',
      input: { did: identity.did, ...(identity.signer.did === identity.did ? {} : { signer: identity.signer.did }) },
      options,
    })
    const { challenge, message } = value as { challenge: string; message: string }
    const text = parseLoginText(message)
    const fits =
      text !== undefined &&
      text.network === network &&
      text.origin === origin &&
      text.node === node &&
      text.did === identity.did &&
      text.signer === identity.signer.did &&
      text.grant === null &&
      text.expires - text.issued <= textLifeMsMax &&
      text.expires > text.issued
    if (!fits) throw new TamperedError('CHALLENGE_INVALID', 'The text to sign is not what this sign-in asked for; nothing was signed.')
    const signature = toBase64Url(await identity.signer.sign(utf8(message)))
    const answer = await transport.send({
      method: 'auth.verify',
      input: { challenge, signature, ...(label === undefined ? {} : { label }), ...(scopes === undefined ? {} : { scopes }), ...(spaces === undefined ? {} : { spaces }) },
      options,
    })
    return answer.value as TokensAnswer
  }

  async #checkPin(now: Pin): Promise<void> {
    const { pins, transport, confirmChanged } = this.#parts
    const before = (await pins?.get(transport.endpoint)) ?? this.#peer
    const isSame = before !== undefined && before.origin === now.origin && before.node === now.node && before.network === now.network
    if (!isSame && before !== undefined && !(await confirmChanged?.(before, now)))
      throw new SignInError('WRONG_GENESIS', `${transport.endpoint} is not the node it was before (${before.node}); nothing was signed.`)
    this.#peer = now
    if (!isSame) await pins?.set(transport.endpoint, now)
  }

  async #keep(answer: TokensAnswer): Promise<string> {
    const { access_token, refresh_token, sid } = answer
    const lifeMs = answer.expires_in_secs * 1_000 * renewAfter
    const now = this.#wall()
    this.#renewAt = this.#monotonic() + lifeMs
    await this.#save({ access_token, sid, made_at: now, renew_at: now + lifeMs, ...(refresh_token === undefined ? {} : { refresh_token }) })
    return access_token
  }

  async #save(tokens: StoredTokens | undefined): Promise<void> {
    this.#tokens = tokens
    await this.#parts.tokens?.set(this.#parts.transport.endpoint, this.#parts.identity.signer.did, tokens)
  }
}
