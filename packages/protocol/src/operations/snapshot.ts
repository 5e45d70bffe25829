import { z } from 'zod'
import { snapshotEnds, snapshotPhases, snapshotPurposes } from '../snapshot/messages.ts'
import { clock, did, operationId, spaceId } from '../schema.ts'
import { bytesText, listFields, spaceField, timeField, timeInput } from './common.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** Cuts that make what was done final (snapshot page §14). */

/** Where an attempt stands: on the way, or how it ended. */
export const snapshotStates = [...snapshotPhases, ...snapshotEnds] as const

const n = z.int()
const snapshotId = z.string().regex(/^[0-9a-f]{64}$/, { message: 'must be 64 hexadecimal digits' })
const snapshotField = snapshotId.describe('Id of the snapshot.')

export const SnapshotView = z.strictObject({
  snapshot_id: snapshotId,
  space: spaceId,
  purpose: z.enum(snapshotPurposes),
  state: z.enum(snapshotStates),
  hosts_confirmed: n.describe('Hosts that have signed it.'),
  hosts_count: n.nullable().describe('Hosts that could have; null as long as it is not complete.'),
  confirmed_by: z.array(did),
  missing: z.array(did).describe('Who has not answered, or not signed.'),
  few_witnesses: z.boolean().describe('Fewer than three hosts have signed it.'),
  coordinator: did,
  participants: z.array(did),
  differing: z.array(did).describe('Who has found another state of the same operations.'),
  differences: z
    .array(z.strictObject({ did, table: z.string(), first: z.array(z.unknown()), last: z.array(z.unknown()).nullable() }))
    .describe('Where its rows are others: from a key on, up to another one. The operator sees them.'),
  cut: clock,
  previous: z.string().nullable(),
  checkpoint: z.string().nullable(),
  operation: operationId.nullable().describe('The operation that carries the certificate.'),
  root: bytesText.nullable(),
  global_state_root: bytesText.nullable(),
  count: n.nullable().describe('Operations up to the cut.'),
  bytes: n.nullable().describe('Size of the state.'),
  phases: z.array(z.strictObject({ phase: z.enum(snapshotStates), at: timeField })),
  started_at: timeField,
  ended_at: timeField.nullable(),
  code: z.string().nullable().describe('Why it came to nothing.'),
  says: z.string().describe('The same for people.'),
})
export type SnapshotView = z.output<typeof SnapshotView>

export const ScheduleView = z.strictObject({
  space: spaceId,
  auto: z.boolean().describe('Does this node make cuts by itself at all?'),
  checkpoint_every_secs: n,
  own: z.boolean().describe('Set for this space; else it follows the option.'),
  paused_until: timeField.nullable(),
  next_at: timeField.nullable().describe('When the next one is tried, if something is not final then.'),
})
export type ScheduleView = z.output<typeof ScheduleView>

export const verificationMethods = ['record', 'leaves', 'archive', 'replay', 'unavailable'] as const

const Verification = z.strictObject({
  verifier: did,
  valid: z.boolean().describe('Computed again there, and equal.'),
  computed_root: bytesText.nullable(),
  method: z.enum(verificationMethods),
  checked_at: timeField.nullable(),
})

export const VerifyView = z.strictObject({
  snapshot_id: snapshotId,
  scope: z.enum(['record', 'state']),
  expected_root: bytesText,
  results: z.array(Verification).describe('This node first, then every host that was asked.'),
  valid: n.describe('How many of them found it right.'),
})
export type VerifyView = z.output<typeof VerifyView>

const id = '5f'.repeat(32)
const example = {
  snapshot_id: id,
  space: 'coop:food',
  purpose: 'checkpoint',
  state: 'complete',
  hosts_confirmed: 1,
  hosts_count: 1,
  confirmed_by: [sample.elm],
  missing: [],
  few_witnesses: true,
  coordinator: sample.elm,
  participants: [sample.elm],
  differing: [],
  differences: [],
  cut: [1_795_262_400_000, 0],
  previous: null,
  checkpoint: sample.one,
  operation: sample.two,
  root: 'AAAA',
  global_state_root: 'AAAA',
  count: 12,
  bytes: 4_096,
  phases: [{ phase: 'complete', at: sample.at }],
  started_at: sample.at,
  ended_at: sample.at,
  code: null,
  says: 'Confirmed by 1 of 1 hosts; fewer than three independent witnesses.',
} as const
const schedule = { space: 'coop:food', auto: true, checkpoint_every_secs: 600, own: false, paused_until: null, next_at: sample.at } as const
const agreement = [
  'SNAPSHOT_INSUFFICIENT_PARTICIPANTS',
  'SNAPSHOT_NO_QUORUM',
  'SNAPSHOT_RUNNING',
  'SNAPSHOT_SUPERSEDED',
  'SNAPSHOT_TIMED_OUT',
  'SPACE_DIVERGED',
  'SPACE_UNKNOWN',
] as const
const secs = (min: number, max: number) => z.int().min(min).max(max)

export const snapshotRows = {
  'snapshot.create': row({
    rest: 'POST /v1/snapshots',
    cli: 'snapshot create',
    mode: 'exchange',
    space: '{space}',
    access: ['operator', 'steward'],
    scope: 'snapshot:write',
    cost: 'heavy',
    input: z.strictObject({
      space: spaceField,
      participants: z.array(did).min(1).max(64).optional().describe('Hosts that are to take part; left out: all that can be reached.'),
      lag_secs: secs(0, 3_600).default(0).describe('How far the cut lies in the past; 0: now, and whoever is away may come too late with what they do there.'),
    }),
    output: z.strictObject({ outcome: z.enum(['complete', 'nothing_to_do']), snapshot: SnapshotView.nullable() }),
    refuses: agreement,
    says: 'Make what stands in a space final now, together with its other hosts; waits until they agree.',
    example: { input: { space: 'coop:food' }, output: { outcome: 'complete', snapshot: example } },
    since: '1.0',
  }),
  'snapshot.list': row({
    rest: 'GET /v1/snapshots',
    cli: 'snapshot list',
    mode: 'list',
    space: 'own',
    access: ['session', 'operator'],
    scope: 'snapshot:read',
    cost: 'read',
    input: z.strictObject({
      ...listFields,
      order: z.enum(['asc', 'desc']).default('desc').describe('Direction of the list.'),
      space: spaceField.optional(),
      state: z.enum(snapshotStates).optional().describe('Only those that stand so.'),
    }),
    output: SnapshotView,
    refuses: [],
    says: 'List snapshots that this node made or took part in, running ones too; members see those of their cooperatives.',
    example: { input: { space: 'coop:food' }, output: { items: [example], next_cursor: null, as_of: sample.at } },
    since: '1.0',
  }),
  'snapshot.get': row({
    rest: 'GET /v1/snapshots/{snapshot_id}',
    cli: 'snapshot show',
    mode: 'read',
    space: 'own',
    access: ['session', 'operator'],
    scope: 'snapshot:read',
    cost: 'read',
    input: z.strictObject({ snapshot_id: snapshotField }),
    output: SnapshotView,
    refuses: ['SNAPSHOT_UNKNOWN'],
    says: 'Show a snapshot: how many hosts confirmed it, who is missing, what took how long.',
    example: { input: { snapshot_id: id }, output: example },
    since: '1.0',
  }),
  'snapshot.verify': row({
    rest: 'POST /v1/snapshots/{snapshot_id}/verify',
    cli: 'snapshot verify',
    mode: 'exchange',
    space: 'node',
    access: ['operator'],
    scope: 'snapshot:read',
    cost: 'heavy',
    input: z.strictObject({
      snapshot_id: snapshotField,
      scope: z.enum(['record', 'state']).default('state').describe('record: the signatures and what they add up to. state: the root, computed again from the rows.'),
      peers: z.boolean().default(false).describe('Ask every host of the space, too.'),
    }),
    output: VerifyView,
    refuses: ['SNAPSHOT_UNKNOWN', 'SNAPSHOT_INCOMPLETE', 'SPACE_UNKNOWN'],
    says: 'Check a complete snapshot again, here and at the other hosts.',
    example: {
      input: { snapshot_id: id },
      output: {
        snapshot_id: id,
        scope: 'state',
        expected_root: 'AAAA',
        results: [{ verifier: sample.elm, valid: true, computed_root: 'AAAA', method: 'replay', checked_at: sample.at }],
        valid: 1,
      },
    },
    since: '1.0',
  }),
  'snapshot.schedule.get': row({
    rest: 'GET /v1/snapshot-schedules/{space}',
    cli: 'snapshot schedule show',
    mode: 'read',
    space: 'node',
    access: ['operator'],
    scope: 'snapshot:read',
    cost: 'operator',
    input: z.strictObject({ space: spaceField }),
    output: ScheduleView,
    refuses: ['OPERATOR_ONLY', 'SPACE_UNKNOWN'],
    says: 'Show when this node makes things final in a space by itself.',
    example: { input: { space: 'coop:food' }, output: schedule },
    since: '1.0',
  }),
  'snapshot.schedule.set': row({
    rest: 'PUT /v1/snapshot-schedules/{space}',
    cli: 'snapshot schedule set',
    mode: 'exchange',
    space: 'node',
    access: ['operator'],
    scope: 'snapshot:write',
    cost: 'operator',
    input: z.strictObject({
      space: spaceField,
      checkpoint_every_secs: secs(30, 86_400).optional().describe('How often; left out: as the option says.'),
      paused_until: timeInput.optional().describe('Nothing is made final by itself before; left out: no pause.'),
    }),
    output: ScheduleView,
    refuses: ['OPERATOR_ONLY', 'SPACE_UNKNOWN'],
    says: 'Set when this node makes things final in a space by itself, or pause it.',
    example: { input: { space: 'coop:food', checkpoint_every_secs: 600 }, output: schedule },
    since: '1.0',
  }),
} as const
