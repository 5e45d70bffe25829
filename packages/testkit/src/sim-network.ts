import type { Chance } from './chance.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Who listens to a simulated way; the shape that streams between nodes have. */
interface Listener {
  frame(bytes: Uint8Array): void
  partly?(bytes: number): void
  drain(): void
  closed(why: 'bye' | 'lost'): void
}

const bufferBytes = 1_048_576

/** How a way behaves, looked at with every frame. */
export interface WayParts<Name extends string> {
  /** Milliseconds that a frame of so many bytes takes from there. */
  delay(bytes: number, from: Name): number
  /** So many frames more or fewer are under way from there, with so many bytes on this wire. */
  readonly watch?: (from: Name, frames: number, bytes: number) => void
  /** What leaves the first name's end, and arrives at the second's instead of it; left out: the same. None: it is lost. */
  readonly tap?: (from: Name, to: Name, frame: Uint8Array) => Uint8Array | undefined
}

/** One end of a way between two nodes: frames arrive in order, late, or never when the way is cut. */
export class SimWire<Name extends string> {
  readonly peer: Name
  waitingBytes = 0
  #listener: Listener | undefined
  #other: SimWire<Name> | undefined
  #isOpen = true
  #isCut = false
  #isFull = false
  #isPaused = false
  /** What has arrived while nothing was read here. */
  readonly #waiting: (() => void)[] = []
  #lastArrival = 0
  readonly #time: VirtualTime
  readonly #parts: WayParts<Name>

  constructor(peer: Name, time: VirtualTime, parts: WayParts<Name>) {
    this.peer = peer
    this.#time = time
    this.#parts = parts
  }

  static pair<Name extends string>(a: Name, b: Name, time: VirtualTime, parts: WayParts<Name>): [SimWire<Name>, SimWire<Name>] {
    const ends: [SimWire<Name>, SimWire<Name>] = [new SimWire(b, time, parts), new SimWire(a, time, parts)]
    ends[0].#other = ends[1]
    ends[1].#other = ends[0]
    return ends
  }

  listen(listener: Listener): void {
    this.#listener = listener
  }

  send(sent: Uint8Array): boolean {
    if (!this.#isOpen) return false
    const { tap } = this.#parts
    const frame = tap === undefined ? sent : tap((this.#other as SimWire<Name>).peer, this.peer, sent)
    if (frame === undefined) return true
    this.waitingBytes += frame.length
    this.#parts.watch?.((this.#other as SimWire<Name>).peer, 1, this.waitingBytes)
    // Nothing overtakes what was sent before.
    this.#lastArrival = Math.max(this.#lastArrival, this.#time.now() + this.#parts.delay(frame.length, (this.#other as SimWire<Name>).peer))
    const arrive = (): void => {
      const other = this.#other as SimWire<Name>
      if (other.#isPaused && other.#isOpen) {
        other.#waiting.push(arrive)
        return
      }
      this.waitingBytes -= frame.length
      this.#parts.watch?.(other.peer, -1, this.waitingBytes)
      if (!this.#isCut && other.#isOpen) other.#listener?.frame(frame)
      if (!this.#isFull || this.waitingBytes > bufferBytes / 2) return
      this.#isFull = false
      if (this.#isOpen) this.#listener?.drain()
    }
    this.#time.after(this.#lastArrival - this.#time.now(), arrive)
    this.#isFull ||= this.waitingBytes > bufferBytes
    return !this.#isFull
  }

  /** So many bytes of a frame arrive that does not end with them. */
  sendPart(bytes: number): void {
    const other = this.#other as SimWire<Name>
    other.#listener?.partly?.(bytes)
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    while (!this.#isPaused) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      next()
    }
  }

  close(): void {
    this.end('bye')
  }

  /** Breaks both directions; what is on its way is gone. */
  cut(): void {
    this.end('lost')
    this.#other?.end('lost')
  }

  /** Told by the other end. */
  end(why: 'bye' | 'lost'): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#isCut = why === 'lost'
    this.#listener?.closed(why)
    // What left before a clean end arrives; then the other side sees it.
    if (why === 'bye') this.#time.after(Math.max(0, this.#lastArrival - this.#time.now()), () => this.#other?.end('bye'))
  }

  get isOpen(): boolean {
    return this.#isOpen
  }
}

/** Which nodes can reach each other, and how slowly. Ways that are cut are made again when they can be. */
export class SimNetwork<Name extends string> {
  readonly #time: VirtualTime
  readonly #chance: Chance
  readonly #nodes = new Map<Name, (wire: SimWire<Name>) => void>()
  readonly #wires = new Map<string, readonly [SimWire<Name>, SimWire<Name>]>()
  #sides: ReadonlyMap<Name, number> = new Map()
  /** Pairs of names in order. */
  readonly #parted = new Set<string>()
  delayMsMax = 50
  /** How many of the directions that are made from now on are ten times as long. */
  farShare = 0
  /** Directions that are slow: bytes a millisecond, by both names, the sender's first. */
  readonly #slow = new Map<string, number>()
  tap: WayParts<Name>['tap']
  framesUnderWay = 0
  /** Most bytes that ever were under way on one wire from there. */
  readonly bytesUnderWayMax = new Map<Name, number>()

  constructor(time: VirtualTime, chance: Chance) {
    this.#time = time
    this.#chance = chance
    this.#redial()
  }

  add(name: Name, onWire: (wire: SimWire<Name>) => void): void {
    this.#nodes.set(name, onWire)
  }

  /** The node is gone, and every way to it. */
  remove(name: Name): void {
    this.#nodes.delete(name)
    for (const [key, [wire]] of this.#wires) if (key.split(' ').includes(name)) wire.cut()
  }

  /** Nodes of different sides do not reach each other. */
  partition(sides: ReadonlyMap<Name, number>): void {
    this.#sides = sides
    for (const [key, [wire]] of this.#wires) {
      const [a, b] = key.split(' ') as [Name, Name]
      if (!this.#reaches(a, b)) wire.cut()
    }
  }

  /** These two do not reach each other until the next healing. */
  part(a: Name, b: Name): void {
    const key = [a, b].sort().join(' ')
    this.#parted.add(key)
    this.#wires.get(key)?.[0].cut()
  }

  heal(): void {
    this.#sides = new Map()
    this.#parted.clear()
    this.#slow.clear()
  }

  /** One way at random takes only so many bytes a millisecond until the next healing, often in one direction alone. */
  slowOne(bytesPerMs: number): void {
    const names = [...this.#wires.keys()]
    if (names.length === 0) return
    const [a, b] = this.#chance.pick(names).split(' ') as [Name, Name]
    const directions = this.#chance.chance(0.3) ? [`${a} ${b}`, `${b} ${a}`] : [this.#chance.chance(0.5) ? `${a} ${b}` : `${b} ${a}`]
    for (const direction of directions) this.#slow.set(direction, bytesPerMs)
  }

  /** Two nodes dial each other although they are connected: the newer way takes the place of the older at both. */
  dialAgain(): void {
    const open = [...this.#wires].filter(([, [wire]]) => wire.isOpen)
    if (open.length === 0) return
    const [a, b] = this.#chance.pick(open)[0].split(' ') as [Name, Name]
    this.#dial(a, b)
  }

  /** Breaks one way at random. */
  cutOne(): void {
    const open = [...this.#wires.values()].filter(([wire]) => wire.isOpen)
    if (open.length > 0) this.#chance.pick(open)[0].cut()
  }

  #reaches(a: Name, b: Name): boolean {
    return (this.#sides.get(a) ?? 0) === (this.#sides.get(b) ?? 0) && !this.#parted.has([a, b].sort().join(' '))
  }

  #redial(): void {
    const names = [...this.#nodes.keys()].sort()
    for (const [i, a] of names.entries()) {
      for (const b of names.slice(i + 1)) {
        const key = `${a} ${b}`
        const [known] = this.#wires.get(key) ?? []
        if (!known?.isOpen && this.#reaches(a, b)) this.#dial(a, b)
      }
    }
    this.#time.after(500 + this.#chance.below(1_000), () => this.#redial())
  }

  #dial(a: Name, b: Name): void {
    const key = `${a} ${b}`
    // Each direction of each way has its own distance.
    const delaysMax = new Map([a, b].map((from) => [from, this.delayMsMax * (this.farShare > 0 && this.#chance.chance(this.farShare) ? 10 : 1)]))
    const speedFrom = (from: Name): number => this.#slow.get(from === a ? `${a} ${b}` : `${b} ${a}`) ?? Number.POSITIVE_INFINITY
    const ends = SimWire.pair(a, b, this.#time, {
      delay: (bytes, from) => 1 + this.#chance.below(delaysMax.get(from) ?? this.delayMsMax) + Math.ceil(bytes / speedFrom(from)),
      watch: (from, frames, waiting) => {
        this.framesUnderWay += frames
        this.bytesUnderWayMax.set(from, Math.max(this.bytesUnderWayMax.get(from) ?? 0, waiting))
      },
      ...(this.tap === undefined ? {} : { tap: this.tap }),
    })
    this.#wires.set(key, ends)
    this.#nodes.get(a)?.(ends[0])
    this.#nodes.get(b)?.(ends[1])
  }
}
