import { type Envelope, equalBytes, type Law, type OperationId, type SettledCut, type SignedOperation } from '@icn/protocol'
import type { OperationStatus } from './api.ts'
import type { DigestText, PlaceText } from './layout.ts'
import type { KeyText } from './key.ts'
import type { OrderRecord } from './records.ts'

/** An operation that is about to get a place, or has one and is folded again. */
export interface Candidate {
  readonly operation: SignedOperation
  readonly digest: DigestText
  readonly place: PlaceText
  /** Undefined: the space's rules have no such kind, or the body was forgotten. */
  readonly law: Law | undefined
  readonly body: unknown
}

/** What the fold is told to do with an operation, whatever its law would say. */
export type Disposition = 'fold' | 'late' | 'forked' | 'superseded'

/** How a folded operation came out. */
export interface Folded {
  readonly candidate: Candidate
  readonly record: OrderRecord
  readonly before: OperationStatus | undefined
}

export interface FoldHooks {
  /** Facts for `space.checkpoint`, from the finality step. */
  settledOf(digest: DigestText): SettledCut | undefined
  /** Reads a stored operation back. */
  load(stored: Uint8Array): Candidate
  /** A law threw: our bug. The operation is refused, on every node alike; here it is counted. */
  onLawFault(kind: string, error: unknown): void
  onUndecodable(key: KeyText): void
  /** Leaves that were kept from cut to cut gave another root than every row does: a damaged store, or our bug. */
  onLeavesWrong(): void
  now(): number
}

/** The innocent second use of a number: the same said again, stamped anew (engine page §6). */
export function isReissueOf(a: Envelope, b: Envelope): boolean {
  return a.prev === b.prev && a.author === b.author && a.kind === b.kind && a.genesis === b.genesis && equalBytes(a.body_hash, b.body_hash)
}

/** What no fork and no reissue takes away: a first operation, and a certificate, which is valid by its acknowledgements alone (ruling 23). */
export const standsAlone = ({ genesis, kind }: Envelope): boolean => genesis === null || kind === 'space.checkpoint'

export const isCheckpoint = (candidate: Candidate): boolean => candidate.operation.envelope.kind === 'space.checkpoint' && candidate.law !== undefined

/** Everything that has to stand before an operation. */
export function* parentsOf({ envelope }: Pick<SignedOperation, 'envelope'>): Generator<OperationId> {
  if (envelope.genesis !== null) yield envelope.genesis
  if (envelope.prev !== null) yield envelope.prev
  yield* envelope.seen
  if (envelope.grant !== null) yield envelope.grant
}
