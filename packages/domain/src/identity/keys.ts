import type { Did, Facts, IdentityFreeze as FreezeBody, IdentityRotate as RotateBody, Law } from '@icn/protocol'
import { IdentityFreeze, IdentityRotate, Judgement, retiredKeysMax, rotateStatements } from '@icn/protocol'
import { revokeAll } from './grants.ts'
import type { SpaceProfile } from './profile.ts'
import { grantState, rootOf } from './queries.ts'
import type { KeysRow } from './tables.ts'
import { grants, grantsTo, keyOf, keys } from './tables.ts'

/** Another key becomes the root; the DID stays the same name for the same person. */
export function rotateLaw(profile: SpaceProfile): Law<RotateBody> {
  return {
    kind: 'identity.rotate',
    key: 'R',
    body: IdentityRotate,
    statements: rotateStatements,
    decide(op, facts) {
      const j = new Judgement()
      const { author, body } = op
      const root = rootOf(facts, author)
      j.refuseIf(body.new_key === root, 'KEY_UNCHANGED')
      j.refuseIf(body.new_key !== root && isTaken(facts, profile, body.new_key, op.at[0]), 'KEY_TAKEN', { params: { key: body.new_key } })
      const { proof } = body
      j.refuseIf(proof.did !== author || proof.key !== body.new_key || proof.old_key !== root, 'STATEMENT_KEY', { params: { did: author } })
      j.refuseIf(body.keep_grants && body.reason === 'compromised', 'KEEP_AFTER_COMPROMISE')
      const retired = facts.get(keys, [author])?.retired.length ?? 0
      j.refuseIf(retired >= retiredKeysMax, 'KEYS_EXHAUSTED', { limit: retiredKeysMax, used: retired, params: { limit: retiredKeysMax } })
      return j.decision()
    },
    apply(op, tables) {
      const { author, body } = op
      const at = op.at[0]
      const row = tables.get(keys, [author])
      const old = row?.root ?? author
      const next: KeysRow = {
        root: body.new_key,
        since_at: at,
        since_op: op.id,
        retired: [...(row?.retired ?? []), { key: old, until_at: at, op: op.id, reason: body.reason }],
        state: 'active',
      }
      tables.put(keys, [author], next)
      tables.put(keyOf, [old], author)
      tables.put(keyOf, [body.new_key], author)
      if (!body.keep_grants) revokeAll(tables, author, op, body.reason === 'compromised' ? 'compromised' : 'replaced')
      tables.emit('identity.rotated', { did: author, new_key: body.new_key, old_key: old, reason: body.reason })
    },
  }
}

/** A key is root of at most one DID, once and for ever; and nobody's device, no node, no person of this space. */
function isTaken(facts: Facts, profile: SpaceProfile, key: Did, at: number): boolean {
  if (facts.get(keyOf, [key]) !== undefined || facts.get(keys, [key]) !== undefined) return true
  if (profile.isKnownNode(facts, key) || profile.standing(facts, key) !== 'none') return true
  for (const [[, id], author] of facts.scan(grantsTo, { prefix: [key] })) {
    const row = facts.get(grants, [author, id])
    if (row !== undefined && (grantState(row, at) === 'live' || grantState(row, at) === 'pending')) return true
  }
  return false
}

/** Nobody signs for this DID any more: until a recovery, or for good. */
export function freezeLaw(profile: SpaceProfile): Law<FreezeBody> {
  return {
    kind: 'identity.freeze',
    key: 'D',
    body: IdentityFreeze,
    decide(op, facts) {
      const j = new Judgement()
      const state = facts.get(keys, [op.author])?.state ?? 'active'
      j.refuseIf(state === 'retired' || (state === 'frozen' && !op.body.final), 'ALREADY_FROZEN', { params: { state } })
      j.refuseIf(!op.body.final && profile.recoveryRule(facts, op.author, op.at[0]) === undefined, 'NO_TRUSTEES')
      return j.decision()
    },
    apply(op, tables) {
      const row = tables.get(keys, [op.author]) ?? { root: op.author, retired: [], state: 'active' as const }
      tables.put(keys, [op.author], { ...row, state: op.body.final ? 'retired' : 'frozen', frozen_op: op.id })
      revokeAll(tables, op.author, op, 'other')
      tables.emit('identity.frozen', { did: op.author, final: op.body.final })
    },
  }
}
