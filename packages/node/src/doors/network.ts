import type { Did, DoctorFinding, NetworkDialView, NetworkStatusView, OperationId, PathView, SpaceId } from '@icn/protocol'
import { spaceOfCoop, timeText } from '@icn/protocol'
import type { Handlers } from '../calls/call.ts'
import { defineHandlers } from '../calls/call.ts'
import { refuse } from '../calls/refusal.ts'
import type { SnapshotCoordinator } from '../snapshot/index.ts'
import { demandInsider, type Rights } from './insider.ts'

export type SpaceSync = { readonly state: 'synced' | 'alone' } | { readonly state: 'behind'; readonly since: number }

/** What the doors ask of the part that reaches other nodes. */
export interface NetworkPort {
  /** Looks at this node's place among others, line by line. */
  examine(): readonly DoctorFinding[]
  /** Takes the gauges that are measured. */
  measure(): void
  /** Rejects with an error that has a code of the table and, in `params`, what was tried. */
  dial(target: string): Promise<NetworkDialView>
  /** Of the hosts of one space, or of everybody who is linked or should be. */
  paths(space: SpaceId | undefined): readonly PathView[]
  status(): NetworkStatusView
  /** Where this node stands beside the others that hold the space; `since` [ms]: one of them is known to have more. */
  sync(space: SpaceId): SpaceSync
  /** Cuts that the hosts of a space make together. */
  readonly snapshots: SnapshotCoordinator
  ticket(space: SpaceId, node: Did): { readonly ticket: string; readonly expires_at: number } | undefined
  /** Rejects with an error that has a code of the table. */
  accept(ticket: string): Promise<{ readonly space: SpaceId; readonly genesis: OperationId }>
}

type Rows = 'network.status' | 'network.dial' | 'network.paths' | 'coop.host.ticket' | 'coop.host.join'

/** `network`: undefined where this node was told to stay alone. */
export function networkHandlers(network: () => NetworkPort | undefined, rights: Rights): Handlers<Rows> {
  const on = (): NetworkPort => {
    const port = network()
    if (port === undefined) throw refuse('NETWORK_OFF')
    return port
  }
  return defineHandlers<Rows>({
    'network.dial': async (call) => ({ value: await on().dial(call.input.target) }),
    'network.paths': (call) => {
      const space = demandInsider(call, call.input.coop_id, rights, 'member')
      const paths = on().paths(space)
      return { value: { paths: call.caller.operator ? [...paths] : paths.map((path) => withoutAddresses(path, space)) } }
    },
    'network.status': () => ({ value: network()?.status() ?? statusAlone }),
    'coop.host.ticket': (call) => {
      const made = on().ticket(spaceOfCoop(call.input.coop_id), call.input.did)
      if (made === undefined) throw refuse('NOT_FOUND')
      return { value: { ticket: made.ticket, expires_at: timeText(made.expires_at) } }
    },
    'coop.host.join': async (call) => ({ value: await on().accept(call.input.ticket) }),
  })
}

/** Of a node that was told to stay alone. */
const statusAlone: NetworkStatusView = { on: false, addresses: [], links: [], clock: { state: 'unknown', ahead_ms: null, samples: 0, checked_at: null }, rules: [] }

/** What a member of one cooperative sees of the way to another of its hosts. */
const withoutAddresses = (path: PathView, space: SpaceId | undefined): PathView => ({
  ...path,
  address: null,
  spaces: path.spaces.filter((one) => one === space),
  ladder: path.ladder === null ? null : { ...path.ladder, rungs: path.ladder.rungs.map((rung) => ({ ...rung, address: null })) },
})
