import type { MalformedReason, OperationId, SpaceCheckpoint } from '@icn/protocol'
import type { Candidate, Disposition } from './candidate.ts'
import type { HybridClock } from './clock.ts'
import type { PlaceText } from './layout.ts'
import type { ForkSeen } from './options.ts'

export interface Placed {
  /** New operations in the order, with what the fold is told to do with them. */
  readonly fresh: (readonly [Candidate, Disposition])[]
  /** Older operations that get another disposition. */
  readonly changed: Map<PlaceText, Disposition>
  held: number
  known: number
  readonly malformed: { readonly id: OperationId; readonly reason: MalformedReason }[]
  readonly wanted: Set<OperationId>
  evicted: number
  /** Keys that have used a number twice for different things, seen for the first time. */
  readonly forks: ForkSeen[]
}

export interface PlacingParts {
  /** Builds the candidate of bytes that were checked when they were put aside. */
  readonly load: (stored: Uint8Array) => Candidate
  readonly clock: Pick<HybridClock, 'wallMs' | 'witness'>
  /** May enough hosts stand behind this certificate? */
  readonly isBacked: (body: SpaceCheckpoint) => boolean
}
