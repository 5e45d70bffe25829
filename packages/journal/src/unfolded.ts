import type { Check, Did } from '@icn/protocol'
import type { OperationStatus } from './api.ts'

/** Placed operations that are not folded, and what is said of them. */

type Unfolded = 'late' | 'forked' | 'superseded'
export const isUnfolded = (status: OperationStatus): status is Unfolded => status === 'late' || status === 'forked' || status === 'superseded'

export const dispositionChecks = {
  forked: (signer: Did): Check => ({ code: 'FORKED', result: 'fail', params: { signer } }),
  superseded: (_: Did): Check => ({ code: 'SUPERSEDED', result: 'fail' }),
}
