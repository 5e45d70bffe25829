import type { EventPosition, EventReader, FeedEvent } from '@icn/node'
import { type EventFeed, type Metrics, topicOf } from '@icn/node'
import type { JournalApi } from '@icn/journal'
import type { Did, EventJson, EventSpace } from '@icn/protocol'

/** Larger: memory held for slow readers; smaller: a burst drops honest ones. */
const waitingEventsMax = 1_000
const waitingBytesMax = 1_048_576
/** Replay pauses above this and goes on when the reader has taken some. */
const replayBytesHigh = 262_144
const replayPage = 200
const tickMs = 1_000
const positionMs = 30_000
const graceMs = 30_000

/** How frames reach a reader; a WebSocket or an SSE stream. */
export interface Wire {
  readonly transport: 'websocket' | 'sse'
  send(frame: Frame): void
  /** Bytes that were handed over and not taken yet. */
  buffered(): number
  ping(): void
  close(reason: CloseReason): void
}

export type CloseReason = 'stopping' | 'session' | 'busy' | 'silent'

export type Frame =
  | { readonly type: 'subscribed'; readonly id: string; readonly positions: Readonly<Record<string, EventPosition>>; readonly truncated: readonly EventSpace[] }
  | { readonly type: 'event'; readonly id: string; readonly event: Partial<EventJson> }
  | { readonly type: 'caught_up'; readonly id: string }
  | { readonly type: 'position'; readonly id: string; readonly positions: Readonly<Record<string, EventPosition>> }
  | { readonly type: 'dropped'; readonly id: string; readonly reason: DropReason; readonly positions: Readonly<Record<string, EventPosition>> }

export type DropReason = 'slow_consumer' | 'not_allowed' | 'expired'

export interface HubParts {
  readonly feed: EventFeed
  readonly journal: Pick<JournalApi, 'node'>
  readonly metrics: Metrics
  readonly options: { readonly eventsBufferBytesMax: number }
  now(): number
  /** Does the session still hold, and its key still speak for the person? */
  holds(sid: string): boolean
  fault(doing: string, error: unknown): void
}

interface Track {
  epoch: string
  /** Last sequence looked at. */
  at: number
  /** Last sequence sent. */
  sent: number
}

interface Subscription {
  readonly id: string
  readonly topics: ReadonlySet<string> | undefined
  readonly tracks: Map<EventSpace, Track>
  caughtUp: boolean
}

/** A connected reader with its subscriptions. */
export class Subscriber {
  readonly wire: Wire
  reader: EventReader & { readonly sid?: string }
  /** When its token is over [ms]; Infinity for none. */
  expiresAt: number
  readonly subscriptions = new Map<string, Subscription>()
  toldPositionsAt: number

  constructor(wire: Wire, reader: Subscriber['reader'], expiresAt: number, now: number) {
    this.wire = wire
    this.reader = reader
    this.expiresAt = expiresAt
    this.toldPositionsAt = now
  }
}

/** Every reader of events on this node (doors page §13). The writer never waits for one: events are read from the log when a reader can take them. */
export class EventHub {
  readonly #parts: HubParts
  readonly #subscribers = new Set<Subscriber>()
  readonly #stop: () => void
  readonly #timer: NodeJS.Timeout

  constructor(parts: HubParts) {
    this.#parts = parts
    this.#stop = parts.feed.onNews((spaces) => this.#onNews(spaces))
    this.#timer = setInterval(() => this.#tick(), tickMs)
    this.#timer.unref()
  }

  get size(): number {
    return this.#subscribers.size
  }

  countOf(did: Did): number {
    return [...this.#subscribers].filter(({ reader }) => reader.did === did).length
  }

  add(wire: Wire, reader: Subscriber['reader'], expiresAt: number): Subscriber {
    const subscriber = new Subscriber(wire, reader, expiresAt, this.#parts.now())
    this.#subscribers.add(subscriber)
    this.#count()
    return subscriber
  }

  remove(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber)
    this.#count()
  }

  #count(): void {
    for (const transport of ['websocket', 'sse'] as const)
      this.#parts.metrics.set('icn_events_subscribers', [...this.#subscribers].filter(({ wire }) => wire.transport === transport).length, { transport })
  }

  /** Begins with a replay from the positions given, then goes on live. False: a space the reader may not follow. */
  subscribe(subscriber: Subscriber, id: string, spaces: readonly EventSpace[], topics: readonly string[], after: Readonly<Record<string, EventPosition>>): boolean {
    const { feed } = this.#parts
    if (spaces.some((space) => !feed.mayFollow(subscriber.reader, space))) return false
    const truncated: EventSpace[] = []
    const tracks = new Map<EventSpace, Track>()
    for (const space of spaces) {
      const from = after[space]
      const extent = feed.extent(space)
      const lost = from !== undefined && (from.epoch !== extent.epoch || from.sequence > extent.newest || from.sequence + 1 < extent.oldest)
      if (lost) truncated.push(space)
      // Without a position a subscription begins now; with a lost one, at the oldest that is left.
      const at = from === undefined ? extent.newest : lost ? Math.max(extent.oldest - 1, 0) : from.sequence
      tracks.set(space, { epoch: extent.epoch, at, sent: at })
    }
    const resumed = Object.keys(after).length > 0
    this.#parts.metrics.add('icn_events_resumes_total', 1, { outcome: truncated.length > 0 ? 'truncated' : resumed ? 'resumed' : 'fresh' })
    const subscription: Subscription = { id, topics: topics.includes('*') ? undefined : new Set(topics), tracks, caughtUp: false }
    subscriber.subscriptions.set(id, subscription)
    subscriber.wire.send({ type: 'subscribed', id, positions: positionsOf(subscription), truncated })
    this.#pump(subscriber, subscription)
    return true
  }

  unsubscribe(subscriber: Subscriber, id: string): void {
    subscriber.subscriptions.delete(id)
  }

  /** Ephemeral: no sequence, no replay, newest wins. */
  tell(did: Did, type: string, data: Readonly<Record<string, unknown>>): void {
    const topic = topicOf({ type })
    const event: Partial<EventJson> = {
      specversion: '1.0',
      source: `/nodes/${this.#parts.journal.node}`,
      type: `icn.${type}`,
      time: new Date(this.#parts.now()).toISOString(),
      datacontenttype: 'application/json',
      data: { ...data },
      topic,
    }
    for (const subscriber of this.#subscribers) {
      if (subscriber.reader.did !== did || subscriber.wire.buffered() > waitingBytesMax) continue
      const subscription = [...subscriber.subscriptions.values()].find(({ topics }) => topics === undefined || topics.has(topic))
      if (subscription !== undefined) subscriber.wire.send({ type: 'event', id: subscription.id, event })
    }
  }

  /** A session has ended: its readers are cut at once. */
  endSession(sid: string): void {
    for (const subscriber of [...this.#subscribers]) if (subscriber.reader.sid === sid) this.#cut(subscriber, 'not_allowed', 'session')
  }

  close(reason: CloseReason): void {
    this.#stop()
    clearInterval(this.#timer)
    for (const subscriber of [...this.#subscribers]) {
      this.#subscribers.delete(subscriber)
      subscriber.wire.close(reason)
    }
  }

  #cut(subscriber: Subscriber, reason: DropReason, why: CloseReason): void {
    for (const subscription of [...subscriber.subscriptions.values()]) this.#drop(subscriber, subscription, reason)
    this.remove(subscriber)
    subscriber.wire.close(why)
  }

  #drop(subscriber: Subscriber, subscription: Subscription, reason: DropReason): void {
    subscriber.subscriptions.delete(subscription.id)
    this.#parts.metrics.add('icn_events_dropped_subscribers_total', 1, { reason })
    subscriber.wire.send({ type: 'dropped', id: subscription.id, reason, positions: positionsOf(subscription) })
  }

  #onNews(spaces: readonly EventSpace[]): void {
    for (const subscriber of this.#subscribers) {
      for (const subscription of [...subscriber.subscriptions.values()]) {
        for (const space of spaces) {
          if (!subscription.tracks.has(space)) continue
          if (!this.#parts.feed.mayFollow(subscriber.reader, space)) {
            this.#drop(subscriber, subscription, 'not_allowed')
            break
          }
          this.#pump(subscriber, subscription)
        }
      }
    }
  }

  /** Sends what the reader can take now; the rest waits in the log. A reader that had caught up and falls far behind is dropped with its positions. */
  #pump(subscriber: Subscriber, subscription: Subscription): void {
    const { wire } = subscriber
    for (const [space, track] of subscription.tracks) {
      for (;;) {
        if (wire.buffered() > (subscription.caughtUp ? waitingBytesMax : replayBytesHigh)) {
          this.#behind(subscriber, subscription, space, track)
          return
        }
        const page = this.#parts.feed.read(space, { epoch: track.epoch, sequence: track.at }, replayPage)
        if (page.truncated) {
          track.epoch = page.epoch
          track.at = track.sent = Math.max(page.oldest - 1, 0)
          wire.send({ type: 'subscribed', id: subscription.id, positions: positionsOf(subscription), truncated: [space] })
          continue
        }
        for (const event of page.events) this.#send(subscriber, subscription, track, event)
        if (page.events.length < replayPage) break
      }
    }
    if (!subscription.caughtUp) {
      subscription.caughtUp = true
      wire.send({ type: 'caught_up', id: subscription.id })
    }
  }

  #behind(subscriber: Subscriber, subscription: Subscription, space: EventSpace, track: Track): void {
    if (!subscription.caughtUp) return
    const lag = this.#parts.feed.extent(space).newest - track.at
    const total = [...this.#subscribers].reduce((sum, { wire }) => sum + wire.buffered(), 0)
    if (lag > waitingEventsMax || subscriber.wire.buffered() > waitingBytesMax || total > this.#parts.options.eventsBufferBytesMax)
      this.#drop(subscriber, subscription, 'slow_consumer')
  }

  #send(subscriber: Subscriber, subscription: Subscription, track: Track, event: FeedEvent): void {
    track.at = event.sequence
    const topic = topicOf(event)
    if ((subscription.topics !== undefined && !subscription.topics.has(topic)) || !this.#parts.feed.sees(subscriber.reader, event)) return
    subscriber.wire.send({ type: 'event', id: subscription.id, event: this.#parts.feed.json(event, track.epoch, track.sent) })
    this.#parts.metrics.add('icn_events_sent_total', 1, { topic })
    track.sent = event.sequence
  }

  #tick(): void {
    try {
      const now = this.#parts.now()
      for (const subscriber of [...this.#subscribers]) {
        if (now > subscriber.expiresAt + graceMs) {
          this.#cut(subscriber, 'expired', 'session')
          continue
        }
        // Replays that paused go on; nothing else would wake them.
        for (const subscription of [...subscriber.subscriptions.values()]) this.#pump(subscriber, subscription)
        if (now - subscriber.toldPositionsAt < positionMs) continue
        subscriber.toldPositionsAt = now
        // A permission that ran out by itself is nobody's event.
        if (subscriber.reader.sid !== undefined && !this.#parts.holds(subscriber.reader.sid)) {
          this.#cut(subscriber, 'not_allowed', 'session')
          continue
        }
        subscriber.wire.ping()
        for (const subscription of subscriber.subscriptions.values()) subscriber.wire.send({ type: 'position', id: subscription.id, positions: positionsOf(subscription) })
      }
    } catch (error) {
      this.#parts.fault('events', error)
    }
  }
}

export function positionsOf(subscription: { readonly tracks: ReadonlyMap<EventSpace, Track> }): Record<string, EventPosition> {
  return Object.fromEntries([...subscription.tracks].map(([space, { epoch, at }]) => [space, { epoch, sequence: at }]))
}
