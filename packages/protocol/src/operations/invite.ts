import { z } from 'zod'
import { Attestation } from '../bodies/coop.ts'
import { bytes, charterHash, coopId, did, int, nameText, operationId } from '../schema.ts'
import { coopField } from './coop.ts'
import { listFields, operationField, timeField, timeInput } from './common.ts'
import { MemberView } from './member.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** Invitations by code (coop page §6). */

export const InviteView = z.strictObject({
  invite_id: operationId,
  coop_id: coopId,
  by: did,
  key: did.describe('Public half of the key that the code makes.'),
  roles: z.array(z.string()),
  class: z.string().nullable(),
  tier: z.string().nullable(),
  name: z.string().nullable(),
  entry: z.int().nullable(),
  uses: z.int(),
  used: z.array(z.strictObject({ did, at: timeField })),
  created_at: timeField,
  expires_at: timeField,
  state: z.enum(['open', 'used_up', 'cancelled', 'expired', 'review']),
  code: z.string().optional().describe('XXXX-XXXX-XXXX-XXXX; in the answer that made it and nowhere else.'),
  link: z.string().optional().describe('The same as a link; the code is behind the #.'),
})
export type InviteView = z.output<typeof InviteView>

const example = { invite_id: sample.one, coop_id: 'food', by: sample.ada, key: sample.phone, roles: ['member'], class: null, tier: null, name: null, entry: null, uses: 1, used: [], created_at: sample.at, expires_at: sample.later, state: 'open' } as const

export const inviteRows = {
  'coop.invite.list': row({
    rest: 'GET /v1/coops/{coop_id}/invites',
    cli: 'coop invite list',
    mode: 'list',
    space: 'coop:{coop_id}',
    access: ['member.invite'],
    scope: 'coop:read',
    cost: 'read',
    input: z.strictObject({ coop_id: coopField, state: z.enum(['open', 'used_up', 'cancelled', 'expired', 'review']).optional().describe('Only these.'), ...listFields }),
    output: InviteView,
    refuses: [],
    says: 'List invitations; codes are not kept.',
    example: { input: { coop_id: 'food' }, output: { items: [example], next_cursor: null, as_of: sample.at } },
    since: '1.0',
  }),
  'coop.invite.create': row({
    rest: 'POST /v1/coops/{coop_id}/invites',
    cli: 'coop invite create',
    mode: 'write',
    proposes: ['coop.invite.create'],
    space: 'coop:{coop_id}',
    access: ['member.invite'],
    scope: 'coop:write',
    cost: 'govern',
    secret: true,
    input: z.strictObject({
      coop_id: coopField,
      key: did.optional().describe('Public half of a code that you made yourself; left out: the node makes one and answers the code once.'),
      roles: z.array(z.string().min(1).max(32)).min(1).max(9).default(['member']).describe('member or observer.'),
      class: z.string().min(1).max(32).optional().describe('Class of the charter.'),
      tier: z.string().min(1).max(32).optional().describe('Step within the class.'),
      name: nameText(1, 80).optional().describe('For whom.'),
      entry: int(1, 9_999_999).optional().describe('Number of an imported line that it gives.'),
      uses: int(1, 100).default(1).describe('How many people may use it.'),
      expires_at: timeInput.optional().describe('Until when; left out: the 14 days that are usual, or less by the charter.'),
    }),
    output: InviteView,
    refuses: ['POWER_MISSING', 'INVITE_TIMES_INVALID', 'ROLE_NEEDS_ACT', 'ROLES_INVALID', 'ENTRY_UNKNOWN', 'ENTRY_TAKEN', 'INVITES_FULL', 'INVITE_KEY_USED', 'CLASS_UNKNOWN', 'TIER_UNKNOWN', 'COOP_STATUS'],
    says: 'Make an invitation with a code to give away.',
    example: { input: { coop_id: 'food', name: 'Chen' }, output: { ...example, name: 'Chen', code: 'ABCD-EFGH-JKMN-PQRS', link: 'https://food.example/join#food' } },
    since: '1.0',
  }),
  'coop.invite.cancel': row({
    rest: 'DELETE /v1/coops/{coop_id}/invites/{operation_id}',
    cli: 'coop invite cancel',
    mode: 'write',
    proposes: ['coop.invite.cancel'],
    space: 'coop:{coop_id}',
    access: ['member.invite', 'member'],
    scope: 'coop:write',
    cost: 'govern',
    input: z.strictObject({ coop_id: coopField, operation_id: operationField }),
    output: InviteView,
    refuses: ['INVITE_UNKNOWN', 'INVITE_CLOSED', 'POWER_MISSING'],
    says: 'Take an invitation back.',
    example: { input: { coop_id: 'food', operation_id: sample.one }, output: { ...example, state: 'cancelled' } },
    since: '1.0',
  }),
  'coop.join': row({
    rest: 'POST /v1/coops/{coop_id}/join',
    cli: 'coop join',
    mode: 'write',
    proposes: ['coop.invite.redeem'],
    space: 'coop:{coop_id}',
    access: ['session'],
    scope: 'coop:write',
    cost: 'auth',
    input: z.strictObject({
      coop_id: coopField,
      invite_key: did.describe('Public half of the key that the code makes.'),
      signature: bytes(64).describe('The code’s key over your DID: statement redeem.'),
      charter_hash: charterHash.describe('The charter you read.'),
      name: nameText(1, 80).describe('Your name in the register.'),
      personhood: z.array(Attestation).min(1).max(3).optional().describe('Attestations, when the charter asks for them.'),
    }),
    output: MemberView,
    refuses: ['INVITE_UNKNOWN', 'INVITE_KEY', 'INVITE_NEEDS_REVIEW', 'INVITE_CANCELLED', 'INVITE_EXPIRED', 'INVITE_USED_UP', 'CHARTER_CHANGED', 'BANNED', 'ALREADY_A_MEMBER', 'MEMBERS_FULL', 'NODE_AS_MEMBER', 'PERSONHOOD_REQUIRED', 'PERSONHOOD_ATTESTER', 'PERSONHOOD_EXPIRED', 'ROOT_KEY_REQUIRED', 'COOP_STATUS'],
    says: 'Join with the code of an invitation.',
    example: {
      input: { coop_id: 'food', invite_key: sample.phone, signature: 'A'.repeat(86), charter_hash: sample.charter, name: 'Chen' },
      output: { did: sample.chen, coop_id: 'food', number: 3, kind: 'person', name: 'Chen', status: 'active', roles: ['member'], class: 'consumer', tier: null, since_at: sample.at },
    },
    since: '1.0',
  }),
  'coop.invite.find': row({
    rest: 'GET /v1/coops/{coop_id}/invitation',
    mode: 'read',
    space: 'coop:{coop_id}',
    access: ['public'],
    cost: 'auth',
    input: z.strictObject({ coop_id: coopField, invite_key: did.describe('Public half of the key that the code makes.') }),
    output: z.strictObject({
      invite_id: operationId,
      coop_id: coopId,
      name: z.string(),
      network: operationId,
      genesis: operationId,
      charter_hash: charterHash,
      charter: z.record(z.string(), z.unknown()),
      invited_by: did,
      invited_by_name: z.string().nullable(),
      roles: z.array(z.string()),
      for_name: z.string().nullable(),
      expires_at: timeField,
      state: z.enum(['open', 'used_up', 'cancelled', 'expired', 'review']),
    }),
    refuses: ['INVITE_UNKNOWN'],
    says: 'Show who invites into what, to somebody who holds the code.',
    example: {
      input: { coop_id: 'food', invite_key: sample.phone },
      output: { invite_id: sample.one, coop_id: 'food', name: 'Food Coop', network: sample.network, genesis: sample.one, charter_hash: sample.charter, charter: { v: 1 }, invited_by: sample.ada, invited_by_name: 'Ada', roles: ['member'], for_name: 'Chen', expires_at: sample.later, state: 'open' },
    },
    since: '1.0',
  }),
} as const
