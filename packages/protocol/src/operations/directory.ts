import { z } from 'zod'
import { charterDocument, coopType } from '../bodies/charter.ts'
import { controllersMax, DirectoryChanges, directoryStatuses, listedHostsMax } from '../bodies/commons.ts'
import { charterHash, did, int, operationId, text } from '../schema.ts'
import { bytesText, listFields, timeField } from './common.ts'
import { coopField } from './coop.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** The directory of cooperatives: what their controllers say of them in public (commons page §4). */

const ListedHost = z.strictObject({ did, addresses: z.array(z.string()), origin: z.string().nullable() })

export const DirectoryView = z.strictObject({
  coop_id: z.string(),
  genesis: operationId,
  name: z.string(),
  type: coopType,
  status: z.enum(directoryStatuses),
  charter_hash: charterHash.nullable(),
  charter_version: z.int().nullable(),
  controllers: z.array(did).describe('Who may change this entry.'),
  threshold: z.int().describe('How many of them it takes for what matters.'),
  hosts: z.array(ListedHost),
  description: z.string().nullable(),
  website: z.string().nullable(),
  version: z.int(),
  reserved_by: did,
  expires_at: timeField.nullable().describe('Of an id that is only kept: until when.'),
  registered_at: timeField.nullable(),
  updated_at: timeField,
})
export type DirectoryView = z.output<typeof DirectoryView>

export const PublishedCharterView = z.strictObject({
  coop_id: z.string(),
  version: z.int(),
  hash: charterHash,
  charter: charterDocument.nullable().describe('Its text, where the coop has published it.'),
  verified: z.boolean().describe('The text is the one that was signed.'),
  signers: z.array(did),
})
export type PublishedCharterView = z.output<typeof PublishedCharterView>

export const DirectoryChangesView = z.strictObject({
  coop_id: z.string(),
  version: z.int().describe('The one that the entry would get.'),
  changes: DirectoryChanges.describe('What the cooperative is and the entry does not say.'),
  need: z.int().describe('How many controllers it takes.'),
  signing_bytes: bytesText.nullable().describe('What each further controller signs with the root key; null when nothing differs.'),
})
export type DirectoryChangesView = z.output<typeof DirectoryChangesView>

const example = {
  coop_id: 'food',
  genesis: sample.one,
  name: 'Food Coop',
  type: 'consumer',
  status: 'active',
  charter_hash: sample.charter,
  charter_version: 1,
  controllers: [sample.ada, sample.ben],
  threshold: 2,
  hosts: [{ did: sample.elm, addresses: [], origin: null }],
  description: null,
  website: null,
  version: 1,
  reserved_by: sample.ada,
  expires_at: null,
  registered_at: sample.at,
  updated_at: sample.at,
} as const

const publicRead = { space: 'commons', access: ['public'], cost: 'public', scope: 'coop:read', since: '1.0' } as const
const write = { mode: 'write', space: 'commons', access: ['session'], scope: 'coop:write', cost: 'govern', since: '1.0' } as const
const one = { coop_id: 'food' }
const controllers = z.array(did).min(1).max(controllersMax)
const hosts = z.array(z.strictObject({ did, addresses: z.array(z.string().max(128)).max(8), origin: z.string().max(200).optional() })).max(listedHostsMax)

export const directoryRows = {
  'commons.coop.list': row({
    ...publicRead,
    rest: 'GET /v1/commons/coops',
    cli: 'directory list',
    mode: 'list',
    input: z.strictObject({
      type: coopType.optional().describe('Only this kind.'),
      status: z.enum(directoryStatuses).optional().describe('Only this status.'),
      q: text(1, 80).optional().describe('Only those with this in their name or id.'),
      ...listFields,
    }),
    output: DirectoryView,
    refuses: [],
    says: 'List the cooperatives of this network, as their controllers have published them.',
    example: { input: { type: 'consumer' }, output: { items: [example], next_cursor: null, as_of: sample.at } },
  }),
  'commons.coop.get': row({
    ...publicRead,
    rest: 'GET /v1/commons/coops/{coop_id}',
    cli: 'directory show',
    mode: 'read',
    input: z.strictObject({ coop_id: coopField }),
    output: DirectoryView,
    refuses: [],
    says: 'Show what a cooperative has published of itself.',
    example: { input: one, output: example },
  }),
  'commons.coop.charter': row({
    ...publicRead,
    rest: 'GET /v1/commons/coops/{coop_id}/charter',
    cli: 'directory charter',
    mode: 'read',
    input: z.strictObject({ coop_id: coopField }),
    output: PublishedCharterView,
    refuses: [],
    says: 'Show the charter that a cooperative has published, and who signed it.',
    example: { input: one, output: { coop_id: 'food', version: 1, hash: sample.charter, charter: null, verified: false, signers: [sample.ada, sample.ben] } },
  }),
  'commons.coop.changes': row({
    rest: 'GET /v1/commons/coops/{coop_id}/changes',
    cli: 'directory changes',
    mode: 'read',
    space: 'commons',
    access: ['session'],
    scope: 'coop:read',
    cost: 'read',
    input: z.strictObject({ coop_id: coopField }),
    output: DirectoryChangesView,
    refuses: ['COOP_UNLISTED'],
    says: 'Show, as a member, where the cooperative’s entry in the directory is no longer true.',
    example: { input: one, output: { coop_id: 'food', version: 2, changes: { name: 'Food Coop at the mill' }, need: 1, signing_bytes: 'aWNu' } },
    since: '1.0',
  }),
  'commons.coop.reserve': row({
    ...write,
    rest: 'POST /v1/commons/coops',
    cli: 'directory reserve',
    proposes: ['commons.coop.reserve'],
    input: z.strictObject({ coop_id: coopField }),
    output: DirectoryView,
    refuses: ['ID_TAKEN', 'RESERVATIONS_TOO_MANY', 'VIA_REQUIRED', 'VIA_EXHAUSTED', 'ALREADY_RESERVED', 'DEVICE_KEY_REQUIRED'],
    says: 'Keep the id of a cooperative that is held here, so that no other one of this network takes it.',
    example: { input: one, output: { ...example, status: 'reserved', charter_hash: null, charter_version: null, version: 0, registered_at: null, expires_at: sample.later } },
  }),
  'commons.coop.register': row({
    ...write,
    rest: 'POST /v1/commons/coops/{coop_id}/register',
    cli: 'directory register',
    proposes: ['commons.coop.register'],
    input: z.strictObject({
      coop_id: coopField,
      controllers: controllers.optional().describe('Who may change the entry; left out: the stewards who have signed the charter.'),
      threshold: int(1, controllersMax).optional().describe('How many of them it takes for what matters; left out: two, or the only one.'),
      publish_charter: z.boolean().default(true).describe('With the text of the charter, not only its hash.'),
    }),
    output: DirectoryView,
    refuses: [
      'RESERVATION_MISSING',
      'ID_TAKEN',
      'NOT_A_SIGNER',
      'SIGNATURES_MISSING',
      'CONTROLLER_NOT_SIGNER',
      'THRESHOLD_INVALID',
      'NAMES_REPEATED',
      'ALREADY_REGISTERED',
      'COOP_STATUS',
      'DEVICE_KEY_REQUIRED',
    ],
    says: 'Enter a cooperative in the directory, with what its charter and its state say.',
    example: { input: one, output: example },
  }),
  'commons.coop.update': row({
    ...write,
    rest: 'PUT /v1/commons/coops/{coop_id}',
    cli: 'directory update',
    proposes: ['commons.coop.update'],
    input: z.strictObject({
      coop_id: coopField,
      changes: DirectoryChanges.extend({ hosts: hosts.optional() })
        .optional()
        .describe('What the entry should say; left out: whatever the cooperative is and the entry does not say.'),
      statements: z
        .array(z.strictObject({ did, key: did, signature: bytesText }))
        .max(controllersMax)
        .optional()
        .describe('Signatures of further controllers over the bytes that directory changes shows.'),
    }),
    output: DirectoryView,
    refuses: [
      'COOP_UNLISTED',
      'NOT_A_CONTROLLER',
      'VERSION_STALE',
      'CONTROLLERS_MISSING',
      'STATEMENT_KEY',
      'SIGNER_REPEATED',
      'STATUS_INVALID',
      'THRESHOLD_INVALID',
      'NAMES_REPEATED',
      'CHARTER_HASH_MISMATCH',
      'DEVICE_KEY_REQUIRED',
    ],
    says: 'Change a cooperative’s entry in the directory.',
    example: { input: { coop_id: 'food', changes: { description: 'Bread and vegetables for forty households.' } }, output: { ...example, version: 2 } },
  }),
  'commons.coop.release': row({
    ...write,
    rest: 'POST /v1/commons/coops/{coop_id}/release',
    cli: 'directory release',
    proposes: ['commons.coop.release'],
    input: z.strictObject({ coop_id: coopField }),
    output: z.strictObject({ coop_id: z.string() }),
    refuses: ['RESERVATION_MISSING', 'DEVICE_KEY_REQUIRED'],
    says: 'Give back an id that was kept for a cooperative.',
    example: { input: one, output: { coop_id: 'food' } },
  }),
} as const
