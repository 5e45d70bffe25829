import type { Did, Facts, IdentityGrant as GrantBody, IdentityRevoke as RevokeBody, KeyClass, Law, OperationId, OperationView, Tables } from '@icn/protocol'
import { grantMsBounds, IdentityGrant, IdentityRevoke, Judgement, kindPattern, liveGrantsMax, scopeCovers } from '@icn/protocol'
import { countOf } from './counts.ts'
import { keyTrouble } from './guard.ts'
import type { SpaceProfile } from './profile.ts'
import type { GrantView } from './queries.ts'
import { grantById, grantState, grantsBy, liveGrantsBy, rootOf, signerKind } from './queries.ts'
import type { GrantRow } from './tables.ts'
import { counts, grantOf, grants, grantsTo, keyOf, liveGrants } from './tables.ts'

const prefixPattern = /^[a-z]+(?:\.[a-z_]+){0,2}\.\*$/

/** Permission for a device or a node to sign for its author, in this one space. `keyOfKind` says the key class of a kind of this space's rules. */
export function grantLaw(profile: SpaceProfile, keyOfKind: (kind: string) => KeyClass | undefined): Law<GrantBody> {
  return {
    kind: 'identity.grant',
    key: 'D',
    body: IdentityGrant,
    subject: (body) => body.grantee,
    decide(op, facts) {
      const j = new Judgement()
      const { body, author } = op
      const at = op.at[0]
      const by = signerKind(facts, op)
      const parent = by === 'device' && op.grant !== null ? facts.get(grants, [author, op.grant]) : undefined
      // A device may let a node sign, never another device.
      const trouble = keyTrouble(body.grantee_kind === 'device' ? 'R' : 'D', by)
      if (trouble !== undefined) j.refuse(trouble, { params: { kind: op.kind } })

      const standing = profile.standing(facts, author)
      j.refuseIf(standing === 'none' || standing === 'ended' || standing === 'node', 'NO_STANDING', { params: { standing } })
      j.refuseIf(body.grantee === author || body.grantee === rootOf(facts, author), 'GRANTEE_IS_AUTHOR')
      j.refuseIf(isKeyTaken(facts, profile, author, body, at), 'GRANT_KEY_TAKEN', { params: { grantee: body.grantee } })
      checkTimes(j, body, at)
      j.refuseIf(body.grantee_kind === 'node' && !profile.isKnownNode(facts, body.grantee), 'NOT_A_HOST', { params: { did: body.grantee } })
      checkScopes(j, body, keyOfKind)
      const wider = parent === undefined ? undefined : widerThan(body, parent)
      j.refuseIf(wider !== undefined, 'SCOPE_WIDER_THAN_PARENT', { params: { what: wider ?? '' } })
      const live = liveGrantsBy(facts, author, at).length
      j.refuseIf(live >= liveGrantsMax, 'GRANTS_TOO_MANY', { limit: liveGrantsMax, used: live, params: { limit: liveGrantsMax, used: live } })
      return j.decision()
    },
    apply(op, tables) {
      const { body, author } = op
      const at = op.at[0]
      clearExpired(tables, author, at)
      const row: GrantRow = { ...body, made_at: at, ...(signerKind(tables, op) === 'device' && op.grant !== null ? { parent: op.grant } : {}) }
      tables.put(grants, [author, op.id], row)
      tables.put(grantsTo, [body.grantee, op.id], author)
      tables.put(grantOf, [op.id], author)
      tables.put(liveGrants, [author, body.not_after_at, op.id], {})
      tables.put(counts, [author, 'grants'], countOf(tables, author, 'grants') + 1)
      tables.emit('identity.granted', { author, grant: op.id, grantee: body.grantee, grantee_kind: body.grantee_kind, not_after_at: body.not_after_at })
    },
  }
}

/** A person's key, or another person's device, cannot be a grantee. */
function isKeyTaken(facts: Facts, profile: SpaceProfile, author: Did, body: GrantBody, at: number): boolean {
  if (facts.get(keyOf, [body.grantee]) !== undefined) return true
  const standing = profile.standing(facts, body.grantee)
  if (body.grantee_kind === 'node') return standing !== 'none' && standing !== 'node'
  if (standing !== 'none') return true
  for (const [[, id], other] of facts.scan(grantsTo, { prefix: [body.grantee] })) {
    if (other === author) continue
    const row = facts.get(grants, [other, id])
    if (row !== undefined && (grantState(row, at) === 'live' || grantState(row, at) === 'pending')) return true
  }
  return false
}

function checkTimes(j: Judgement, body: GrantBody, at: number): void {
  const { min, max } = grantMsBounds[body.grantee_kind]
  const length = body.not_after_at - body.not_before_at
  j.refuseIf(length < min || body.not_after_at <= at, 'GRANT_TIMES_INVALID', { limit: min, unit: 'ms', params: { limit: min / 60_000 } })
  // Counted from now also when it begins later, so that no permission reaches further ahead than one that begins now.
  const reach = body.not_after_at - Math.min(body.not_before_at, at)
  j.refuseIf(reach > max, 'GRANT_TOO_LONG', { limit: max, requested: reach, unit: 'ms', params: { limit: max / 60_000 } })
}

function checkScopes(j: Judgement, body: GrantBody, keyOfKind: (kind: string) => KeyClass | undefined): void {
  const wrong = body.scopes.find((scope, i) => !(kindPattern.test(scope) || prefixPattern.test(scope)) || body.scopes.indexOf(scope) !== i)
  j.refuseIf(wrong !== undefined, 'SCOPE_INVALID', { params: { scope: wrong ?? '' } })
  // A prefix needs no look: the guard never lets it reach a kind whose class forbids it.
  const never = body.scopes.find((scope) => keyTrouble(keyOfKind(scope) ?? 'N', body.grantee_kind) !== undefined)
  j.refuseIf(never !== undefined, 'SCOPE_ROOT_ONLY', { params: { scope: never ?? '' } })
}

/** What a device's grant would give beyond its own; undefined when nothing. */
function widerThan(body: GrantBody, parent: GrantRow): string | undefined {
  const scope = body.scopes.find((wanted) => !parent.scopes.some((own) => own === wanted || scopeCovers(own, wanted)))
  if (scope !== undefined) return scope
  if (body.not_after_at > parent.not_after_at) return 'not_after_at'
  if (body.not_before_at < parent.not_before_at) return 'not_before_at'
  if (parent.max_amount !== undefined && (body.max_amount === undefined || BigInt(body.max_amount) > BigInt(parent.max_amount))) return 'max_amount'
  return undefined
}

/** Takes grants whose time is over out of the index of live ones, so that it never holds more than the bound and a few. */
function clearExpired(tables: Tables, author: Did, at: number): void {
  const over = [...tables.scan(liveGrants, { prefix: [author] })].map(([key]) => key).filter(([, end]) => end <= at)
  for (const key of over) tables.delete(liveGrants, key)
  if (over.length > 0) tables.put(counts, [author, 'grants'], countOf(tables, author, 'grants') - over.length)
}

/** Grants that a revocation would end: the one named, or all live ones to the grantee; without their children. */
function named(facts: Facts, op: OperationView<RevokeBody>): readonly GrantView[] {
  const { grant, grantee } = op.body
  if (grant !== undefined) {
    const found = grantById(facts, grant)
    return found === undefined ? [] : [found]
  }
  return [...facts.scan(liveGrants, { prefix: [op.author] })].flatMap(([[, , id]]) => {
    const row = facts.get(grants, [op.author, id])
    return row === undefined || row.grantee !== grantee ? [] : [{ id, author: op.author, row }]
  })
}

export const revokeLaw: Law<RevokeBody> = {
  kind: 'identity.revoke',
  key: 'D',
  body: IdentityRevoke,
  subject: (body) => body.grantee,
  decide(op, facts) {
    const j = new Judgement()
    const found = named(facts, op)
    const before = op.body.grantee === undefined ? [] : grantsBy(facts, op.author).filter(({ row }) => row.grantee === op.body.grantee)
    if (j.refuseIf(found.length === 0 && before.length === 0, 'GRANT_UNKNOWN')) return j.decision()
    // The grantor, or the grantee that gives up its own.
    j.refuseIf(
      found.some(({ author, row }) => author !== op.author && row.grantee !== op.author),
      'NOT_YOUR_GRANT',
    )
    j.refuseIf(
      found.every(({ row }) => row.revoked !== undefined),
      'ALREADY_REVOKED',
    )
    return j.decision()
  },
  apply(op, tables) {
    const { reason, known_seq } = op.body
    for (const { id, author } of named(tables, op)) revokeGrant(tables, author, id, op, { reason, ...(known_seq === undefined ? {} : { known_seq }) })
  },
}

/** Ends one grant, and everything that was made under it. */
export function revokeGrant(tables: Tables, author: Did, id: OperationId, op: OperationView, why: { readonly reason: string; readonly known_seq?: number }): void {
  const row = tables.get(grants, [author, id])
  if (row === undefined || row.revoked !== undefined) return
  tables.put(grants, [author, id], {
    ...row,
    revoked: { op: op.id, at: op.at[0], by: op.author, reason: why.reason, ...(why.known_seq === undefined ? {} : { known_seq: why.known_seq }) },
  })
  if (tables.get(liveGrants, [author, row.not_after_at, id]) !== undefined) {
    tables.delete(liveGrants, [author, row.not_after_at, id])
    tables.put(counts, [author, 'grants'], countOf(tables, author, 'grants') - 1)
  }
  tables.emit('identity.revoked', { author, grant: id, grantee: row.grantee, grantee_kind: row.grantee_kind, reason: why.reason })
  const children = [...tables.scan(liveGrants, { prefix: [author] })].map(([[, , child]]) => child).filter((child) => tables.get(grants, [author, child])?.parent === id)
  for (const child of children) revokeGrant(tables, author, child, op, { reason: why.reason })
}

/** Ends every live grant of an author, when the root changes or the identity is frozen. */
export function revokeAll(tables: Tables, author: Did, op: OperationView, reason: string): void {
  const live = [...tables.scan(liveGrants, { prefix: [author] })].map(([[, , id]]) => id)
  for (const id of live) revokeGrant(tables, author, id, op, { reason })
}
