import { z } from 'zod'
import { clock, did, operationId, spaceId } from '../schema.ts'

/** Parts that rows share. What leaves the process is snake_case, times are RFC 3339, bytes are base64url text. */

/** RFC 3339, UTC, milliseconds, `Z`. */
export const timeField = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, { message: 'must be a time like 2026-11-21T12:00:00.000Z' })
  .meta({ format: 'date-time' })

/** Milliseconds since the epoch as the doors write a time. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString()
}

/** A time a caller gives, as milliseconds. */
export const timeInput = z
  .string()
  .max(40)
  .refine((value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/.test(value) && Number.isFinite(Date.parse(value)), {
    message: 'must be a time like 2026-11-21T12:00:00Z',
  })
  .meta({ format: 'date-time', type: 'string' })

export const bytesText = z
  .string()
  .regex(/^[A-Za-z0-9_-]*$/, { message: 'must be base64url without padding' })
  .meta({ contentEncoding: 'base64url' })

/** Fields of every list (doors page §10); spread into an input. */
export const listFields = {
  limit: z.int().min(1).max(200).default(50).describe('How many items at most.'),
  cursor: z.string().max(2_048).optional().describe('Where the page before ended: its next_cursor.'),
  order: z.enum(['asc', 'desc']).default('asc').describe('Direction of the list.'),
}

export const operationStatus = z.enum(['held', 'applied', 'refused', 'late', 'forked', 'superseded'])

/** An operation as an envelope names it. */
export const OperationRef = z.strictObject({
  id: operationId.describe('Id of the operation.'),
  space: spaceId.describe('Space it stands in.'),
  kind: z.string().describe('Kind of the operation.'),
  status: operationStatus.describe('What became of it here.'),
  final: z.boolean().describe('A checkpoint covers it: nothing can change it any more.'),
  at: clock.describe('Its clock: milliseconds and counter.'),
})

/** An operation with its envelope and body; bytes as base64url text. */
export const OperationJson = z.strictObject({
  v: z.literal(1),
  space: spaceId,
  genesis: operationId.nullable(),
  kind: z.string().max(64),
  author: did,
  signer: did,
  grant: operationId.nullable(),
  seq: z.int().min(0),
  prev: operationId.nullable(),
  seen: z.array(operationId).max(16),
  at: clock,
  body_hash: bytesText,
  body: z.record(z.string(), z.unknown()).nullable().describe('The body; null when it was forgotten.'),
})

export const SignedOperationJson = OperationJson.extend({ sig: bytesText.describe('Ed25519 over "icn/op/1\\n" and the canonical envelope.') })
export type SignedOperationJson = z.output<typeof SignedOperationJson>
export type OperationJson = z.output<typeof OperationJson>

export const DraftJson = z.strictObject({
  operation: OperationJson.describe('What would be signed; everything but at, seen, seq and prev is what was asked for.'),
  signing_bytes: bytesText.describe('The bytes to sign with Ed25519.'),
})
export type DraftJson = z.output<typeof DraftJson>

export const RemedyJson = z.strictObject({
  code: z.string(),
  text: z.string(),
  method: z.string().optional(),
  input: z.record(z.string(), z.unknown()).optional(),
  link: z.string().optional(),
})

const measure = z.union([z.int(), z.string()])

export const CheckJson = z.strictObject({
  code: z.string(),
  result: z.enum(['pass', 'warn', 'fail', 'not_applicable']),
  text: z.string().optional(),
  limit: measure.optional(),
  used: measure.optional(),
  requested: measure.optional(),
  remaining: measure.optional(),
  unit: z.string().optional(),
  rule: z.strictObject({ document: z.string(), version: z.int().optional(), pointer: z.string().optional(), adopted_by: z.string().optional() }).optional(),
  evidence: z.record(z.string(), z.unknown()).optional(),
  passes_at: timeField.optional(),
  remedies: z.array(RemedyJson).optional(),
})

/** The stored answer to "why?" (doors page §4). */
export const DecisionJson = z.strictObject({
  id: z.string(),
  space: z.string(),
  kind: z.string(),
  author: did,
  by: did,
  decided_at: timeField,
  outcome: z.enum(['lawful', 'refused', 'already_done']),
  mode: z.enum(['real', 'simulated', 'replayed']),
  state: z.strictObject({ checkpoint: z.string().nullable(), head: operationId.nullable() }),
  checks: z.array(CheckJson),
  remedies: z.array(RemedyJson),
  appeal: z.strictObject({ method: z.string(), until: timeField }).nullable(),
  summary: z.string(),
  redacted: z.boolean().optional(),
})
export type DecisionJson = z.output<typeof DecisionJson>

export const DecisionSummary = z.strictObject({ id: z.string(), outcome: z.enum(['lawful', 'refused', 'already_done']), summary: z.string() })

export const WarningJson = z.strictObject({ code: z.string(), text: z.string(), params: z.record(z.string(), z.unknown()) })

export const ChangeJson = z.strictObject({
  key: z.array(z.unknown()).describe('Table, then the parts of the key.'),
  before: z.unknown(),
  after: z.unknown(),
})

/** An act in the shape of every envelope that turned into one. */
export const ActSummary = z.strictObject({
  act_id: operationId,
  space: spaceId,
  kind: z.string(),
  state: z.enum(['open', 'done', 'withdrawn', 'expired']),
  proposer: did,
  need: z.int(),
  confirmed: z.array(did),
  expires_at: timeField,
})

export const envelopeOutcomes = ['applied', 'already_done', 'simulated', 'drafted', 'accepted'] as const

/** The answer of every write around the row's own value (doors page §2). */
export function envelopeOf<Value extends z.ZodType>(value: Value) {
  return z.strictObject({
    outcome: z.enum(envelopeOutcomes).describe('applied, already_done, simulated, drafted or accepted.'),
    value: z
      .union([value, z.strictObject({ act: ActSummary })])
      .nullable()
      .describe('The resource after the write; { act } when a second person must confirm; null when nothing was written yet.'),
    operations: z.array(OperationRef).describe('Operations this call put into a journal.'),
    decision: z.union([DecisionJson, DecisionSummary]).nullable().describe('Why: the summary, or the whole record with explain.'),
    warnings: z.array(WarningJson),
    token: z.string().optional().describe('Seals what the simulated decision read; hand it back as if_unchanged.'),
    drafts: z.array(DraftJson).optional().describe('Operations for a device to sign, in this order.'),
    expires_at: timeField.optional().describe('Until when the drafts or the token are good.'),
    changes: z.array(ChangeJson).optional().describe('Rows the simulated change would write.'),
  })
}

export interface WriteEnvelope<Value = unknown> {
  readonly outcome: (typeof envelopeOutcomes)[number]
  readonly value: Value | { readonly act: z.output<typeof ActSummary> } | null
  readonly operations: readonly z.output<typeof OperationRef>[]
  readonly decision: DecisionJson | z.output<typeof DecisionSummary> | null
  readonly warnings: readonly z.output<typeof WarningJson>[]
  readonly token?: string
  readonly drafts?: readonly DraftJson[]
  readonly expires_at?: string
  readonly changes?: readonly z.output<typeof ChangeJson>[]
}

export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.strictObject({
    items: z.array(item),
    next_cursor: z.string().nullable().describe('Hand it back as cursor for the next page; null at the end.'),
    as_of: timeField.describe('Time of the newest change this answer could see.'),
    omitted: z.int().optional().describe('Rows that could not be read and were left out.'),
  })
}

export interface Page<Item = unknown> {
  readonly items: readonly Item[]
  readonly next_cursor: string | null
  readonly as_of: string
  readonly omitted?: number
}

export const FieldErrorJson = z.strictObject({ in: z.enum(['body', 'query', 'path', 'header']), pointer: z.string(), code: z.string(), detail: z.string() })

/** Every error of every door (RFC 9457; doors page §8). */
export const ProblemJson = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  instance: z.string(),
  code: z.string(),
  class: z.string(),
  params: z.record(z.string(), z.unknown()),
  reasons: z.array(z.strictObject({ code: z.string(), text: z.string(), params: z.record(z.string(), z.unknown()), remedies: z.array(RemedyJson) })),
  errors: z.array(FieldErrorJson),
  decision: DecisionJson.optional(),
  retry: z.strictObject({ advice: z.string(), after_ms: z.int().nullable() }),
  request_id: z.string(),
  operation: OperationRef.optional(),
})
export type Problem = z.output<typeof ProblemJson>
export type FieldError = z.output<typeof FieldErrorJson>

export const spaceField = spaceId.describe('The space: commons or coop:<id>.')
export const operationField = operationId.describe('Id of the operation.')
export type ActSummary = z.output<typeof ActSummary>
