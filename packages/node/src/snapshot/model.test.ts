import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Clock, compareClocks } from '@icn/protocol'
import { Chance } from '@icn/testkit'
import { accept, baseOf, carried, isEnough, type Memory, begin, noMemory, type Promised, promise, saw, type Ballot } from './rules.ts'

/**
 * A small model of the rules of agreement: two to five hosts that sign, tell each other, mark, unite and acknowledge over ways that lose, double and delay, with
 * ballots begun by anybody at any time, and with hosts that forget everything that is not durable. Whatever happens, of any two certificates one continues the other,
 * and what is final for one host is so for all. `ICN_MODEL_SEEDS` says how many worlds are tried.
 */

/** What counts up to a cut: the last number of each host. */
interface Layer {
  readonly cut: Clock
  readonly vector: readonly number[]
}

interface Accepted extends Promised {
  /** Layers since the beginning: what is decided stands at the front. */
  readonly layers: readonly Layer[]
}

type Message =
  | { readonly t: 'initiate'; readonly from: number; readonly ballot: Ballot; readonly cut: Clock; readonly decided: readonly Layer[]; readonly participants: readonly number[] }
  | {
      readonly t: 'marker'
      readonly from: number
      readonly ballot: Ballot
      readonly vector: readonly number[]
      readonly accepted: Accepted | null
      readonly decided: readonly Layer[]
    }
  | { readonly t: 'ack'; readonly from: number; readonly ballot: Ballot; readonly layers: readonly Layer[] }
  | { readonly t: 'certificate'; readonly from: number; readonly layers: readonly Layer[] }
  | { readonly t: 'operations'; readonly from: number; readonly signer: number; readonly ats: readonly number[] }

/** Rules that may be left out, to see that the model finds it. */
type Flaw = 'none' | 'R1' | 'R2' | 'R3' | 'R4' | 'R10' | 'floor' | 'durable'

const clockOf = (ms: number): Clock => [ms, 0]
const isPrefix = (a: readonly Layer[], b: readonly Layer[]): boolean => a.every((layer, i) => b[i] !== undefined && same(layer, b[i]))
const same = (a: Layer, b: Layer): boolean => compareClocks(a.cut, b.cut) === 0 && a.vector.every((seq, i) => seq === b.vector[i])

interface Run {
  readonly ballot: Ballot
  readonly cut: Clock
  readonly decided: readonly Layer[]
  readonly participants: readonly number[]
  readonly markers: Map<number, Extract<Message, { t: 'marker' }>>
}

class Host {
  readonly index: number
  readonly world: World
  /** Durable: what rules ask for, the operations with their clocks, the clock's floor, and what is decided. */
  memory: Memory<Accepted> = noMemory
  readonly ats: number[][]
  clock = 0
  decided: readonly Layer[] = []
  /** Attempts that it takes part in, by their ballots. */
  readonly runs = new Map<string, Run>()
  readonly acks = new Map<string, Map<number, Extract<Message, { t: 'ack' }>>>()

  constructor(index: number, world: World) {
    this.index = index
    this.world = world
    this.ats = Array.from({ length: world.size }, () => [])
  }

  get key(): Uint8Array {
    return Uint8Array.of(this.index)
  }

  crash(): void {
    this.runs.clear()
    this.acks.clear()
    if (this.world.flaw === 'durable') this.memory = noMemory
  }

  sign(): void {
    this.clock = Math.max(this.clock + 1, this.world.now)
    this.ats[this.index]?.push(this.clock)
  }

  share(signer: number): void {
    this.world.send({ t: 'operations', from: this.index, signer, ats: [...(this.ats[signer] as number[])] })
  }

  initiate(): void {
    const { chance, size, now } = this.world
    const others = Array.from({ length: size }, (_, i) => i).filter((i) => i !== this.index && chance.chance(0.8))
    const participants = [this.index, ...others]
    if (!isEnough(new Set(participants), this.world.all)) return
    const floor = this.memory.accepted?.cut[0] ?? 0
    const cut = clockOf(Math.max(now - chance.below(6), floor, (this.decided.at(-1)?.cut[0] ?? 0) + 1))
    const { memory, ballot } = begin(this.memory, this.key)
    if (this.world.flaw !== 'R10') this.memory = memory
    this.world.send({ t: 'initiate', from: this.index, ballot, cut, decided: this.decided, participants })
  }

  hear(message: Message): void {
    if (message.t === 'operations') {
      const own = this.ats[message.signer] as number[]
      for (const at of message.ats.slice(own.length)) own.push(at)
      for (const run of this.runs.values()) this.#unite(run)
    } else if (message.t === 'initiate') this.#mark(message)
    else if (message.t === 'marker') {
      const run = this.runs.get(String(message.ballot))
      if (run === undefined) return
      if (message.decided.length === run.decided.length) run.markers.set(message.from, message)
      this.#unite(run)
    } else if (message.t === 'ack') this.#note(message)
    else if (isPrefix(this.decided, message.layers)) this.decided = message.layers
  }

  #mark({ ballot, cut, decided, participants }: Extract<Message, { t: 'initiate' }>): void {
    if (!participants.includes(this.index)) return
    if (decided.length !== this.decided.length) {
      // Whoever is behind catches up first.
      if (isPrefix(this.decided, decided)) this.decided = decided
      else return
    }
    const memory = this.world.flaw === 'R1' ? { ...this.memory, promised: { ballot, cut } } : promise(this.memory, { ballot, cut })
    if (memory === undefined) {
      this.memory = saw(this.memory, ballot)
      return
    }
    this.memory = memory
    if (this.world.flaw !== 'floor') this.clock = Math.max(this.clock, cut[0])
    this.runs.set(String(ballot), { ballot, cut, decided, participants, markers: new Map() })
    const accepted = this.world.flaw === 'R3' ? null : carried(this.memory, this.decided.at(-1)?.cut ?? null)
    // What it has acknowledged is part of what it knows to be decided, or it is not worth carrying.
    const kept = accepted !== null && isPrefix(this.decided, accepted.layers) ? accepted : null
    const vector = this.ats.map((ats) => ats.filter((at) => at <= cut[0]).length - 1)
    const marker: Message = { t: 'marker', from: this.index, ballot, vector, accepted: kept, decided: this.decided }
    this.world.send(marker)
    this.hear(marker)
  }

  #unite(run: Run): void {
    const { flaw } = this.world
    if (flaw === 'R4' ? !isEnough(new Set(run.markers.keys()), this.world.all) : !run.participants.every((who) => run.markers.has(who))) return
    const markers = [...run.markers.values()]
    const base = baseOf(markers.map(({ accepted }) => accepted))
    const below = base?.layers ?? run.decided
    const last = below.at(-1)
    if (last !== undefined && compareClocks(last.cut, run.cut) > 0) return
    const vector = this.ats.map((_, signer) => Math.max(...markers.map((marker) => marker.vector[signer] as number), last?.vector[signer] ?? -1))
    // Everything of the union is placed first.
    const missing = vector.findIndex((seq, signer) => (this.ats[signer] as number[]).length <= seq)
    if (missing >= 0) {
      this.world.bring(this, missing)
      return
    }
    const layers = last !== undefined && compareClocks(last.cut, run.cut) === 0 ? below : [...below, { cut: run.cut, vector }]
    const accepted: Accepted = { ballot: run.ballot, cut: run.cut, layers }
    const memory = flaw === 'R2' ? { ...this.memory, accepted } : accept(this.memory, accepted)
    if (memory === undefined) return
    this.memory = memory
    const ack: Message = { t: 'ack', from: this.index, ballot: run.ballot, layers }
    this.world.send(ack)
    this.#note(ack)
  }

  /** R8: whoever holds enough equal acknowledgements may make the certificate. */
  #note(ack: Extract<Message, { t: 'ack' }>): void {
    const name = JSON.stringify([ack.ballot[0], ack.ballot[1][0], ack.layers])
    const acks = this.acks.get(name) ?? new Map()
    this.acks.set(name, acks.set(ack.from, ack))
    if (!isEnough(new Set(acks.keys()), this.world.all)) return
    this.world.certify(ack.layers)
    if (isPrefix(this.decided, ack.layers)) this.decided = ack.layers
    this.world.send({ t: 'certificate', from: this.index, layers: ack.layers })
  }
}

interface Sent {
  readonly to: number
  readonly message: Message
}

class World {
  readonly chance: Chance
  readonly size: number
  readonly flaw: Flaw
  readonly hosts: Host[]
  readonly all: readonly number[]
  readonly #way: Sent[] = []
  readonly certificates: (readonly Layer[])[] = []
  now = 10
  trouble: string | undefined

  constructor(seed: number, flaw: Flaw) {
    this.chance = new Chance(seed)
    this.size = 2 + this.chance.below(4)
    this.flaw = flaw
    this.all = Array.from({ length: this.size }, (_, i) => i)
    this.hosts = this.all.map((index) => new Host(index, this))
  }

  send(message: Message): void {
    for (const to of this.all)
      if (to !== message.from || message.t === 'initiate')
        for (let copies = this.chance.below(5) === 0 ? this.chance.below(3) : 1; copies > 0; copies--) this.#way.push({ to, message })
  }

  /** What somebody lacks comes when they ask for it, and then they look again. */
  bring(host: Host, signer: number): void {
    const ats = (this.hosts[signer] as Host).ats[signer] as number[]
    this.#way.push({ to: host.index, message: { t: 'operations', from: signer, signer, ats: [...ats] } })
  }

  /** Of any two certificates one continues the other, and no host signs anything at or before a cut that it has promised. */
  certify(layers: readonly Layer[]): void {
    if (this.certificates.some((other) => other.length === layers.length && isPrefix(other, layers))) return
    for (const other of this.certificates) if (!isPrefix(other, layers) && !isPrefix(layers, other)) this.trouble ??= 'two certificates that do not continue each other'
    this.certificates.push(layers)
    // Whoever took part in it has nothing at or before the cut that it leaves out.
    const last = layers.at(-1) as Layer
    const enough = this.hosts.filter(({ index, ats }) => (ats[index] as number[]).filter((at) => at <= last.cut[0]).length - 1 === last.vector[index])
    if (!isEnough(new Set(enough.map(({ index }) => index)), this.all) && layers.length === 1) this.trouble ??= 'a majority has signed behind its own cut'
  }

  step(): void {
    const { chance } = this
    this.now += chance.below(2)
    const host = this.hosts[chance.below(this.size)] as Host
    const kind = chance.below(20)
    if (kind < 2) host.sign()
    else if (kind === 2) host.share(chance.below(this.size))
    else if (kind === 6 && chance.chance(0.3)) host.initiate()
    else if (kind === 7 && chance.chance(0.3)) host.crash()
    else if (this.#way.length > 0) {
      const at = chance.below(Math.min(this.#way.length, 12))
      const { to, message } = this.#way[at] as Sent
      this.#way.splice(at, 1)
      ;(this.hosts[to] as Host).hear(message)
    }
  }
}

function run(seed: number, flaw: Flaw = 'none'): World {
  const world = new World(seed, flaw)
  for (let i = 0; i < 400 && world.trouble === undefined; i++) world.step()
  return world
}

describe('the rules of agreement', () => {
  it('never let two certificates stand that do not continue each other', () => {
    const seeds = Number(process.env['ICN_MODEL_SEEDS'] ?? 20_000)
    let certificates = 0
    let continued = 0
    for (let seed = 0; seed < seeds; seed++) {
      const world = run(seed)
      assert.equal(world.trouble, undefined, `seed ${seed}: ${world.trouble}`)
      certificates += world.certificates.length
      if (world.certificates.length > 1) continued++
    }
    // A model in which nothing happens shows nothing.
    assert.ok(certificates > seeds / 2, `${certificates} certificates in ${seeds} runs`)
    assert.ok(continued > seeds / 10, `${continued} runs with more than one`)
  })

  for (const flaw of ['R1', 'R2', 'R3', 'R4', 'R10', 'floor', 'durable'] as const)
    it(`are needed: without ${flaw} the model finds trouble`, () => {
      for (let seed = 0; seed < 200_000; seed++) if (run(seed, flaw).trouble !== undefined) return
      assert.fail('nothing was found')
    })
})
