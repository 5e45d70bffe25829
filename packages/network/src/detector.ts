import { type Did, dayMs, type EvidenceName, hourMs, type KeyValue, minuteMs, type SpaceId, sha256, toHex } from '@icn/protocol'
import { Conduct, type ConductRow } from './conduct.ts'
import { evidenceKinds, proves, type Verify } from './evidence.ts'

/** Remembers who has kept to the protocol badly, and what follows from it (network page §11). */

/** From so many points on budgets are halved and it is dialled last; its link is closed; it is banned. */
export const halvedPoints = 40
export const closedPoints = 100
export const bannedPoints = 200
/** Before a peer whose link was closed for its points may return. */
const awayMs = minuteMs
const banFirstMs = hourMs
const banLongestMs = 7 * dayMs
/** Banned keys that one address brings within an hour before it is shut out, and for how long. */
const addressKeysMax = 3
const addressBanMs = hourMs
/** Larger: disk for strangers; smaller: old offenders are forgotten. */
const conductsMax = 10_000
const evidenceMax = 10_000
/** Larger proofs are kept by their digest alone. */
export const proofBytesMax = 65_536
const addressesMax = 10_000

/** This node's own rows, durable when `write` returns. */
export interface LocalRows {
  scan(prefix: readonly KeyValue[]): Iterable<readonly [readonly KeyValue[], unknown]>
  write(changes: readonly { readonly key: readonly KeyValue[]; readonly value: unknown | undefined }[]): void
}

export interface Report {
  readonly kind: EvidenceName
  /** Who sent it, as its handshake proved. */
  readonly peer?: Did
  /** Who signed it; needs the proof. */
  readonly signer?: Did
  readonly proof?: Uint8Array
  readonly space?: SpaceId
}

export interface Evidence {
  readonly kind: EvidenceName
  readonly did: Did
  readonly at: number
  readonly points: number
  readonly space: SpaceId | null
  /** Digest of the proof [hex]; null: what was seen leaves nothing to show. */
  readonly proof: string | null
}

export interface Ban {
  readonly did: Did
  readonly until: number
  readonly by: 'points' | 'operator'
  readonly reason: string
}

export interface DetectorParts {
  readonly me: Did
  readonly rows: LocalRows
  /** Wall clock [ms]. */
  now(): number
  readonly halfLifeMs: number
  readonly verify: Verify
  /** Never banned by points: those whom stewards or the operator have named. */
  isExempt(did: Did): boolean
  /** Of those, the ones whose link is not closed by points either: stewards decide about them. */
  isCohost(did: Did): boolean
  /** Where it is connected from; loopback is not among them. */
  addressesOf(did: Did): readonly string[]
  /** Is it connected from this machine alone? Then nothing is charged. */
  isLoopback(did: Did): boolean
  counted(kind: EvidenceName): void
  /** After it was written: its link has to end, it was banned, or it may come again. */
  decided(did: Did, what: 'closed' | 'banned' | 'unbanned', ban?: Ban): void
  fault(error: unknown): void
}

/** All that is remembered was written before it acts, and is loaded before the first connection. */
export class Detector {
  readonly #parts: DetectorParts
  /** Who was charged, the last one last. Bound: `conductsMax`; who is banned goes last. */
  readonly #conducts = new Map<Did, Conduct>()
  /** In order of arrival. Bound: `evidenceMax`. */
  readonly #evidence = new Map<number, Evidence>()
  /** Incidents that have counted: kind, DID and digest of the proof. */
  readonly #incidents = new Set<string>()
  /** Addresses shut out: until when, and the keys they brought. Bound: `addressesMax`. */
  readonly #addresses = new Map<string, { readonly until: number; readonly keys: readonly Did[] }>()
  /** Keys that were banned while connected from an address, and when. Bound: `addressesMax`. */
  readonly #brought = new Map<string, Map<Did, number>>()
  #next = 0

  constructor(parts: DetectorParts) {
    this.#parts = parts
    this.#load()
  }

  report(report: Report): void {
    const { kind, peer, proof } = report
    const { points, charged } = evidenceKinds[kind]
    this.#parts.counted(kind)
    const blamed = charged === 'signer' ? this.#proven(report) : peer
    if (blamed === undefined || blamed === this.#parts.me || (charged === 'sender' && this.#parts.isLoopback(blamed))) return
    const digest = proof === undefined ? null : toHex(sha256(proof))
    const incident = `${kind} ${blamed} ${digest}`
    if (digest !== null && this.#incidents.has(incident)) return
    const now = this.#parts.now()
    const conduct = this.#conducts.get(blamed) ?? new Conduct()
    const added = conduct.charge(kind, points, now, this.#parts.halfLifeMs)
    // What no longer counts leaves no trace either, so that nobody fills the disk.
    if (added === undefined) return
    if (digest !== null) this.#incidents.add(incident)
    const ban = this.#consequence(blamed, conduct, now)
    this.#remember(blamed, conduct)
    const changes = [this.#rowOf(blamed), ...this.#noted({ kind, did: blamed, at: now, points: added, space: report.space ?? null, proof: digest }, proof)]
    this.#write([...changes, ...(ban === undefined ? [] : this.#shutOut(blamed, now))])
    if (ban !== undefined) this.#parts.decided(blamed, 'banned', ban)
    else if (conduct.awayUntil > now) this.#parts.decided(blamed, 'closed')
  }

  /** What this node has seen of a DID: 1000 is nothing bad [‰]. */
  standing(did: Did): number {
    return Math.max(0, 1_000 - 5 * this.points(did))
  }

  /** Points that are left now; what is below one counts as none (ruling 22). */
  points(did: Did): number {
    return this.#conducts.get(did)?.points(this.#parts.now(), this.#parts.halfLifeMs) ?? 0
  }

  ban(did: Did): Ban | undefined {
    const conduct = this.#conducts.get(did)
    if (conduct === undefined || conduct.bannedUntil <= this.#parts.now()) return undefined
    return { did, until: conduct.bannedUntil, by: conduct.bannedBy, reason: conduct.reason }
  }

  /** Has its link been closed for its points less than a minute ago? */
  isAway(did: Did): boolean {
    return (this.#conducts.get(did)?.awayUntil ?? 0) > this.#parts.now()
  }

  isShutOut(address: string): boolean {
    return (this.#addresses.get(address)?.until ?? 0) > this.#parts.now()
  }

  /** By DID. */
  bans(): readonly Ban[] {
    return [...this.#conducts.keys()].flatMap((did) => this.ban(did) ?? []).sort((a, b) => (a.did < b.did ? -1 : 1))
  }

  /** Newest first. */
  evidence(filter: { readonly did?: Did; readonly limit: number }): readonly (Evidence & { readonly id: number })[] {
    const found: (Evidence & { readonly id: number })[] = []
    for (let id = this.#next - 1; id >= this.#next - evidenceMax && found.length < filter.limit; id--) {
      const one = this.#evidence.get(id)
      if (one !== undefined && (filter.did === undefined || one.did === filter.did)) found.push({ id, ...one })
    }
    return found
  }

  /** What shows an incident to anybody; undefined: nothing is kept that would. */
  proofOf(id: number): Uint8Array | undefined {
    for (const [, value] of this.#parts.rows.scan(['evidence', id])) return (value as { readonly bytes: Uint8Array | null }).bytes ?? undefined
    return undefined
  }

  /** The operator's own word; unlike points it does not spare whom stewards have named. `ms`: at most a week is for points, not for the operator. */
  banByHand(did: Did, ms: number, reason: string): Ban {
    const conduct = this.#conducts.get(did) ?? new Conduct()
    const ban: Ban = { did, until: this.#parts.now() + ms, by: 'operator', reason }
    conduct.ban(ban.until, 'operator', reason)
    this.#remember(did, conduct)
    this.#write([this.#rowOf(did)])
    this.#parts.decided(did, 'banned', ban)
    return ban
  }

  /** Forgets points and bans, and opens again the addresses that were shut out for this key. False: there was nothing to forget. */
  unban(did: Did): boolean {
    if (!this.#conducts.delete(did)) return false
    const shut = [...this.#addresses].filter(([, { keys }]) => keys.includes(did)).map(([address]) => address)
    for (const address of shut) this.#addresses.delete(address)
    for (const keys of this.#brought.values()) keys.delete(did)
    this.#write([{ key: ['conduct', did], value: undefined }, ...shut.map((address) => ({ key: ['banned_address', address], value: undefined }))])
    this.#parts.decided(did, 'unbanned')
    return true
  }

  #proven({ kind, signer, proof }: Report): Did | undefined {
    if (signer === undefined || proof === undefined || proof.length > proofBytesMax) return undefined
    return proves(kind, signer, proof, this.#parts.verify) ? signer : undefined
  }

  #consequence(did: Did, conduct: Conduct, now: number): Ban | undefined {
    const points = conduct.points(now, this.#parts.halfLifeMs)
    if (points >= bannedPoints && !this.#parts.isExempt(did) && conduct.bannedUntil <= now) {
      const until = now + Math.min(banLongestMs, banFirstMs * 2 ** Math.min(20, conduct.bansSince(now)))
      conduct.banForPoints(until, now)
      return { did, until, by: 'points', reason: conduct.reason }
    }
    if (points >= closedPoints && !this.#parts.isCohost(did)) conduct.awayUntil = now + awayMs
    return undefined
  }

  /** An address that brings one banned key after the other is shut out itself. */
  #shutOut(did: Did, now: number): Change[] {
    const changes: Change[] = []
    for (const address of this.#parts.addressesOf(did)) {
      const keys = this.#brought.get(address) ?? new Map<Did, number>()
      keys.set(did, now)
      for (const [key, at] of keys) if (at <= now - hourMs) keys.delete(key)
      this.#brought.delete(address)
      this.#brought.set(address, keys)
      if (this.#brought.size > addressesMax) this.#brought.delete(this.#brought.keys().next().value as string)
      if (keys.size < addressKeysMax) continue
      const value = { until: now + addressBanMs, keys: [...keys.keys()].slice(-addressKeysMax) }
      this.#addresses.delete(address)
      this.#addresses.set(address, value)
      changes.push({ key: ['banned_address', address], value }, ...this.#oldAddresses(now))
    }
    return changes
  }

  #oldAddresses(now: number): Change[] {
    const old = [...this.#addresses].filter(([, { until }]) => until <= now).map(([address]) => address)
    if (this.#addresses.size - old.length > addressesMax) old.push(this.#addresses.keys().next().value as string)
    for (const address of old) this.#addresses.delete(address)
    return old.map((address) => ({ key: ['banned_address', address], value: undefined }))
  }

  /** The last one last; the first that is not banned goes when there are too many, and the first of all when everybody is. */
  #remember(did: Did, conduct: Conduct): void {
    this.#conducts.delete(did)
    this.#conducts.set(did, conduct)
    if (this.#conducts.size <= conductsMax) return
    const now = this.#parts.now()
    let gone = this.#conducts.keys().next().value as Did
    for (const [other, { bannedUntil }] of this.#conducts) {
      if (bannedUntil > now) continue
      gone = other
      break
    }
    this.#conducts.delete(gone)
    this.#write([{ key: ['conduct', gone], value: undefined }])
  }

  #rowOf(did: Did): Change {
    return { key: ['conduct', did], value: this.#conducts.get(did)?.toRow() }
  }

  #noted(evidence: Evidence, proof: Uint8Array | undefined): Change[] {
    const id = this.#next++
    this.#evidence.set(id, evidence)
    const gone = id - evidenceMax
    const old = this.#evidence.get(gone)
    this.#evidence.delete(gone)
    if (old !== undefined) this.#incidents.delete(`${old.kind} ${old.did} ${old.proof}`)
    const bytes = proof === undefined || proof.length > proofBytesMax ? null : proof
    return [{ key: ['evidence', id], value: { ...evidence, bytes } }, ...(old === undefined ? [] : [{ key: ['evidence', gone], value: undefined }])]
  }

  /** Points that could not be written count all the same: the disk's trouble is told elsewhere, and must not shield anybody. */
  #write(changes: readonly Change[]): void {
    try {
      this.#parts.rows.write(changes)
    } catch (error) {
      this.#parts.fault(error)
    }
  }

  #load(): void {
    const { rows, halfLifeMs } = this.#parts
    const now = this.#parts.now()
    const gone: Change[] = []
    const kept = [...rows.scan(['conduct'])].map(([key, value]) => [key[1] as Did, Conduct.ofRow(value as ConductRow)] as const)
    for (const [did, conduct] of kept.sort(([, a], [, b]) => a.at - b.at)) {
      if (conduct.isSpent(now, halfLifeMs)) gone.push({ key: ['conduct', did], value: undefined })
      else this.#conducts.set(did, conduct)
    }
    for (const [[, id], value] of rows.scan(['evidence'])) {
      const { bytes: _, ...evidence } = value as Evidence & { readonly bytes: unknown }
      this.#evidence.set(id as number, evidence)
      if (evidence.proof !== null) this.#incidents.add(`${evidence.kind} ${evidence.did} ${evidence.proof}`)
      this.#next = Math.max(this.#next, (id as number) + 1)
    }
    for (const [[, address], value] of rows.scan(['banned_address'])) this.#addresses.set(address as string, value as { until: number; keys: Did[] })
    gone.push(...this.#oldAddresses(now))
    if (gone.length > 0) this.#write(gone)
  }
}

type Change = { readonly key: readonly KeyValue[]; readonly value: unknown | undefined }
