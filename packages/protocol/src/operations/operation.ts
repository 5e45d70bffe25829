import { z } from 'zod'
import { did, operationId } from '../schema.ts'
import {
  CheckJson,
  listFields,
  operationField,
  OperationJson,
  OperationRef,
  operationStatus,
  ProblemJson,
  SignedOperationJson,
  spaceField,
  timeField,
  timeInput,
} from './common.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** The audit log, and handing in what a device has signed (doors page §14). */

export const OperationItem = z.strictObject({
  id: operationId,
  space: z.string(),
  kind: z.string(),
  author: did,
  signer: did,
  grant: operationId.nullable(),
  subject: z.string().nullable(),
  status: operationStatus,
  final: z.boolean(),
  at: z.tuple([z.int(), z.int()]),
  made_at: timeField,
  codes: z.array(z.string()).describe('What refused it, if anything.'),
})
export type OperationItem = z.output<typeof OperationItem>

export const OperationDetail = OperationItem.extend({
  operation: OperationJson,
  sig: z.string(),
  checks: z.array(CheckJson),
  displaced_by: operationId.nullable(),
})
export type OperationDetail = z.output<typeof OperationDetail>

export const SubmitResult = z.strictObject({
  id: operationId.nullable().describe('Null when the bytes name no operation.'),
  outcome: z.enum(['applied', 'already_done', 'refused']),
  operation: OperationRef.nullable(),
  value: z.unknown().describe('What the operation’s row would have answered.'),
  decision: z.unknown().describe('Its decision; null when it could not be judged.'),
  problem: ProblemJson.nullable(),
})
export type SubmitResult = z.output<typeof SubmitResult>

const item = {
  id: sample.one,
  space: 'coop:food',
  kind: 'coop.member.admit',
  author: sample.ada,
  signer: sample.phone,
  grant: sample.grant,
  subject: sample.ben,
  status: 'applied',
  final: false,
  at: [1_795_262_400_000, 0],
  made_at: sample.at,
  codes: [],
} as const
const envelope = {
  v: 1,
  space: 'coop:food',
  genesis: sample.two,
  kind: 'coop.member.admit',
  author: sample.ada,
  signer: sample.phone,
  grant: sample.grant,
  seq: 3,
  prev: sample.two,
  seen: [],
  at: [1_795_262_400_000, 0],
  body_hash: 'A'.repeat(43),
  body: { did: sample.ben, roles: ['member'] },
} as const

export const operationRows = {
  'operation.list': row({
    rest: 'GET /v1/spaces/{space}/operations',
    cli: 'operation list',
    mode: 'list',
    space: '{space}',
    access: ['member', 'observer', 'founder', 'host'],
    scope: 'coop:read',
    cost: 'read',
    input: z.strictObject({
      space: spaceField,
      author: did.optional().describe('Only of this author.'),
      kind: z.string().max(64).optional().describe('Only this kind.'),
      status: operationStatus.optional().describe('Only this status.'),
      subject: z.string().max(128).optional().describe('Only about this person or thing.'),
      since_at: timeInput.optional().describe('From this time on.'),
      until_at: timeInput.optional().describe('Before this time.'),
      ...listFields,
    }),
    output: OperationItem,
    refuses: [],
    says: 'List every change of a space: who, under which permission, what became of it.',
    example: { input: { space: 'coop:food', author: sample.ada }, output: { items: [item], next_cursor: null, as_of: sample.at } },
    since: '1.0',
  }),
  'operation.get': row({
    rest: 'GET /v1/operations/{operation_id}',
    cli: 'operation get',
    mode: 'read',
    space: 'own',
    access: ['session'],
    scope: 'coop:read',
    cost: 'read',
    input: z.strictObject({ operation_id: operationField }),
    output: OperationDetail,
    refuses: ['HISTORY_NOT_HERE'],
    says: 'Show one operation with its signature, so that anyone can verify it.',
    example: { input: { operation_id: sample.one }, output: { ...item, operation: envelope, sig: 'A'.repeat(86), checks: [], displaced_by: null } },
    since: '1.0',
  }),
  'operation.submit': row({
    rest: 'POST /v1/operations',
    cli: 'operation submit',
    mode: 'exchange',
    proposes: ['*'],
    space: 'own',
    access: ['session'],
    scope: 'coop:write',
    cost: 'write',
    input: z.strictObject({ operations: z.array(SignedOperationJson).min(1).max(100).describe('Signed ones, each after those it refers to.') }),
    output: z.strictObject({ results: z.array(SubmitResult) }),
    refuses: ['OPERATION_MALFORMED', 'LATE', 'CLOCK_AHEAD', 'SEQUENCE_STALE', 'NOT_CAUGHT_UP', 'WRONG_GENESIS', 'STATE_CHANGED', 'IDEMPOTENCY_KEY_REUSED'],
    says: 'Hand in operations that your own device has signed; each has its own result.',
    example: {
      input: { operations: [{ ...envelope, sig: 'A'.repeat(86) }] },
      output: {
        results: [
          {
            id: sample.one,
            outcome: 'applied',
            operation: { id: sample.one, space: 'coop:food', kind: 'coop.member.admit', status: 'applied', final: false, at: [1_795_262_400_000, 0] },
            value: null,
            decision: null,
            problem: null,
          },
        ],
      },
    },
    since: '1.0',
  }),
} as const
