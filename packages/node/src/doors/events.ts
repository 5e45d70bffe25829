import type { EventJson, EventSpace } from '@icn/protocol'
import type { Handlers } from '../calls/call.ts'
import { defineHandlers } from '../calls/call.ts'
import { refuse } from '../calls/refusal.ts'
import { waitUntil } from '../calls/write.ts'
import { type EventFeed, type EventPosition, topicOf } from './feed.ts'

/** Events as a page, with long polling. */
export function eventHandlers({ feed }: { readonly feed: EventFeed }): Handlers<'event.page'> {
  return defineHandlers<'event.page'>({
    'event.page': async (call) => {
      const { spaces, topics, after, limit, long_poll_ms } = call.input
      const reader = {
        ...(call.caller.did === undefined ? {} : { did: call.caller.did }),
        operator: call.caller.operator,
        ...(call.caller.spaces === undefined ? {} : { spaces: call.caller.spaces }),
        ...(call.caller.scopes === undefined ? {} : { scopes: call.caller.scopes }),
      }
      const asked = spaces ?? feed.spacesOf(reader)
      if (asked.some((space) => !feed.mayFollow(reader, space))) throw refuse('NOT_FOUND')
      const from = after === undefined ? undefined : feed.openPositions(after)
      if (after !== undefined && from === undefined) throw refuse('CURSOR_INVALID')
      const wanted = topics === undefined || topics.includes('*') ? undefined : new Set(topics)
      const look = () => readPage(feed, reader, asked, wanted, from, limit)
      let page = look()
      if (page.events.length === 0 && long_poll_ms > 0) {
        page =
          (await waitUntil(
            (run) => feed.onNews(run),
            long_poll_ms,
            call.options.signal,
            () => {
              const now = look()
              return now.events.length > 0 ? now : undefined
            },
          )) ?? look()
      }
      return { value: { ...page, cursor: feed.sealPositions(page.positions) } }
    },
  })
}

function readPage(
  feed: EventFeed,
  reader: Parameters<EventFeed['sees']>[0],
  spaces: readonly EventSpace[],
  topics: ReadonlySet<string> | undefined,
  from: Readonly<Record<string, EventPosition>> | undefined,
  limit: number,
) {
  const events: EventJson[] = []
  const positions: Record<string, EventPosition> = {}
  const truncated: EventSpace[] = []
  for (const space of spaces) {
    const page = feed.read(space, from?.[space], 1_000)
    if (page.truncated) truncated.push(space)
    let previous = page.truncated ? page.oldest - 1 : (from?.[space]?.sequence ?? 0)
    let last = Math.max(previous, 0)
    for (const event of page.events) {
      if (events.length === limit) break
      last = event.sequence
      if ((topics !== undefined && !topics.has(topicOf(event))) || !feed.sees(reader, event)) continue
      events.push(feed.json(event, page.epoch, Math.max(previous, 0)))
      previous = event.sequence
    }
    positions[space] = { epoch: page.epoch, sequence: last }
  }
  return { events, positions, truncated }
}
