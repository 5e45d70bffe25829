import { z } from 'zod'
import { bytes, did, nameText, operationId, spaceId } from '../schema.ts'
import { DraftJson, listFields, SignedOperationJson, timeField } from './common.ts'
import { row, scopeAreas } from './row.ts'
import { sample } from './samples.ts'

/** Sessions (doors page §5, identity page §10). */

const scope = z.string().regex(new RegExp(`^(${scopeAreas.join('|')}):(read|write)$`), { message: 'must be <area>:read or <area>:write' })

export const Tokens = z.strictObject({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in_secs: z.int(),
  refresh_token: z.string().optional().describe('Absent where it went into a cookie.'),
  refresh_expires_in_secs: z.int(),
  sid: z.string(),
  did,
  signer: did,
  scopes: z.array(z.string()).nullable(),
  spaces: z.array(spaceId).nullable(),
  grants: z.array(z.strictObject({ operation: operationId.nullable(), outcome: z.enum(['applied', 'already_done', 'refused']), code: z.string().nullable() })),
})
export type Tokens = z.output<typeof Tokens>

export const SessionView = z.strictObject({
  sid: z.string(),
  did,
  signer: did,
  label: z.string(),
  created_at: timeField,
  used_at: timeField,
  expires_at: timeField,
  scopes: z.array(z.string()).nullable(),
  spaces: z.array(spaceId).nullable(),
  this_session: z.boolean(),
})
export type SessionView = z.output<typeof SessionView>

const tokens = {
  access_token: 'eyJ…',
  token_type: 'Bearer',
  expires_in_secs: 600,
  refresh_token: 'A'.repeat(43),
  refresh_expires_in_secs: 2_592_000,
  sid: 'AAAAAAAAAAAAAAAAAAAAAA',
  did: sample.ada,
  signer: sample.ada,
  scopes: null,
  spaces: null,
  grants: [],
} as const
const refreshToken = z.string().length(43).optional().describe('The refresh token; left out where it is in the cookie.')
const sid = z.string().min(1).max(64).describe('Id of the session.')

export const authRows = {
  'auth.challenge': row({
    rest: 'POST /v1/auth/challenge',
    mode: 'exchange',
    space: 'node',
    access: ['public'],
    cost: 'auth',
    secret: true,
    input: z.strictObject({
      did: did.describe('Who signs in.'),
      signer: did.optional().describe('The device that signs; left out: the DID’s own key.'),
      grant: z
        .strictObject({ space: spaceId, scopes: z.array(z.string().min(1).max(64)).min(1).max(64), for_ms: z.int().min(1).optional() })
        .optional()
        .describe('A permission for this node to be drafted along with it.'),
    }),
    output: z.strictObject({
      challenge: z.string().describe('Hand it back unchanged.'),
      message: z.string().describe('The text to look through and to sign, byte by byte.'),
      expires_in_secs: z.int(),
      drafts: z.array(DraftJson).optional(),
    }),
    refuses: ['DID_INVALID'],
    says: 'Ask for the text that signs a person in.',
    example: { input: { did: sample.ada }, output: { challenge: 'c2VhbGVk', message: 'icn/login/1\nnetwork: …', expires_in_secs: 300 } },
    since: '1.0',
  }),
  'auth.verify': row({
    rest: 'POST /v1/auth/verify',
    cli: 'auth login',
    mode: 'exchange',
    space: 'node',
    access: ['public'],
    cost: 'auth',
    secret: true,
    input: z.strictObject({
      challenge: z.string().max(4_096).describe('From auth.challenge.'),
      signature: bytes(64).describe('Ed25519 over the text.'),
      scopes: z.array(scope).min(1).max(20).optional().describe('Only these; left out: all that the person may do.'),
      spaces: z.array(spaceId).min(1).max(100).optional().describe('Only in these spaces.'),
      label: nameText(1, 64).optional().describe('A name for this session.'),
      grants: z.array(SignedOperationJson).max(8).optional().describe('The drafted permission, signed.'),
    }),
    output: Tokens,
    refuses: ['CHALLENGE_INVALID', 'AUTHOR_FROZEN', 'SESSIONS_TOO_MANY', 'SIGN_INS_FULL'],
    says: 'Sign in with the signed text.',
    example: { input: { challenge: 'c2VhbGVk', signature: 'A'.repeat(86), label: 'Laptop' }, output: tokens },
    since: '1.0',
  }),
  'auth.refresh': row({
    rest: 'POST /v1/auth/refresh',
    mode: 'exchange',
    space: 'node',
    access: ['public'],
    cost: 'auth',
    secret: true,
    input: z.strictObject({ refresh_token: refreshToken }),
    output: Tokens,
    refuses: ['REFRESH_REUSED', 'TOKEN_REVOKED', 'TOKEN_EXPIRED', 'UNAUTHENTICATED', 'AUTHOR_FROZEN'],
    says: 'Get fresh tokens; the old refresh token is used up.',
    example: { input: { refresh_token: 'A'.repeat(43) }, output: tokens },
    since: '1.0',
  }),
  'auth.logout': row({
    rest: 'POST /v1/auth/logout',
    cli: 'auth logout',
    mode: 'exchange',
    space: 'node',
    access: ['public'],
    cost: 'auth',
    secret: true,
    input: z.strictObject({ refresh_token: refreshToken, all: z.enum(['others', 'every']).optional().describe('End more than this session.') }),
    output: z.strictObject({ ended: z.int() }),
    refuses: ['UNAUTHENTICATED'],
    says: 'Sign out.',
    example: { input: {}, output: { ended: 1 } },
    since: '1.0',
  }),
  'auth.sessions.list': row({
    rest: 'GET /v1/auth/sessions',
    cli: 'auth sessions',
    mode: 'list',
    space: 'node',
    access: ['session'],
    scope: 'identity:read',
    cost: 'read',
    input: z.strictObject({ ...listFields }),
    output: SessionView,
    refuses: [],
    says: 'List where you are signed in.',
    example: {
      input: {},
      output: {
        items: [
          {
            sid: 'AAAAAAAAAAAAAAAAAAAAAA',
            did: sample.ada,
            signer: sample.ada,
            label: 'Laptop',
            created_at: sample.at,
            used_at: sample.at,
            expires_at: sample.later,
            scopes: null,
            spaces: null,
            this_session: true,
          },
        ],
        next_cursor: null,
        as_of: sample.at,
      },
    },
    since: '1.0',
  }),
  'auth.sessions.end': row({
    rest: 'DELETE /v1/auth/sessions/{sid}',
    cli: 'auth end',
    mode: 'exchange',
    space: 'node',
    access: ['session'],
    scope: 'identity:write',
    cost: 'write',
    input: z.strictObject({ sid }),
    output: z.strictObject({ ended: z.int() }),
    refuses: ['SESSION_UNKNOWN'],
    says: 'End one of your sessions.',
    example: { input: { sid: 'AAAAAAAAAAAAAAAAAAAAAA' }, output: { ended: 1 } },
    since: '1.0',
  }),
} as const
