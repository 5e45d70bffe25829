import type { Did, Facts, Finding } from '@icn/protocol'
import { keepersOf, networkOf } from './queries.ts'
import { controlled, directory, hosted, reservations } from './tables.ts'

/** N1: a founded network has a keeper, or nothing in it could ever become final. M11: every row of the directory is found by whoever it names, and by nobody else. */
export function checkCommons(facts: Facts): readonly Finding[] {
  const found: Finding[] = networkOf(facts) !== undefined && keepersOf(facts).length === 0 ? [{ invariant: 'N1', text: 'The network has no keeper.' }] : []
  const indexes = [
    [controlled, 'controllers'],
    [hosted, 'hosts'],
    [reservations, 'reservations'],
  ] as const
  for (const [index, what] of indexes) {
    const wanted = new Set([...wantedRows(facts, what)].map(String))
    for (const [key] of facts.scan(index)) if (!wanted.delete(String(key))) found.push({ invariant: 'M11', text: `An entry of ${what} stands for no row.`, evidence: { key } })
    for (const key of wanted) found.push({ invariant: 'M11', text: `A row is not found by its ${what}.`, evidence: { key } })
  }
  for (const [[coopId], row] of facts.scan(directory))
    if ((row.status === 'reserved') !== (row.version === 0) || row.threshold > row.controllers.length || row.controllers.length === 0)
      found.push({ invariant: 'M11', text: 'A row of the directory contradicts itself.', evidence: { coopId, status: row.status, version: row.version } })
  return found
}

function* wantedRows(facts: Facts, what: 'controllers' | 'hosts' | 'reservations'): Generator<readonly [Did, string]> {
  for (const [[coopId], { status, controllers, hosts, reserved_by }] of facts.scan(directory)) {
    if (what === 'controllers') for (const did of controllers) yield [did, coopId]
    if (what === 'hosts' && status === 'active') for (const { did } of hosts) yield [did, coopId]
    if (what === 'reservations' && status === 'reserved') yield [reserved_by, coopId]
  }
}
