import { type Did, frameStallMs } from '@icn/protocol'
import type { Stream } from '@libp2p/interface'
import { FrameBundles, FrameReader } from './stream-framing.ts'
import { type Wire, wireBufferBytes, type WireListener } from './wire.ts'

/** After `close`, until what is left is given up [ms]. */
export const closeMs = 1_000
/** Bytes that libp2p holds for a stream before the rest waits here. Its buffer is a list that gets slow when long. */
const streamBufferBytes = 262_144

export interface StreamWireParts {
  readonly peer: Did
  readonly stream: Stream
  readonly frameBytesMax: number
  /** Something came from the peer, or went towards it. */
  alive(): void
  /** After the listener's `closed`, once. `reset`: the peer broke the stream off, and nobody here had asked for an end. */
  ended(reset: boolean): void
  fault(operation: string, error: unknown): void
}

type Why = Parameters<WireListener['closed']>[0]

/**
 * A wire on one libp2p stream. Traps of libp2p 3 that shape it:
 * - a broken connection closes a stream without an error; only `remoteCloseWrite` tells a clean end;
 * - what is sent inside the events `idle` and `drain` can stay lying: sending waits for a microtask;
 * - the window is given back as soon as a message is dispatched, so a listener slows its peer only by not returning;
 * - what a listener of an event throws ends the process.
 */
export class StreamWire implements Wire {
  readonly peer: Did
  readonly #parts: StreamWireParts
  readonly #stream: Stream
  readonly #reader: FrameReader
  #listener: WireListener | undefined
  /** What is to be told to the listener, in order, never one inside another. */
  readonly #news: (() => void)[] = []
  #telling = false
  #paused = false
  readonly #waiting = new FrameBundles()
  #pumpAsked = false
  /** `send` has answered false, and `drain` has not followed. */
  #full = false
  #closing: NodeJS.Timeout | undefined
  #stalling: NodeJS.Timeout | undefined
  /** The peer has ended its side cleanly. Only then is an end clean: before it, nobody knows what has arrived. */
  #farewell = false
  /** All that was handed over is libp2p's, and our side is being ended. */
  #finished = false
  #ended = false

  constructor(parts: StreamWireParts) {
    this.peer = parts.peer
    this.#parts = parts
    this.#stream = parts.stream
    this.#reader = new FrameReader(parts.frameBytesMax)
    // It may have ended while it was being negotiated, and then tells no more.
    this.#farewell = this.#stream.remoteWriteStatus === 'closed'
    if (this.#stream.readStatus === 'readable') this.#stream.pause()
    this.#stream.addEventListener('remoteCloseWrite', () => {
      this.#farewell = true
      this.#review()
    })
    this.#stream.addEventListener('close', () => this.#review())
    this.#stream.addEventListener('idle', () => this.#pumpSoon())
    this.#stream.addEventListener('drain', () => {
      this.#parts.alive()
      this.#pumpSoon()
    })
  }

  /** Is there something to listen to? */
  get isOpen(): boolean {
    return !this.#ended && this.#stream.status === 'open'
  }

  get waitingBytes(): number {
    return this.#ended ? 0 : this.#waiting.waitingBytes + this.#stream.writeBufferLength
  }

  listen(listener: WireListener): void {
    if (this.#listener !== undefined) throw new Error('a wire has one listener')
    this.#listener = listener
    if (!this.#ended) {
      this.#stream.addEventListener('message', (event) => this.#read(event.data.subarray()))
      try {
        this.#stream.resume()
      } catch {
        // It has ended meanwhile; what came before has been dispatched.
      }
      this.#review()
    }
    this.#tell()
  }

  send(frame: Uint8Array): boolean {
    if (frame.length > this.#parts.frameBytesMax) throw new RangeError(`a frame of ${frame.length} bytes; at most ${this.#parts.frameBytesMax}`)
    if (this.#ended || this.#closing !== undefined) return false
    this.#waiting.put(frame)
    // What else is said in the same breath goes with it.
    this.#pumpSoon()
    if (this.waitingBytes <= wireBufferBytes) return true
    this.#full = true
    return false
  }

  pause(): void {
    if (this.#ended || this.#paused) return
    this.#paused = true
    clearTimeout(this.#stalling)
    if (this.#stream.readStatus === 'readable') this.#stream.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#tell()
    // What was told may have been reason enough to pause again.
    if (!this.#paused && !this.#ended && this.#stream.readStatus === 'paused') this.#stream.resume()
    this.#watchFrame()
    this.#review()
  }

  close(): void {
    if (this.#ended || this.#closing !== undefined) return
    this.#closing = setTimeout(() => this.#end(this.#farewell ? 'bye' : 'lost'), closeMs)
    this.#pump()
  }

  /** Ends it now; what waits is lost. */
  abort(): void {
    this.#end('lost')
  }

  #read(bytes: Uint8Array): void {
    if (this.#ended) return
    this.#parts.alive()
    const fits = this.#reader.read(bytes, (frame) => this.#tell((listener) => listener.frame(frame)))
    if (!fits) this.#end('too_large')
    else if (this.#reader.inside && !this.#paused) this.#tell((listener) => listener.partly?.(bytes.length))
    this.#watchFrame()
  }

  /** A frame that stays unfinished would keep its memory and its place for as long as its sender likes. */
  #watchFrame(): void {
    clearTimeout(this.#stalling)
    if (this.#reader.inside && !this.#paused && !this.#ended) this.#stalling = setTimeout(() => this.#end('lost'), frameStallMs)
  }

  /** What the stream's state means; called when it may have changed. Before there is a listener, unread bytes may still be there, so nothing is decided. */
  #review(): void {
    // Paused, the peer may have said more than was read.
    if (this.#ended || this.#listener === undefined || (this.#paused && this.#stream.status === 'open')) return
    if (this.#farewell && this.#reader.inside) this.#end('cut_short')
    else if (this.#stream.status !== 'open' && this.#stream.status !== 'closing') this.#end(this.#farewell ? 'bye' : 'lost')
    else if (this.#farewell) this.close()
  }

  #pumpSoon(): void {
    if (this.#pumpAsked) return
    this.#pumpAsked = true
    queueMicrotask(() => {
      this.#pumpAsked = false
      this.#pump()
      if (!this.#full || this.#ended || this.waitingBytes > wireBufferBytes / 2) return
      this.#full = false
      if (this.#closing === undefined) this.#tell((listener) => listener.drain())
    })
  }

  #pump(): void {
    if (this.#ended) return
    try {
      while (!this.#stream.writableNeedsDrain && this.#stream.writeBufferLength < streamBufferBytes) {
        const bundle = this.#waiting.take()
        if (bundle === undefined) break
        this.#stream.send(bundle)
      }
    } catch {
      // The stream has broken; its `close` has told or will tell.
      return
    }
    if (this.#closing !== undefined && this.#waiting.waitingBytes === 0 && !this.#finished) this.#finish()
  }

  #finish(): void {
    this.#finished = true
    const review = (): void => this.#review()
    this.#stream.close().then(review, review)
  }

  #end(why: Why): void {
    if (this.#ended) return
    const reset = why === 'lost' && this.#closing === undefined && this.#stream.status === 'reset'
    this.#ended = true
    clearTimeout(this.#closing)
    clearTimeout(this.#stalling)
    this.#waiting.clear()
    if (this.#paused) this.#news.length = 0
    this.#paused = false
    // Does nothing to a stream that has ended by itself.
    this.#stream.abort(new Error(`wire ended: ${why}`))
    this.#tell((listener) => listener.closed(why))
    if (this.#listener === undefined) this.#parts.ended(reset)
    else this.#tell(() => this.#parts.ended(reset))
  }

  /** Adds to the news, and tells all of it unless that is being done further out. */
  #tell(news?: (listener: WireListener) => void): void {
    const listener = this.#listener
    if (news !== undefined) this.#news.push(() => news(this.#listener as WireListener))
    if (listener === undefined || this.#telling) return
    this.#telling = true
    for (let next = this.#paused ? undefined : this.#news.shift(); next !== undefined; next = this.#paused ? undefined : this.#news.shift()) {
      try {
        next()
      } catch (error) {
        this.#parts.fault('network.wire.listener', error)
        this.#end('lost')
      }
    }
    this.#telling = false
  }
}
