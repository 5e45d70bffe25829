import { z } from 'zod'
import { CharterFinding, coopType } from '../bodies/charter.ts'
import { bytes, charterHash, coopId, did, operationId } from '../schema.ts'
import { coopField } from './coop.ts'
import { listFields, timeField } from './common.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** Charters: text, templates, lint, signing (commons page §12, coop page §5). */

const document = z.record(z.string(), z.unknown())

export const CharterView = z.strictObject({
  coop_id: coopId,
  network: operationId.describe('What a signature over the hash names besides it.'),
  version: z.int(),
  hash: charterHash,
  charter: document.describe('As it was written: the hash is over these fields and no others.'),
  by: did,
  at: timeField,
  in_force: z.boolean(),
  signatures: z.array(z.strictObject({ did, name: z.string(), at: timeField })),
  need: z.int(),
  missing: z.array(z.strictObject({ did, name: z.string() })),
})
export type CharterView = z.output<typeof CharterView>

const example = {
  coop_id: 'food',
  network: sample.network,
  version: 1,
  hash: sample.charter,
  charter: { v: 1 },
  by: sample.ada,
  at: sample.at,
  in_force: false,
  signatures: [{ did: sample.ada, name: 'Ada', at: sample.at }],
  need: 2,
  missing: [{ did: sample.ben, name: 'Ben' }],
}
const readers = ['member', 'observer', 'founder', 'invited', 'applicant', 'host'] as const

export const charterRows = {
  'coop.charter.get': row({
    rest: 'GET /v1/coops/{coop_id}/charter',
    cli: 'charter show',
    mode: 'read',
    space: 'coop:{coop_id}',
    access: readers,
    scope: 'coop:read',
    cost: 'read',
    input: z.strictObject({ coop_id: coopField }),
    output: CharterView,
    refuses: [],
    says: 'Show the charter with who has signed it.',
    example: { input: { coop_id: 'food' }, output: example },
    since: '1.0',
  }),
  'coop.charter.put': row({
    rest: 'PUT /v1/coops/{coop_id}/charter',
    cli: 'charter put',
    mode: 'write',
    proposes: ['coop.charter.draft'],
    space: 'coop:{coop_id}',
    access: ['founder'],
    scope: 'coop:write',
    cost: 'govern',
    match: 'required',
    input: z.strictObject({
      coop_id: coopField,
      charter: document.describe('The whole text.'),
      base_hash: charterHash.optional().describe('The text it changes; left out: the one that stands.'),
    }),
    output: CharterView,
    refuses: [
      'NOT_A_FOUNDER',
      'BASE_CHANGED',
      'CHARTER_INVALID',
      'CHARTER_MISMATCH',
      'FOUNDERS_REPEATED',
      'FOUNDERS_COUNT',
      'MIN_FOUNDERS',
      'MIN_MEMBERS',
      'STEWARD_MISSING',
      'NODE_AS_MEMBER',
      'UNIT_INVALID',
      'COOP_STATUS',
      'DEVICE_KEY_REQUIRED',
    ],
    says: 'Replace the charter while the cooperative is forming; signatures so far become void.',
    example: { input: { coop_id: 'food', charter: { v: 1 } }, output: { ...example, signatures: [] } },
    since: '1.0',
  }),
  'coop.sign_charter': row({
    rest: 'POST /v1/coops/{coop_id}/charter/sign',
    cli: 'coop sign',
    mode: 'write',
    proposes: ['coop.charter.sign'],
    space: 'coop:{coop_id}',
    access: ['founder'],
    scope: 'coop:write',
    cost: 'govern',
    input: z.strictObject({
      coop_id: coopField,
      hash: charterHash.describe('The charter you read.'),
      key: did.optional().describe('The key that signed; left out: your DID’s own.'),
      signature: bytes(64).describe('Your root key over the statement charter.'),
    }),
    output: CharterView,
    refuses: ['NOT_A_FOUNDER', 'CHARTER_CHANGED', 'ALREADY_SIGNED', 'STATEMENT_KEY', 'COOP_STATUS', 'DEVICE_KEY_REQUIRED'],
    says: 'Sign the charter as a founder; with it you become a member.',
    example: { input: { coop_id: 'food', hash: sample.charter, signature: 'A'.repeat(86) }, output: example },
    since: '1.0',
  }),
  'charter.templates': row({
    rest: 'GET /v1/charter-templates',
    cli: 'charter templates',
    mode: 'list',
    space: 'node',
    access: ['public'],
    cost: 'public',
    input: z.strictObject({ type: coopType.optional().describe('Only those for this kind.'), ...listFields }),
    output: z.strictObject({ id: z.string(), version: z.int(), name: z.string(), says: z.string(), types: z.array(coopType), charter: document }),
    refuses: [],
    says: 'List charter templates to begin from.',
    example: {
      input: {},
      output: {
        items: [{ id: 'consumer', version: 1, name: 'Consumer cooperative', says: 'One member, one vote.', types: ['consumer'], charter: { v: 1 } }],
        next_cursor: null,
        as_of: sample.at,
      },
    },
    since: '1.0',
  }),
  'charter.lint': row({
    rest: 'POST /v1/charter/lint',
    cli: 'charter lint',
    mode: 'read',
    space: 'node',
    access: ['public'],
    cost: 'public',
    input: z.strictObject({ charter: document.describe('The text to look at.') }),
    output: z.strictObject({ ok: z.boolean(), hash: charterHash.nullable(), findings: z.array(CharterFinding) }),
    refuses: [],
    says: 'Look through a charter for mistakes and worries.',
    example: {
      input: { charter: { v: 1 } },
      output: {
        ok: false,
        hash: sample.charter,
        findings: [{ code: 'CHARTER_FIELD_INVALID', severity: 'error', pointer: '/name', text: 'The value at /name is missing or has a wrong form.' }],
      },
    },
    since: '1.0',
  }),
  'charter.diff': row({
    rest: 'POST /v1/charter/diff',
    cli: 'charter diff',
    mode: 'read',
    space: 'node',
    access: ['public'],
    cost: 'public',
    input: z.strictObject({ before: document.describe('One text.'), after: document.describe('The other.') }),
    output: z.strictObject({ changes: z.array(z.strictObject({ pointer: z.string(), before: z.unknown(), after: z.unknown() })) }),
    refuses: [],
    says: 'Compare two charters field by field.',
    example: { input: { before: { v: 1, name: 'A' }, after: { v: 1, name: 'B' } }, output: { changes: [{ pointer: '/name', before: 'A', after: 'B' }] } },
    since: '1.0',
  }),
} as const
