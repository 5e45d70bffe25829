import { createHash, randomBytes } from 'node:crypto'
import type { LocalStore } from '@icn/journal'
import { openSealer, type Sealer } from '@icn/node'
import { dayMs } from '@icn/protocol'
import type { TokenKey } from './tokens.ts'

/** Keys of this node that turn: `session` signs tokens, `seal` closes challenges and cursors (identity page §10). */
export type KeyUse = 'session' | 'seal'

export interface TokenKeyParts {
  readonly local: LocalStore
  /** Seeds of the key file: each is the first of its use, and the one for `seal` closes the later ones where they are kept. */
  readonly first: Readonly<Record<KeyUse, Uint8Array>>
  /** How long a token may still come that the former key has signed [ms]. */
  readonly tokenLifeMs: number
  now(): number
}

/** Longer: a stolen key is worth more; shorter: cursors that are older than two turns are refused. */
const turnMs = 90 * dayMs
const uses = ['session', 'seal'] as const

/** As it is kept: without `sealed` it is the one of the key file. */
interface KeyRow {
  /** Counts the keys of a use; times would not do, because clocks go back. */
  readonly n: number
  readonly created_at: number
  readonly sealed: string | null
}

interface Held extends TokenKey {
  readonly n: number
  readonly kid: string
}

const rowKey = (use: KeyUse, kid: string): string[] => ['auth.token_keys', use, kid]
const kidOf = (seed: Uint8Array): string => createHash('sha256').update('icn/token-key/1').update(seed).digest('base64url').slice(0, 16)

/** At most two keys for each use: the present one, and the one before it while something it made may still come. */
export class TokenKeys {
  readonly #parts: TokenKeyParts
  readonly #closing: Sealer
  /** Newest first. */
  readonly #held: Record<KeyUse, readonly Held[]>
  #sealer: Sealer

  constructor(parts: TokenKeyParts) {
    this.#parts = parts
    this.#closing = openSealer([parts.first.seal])
    this.#held = { session: this.#load('session'), seal: this.#load('seal') }
    for (const use of uses) this.#turn(use)
    this.#sealer = this.#open()
  }

  /** Keys that sign tokens: the present one first. */
  get session(): readonly TokenKey[] {
    return this.#held.session
  }

  /** Always closes with the present key. */
  readonly sealer: Sealer = {
    seal: (purpose, value) => this.#sealer.seal(purpose, value),
    open: (purpose, text) => this.#sealer.open(purpose, text),
  }

  /** Makes what is due and forgets what is over; true when anything changed. Written before it is used. */
  turn(): boolean {
    let changed = false
    for (const use of uses) changed = this.#turn(use) || changed
    if (changed) this.#sealer = this.#open()
    return changed
  }

  #open(): Sealer {
    return openSealer(this.#held.seal.map(({ seed }) => seed))
  }

  #turn(use: KeyUse): boolean {
    const now = this.#parts.now()
    const held = this.#held[use]
    const [present] = held
    // Away from now in either direction: a key that was made while the clock stood years ahead must not stay for years.
    const due = present === undefined || Math.abs(now - present.createdAt) >= turnMs
    const made = due ? [this.#make(use, present, now)] : []
    const next = [...made, ...held].slice(0, 2).filter((_, index, [newest]) => index === 0 || use === 'seal' || now < (newest as Held).createdAt + this.#parts.tokenLifeMs)
    const gone = held.filter((key) => !next.includes(key))
    if (made.length + gone.length === 0) return false
    this.#parts.local.write([
      ...made.map(({ n, kid, createdAt, seed }) => {
        const value: KeyRow = { n, created_at: createdAt, sealed: present === undefined ? null : this.#closing.seal('key', seed) }
        return { key: rowKey(use, kid), value }
      }),
      ...gone.map(({ kid }) => ({ key: rowKey(use, kid), value: undefined })),
    ])
    this.#held[use] = next
    return true
  }

  #make(use: KeyUse, present: Held | undefined, createdAt: number): Held {
    const seed = present === undefined ? this.#parts.first[use] : new Uint8Array(randomBytes(32))
    return { n: (present?.n ?? 0) + 1, kid: kidOf(seed), seed, createdAt }
  }

  /** Rows that this key file cannot open belong to another one, and their tokens with them. */
  #load(use: KeyUse): readonly Held[] {
    const { local, first } = this.#parts
    const found: Held[] = []
    const strange: string[] = []
    for (const [key, value] of local.scan(['auth.token_keys', use])) {
      const kid = key[2] as string
      const { n, created_at, sealed } = value as KeyRow
      const seed = sealed === null ? first[use] : this.#closing.open('key', sealed)
      if (seed instanceof Uint8Array && kidOf(seed) === kid) found.push({ n, kid, seed, createdAt: created_at })
      else strange.push(kid)
    }
    if (strange.length > 0) local.write(strange.map((kid) => ({ key: rowKey(use, kid), value: undefined })))
    return found.sort((a, b) => b.n - a.n)
  }
}
