import { z } from 'zod'
import { did } from '../schema.ts'
import { timeField } from './common.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** Copies of the whole node (operating page §6): made while it works, and tried. Putting one back is done while it stands still, by `icnctl restore`. */

const count = z.int()
const path = z.string().min(1).max(4_096)

export const BackupView = z.strictObject({
  file: z.string(),
  made_at: timeField,
  bytes: count,
  sha256: z.string().describe('Of the file; it stands in the file beside it as well.'),
  spaces: count,
  rows: count,
  recipients: z.array(did).describe('Whose keys open it; this node’s is always among them. Empty: it is not encrypted.'),
})
export type BackupView = z.output<typeof BackupView>

export const BackupDrillView = z.strictObject({
  file: z.string(),
  at: timeField,
  result: z.enum(['proven', 'partial', 'failed']),
  code: z.string().nullable(),
  roots: z.array(z.strictObject({ space: z.string(), root: z.string() })),
  duration_ms: count,
})
export type BackupDrillView = z.output<typeof BackupDrillView>

export const BackupListView = z.strictObject({
  dir: z.string().nullable().describe('Where scheduled backups go; null: none are made by themselves.'),
  items: z.array(
    z.strictObject({ file: z.string(), bytes: count, result: z.enum(['proven', 'partial', 'failed']).nullable().describe('Of the last time its restore was tried.') }),
  ),
})
export type BackupListView = z.output<typeof BackupListView>

const operator = { mode: 'job', space: 'node', access: ['operator'], scope: 'node:write', cost: 'operator', since: '1.0' } as const
const file = '/var/backups/icn/elm-20261001T120000Z.icnbackup'

export const backupRows = {
  'node.backup': row({
    ...operator,
    rest: 'POST /v1/node/backups',
    cli: 'backup',
    input: z.strictObject({
      file: path.optional().describe('Where it goes, on the node’s machine; without one, a new file in backup.dir.'),
      encrypt_to: z.array(did).max(63).optional().describe('DIDs whose keys open it; without any, those of backup.recipients_file.'),
      passphrase_file: path.optional().describe('File on the node’s machine with a passphrase that opens it, mode 0600.'),
      plaintext: z.string().max(100).optional().describe('Say members-data-readable-by-anyone-with-this-file to leave it open.'),
    }),
    output: BackupView,
    refuses: ['OPERATOR_ONLY', 'BACKUP_RECIPIENTS', 'BACKUP_FILE', 'BACKUP_RUNNING', 'DID_INVALID', 'ARCHIVE_NO_ROOM', 'JOB_RUNNING'],
    says: 'Make a backup of the whole node, encrypted, while it works.',
    example: {
      input: { encrypt_to: [sample.ada] },
      output: { file, made_at: sample.at, bytes: 1_048_576, sha256: 'ab'.repeat(32), spaces: 2, rows: 4_096, recipients: [sample.ada, sample.elm] },
    },
  }),
  'node.backup.drill': row({
    ...operator,
    rest: 'POST /v1/node/backup-drills',
    cli: 'backup drill',
    input: z.strictObject({ file: path.optional().describe('Which one; without one, the newest in backup.dir.') }),
    output: BackupDrillView,
    refuses: ['OPERATOR_ONLY', 'BACKUP_UNKNOWN', 'BACKUP_RUNNING', 'JOB_RUNNING'],
    says: 'Try the restore of a backup in a scratch folder; nothing that is here is touched.',
    example: {
      input: {},
      output: { file, at: sample.at, result: 'proven', code: null, roots: [{ space: 'coop:food', root: 'cd'.repeat(32) }], duration_ms: 4_200 },
    },
  }),
  'node.backup.list': row({
    ...operator,
    mode: 'read',
    scope: 'node:read',
    rest: 'GET /v1/node/backups',
    cli: 'backup list',
    input: z.strictObject({}),
    output: BackupListView,
    refuses: ['OPERATOR_ONLY'],
    says: 'List the backups in backup.dir, and which of them were tried.',
    example: { input: {}, output: { dir: '/var/backups/icn', items: [{ file, bytes: 1_048_576, result: 'proven' }] } },
  }),
} as const
