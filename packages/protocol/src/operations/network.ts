import { z } from 'zod'
import { did, operationId, spaceId } from '../schema.ts'
import { coopField } from './coop.ts'
import { timeField } from './common.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** The node among others, and how a node becomes a host (network page §4, §15). */

export const NetworkStatusView = z.strictObject({
  on: z.boolean().describe('Whether this node listens for others or asks for them.'),
  addresses: z.array(z.string()).describe('Multiaddrs of this node.'),
  links: z.array(z.strictObject({ did, state: z.string(), spaces: z.array(spaceId).describe('Kept equal with this peer.') })),
})
export type NetworkStatusView = z.output<typeof NetworkStatusView>

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
    says: 'Show where this node listens and with whom it keeps what equal.',
    example: {
      input: {},
      output: {
        on: true,
        addresses: ['/ip4/192.0.2.7/tcp/7777/p2p/12D3KooWSxVHYcZLPD6nDAH9idiHuHPd4rF1UF2PF4hTj8d3hToD'],
        links: [{ did: sample.elm, state: 'ready', spaces: ['commons', 'coop:food'] }],
      },
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
