import type { Did, Facts, OperationId, OperationView } from '@icn/protocol'
import { scopeCovers } from '@icn/protocol'
import type { ActRow, ActState, GrantRow, IdentityState } from './tables.ts'
import { acts, grantOf, grants, grantsTo, keyOf, keys, liveGrants } from './tables.ts'

/** The key that speaks for a DID without anybody's leave, in DID form. */
export function rootOf(facts: Facts, did: Did): Did {
  return facts.get(keys, [did])?.root ?? did
}

/** What an operation by the root must name as its grant: nothing, or the operation that made this key the root. */
export function rootGrant(facts: Facts, did: Did): OperationId | null {
  return facts.get(keys, [did])?.since_op ?? null
}

export function identityState(facts: Facts, did: Did): IdentityState {
  return facts.get(keys, [did])?.state ?? 'active'
}

/** Frozen or retired: may author nothing. */
export function isFrozen(facts: Facts, did: Did): boolean {
  return identityState(facts, did) !== 'active'
}

/** What signed an operation: the author's root, or a device or node under a grant; undefined when no row supports it. */
export function signerKind(facts: Facts, op: Pick<OperationView, 'author' | 'signer' | 'grant'>): 'root' | 'device' | 'node' | undefined {
  if (rootOf(facts, op.author) === op.signer) return 'root'
  const row = op.grant === null ? undefined : facts.get(grants, [op.author, op.grant])
  return row !== undefined && row.grantee === op.signer ? row.grantee_kind : undefined
}

export type GrantState = 'pending' | 'live' | 'expired' | 'revoked'

export function grantState(row: GrantRow, at: number): GrantState {
  if (row.revoked !== undefined) return 'revoked'
  if (at < row.not_before_at) return 'pending'
  return at < row.not_after_at ? 'live' : 'expired'
}

export interface GrantView {
  readonly id: OperationId
  readonly author: Did
  readonly row: GrantRow
}

/** Every grant of an author here, revoked and expired ones too, in no order that means anything. */
export function grantsBy(facts: Facts, author: Did): readonly GrantView[] {
  return [...facts.scan(grants, { prefix: [author] })].map(([[, id], row]) => ({ id, author, row }))
}

export function grantById(facts: Facts, id: OperationId): GrantView | undefined {
  const author = facts.get(grantOf, [id])
  const row = author === undefined ? undefined : facts.get(grants, [author, id])
  return author === undefined || row === undefined ? undefined : { id, author, row }
}

/** Live and pending grants of an author, soonest end first; at most 32. */
export function liveGrantsBy(facts: Facts, author: Did, at: number): readonly GrantView[] {
  const found: GrantView[] = []
  for (const [[, , id]] of facts.scan(liveGrants, { prefix: [author], from: [author, at + 1] })) {
    const row = facts.get(grants, [author, id])
    if (row !== undefined) found.push({ id, author, row })
  }
  return found
}

/** The live grant under which `grantee` may sign `kind` for `author` at this time; the one that lasts longest. */
export function grantFor(facts: Facts, author: Did, grantee: Did, kind: string, at: number): GrantView | undefined {
  return liveGrantsBy(facts, author, at).findLast(({ row }) => row.grantee === grantee && grantState(row, at) === 'live' && row.scopes.some((scope) => scopeCovers(scope, kind)))
}

/** Devices of a person here: live device grants. */
export function devicesOf(facts: Facts, author: Did, at: number): readonly GrantView[] {
  return liveGrantsBy(facts, author, at).filter(({ row }) => row.grantee_kind === 'device')
}

/** Whose live device a key is; undefined when nobody's. */
export function deviceOwner(facts: Facts, key: Did, at: number): Did | undefined {
  for (const [[, id], author] of facts.scan(grantsTo, { prefix: [key] })) {
    const row = facts.get(grants, [author, id])
    if (row !== undefined && row.grantee_kind === 'device' && grantState(row, at) === 'live') return author
  }
  return undefined
}

/** The root of a DID as it was at a time: which key was good for what had been signed then. */
export function keyAt(facts: Facts, did: Did, at: number): Did {
  const row = facts.get(keys, [did])
  if (row === undefined) return did
  return row.retired.find(({ until_at }) => at < until_at)?.key ?? row.root
}

/** The DID whose root a key is or was; undefined when only its own. */
export function personOfKey(facts: Facts, key: Did): Did | undefined {
  return facts.get(keyOf, [key])
}

export interface ActView {
  readonly id: OperationId
  readonly row: ActRow
}

export function actById(facts: Facts, id: OperationId): ActView | undefined {
  const row = facts.get(acts, [id])
  return row === undefined ? undefined : { id, row }
}

/** An act whose time is over counts as expired, also before the sweeper has written it down. */
export function actState(row: ActRow, at: number): ActState {
  return row.state === 'open' && at >= row.expires_at ? 'expired' : row.state
}

export interface ActFilter {
  readonly state?: ActState
  readonly proposer?: Did
  readonly subject?: Did
  readonly kind?: string
  readonly after?: OperationId
  readonly limit: number
}

export function actsOf(facts: Facts, filter: ActFilter, at: number): readonly ActView[] {
  const found: ActView[] = []
  for (const [[id], row] of facts.scan(acts, filter.after === undefined ? {} : { after: [filter.after] })) {
    if (filter.state !== undefined && actState(row, at) !== filter.state) continue
    if (filter.proposer !== undefined && row.proposer !== filter.proposer) continue
    if (filter.subject !== undefined && row.subject !== filter.subject) continue
    if (filter.kind !== undefined && row.kind !== filter.kind) continue
    found.push({ id, row })
    if (found.length >= filter.limit) break
  }
  return found
}

/** Live permissions of everybody, by sort; a scan, for measures. */
export function countLiveGrants(facts: Facts, at: number): Readonly<Record<GrantRow['grantee_kind'], number>> {
  const found = { device: 0, node: 0 }
  for (const [[author, , id]] of facts.scan(liveGrants)) {
    const row = facts.get(grants, [author, id])
    if (row !== undefined && grantState(row, at) === 'live') found[row.grantee_kind]++
  }
  return found
}

/** Acts by state; a scan, for measures. */
export function countActs(facts: Facts, at: number): Readonly<Record<ActState, number>> {
  const found = { open: 0, done: 0, withdrawn: 0, expired: 0 }
  for (const [, row] of facts.scan(acts)) found[actState(row, at)]++
  return found
}
