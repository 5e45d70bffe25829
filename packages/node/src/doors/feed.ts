import type { EventPage, JournalApi, JournalEvent } from '@icn/journal'
import type { Did, EventJson, SpaceId } from '@icn/protocol'
import { eventRow, maySeeEvent, timeText } from '@icn/protocol'
import { evidenceJson } from '../calls/render.ts'
import type { Sealer } from '../calls/seal.ts'

/** Where a reader stands in one space's events on this node. */
export interface EventPosition {
  readonly epoch: string
  readonly sequence: number
}
export type EventPositions = Readonly<Record<string, EventPosition>>

export interface EventReader {
  readonly did?: Did
  readonly operator: boolean
  /** Narrowing of the reader's token. */
  readonly spaces?: readonly SpaceId[]
}

export interface FeedParts {
  readonly journal: JournalApi
  rights(did: Did, space: SpaceId): ReadonlySet<string>
  readonly sealer: Sealer
}

/** Events as readers see them (doors page §13): CloudEvents, filtered by what each may see when it is sent. */
export class EventFeed {
  readonly #parts: FeedParts

  constructor(parts: FeedParts) {
    this.#parts = parts
  }

  /** Spaces whose events a reader may follow at all. */
  spacesOf(reader: EventReader): readonly SpaceId[] {
    return this.#parts.journal
      .spaces()
      .map(({ space }) => space)
      .filter((space) => this.mayFollow(reader, space))
  }

  mayFollow(reader: EventReader, space: SpaceId): boolean {
    if (reader.spaces !== undefined && !reader.spaces.includes(space)) return false
    return this.#rights(reader, space).size > 0
  }

  #rights(reader: EventReader, space: SpaceId): ReadonlySet<string> {
    return reader.did === undefined ? new Set() : this.#parts.rights(reader.did, space)
  }

  sees(reader: EventReader, event: JournalEvent): boolean {
    return (
      this.mayFollow(reader, event.space) &&
      maySeeEvent(event.type, event.data, { ...(reader.did === undefined ? {} : { did: reader.did }), rights: this.#rights(reader, event.space) })
    )
  }

  /** Newest and oldest sequence of a space, and the epoch they count in. */
  extent(space: SpaceId): { readonly epoch: string; readonly oldest: number; readonly newest: number } {
    const { epoch, oldest, newest } = this.#parts.journal.events(space, undefined, 1)
    return { epoch, oldest, newest }
  }

  read(space: SpaceId, after: EventPosition | undefined, limit: number): EventPage {
    return this.#parts.journal.events(space, after, limit)
  }

  json(event: JournalEvent, epoch: string, previous: number): EventJson {
    return {
      specversion: '1.0',
      id: `${epoch}.${event.sequence}`,
      source: `/nodes/${this.#parts.journal.node}/spaces/${event.space}`,
      type: `icn.${event.type}`,
      subject: subjectOf(event),
      time: timeText(event.time),
      datacontenttype: 'application/json',
      data: evidenceJson(event.data),
      space: event.space,
      topic: topicOf(event),
      epoch,
      sequence: digits(event.sequence),
      previous: digits(previous),
      operation: event.operation,
      status: event.status,
    }
  }

  sealPositions(positions: EventPositions): string {
    return this.#parts.sealer.seal('sse', { positions })
  }

  openPositions(cursor: string): EventPositions | undefined {
    return (this.#parts.sealer.open('sse', cursor) as { readonly positions: EventPositions } | undefined)?.positions
  }
}

export const digits = (sequence: number): string => String(sequence).padStart(20, '0')

export function topicOf(event: { readonly type: string }): string {
  return eventRow(event.type)?.topic ?? 'space:status'
}

function subjectOf(event: JournalEvent): string {
  const coop = event.space.startsWith('coop:') ? `/v1/coops/${event.space.slice(5)}` : `/v1/spaces/${event.space}`
  const { did } = event.data
  if (event.type.startsWith('coop.member_') && typeof did === 'string') return `${coop}/members/${did}`
  return event.operation === null ? coop : `/v1/operations/${event.operation}`
}
