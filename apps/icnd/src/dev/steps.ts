import { dayMs, hourMs, minuteMs, secondMs } from '@icn/protocol'

const units = { s: secondMs, m: minuteMs, h: hourMs, d: dayMs, w: 7 * dayMs } as const

/** A step of a clock: `+1mo` and `-1y` by the calendar (UTC, the last day of a shorter month), `+3d` by the clock. Undefined: not one. */
export function laterBy(now: Date, step: string): Date | undefined {
  const [, sign, digits, unit] = /^([+-])(\d{1,6})(s|m|h|d|w|mo|y)$/.exec(step) ?? []
  if (digits === undefined) return undefined
  const count = Number(digits) * (sign === '-' ? -1 : 1)
  if (unit !== 'mo' && unit !== 'y') return new Date(now.getTime() + count * units[unit as keyof typeof units])
  const months = now.getUTCMonth() + count * (unit === 'y' ? 12 : 1)
  const last = new Date(Date.UTC(now.getUTCFullYear(), months + 1, 0)).getUTCDate()
  const moved = new Date(now)
  moved.setUTCDate(1)
  moved.setUTCMonth(months)
  moved.setUTCDate(Math.min(now.getUTCDate(), last))
  return moved
}
