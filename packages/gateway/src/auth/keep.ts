import type { JournalApi } from '@icn/journal'
import type { EndReason, SessionRow, Sessions } from './sessions.ts'

const endings: ReadonlySet<string> = new Set(['identity.revoked', 'identity.rotated', 'identity.frozen'])

/** A revoked device or replaced key loses its sessions, and its readers, in the moment in which that is written, whichever doors are open. Answers how to stop. */
export function endSessionsWithKeys(parts: {
  readonly journal: Pick<JournalApi, 'subscribe'>
  readonly sessions: Sessions
  endOf(row: Pick<SessionRow, 'did' | 'signer'>): EndReason | undefined
}): () => void {
  const endLost = (): number => parts.sessions.endWhere((row) => parts.endOf(row))
  // What was revoked in the last moment before a crash.
  endLost()
  return parts.journal.subscribe((spaces) => {
    if ([...spaces.values()].some((events) => events.some(({ type }) => endings.has(type)))) endLost()
  })
}
