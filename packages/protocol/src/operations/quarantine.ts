import { z } from 'zod'
import { did, operationId, text } from '../schema.ts'
import { CheckJson, listFields, operationField, OperationJson, spaceField, timeField } from './common.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** Operations that were validly signed and did not make it into the state (snapshot page §13). */

export const QuarantineView = z.strictObject({
  operation_id: operationId,
  space: z.string(),
  kind: z.string(),
  author: did,
  status: z.enum(['refused', 'late', 'forked']),
  made_at: timeField,
  codes: z.array(z.string()),
  displaced_by: operationId.nullable(),
  state: z.enum(['open', 'dismissed', 'reissued']),
  settled: z.strictObject({ by: did, at: timeField, note: z.string(), reissue: operationId.nullable() }).nullable(),
  operation: OperationJson.optional(),
  checks: z.array(CheckJson).optional(),
})
export type QuarantineView = z.output<typeof QuarantineView>

const example = {
  operation_id: sample.one,
  space: 'coop:food',
  kind: 'coop.invite.create',
  author: sample.ben,
  status: 'refused',
  made_at: sample.at,
  codes: ['NOT_A_MEMBER'],
  displaced_by: sample.two,
  state: 'open',
  settled: null,
} as const
const access = ['review.settle', 'author'] as const

export const quarantineRows = {
  'quarantine.list': row({
    rest: 'GET /v1/spaces/{space}/quarantine-items',
    cli: 'quarantine list',
    mode: 'list',
    space: '{space}',
    access: ['review.settle', 'member', 'ended', 'operator'],
    scope: 'coop:read',
    cost: 'read',
    input: z.strictObject({ space: spaceField, state: z.enum(['open', 'dismissed', 'reissued']).optional().describe('Only these.'), ...listFields }),
    output: QuarantineView,
    refuses: [],
    says: 'List what waits for a person; without the office, your own, and as operator this node’s.',
    example: { input: { space: 'coop:food' }, output: { items: [example], next_cursor: null, as_of: sample.at } },
    since: '1.0',
  }),
  'quarantine.get': row({
    rest: 'GET /v1/spaces/{space}/quarantine-items/{operation_id}',
    cli: 'quarantine get',
    mode: 'read',
    space: '{space}',
    access: [...access, 'operator'],
    scope: 'coop:read',
    cost: 'read',
    input: z.strictObject({ space: spaceField, operation_id: operationField }),
    output: QuarantineView,
    refuses: ['QUARANTINE_UNKNOWN'],
    says: 'Show one of them: what was meant, why not, what displaced it.',
    example: { input: { space: 'coop:food', operation_id: sample.one }, output: { ...example, checks: [] } },
    since: '1.0',
  }),
  'quarantine.settle': row({
    rest: 'POST /v1/spaces/{space}/quarantine-items/{operation_id}/settle',
    cli: 'quarantine settle',
    mode: 'write',
    proposes: ['space.review'],
    space: '{space}',
    access,
    scope: 'coop:write',
    cost: 'govern',
    input: z.strictObject({
      space: spaceField,
      operation_id: operationField,
      verdict: z.enum(['dismissed', 'reissued']).describe('Set aside, or issued again.'),
      note: text(0, 500).default('').describe('A word about it.'),
      reissue: operationId.optional().describe('The operation issued in its place.'),
    }),
    output: QuarantineView,
    refuses: ['QUARANTINE_UNKNOWN', 'QUARANTINE_CLOSED', 'QUARANTINE_NOT_NEEDED', 'REISSUE_UNKNOWN', 'POWER_MISSING'],
    says: 'Settle it: set it aside, or note that it was issued again.',
    example: {
      input: { space: 'coop:food', operation_id: sample.one, verdict: 'dismissed', note: 'Talked to Ben' },
      output: { ...example, state: 'dismissed', settled: { by: sample.ada, at: sample.at, note: 'Talked to Ben', reissue: null } },
    },
    since: '1.0',
  }),
  'quarantine.reissue': row({
    rest: 'POST /v1/spaces/{space}/quarantine-items/{operation_id}/reissue',
    cli: 'quarantine reissue',
    mode: 'write',
    proposes: ['*'],
    space: '{space}',
    access: ['author'],
    scope: 'coop:write',
    cost: 'write',
    input: z.strictObject({ space: spaceField, operation_id: operationField }),
    output: QuarantineView,
    refuses: ['QUARANTINE_UNKNOWN', 'QUARANTINE_NOT_YOURS', 'QUARANTINE_CLOSED', 'QUARANTINE_NOT_NEEDED', 'QUARANTINE_FORGOTTEN'],
    says: 'Issue your own again: the same said once more, in a new place; the law decides now.',
    example: {
      input: { space: 'coop:food', operation_id: sample.one },
      output: { ...example, state: 'reissued', settled: { by: sample.ben, at: sample.at, note: '', reissue: sample.two } },
    },
    since: '1.0',
  }),
} as const
