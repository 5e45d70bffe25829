import { z } from 'zod'
import type { Statement, StatementContext } from '../engine/index.ts'
import { amount, bytes, did, int, nameText, operationId, text, timeMs } from '../schema.ts'

/** Bodies of the kinds of identity (identity page §7). Bounds that a law answers with a code of its own are loose here. */

/** Grants that are live at once, of an author in a space. Larger: the guard's scans grow; smaller: people with many devices are stuck. */
export const liveGrantsMax = 32
/** Larger: an operation grows; smaller: the everyday list does not fit. */
export const grantScopesMax = 64
/** Keys that a DID has left behind. Kept for ever, because old signatures are checked against them; at the bound a person starts a new DID. */
export const retiredKeysMax = 64
/** How long a grant may reach ahead, and at least. Larger: a lost device or dishonest node signs longer; smaller: people agree all day. */
export const grantMsBounds = {
  node: { min: 5 * 60_000, max: 30 * 86_400_000, usual: 12 * 3_600_000 },
  device: { min: 86_400_000, max: 1_095 * 86_400_000, usual: 365 * 86_400_000 },
} as const

/**
 * What a device may sign, expanded before signing, so that it means the same for ever. Prefixes never reach kinds that only the root may sign.
 * `space.*` stands for settling the quarantine and adopting rules.
 */
export const deviceScopes: readonly string[] = [
  'coop.*',
  'commons.*',
  'governance.*',
  'ledger.*',
  'compute.*',
  'trust.*',
  'act.*',
  'appeal.*',
  'amendment.*',
  'space.*',
  'identity.grant',
  'identity.revoke',
  'identity.freeze',
  'identity.trustee.answer',
  'identity.recovery.*',
]

export const granteeKinds = ['device', 'node'] as const
export type GranteeKind = (typeof granteeKinds)[number]
export const rotateReasons = ['scheduled', 'compromised', 'device_change', 'upgrade'] as const
export const revokeReasons = ['signed_out', 'lost', 'compromised', 'replaced', 'other'] as const
export const identitySweepKinds = ['act_expires'] as const

/** A scope is a kind, or a prefix ending `.*`. */
export function scopeCovers(scope: string, kind: string): boolean {
  return scope.endsWith('.*') ? kind.startsWith(scope.slice(0, -1)) : scope === kind
}

export const IdentityGrant = z.strictObject({
  grantee: did,
  grantee_kind: z.enum(granteeKinds),
  /** Kinds, or prefixes ending `.*`. */
  scopes: z.array(z.string().min(1).max(64)).min(1).max(grantScopesMax),
  not_before_at: timeMs,
  not_after_at: timeMs,
  /** For each payment, in minor units. */
  max_amount: amount.refine((value) => !value.startsWith('-'), { message: 'must not be negative' }).optional(),
  label: nameText(1, 64),
})
export type IdentityGrant = z.output<typeof IdentityGrant>

export const IdentityRevoke = z
  .strictObject({
    /** One grant, by the operation that made it. */
    grant: operationId.optional(),
    /** All of the author's grants to this DID. */
    grantee: did.optional(),
    reason: z.enum(revokeReasons),
    /** Last number of the grantee's chain that the author knows to be honest; what lies above is suspect. */
    known_seq: int(0, Number.MAX_SAFE_INTEGER).optional(),
  })
  .refine((body) => (body.grant === undefined) !== (body.grantee === undefined), { message: 'either grant or grantee' })
export type IdentityRevoke = z.output<typeof IdentityRevoke>

/** Proof that the new key is held: the statement `rotate`, with the key that it replaces. */
export const RotationProof = z.strictObject({ did, key: did, old_key: did, signature: bytes(64) })
export type RotationProof = z.output<typeof RotationProof>

export const IdentityRotate = z.strictObject({ new_key: did, proof: RotationProof, reason: z.enum(rotateReasons), keep_grants: z.boolean() })
export type IdentityRotate = z.output<typeof IdentityRotate>

export const IdentityFreeze = z.strictObject({ reason: text(1, 200), final: z.boolean() })
export type IdentityFreeze = z.output<typeof IdentityFreeze>

export const IdentitySweep = z.strictObject({
  items: z
    .array(z.strictObject({ kind: z.enum(identitySweepKinds), ref: operationId }))
    .min(1)
    .max(100),
})
export type IdentitySweep = z.output<typeof IdentitySweep>

export const identityBodies = {
  'identity.grant': IdentityGrant,
  'identity.revoke': IdentityRevoke,
  'identity.rotate': IdentityRotate,
  'identity.freeze': IdentityFreeze,
  'identity.sweep': IdentitySweep,
} as const satisfies Record<string, z.ZodType>

/** `network` always, `space` inside a coop: what every statement's payload begins with. */
export function statementPlace(context: Pick<StatementContext, 'network' | 'space'>): Readonly<Record<string, unknown>> {
  return context.space === 'commons' ? { network: context.network } : { network: context.network, space: context.space }
}

/** What the new key signs in `identity.rotate`. */
export function rotatePayload(context: Pick<StatementContext, 'network' | 'space'>, proof: Pick<RotationProof, 'did' | 'old_key' | 'key'>): Readonly<Record<string, unknown>> {
  return { ...statementPlace(context), did: proof.did, new_key: proof.key, old_key: proof.old_key }
}

export function rotateStatements(body: IdentityRotate, context: StatementContext): readonly Statement[] {
  return [{ purpose: 'rotate', key: body.proof.key, payload: rotatePayload(context, body.proof), signature: body.proof.signature }]
}
