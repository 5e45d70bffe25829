import { z } from 'zod'
import { hostStatuses } from '../bodies/coop.ts'
import { did, nameText, text } from '../schema.ts'
import { coopField } from './coop.ts'
import { listFields, timeField } from './common.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** Nodes that hold a cooperative's space (coop page §7). */

export const HostView = z.strictObject({
  did,
  label: z.string(),
  status: z.enum(hostStatuses),
  added_by: did,
  added_at: timeField,
  accepted_at: timeField.nullable(),
  ended_at: timeField.nullable(),
  note: z.string(),
  this_node: z.boolean(),
})
export type HostView = z.output<typeof HostView>

const example = {
  did: sample.elm,
  label: 'Elm',
  status: 'active',
  added_by: sample.ada,
  added_at: sample.at,
  accepted_at: sample.at,
  ended_at: null,
  note: '',
  this_node: true,
} as const
const who = { coop_id: coopField, did: did.describe('DID of the node.') }
const write = { mode: 'write', space: 'coop:{coop_id}', scope: 'coop:write', cost: 'govern', output: HostView, since: '1.0' } as const

export const hostRows = {
  'coop.host.list': row({
    rest: 'GET /v1/coops/{coop_id}/hosts',
    cli: 'coop host list',
    mode: 'list',
    space: 'coop:{coop_id}',
    access: ['member', 'observer', 'founder', 'host', 'operator'],
    scope: 'coop:read',
    cost: 'read',
    input: z.strictObject({ coop_id: coopField, ...listFields }),
    output: HostView,
    refuses: [],
    says: 'List the nodes that hold a cooperative.',
    example: { input: { coop_id: 'food' }, output: { items: [example], next_cursor: null, as_of: sample.at } },
    since: '1.0',
  }),
  'coop.host.add': row({
    ...write,
    rest: 'POST /v1/coops/{coop_id}/hosts',
    cli: 'coop host add',
    proposes: ['coop.host.add', 'act.propose'],
    access: ['coop.hosts'],
    input: z.strictObject({ ...who, label: nameText(1, 64).describe('Its name.'), note: text(0, 500).optional().describe('Whose it is, where it stands.') }),
    refuses: ['NODE_AS_MEMBER', 'HOST_EXISTS', 'HOSTS_FULL', 'POWER_MISSING', 'NEEDS_SECOND', 'COOP_STATUS'],
    says: 'Invite another node to hold the cooperative.',
    example: { input: { coop_id: 'food', did: sample.elm, label: 'Elm' }, output: { ...example, status: 'invited', accepted_at: null, this_node: false } },
  }),
  'coop.host.accept': row({
    ...write,
    rest: 'POST /v1/coops/{coop_id}/hosts/{did}/accept',
    cli: 'coop host accept',
    proposes: ['coop.host.accept'],
    access: ['operator'],
    input: z.strictObject(who),
    refuses: ['HOST_NOT_INVITED', 'HOST_EXISTS', 'OPERATOR_ONLY'],
    says: 'Accept, as this node’s operator, to hold a cooperative.',
    example: { input: { coop_id: 'food', did: sample.elm }, output: example },
  }),
  'coop.host.remove': row({
    ...write,
    rest: 'DELETE /v1/coops/{coop_id}/hosts/{did}',
    cli: 'coop host remove',
    proposes: ['coop.host.remove', 'act.propose'],
    access: ['coop.hosts'],
    input: z.strictObject({ ...who, reason: text(1, 2_000).describe('Why.') }),
    refuses: ['HOST_UNKNOWN', 'LAST_HOST', 'POWER_MISSING', 'NEEDS_SECOND', 'COOP_STATUS', 'DEVICE_KEY_REQUIRED'],
    says: 'End a node’s part in holding the cooperative; what it already holds it holds.',
    example: { input: { coop_id: 'food', did: sample.elm, reason: 'Retired machine' }, output: { ...example, status: 'removed', ended_at: sample.at } },
  }),
  'coop.host.leave': row({
    ...write,
    rest: 'POST /v1/coops/{coop_id}/hosts/{did}/leave',
    cli: 'coop host leave',
    proposes: ['coop.host.leave'],
    access: ['operator'],
    input: z.strictObject(who),
    refuses: ['HOST_UNKNOWN', 'LAST_HOST', 'OPERATOR_ONLY', 'SNAPSHOT_RUNNING'],
    says: 'Stop, as this node’s operator, holding a cooperative.',
    example: { input: { coop_id: 'food', did: sample.elm }, output: { ...example, status: 'left', ended_at: sample.at } },
  }),
} as const
