import { z } from 'zod'
import { clock, did, operationId, plainMap, spaceId } from '../schema.ts'
import { bytesText, ChangeJson, DecisionJson, listFields, spaceField, timeField } from './common.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** Spaces held by this node (doors page §14). */

const n = z.int()
const Certificate = z.strictObject({ checkpoint: z.string(), operation: operationId, cut: clock, signed_by: z.array(did) })
export const SplitView = z.strictObject({
  previous: z.string().nullable().describe('The checkpoint that both follow.'),
  here: Certificate.describe('What is final here.'),
  other: Certificate.describe('What is final elsewhere, as it says.'),
  signed_both: z.array(did).describe('Hosts that have signed both.'),
  majority: z.boolean().describe('Is the other one signed by more than half of the hosts that the checkpoint before it had?'),
})

/** What the next cut of a space needs, and who is here for it. */
export const FinalityView = z.strictObject({
  hosts_count: n.describe('Hosts whose signature counts for the next cut.'),
  needed: n.describe('So many of them have to sign.'),
  here: n.describe('So many of them can be reached from this node now, itself included.'),
  missing: z.array(did).describe('The others.'),
  enough: z.boolean().describe('Could something become final now?'),
  few_witnesses: z.boolean().describe('There are fewer than three.'),
  shrinking: z
    .strictObject({ until_at: timeField, hosts: z.array(did) })
    .nullable()
    .describe('Hosts that were removed and still count for the next cut, until then.'),
  splits: z.array(SplitView).describe('Certificates that contradict what is final here.'),
  says: z.string().describe('The same for people.'),
})
export type FinalityView = z.output<typeof FinalityView>

export const finalityExample = {
  hosts_count: 1,
  needed: 1,
  here: 1,
  missing: [],
  enough: true,
  few_witnesses: true,
  shrinking: null,
  splits: [],
  says: 'Final as soon as this one host says so: that protects against mistakes of order, not against that host. These are fewer than three independent witnesses.',
} as const

export const SpaceView = z.strictObject({
  space: spaceId,
  genesis: operationId,
  name: z.string().nullable(),
  rules: z.string(),
  head: z.strictObject({ id: operationId, at: clock }).nullable(),
  checkpoint: z.strictObject({ id: z.string(), cut: clock, root: bytesText, operation: operationId }).nullable(),
  operations: z.strictObject({ held: n, applied: n, refused: n, late: n, forked: n, superseded: n }),
  history_from: timeField.nullable().describe('What stands before came here as state: it counts, and cannot be read here.'),
  unfinal: n,
  set_digest: bytesText,
  sync: z.string().describe('synced, behind, alone, or diverged: the other hosts have found another state, and nothing is written here.'),
  read_only: z.boolean(),
  hosts: z.array(did),
  finality: FinalityView.nullable().describe('Null: this node cannot tell, because it lacks the rules of the space.'),
  as_of: timeField,
})
export type SpaceView = z.output<typeof SpaceView>

const example = {
  space: 'coop:food',
  genesis: sample.one,
  name: 'Food Coop',
  rules: '0-abc',
  head: { id: sample.two, at: [1_795_262_400_000, 0] },
  checkpoint: null,
  operations: { held: 0, applied: 12, refused: 0, late: 0, forked: 0, superseded: 0 },
  history_from: null,
  unfinal: 12,
  set_digest: 'AAAA',
  sync: 'alone',
  read_only: false,
  hosts: [sample.elm],
  finality: finalityExample,
  as_of: sample.at,
} as const
const insiders = ['member', 'observer', 'founder', 'host', 'operator'] as const

export const spaceRows = {
  'space.list': row({
    rest: 'GET /v1/spaces',
    cli: 'space list',
    mode: 'list',
    space: 'own',
    access: ['session', 'operator'],
    scope: 'node:read',
    cost: 'read',
    input: z.strictObject({ ...listFields }),
    output: SpaceView,
    refuses: [],
    says: 'List the spaces here in which you stand; the operator sees all.',
    example: { input: {}, output: { items: [example], next_cursor: null, as_of: sample.at } },
    since: '1.0',
  }),
  'space.get': row({
    rest: 'GET /v1/spaces/{space}',
    cli: 'space get',
    mode: 'read',
    space: '{space}',
    access: insiders,
    scope: 'node:read',
    cost: 'read',
    input: z.strictObject({ space: spaceField }),
    output: SpaceView,
    refuses: [],
    says: 'Show a space: newest change, checkpoint, counts, who holds it.',
    example: { input: { space: 'coop:food' }, output: example },
    since: '1.0',
  }),
  'space.simulate': row({
    rest: 'POST /v1/spaces/{space}/simulate',
    cli: 'space simulate',
    mode: 'read',
    space: '{space}',
    access: ['member', 'founder'],
    scope: 'coop:read',
    cost: 'heavy',
    input: z.strictObject({
      space: spaceField,
      drafts: z
        .array(z.strictObject({ kind: z.string().min(1).max(64).describe('Kind.'), body: plainMap.describe('Its body.') }))
        .min(1)
        .max(20)
        .describe('What you would do, in this order.'),
    }),
    output: z.strictObject({ decisions: z.array(DecisionJson), changes: z.array(ChangeJson), token: z.string() }),
    refuses: [],
    says: 'Try several changes in a row; nothing is written.',
    example: { input: { space: 'coop:food', drafts: [{ kind: 'coop.member.profile', body: { name: 'Ada B.' } }] }, output: { decisions: [], changes: [], token: 'c2VhbGVk' } },
    since: '1.0',
  }),
} as const
