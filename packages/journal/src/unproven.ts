import { Refusal } from './refusal.ts'

/** Why a state cannot be believed. */
export type Unproven =
  | 'first_operation'
  | 'certificate'
  | 'acknowledgements'
  | 'traces'
  | 'vector'
  | 'layers'
  | 'count'
  | 'pairs'
  | 'root'
  | 'predecessor'
  | 'no_majority'
  | 'checks'

export const unproven = (reason: Unproven, more: Readonly<Record<string, unknown>> = {}): Refusal => new Refusal('STATE_UNPROVEN', { reason, ...more })
