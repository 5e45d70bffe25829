import { z } from 'zod'
import type { SpaceId } from '../ids.ts'
import { isSpaceId, operationId } from '../schema.ts'
import { operationStatus, timeField } from './common.ts'
import { row } from './row.ts'

/** Events as a page; WebSocket and SSE at the same address are the gateway's (doors page §13). */

export const Position = z.strictObject({ epoch: z.string().max(64), sequence: z.int().min(0) })

/** Where a node tells its operator what happens at it and in no space. */
export const nodeSpace = 'node'
export type EventSpace = SpaceId | typeof nodeSpace

export const isEventSpace = (value: string): value is EventSpace => value === nodeSpace || isSpaceId(value)
const eventSpace = z
  .string()
  .refine(isEventSpace, { message: 'not a space: commons, coop:<id>, or node for the operator' })
  .meta({ type: 'string', examples: ['coop:food'] }) as unknown as z.ZodType<EventSpace>

/** CloudEvents 1.0 with this network's extensions. */
export const EventJson = z.strictObject({
  specversion: z.literal('1.0'),
  id: z.string(),
  source: z.string(),
  type: z.string(),
  subject: z.string(),
  time: timeField,
  datacontenttype: z.literal('application/json'),
  data: z.record(z.string(), z.unknown()),
  space: z.string(),
  topic: z.string(),
  epoch: z.string(),
  sequence: z.string().describe('Twenty digits, zero-padded.'),
  previous: z.string().describe('Sequence that was sent to you before this one.'),
  operation: operationId.nullable(),
  status: operationStatus.nullable(),
})
export type EventJson = z.output<typeof EventJson>

export const EventPageJson = z.strictObject({
  events: z.array(EventJson),
  positions: z.record(z.string(), Position).describe('Hand them back to go on.'),
  truncated: z.array(eventSpace).describe('Spaces whose log no longer reaches back that far: read their state again.'),
  cursor: z.string().describe('All positions in one, for after.'),
})

export const eventRows = {
  'event.page': row({
    rest: 'GET /v1/events',
    cli: 'events',
    mode: 'read',
    space: 'own',
    access: ['session', 'operator'],
    scope: 'coop:read',
    cost: 'read',
    input: z.strictObject({
      spaces: z.array(eventSpace).min(1).max(100).optional().describe('Which spaces, or node for what happens at the node; left out: all of yours.'),
      topics: z.array(z.string().max(64)).min(1).max(40).optional().describe('Which topics; * for all.'),
      after: z.string().max(8_192).optional().describe('A cursor from before.'),
      limit: z.int().min(1).max(200).default(50).describe('How many at most.'),
      long_poll_ms: z.int().min(0).max(30_000).default(0).describe('Wait so long for the first one.'),
    }),
    output: EventPageJson,
    refuses: ['CURSOR_INVALID'],
    says: 'Read what has happened since a position.',
    example: {
      input: { spaces: ['coop:food'], topics: ['coop:updates'] },
      output: { events: [], positions: { 'coop:food': { epoch: 'AAAA', sequence: 0 } }, truncated: [], cursor: 'c2VhbGVk' },
    },
    since: '1.0',
  }),
} as const
