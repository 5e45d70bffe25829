import { randomBytes } from 'node:crypto'
import type { JournalApi } from '@icn/journal'
import type { Replicator, Timing } from '@icn/network'
import { type Metrics, type NodeEventLog, SnapshotCoordinator } from '@icn/node'
import { type Did, type OperationId, secondMs, type SpaceId } from '@icn/protocol'
import type { SigningKey } from '@icn/protocol/node'
import type { Config } from './config/option.ts'
import type { Log } from './log.ts'
import { tellSnapshot } from './snapshot-news.ts'

export interface SnapshotsAround {
  readonly config: Config
  readonly journal: JournalApi
  readonly key: SigningKey
  readonly log: Log
  readonly metrics: Metrics
  readonly nodeEvents: NodeEventLog
  /** How far this node relies on a host in matters of a space [‰]. */
  trustIn(host: Did, space: SpaceId): number
  /** A host has signed two things under one ballot, and this shows it. */
  doubleAck(space: SpaceId, signer: Did, proof: Uint8Array): void
  fault(error: unknown): void
}

/** The way to other hosts. */
export interface SnapshotWays {
  readonly timing: Timing
  network(): OperationId | null
  /** Undefined where this node was told to stay alone. */
  replicator(): Replicator | undefined
}

/** Cuts that this node makes, alone or with other hosts over the streams to them. */
export function openSnapshots(
  { config, journal, key, log, metrics, nodeEvents, trustIn, doubleAck, fault }: SnapshotsAround,
  { timing, network, replicator }: SnapshotWays,
): SnapshotCoordinator {
  const opened: SnapshotCoordinator = new SnapshotCoordinator({
    journal,
    network,
    sign: (message) => new Uint8Array(key.sign(message)),
    random: (count) => new Uint8Array(randomBytes(count)),
    timing,
    options: {
      everyMs: config['snapshot.checkpoint_every_secs'] * secondMs,
      lagMs: config['snapshot.cut_lag_secs'] * secondMs,
      graceMs: config['snapshot.absence_grace_secs'] * secondMs,
      timeoutMs: config['snapshot.snapshot_timeout'] * secondMs,
      participantsMin: config['snapshot.min_participants'],
    },
    follows: (space, host) => trustIn(host, space) >= config['snapshot.min_trust_for_snapshot'],
    tell: (space, message) => replicator()?.tellSnap(space, message),
    askPage: (space, digest) => void replicator()?.askPage(space, digest),
    reachable: (space) => replicator()?.links.flatMap(({ peer, spaces }) => (spaces.includes(space) ? [peer] : [])) ?? [],
    told(news) {
      tellSnapshot({ metrics, nodeEvents, log, doubleAck }, news)
      metrics.set('icn_snapshot_active', opened.active_count())
    },
    fault: (_, error) => fault(error),
  })
  return opened
}
