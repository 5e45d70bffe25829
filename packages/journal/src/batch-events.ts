import { dayMs, type OperationId, type SpaceId } from '@icn/protocol'
import type { JournalEvent, OperationStatus } from './api.ts'
import { eventKey, type SpacePrefix, sequenceOf } from './layout.ts'
import type { JournalOptions } from './options.ts'
import type { Overlay } from './overlay.ts'
import { jsonOf } from './records.ts'

/** Events written as one row, rows of the log dropped with one batch, and how often that is looked at. */
const eventRowMax = 64
const eventRowsDroppedMax = 16
const pruneEvery = 256

/** Events leave as JSON and are nobody's state, so JSON is how they are kept; it is several times quicker to write. Space and sequence follow from the key. */
export function encodeEvents(events: readonly JournalEvent[]): Uint8Array {
  return Buffer.from(
    JSON.stringify(
      events.map(({ type, data, operation, status, time }) => ({ type, data, operation, status, time })),
      jsonOf,
    ),
  )
}

export function decodeEvents(bytes: Uint8Array): Omit<JournalEvent, 'space' | 'sequence'>[] {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()) as Omit<JournalEvent, 'space' | 'sequence'>[]
}

/** The events of one space during one batch, numbered without holes, written in the batch's own transaction. */
export class BatchEvents {
  readonly events: JournalEvent[] = []
  readonly #space: SpaceId
  readonly #now: () => number
  newest: number
  oldest: number

  constructor(space: SpaceId, log: { readonly newest: number; readonly oldest: number }, now: () => number) {
    this.#space = space
    this.#now = now
    this.newest = log.newest
    this.oldest = log.oldest
  }

  emit(type: string, data: Readonly<Record<string, unknown>>, operation: OperationId | null, status: OperationStatus | null): void {
    this.newest++
    this.events.push({ space: this.#space, sequence: this.newest, type, data, operation, status, time: this.#now() })
  }

  write(overlay: Overlay, prefix: SpacePrefix, options: Pick<JournalOptions, 'eventsLogCount' | 'eventsLogDays'>): { readonly newest: number; readonly oldest: number } {
    for (let from = 0; from < this.events.length; from += eventRowMax) {
      const row = this.events.slice(from, from + eventRowMax)
      const last = row.at(-1) as JournalEvent
      overlay.put('events', eventKey(prefix.from, last.sequence), encodeEvents(row))
    }
    this.#prune(overlay, prefix, options)
    return { newest: this.newest, oldest: this.oldest }
  }

  /** Drops what is beyond the log's bounds. Looked at once in a while: reading the oldest row costs more than writing a new one. */
  #prune(overlay: Overlay, prefix: SpacePrefix, options: Pick<JournalOptions, 'eventsLogCount' | 'eventsLogDays'>): void {
    if (Math.floor(this.newest / pruneEvery) === Math.floor((this.newest - this.events.length) / pruneEvery)) return
    const tooOld = this.#now() - options.eventsLogDays * dayMs
    let dropped = 0
    for (const [key, value] of overlay.range('events', eventKey(prefix.from, this.oldest), prefix.to)) {
      const last = sequenceOf(key)
      const isBeyond = last <= this.newest - options.eventsLogCount || decodeEvents(value).every(({ time }) => time < tooOld)
      if (!isBeyond || last === this.newest || dropped++ === eventRowsDroppedMax) return
      overlay.put('events', key, null)
      this.oldest = last + 1
    }
  }
}
