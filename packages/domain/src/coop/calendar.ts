import type { CalendarSet, Did, Facts } from '@icn/protocol'
import { CalendarSet as CalendarSetBody, type Judgement } from '@icn/protocol'
import type { KindSpec } from './kind.ts'
import type { CalendarRow } from './tables.ts'
import { calendar, hosts } from './tables.ts'

/**
 * Laws may not ask a machine for time-zone data, because two machines may disagree: months, hours and weekdays come from
 * offsets that stand in the journal.
 */

const offsetMinutesMax = 840
type Offsets = CalendarRow['offsets']

/** Begins at 0, rises, and every offset is a possible one. */
export function checkCalendar(j: Judgement, offsets: Offsets): void {
  const rises = offsets.every(([from], index) => (index === 0 ? from === 0 : from > (offsets[index - 1]?.[0] ?? 0)))
  j.refuseIf(!rises, 'CALENDAR_UNSORTED')
  j.refuseIf(
    offsets.some(([, minutes]) => Math.abs(minutes) > offsetMinutesMax),
    'CALENDAR_RANGE',
    { limit: offsetMinutesMax },
  )
}

/** Same zone, every entry kept, new ones only at the end. */
function isExtension(before: CalendarRow | undefined, after: CalendarSet): boolean {
  if (before === undefined || before.time_zone !== after.time_zone || after.offsets.length <= before.offsets.length) return false
  return before.offsets.every(([from, minutes], index) => after.offsets[index]?.[0] === from && after.offsets[index]?.[1] === minutes)
}

const isActiveHost = (facts: Facts, did: Did): boolean => facts.get(hosts, [did])?.status === 'active'

export const calendarSet: KindSpec<CalendarSet> = {
  kind: 'coop.calendar.set',
  key: 'N',
  body: CalendarSetBody as KindSpec<CalendarSet>['body'],
  statuses: ['active', 'suspended', 'dissolving'],
  by: (ask, facts) => (isActiveHost(facts, ask.proposer) && isExtension(facts.get(calendar, []), ask.body) ? 'anyone' : 'coop.manage'),
  check(c, facts, j) {
    const { offsets } = c.body
    checkCalendar(j, offsets)
    const at = c.op.at[0]
    const begun = (list: Offsets): string =>
      list
        .filter(([from]) => from <= at)
        .map(([from, minutes]) => `${from}:${minutes}`)
        .join(' ')
    const before = facts.get(calendar, [])
    j.refuseIf(before !== undefined && begun(before.offsets) !== begun(offsets), 'CALENDAR_REWRITES_PAST')
  },
  apply(c, tables) {
    tables.put(calendar, [], { time_zone: c.body.time_zone, offsets: c.body.offsets })
    tables.emit('coop.updated', { fields: ['calendar'] })
  },
}

export interface LocalTime {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  /** 0 is Sunday. */
  readonly weekday: number
}

export function offsetMinutesAt(row: CalendarRow | undefined, at: number): number {
  let minutes = 0
  for (const [from, value] of row?.offsets ?? []) if (from <= at) minutes = value
  return minutes
}

/** Local date and time by the coop's calendar; proleptic Gregorian, from the civil-from-days algorithm (H. Hinnant, 2013). */
export function localTime(row: CalendarRow | undefined, at: number): LocalTime {
  const local = at + offsetMinutesAt(row, at) * 60_000
  const days = Math.floor(local / 86_400_000)
  const rest = local - days * 86_400_000
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthShifted = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * monthShifted + 2) / 5) + 1
  const month = monthShifted < 10 ? monthShifted + 3 : monthShifted - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return { year, month, day, hour: Math.floor(rest / 3_600_000), minute: Math.floor(rest / 60_000) % 60, weekday: (((days + 4) % 7) + 7) % 7 }
}

/** Months counted from year 0, for budgets and limits by month. */
export function monthOf(row: CalendarRow | undefined, at: number): number {
  const { year, month } = localTime(row, at)
  return 12 * year + month - 1
}
