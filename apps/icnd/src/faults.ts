import { type Wire, wireBufferBytes, type WireListener } from '@icn/network'
import type { Did } from '@icn/protocol'

/** What the development network and tests do to a node: peers that it cannot reach, frames that leave late, a disk that fills. An ordinary daemon has none of it. */
export class Faults {
  #blocked: ReadonlySet<Did> = new Set()
  /** Frames leave so much later [ms]. */
  delayMs = 0
  isDiskFull = false
  /** Ends what there is to a peer, and looks for peers again; set while the network runs. */
  attached: { cut(peer: Did): void; meet(): void } | undefined

  /** From here on these peers are out of reach, and all others within it. */
  block(peers: readonly Did[]): void {
    this.#blocked = new Set(peers)
    for (const peer of peers) this.attached?.cut(peer)
    this.attached?.meet()
  }

  admits(peer: Did): boolean {
    return !this.#blocked.has(peer)
  }

  through(wire: Wire): Wire {
    return new LateWire(wire, () => this.delayMs)
  }
}

/** Hands frames over later, in their order. */
class LateWire implements Wire {
  readonly peer: Did
  readonly #wire: Wire
  readonly #delayMs: () => number
  readonly #late: { readonly frame: Uint8Array; readonly due: number }[] = []
  #lateBytes = 0
  #timer: NodeJS.Timeout | undefined
  #isFull = false
  #isClosing = false
  #listener: WireListener | undefined

  constructor(wire: Wire, delayMs: () => number) {
    this.peer = wire.peer
    this.#wire = wire
    this.#delayMs = delayMs
  }

  get waitingBytes(): number {
    return this.#wire.waitingBytes + this.#lateBytes
  }

  send(frame: Uint8Array): boolean {
    if (this.#isClosing) return false
    const delay = this.#delayMs()
    if (delay === 0 && this.#late.length === 0) {
      return this.#taken(this.#wire.send(frame))
    }
    this.#late.push({ frame, due: Date.now() + delay })
    this.#lateBytes += frame.length
    this.#wait()
    return this.#taken(this.waitingBytes <= wireBufferBytes)
  }

  /** Whoever was told to wait is told when to go on, whatever it hands over meanwhile. */
  #taken(isTaken: boolean): boolean {
    this.#isFull ||= !isTaken
    return isTaken
  }

  pause(): void {
    this.#wire.pause()
  }

  resume(): void {
    this.#wire.resume()
  }

  close(): void {
    this.#isClosing = true
    if (this.#late.length === 0) this.#wire.close()
  }

  listen(listener: WireListener): void {
    this.#listener = listener
    this.#wire.listen({
      frame: (bytes) => listener.frame(bytes),
      drain: () => this.#drained(),
      closed: (why) => {
        clearTimeout(this.#timer)
        this.#late.length = 0
        this.#lateBytes = 0
        listener.closed(why)
      },
    })
  }

  #wait(): void {
    const [first] = this.#late
    if (first !== undefined) this.#timer ??= setTimeout(() => this.#leave(), Math.max(0, first.due - Date.now()))
  }

  #leave(): void {
    this.#timer = undefined
    while (this.#late[0] !== undefined && this.#late[0].due <= Date.now()) {
      const { frame } = this.#late.shift() as { readonly frame: Uint8Array }
      this.#lateBytes -= frame.length
      this.#wire.send(frame)
    }
    this.#wait()
    if (this.#isClosing && this.#late.length === 0) this.#wire.close()
    else this.#drained()
  }

  #drained(): void {
    if (this.#isClosing || !this.#isFull || this.waitingBytes > wireBufferBytes / 2) return
    this.#isFull = false
    this.#listener?.drain()
  }
}
