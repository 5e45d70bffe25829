import type { CutApi } from '@icn/journal'
import type { Clock, Did, SnapshotEnd } from '@icn/protocol'
import type { Attempt, DoubleWord } from './attempt.ts'
import type { Accepted } from './bodies.ts'
import type { Difference } from './locating.ts'
import type { Memory } from './rules.ts'
import type { SpeakerParts } from './speaker.ts'

/** What the agreement on cuts is handed at composition. */

/** What happens to an attempt, for records, events, metrics and people. */
export interface AttemptNews {
  readonly started: Readonly<Record<string, never>>
  readonly phase: Readonly<Record<string, never>>
  /** `missing`: whose marker has not come. */
  readonly marker: { readonly from: Did; readonly missing: readonly Did[] }
  readonly united: { readonly layers: number }
  readonly ack: { readonly from: Did; readonly missing: readonly Did[] }
  /** Others have found another state of the same set. */
  readonly diverged: { readonly hosts: readonly Did[] }
  /** Where their states differ. */
  readonly located: { readonly differences: readonly Difference[] }
  readonly double: DoubleWord
  /** Their markers name what nobody has. */
  readonly unserved: { readonly hosts: readonly Did[] }
  readonly ended: { readonly phase: SnapshotEnd; readonly code: string | undefined }
}

export type TellAttempt = <What extends keyof AttemptNews>(what: What, attempt: Attempt, more: AttemptNews[What]) => void

export interface SpaceSnapshotsParts extends SpeakerParts {
  readonly cuts: CutApi
  /** Rules version in force here. */
  rules(): string
  setDigest(): Uint8Array
  /** May this node not sign here for now, because its store may be one of the past? */
  isMute(): boolean
  /** Has this host found another state than the others? Then it says nothing until it has mended itself. */
  hasDiverged(): boolean
  random(count: number): Uint8Array
  /** What the rules ask to be remembered; durable when `remember` returns. */
  recall(): Memory<Accepted>
  remember(memory: Memory<Accepted>): void
  /** May this host begin a cut that this node takes part in? */
  follows(initiator: Did): boolean
  /** No cut that nobody asked for lies later, so that nothing of hosts that are away for a little is late. Undefined: nobody is. */
  horizon(isPresent: (host: Did) => boolean): Clock | undefined
  /** Pages are awaited. */
  wantPages(): void
  readonly timing: { now(): number; after(ms: number, run: () => void): () => void; chance(): number }
  /** For the whole attempt. */
  readonly timeoutMs: number
  readonly told: TellAttempt
  fault(doing: string, error: unknown): void
}
