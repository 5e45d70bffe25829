import type { ConflictSettle, Decides, Facts, OperationId, SettingsSet, Tables } from '@icn/protocol'
import { ConflictSettle as ConflictSettleBody, SettingsSet as SettingsSetBody } from '@icn/protocol'
import type { CharterRules } from '../charter/index.ts'
import { decidesOf } from '../charter/index.ts'
import type { KindSpec } from './kind.ts'
import { settingRule } from './setting-list.ts'
import { coopRow } from './state.ts'
import type { ConflictRow, SettingRow, SettingValue } from './tables.ts'
import { conflicts, coopTable, settings } from './tables.ts'
import type { Case } from './write.ts'
import { addCount } from './write.ts'

/** Last write wins for each field by the engine's order; a writer who had not seen the value before leaves a conflict for people. */

function wayOfFields(rules: CharterRules, fields: readonly string[]): Decides {
  return fields.some((field) => (settingRule(field)?.class ?? 'free') !== 'free') ? decidesOf(rules, 'coop.settings.set') : 'one'
}

function writeSetting(tables: Tables, c: Case, field: string, value: SettingValue): void {
  tables.put(settings, [field], { value, op: c.op.id, at: c.op.at[0], by: c.proposer })
  const coop = coopRow(tables)
  if (field === 'name' && typeof value === 'string' && coop !== undefined) tables.put(coopTable, [], { ...coop, name: value })
}

export const settingsSet: KindSpec<SettingsSet> = {
  kind: 'coop.settings.set',
  key: 'N',
  body: SettingsSetBody,
  statuses: ['active', 'suspended'],
  by: 'coop.manage',
  way: (ask, _facts, rules) =>
    wayOfFields(
      rules,
      ask.body.changes.map((change) => change.field),
    ),
  check(c, _facts, j) {
    const { changes } = c.body
    const unknown = changes.find((change) => settingRule(change.field) === undefined)
    j.refuseIf(unknown !== undefined, 'SETTING_UNKNOWN', { params: { field: unknown?.field } })
    const repeated = changes.find((change, index) => changes.findIndex((other) => other.field === change.field) !== index)
    const wrong = changes.find((change) => settingRule(change.field)?.fits(change.value) === false) ?? repeated
    j.refuseIf(wrong !== undefined, 'SETTING_INVALID', {
      params: { field: wrong?.field, expected: wrong === repeated && wrong !== undefined ? 'one change for each setting' : settingRule(wrong?.field ?? '')?.expected },
    })
    // Settings cannot change before activation, so that the unit is fixed whenever this is asked.
    j.refuseIf(
      changes.some((change) => change.field === 'currency'),
      'UNIT_FIXED',
    )
  },
  apply(c, tables) {
    const at = c.op.at[0]
    for (const { field, value, base } of c.body.changes) {
      const before = tables.get(settings, [field])
      if (before !== undefined && before.op !== base && before.value !== value) noteConflict(tables, c, field, value, before, at)
      writeSetting(tables, c, field, value)
    }
    tables.emit('coop.updated', { fields: c.body.changes.map((change) => change.field) })
  },
}

function noteConflict(tables: Tables, c: Case, field: string, value: SettingValue, before: SettingRow, at: number): void {
  tables.put(conflicts, [c.op.id, field], { winner_op: c.op.id, loser_op: before.op, values: { winner: value, loser: before.value }, at, state: 'open' })
  addCount(tables, 'conflicts.open', 1)
  tables.emit('coop.setting_conflict', { field, winner_op: c.op.id, loser_op: before.op })
}

const conflictOf = (facts: Facts, ref: OperationId, field: string): ConflictRow | undefined => facts.get(conflicts, [ref, field])

export const conflictSettle: KindSpec<ConflictSettle> = {
  kind: 'coop.conflict.settle',
  key: 'N',
  body: ConflictSettleBody,
  statuses: ['active', 'suspended'],
  by: 'review.settle',
  // Bringing the lost value back is a change of the setting and is decided like one.
  way: (ask, _facts, rules) => (ask.body.keep === 'loser' ? wayOfFields(rules, [ask.body.field]) : 'one'),
  check(c, facts, j) {
    const row = conflictOf(facts, c.body.ref, c.body.field)
    if (j.refuseIf(row === undefined, 'CONFLICT_UNKNOWN')) return
    j.refuseIf(row?.state === 'settled', 'CONFLICT_CLOSED')
  },
  apply(c, tables) {
    const { ref, field, keep, note } = c.body
    const row = conflictOf(tables, ref, field) as ConflictRow
    tables.put(conflicts, [ref, field], { ...row, state: 'settled', settled_by: c.proposer, keep, ...(note === undefined ? {} : { note }) })
    addCount(tables, 'conflicts.open', -1)
    if (keep === 'loser') writeSetting(tables, c, field, row.values.loser)
    tables.emit('coop.updated', { fields: keep === 'loser' ? [field] : [] })
  },
}
