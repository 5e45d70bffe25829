import { z } from 'zod'
import { did, nameText, operationId } from '../schema.ts'
import { ActView } from './act.ts'
import { listFields, operationField, timeField } from './common.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** The network that everybody shares, and the nodes whose majority makes it final (commons page §2). */

const n = z.int()
const knowledge = {
  known_at: timeField
    .nullable()
    .describe('A majority of the keepers had told this node nothing newer than what it holds at that time; null: not heard from so many since the start.'),
  age_ms: n.nullable().describe('How long ago that was.'),
}

export const NetworkView = z.strictObject({
  network_id: operationId,
  name: z.string(),
  founded_at: timeField,
  founded_by: did,
  rules: z.string(),
  keepers: z.array(did),
  keepers_needed: n.describe('How many of them decide together, or make something final.'),
  stewards: z.array(did).describe('People who were named when the network was founded.'),
  ...knowledge,
})
export type NetworkView = z.output<typeof NetworkView>

export const CommonsStatusView = z.strictObject({
  network_id: operationId,
  name: z.string(),
  you: z.strictObject({ did: did.nullable(), standing: z.string(), rights: z.array(z.string()) }),
  node: z.strictObject({
    did,
    keeper: z.boolean(),
    introduces: z.boolean().describe('Everybody knows this node, so that it may introduce people who are new.'),
  }),
  keepers: z.strictObject({ count: n, needed: n, changes_open: n.describe('Changes that wait for further keepers.') }),
  counts: z.strictObject({ stewards: n, coops: n, edges: n, operations: n, unfinal: n }),
  final_until: timeField.nullable().describe('Nothing up to then can change any more.'),
  sync: z.string().describe('synced, behind, or alone.'),
  store: z.strictObject({ kind: z.string(), size_on_disk: n.describe('Of all spaces of this node, in bytes.') }),
  ...knowledge,
})
export type CommonsStatusView = z.output<typeof CommonsStatusView>

export const KeeperView = z.strictObject({
  did,
  label: z.string().describe('Empty for those who were named when the network was founded.'),
  addresses: z.array(z.string()),
  since_at: timeField,
  ended_at: timeField.nullable(),
  this_node: z.boolean(),
})
export type KeeperView = z.output<typeof KeeperView>

const known = { known_at: sample.at, age_ms: 12_000 } as const
const keeper = { did: sample.elm, label: 'Elm', addresses: ['/dns4/elm.example/tcp/7777'], since_at: sample.at, ended_at: null, this_node: false } as const
const change = {
  act_id: sample.two,
  space: 'commons',
  kind: 'commons.keeper.add',
  body: { did: sample.elm, label: 'Elm', addresses: [] },
  note: null,
  subject: sample.elm,
  proposer: sample.phone,
  proposed_at: sample.at,
  need: 2,
  waived: false,
  confirmed: [{ did: sample.phone, at: sample.at }],
  state: 'open',
  expires_at: sample.later,
  done_op: null,
  you_may_confirm: true,
} as const

const anybody = { space: 'commons', access: ['public'], cost: 'public', scope: 'commons:read', since: '1.0' } as const
const write = { mode: 'write', space: 'commons', access: ['operator'], scope: 'commons:write', cost: 'operator', since: '1.0' } as const
const together = ['NEEDS_SECOND', 'ACT_REPEATED', 'ACTS_TOO_MANY'] as const
const which = z.strictObject({ operation_id: operationField })
const who = did.describe('DID of the node.')

export const commonsRows = {
  'commons.network': row({
    ...anybody,
    rest: 'GET /v1/commons/network',
    cli: 'commons network',
    mode: 'read',
    input: z.strictObject({}),
    output: NetworkView,
    refuses: [],
    says: 'Show which network this is, who keeps it, and how fresh this node’s knowledge of it is.',
    example: {
      input: {},
      output: {
        network_id: sample.network,
        name: 'Valley',
        founded_at: sample.at,
        founded_by: sample.elm,
        rules: '0-abc',
        keepers: [sample.elm],
        keepers_needed: 1,
        stewards: [sample.ada],
        ...known,
      },
    },
  }),
  'commons.status': row({
    rest: 'GET /v1/commons/status',
    cli: 'commons status',
    mode: 'read',
    space: 'commons',
    access: ['session', 'operator'],
    scope: 'commons:read',
    cost: 'read',
    input: z.strictObject({}),
    output: CommonsStatusView,
    refuses: [],
    says: 'Show what this node knows of its network, and what you are in it.',
    example: {
      input: {},
      output: {
        network_id: sample.network,
        name: 'Valley',
        you: { did: sample.ada, standing: 'member', rights: ['member'] },
        node: { did: sample.elm, keeper: true, introduces: true },
        keepers: { count: 3, needed: 2, changes_open: 0 },
        counts: { stewards: 1, coops: 4, edges: 12, operations: 31, unfinal: 2 },
        final_until: sample.at,
        sync: 'synced',
        store: { kind: 'sqlite', size_on_disk: 1_048_576 },
        ...known,
      },
    },
    since: '1.0',
  }),
  'commons.keeper.list': row({
    ...anybody,
    rest: 'GET /v1/commons/keepers',
    cli: 'keeper list',
    mode: 'list',
    input: z.strictObject({ ended: z.boolean().default(false).describe('Also those that are keepers no more.'), ...listFields }),
    output: KeeperView,
    refuses: [],
    says: 'List the nodes whose majority makes the network final.',
    example: { input: {}, output: { items: [keeper], next_cursor: null, as_of: sample.at } },
  }),
  'commons.keeper.changes': row({
    ...anybody,
    rest: 'GET /v1/commons/keeper-changes',
    cli: 'keeper changes',
    mode: 'list',
    input: z.strictObject({ ...listFields }),
    output: ActView,
    refuses: [],
    says: 'List what waits for further keepers; whether this node may confirm it stands beside.',
    example: { input: {}, output: { items: [change], next_cursor: null, as_of: sample.at } },
  }),
  'commons.keeper.add': row({
    ...write,
    rest: 'POST /v1/commons/keepers',
    cli: 'keeper add',
    proposes: ['commons.keeper.add', 'act.propose'],
    input: z.strictObject({
      did: who,
      label: nameText(1, 64).describe('Its name.'),
      addresses: z.array(z.string().min(1).max(128)).max(8).default([]).describe('Multiaddrs at which it may be asked.'),
    }),
    output: KeeperView,
    refuses: ['OPERATOR_ONLY', 'NO_STANDING', 'NOT_A_KEEPER', 'KEEPER_EXISTS', 'KEEPER_IS_PERSON', 'KEEPERS_FULL', ...together],
    says: 'Name a further keeper, as the operator of one; with others it waits until a majority has said so.',
    example: { input: { did: sample.elm, label: 'Elm' }, output: { ...keeper, addresses: [] } },
  }),
  'commons.keeper.remove': row({
    ...write,
    rest: 'DELETE /v1/commons/keepers/{did}',
    cli: 'keeper remove',
    proposes: ['commons.keeper.remove', 'act.propose'],
    input: z.strictObject({ did: who }),
    output: KeeperView,
    refuses: ['OPERATOR_ONLY', 'NO_STANDING', 'NOT_A_KEEPER', 'KEEPER_UNKNOWN', 'LAST_KEEPER', 'KEEPERS_TOO_FEW', 'ACT_SAME_PERSON', ...together],
    says: 'End a keeper’s part, as the operator of another; a majority without that one has to say so.',
    example: { input: { did: sample.elm }, output: { ...keeper, ended_at: sample.later } },
  }),
  'commons.keeper.leave': row({
    ...write,
    rest: 'POST /v1/commons/keepers/{did}/leave',
    cli: 'keeper leave',
    proposes: ['commons.keeper.leave'],
    input: z.strictObject({ did: who }),
    output: KeeperView,
    refuses: ['OPERATOR_ONLY', 'NO_STANDING', 'NOT_A_KEEPER', 'LAST_KEEPER'],
    says: 'Stop, as this node’s operator, being a keeper.',
    example: { input: { did: sample.elm }, output: { ...keeper, ended_at: sample.later, this_node: true } },
  }),
  'commons.keeper.confirm': row({
    ...write,
    rest: 'POST /v1/commons/keeper-changes/{operation_id}/confirm',
    cli: 'keeper confirm',
    proposes: ['act.confirm'],
    input: which,
    output: ActView,
    refuses: ['OPERATOR_ONLY', 'NO_STANDING', 'NOT_A_KEEPER', 'ACT_UNKNOWN', 'ACT_CLOSED', 'ACT_SAME_PERSON', 'KEEPERS_TOO_FEW', 'LAST_KEEPER'],
    says: 'Confirm, as this node’s operator, what another keeper has proposed.',
    example: { input: { operation_id: sample.two }, output: { ...change, state: 'done', done_op: sample.three, you_may_confirm: false } },
  }),
  'commons.keeper.withdraw': row({
    ...write,
    rest: 'POST /v1/commons/keeper-changes/{operation_id}/withdraw',
    cli: 'keeper withdraw',
    proposes: ['act.withdraw'],
    input: which,
    output: ActView,
    refuses: ['OPERATOR_ONLY', 'NO_STANDING', 'NOT_A_KEEPER', 'ACT_UNKNOWN', 'ACT_CLOSED'],
    says: 'Take back, as the operator of a keeper, what waits for further keepers.',
    example: { input: { operation_id: sample.two }, output: { ...change, state: 'withdrawn', you_may_confirm: false } },
  }),
} as const
