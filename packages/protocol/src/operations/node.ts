import { z } from 'zod'
import { did, operationId } from '../schema.ts'
import { listFields, timeField } from './common.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'
import { FinalityView, finalityExample } from './space.ts'

/** This node: for everybody a few words, for its operator health and findings (operating page §5). */

export const AboutView = z.strictObject({
  version: z.string(),
  protocol: z.literal('icn/1'),
  node: did,
  network: operationId.nullable(),
  public_origin: z.string(),
  languages: z.array(z.string()),
})
export type AboutView = z.output<typeof AboutView>

export const DoctorFinding = z.strictObject({
  group: z.string(),
  name: z.string(),
  state: z.enum(['ok', 'warn', 'fail', 'unknown']),
  text: z.string().describe('What was measured.'),
  fix: z.string().nullable().describe('A command or a sentence.'),
})
export type DoctorFinding = z.output<typeof DoctorFinding>

const count = z.int()
const RestoreView = z.strictObject({
  what: z.enum(['backup', 'archive']),
  space: z.string().nullable(),
  proven_at: timeField.nullable().describe('When a restore of it was last proven to work.'),
  last: z.strictObject({ at: timeField, name: z.string(), result: z.enum(['proven', 'failed', 'partial']), duration_ms: count, code: z.string().nullable() }),
})

export const StatusView = z.strictObject({
  version: z.string(),
  node: did,
  name: z.string(),
  state: z.enum(['starting', 'running', 'stopping']),
  phase: z.string(),
  started_at: timeField,
  uptime_secs: count,
  clock: z.strictObject({ now: timeField, offset_ms: z.int().nullable() }),
  spaces: z.array(
    z.strictObject({ space: z.string(), operations: count, unfinal: count, held: count, sync: z.string(), checkpoint_at: timeField.nullable(), finality: FinalityView.nullable() }),
  ),
  recovering: z
    .array(z.strictObject({ space: z.string(), since: timeField, waiting_for: z.array(did) }))
    .describe('Spaces in which this node signs nothing until other hosts have said what it has signed there.'),
  runs_twice_at: timeField.nullable().describe('When another node last saw this identity run twice.'),
  actors: z.array(z.strictObject({ name: z.string(), state: z.string(), mailbox: count, restarts: count })),
  store: z.strictObject({ kind: z.string(), bytes: count, free_bytes: count.nullable(), read_only: z.boolean() }),
  backup: z
    .strictObject({ at: timeField, file: z.string(), bytes: count, code: z.string().nullable(), good_at: timeField.nullable() })
    .nullable()
    .describe('The last one that was to be made, why it failed, and when the last good one was made.'),
  restore_proven_at: timeField.nullable().describe('Of anything; null: no restore was ever proven.'),
  restores: z.array(RestoreView).describe('The last restore that was tried of the whole node, and of each space.'),
  sessions: count,
  subscribers: count,
  errors_24h: z.array(z.strictObject({ operation: z.string(), count, last_at: timeField })),
})
export type StatusView = z.output<typeof StatusView>

export const OptionView = z.strictObject({ name: z.string(), value: z.unknown(), source: z.enum(['flag', 'environment', 'file', 'default']), unit: z.string().nullable() })

export const nodeRows = {
  'node.about': row({
    rest: 'GET /v1/about',
    cli: 'version',
    mode: 'read',
    space: 'node',
    access: ['public'],
    cost: 'public',
    input: z.strictObject({}),
    output: AboutView,
    refuses: [],
    says: 'Say which node this is, of which network and version.',
    example: {
      input: {},
      output: { version: '0.1.0', protocol: 'icn/1', node: sample.elm, network: sample.network, public_origin: 'https://food.example', languages: ['en', 'es'] },
    },
    since: '1.0',
  }),
  'node.status': row({
    rest: 'GET /v1/node/status',
    cli: 'status',
    mode: 'read',
    space: 'node',
    access: ['operator'],
    scope: 'node:read',
    cost: 'operator',
    input: z.strictObject({}),
    output: StatusView,
    refuses: ['OPERATOR_ONLY'],
    says: 'Show how this node is doing.',
    example: {
      input: {},
      output: {
        version: '0.1.0',
        node: sample.elm,
        name: 'elm',
        state: 'running',
        phase: 'ready',
        started_at: sample.at,
        uptime_secs: 60,
        clock: { now: sample.at, offset_ms: null },
        spaces: [{ space: 'coop:food', operations: 12, unfinal: 12, held: 0, sync: 'alone', checkpoint_at: null, finality: finalityExample }],
        recovering: [],
        runs_twice_at: null,
        actors: [{ name: 'coop', state: 'running', mailbox: 0, restarts: 0 }],
        store: { kind: 'sqlite', bytes: 4096, free_bytes: null, read_only: false },
        backup: { at: sample.at, file: '/var/backups/icn/elm-20261001T120000Z.icnbackup', bytes: 1_048_576, code: null, good_at: sample.at },
        restore_proven_at: sample.at,
        restores: [
          {
            what: 'backup',
            space: null,
            proven_at: sample.at,
            last: { at: sample.at, name: 'elm-20261001T120000Z.icnbackup', result: 'proven', duration_ms: 4_200, code: null },
          },
        ],
        sessions: 1,
        subscribers: 0,
        errors_24h: [],
      },
    },
    since: '1.0',
  }),
  'node.config': row({
    rest: 'GET /v1/node/config',
    cli: 'node config',
    mode: 'list',
    space: 'node',
    access: ['operator'],
    scope: 'node:read',
    cost: 'operator',
    input: z.strictObject({ ...listFields }),
    output: OptionView,
    refuses: ['OPERATOR_ONLY'],
    says: 'List every option with its value and where it came from; secrets only as set or not set.',
    example: { input: {}, output: { items: [{ name: 'gateway.listen', value: '127.0.0.1:8080', source: 'default', unit: null }], next_cursor: null, as_of: sample.at } },
    since: '1.0',
  }),
  'node.doctor': row({
    rest: 'GET /v1/node/doctor',
    cli: 'doctor',
    mode: 'read',
    space: 'node',
    access: ['operator'],
    scope: 'node:read',
    cost: 'operator',
    input: z.strictObject({}),
    output: z.strictObject({ findings: z.array(DoctorFinding), failed: count, warned: count, as_of: timeField }),
    refuses: ['OPERATOR_ONLY'],
    says: 'Look the whole node through; each line says what was measured and what to do.',
    example: {
      input: {},
      output: { findings: [{ group: 'store', name: 'rows', state: 'ok', text: 'Every row can be read.', fix: null }], failed: 0, warned: 0, as_of: sample.at },
    },
    since: '1.0',
  }),
} as const
