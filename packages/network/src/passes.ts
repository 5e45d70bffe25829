import { dayMs, type Did, type FrameOf, type NetworkPass, type OperationId, passBytes, passText, toHex } from '@icn/protocol'
import type { LocalRows } from './detector.ts'
import type { Verify } from './evidence.ts'

/** Passes that this node has made, and those that it carries to others (network page §4). */

/** Larger: more that is kept for strangers. */
const passesMax = 1_000

export interface PassRow {
  readonly label: string
  /** Public half of its key [32 bytes]. */
  readonly key: Uint8Array
  readonly uses: number
  readonly used_by: readonly Did[]
  readonly created_at: number
  readonly expires_at: number
}

export interface PassesParts {
  readonly me: Did
  readonly rows: LocalRows
  now(): number
  readonly verify: Verify
  keyOf(seed: Uint8Array): { readonly publicKey: Uint8Array; sign(message: Uint8Array): Uint8Array }
  network(): OperationId | null
}

/** What a greeting carries of a pass. */
export type ShownPass = NonNullable<FrameOf<'hello'>['pass']>

export class Passes {
  readonly #parts: PassesParts
  /** By id in hex. Bound: `passesMax`. */
  readonly #made = new Map<string, PassRow>()
  /** By the node to which they are carried; in memory, because each is used at once. */
  readonly #carried = new Map<Did, NetworkPass>()

  constructor(parts: PassesParts) {
    this.#parts = parts
    for (const [[, id], row] of parts.rows.scan(['pass'])) this.#made.set(id as string, row as PassRow)
  }

  /** Undefined: no network is known yet, or too many passes are out. `id` 16 and `seed` 32 random bytes. */
  create(
    parts: { readonly label: string; readonly uses: number; readonly addresses: readonly string[]; readonly expires_at: number },
    { id, seed }: { readonly id: Uint8Array; readonly seed: Uint8Array },
  ): { readonly id: string; readonly row: PassRow; readonly text: string } | undefined {
    const network = this.#parts.network()
    this.#tidy()
    if (network === null || parts.addresses.length === 0 || this.#made.size >= passesMax) return undefined
    const { label, uses, expires_at } = parts
    const row: PassRow = { label, key: this.#parts.keyOf(seed).publicKey, uses, used_by: [], created_at: this.#parts.now(), expires_at }
    const name = toHex(id)
    this.#keep(name, row)
    return { id: name, row, text: passText({ v: 1, network_id: network, node: this.#parts.me, addresses: parts.addresses.slice(0, 8), id, seed, expires_at }) }
  }

  /** By id. Those that are over are kept as long as somebody may ask why they were refused. */
  list(): readonly (PassRow & { readonly id: string })[] {
    return [...this.#made].map(([id, row]) => ({ id, ...row })).sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  revoke(id: string): PassRow | undefined {
    const row = this.#made.get(id)
    if (row === undefined) return undefined
    this.#parts.rows.write([{ key: ['pass', id], value: undefined }])
    this.#made.delete(id)
    return row
  }

  /** Lets a guest in that shows a good pass; otherwise the code of what is wrong with it. The same guest may come again. */
  redeem(guest: Did, { id, signature }: ShownPass): 'PASS_UNKNOWN' | 'PASS_INVALID' | 'PASS_EXPIRED' | 'PASS_USED_UP' | undefined {
    const network = this.#parts.network()
    const name = toHex(id)
    const row = this.#made.get(name)
    if (row === undefined || network === null) return 'PASS_UNKNOWN'
    if (!this.#parts.verify(signature, passBytes({ network, host: this.#parts.me, guest, id }), row.key)) return 'PASS_INVALID'
    if (row.expires_at <= this.#parts.now()) return 'PASS_EXPIRED'
    if (row.used_by.includes(guest)) return undefined
    if (row.used_by.length >= row.uses) return 'PASS_USED_UP'
    this.#keep(name, { ...row, used_by: [...row.used_by, guest] })
    return undefined
  }

  /** Has it come with a pass that is still good? */
  isHolder(guest: Did): boolean {
    const now = this.#parts.now()
    for (const { used_by, expires_at } of this.#made.values()) if (expires_at > now && used_by.includes(guest)) return true
    return false
  }

  /** May anybody still come with one? */
  isExpecting(): boolean {
    const now = this.#parts.now()
    for (const { used_by, uses, expires_at } of this.#made.values()) if (expires_at > now && used_by.length < uses) return true
    return false
  }

  /** Is it a node that has made a pass for this one? */
  isCarriedTo(host: Did): boolean {
    return (this.#carried.get(host)?.expires_at ?? 0) > this.#parts.now()
  }

  /** Will be shown to the node that made it. */
  carry(pass: NetworkPass): void {
    this.#carried.set(pass.node, pass)
  }

  /** What to show to a node in the greeting, if there is something. */
  shownTo(host: Did): ShownPass | undefined {
    const pass = this.#carried.get(host)
    if (pass === undefined || pass.expires_at <= this.#parts.now()) {
      this.#carried.delete(host)
      return undefined
    }
    const said = passBytes({ network: pass.network_id, host, guest: this.#parts.me, id: pass.id })
    return { id: pass.id, signature: this.#parts.keyOf(pass.seed).sign(said) }
  }

  #keep(id: string, row: PassRow): void {
    this.#parts.rows.write([{ key: ['pass', id], value: { ...row, used_by: [...row.used_by] } }])
    this.#made.set(id, row)
  }

  /** A month after its end nobody asks any more. */
  #tidy(): void {
    const old = this.#parts.now() - 30 * dayMs
    for (const [id, { expires_at }] of this.#made) if (expires_at <= old) this.revoke(id)
  }
}
