import { z } from 'zod'
import { did, operationId, spaceId } from '../schema.ts'
import { coopField } from './coop.ts'
import { timeField } from './common.ts'
import { endpointTypes } from '../node-record.ts'
import { greetingCodes, networkPathNames, peerClasses } from '../peers.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** The node among others, and how a node becomes a host (network page §4, §15). */

/** What the clocks of peers say of this node's (network page §10). */
export const ClockView = z.strictObject({
  state: z.enum(['unknown', 'ok', 'noted', 'off', 'ahead', 'behind']).describe('Noted: off by less than five seconds; off: by more; ahead, behind: by more than a minute.'),
  ahead_ms: z.int().nullable().describe('How far this node’s clock is ahead of the median of its peers; negative: behind.'),
  samples: z.int().describe('Peers whose answer counted.'),
  checked_at: timeField.nullable(),
})
export type ClockView = z.output<typeof ClockView>

export const NetworkStatusView = z.strictObject({
  on: z.boolean().describe('Whether this node listens for others or asks for them.'),
  addresses: z
    .array(z.strictObject({ address: z.string(), type: z.enum(endpointTypes).nullable().describe('As which others are told of it; null: they are not.') }))
    .describe('Multiaddrs of this node.'),
  links: z.array(
    z.strictObject({
      did,
      class: z.enum(peerClasses).describe('What it is to this node.'),
      state: z.string(),
      path: z.enum(networkPathNames).describe('How bytes travel to it.'),
      spaces: z.array(spaceId).describe('Kept equal with this peer.'),
    }),
  ),
  clock: ClockView,
  rules: z.array(z.strictObject({ version: z.string(), digest: z.string().describe('Hex; nodes with another one for this version do not talk.') })),
})
export type NetworkStatusView = z.output<typeof NetworkStatusView>

/** All tries to reach one peer (network page §7). */
export const LadderView = z.strictObject({
  at: timeField,
  connected: z.boolean(),
  rungs: z.array(
    z.strictObject({
      path: z.enum(networkPathNames),
      source: z.string().describe('How the address is known: lan, public, mapped, ws, or told by you, a ticket or the peer’s own earlier word.'),
      address: z.string().nullable().describe('Null for members.'),
      outcome: z.enum(['connected', 'failed', 'late', 'not_admitted', 'refused', 'given_up']),
      code: z.string().nullable().describe('What went wrong.'),
      refused: z.string().nullable().describe('Why it was not tried: form, range, port, self or rate.'),
      ms: z.int(),
    }),
  ),
})
export type LadderView = z.output<typeof LadderView>

export const NetworkDialView = z.strictObject({ did, ladder: LadderView })
export type NetworkDialView = z.output<typeof NetworkDialView>

export const PathView = z.strictObject({
  did,
  state: z.string().describe('Of the link; none: there is no connection.'),
  path: z.enum(networkPathNames).nullable(),
  address: z.string().nullable().describe('Of the other end of the connection.'),
  rtt_ms: z.int().nullable(),
  spaces: z.array(spaceId),
  ladder: LadderView.nullable().describe('The last time that this node tried to reach it.'),
})
export type PathView = z.output<typeof PathView>

export const exampleAddress = '/ip4/192.0.2.7/tcp/7777'
export const exampleLadder = {
  at: sample.at,
  connected: true,
  rungs: [{ path: 'direct' as const, source: 'public', address: exampleAddress, outcome: 'connected' as const, code: null, refused: null, ms: 84 }],
}

const ticket = z.string().max(8_192)
const exampleTicket = 'icnhost1p2F2AWVzcGFjZQ'

export const networkRows = {
  'network.status': row({
    rest: 'GET /v1/network/status',
    cli: 'network status',
    mode: 'read',
    space: 'node',
    access: ['operator'],
    scope: 'node:read',
    cost: 'operator',
    input: z.strictObject({}),
    output: NetworkStatusView,
    refuses: ['OPERATOR_ONLY'],
    says: 'Show where this node listens, with whom it keeps what equal, its clock and its rules.',
    example: {
      input: {},
      output: {
        on: true,
        addresses: [{ address: '/ip4/192.0.2.7/tcp/7777/p2p/12D3KooWSxVHYcZLPD6nDAH9idiHuHPd4rF1UF2PF4hTj8d3hToD', type: 'public' }],
        links: [{ did: sample.elm, class: 'cohost', state: 'ready', path: 'direct', spaces: ['commons', 'coop:food'] }],
        clock: { state: 'ok', ahead_ms: -12, samples: 5, checked_at: sample.at },
        rules: [{ version: '1', digest: 'ab'.repeat(32) }],
      },
    },
    since: '1.0',
  }),
  'network.dial': row({
    rest: 'POST /v1/network/dial',
    cli: 'network dial',
    mode: 'exchange',
    space: 'node',
    access: ['operator'],
    scope: 'node:write',
    cost: 'operator',
    input: z.strictObject({ target: z.string().min(1).max(8_192).describe('DID of a node, its multiaddr ending in /p2p/…, a pass or a ticket.') }),
    output: NetworkDialView,
    refuses: ['OPERATOR_ONLY', 'NETWORK_OFF', 'ADDRESS_INVALID', 'NODE_KEY_UNSUPPORTED', 'PEER_IS_SELF', 'NO_PATH', ...greetingCodes],
    says: 'Connect to a node now and greet it, and show every way that was tried.',
    example: { input: { target: sample.elm }, output: { did: sample.elm, ladder: exampleLadder } },
    since: '1.0',
  }),
  'network.paths': row({
    rest: 'GET /v1/network/paths',
    cli: 'network paths',
    mode: 'read',
    space: 'node',
    access: ['operator', 'session'],
    scope: 'node:read',
    cost: 'read',
    input: z.strictObject({ coop_id: coopField.optional() }),
    output: z.strictObject({ paths: z.array(PathView) }),
    refuses: ['OPERATOR_ONLY', 'NETWORK_OFF', 'POWER_MISSING'],
    says: 'Show how each other host is reached, or why it is not; members of a cooperative see its hosts, without addresses.',
    example: {
      input: {},
      output: { paths: [{ did: sample.elm, state: 'ready', path: 'direct', address: exampleAddress, rtt_ms: 12, spaces: ['commons', 'coop:food'], ladder: exampleLadder }] },
    },
    since: '1.0',
  }),
  'coop.host.ticket': row({
    rest: 'GET /v1/coops/{coop_id}/hosts/{did}/ticket',
    cli: 'coop host ticket',
    mode: 'read',
    space: 'coop:{coop_id}',
    access: ['coop.hosts', 'operator'],
    scope: 'coop:read',
    cost: 'read',
    input: z.strictObject({ coop_id: coopField, did: did.describe('DID of the node.') }),
    output: z.strictObject({ ticket, expires_at: timeField }),
    refuses: ['NETWORK_OFF'],
    says: 'Make a ticket that shows an invited node the way to this cooperative; it gives no right.',
    example: { input: { coop_id: 'food', did: sample.elm }, output: { ticket: exampleTicket, expires_at: sample.later } },
    since: '1.0',
  }),
  'coop.host.join': row({
    rest: 'POST /v1/node/hosting',
    cli: 'coop host join',
    mode: 'exchange',
    space: 'node',
    access: ['operator'],
    scope: 'node:write',
    cost: 'operator',
    input: z.strictObject({ ticket: ticket.describe('The ticket for this node.') }),
    output: z.strictObject({ space: spaceId, genesis: operationId }),
    refuses: ['OPERATOR_ONLY', 'NETWORK_OFF', 'TICKET_INVALID', 'TICKET_EXPIRED', 'NETWORK_MISMATCH', 'SPACE_NOT_PROVEN', 'NO_PATH', 'DIAL_TIMEOUT', 'HELLO_TIMEOUT'],
    says: 'Accept, as this node’s operator, to hold a cooperative that other nodes hold, with its ticket.',
    example: { input: { ticket: exampleTicket }, output: { space: 'coop:food', genesis: sample.one } },
    since: '1.0',
  }),
} as const
