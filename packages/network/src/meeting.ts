import type { Did } from '@icn/protocol'
import type { Connection, Stream } from '@libp2p/interface'
import { isLowerKey } from './peer-id.ts'
import { Pings } from './pings.ts'
import { closeMs, StreamWire } from './stream-wire.ts'
import type { HostParts } from './wire.ts'

export const replicateProtocol = '/icn/replicate/1'
/** Until the side with the higher key opens the stream, and until a connection beside the better one is closed [ms]. */
const settleMs = 5_000
const openMs = 10_000

export interface MeetingParts extends Pick<HostParts, 'onWire' | 'fault'> {
  readonly me: Did
  readonly peer: Did
  readonly frameBytesMax: number
  readonly pingMs: number
  /** No connection and no wire are left. */
  over(): void
}

interface Held {
  readonly connection: Connection
  /** Was it opened by the side with the lower key? */
  readonly byLower: boolean
  /** Rises with each connection to this peer. */
  readonly order: number
  readonly pings: Pings
  /** How often a stream was opened here, or tried. */
  opens: number
  ending?: Promise<void>
}

interface Candidate {
  readonly held: Held
  readonly wire: StreamWire
  /** Was the stream opened by the side with the lower key? */
  readonly byLower: boolean
}

/**
 * All connections to one peer, and the one wire. Both sides rank streams alike, so both keep the same one: that on the connection opened by the lower key,
 * then that on the newer connection, then that opened by the lower key. A better one takes the place of the wire, after the wire has ended; every other is refused.
 * Whoever ends a wire closes its connection, so a connection without a wire is always about to have one.
 */
export class Meeting {
  readonly #parts: MeetingParts
  readonly #lower: boolean
  /** Bound: libp2p's connection limits. */
  readonly #held = new Map<Connection, Held>()
  #wire: Candidate | undefined
  /** Waits until the wire has ended. */
  #next: Candidate | undefined
  #timer: NodeJS.Timeout | undefined
  #leaving: PromiseWithResolvers<void> | undefined
  #order = 0

  constructor(parts: MeetingParts) {
    this.#parts = parts
    this.#lower = isLowerKey(parts.me, parts.peer)
  }

  /** Connections that are not about to be closed. */
  get connections(): readonly Connection[] {
    return [...this.#held.values()].filter((held) => held.ending === undefined && held.connection.status === 'open').map((held) => held.connection)
  }

  /** The connection of the wire, or that which will have it. */
  get connection(): Connection | undefined {
    return (this.#wire?.held ?? this.#best())?.connection
  }

  roundTripMs(): number | undefined {
    return (this.#wire?.held ?? this.#best())?.pings.roundTripMs()
  }

  /** Settles when connections that are being closed are closed. */
  async ended(): Promise<void> {
    await Promise.all([...this.#held.values()].map((held) => held.ending))
  }

  /** True when a connection is up and the peer has answered on it; false when all were closed before. */
  async answered(): Promise<boolean> {
    for (let best = this.#best(); best !== undefined; best = this.#best()) {
      if (await best.pings.answered) return true
      if (this.#best() === best) return false
    }
    return false
  }

  connected(connection: Connection): void {
    const byUs = connection.direction === 'outbound'
    const held: Held = { connection, byLower: byUs === this.#lower, order: this.#order++, pings: new Pings(connection, this.#parts.pingMs), opens: 0 }
    this.#held.set(connection, held)
    if (this.#leaving !== undefined) this.#end(held)
    this.#settle()
  }

  disconnected(connection: Connection): void {
    this.#held.get(connection)?.pings.stop()
    this.#held.delete(connection)
    this.#settle()
  }

  /** The peer has opened a stream. */
  incoming(stream: Stream, connection: Connection): void {
    const held = this.#held.get(connection)
    if (held === undefined) stream.abort(new Error('a stream on a connection that is gone'))
    else this.#take(held, stream, !this.#lower)
  }

  /** Ends wire and connections; what was handed over leaves, at most a second long. */
  async leave(): Promise<void> {
    this.#leaving ??= Promise.withResolvers()
    this.#next?.wire.abort()
    if (this.#wire !== undefined) this.#wire.wire.close()
    else for (const held of this.#held.values()) this.#end(held)
    this.#settle()
    await this.#leaving.promise
  }

  #best(): Held | undefined {
    let best: Held | undefined
    for (const held of this.#held.values()) if (held.ending === undefined && (best === undefined || rank(held, best) > 0)) best = held
    return best
  }

  /** Opens what is to be opened now, and sets the timer for the rest. Called after every change. */
  #settle(): void {
    if (this.#held.size === 0 && this.#wire === undefined && this.#next === undefined) {
      clearTimeout(this.#timer)
      this.#leaving?.resolve()
      this.#parts.over()
      return
    }
    const best = this.#best()
    if (best === undefined || this.#leaving !== undefined) return
    const settled = (this.#next ?? this.#wire)?.held === best
    if (!settled && this.#lower && best.opens === 0) void this.#open(best)
    if (!settled || this.#held.size > 1) this.#timer ??= setTimeout(() => this.#late(), settleMs)
  }

  #late(): void {
    this.#timer = undefined
    const best = this.#best()
    if (best === undefined || this.#leaving !== undefined) return
    const busy = (this.#next ?? this.#wire)?.held
    for (const held of this.#held.values()) if (held !== best && held !== busy && held !== this.#wire?.held) this.#end(held)
    if (busy !== best) void this.#open(best)
    this.#settle()
  }

  async #open(held: Held): Promise<void> {
    held.opens++
    try {
      const stream = await held.connection.newStream(replicateProtocol, { signal: AbortSignal.timeout(openMs), runOnLimitedConnection: true })
      this.#take(held, stream, this.#lower)
    } catch (error) {
      if (held.ending !== undefined || held.connection.status !== 'open') return
      // A peer without this protocol is of no use. Any other failure is most often the beginning of the connection's end; if it is not, the timer tries again.
      if ((error as Error).name === 'UnsupportedProtocolError') this.#end(held)
      else if (held.opens > 1) this.#parts.fault('network.wire.open', error)
    }
  }

  #take(held: Held, stream: Stream, byLower: boolean): void {
    const current = this.#next ?? this.#wire
    const better = current === undefined || (rank(held, current.held) || Number(byLower) - Number(current.byLower)) > 0
    if (!better || held.ending !== undefined || this.#leaving !== undefined || stream.status !== 'open') {
      stream.abort(new Error('one stream for each peer'))
      return
    }
    const candidate: Candidate = {
      held,
      byLower,
      wire: new StreamWire({
        peer: this.#parts.peer,
        stream,
        frameBytesMax: this.#parts.frameBytesMax,
        alive: () => held.pings.alive(),
        ended: (reset) => this.#ended(candidate, reset),
        fault: this.#parts.fault,
      }),
    }
    const dropped = this.#next
    this.#next = candidate
    dropped?.wire.abort()
    if (this.#wire === undefined) this.#announce()
    else this.#wire.wire.close()
  }

  #announce(): void {
    const next = this.#next
    this.#next = undefined
    if (next === undefined) return
    if (!next.wire.isOpen) return next.wire.abort()
    this.#wire = next
    try {
      this.#parts.onWire(next.wire)
    } catch (error) {
      this.#parts.fault('network.wire', error)
      next.wire.abort()
    }
  }

  #ended(candidate: Candidate, reset: boolean): void {
    if (candidate === this.#next) this.#next = undefined
    if (candidate !== this.#wire) return this.#settle()
    this.#wire = undefined
    // A stream that only the peer broke off may have been one too many; the peer closes the connection if it is not.
    if (this.#next?.held !== candidate.held && !reset) this.#end(candidate.held)
    if (this.#leaving !== undefined) for (const held of this.#held.values()) this.#end(held)
    else this.#announce()
    this.#settle()
  }

  #end(held: Held): void {
    held.ending ??= hangUp(held.connection)
  }
}

/** Above 0: a is to be kept rather than b. */
function rank(a: Held, b: Held): number {
  return Number(a.byLower) - Number(b.byLower) || a.order - b.order
}

async function hangUp(connection: Connection): Promise<void> {
  try {
    await connection.close({ signal: AbortSignal.timeout(closeMs) })
  } catch (error) {
    connection.abort(error as Error)
  }
}
