import type { Law } from '@icn/protocol'
import type { OnActivate } from './founding.ts'
import { activateLaw, charterDraftLaw, charterSignLaw, foundLaw } from './founding.ts'
import { lawOf } from './kind.ts'
import { coopKinds } from './kinds.ts'

export { calendar as calendarTable } from './tables.ts'
export { localTime, monthOf, offsetMinutesAt } from './calendar.ts'
export type { LocalTime } from './calendar.ts'
export { checkCoop } from './check.ts'
export type { OnActivate } from './founding.ts'
export { foundersMax, suggestCoopId } from './founding.ts'
export { activeHosts as coopHosts, hostLapsesAt } from './hosts.ts'
export { kindSpec } from './kinds.ts'
export * from './queries.ts'
export { accountUse, actRule as coopActRule, coopProfile, electorate, recoveryRule, rightsOf, standingOf } from './rights.ts'
export { readSetting, readSettings, settingRules } from './setting-list.ts'
export type { SettingRule } from './setting-list.ts'
export { foundersOf, hasPower, holdersOf, inReview, memberAt } from './state.ts'
export { dueItems } from './sweep.ts'
export type { SweepItem } from './sweep.ts'
export * from './tables.ts'

export interface CoopPorts {
  readonly onActivate?: OnActivate
}

/** The laws of a coop's space that this module owns. */
export function coopLaws(ports: CoopPorts = {}): readonly Law[] {
  return [foundLaw, charterDraftLaw, charterSignLaw, activateLaw(ports.onActivate), ...coopKinds.map((spec) => lawOf(spec))]
}
