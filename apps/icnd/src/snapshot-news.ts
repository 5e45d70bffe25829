import { doubleAckProof } from '@icn/network'
import { beganAt, type Metrics, type NodeEventLog, type SnapshotNews, type SnapshotRecord } from '@icn/node'
import type { Did, SnapshotEnd, SpaceId } from '@icn/protocol'
import type { JournalObserver } from '@icn/journal'
import type { Log } from './log.ts'

export interface NewsParts {
  readonly metrics: Metrics
  readonly nodeEvents: Pick<NodeEventLog, 'tell'>
  readonly log: Pick<Log, 'info' | 'warn' | 'tag'>
  /** A host has signed two things under one ballot, and this shows it. */
  doubleAck(space: SpaceId, signer: Did, proof: Uint8Array): void
}

/** What becomes of attempts at cuts: for whoever watches them, counts and the log. */
export function tellSnapshot({ metrics, nodeEvents, log, doubleAck }: NewsParts, news: SnapshotNews): void {
  const { record } = news
  const { space, id: snapshot_id } = record
  const subject = { space, snapshot_id, missing: [...record.missing] }
  switch (news.what) {
    case 'started':
      nodeEvents.tell('snapshot.started', { ...subject, coordinator: record.coordinator, participants: [...record.participants] })
      break
    case 'marker':
    case 'ack':
      nodeEvents.tell(`snapshot.${news.what}`, { ...subject, did: news.more.from })
      break
    case 'united':
      nodeEvents.tell('snapshot.united', subject)
      break
    case 'ended': {
      const { phase, code } = news.more
      tellEnd(nodeEvents, record, phase)
      measureEnd(metrics, record, phase)
      log.info('snapshot', 'a snapshot has ended', { space, name: snapshot_id, outcome: phase, ...(code === undefined ? {} : { code }) })
      break
    }
    case 'diverged':
      metrics.add('icn_snapshot_divergences_total', 1)
      log.warn('snapshot_diverged', 'hosts have found different states of the same operations', { space, name: snapshot_id, count: news.more.hosts.length })
      break
    case 'unserved':
      metrics.add('icn_snapshot_unserved_total', 1)
      for (const did of news.more.hosts)
        log.warn('snapshot_unserved', 'a host has named operations that nobody has; for an hour cuts are made without it where the others are enough', {
          space,
          name: log.tag(did),
        })
      break
    case 'double':
      if (news.more.acks !== undefined) doubleAck(space, news.more.host, doubleAckProof(...news.more.acks))
      log.warn('snapshot_double', 'a host has said two things in one attempt at a cut', { space, name: log.tag(news.more.host), kind: news.more.said })
      break
    case 'located':
      for (const { host, first } of news.more.differences)
        log.warn('snapshot_located', 'rows of this table are others at a host', { space, name: log.tag(host), kind: String(first[0]) })
      break
    case 'phase':
      break
  }
}

type Divergence = Parameters<NonNullable<JournalObserver['diverged']>>[1]

/** This node is the one that has found another state than the majority. */
export function tellDivergence(
  { log, nodeEvents }: { readonly log: Pick<Log, 'error'>; readonly nodeEvents: NewsParts['nodeEvents'] | undefined },
  space: SpaceId,
  told: Divergence,
): void {
  const { mended, isSound } = told
  const text = isSound ? 'the rows of a space were not what its operations make of them; they were made anew' : 'the hosts of a space have found another state than this node'
  log.error('diverged', text, { space, ...(mended === undefined ? {} : { count: mended.rows }) })
  nodeEvents?.tell('space.diverged', { space, sound: isSound, rows: mended?.rows ?? null, tables: [...(mended?.tables ?? [])] })
}

function tellEnd(nodeEvents: NewsParts['nodeEvents'], record: SnapshotRecord, outcome: SnapshotEnd): void {
  const { space, id: snapshot_id, code, certified } = record
  const subject = { space, snapshot_id, missing: [...record.missing] }
  if (certified !== null) {
    const { checkpoint, confirmed, hostsCount } = certified
    nodeEvents.tell('snapshot.complete', { ...subject, checkpoint, confirmed: confirmed.length, hosts: hostsCount })
  } else if (outcome === 'superseded') nodeEvents.tell('snapshot.superseded', subject)
  else nodeEvents.tell('snapshot.failed', { ...subject, outcome, code })
}

function measureEnd(metrics: Metrics, record: SnapshotRecord, outcome: SnapshotEnd): void {
  const { phases, certified } = record
  metrics.add('icn_snapshot_total', 1, { outcome })
  metrics.set('icn_snapshot_missing_participants', record.missing.length)
  metrics.observe('icn_snapshot_duration_seconds', ((phases.at(-1)?.at ?? 0) - beganAt(record)) / 1_000)
  for (const [index, { phase, at }] of phases.slice(0, -1).entries())
    metrics.observe('icn_snapshot_phase_duration_seconds', ((phases[index + 1]?.at ?? at) - at) / 1_000, { phase })
  if (certified !== null) metrics.set('icn_snapshot_state_bytes', certified.bytes)
}
