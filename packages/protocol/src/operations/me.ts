import { z } from 'zod'
import { did, operationId, spaceId } from '../schema.ts'
import { listFields, timeField } from './common.ts'
import { MemberLogItem } from './member.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** The caller's own matters over all spaces of this node (doors page §14). */

export const MeView = z.strictObject({
  did,
  signer: did,
  state: z.enum(['active', 'frozen', 'retired']),
  operator: z.boolean(),
  spaces: z.array(
    z.strictObject({
      space: spaceId,
      name: z.string().nullable(),
      standing: z.string(),
      roles: z.array(z.string()),
      powers: z.array(z.string()),
      node_grant: operationId.nullable().describe('A permission of yours that this node holds there.'),
    }),
  ),
})
export type MeView = z.output<typeof MeView>

export const NeedView = z.strictObject({
  kind: z.enum([
    'sign_charter',
    'activate',
    'accept_membership',
    'confirm_act',
    'decide_application',
    'settle_review',
    'settle_conflict',
    'settle_quarantine',
    'enter_directory',
    'update_directory',
    'removal_due',
    'leaving_due',
    'suspension_ends',
    'host_invited',
    'resume_job',
  ]),
  space: spaceId,
  ref: z.string(),
  text: z.string(),
  due_at: timeField.nullable(),
  method: z.string().describe('The call that answers it.'),
  input: z.record(z.string(), z.unknown()),
})
export type NeedView = z.output<typeof NeedView>

export const meRows = {
  'me.get': row({
    rest: 'GET /v1/me',
    cli: 'auth whoami',
    mode: 'read',
    space: 'own',
    access: ['session'],
    scope: 'identity:read',
    cost: 'read',
    input: z.strictObject({}),
    output: MeView,
    refuses: [],
    says: 'Show who you are here and what you may do.',
    example: {
      input: {},
      output: {
        did: sample.ada,
        signer: sample.ada,
        state: 'active',
        operator: false,
        spaces: [{ space: 'coop:food', name: 'Food Coop', standing: 'member', roles: ['member', 'steward'], powers: ['member.admit'], node_grant: null }],
      },
    },
    since: '1.0',
  }),
  'me.changes': row({
    rest: 'GET /v1/me/changes',
    cli: 'id changes',
    mode: 'list',
    space: 'own',
    access: ['session'],
    scope: 'identity:read',
    cost: 'read',
    input: z.strictObject({ ...listFields }),
    output: MemberLogItem.extend({ space: spaceId }),
    refuses: [],
    says: 'List every change to your own records, and who made it.',
    example: {
      input: {},
      output: {
        items: [
          {
            space: 'coop:food',
            operation_id: sample.one,
            did: sample.ada,
            at: sample.at,
            kind: 'coop.member.place',
            by: sample.ben,
            via: null,
            changes: [{ field: 'number', before: 1, after: 4 }],
            reason: null,
          },
        ],
        next_cursor: null,
        as_of: sample.at,
      },
    },
    since: '1.0',
  }),
  'me.needs': row({
    rest: 'GET /v1/me/needs',
    cli: 'id needs',
    mode: 'list',
    space: 'own',
    access: ['session'],
    scope: 'identity:read',
    cost: 'read',
    input: z.strictObject({ ...listFields }),
    output: NeedView,
    refuses: [],
    says: 'List what waits for you, in all your cooperatives.',
    example: {
      input: {},
      output: {
        items: [
          {
            kind: 'sign_charter',
            space: 'coop:food',
            ref: sample.charter,
            text: 'Sign the charter of Food Coop.',
            due_at: null,
            method: 'coop.sign_charter',
            input: { coop_id: 'food' },
          },
        ],
        next_cursor: null,
        as_of: sample.at,
      },
    },
    since: '1.0',
  }),
} as const
