import { z } from 'zod'
import { grantMsBounds, grantScopesMax, granteeKinds, revokeReasons, rotateReasons } from '../bodies/identity.ts'
import { amount, bytes, did, int, nameText, operationId, spaceId, text } from '../schema.ts'
import { listFields, operationField, spaceField, timeField, timeInput } from './common.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** Identity and grants (identity page §11). */

export const GrantView = z.strictObject({
  grant_id: operationId,
  space: spaceId,
  author: did,
  grantee: did,
  grantee_kind: z.enum(granteeKinds),
  scopes: z.array(z.string()),
  not_before_at: timeField,
  not_after_at: timeField,
  max_amount: amount.nullable(),
  label: z.string(),
  parent: operationId.nullable(),
  made_at: timeField,
  state: z.enum(['pending', 'live', 'expired', 'revoked']),
  revoked: z.strictObject({ at: timeField, by: did, reason: z.string() }).nullable(),
})
export type GrantView = z.output<typeof GrantView>

/** W3C DID Core 1.0 document with this network's metadata beside it. */
export const DidDocument = z.strictObject({
  '@context': z.array(z.string()),
  id: did,
  verificationMethod: z.array(z.strictObject({ id: z.string(), type: z.literal('Multikey'), controller: did, publicKeyMultibase: z.string() })),
  authentication: z.array(z.string()),
  assertionMethod: z.array(z.string()),
  capabilityInvocation: z.array(z.string()),
  service: z.array(z.strictObject({ id: z.string(), type: z.string(), serviceEndpoint: z.array(z.string()) })).optional(),
  metadata: z.strictObject({
    created_at: timeField.nullable(),
    updated_at: timeField.nullable(),
    version_id: operationId.nullable(),
    deactivated: z.boolean(),
    icn: z.strictObject({ known: z.boolean(), state: z.enum(['active', 'frozen', 'retired']), as_of: timeField, final: z.boolean() }),
  }),
})
export type DidDocument = z.output<typeof DidDocument>

const scopes = z.array(z.string().min(1).max(64)).min(1).max(grantScopesMax)

/** What became of one operation in each space of a call that reaches several. */
export const SpaceResult = z.strictObject({
  space: spaceId,
  outcome: z.enum(['applied', 'already_done', 'refused', 'drafted', 'simulated']),
  operation: operationId.nullable(),
  code: z.string().nullable().describe('Why not, when it was refused.'),
})
export type SpaceResult = z.output<typeof SpaceResult>
export const SpaceResults = z.strictObject({ spaces: z.array(SpaceResult) })

const grantExample = {
  grant_id: sample.grant,
  space: 'coop:food',
  author: sample.ada,
  grantee: sample.elm,
  grantee_kind: 'node',
  scopes: ['coop.member.admit'],
  not_before_at: sample.at,
  not_after_at: sample.later,
  max_amount: null,
  label: 'Elm',
  parent: null,
  made_at: sample.at,
  state: 'live',
  revoked: null,
}
const resultsExample = { spaces: [{ space: 'coop:food', outcome: 'applied', operation: sample.one, code: null }] }

export const identityRows = {
  'identity.resolve': row({
    rest: 'GET /v1/identities/{did}',
    cli: 'id resolve',
    mode: 'read',
    space: 'commons',
    access: ['public'],
    cost: 'public',
    input: z.strictObject({ did: did.describe('The DID to resolve.') }),
    output: DidDocument,
    refuses: [],
    says: 'Show the keys that speak for a DID, as a DID document.',
    example: {
      input: { did: sample.ada },
      output: {
        '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
        id: sample.ada,
        verificationMethod: [{ id: `${sample.ada}#root`, type: 'Multikey', controller: sample.ada, publicKeyMultibase: sample.ada.slice(8) }],
        authentication: [`${sample.ada}#root`],
        assertionMethod: [`${sample.ada}#root`],
        capabilityInvocation: [`${sample.ada}#root`],
        metadata: { created_at: null, updated_at: null, version_id: null, deactivated: false, icn: { known: false, state: 'active', as_of: sample.at, final: false } },
      },
    },
    since: '1.0',
  }),
  'identity.grants.list': row({
    rest: 'GET /v1/spaces/{space}/grants',
    cli: 'grant list',
    mode: 'list',
    space: '{space}',
    access: ['session'],
    scope: 'identity:read',
    cost: 'read',
    input: z.strictObject({
      space: spaceField,
      grantee: did.optional().describe('Only those to this DID.'),
      live: z.boolean().optional().describe('Only those that hold now.'),
      ...listFields,
    }),
    output: GrantView,
    refuses: [],
    says: 'List the permissions you gave in a space.',
    example: { input: { space: 'coop:food', live: true }, output: { items: [grantExample], next_cursor: null, as_of: sample.at } },
    since: '1.0',
  }),
  'identity.grant': row({
    rest: 'POST /v1/spaces/{space}/grants',
    cli: 'grant create',
    mode: 'write',
    proposes: ['identity.grant'],
    space: '{space}',
    access: ['session'],
    scope: 'identity:write',
    cost: 'govern',
    input: z.strictObject({
      space: spaceField,
      grantee: did.optional().describe('Who may sign; left out: this node.'),
      grantee_kind: z.enum(granteeKinds).default('node').describe('A device of yours, or a node.'),
      scopes: scopes.describe('Kinds, or prefixes ending in .*'),
      not_before_at: timeInput.optional().describe('From when; left out: now.'),
      not_after_at: timeInput.optional().describe('Until when.'),
      for_ms: int(1, grantMsBounds.device.max).optional().describe('Or: for how long from the beginning on.'),
      max_amount: amount.optional().describe('Largest payment, in minor units.'),
      label: nameText(1, 64).optional().describe('A name for people.'),
    }),
    output: GrantView,
    refuses: [
      'NO_STANDING',
      'GRANTEE_IS_AUTHOR',
      'GRANT_KEY_TAKEN',
      'GRANT_TIMES_INVALID',
      'GRANT_TOO_LONG',
      'NOT_A_HOST',
      'SCOPE_INVALID',
      'SCOPE_ROOT_ONLY',
      'SCOPE_WIDER_THAN_PARENT',
      'GRANTS_TOO_MANY',
      'ROOT_KEY_REQUIRED',
      'DEVICE_KEY_REQUIRED',
    ],
    says: 'Let a device or a node sign for you, within bounds.',
    example: { input: { space: 'coop:food', scopes: ['coop.member.admit'], for_ms: 43_200_000, label: 'Elm' }, output: grantExample },
    since: '1.0',
  }),
  'identity.revoke': row({
    rest: 'DELETE /v1/spaces/{space}/grants/{operation_id}',
    cli: 'grant revoke',
    mode: 'write',
    proposes: ['identity.revoke'],
    space: '{space}',
    access: ['session'],
    scope: 'identity:write',
    cost: 'govern',
    input: z.strictObject({
      space: spaceField,
      operation_id: operationField,
      reason: z.enum(revokeReasons).default('other').describe('Why it ends.'),
      known_seq: int(0, Number.MAX_SAFE_INTEGER).optional().describe('Last number of the grantee’s chain that you know to be honest.'),
    }),
    output: GrantView,
    refuses: ['GRANT_UNKNOWN', 'NOT_YOUR_GRANT', 'ALREADY_REVOKED', 'DEVICE_KEY_REQUIRED'],
    says: 'End a permission, with everything that was made under it.',
    example: {
      input: { space: 'coop:food', operation_id: sample.grant, reason: 'replaced' },
      output: { ...grantExample, state: 'revoked', revoked: { at: sample.at, by: sample.ada, reason: 'replaced' } },
    },
    since: '1.0',
  }),
  'identity.rotate': row({
    rest: 'POST /v1/me/rotate',
    cli: 'id rotate',
    mode: 'write',
    proposes: ['identity.rotate'],
    space: 'own',
    access: ['session'],
    scope: 'identity:write',
    cost: 'govern',
    input: z.strictObject({
      new_key: did.describe('The new key, in the form of a DID.'),
      proofs: z
        .array(z.strictObject({ space: spaceId, old_key: did, signature: bytes(64) }))
        .min(1)
        .max(200)
        .describe('The new key’s signature, one for each space.'),
      reason: z.enum(rotateReasons).describe('Why it changes.'),
      keep_grants: z.boolean().default(false).describe('Leave your devices as they are.'),
    }),
    output: SpaceResults,
    refuses: ['KEY_UNCHANGED', 'KEY_TAKEN', 'KEEP_AFTER_COMPROMISE', 'KEYS_EXHAUSTED', 'ROOT_KEY_REQUIRED', 'KEY_RETIRED', 'NO_STANDING'],
    says: 'Put a new root key in the place of the old one, in every space of yours.',
    example: {
      input: { new_key: sample.chen, proofs: [{ space: 'coop:food', old_key: sample.ada, signature: 'A'.repeat(86) }], reason: 'scheduled' },
      output: resultsExample,
    },
    since: '1.0',
  }),
  'identity.freeze': row({
    rest: 'POST /v1/me/freeze',
    cli: 'id freeze',
    mode: 'write',
    proposes: ['identity.freeze'],
    space: 'own',
    access: ['session'],
    scope: 'identity:write',
    cost: 'govern',
    input: z.strictObject({
      reason: text(1, 200).describe('Why.'),
      final: z.boolean().default(false).describe('For ever: nothing lifts it.'),
      spaces: z.array(spaceId).min(1).max(200).optional().describe('Where; left out: everywhere.'),
    }),
    output: SpaceResults,
    refuses: ['ALREADY_FROZEN', 'NO_TRUSTEES', 'DEVICE_KEY_REQUIRED', 'NO_STANDING'],
    says: 'Stop your identity from being used.',
    example: { input: { reason: 'Laptop stolen' }, output: resultsExample },
    since: '1.0',
  }),
} as const
