import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Did } from '@icn/protocol'
import { Chance } from '@icn/testkit'
import { Draw } from './draw.ts'
import { Wanted } from './wanted.ts'

const peers = Array.from({ length: 40 }, (_, i) => `did:icn:${i}` as Did)
const network = { enough: 6, most: 12 }

describe('links by chance', () => {
  it('below what is enough, as many are wanted as there may be, and the same ones for ten minutes', () => {
    let now = 0
    const chance = new Chance(1)
    const draw = new Draw({ now: () => now, chance: () => chance.next(), roundTripMs: () => undefined })
    const first = draw.of(peers, new Set(), network)
    assert.equal(first.length, 12)
    assert.deepEqual(draw.of(peers, new Set(), network), first)
    now = 599_999
    assert.deepEqual(draw.of(peers, new Set(), network), first)
    now = 600_000
    assert.notDeepEqual(draw.of(peers, new Set(), network), first)
  })

  it('with enough of them two more are, with the most none is, and beyond it some are not', () => {
    const chance = new Chance(2)
    const draw = new Draw({ now: () => 0, chance: () => chance.next(), roundTripMs: () => undefined })
    const wanted = (linked: number): readonly Did[] => draw.of(peers, new Set(peers.slice(0, linked)), network)
    assert.deepEqual(
      [5, 6, 10, 11, 12, 20].map((linked) => wanted(linked).length - linked),
      [7, 2, 2, 1, 0, -8],
    )
    assert.deepEqual(wanted(6).slice(0, 6), peers.slice(0, 6), 'whoever is here stays wanted')
  })
})

describe('a peer of another network', () => {
  it('is not dialled again for ten minutes, whatever is heard of it', async () => {
    const [peer] = peers as [Did]
    let now = 0
    const dials: number[] = []
    const later: { at: number; run: () => void }[] = []
    const wanted = new Wanted({
      wanted: () => [peer],
      isLinked: () => false,
      isClose: () => false,
      climb: async () => dials.push(now) > 0,
      letGo: () => assert.fail('it was never here'),
      timing: {
        now: () => now,
        after(ms, run) {
          const entry = { at: now + ms, run }
          later.push(entry)
          return () => void later.splice(later.indexOf(entry), later.includes(entry) ? 1 : 0)
        },
        chance: () => 0.5,
      },
      fault: (error) => assert.fail(error as Error),
    })
    const pass = async (ms: number): Promise<void> => {
      for (const end = now + ms; ; ) {
        await new Promise((resolve) => setImmediate(resolve))
        const next = later.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
        if (next === undefined) {
          now = end
          return
        }
        now = next.at
        later.splice(later.indexOf(next), 1)
        next.run()
      }
    }
    wanted.look()
    await pass(1)
    wanted.foreign(peer)
    wanted.lost(peer)
    for (let minute = 0; minute < 9; minute++) {
      wanted.hasNews(peer)
      await pass(60_000)
    }
    assert.deepEqual(dials, [0])
    await pass(120_000)
    assert.ok(dials.length >= 2 && (dials[1] as number) >= 600_000, `${dials}`)
    wanted.close()
  })
})
