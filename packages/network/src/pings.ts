import { randomBytes } from 'node:crypto'
import type { Connection, Stream } from '@libp2p/interface'

const protocol = '/ipfs/ping/1.0.0'
const pingBytes = 32
const samplesMax = 8
/** Beats without a byte from the peer until the connection is given up: 45 s when it is pinged every 15 s. Beats rather than time, because after a standstill of this process unread bytes may be waiting. */
const silentBeatsMax = 3

/**
 * Round trips of one connection, and whether anything comes from the peer at all.
 * On the connection itself, not by libp2p's ping service, which would dial a peer that has just gone; and without libp2p's connection monitor,
 * whose pings would count against the one ping stream that a connection may have.
 */
export class Pings {
  readonly #connection: Connection
  readonly #pingMs: number
  readonly #samples: number[] = []
  readonly #timer: NodeJS.Timeout
  readonly #stop = new AbortController()
  readonly #answered = Promise.withResolvers<boolean>()
  #last: Stream | undefined
  #silentBeats = 0
  #underWay = false

  /** Pings at once, and then every `pingMs`. */
  constructor(connection: Connection, pingMs: number) {
    this.#connection = connection
    this.#pingMs = pingMs
    this.#timer = setInterval(() => this.#beat(), pingMs)
    void this.#ping()
  }

  /** True at the first sign of life after the handshake, false if the connection ended before. With noise's early choice of a muxer, who dials sees an open connection even if the other side then refuses it. */
  get answered(): Promise<boolean> {
    return this.#answered.promise
  }

  /** Something came from the peer. */
  alive(): void {
    this.#silentBeats = 0
  }

  /** Median of the last pings [ms]. */
  roundTripMs(): number | undefined {
    const sorted = this.#samples.toSorted((a, b) => a - b)
    const middle = sorted.length >> 1
    const upper = sorted[middle]
    return upper === undefined || sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#stop.abort()
    this.#answered.resolve(false)
  }

  #beat(): void {
    if (++this.#silentBeats > silentBeatsMax) this.#connection.abort(new Error(`nothing came from the peer for ${(this.#pingMs * silentBeatsMax) / 1_000} s`))
    else void this.#ping()
  }

  async #ping(): Promise<void> {
    if (this.#underWay) return
    this.#underWay = true
    let stream: Stream | undefined
    // One ping stream for each connection: a peer that does not end its side would stop all further pings.
    this.#last?.abort(new Error('the next ping'))
    try {
      const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(this.#pingMs * silentBeatsMax)])
      stream = await this.#connection.newStream(protocol, { signal, runOnLimitedConnection: true })
      this.#last = stream
      this.#came()
      const sample = await roundTrip(stream, signal)
      this.#came()
      this.#samples.push(sample)
      if (this.#samples.length > samplesMax) this.#samples.shift()
      await stream.close({ signal })
    } catch (error) {
      stream?.abort(error as Error)
      // A peer that speaks no ping has answered, too.
      if ((error as Error).name === 'UnsupportedProtocolError') this.#came()
    } finally {
      this.#underWay = false
    }
  }

  #came(): void {
    this.alive()
    this.#answered.resolve(true)
  }
}

/** Sends some bytes and waits until as many have come back [ms]. */
function roundTrip(stream: Stream, signal: AbortSignal): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let left = pingBytes
  let sentAt = 0
  stream.addEventListener('message', (event) => {
    left -= event.data.byteLength
    if (left === 0) resolve(performance.now() - sentAt)
    else if (left < 0) reject(new Error('a ping came back with more than was sent'))
  })
  promise.catch(() => undefined)
  stream.addEventListener('close', () => reject(new Error('the ping stream closed')))
  signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  sentAt = performance.now()
  stream.send(randomBytes(pingBytes))
  return promise
}
