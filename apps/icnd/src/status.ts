import type { Language, OptionView, StatusView } from '@icn/protocol'
import { timeText } from '@icn/protocol'
import type { z } from 'zod'
import { freeBytes } from './background.ts'
import type { NodeParts } from './compose.ts'
import { type OptionName, specs } from './config/option.ts'
import { groupFaults } from './doctor.ts'
import type { DoorParts } from './doors.ts'
import { backupOf, restoresOf } from './keeping.ts'
import { version } from './version.ts'

/** How this node is doing, each figure measured when asked. */
export function statusOf({ inside, parts, sessions, subscribers, sync, finality }: DoorParts, language: Language): StatusView {
  const { journal, supervisor, store, wall, startedAt } = inside
  const now = wall()
  return {
    version,
    node: inside.did,
    name: parts.config['node.name'],
    state: supervisor.state === 'running' ? 'running' : supervisor.state === 'stopping' ? 'stopping' : 'starting',
    phase: supervisor.phaseNow ?? 'config',
    started_at: timeText(startedAt),
    uptime_secs: Math.floor((now - startedAt) / 1_000),
    clock: { now: timeText(now), offset_ms: inside.clock.view.ahead_ms },
    spaces: journal.spaces().map(({ space, operations, unfinal, checkpoint }) => ({
      space,
      operations: operations.applied + operations.refused + operations.late + operations.forked + operations.superseded,
      unfinal,
      held: operations.held,
      sync: sync(space),
      checkpoint_at: checkpoint === null ? null : timeText(checkpoint.cut[0]),
      finality: finality(space, language),
    })),
    recovering: inside.ownHead.waiting.map(({ space, since, for: hosts }) => ({ space, since: timeText(since), waiting_for: [...hosts] })),
    runs_twice_at: inside.ownHead.twice === undefined ? null : timeText(inside.ownHead.twice.at),
    actors: supervisor.actors.map(({ name, isUp, depth, restarts }) => ({ name, state: isUp ? 'running' : 'down', mailbox: depth, restarts })),
    store: { kind: store.kind, bytes: store.sizeOnDisk(), free_bytes: parts.ephemeral ? null : (freeBytes(parts.config.data_dir) ?? null), read_only: journal.isFull },
    backup: backupOf(inside.backups),
    ...restoresOf(inside.proofs),
    sessions: sessions.count,
    subscribers: subscribers(),
    errors_24h: groupFaults(supervisor.recentFaults()).map(({ operation, count, last }) => ({ operation, count, last_at: timeText(last.at) })),
  }
}

/** Every option with where it came from; what names a secret's file is only said to be set. */
export function optionsOf({ config, origins }: NodeParts): z.output<typeof OptionView>[] {
  return (Object.keys(specs) as OptionName[]).map((name) => {
    const value = config[name]
    const isSecret = name.endsWith('token_file') || name.endsWith('key_file')
    return { name, value: isSecret ? (value === null ? 'not set' : 'set') : value, source: origins[name], unit: specs[name]?.unit ?? null }
  })
}
