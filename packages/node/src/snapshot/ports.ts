import type { CutApi } from '@icn/journal'
import type { Did } from '@icn/protocol'
import type { Accepted, Attempt } from './attempt.ts'
import type { Memory } from './rules.ts'
import type { SpeakerParts } from './speaker.ts'

/** What the agreement on cuts is handed at composition. */

export interface SpaceSnapshotsParts extends SpeakerParts {
  readonly cuts: CutApi
  /** Rules version in force here. */
  rules(): string
  setDigest(): Uint8Array
  /** May this node not sign here for now, because its store may be one of the past? */
  isMute(): boolean
  random(count: number): Uint8Array
  /** What the rules ask to be remembered; durable when `remember` returns. */
  recall(): Memory<Accepted>
  remember(memory: Memory<Accepted>): void
  /** May this host begin a cut that this node takes part in? */
  follows(initiator: Did): boolean
  readonly timing: { now(): number; after(ms: number, run: () => void): () => void; chance(): number }
  readonly timeoutMs: number
  /** What happens, for events, metrics and people. */
  told(what: 'started' | 'marker' | 'united' | 'ack' | 'ended' | 'diverged' | 'double', attempt: Attempt, more?: Readonly<Record<string, unknown>>): void
  fault(doing: string, error: unknown): void
}
