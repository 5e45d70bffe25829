import type { JournalApi } from '@icn/journal'
import type { MethodName, SpaceId } from '@icn/protocol'
import type { Mailbox, Standing } from './call.ts'
import type { Jobs } from './jobs.ts'
import type { PendingDrafts } from './pending.ts'
import type { Sealer } from './seal.ts'

/** What the machinery of calls uses of the node. */
export interface CallParts {
  readonly journal: JournalApi
  readonly standing: Standing
  readonly sealer: Sealer
  /** Wall clock [ms]. */
  now(): number
  /** Whether this node's hosts of the space agree; `alone` while there is nobody to ask. */
  sync(space: SpaceId): string
  /** The bounded place in front of the actor that answers a row; absent: no actor in between (tests). */
  mailboxOf?(method: MethodName): Mailbox | undefined
  /** Failures that nobody is there to catch. */
  fault(doing: string, error: unknown): void
}

/** The same with what the machinery itself keeps. */
export interface CallState extends CallParts {
  readonly pending: PendingDrafts
  readonly jobs: Jobs
  /** Keys whose first request is still running. */
  readonly running: Set<string>
}
