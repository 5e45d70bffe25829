import { type Envelope, equalBytes, type Law, type SignedOperation } from '@icn/protocol'
import type { DigestText, PlaceText } from './layout.ts'

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

/** The innocent second use of a number: the same said again, stamped anew (engine page §6). */
export function isReissueOf(a: Envelope, b: Envelope): boolean {
  return a.prev === b.prev && a.author === b.author && a.kind === b.kind && a.genesis === b.genesis && equalBytes(a.body_hash, b.body_hash)
}

export const isCheckpoint = (candidate: Candidate): boolean => candidate.operation.envelope.kind === 'space.checkpoint' && candidate.law !== undefined
