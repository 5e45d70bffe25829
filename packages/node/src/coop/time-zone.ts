/** Offsets of a time zone from this machine's data, for a coop's calendar. Outside the laws: two machines may disagree. */

export const calendarYears = 10
const hourMs = 3_600_000
const dayMs = 24 * hourMs

export function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

/** Minutes east of UTC at a time. */
export function offsetMinutes(format: Intl.DateTimeFormat, at: number): number {
  const name = format.formatToParts(at).find((part) => part.type === 'timeZoneName')?.value ?? 'GMT'
  const match = /GMT(?:([+-])(\d\d):(\d\d)(?::\d\d)?)?/.exec(name)
  if (match?.[1] === undefined) return 0
  const minutes = Number(match[2]) * 60 + Number(match[3])
  return match[1] === '-' ? -minutes : minutes
}

const formatOf = (zone: string): Intl.DateTimeFormat => new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset', hour: 'numeric' })

/** Changes of offset between two times, each exact to the minute; at most 60. */
function changes(zone: string, from: number, to: number): [number, number][] {
  const format = formatOf(zone)
  const found: [number, number][] = []
  let before = offsetMinutes(format, from)
  for (let at = from; at < to && found.length < 60; at += dayMs) {
    const end = Math.min(at + dayMs, to)
    const after = offsetMinutes(format, end)
    if (after === before) continue
    let [low, high] = [at, end]
    while (high - low > 60_000) {
      const middle = Math.floor((low + high) / 2 / 60_000) * 60_000
      if (middle <= low) break
      if (offsetMinutes(format, middle) === before) low = middle
      else high = middle
    }
    found.push([Math.floor(high / 60_000) * 60_000, after])
    before = after
  }
  return found
}

/** Entries of a new calendar: what holds now from the beginning, then ten years of changes. */
export function newOffsets(zone: string, now: number): [number, number][] {
  return [[0, offsetMinutes(formatOf(zone), now)], ...changes(zone, now, now + calendarYears * 366 * dayMs)]
}

/** A calendar carried on: what has begun stays, a changed zone holds from a minute ahead, then ten years of changes. */
export function nextOffsets(before: readonly (readonly [number, number])[], zone: string, now: number): [number, number][] {
  // A law compares with the operation's own time, which lies a little ahead of this.
  const from = Math.ceil((now + 60_000) / 60_000) * 60_000
  const begun = before.filter(([at]) => at < from).map(([at, minutes]): [number, number] => [at, minutes])
  const last = begun.at(-1)?.[1]
  const first = offsetMinutes(formatOf(zone), from)
  const joined: [number, number][] = [...begun, ...(first === last ? [] : [[from, first] as [number, number]]), ...changes(zone, from, now + calendarYears * 366 * dayMs)]
  // Sixty-four entries at most; the oldest that no longer matter cannot go, because the past is not rewritten.
  return joined.slice(0, 64)
}

/** Entries that a host may add because under two years are left; undefined: enough are there, or the zone has no changes. */
export function extendedOffsets(before: readonly (readonly [number, number])[], zone: string, now: number): [number, number][] | undefined {
  const last = before.at(-1)
  if (last === undefined || !isTimeZone(zone) || last[0] > now + 2 * 366 * dayMs) return undefined
  const from = Math.max(last[0], now) + 1
  const more = changes(zone, from, now + calendarYears * 366 * dayMs).slice(0, 64 - before.length)
  if (more.length === 0) return undefined
  return [...before.map(([at, minutes]): [number, number] => [at, minutes]), ...more]
}
