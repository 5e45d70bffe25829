import type { EventPage, JournalApi, JournalEvent } from '@icn/journal'
import type { Did, EventJson, EventSpace, SpaceId } from '@icn/protocol'
import { eventRow, maySeeEvent, nodeSpace, timeText } from '@icn/protocol'
import { covers } from '../calls/access.ts'
import { evidenceJson } from '../calls/render.ts'
import type { Sealer } from '../calls/seal.ts'
import type { NodeEventLog } from './node-events.ts'

/** Where a reader stands in one space's events on this node. */
export interface EventPosition {
  readonly epoch: string
  readonly sequence: number
}
export type EventPositions = Readonly<Record<string, EventPosition>>

/** An event of a space, or of the node itself. */
export type FeedEvent = Omit<JournalEvent, 'space'> & { readonly space: EventSpace }
export type FeedPage = Omit<EventPage, 'events'> & { readonly events: readonly FeedEvent[] }

export interface EventReader {
  readonly did?: Did
  readonly operator: boolean
  /** Narrowing of the reader's token. */
  readonly spaces?: readonly SpaceId[]
  readonly scopes?: readonly string[]
}

export interface FeedParts {
  readonly journal: JournalApi
  readonly nodeEvents: Pick<NodeEventLog, 'page' | 'subscribe'>
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
  spacesOf(reader: EventReader): readonly EventSpace[] {
    const all: readonly EventSpace[] = [...this.#parts.journal.spaces().map(({ space }) => space), nodeSpace]
    return all.filter((space) => this.mayFollow(reader, space))
  }

  /** Calls back with the spaces in which something has happened. */
  onNews(run: (spaces: readonly EventSpace[]) => void): () => void {
    const stops = [this.#parts.journal.subscribe((spaces) => run([...spaces.keys()])), this.#parts.nodeEvents.subscribe(() => run([nodeSpace]))]
    return () => {
      for (const stop of stops) stop()
    }
  }

  mayFollow(reader: EventReader, space: EventSpace): boolean {
    if (space === nodeSpace) return reader.operator && reader.spaces === undefined && (reader.scopes === undefined || covers(reader.scopes, 'network:read'))
    if (reader.spaces !== undefined && !reader.spaces.includes(space)) return false
    return this.#rights(reader, space).size > 0
  }

  #rights(reader: EventReader, space: EventSpace): ReadonlySet<string> {
    if (space === nodeSpace) return operatorRights
    return reader.did === undefined ? new Set() : this.#parts.rights(reader.did, space)
  }

  sees(reader: EventReader, event: FeedEvent): boolean {
    return (
      this.mayFollow(reader, event.space) &&
      maySeeEvent(event.type, event.data, { ...(reader.did === undefined ? {} : { did: reader.did }), rights: this.#rights(reader, event.space) })
    )
  }

  /** Newest and oldest sequence of a space, and the epoch they count in. */
  extent(space: EventSpace): { readonly epoch: string; readonly oldest: number; readonly newest: number } {
    const { epoch, oldest, newest } = this.read(space, undefined, 1)
    return { epoch, oldest, newest }
  }

  read(space: EventSpace, after: EventPosition | undefined, limit: number): FeedPage {
    return space === nodeSpace ? this.#parts.nodeEvents.page(after, limit) : this.#parts.journal.events(space, after, limit)
  }

  json(event: FeedEvent, epoch: string, previous: number): EventJson {
    return {
      specversion: '1.0',
      id: `${epoch}.${event.sequence}`,
      source: `/nodes/${this.#parts.journal.node}${event.space === nodeSpace ? '' : `/spaces/${event.space}`}`,
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

const operatorRights: ReadonlySet<string> = new Set(['operator'])

export const digits = (sequence: number): string => String(sequence).padStart(20, '0')

export function topicOf(event: { readonly type: string }): string {
  return eventRow(event.type)?.topic ?? 'space:status'
}

function subjectOf(event: FeedEvent): string {
  if (event.space === nodeSpace) return typeof event.data['did'] === 'string' ? `/v1/peers/${event.data['did']}` : '/v1/network/status'
  const coop = event.space.startsWith('coop:') ? `/v1/coops/${event.space.slice(5)}` : `/v1/spaces/${event.space}`
  const { did } = event.data
  if (event.type.startsWith('coop.member_') && typeof did === 'string') return `${coop}/members/${did}`
  return event.operation === null ? coop : `/v1/operations/${event.operation}`
}
