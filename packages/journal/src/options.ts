import type { Clock, Did, SignedOperation, SpaceId } from '@icn/protocol'
import type { Mended } from './mending.ts'

/** Options of the engine. Each has a default, bounds and a unit; configuration prints them. */
export interface JournalOptions {
  /** Operations in one commit. Larger: throughput; smaller: latency. 1–4096. */
  readonly batchOpsMax: number
  /** Bytes in one commit. 64 KiB–16 MiB. */
  readonly batchBytesMax: number
  /** Decoded rows kept in memory [bytes]. 16 MiB–16 GiB. */
  readonly cacheBytes: number
  /** How far as-of reads reach after finality [days]. 1–365. */
  readonly undoDays: number
  /** Local records of refusals. 1 000–10^7. */
  readonly refusedLogCount: number
  /** Events kept for each space, and for how long. */
  readonly eventsLogCount: number
  readonly eventsLogDays: number
  /** Spaces this node holds. 1–1 000. */
  readonly spacesCount: number
  /** How long an answer is kept under its idempotency key [days]. */
  readonly idempotencyDays: number
  /** Threads that verify signatures of big batches; 0: none. */
  readonly verifyThreads: number
}

export const journalDefaults: JournalOptions = {
  batchOpsMax: 512,
  batchBytesMax: 4_194_304,
  cacheBytes: 268_435_456,
  undoDays: 30,
  refusedLogCount: 100_000,
  eventsLogCount: 100_000,
  eventsLogDays: 30,
  spacesCount: 200,
  idempotencyDays: 7,
  verifyThreads: 1,
}

/** Two operations of one key that bear the same number and are no reissues of each other. */
export interface ForkSeen {
  readonly signer: Did
  readonly operations: readonly [SignedOperation, SignedOperation]
}

/** What the engine tells whoever measures it. Every method may be absent; none may throw. */
export interface JournalObserver {
  committed?(milliseconds: number, operations: number): void
  decided?(kind: string, outcome: 'lawful' | 'already_done' | 'refused', codes: readonly string[]): void
  placed?(kind: string, status: string): void
  malformed?(reason: string): void
  rewound?(operations: number): void
  revised?(operations: number): void
  late?(operations: number): void
  /** Keys that were used twice for one number, with two operations that show it. Told once for each key and space. */
  forked?(space: SpaceId, forks: readonly ForkSeen[]): void
  evicted?(operations: number): void
  /** A majority of the hosts has signed another state than was found here. `mended`: what was wrong with the rows, if they could be made anew; `isSound`: now it is the same state. */
  diverged?(space: SpaceId, told: { readonly cut: Clock; readonly mended: Mended | undefined; readonly isSound: boolean }): void
  lawFault?(kind: string, error: unknown): void
  undecodable?(row: string): void
  checkpointed?(space: string, milliseconds: number): void
  fault?(doing: string, error: unknown): void
  /** The store fails again and again: the journal cannot go on. */
  lost?(error: unknown): void
}
