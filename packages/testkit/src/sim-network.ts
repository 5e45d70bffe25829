import type { Chance } from './chance.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Who listens to a simulated way; the shape that streams between nodes have. */
interface Listener {
  frame(bytes: Uint8Array): void
  drain(): void
  closed(why: 'bye' | 'lost'): void
}

const bufferBytes = 1_048_576

/** One end of a way between two nodes: frames arrive in order, late, or never when the way is cut. */
export class SimWire<Name extends string> {
  readonly peer: Name
  waitingBytes = 0
  #listener: Listener | undefined
  #other: SimWire<Name> | undefined
  #isOpen = true
  #isCut = false
  #isFull = false
  #lastArrival = 0
  readonly #time: VirtualTime
  readonly #delay: () => number

  constructor(peer: Name, time: VirtualTime, delay: () => number) {
    this.peer = peer
    this.#time = time
    this.#delay = delay
  }

  static pair<Name extends string>(a: Name, b: Name, time: VirtualTime, delay: () => number): [SimWire<Name>, SimWire<Name>] {
    const ends: [SimWire<Name>, SimWire<Name>] = [new SimWire(b, time, delay), new SimWire(a, time, delay)]
    ends[0].#other = ends[1]
    ends[1].#other = ends[0]
    return ends
  }

  listen(listener: Listener): void {
    this.#listener = listener
  }

  send(frame: Uint8Array): boolean {
    if (!this.#isOpen) return false
    this.waitingBytes += frame.length
    // Nothing overtakes what was sent before.
    this.#lastArrival = Math.max(this.#lastArrival, this.#time.now() + this.#delay())
    this.#time.after(this.#lastArrival - this.#time.now(), () => {
      this.waitingBytes -= frame.length
      const other = this.#other as SimWire<Name>
      if (!this.#isCut && other.#isOpen) other.#listener?.frame(frame)
      if (!this.#isFull || this.waitingBytes > bufferBytes / 2) return
      this.#isFull = false
      if (this.#isOpen) this.#listener?.drain()
    })
    this.#isFull ||= this.waitingBytes > bufferBytes
    return !this.#isFull
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
  delayMsMax = 50

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

  heal(): void {
    this.#sides = new Map()
  }

  /** Breaks one way at random. */
  cutOne(): void {
    const open = [...this.#wires.values()].filter(([wire]) => wire.isOpen)
    if (open.length > 0) this.#chance.pick(open)[0].cut()
  }

  #reaches(a: Name, b: Name): boolean {
    return (this.#sides.get(a) ?? 0) === (this.#sides.get(b) ?? 0)
  }

  #redial(): void {
    const names = [...this.#nodes.keys()].sort()
    for (const [i, a] of names.entries()) {
      for (const b of names.slice(i + 1)) {
        const key = `${a} ${b}`
        const [known] = this.#wires.get(key) ?? []
        if (known?.isOpen || !this.#reaches(a, b)) continue
        const ends = SimWire.pair(a, b, this.#time, () => 1 + this.#chance.below(this.delayMsMax))
        this.#wires.set(key, ends)
        this.#nodes.get(a)?.(ends[0])
        this.#nodes.get(b)?.(ends[1])
      }
    }
    this.#time.after(500 + this.#chance.below(1_000), () => this.#redial())
  }
}
