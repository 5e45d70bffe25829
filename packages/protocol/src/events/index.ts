import { z } from 'zod'
import { snapshotEnds } from '../snapshot/messages.ts'
import { networkPathNames, peerClasses } from '../peers.ts'
import { did, operationId, spaceId } from '../schema.ts'
import { operationStatus, timeField } from '../operations/common.ts'
import { SplitView } from '../operations/space.ts'

/**
 * Every event that a node tells (doors page §13): topic, data, who may see it. `sees` are words of the access column that hold in
 * the event's space; `party` is whoever the data names as `did`, `author`, `by`, `proposer`, `grantee` or `founder`.
 */
export interface EventRow<Data extends z.ZodType = z.ZodType> {
  readonly topic: Topic
  readonly data: Data
  readonly sees: readonly string[]
  readonly says: string
  /** Ephemeral ones have no sequence and no replay. */
  readonly ephemeral?: boolean
}

export const topics = [
  'coop:updates',
  'commons:updates',
  'identity:updates',
  'space:status',
  'trust:updates',
  'network:status',
  'snapshot:coordinate',
  'job:progress',
  'me',
] as const
export type Topic = (typeof topics)[number]

const insiders = ['member', 'observer', 'founder', 'host'] as const
const coopId = z.string()
const who = { did }
const names = z.array(z.string())

function event<Data extends z.ZodType>(topic: Topic, says: string, data: Data, sees: readonly string[] = insiders): EventRow<Data> {
  return { topic, data, sees, says }
}
const coop = <Shape extends z.ZodRawShape>(says: string, shape: Shape, sees?: readonly string[]) => event('coop:updates', says, z.strictObject(shape), sees)
const identity = <Shape extends z.ZodRawShape>(says: string, shape: Shape, sees: readonly string[] = [...insiders, 'party']) =>
  event('identity:updates', says, z.strictObject(shape), sees)

const trust = <Shape extends z.ZodRawShape>(says: string, shape: Shape) => event('trust:updates', says, z.strictObject(shape), [...insiders, 'party'])

const directory = <Shape extends z.ZodRawShape>(says: string, shape: Shape) => event('commons:updates', says, z.strictObject(shape), [...insiders, 'invited', 'party'])

const edge = { author: did, subject: did, graph: z.string() }
const grant = { author: did, grant: operationId, grantee: did, grantee_kind: z.string() }
const act = { act: operationId, kind: z.string() }

const ofNetwork = <Shape extends z.ZodRawShape>(says: string, shape: Shape) => event('network:status', says, z.strictObject(shape), ['operator'])

const snapshot = { space: spaceId, snapshot_id: z.string(), missing: z.array(did) }
const ofSnapshot = <Shape extends z.ZodRawShape>(says: string, shape: Shape) => event('snapshot:coordinate', says, z.strictObject({ ...snapshot, ...shape }), ['operator'])

const route = z.strictObject({ path: z.enum(networkPathNames), transport: z.enum(['tcp', 'ws']) })
const clock = { ahead_ms: z.int().nullable(), samples: z.int() }

/** What happens at this node and in none of its spaces. Told in the space `node`, to operators. */
const nodeEvents = {
  'peer.ready': ofNetwork('A node is linked and has greeted.', { did, class: z.enum(peerClasses), ...route.shape }),
  'peer.lost': ofNetwork('The link to a node has ended.', who),
  'peer.path_changed': ofNetwork('A node is reached another way than when it was linked before.', { did, before: route, after: route }),
  'peer.banned': ofNetwork('A node is shut out for a time.', { did, by: z.enum(['points', 'operator']), reason: z.string(), until_at: timeField }),
  'peer.unbanned': ofNetwork('A node may come again, and its penalty points are forgotten.', who),
  'space.peer_added': ofNetwork('A space is kept equal with a node.', { space: spaceId, did }),
  'space.peer_removed': ofNetwork('A space is no longer kept equal with a node.', { space: spaceId, did }),
  'clock.off': ofNetwork('The clock of this machine differs from those of its peers by more than five seconds.', clock),
  'clock.ok': ofNetwork('The clock of this machine agrees with its peers again.', clock),
  'snapshot.started': ofSnapshot('Hosts begin to agree on a cut.', { coordinator: did, participants: z.array(did) }),
  'snapshot.marker': ofSnapshot('A host has said what it has up to the cut.', who),
  'snapshot.united': ofSnapshot('All that the hosts have is here, and one set was made of it.', {}),
  'snapshot.ack': ofSnapshot('A host has signed the state that it found.', who),
  'snapshot.complete': ofSnapshot('The cut is final.', { checkpoint: z.string(), confirmed: z.int(), hosts: z.int() }),
  'snapshot.failed': ofSnapshot('Nothing became final.', { outcome: z.enum(snapshotEnds), code: z.string().nullable() }),
  'snapshot.superseded': ofSnapshot('Another host’s cut took the place of this one.', {}),
  'space.diverged': event(
    'space:status',
    'A majority of the hosts has signed another state of a space than this node has found. Sound: its rows were made anew from the operations, and now are the same.',
    z.strictObject({ space: spaceId, sound: z.boolean(), rows: z.int().nullable(), tables: z.array(z.string()) }),
    ['operator'],
  ),
  'space.bootstrapped': event(
    'space:status',
    'This node has taken the state of a space from other hosts; what was said before the cut is known by name and not here.',
    z.strictObject({ space: spaceId, cut: timeField, bytes: z.int(), operations: z.int() }),
    ['operator'],
  ),
  'space.split': event(
    'space:status',
    'A certificate contradicts what is final here: both follow one checkpoint, and neither continues the other.',
    z.strictObject({ space: spaceId, ...SplitView.shape }),
    ['operator'],
  ),
  'space.host_set_shrinking': event(
    'space:status',
    'Hosts were removed that still count for the next cut. Unless it is made before, it is made without them from the time on; each side of a lasting split could do so.',
    z.strictObject({ space: spaceId, hosts: z.array(did), until_at: timeField }),
    ['operator'],
  ),
  'node.cloned': ofNetwork('One identity runs twice: a peer’s, or this node’s own, as a peer has told.', { did, told_by: did.nullable() }),
} as const

/** Each event of the space `node` with its data. */
export type NodeEvents = { readonly [Type in keyof typeof nodeEvents]: z.output<(typeof nodeEvents)[Type]['data']> }

export const events = {
  'coop.created': coop('A cooperative was founded.', { coop_id: coopId, genesis: operationId, type: z.string(), founder: did }),
  'coop.charter_drafted': coop('The charter was changed while forming; signatures so far are void.', { coop_id: coopId, hash: z.string(), by: did }),
  'coop.charter_signed': coop('A founder signed the charter.', { coop_id: coopId, did, hash: z.string(), signed: z.int() }),
  'coop.charter_ratified': coop('Enough founders have signed.', { coop_id: coopId, hash: z.string() }),
  'coop.activated': coop('The cooperative is open.', { coop_id: coopId, charter_hash: z.string(), by: did }),
  'coop.abandoned': coop('The founding was given up.', { coop_id: coopId, by: did }),
  'coop.suspended': coop('The cooperative was paused.', { coop_id: coopId, by: did }),
  'coop.resumed': coop('The cooperative was taken up again.', { coop_id: coopId, by: did }),
  'coop.updated': coop('Settings were changed.', { fields: names }),
  'coop.setting_conflict': coop('Two people changed one setting at the same time.', { field: z.string(), winner_op: operationId, loser_op: operationId }, ['review.settle']),
  'coop.member_applied': coop('Somebody applied.', who, ['member', 'party']),
  'coop.member_invited': coop('Somebody was invited.', { did, roles: names }, ['member', 'party']),
  'coop.member_admitted': coop('Somebody is in the register.', { did, number: z.int(), status: z.string(), roles: names, class: z.string() }, [...insiders, 'party']),
  'coop.member_confirmed': coop('A time of trial ended well.', who, [...insiders, 'party']),
  'coop.member_declined': coop('An application or invitation came to nothing.', { did, code: z.string().optional() }, ['member.admit', 'party']),
  'coop.member_suspended': coop('A member was suspended.', { did, until_at: timeField.optional() }, [...insiders, 'party']),
  'coop.member_reinstated': coop('A suspension ended.', who, [...insiders, 'party']),
  'coop.member_removal_pending': coop('A removal was decided and waits for its time.', { did, due_at: timeField }, [...insiders, 'party']),
  'coop.member_removed': coop('A member was removed.', { did, status: z.string() }, [...insiders, 'party']),
  'coop.member_resigned': coop('A member left.', who, [...insiders, 'party']),
  'coop.member_role_updated': coop('Roles changed.', { did, roles: names }, [...insiders, 'party']),
  'coop.member_updated': coop('A record changed.', { did, fields: names }, [...insiders, 'party']),
  'coop.invite_created': coop('An invitation was made.', { ref: operationId, uses: z.int(), expires_at: timeField }, ['member.invite']),
  'coop.invite_used': coop('An invitation was used.', { ref: operationId, did }, ['member.invite', 'party']),
  'coop.invite_cancelled': coop('An invitation is over.', { ref: operationId, expired: z.boolean().optional() }, ['member.invite']),
  'coop.host_added': coop('A node was invited to hold the cooperative.', { did, label: z.string() }),
  'coop.host_accepted': coop('A node holds the cooperative.', who),
  'coop.host_removed': coop('A node no longer belongs to the cooperative.', { did, status: z.string() }),
  'coop.review_opened': coop('A deed needs a second look.', { ref: operationId, kind: z.string(), by: did }, ['review.settle', 'party']),
  'coop.review_settled': coop('A deed had its second look.', { ref: operationId, verdict: z.string(), kind: z.string() }, ['review.settle', 'party']),
  'coop.imported': coop('Lines of a register were brought in.', { import_id: z.string(), batch: z.int(), rows: z.int() }, ['register.edit']),
  'commons.founded': event('commons:updates', 'The network was founded.', z.strictObject({ network_id: operationId, name: z.string(), keepers: z.int(), stewards: z.int() })),
  'keeper.changed': event(
    'commons:updates',
    'A node became a keeper of the network, or is one no more.',
    z.strictObject({ did, change: z.enum(['added', 'removed', 'left']), keepers: z.int() }),
  ),
  'directory.reserved': directory('An id was kept for a cooperative.', { coop_id: coopId, genesis: operationId, by: did }),
  'directory.registered': directory('A cooperative entered the directory.', { coop_id: coopId, genesis: operationId, by: did }),
  'directory.updated': directory('A cooperative changed its entry.', { coop_id: coopId, genesis: operationId, version: z.int(), by: did }),
  'directory.released': directory('An id was given back before its cooperative entered the directory.', { coop_id: coopId, by: did }),
  'directory.expired': directory('An id waited too long for its cooperative.', { coop_id: coopId }),
  'identity.granted': identity('A permission was given.', { ...grant, not_after_at: timeField }, ['party', 'steward']),
  'identity.revoked': identity('A permission ended.', { ...grant, reason: z.string() }, ['party', 'steward']),
  'identity.rotated': identity('A root key was replaced.', { did, new_key: did, old_key: did, reason: z.string() }),
  'identity.frozen': identity('An identity was stopped.', { did, final: z.boolean() }),
  'act.proposed': identity('A change waits for a second person.', { ...act, proposer: did, need: z.int() }),
  'act.confirmed': identity('A further person confirmed a change.', { ...act, by: did }),
  'act.done': identity('A change of several persons took effect.', { ...act, persons: z.array(did) }),
  'act.withdrawn': identity('A change was taken back before it took effect.', { ...act, by: did }),
  'act.expired': identity('A change found no second person in time.', act),
  'trust.edge_set': trust('Somebody says how far they rely on somebody.', { ...edge, weight: z.int(), expires_at: timeField }),
  'trust.edge_ended': trust('Somebody says nothing more of somebody, or what was said went with time.', { ...edge, reason: z.enum(['said', 'swept', 'room']) }),
  'operation.revised': event(
    'space:status',
    'The order of changes became clear and an outcome changed.',
    z.strictObject({ kind: z.string(), author: did, before: operationStatus, after: operationStatus, codes: names.optional(), displaced_by: operationId.nullable().optional() }),
    ['party', 'review.settle', 'host'],
  ),
  'quarantine.added': event('space:status', 'A change waits for a person.', z.strictObject({ kind: z.string(), author: did }), ['party', 'review.settle']),
  'quarantine.settled': event(
    'space:status',
    'Somebody dealt with a change that waited.',
    z.strictObject({ operation: operationId, how: z.string(), by: did, reissue: operationId.optional() }),
    ['party', 'review.settle'],
  ),
  'space.finalized': event(
    'space:status',
    'Nothing up to this cut can change any more.',
    z.strictObject({ checkpoint: z.string(), cut: z.tuple([z.int(), z.int()]), count: z.int() }),
    [...insiders, 'applicant', 'invited'],
  ),
  'space.rules_adopted': event('space:status', 'The space goes on under other rules from a time.', z.strictObject({ rules: z.string(), from: z.int() }), insiders),
  ...nodeEvents,
  'job.changed': {
    topic: 'job:progress',
    ephemeral: true,
    sees: ['party'],
    says: 'Long work moved on or ended.',
    data: z.strictObject({ job_id: z.string(), method: z.string(), state: z.string(), done: z.int(), total: z.int(), unit: z.string() }),
  },
  'session.opened': { topic: 'me', ephemeral: true, sees: ['party'], says: 'You signed in somewhere.', data: z.strictObject({ sid: z.string(), signer: did, label: z.string() }) },
  'session.ended': { topic: 'me', ephemeral: true, sees: ['party'], says: 'A session of yours ended.', data: z.strictObject({ sid: z.string(), reason: z.string() }) },
} as const satisfies Record<string, EventRow>

export type EventType = keyof typeof events

export function eventRow(type: string): EventRow | undefined {
  return Object.hasOwn(events, type) ? events[type as EventType] : undefined
}

const parties = ['did', 'author', 'by', 'proposer', 'grantee', 'founder'] as const

/** May this reader, with these words in the event's space, see it now? */
export function maySeeEvent(type: string, data: Readonly<Record<string, unknown>>, reader: { readonly did?: string; readonly rights: ReadonlySet<string> }): boolean {
  const row = eventRow(type)
  if (row === undefined) return false
  if (row.sees.some((word) => reader.rights.has(word))) return true
  return (
    row.sees.includes('party') &&
    reader.did !== undefined &&
    (parties.some((name) => data[name] === reader.did) || (Array.isArray(data.persons) && data.persons.includes(reader.did)))
  )
}
