import { z } from 'zod'
import { text } from '../schema.ts'
import { timeField } from './common.ts'
import { foundingFields, FoundingStep } from './coop.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** Drafts of a founding, kept by this node so that it can be left and resumed (coop page §5). */

const draftId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, { message: 'must be 1 to 64 of a–z 0–9 -' })
  .describe('A name you choose for the draft.')
const { name: _name, ...rest } = foundingFields
const fields = { ...rest, name: text(0, 240).optional().describe('Its name.') }

export const FoundingDraft = z.strictObject({
  draft_id: z.string(),
  saved_at: timeField,
  expires_at: timeField,
  fields: z.strictObject(fields),
  charter: z.record(z.string(), z.unknown()).nullable().describe('The charter as it would be, once enough is filled in.'),
  coop_id: z.string().nullable(),
  steps: z.array(FoundingStep),
})
export type FoundingDraft = z.output<typeof FoundingDraft>

const example = {
  draft_id: 'food-2026',
  saved_at: sample.at,
  expires_at: sample.later,
  fields: { name: 'Food Coop' },
  charter: null,
  coop_id: null,
  steps: [
    { step: 'drafted', state: 'done' },
    { step: 'founded', state: 'open', method: 'coop.create' },
  ],
}

export const foundingRows = {
  'founding.get': row({
    rest: 'GET /v1/foundings/{draft_id}',
    cli: 'coop show-draft',
    mode: 'read',
    space: 'node',
    access: ['session'],
    scope: 'coop:read',
    cost: 'read',
    input: z.strictObject({ draft_id: draftId }),
    output: FoundingDraft,
    refuses: ['FOUNDING_UNKNOWN'],
    says: 'Show a founding that was begun and what comes next.',
    example: { input: { draft_id: 'food-2026' }, output: example },
    since: '1.0',
  }),
  'founding.save': row({
    rest: 'PUT /v1/foundings/{draft_id}',
    cli: 'coop save-draft',
    mode: 'exchange',
    space: 'node',
    access: ['session'],
    scope: 'coop:write',
    cost: 'write',
    input: z.strictObject({ draft_id: draftId, ...fields }),
    output: FoundingDraft,
    refuses: ['TEMPLATE_UNKNOWN', 'FOUNDING_CLOSED'],
    says: 'Save what is filled in so far; kept here for 90 days.',
    example: { input: { draft_id: 'food-2026', name: 'Food Coop' }, output: example },
    since: '1.0',
  }),
} as const
