import { z } from 'zod'
import { revokeReasons } from '../bodies/identity.ts'
import { did, int, nameText, operationId, spaceId } from '../schema.ts'
import { listFields, timeField } from './common.ts'
import { SpaceResults } from './identity.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** Devices: keys that sign for a person in several spaces (identity page §11). */

export const DeviceView = z.strictObject({
  did,
  label: z.string(),
  state: z.enum(['pending', 'live', 'expired', 'revoked']).describe('The best state over all spaces.'),
  spaces: z.array(z.strictObject({ space: spaceId, grant_id: operationId, state: z.enum(['pending', 'live', 'expired', 'revoked']), not_after_at: timeField })),
  missing_in: z.array(spaceId).describe('Spaces of yours in which it may not sign.'),
  used_at: timeField.nullable().describe('Last sign-in or signature known here.'),
  this_device: z.boolean(),
})
export type DeviceView = z.output<typeof DeviceView>

const spacesField = z.array(spaceId).min(1).max(200).optional().describe('Where; left out: in every space of yours.')

export const deviceRows = {
  'device.list': row({
    rest: 'GET /v1/me/devices',
    cli: 'device list',
    mode: 'list',
    space: 'own',
    access: ['session'],
    scope: 'identity:read',
    cost: 'read',
    input: z.strictObject({ ...listFields }),
    output: DeviceView,
    refuses: [],
    says: 'List your devices, with the spaces in which each may sign.',
    example: {
      input: {},
      output: {
        items: [
          {
            did: sample.phone,
            label: 'Phone',
            state: 'live',
            spaces: [{ space: 'coop:food', grant_id: sample.grant, state: 'live', not_after_at: sample.later }],
            missing_in: [],
            used_at: sample.at,
            this_device: true,
          },
        ],
        next_cursor: null,
        as_of: sample.at,
      },
    },
    since: '1.0',
  }),
  'device.add': row({
    rest: 'POST /v1/me/devices',
    cli: 'device add',
    mode: 'write',
    proposes: ['identity.grant'],
    space: 'own',
    access: ['session'],
    scope: 'identity:write',
    cost: 'govern',
    input: z.strictObject({
      grantee: did.describe('DID of the new device.'),
      label: nameText(1, 64).describe('Its name.'),
      days: int(1, 1_095).default(365).describe('How long it may sign.'),
      spaces: spacesField,
    }),
    output: SpaceResults,
    refuses: ['NO_STANDING', 'GRANTEE_IS_AUTHOR', 'GRANT_KEY_TAKEN', 'GRANT_TOO_LONG', 'GRANTS_TOO_MANY', 'ROOT_KEY_REQUIRED'],
    says: 'Let a new device of yours sign for you.',
    example: { input: { grantee: sample.phone, label: 'Phone' }, output: { spaces: [{ space: 'coop:food', outcome: 'drafted', operation: null, code: null }] } },
    since: '1.0',
  }),
  'device.approve': row({
    rest: 'POST /v1/me/devices/{did}/approve',
    cli: 'device approve',
    mode: 'write',
    proposes: ['identity.grant'],
    space: 'own',
    access: ['session'],
    scope: 'identity:write',
    cost: 'govern',
    input: z.strictObject({
      did: did.describe('DID of a device that you added in some space.'),
      days: int(1, 1_095).default(365).describe('How long it may sign.'),
      spaces: spacesField,
    }),
    output: SpaceResults,
    refuses: ['GRANT_UNKNOWN', 'NO_STANDING', 'GRANTS_TOO_MANY', 'ROOT_KEY_REQUIRED'],
    says: 'Let a device that you know sign in the spaces where it cannot yet.',
    example: { input: { did: sample.phone }, output: { spaces: [{ space: 'coop:food', outcome: 'drafted', operation: null, code: null }] } },
    since: '1.0',
  }),
  'device.revoke': row({
    rest: 'DELETE /v1/me/devices/{did}',
    cli: 'device revoke',
    mode: 'write',
    proposes: ['identity.revoke'],
    space: 'own',
    access: ['session'],
    scope: 'identity:write',
    cost: 'govern',
    input: z.strictObject({
      did: did.describe('DID of the device.'),
      reason: z.enum(revokeReasons).default('other').describe('Why.'),
      known_seq: int(0, Number.MAX_SAFE_INTEGER).optional().describe('Last number of its chain that you know to be honest.'),
      spaces: spacesField,
    }),
    output: SpaceResults,
    refuses: ['GRANT_UNKNOWN', 'ALREADY_REVOKED', 'DEVICE_KEY_REQUIRED'],
    says: 'Take from a device the right to sign for you, everywhere.',
    example: { input: { did: sample.phone, reason: 'lost' }, output: { spaces: [{ space: 'coop:food', outcome: 'applied', operation: sample.one, code: null }] } },
    since: '1.0',
  }),
} as const
