import { z } from 'zod'
import { evidenceNames, networkPathNames, peerClasses } from '../peers.ts'
import { did, spaceId, text } from '../schema.ts'
import { coopField } from './coop.ts'
import { listFields, timeField } from './common.ts'
import { exampleAddress, exampleLadder, LadderView } from './network.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** Other nodes as this one sees them, and who may come without being known (network page §15). */

export const PeerView = z.strictObject({
  did,
  class: z.enum(peerClasses).describe('What it is to this node.'),
  state: z.enum(['away', 'greeting', 'ready']).describe('Away: not connected now.'),
  path: z.enum(networkPathNames).nullable().describe('How bytes travel to it.'),
  address: z.string().nullable().describe('Of the other end of the connection.'),
  spaces: z.array(spaceId).describe('Kept equal with it.'),
  lag: z.array(z.strictObject({ space: spaceId, since_at: timeField })).describe('Spaces of which it has more than is here, or has not said yet what it has, and since when.'),
  rtt_ms: z.int().nullable().describe('Median of the last pings.'),
  standing: z.int().describe('What this node has seen of it: 1000 nothing bad.'),
  points: z.int().describe('Penalty points that are left.'),
  ban: z.strictObject({ until_at: timeField, by: z.enum(['points', 'operator']), reason: z.string() }).nullable(),
})
export type PeerView = z.output<typeof PeerView>

export const PeerDetailView = z.strictObject({ ...PeerView.shape, ladder: LadderView.nullable().describe('The last time that this node tried to reach it.') })
export type PeerDetailView = z.output<typeof PeerDetailView>

export const PassView = z.strictObject({
  pass_id: z.string().describe('Its name; no secret.'),
  label: z.string(),
  uses: z.int().describe('How many nodes it may bring.'),
  used_by: z.array(did).describe('Who came with it.'),
  created_at: timeField,
  expires_at: timeField,
})
export type PassView = z.output<typeof PassView>

export const EvidenceView = z.strictObject({
  evidence_id: z.string(),
  kind: z.enum(evidenceNames),
  did: did.describe('Who is charged with it.'),
  points: z.int().describe('What it added; nothing when the hour was full.'),
  space: spaceId.nullable(),
  proof: z.string().nullable().describe('Digest of what shows it; null: it left nothing to show.'),
  bytes: z.string().nullable().describe('What shows it to anybody, base64url; null: there is nothing that would.'),
  at: timeField,
})
export type EvidenceView = z.output<typeof EvidenceView>

const who = did.describe('DID of the node.')
const passId = z
  .string()
  .regex(/^[0-9a-f]{32}$/, { message: 'must be the id of a pass' })
  .describe('Id of the pass.')

const peerExample = {
  did: sample.elm,
  class: 'cohost',
  state: 'ready',
  path: 'direct',
  address: exampleAddress,
  spaces: ['commons', 'coop:food'],
  lag: [{ space: 'coop:food', since_at: sample.at }],
  rtt_ms: 12,
  standing: 1_000,
  points: 0,
  ban: null,
} as const
const away = { ...peerExample, state: 'away', path: null, address: null, spaces: [], lag: [], rtt_ms: null } as const
const banned = {
  ...away,
  class: 'banned',
  standing: 0,
  points: 210,
  ban: { until_at: sample.later, by: 'points', reason: 'bad_signature' },
} as const
const passExample = { pass_id: '00112233445566778899aabbccddeeff', label: 'The bakery', uses: 1, used_by: [], created_at: sample.at, expires_at: sample.later }

const own = { space: 'node', access: ['operator'], cost: 'operator', since: '1.0' } as const
const looks = { ...own, scope: 'network:read' } as const
const does = { ...own, mode: 'exchange', scope: 'network:write' } as const

export const networkPeerRows = {
  'network.peer.list': row({
    ...looks,
    rest: 'GET /v1/peers',
    cli: 'network peers',
    mode: 'list',
    input: z.strictObject({ ...listFields, banned: z.boolean().default(false).describe('Only those that are banned, connected or not.') }),
    output: PeerView,
    refuses: ['OPERATOR_ONLY'],
    says: 'Show the nodes this one is connected to, or those it has banned.',
    example: { input: {}, output: { items: [peerExample], next_cursor: null, as_of: sample.at } },
  }),
  'network.peer.get': row({
    ...looks,
    rest: 'GET /v1/peers/{did}',
    cli: 'network peer',
    mode: 'read',
    input: z.strictObject({ did: who }),
    output: PeerDetailView,
    refuses: ['OPERATOR_ONLY'],
    says: 'Show what a node is to this one, what was seen of it, and how it was last tried to reach it.',
    example: { input: { did: sample.elm }, output: { ...peerExample, ladder: exampleLadder } },
  }),
  'network.peer.disconnect': row({
    ...does,
    rest: 'POST /v1/peers/{did}/disconnect',
    cli: 'network disconnect',
    input: z.strictObject({ did: who }),
    output: PeerView,
    refuses: ['OPERATOR_ONLY', 'NETWORK_OFF', 'PEER_UNKNOWN'],
    says: 'End the connection with a node; it may come again.',
    example: { input: { did: sample.elm }, output: away },
  }),
  'network.peer.ban': row({
    ...does,
    rest: 'POST /v1/peers/{did}/ban',
    cli: 'network ban',
    input: z.strictObject({
      did: who,
      secs: z
        .int()
        .min(60)
        .max(365 * 86_400)
        .default(86_400)
        .describe('For how long [s].'),
      reason: text(0, 280).default('').describe('Why.'),
    }),
    output: PeerView,
    refuses: ['OPERATOR_ONLY', 'PEER_IS_SELF'],
    says: 'Shut a node out for a time, whatever else is known of it.',
    example: {
      input: { did: sample.elm, secs: 86_400, reason: 'Floods us' },
      output: { ...banned, points: 0, standing: 1_000, ban: { until_at: sample.later, by: 'operator', reason: 'Floods us' } },
    },
  }),
  'network.peer.unban': row({
    ...does,
    rest: 'POST /v1/peers/{did}/unban',
    cli: 'network unban',
    input: z.strictObject({ did: who }),
    output: PeerView,
    refuses: ['OPERATOR_ONLY', 'PEER_UNKNOWN'],
    says: 'Let a node in again and forget its penalty points.',
    example: { input: { did: sample.elm }, output: away },
  }),
  'network.pass.create': row({
    ...does,
    rest: 'POST /v1/network-passes',
    cli: 'network pass create',
    secret: true,
    input: z.strictObject({
      label: text(0, 64).default('').describe('For whom it is.'),
      uses: z.int().min(1).max(100).default(1).describe('How many nodes it may bring.'),
      hours: z.int().min(1).max(720).default(24).describe('How long it is good [h].'),
    }),
    output: z.strictObject({ ...PassView.shape, pass: z.string().describe('The secret text; shown this once.') }),
    refuses: ['OPERATOR_ONLY', 'NETWORK_OFF'],
    says: 'Make a secret pass with which a node that nobody here knows may connect.',
    example: { input: { label: 'The bakery' }, output: { ...passExample, pass: 'icnpass1p2F2AWVzcGFjZQ' } },
  }),
  'network.pass.list': row({
    ...looks,
    rest: 'GET /v1/network-passes',
    cli: 'network pass list',
    mode: 'list',
    input: z.strictObject(listFields),
    output: PassView,
    refuses: ['OPERATOR_ONLY'],
    says: 'Show the passes of this node and who came with them.',
    example: { input: {}, output: { items: [passExample], next_cursor: null, as_of: sample.at } },
  }),
  'network.pass.revoke': row({
    ...does,
    rest: 'DELETE /v1/network-passes/{pass_id}',
    cli: 'network pass revoke',
    input: z.strictObject({ pass_id: passId }),
    output: PassView,
    refuses: ['OPERATOR_ONLY', 'PASS_UNKNOWN'],
    says: 'Take a pass back; whoever came with it is a stranger again.',
    example: { input: { pass_id: passExample.pass_id }, output: passExample },
  }),
  'network.evidence.list': row({
    ...looks,
    rest: 'GET /v1/network/evidence',
    cli: 'network evidence',
    mode: 'list',
    access: ['operator', 'session'],
    cost: 'read',
    input: z.strictObject({
      ...listFields,
      did: did.optional().describe('Only what this node is charged with.'),
      coop_id: coopField.optional().describe('Only what hosts of this cooperative are charged with; its stewards may look, too.'),
    }),
    output: EvidenceView,
    refuses: ['OPERATOR_ONLY', 'POWER_MISSING'],
    says: 'Show what nodes have done against the protocol, the newest first; stewards see it of hosts of their cooperative.',
    example: {
      input: {},
      output: {
        items: [{ evidence_id: '7', kind: 'fork', did: sample.elm, points: 100, space: 'commons', proof: 'aa'.repeat(32), bytes: 'oWFh', at: sample.at }],
        next_cursor: null,
        as_of: sample.at,
      },
    },
  }),
} as const
