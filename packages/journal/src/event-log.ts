import type { EventPage, JournalEvent } from './api.ts'
import { decodeEvents } from './batch-events.ts'
import type { Engine } from './engine.ts'
import { eventKey, sequenceOf } from './layout.ts'
import type { HeldSpace } from './space.ts'

/** A page of a space's event log. Rows hold the events of one commit, keyed by the last of them. */
export function readEvents(engine: Engine, space: HeldSpace, after: { readonly epoch: string; readonly sequence: number } | undefined, limit: number): EventPage {
  const { newest, oldest } = space.summary.events
  const foreign = after !== undefined && (after.epoch !== engine.epoch || after.sequence > newest)
  const from = after === undefined || foreign ? oldest : Math.max(after.sequence + 1, oldest)
  const truncated = foreign || (after !== undefined && after.sequence + 1 < oldest)
  const events: JournalEvent[] = []
  for (const [key, value] of engine.source.range('events', eventKey(space.prefix.from, from), space.prefix.to)) {
    const row = decodeEvents(value)
    const first = sequenceOf(key) - row.length + 1
    for (const [index, event] of row.entries()) {
      if (first + index < from) continue
      events.push({ ...event, space: space.record.space, sequence: first + index })
      if (events.length === limit) return { epoch: engine.epoch, events, oldest, newest, truncated }
    }
  }
  return { epoch: engine.epoch, events, oldest, newest, truncated }
}
