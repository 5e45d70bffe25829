import type { EntryAdd, EntryRemove, Facts } from '@icn/protocol'
import { EntryAdd as EntryAddBody, EntryRemove as EntryRemoveBody, toBase64Url } from '@icn/protocol'
import type { KindSpec } from './kind.ts'
import { charterRules, countOf } from './state.ts'
import type { EntryRow } from './tables.ts'
import { entries, imports, invites, numbers } from './tables.ts'
import { addCount } from './write.ts'

/** Lines of an imported register whose people have no DID yet. They hold a number and nothing else until somebody takes them up. */

/** Larger: lists and checks grow without use; smaller: the register of a large coop does not fit. */
export const entriesMax = 10_000

export const entryAdd: KindSpec<EntryAdd> = {
  kind: 'coop.entry.add',
  key: 'N',
  body: EntryAddBody as KindSpec<EntryAdd>['body'],
  statuses: ['active', 'suspended'],
  by: 'register.edit',
  check(c, facts, j) {
    const { import_id, batch, entries: list } = c.body
    const rules = charterRules(facts)
    j.refuseIf(facts.get(imports, [import_id, batch]) !== undefined, 'IMPORT_REPEATED')
    const seen = new Set<number>()
    const taken = list.find((entry) => seen.has(entry.number) || facts.get(numbers, [entry.number]) !== undefined || !seen.add(entry.number))
    j.refuseIf(taken !== undefined, 'NUMBER_TAKEN', { params: { number: taken?.number } })
    const strange = list.find((entry) => entry.class !== undefined && !rules?.membership.classes.some((row) => row.id === entry.class))
    j.refuseIf(strange !== undefined, 'CLASS_UNKNOWN', { params: { class: strange?.class, row: strange?.row } })
    const tier = list.find((entry) => entry.tier !== undefined && !rules?.membership.tiers.some((row) => row.id === entry.tier))
    j.refuseIf(tier !== undefined, 'TIER_UNKNOWN', { params: { tier: tier?.tier, row: tier?.row } })
    const used = countOf(facts, 'entries.all')
    j.refuseIf(used + list.length > entriesMax, 'ENTRIES_FULL', { params: { limit: entriesMax }, limit: entriesMax, used, requested: list.length })
  },
  apply(c, tables) {
    const { import_id, batch, entries: list } = c.body
    const first = charterRules(tables)?.membership.classes[0]?.id ?? ''
    for (const entry of list) {
      tables.put(numbers, [entry.number], { entry: entry.number })
      tables.put(entries, [entry.number], {
        number: entry.number,
        name: entry.name,
        joined_at: entry.joined_at,
        roles: [...(entry.roles ?? ['member'])],
        class: entry.class ?? first,
        ...(entry.tier === undefined ? {} : { tier: entry.tier }),
        shares: entry.shares ?? 0,
        capital: entry.capital ?? '0',
        import: toBase64Url(import_id),
        row: entry.row,
        added_at: c.op.at[0],
      })
    }
    addCount(tables, 'entries.all', list.length)
    addCount(tables, 'entries.open', list.length)
    tables.put(imports, [import_id, batch], { op: c.op.id, rows: list.length })
    tables.emit('coop.imported', { import_id: toBase64Url(import_id), batch, rows: list.length })
  },
}

/** An entry that stands and that nobody has taken up. */
export function isOpenEntry(facts: Facts, row: EntryRow | undefined): boolean {
  if (row === undefined || row.removed !== undefined || row.did !== undefined) return false
  const state = row.invite === undefined ? undefined : facts.get(invites, [row.invite])?.state
  return state !== 'open' && state !== 'review'
}

export const entryRemove: KindSpec<EntryRemove> = {
  kind: 'coop.entry.remove',
  key: 'N',
  body: EntryRemoveBody,
  statuses: ['active', 'suspended'],
  by: 'register.edit',
  check(c, facts, j) {
    const row = facts.get(entries, [c.body.number])
    if (j.refuseIf(row === undefined || row.removed !== undefined, 'ENTRY_UNKNOWN', { params: { number: c.body.number } })) return
    j.refuseIf(!isOpenEntry(facts, row), 'ENTRY_TAKEN', { params: { number: c.body.number } })
  },
  apply(c, tables) {
    const row = tables.get(entries, [c.body.number]) as EntryRow
    tables.put(entries, [c.body.number], { ...row, removed: { at: c.op.at[0], by: c.proposer, reason: c.body.reason } })
    addCount(tables, 'entries.open', -1)
    tables.emit('coop.updated', { fields: ['entries'] })
  },
}
