import { coopRow, memberAt } from '@icn/domain'
import type { CoopId, Did, Facts } from '@icn/protocol'
import type { Call } from '../calls/call.ts'
import { refuse } from '../calls/refusal.ts'
import { isVisible, type Reader } from './views.ts'

/** State of the coop that a row names; absent and hidden look the same. */
export function factsOf(call: Call): Facts {
  const { facts } = call
  if (facts === undefined || coopRow(facts) === undefined) throw refuse('NOT_FOUND')
  return facts
}

export function readerOf(call: Call): Reader {
  return { did: call.caller.did, rights: call.rights }
}

/** State of a coop that the reader may know of. */
export function visibleFacts(call: Call): Facts {
  const facts = factsOf(call)
  if (!isVisible(facts, readerOf(call)) && !call.caller.operator) throw refuse('NOT_FOUND')
  return facts
}

export function coopIdOf(facts: Facts): CoopId {
  const coop = coopRow(facts)
  if (coop === undefined) throw refuse('NOT_FOUND')
  return coop.coop_id
}

export function memberRow(facts: Facts, did: Did, now: number) {
  const row = memberAt(facts, did, now)
  if (row === undefined) throw refuse('MEMBER_UNKNOWN')
  return row
}

/** One page of rows that come in the order of their keys; `next` is the key of the last one when there is more. */
export function pageOfRows<Row, Item>(
  rows: Iterable<Row>,
  limit: number,
  item: (row: Row) => Item | undefined,
  key: (row: Row) => string | number | (string | number)[],
): { items: Item[]; next: string | number | (string | number)[] | null } {
  const items: Item[] = []
  let last: Row | undefined
  for (const row of rows) {
    const shown = item(row)
    if (shown === undefined) continue
    if (items.length === limit) return { items, next: last === undefined ? null : key(last) }
    items.push(shown)
    last = row
  }
  return { items, next: null }
}
