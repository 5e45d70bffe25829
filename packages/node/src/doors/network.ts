import type { Did, NetworkStatusView, OperationId, SpaceId } from '@icn/protocol'
import { spaceOfCoop, timeText } from '@icn/protocol'
import type { Handlers } from '../calls/call.ts'
import { defineHandlers } from '../calls/call.ts'
import { refuse } from '../calls/refusal.ts'

/** What the doors ask of the part that reaches other nodes. */
export interface NetworkPort {
  status(): NetworkStatusView
  ticket(space: SpaceId, node: Did): { readonly ticket: string; readonly expires_at: number } | undefined
  /** Rejects with an error that has a code of the table. */
  accept(ticket: string): Promise<{ readonly space: SpaceId; readonly genesis: OperationId }>
}

/** `network`: undefined where this node was told to stay alone. */
export function networkHandlers(network: () => NetworkPort | undefined): Handlers<'network.status' | 'coop.host.ticket' | 'coop.host.join'> {
  const on = (): NetworkPort => {
    const port = network()
    if (port === undefined) throw refuse('NETWORK_OFF')
    return port
  }
  return defineHandlers<'network.status' | 'coop.host.ticket' | 'coop.host.join'>({
    'network.status': () => ({ value: network()?.status() ?? { on: false, addresses: [], links: [] } }),
    'coop.host.ticket': (call) => {
      const made = on().ticket(spaceOfCoop(call.input.coop_id), call.input.did)
      if (made === undefined) throw refuse('NOT_FOUND')
      return { value: { ticket: made.ticket, expires_at: timeText(made.expires_at) } }
    },
    'coop.host.join': async (call) => ({ value: await on().accept(call.input.ticket) }),
  })
}
