import type { Did, Table, TrustGraph } from '@icn/protocol'
import { int, operationId, part, table, text, timeMs, TrustEvidence, trustEdgesMax } from '@icn/protocol'
import { z } from 'zod'

/** Rows of trust in `commons` (trust page §2). */

const weight = int(0, 1_000)

const EdgeRow = z.strictObject({
  weight,
  expires_at: timeMs,
  /** When this edge began; said again, it goes on. */
  since_at: timeMs,
  set_op: operationId,
  labels: z.array(text(1, 32)).max(8),
  evidence: z.array(TrustEvidence).max(4),
  note: text(0, 280).optional(),
})
export type EdgeRow = Readonly<z.output<typeof EdgeRow>>
/** Key: issuer, graph, subject. */
export const edges = table('trust.edges', [part.text<Did>(), part.text<TrustGraph>(), part.text<Did>()], EdgeRow)

/** Subject, graph, issuer: the same edges from the other end. */
export const bySubject = table('trust.by_subject', [part.text<Did>(), part.text<TrustGraph>(), part.text<Did>()], z.strictObject({ weight, expires_at: timeMs }))

const CountRow = z.strictObject({
  /** Edges that stand, those whose time is over among them until they are swept or make room. */
  live: int(0, trustEdgesMax),
  /** Hours since 1970 of the last change, by the operation's own time. */
  hour: int(0, Number.MAX_SAFE_INTEGER),
  /** Edges set in that hour. */
  changes: int(0, Number.MAX_SAFE_INTEGER),
})
export type CountRow = Readonly<z.output<typeof CountRow>>
/** Key: issuer. Gone when nothing stands and the hour is over. */
export const edgeCounts = table('trust.counts', [part.text<Did>()], CountRow)

export const trustTables: readonly Table<any, any>[] = [edges, bySubject, edgeCounts]
