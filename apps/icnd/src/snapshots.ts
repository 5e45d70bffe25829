import { randomBytes } from 'node:crypto'
import type { Replicator, Timing } from '@icn/network'
import { SnapshotCoordinator } from '@icn/node'
import type { OperationId } from '@icn/protocol'
import type { NetworkParts } from './network.ts'

/** Until anybody has set anything else: how long an attempt may take, and how many hosts are to take part in what a person asks for. */
const timeoutMs = 300_000
const participantsMin = 3

export interface SnapshotsAround {
  readonly timing: Timing
  network(): OperationId | null
  replicator(): Replicator
}

/** Cuts that this node makes with other hosts, over the streams to them. */
export function openSnapshots({ journal, key, log, fault }: NetworkParts, { timing, network, replicator }: SnapshotsAround): SnapshotCoordinator {
  return new SnapshotCoordinator({
    journal,
    network,
    sign: (message) => new Uint8Array(key.sign(message)),
    random: (count) => new Uint8Array(randomBytes(count)),
    timing,
    timeoutMs,
    participantsMin,
    follows: () => true,
    tell: (space, message) => replicator().tellSnap(space, message),
    reachable: (space) => replicator().links.flatMap(({ peer, spaces }) => (spaces.includes(space) ? [peer] : [])),
    told: (what, attempt) => {
      if (what === 'ended' || what === 'diverged' || what === 'double')
        log.info('snapshot', `snapshot ${what}`, { name: attempt.name, phase: attempt.phase, ...(attempt.code === undefined ? {} : { code: attempt.code }) })
    },
    fault: (_, error) => fault('internal', error),
  })
}
