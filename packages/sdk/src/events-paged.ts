import type { EventJson } from '@icn/protocol'
import { IcnError } from './errors.ts'
import { type EventItem, type EventParts, type EventPosition, type EventsOptions, Place } from './events.ts'
import { pause } from './retry.ts'

interface EventPage {
  readonly events: readonly EventJson[]
  readonly positions: EventPosition
  readonly truncated: readonly string[]
  readonly cursor: string
}

const pageMax = 200
/** Well under the time that a node gives a call. */
const longPollMs = 20_000
const againMs = 1_000

/** Events where there are no sockets: pages with long polling, the same items. */
export async function* pagedEvents(parts: EventParts, options: EventsOptions): AsyncGenerator<EventItem> {
  const { signal, after } = options
  const place = new Place(after)
  const isFresh = after === undefined || Object.keys(after).length === 0
  let cursor: string | undefined
  let isCaughtUp = false
  while (!signal?.aborted) {
    const page = await read(parts, options, cursor, isCaughtUp ? longPollMs : 0)
    if (page === undefined) continue
    const isMoved = cursor === undefined || page.events.length > 0 || !samePlaces(page.positions, place.position)
    cursor = page.cursor
    // A cursor begins at the oldest event; without a position a reader wants what comes from now on.
    const isBefore = isFresh && !isCaughtUp
    if (!isBefore && page.truncated.length > 0) yield { truncated: page.truncated, position: place.position }
    for (const event of page.events) {
      const item = place.event(event)
      if (item !== undefined && !isBefore) yield item
    }
    place.take({ type: 'position', positions: page.positions })
    if (isCaughtUp || isMoved) continue
    isCaughtUp = true
    yield { caughtUp: true, position: place.position }
  }
}

const samePlaces = (a: EventPosition, b: EventPosition): boolean => Object.entries(a).every(([space, at]) => b[space]?.epoch === at.epoch && b[space].sequence >= at.sequence)

/** One page; undefined when it is worth asking again. */
async function read({ caller }: EventParts, { spaces, topics, signal }: EventsOptions, cursor: string | undefined, waitMs: number): Promise<EventPage | undefined> {
  try {
    const input = { spaces, ...(topics === undefined ? {} : { topics }), limit: pageMax, long_poll_ms: waitMs, ...(cursor === undefined ? {} : { after: cursor }) }
    return (await caller.call('event.page', input, { timeoutMs: waitMs + 10_000, ...(signal === undefined ? {} : { signal }) })) as EventPage
  } catch (error) {
    if (signal?.aborted) return undefined
    const kind = error instanceof IcnError ? (error.problem?.class ?? 'unreachable') : 'bug'
    if (!['busy', 'timeout', 'unreachable'].includes(kind)) throw error
    await pause(againMs, signal).catch(() => {})
    return undefined
  }
}
