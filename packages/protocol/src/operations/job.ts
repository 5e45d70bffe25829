import { z } from 'zod'
import { listFields, ProblemJson, timeField } from './common.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** Long work (doors page §11). */

export const JobView = z.strictObject({
  id: z.string(),
  method: z.string(),
  title: z.string(),
  space: z.string().nullable(),
  state: z.enum(['queued', 'running', 'done', 'failed', 'cancelled', 'interrupted']),
  progress: z.strictObject({ done: z.int(), total: z.int(), unit: z.string(), text: z.string() }),
  started_at: timeField.nullable(),
  ended_at: timeField.nullable(),
  result: z.unknown().optional(),
  problem: ProblemJson.optional(),
  expires_at: timeField,
})
export type JobView = z.output<typeof JobView>

const example = {
  id: 'job_01KBJ5H0000000000000000000',
  method: 'coop.import',
  title: 'Import into coop:food',
  space: 'coop:food',
  state: 'done',
  progress: { done: 40, total: 40, unit: 'rows', text: '' },
  started_at: sample.at,
  ended_at: sample.at,
  expires_at: sample.later,
} as const
const id = z.string().min(1).max(64).describe('Id of the job.')

export const jobRows = {
  'job.list': row({
    rest: 'GET /v1/jobs',
    cli: 'job list',
    mode: 'list',
    space: 'node',
    access: ['session', 'operator'],
    scope: 'node:read',
    cost: 'read',
    input: z.strictObject({ ...listFields }),
    output: JobView,
    refuses: [],
    says: 'List your long work of the last days.',
    example: { input: {}, output: { items: [example], next_cursor: null, as_of: sample.at } },
    since: '1.0',
  }),
  'job.get': row({
    rest: 'GET /v1/jobs/{id}',
    cli: 'job get',
    mode: 'read',
    space: 'node',
    access: ['session', 'operator'],
    scope: 'node:read',
    cost: 'read',
    input: z.strictObject({ id }),
    output: JobView,
    refuses: ['JOB_UNKNOWN'],
    says: 'Show how far a piece of long work has come.',
    example: { input: { id: example.id }, output: example },
    since: '1.0',
  }),
  'job.cancel': row({
    rest: 'POST /v1/jobs/{id}/cancel',
    cli: 'job cancel',
    mode: 'exchange',
    space: 'node',
    access: ['session', 'operator'],
    scope: 'node:write',
    cost: 'write',
    input: z.strictObject({ id }),
    output: JobView,
    refuses: ['JOB_UNKNOWN', 'JOB_OVER'],
    says: 'Stop a piece of long work; what it has written stays.',
    example: { input: { id: example.id }, output: { ...example, state: 'cancelled' } },
    since: '1.0',
  }),
} as const
