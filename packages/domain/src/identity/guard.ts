import type { Check, CheckDetails, Code, Facts, KeyClass, OperationView } from '@icn/protocol'
import { scopeCovers } from '@icn/protocol'
import type { SpaceProfile } from './profile.ts'
import { identityState } from './queries.ts'
import type { GrantRow } from './tables.ts'
import { grants, keyOf, keys } from './tables.ts'

type Guarded = Pick<OperationView, 'kind' | 'author' | 'signer' | 'grant' | 'at' | 'key'>

/** A key with nothing against it: no object is made for the many. */
const nothing: readonly Check[] = []

/**
 * Asked before every law: is the key good at this place, and does the grant cover it (identity page §7, ruling 26)?
 * Everything is read from rows, so a host that began from a state judges like one with all history.
 * It names only what fails; a passed guard would say the same for every operation.
 */
export function guard(profile: SpaceProfile): (op: OperationView, facts: Facts) => readonly Check[] {
  return (op, facts) => {
    // A certificate is judged by itself (ruling 23).
    if (op.kind === 'space.checkpoint') return nothing
    const found: Check[] = []
    const fail = (code: Code, details: CheckDetails = {}): void => void found.push({ ...details, code, result: 'fail' })
    const state = identityState(facts, op.author)
    // Freezing again is †, and freezing for good must be possible from frozen; only the root can still sign it.
    if (state !== 'active' && op.kind !== 'identity.freeze') fail('AUTHOR_FROZEN', { params: { did: op.author, state } })
    checkKey(op, facts, profile, fail)
    return found.length === 0 ? nothing : found
  }
}

function checkKey(op: Guarded, facts: Facts, profile: SpaceProfile, fail: (code: Code, details?: CheckDetails) => void): void {
  const row = facts.get(keys, [op.author])
  const root = row?.root ?? op.author
  if (op.signer === op.author && op.grant === null) {
    if (root !== op.signer) fail('KEY_RETIRED', { params: { did: op.author } })
    // The key has become the root of another DID; it cannot also speak for the one it spells.
    const person = facts.get(keyOf, [op.signer])
    if (person !== undefined && person !== op.author) fail('KEY_TAKEN', { params: { key: op.signer } })
    return
  }
  if (op.grant === null) {
    fail('GRANT_NOT_APPLIED', { params: { grant: null } })
    return
  }
  if (row?.since_op === op.grant && root === op.signer) return
  if (facts.get(keyOf, [op.signer]) === op.author && root !== op.signer) {
    fail('KEY_RETIRED', { params: { did: op.author } })
    return
  }
  const grant = facts.get(grants, [op.author, op.grant])
  if (grant === undefined || grant.grantee !== op.signer) fail('GRANT_NOT_APPLIED', { params: { grant: op.grant } })
  else checkGrant(op, grant, facts, profile, fail)
}

function checkGrant(op: Guarded, grant: GrantRow, facts: Facts, profile: SpaceProfile, fail: (code: Code, details?: CheckDetails) => void): void {
  const parent = grant.parent === undefined ? undefined : facts.get(grants, [op.author, grant.parent])
  const revoked = grant.revoked ?? parent?.revoked
  if (revoked !== undefined) fail('GRANT_REVOKED', { params: { grant: op.grant, by: revoked.op, reason: revoked.reason } })
  if (grant.grantee_kind === 'node' && !profile.isKnownNode(facts, op.signer)) fail('NOT_A_HOST', { params: { did: op.signer } })
  const key = keyTrouble(op.key, grant.grantee_kind)
  if (key !== undefined) fail(key, { params: { kind: op.kind } })
  const at = op.at[0]
  if (at < grant.not_before_at) fail('GRANT_NOT_YET', { params: { grant: op.grant, not_before_at: grant.not_before_at }, passes_at: grant.not_before_at })
  if (at >= grant.not_after_at) fail('GRANT_EXPIRED', { params: { grant: op.grant, not_after_at: grant.not_after_at } })
  if (key === undefined && !grant.scopes.some((scope) => scopeCovers(scope, op.kind))) fail('GRANT_SCOPE', { params: { kind: op.kind, scopes: grant.scopes } })
}

/** Which key a kind of this class misses when a device or a node signs it. */
export function keyTrouble(needed: KeyClass, signedBy: 'root' | 'device' | 'node' | undefined): 'ROOT_KEY_REQUIRED' | 'DEVICE_KEY_REQUIRED' | undefined {
  if (needed === 'R' && signedBy !== 'root') return 'ROOT_KEY_REQUIRED'
  if (needed === 'D' && signedBy === 'node') return 'DEVICE_KEY_REQUIRED'
  return undefined
}
