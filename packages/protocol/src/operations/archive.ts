import { z } from 'zod'
import { clock, did, spaceId } from '../schema.ts'
import { spaceField, timeField } from './common.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** States of spaces in files, and putting them back (snapshot page §12). All for whoever runs the machine. */

const count = z.int()
const path = z.string().min(1).max(4_096)
const fileField = path.describe('Name of an archive in snapshot.archive_dir, or an absolute path on the node’s machine.')
const nameField = z.string().min(1).max(255).describe('Name of an archive in snapshot.archive_dir.')
const results = z.enum(['proven', 'partial', 'failed'])

export const ArchiveView = z.strictObject({
  name: z.string(),
  space: spaceId,
  cut_at: timeField.describe('Everything up to then is in it.'),
  bytes: count,
  pinned: z.boolean().describe('Never deleted.'),
  result: results.nullable().describe('Of the last time its restore was tried.'),
})
export type ArchiveView = z.output<typeof ArchiveView>

const Made = z.strictObject({
  file: z.string(),
  space: spaceId,
  cut: clock,
  root: z.string(),
  made_at: timeField,
  bytes: count,
  sha256: z.string().describe('Of the file; it stands in the file beside it as well.'),
  recipients: z.array(did).describe('Whose keys open it; this node’s is always among them. Empty: it is not encrypted.'),
  operations: z.enum(['none', 'all']),
})

const RestoreView = z.strictObject({
  outcome: z.enum(['simulated', 'restored']),
  file: z.string(),
  space: spaceId,
  cut: clock,
  root: z.string(),
  operations: count.describe('Operations up to the cut.'),
  made_at: timeField,
  made_by: did,
  present: z.boolean().describe('The space was here already.'),
  lost_or_late: count.describe('Operations that are here and not in the archive: whatever no other host holds is lost.'),
  gained: count.describe('Operations that are in the archive and not here.'),
  rows: z.array(z.strictObject({ table: z.string(), count })).describe('Rows that are not the same on both sides, by table.'),
})

const DrillView = z.strictObject({
  name: z.string(),
  space: spaceId.nullable(),
  at: timeField,
  result: results,
  code: z.string().nullable(),
  roots: z.array(z.strictObject({ space: z.string(), root: z.string() })),
  duration_ms: count,
})

const operator = { space: 'node', access: ['operator'], scope: 'snapshot:write', cost: 'operator', since: '1.0' } as const
const file = '/var/lib/icn/snapshots/coop+food-1795262400000.icnsnap'
const name = 'coop+food-1795262400000.icnsnap'
const cut = [1_795_262_400_000, 0] as const
const root = 'cd'.repeat(32)
const view = { name, space: 'coop:food', cut_at: sample.at, bytes: 65_536, pinned: false, result: 'proven' } as const

export const archiveRows = {
  'snapshot.archive': row({
    ...operator,
    mode: 'job',
    rest: 'POST /v1/snapshot-archives',
    cli: 'snapshot archive',
    input: z.strictObject({
      space: spaceField,
      out: path.optional().describe('Where it goes, on the node’s machine; left out: a file in snapshot.archive_dir.'),
      encrypt_to: z.array(did).max(63).optional().describe('DIDs whose keys open it; left out: those of snapshot.archive_recipients_file.'),
      passphrase_file: path.optional().describe('File on the node’s machine with a passphrase that opens it, mode 0600.'),
      plaintext: z.string().max(100).optional().describe('Say members-data-readable-by-anyone-with-this-file to leave it open.'),
      operations: z.enum(['none', 'all']).default('none').describe('all: everything that was said as well, so that it can be worked out again.'),
    }),
    output: Made,
    refuses: [
      'OPERATOR_ONLY',
      'SPACE_UNKNOWN',
      'NOTHING_FINAL',
      'SNAPSHOT_TOO_LARGE',
      'BACKUP_RECIPIENTS',
      'ARCHIVE_FILE',
      'ARCHIVE_RUNNING',
      'DID_INVALID',
      'ARCHIVE_NO_ROOM',
      'JOB_RUNNING',
    ],
    says: 'Put the state of a space at its last cut into a file, encrypted.',
    example: {
      input: { space: 'coop:food', encrypt_to: [sample.ada] },
      output: { file, space: 'coop:food', cut, root, made_at: sample.at, bytes: 65_536, sha256: 'ab'.repeat(32), recipients: [sample.ada, sample.elm], operations: 'none' },
    },
  }),
  'snapshot.archives': row({
    ...operator,
    mode: 'read',
    scope: 'snapshot:read',
    rest: 'GET /v1/snapshot-archives',
    cli: 'snapshot archives',
    input: z.strictObject({ space: spaceField.optional() }),
    output: z.strictObject({ dir: z.string(), items: z.array(ArchiveView) }),
    refuses: ['OPERATOR_ONLY'],
    says: 'List the archives in snapshot.archive_dir, and which of them were tried.',
    example: { input: {}, output: { dir: '/var/lib/icn/snapshots', items: [view] } },
  }),
  'snapshot.restore': row({
    ...operator,
    mode: 'job',
    dryRun: true,
    rest: 'POST /v1/snapshot-restores',
    cli: 'snapshot restore',
    input: z.strictObject({
      file: fileField,
      replace: z.boolean().default(false).describe('Also where the space is here already; what is here is kept aside for 30 days.'),
      confirm_space: spaceField.optional().describe('The space that is replaced, so that it is no slip.'),
      passphrase_file: path.optional().describe('File on the node’s machine with the passphrase of the archive.'),
    }),
    output: RestoreView,
    refuses: [
      'OPERATOR_ONLY',
      'ARCHIVE_UNKNOWN',
      'ARCHIVE_DAMAGED',
      'ARCHIVE_NOT_FOR_US',
      'ARCHIVE_TOO_NEW',
      'NETWORK_MISMATCH',
      'NOT_CAUGHT_UP',
      'WRONG_GENESIS',
      'STATE_UNPROVEN',
      'RESTORE_DIFFERS',
      'SPACE_PRESENT',
      'SNAPSHOT_RUNNING',
      'BACKUP_RECIPIENTS',
      'ARCHIVE_RUNNING',
      'JOB_RUNNING',
    ],
    says: 'Put a space back as an archive has it; a dry run says what would be lost.',
    example: {
      input: { file: name },
      output: {
        outcome: 'restored',
        file,
        space: 'coop:food',
        cut,
        root,
        operations: 12,
        made_at: sample.at,
        made_by: sample.elm,
        present: false,
        lost_or_late: 0,
        gained: 0,
        rows: [],
      },
    },
  }),
  'snapshot.drill': row({
    ...operator,
    mode: 'job',
    rest: 'POST /v1/snapshot-drills',
    cli: 'snapshot drill',
    input: z.strictObject({ file: fileField.optional() }),
    output: DrillView,
    refuses: ['OPERATOR_ONLY', 'ARCHIVE_UNKNOWN', 'ARCHIVE_RUNNING', 'JOB_RUNNING'],
    says: 'Try the restore of an archive, the newest when none is named, in a scratch folder; nothing that is here is touched.',
    example: {
      input: {},
      output: { name, space: 'coop:food', at: sample.at, result: 'proven', code: null, roots: [{ space: 'coop:food', root }], duration_ms: 420 },
    },
  }),
  'snapshot.cleanup': row({
    ...operator,
    mode: 'exchange',
    rest: 'POST /v1/snapshot-cleanups',
    cli: 'snapshot cleanup',
    input: z.strictObject({ keep: z.int().min(1).max(100).optional().describe('How many of each space; left out: as the options say.') }),
    output: z.strictObject({ deleted: z.array(z.string()) }),
    refuses: ['OPERATOR_ONLY'],
    says: 'Delete archives that are too many now; never the newest of a space, the last proven one or a pinned one.',
    example: { input: { keep: 3 }, output: { deleted: [name] } },
  }),
  'snapshot.delete': row({
    ...operator,
    mode: 'exchange',
    rest: 'DELETE /v1/snapshot-archives/{file}',
    cli: 'snapshot delete',
    input: z.strictObject({ file: nameField }),
    output: z.strictObject({ deleted: z.array(z.string()) }),
    refuses: ['OPERATOR_ONLY', 'ARCHIVE_UNKNOWN', 'SNAPSHOT_PINNED', 'SNAPSHOT_LAST_PROVEN'],
    says: 'Delete one archive.',
    example: { input: { file: name }, output: { deleted: [name] } },
  }),
  'snapshot.pin': row({
    ...operator,
    mode: 'exchange',
    rest: 'POST /v1/snapshot-archives/{file}/pin',
    cli: 'snapshot pin',
    input: z.strictObject({ file: nameField, pinned: z.boolean().default(true).describe('false: it may be deleted again.') }),
    output: ArchiveView,
    refuses: ['OPERATOR_ONLY', 'ARCHIVE_UNKNOWN'],
    says: 'Keep an archive for good.',
    example: { input: { file: name }, output: { ...view, pinned: true } },
  }),
} as const
