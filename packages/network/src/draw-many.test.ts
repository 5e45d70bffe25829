import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Did } from '@icn/protocol'
import { Chance, VirtualTime } from '@icn/testkit'
import { Draw } from './draw.ts'
import { Wanted } from './wanted.ts'

/** A space with twenty hosts, in two towns far from each other, each with more hosts than are nearest: by nearness alone the towns would lose touch. */

const links = { near: 8, drawn: 2 }
const linksMax = links.near + links.drawn
const hosts = Array.from({ length: 20 }, (_, i) => `did:icn:${String(i).padStart(2, '0')}` as Did)
const townOf = (host: Did): number => Math.floor(hosts.indexOf(host) / 10)
/** No two hosts are equally far from a third. */
const distance = (a: Did, b: Did): number =>
  (townOf(a) === townOf(b) ? 1 : 100) + (((hosts.indexOf(a) + 1) * (hosts.indexOf(b) + 1)) % 23) + hosts.indexOf(a) / 32 + hosts.indexOf(b) / 32

interface HostHere {
  readonly draw: Draw
  readonly wanted: Wanted
  readonly linked: Set<Did>
  isUp: boolean
}

class Towns {
  readonly time = new VirtualTime(0)
  readonly #chance: Chance
  readonly #hosts: ReadonlyMap<Did, HostHere>

  readonly #isMeasured: boolean

  /** `isMeasured`: everybody knows from the beginning how far away everybody is. */
  constructor(seed: number, isMeasured = false) {
    this.#isMeasured = isMeasured
    this.#chance = new Chance(seed)
    this.#hosts = new Map(hosts.map((me) => [me, this.#open(me)]))
    for (const { wanted } of this.#hosts.values()) wanted.look()
  }

  at(host: Did): HostHere {
    return this.#hosts.get(host) as HostHere
  }

  wantedBy(me: Did): readonly Did[] {
    return this.at(me).draw.nearest(
      hosts.filter((other) => other !== me),
      links,
    )
  }

  stop(host: Did): void {
    this.at(host).isUp = false
    for (const other of [...this.at(host).linked]) this.#unlink(host, other)
  }

  start(host: Did): void {
    this.at(host).isUp = true
    this.at(host).wanted.look()
  }

  /** Hosts that something said at the first of them comes to. */
  reached(): number {
    const up = hosts.filter((host) => this.at(host).isUp)
    const seen = new Set(up.slice(0, 1))
    for (const host of seen) for (const other of this.at(host).linked) seen.add(other)
    return seen.size
  }

  /** Everybody looks at whom to be linked with; whom the other side has just let go is dialled a little later. */
  async look(): Promise<void> {
    for (const ms of [20_000, 0]) {
      for (const { wanted } of this.#hosts.values()) wanted.look()
      await this.time.pass(ms)
    }
  }

  close(): void {
    for (const { wanted } of this.#hosts.values()) wanted.close()
  }

  #open(me: Did): HostHere {
    const { time } = this
    const linked = new Set<Did>()
    const timing = { now: () => time.now(), after: (ms: number, run: () => void) => time.after(ms, run), chance: () => this.#chance.next() }
    const draw = new Draw({ ...timing, roundTripMs: (peer) => (this.#isMeasured || linked.has(peer) ? distance(me, peer) : undefined) })
    const wanted = new Wanted({
      wanted: () => (this.at(me).isUp ? this.wantedBy(me) : []),
      isLinked: (peer) => linked.has(peer),
      isClose: () => true,
      climb: async (peer) => {
        const isReached = this.at(me).isUp && this.at(peer).isUp
        draw.tried(peer, isReached)
        if (isReached && !linked.has(peer)) this.#link(me, peer)
        return isReached
      },
      letGo: (peer) => this.#unlink(me, peer),
      timing,
      fault: (error) => assert.fail(error as Error),
    })
    return { draw, wanted, linked, isUp: true }
  }

  #link(a: Did, b: Did): void {
    for (const [one, other] of [[a, b] as const, [b, a] as const]) {
      this.at(one).linked.add(other)
      this.at(one).draw.tried(other, true)
      this.at(one).wanted.ready(other)
    }
  }

  #unlink(a: Did, b: Did): void {
    this.at(a).linked.delete(b)
    this.at(b).linked.delete(a)
    this.at(a).wanted.lost(b)
    this.at(b).wanted.lost(a)
  }
}

const hourMs = 3_600_000
const drawMs = 600_000

const nearestOf = (me: Did): readonly Did[] =>
  hosts
    .filter((other) => other !== me)
    .sort((a, b) => distance(me, a) - distance(me, b))
    .slice(0, links.near)

describe('the links of a space with twenty hosts', () => {
  it('come to be those to the eight nearest and to two others, and each host has links to all that it wants', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const towns = new Towns(seed)
      await towns.time.pass(9 * hourMs)
      await towns.look()
      for (const me of hosts) {
        const wanted = towns.wantedBy(me)
        assert.equal(wanted.length, linksMax)
        assert.deepEqual(wanted.slice(0, links.near), nearestOf(me), `seed ${seed}`)
        assert.deepEqual(
          wanted.filter((peer) => !towns.at(me).linked.has(peer)),
          [],
        )
        // What nobody wants any more has ended.
        assert.deepEqual(
          [...towns.at(me).linked].filter((peer) => !wanted.includes(peer) && !towns.wantedBy(peer).includes(me)),
          [],
        )
      }
      towns.close()
    }
  })

  it('keep every host in touch with every other at every moment, over many seeds', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const towns = new Towns(seed, true)
      await towns.time.pass(1_000)
      for (let round = 0; round < 40; round++) {
        assert.equal(towns.reached(), hosts.length, `seed ${seed} after ${round} rounds`)
        await towns.time.pass(drawMs / 3 + 7)
      }
      towns.close()
    }
  })

  it('are drawn anew every ten minutes: after a day each of the others has been drawn', async () => {
    const towns = new Towns(3)
    await towns.time.pass(9 * hourMs)
    const [me] = hosts as [Did]
    const seen = new Set<Did>()
    let changes = 0
    let before = ''
    for (let round = 0; round < 144; round++) {
      const drawn = towns.wantedBy(me).slice(links.near)
      assert.equal(drawn.length, links.drawn)
      for (const peer of drawn) seen.add(peer)
      if (drawn.join() !== before) changes++
      before = drawn.join()
      await towns.time.pass(drawMs)
    }
    assert.equal(seen.size, hosts.length - 1 - links.near)
    assert.ok(changes > 120, `${changes} changes`)
    towns.close()
  })

  it('go to others when those that are wanted are gone, and back when they are', async () => {
    const towns = new Towns(4)
    await towns.time.pass(9 * hourMs)
    const [me] = hosts as [Did]
    const gone = nearestOf(me).slice(0, 6)
    for (const host of gone) towns.stop(host)
    await towns.time.pass(60_000)
    const wanted = towns.wantedBy(me)
    assert.equal(wanted.filter((peer) => towns.at(me).linked.has(peer)).length, linksMax)
    assert.equal(towns.reached(), hosts.length - gone.length)
    for (const host of gone) towns.start(host)
    await towns.time.pass(drawMs + 60_000)
    await towns.look()
    assert.deepEqual(towns.wantedBy(me).slice(0, links.near), nearestOf(me))
    assert.deepEqual(
      nearestOf(me).filter((peer) => !towns.at(me).linked.has(peer)),
      [],
    )
    towns.close()
  })

  it('go to all that are there when fewer are than there may be links', async () => {
    const towns = new Towns(5)
    await towns.time.pass(1_000)
    for (const host of hosts.slice(8)) towns.stop(host)
    await towns.time.pass(2 * drawMs)
    for (const me of hosts.slice(0, 8)) assert.equal(towns.at(me).linked.size, 7)
    towns.close()
  })
})
