import type { Facts } from '@icn/protocol'
import { nameText, text } from '@icn/protocol'
import type { z } from 'zod'
import { charterRules } from './state.ts'
import type { SettingValue } from './tables.ts'
import { settings } from './tables.ts'

/** Settings that people change without an amendment (coop page §7). Class money or policy is decided as the charter says. */
export interface SettingRule {
  readonly field: string
  readonly class: 'free' | 'policy' | 'money'
  readonly standard: SettingValue
  /** For people, when a value does not fit. */
  readonly expected: string
  fits(value: SettingValue): boolean
}

const bySchema =
  (schema: z.ZodType) =>
  (value: SettingValue): boolean =>
    schema.safeParse(value).success
const oneOf =
  (...words: readonly string[]) =>
  (value: SettingValue): boolean =>
    typeof value === 'string' && words.includes(value)
const isBoolean = (value: SettingValue): boolean => typeof value === 'boolean'

function isWebsite(value: SettingValue): boolean {
  // Not by the platform's URL parser: its answers may change with a release, a law's may not.
  return typeof value === 'string' && value.length <= 200 && (value === '' || /^https:\/\/[A-Za-z0-9.-]+(:\d{1,5})?(\/[\x21-\x7e]*)?$/.test(value))
}

const boolean = (field: string): SettingRule => ({ field, class: 'free', standard: true, expected: 'true or false', fits: isBoolean })

export const settingRules: readonly SettingRule[] = [
  { field: 'name', class: 'free', standard: '', expected: 'a name of 1 to 120 characters', fits: bySchema(nameText(1, 120)) },
  {
    field: 'language',
    class: 'free',
    standard: 'en',
    expected: 'a language tag (BCP 47)',
    fits: (value) => typeof value === 'string' && value.length <= 35 && /^[a-zA-Z]{2,8}(-[a-zA-Z0-9]{1,8})*$/.test(value),
  },
  { field: 'description', class: 'free', standard: '', expected: 'text of up to 2000 characters', fits: bySchema(text(0, 2_000)) },
  { field: 'website', class: 'free', standard: '', expected: 'an https address of up to 200 characters', fits: isWebsite },
  boolean('open_applications'),
  boolean('listed'),
  boolean('charter_public'),
  boolean('public_stats'),
  { field: 'governance_model', class: 'policy', standard: 'consensus', expected: 'consensus, consent or majority', fits: oneOf('consensus', 'consent', 'majority') },
  { field: 'credit_policy', class: 'money', standard: 'conservative', expected: 'conservative, standard or open', fits: oneOf('conservative', 'standard', 'open') },
  { field: 'currency', class: 'money', standard: '', expected: 'the code of the unit', fits: (value) => typeof value === 'string' && /^[a-z][a-z0-9-]{0,11}$/.test(value) },
]

const byField = new Map(settingRules.map((rule) => [rule.field, rule]))

export function settingRule(field: string): SettingRule | undefined {
  return byField.get(field)
}

/** The value in force: what was set, else the standard. */
export function readSetting(facts: Facts, field: string): SettingValue | undefined {
  const row = facts.get(settings, [field])
  if (row !== undefined) return row.value
  if (field === 'currency') return charterRules(facts)?.unit.code
  return byField.get(field)?.standard
}

export function readSettings(facts: Facts): Readonly<Record<string, SettingValue>> {
  return Object.fromEntries(settingRules.map(({ field }) => [field, readSetting(facts, field) ?? '']))
}
