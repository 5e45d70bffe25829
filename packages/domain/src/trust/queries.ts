import type { Did, Facts, ScanOptions, TrustGraph } from '@icn/protocol'
import { identityState } from '../identity/index.ts'
import type { EdgeRow } from './tables.ts'
import { bySubject, edgeCounts, edges } from './tables.ts'

export interface EdgeView {
  readonly issuer: Did
  readonly graph: TrustGraph
  readonly subject: Did
  readonly row: EdgeRow
}

export function edgeOf(facts: Facts, issuer: Did, graph: TrustGraph, subject: Did): EdgeView | undefined {
  const row = facts.get(edges, [issuer, graph, subject])
  return row === undefined ? undefined : { issuer, graph, subject, row }
}

/** What somebody says of others, by graph and subject; past edges too. */
export function* edgesBy(facts: Facts, issuer: Did, graph?: TrustGraph, options: Pick<ScanOptions, 'after' | 'reverse' | 'limit'> = {}): Iterable<EdgeView> {
  const prefix = graph === undefined ? [issuer] : [issuer, graph]
  for (const [[, of, subject], row] of facts.scan(edges, { ...options, prefix })) yield { issuer, graph: of, subject, row }
}

/** What others say of somebody, by graph and issuer; past edges too. */
export function* edgesTo(facts: Facts, subject: Did, graph?: TrustGraph, options: Pick<ScanOptions, 'after' | 'reverse' | 'limit'> = {}): Iterable<EdgeView> {
  const prefix = graph === undefined ? [subject] : [subject, graph]
  for (const [[, of, issuer]] of facts.scan(bySubject, { ...options, prefix })) {
    const row = facts.get(edges, [issuer, of, subject])
    if (row !== undefined) yield { issuer, graph: of, subject, row }
  }
}

/** Edges that stand, of everybody; reads one row for each issuer. */
export function countEdges(facts: Facts): number {
  let count = 0
  for (const [, { live }] of facts.scan(edgeCounts)) count += live
  return count
}

/** Nobody who has retired says anything any more. */
export const isSilent = (facts: Facts, issuer: Did): boolean => identityState(facts, issuer) === 'retired'

/** Does anybody here say anything of this DID, or it of others? */
export function isInTrust(facts: Facts, did: Did): boolean {
  return facts.first(bySubject, { prefix: [did] }) !== undefined || facts.first(edges, { prefix: [did] }) !== undefined
}
