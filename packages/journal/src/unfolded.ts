import { type Check, type Did, encodeTrusted } from '@icn/protocol'
import type { OperationStatus } from './api.ts'
import type { Candidate } from './candidate.ts'
import type { OrderRecord } from './records.ts'
import type { SpaceWork } from './work.ts'

/** Placed operations that are not folded, and what is said of them. */

type Unfolded = 'late' | 'forked' | 'superseded'
export const isUnfolded = (status: OperationStatus): status is Unfolded => status === 'late' || status === 'forked' || status === 'superseded'

export const dispositionChecks = {
  forked: (signer: Did): Check => ({ code: 'FORKED', result: 'fail', params: { signer } }),
  superseded: (_: Did): Check => ({ code: 'SUPERSEDED', result: 'fail' }),
}

const quarantined = new Set<OperationStatus>(['refused', 'late', 'forked'])

/** Keeps the list of what people may have to look at. */
export function listQuarantined(work: SpaceWork, candidate: Candidate, record: OrderRecord, before: OrderRecord | undefined): void {
  const key = work.prefix + candidate.place
  if (quarantined.has(record.status)) {
    if (before?.status === record.status) return
    const displacedBy = before?.status === 'applied' ? work.displacer : undefined
    work.overlay.put('quarantine', key, encodeTrusted({ since: work.hooks.now(), ...(displacedBy === undefined ? {} : { displaced_by: displacedBy }) }))
    work.emit('quarantine.added', { kind: candidate.operation.envelope.kind, author: candidate.operation.envelope.author }, candidate.operation.id, record.status)
  } else if (before !== undefined && quarantined.has(before.status)) work.overlay.put('quarantine', key, null)
}
