import { type AbortReason, type Code, secondMs, type SnapshotEnd } from '@icn/protocol'
import type { Initiate } from './attempt.ts'
import type { SpaceSnapshotsParts } from './ports.ts'

const aheadMsMax = 60 * secondMs

/** What keeps this host from taking part in what somebody begins; `unknown`: it has to catch up first, and says nothing. */
export function obstacleTo(parts: SpaceSnapshotsParts, { from, body }: Initiate): AbortReason | 'unknown' | undefined {
  const { cuts, space, timing } = parts
  const { previous } = cuts.hosts(space)
  // Whoever may have forgotten what it has promised promises nothing.
  if (parts.isMute()) return 'unknown'
  if (parts.hasDiverged()) return 'diverged'
  if (body.rules !== parts.rules()) return 'rules_differ'
  if (body.cut[0] > timing.now() + aheadMsMax) return 'ahead'
  if ((body.previous ?? null) !== previous) return body.previous === undefined || cuts.knows(space, body.previous) ? 'behind' : 'unknown'
  if (from !== parts.node && !parts.follows(from)) return 'not_trusted'
  return undefined
}

/** How an attempt ends for the coordinator that gives it up. */
export const endOf = (reason: AbortReason): SnapshotEnd => (reason === 'superseded' || reason === 'diverged' ? reason : 'failed')

/** Why nothing became final, as people are told. */
export const codesOfAborts: Partial<Record<AbortReason, Code>> = {
  no_quorum: 'SNAPSHOT_NO_QUORUM',
  participants_missing: 'SNAPSHOT_NO_QUORUM',
  superseded: 'SNAPSHOT_SUPERSEDED',
  timeout: 'SNAPSHOT_TIMED_OUT',
  diverged: 'SPACE_DIVERGED',
}
