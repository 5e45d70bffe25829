import type { Facts, Finding } from '@icn/protocol'
import { trustEdgesMax } from '@icn/protocol'
import { bySubject, edgeCounts, edges } from './tables.ts'

/** T6: both tables hold the same edges, weights are in range, and the counts are right. */
export function checkTrust(facts: Facts): readonly Finding[] {
  const found: Finding[] = []
  const say = (text: string, evidence: Record<string, unknown>): void => void found.push({ invariant: 'T6', text, evidence })
  const live = new Map<string, number>()
  let rows = 0
  for (const [[issuer, graph, subject], row] of facts.scan(edges)) {
    rows++
    live.set(issuer, (live.get(issuer) ?? 0) + 1)
    const other = facts.get(bySubject, [subject, graph, issuer])
    if (other === undefined || other.weight !== row.weight || other.expires_at !== row.expires_at) say('An edge is not found from its other end.', { issuer, graph, subject })
    if (!Number.isInteger(row.weight) || row.weight < 0 || row.weight > 1_000) say('A weight is out of range.', { issuer, graph, subject, weight: row.weight })
    if (issuer === subject) say('Somebody speaks of themselves.', { issuer, graph })
  }
  const indexed = facts.count(bySubject)
  if (indexed !== rows) say('The index of edges has another number of rows.', { rows, indexed })
  for (const [[issuer], row] of facts.scan(edgeCounts)) {
    const have = live.get(issuer) ?? 0
    live.delete(issuer)
    if (row.live !== have || have > trustEdgesMax) say('The count of edges is wrong.', { issuer, have, count: row.live })
  }
  for (const [issuer, have] of live) say('The edges of an issuer are not counted.', { issuer, have })
  return found
}
