import { join } from 'node:path'
import type { JournalApi, Store } from '@icn/journal'
import { Archives, type Metrics, type RestoreProofs } from '@icn/node'
import { commonsSpace, dayMs, hourMs } from '@icn/protocol'
import type { NodeParts } from './compose.ts'
import type { NetworkOfFile } from './network-file.ts'
import type { OwnHead } from './own-head.ts'
import { version } from './version.ts'

/** States of spaces in files, as the options of this node ask for. */
export function openArchives(
  { config, keys, log, ephemeral }: NodeParts,
  {
    journal,
    store,
    metrics,
    proofs,
    ownHead,
    wall,
    joined,
  }: {
    readonly journal: JournalApi
    readonly store: Store
    readonly metrics: Metrics
    readonly proofs: RestoreProofs
    readonly ownHead: Pick<OwnHead, 'restored'>
    readonly wall: () => number
    readonly joined: NetworkOfFile | undefined
  },
): Archives | undefined {
  if (ephemeral) return undefined
  return new Archives({
    options: {
      dir: config['snapshot.archive_dir'] ?? join(config.data_dir, 'snapshots'),
      everyMs: config['snapshot.archive_every_hours'] * hourMs,
      drillEveryMs: config['snapshot.drill_every_days'] * dayMs,
      recipientsFile: config['snapshot.archive_recipients_file'],
      level: config['snapshot.compression_level'],
      chunkBytes: config['snapshot.chunk_size'],
      stateBytesMax: config['snapshot.max_snapshot_size'],
      keep: {
        count: config['snapshot.keep_count'],
        daily: config['snapshot.keep_daily'],
        weekly: config['snapshot.keep_weekly'],
        monthly: config['snapshot.keep_monthly'],
        bytesMax: config['snapshot.archive_bytes_max'],
      },
    },
    folder: config.data_dir,
    journal,
    present: () => store.snapshot(),
    proofs,
    metrics,
    key: keys.key,
    seed: keys.seed,
    release: version,
    network: () => journal.info(commonsSpace)?.genesis ?? joined?.network,
    now: wall,
    restored: (space) => ownHead.restored(space),
    told(what, params) {
      if (params['result'] === 'failed') log.error('archive', 'an archive was tried, and its restore failed', params)
      else log.info('archive', { made: 'made an archive', drilled: 'tried an archive', restored: 'put a space back from an archive', deleted: 'deleted an archive' }[what], params)
    },
  })
}
