import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Did, PeerClass } from '@icn/protocol'
import fc from 'fast-check'
import { Budgets, budgets, TokenBucket } from './budgets.ts'

const peer = 'did:icn:zPeer' as Did

class Bench {
  now = 0
  peerClass: PeerClass = 'guest'
  halved = false
  throttledByPoints = false
  readonly throttled: string[] = []
  exceeded = 0
  readonly budgets = new Budgets({
    now: () => this.now,
    classOf: () => this.peerClass,
    isHalved: () => this.halved,
    isThrottled: () => this.throttledByPoints,
    throttled: (_, reason) => void this.throttled.push(reason),
    exceeded: () => void this.exceeded++,
  })
}

const limited = fc.constantFrom<PeerClass>('guest', 'known', 'partner', 'federated', 'allowed')

describe('a budget', () => {
  it('is never passed, however often the class changes: what was used is used', () => {
    const step = fc.record({ after: fc.nat(3_000), kind: limited, count: fc.nat(600), halved: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const bench = new Bench()
        let allowed = 2 * (budgets[(steps[0] as { kind: PeerClass }).kind].operations as number)
        let taken = 0
        for (const { after, kind, count, halved } of steps) {
          bench.now += after
          bench.peerClass = kind
          bench.halved = halved
          allowed += ((budgets[kind].operations as number) * after) / 1_000
          taken += bench.budgets.operations(peer, new Array<number>(count).fill(100)).taken
          assert.ok(taken <= allowed, `${taken} of ${allowed}`)
        }
      }),
    )
  })

  it('of messages about cuts is eight megabytes a minute, for a host as well, and whoever is over it waits and is not charged', () => {
    const bench = new Bench()
    bench.peerClass = 'cohost'
    const message = 262_144
    const waits = Array.from({ length: 40 }, () => bench.budgets.snap(peer, message))
    assert.deepEqual(
      waits.map((ms) => ms > 0),
      Array.from({ length: 40 }, (_, i) => i >= 32),
    )
    assert.deepEqual([bench.throttled, bench.exceeded], [Array(8).fill('bytes'), 0])
    bench.now += 60_000
    assert.equal(bench.budgets.snap(peer, message), 0)
    bench.halved = true
    assert.ok(bench.budgets.snap(peer, 17 * message) > 0, 'half of it for who has gathered points')
  })

  it('is all there for whoever keeps within it: nothing waits and nobody is charged', () => {
    fc.assert(
      fc.property(limited, fc.array(fc.nat(50), { minLength: 1, maxLength: 200 }), (kind, jitter) => {
        const bench = new Bench()
        bench.peerClass = kind
        const { frames } = budgets[kind]
        for (const late of jitter) {
          bench.now += 1_000 / frames + late
          assert.equal(bench.budgets.frame(peer, 200), 0)
        }
        assert.deepEqual([bench.throttled, bench.exceeded], [[], 0])
      }),
    )
  })

  it('that is overdrawn makes reading wait as long as it takes, and charges once for each second over', () => {
    const bench = new Bench()
    for (let i = 0; i < 20; i++) assert.equal(bench.budgets.frame(peer, 10), 0)
    assert.equal(bench.budgets.frame(peer, 10), 100)
    bench.now += 100
    assert.equal(bench.budgets.frame(peer, 10), 100)
    assert.equal(bench.exceeded, 1)
    for (let i = 0; i < 30; i++) {
      bench.now += 100
      assert.ok(bench.budgets.frame(peer, 10) > 0)
    }
    assert.equal(bench.exceeded, 4, 'three seconds later')
    bench.now += 60_000
    assert.equal(bench.budgets.frame(peer, 1_048_576), 6_000, 'six seconds of bytes beyond the two that were saved')
    assert.equal(bench.throttled.at(-1), 'bytes')
  })

  it('is half for whoever has points, none beyond questions for a co-host with many, and without bound for any other co-host', () => {
    const bench = new Bench()
    const many = new Array<number>(5_000).fill(10)
    bench.halved = true
    assert.equal(bench.budgets.operations(peer, many).taken, 10)
    bench.halved = false
    bench.peerClass = 'cohost'
    assert.deepEqual(bench.budgets.operations(peer, many), { taken: 5_000, pauseMs: 0 })
    bench.throttledByPoints = true
    assert.equal(bench.budgets.operations(peer, many).taken, 0)
    assert.equal(bench.throttled.at(-1), 'points')
  })

  it('for gossip is as large, stands beside the other, and nobody is charged for what it passes on', () => {
    const bench = new Bench()
    const many = new Array<number>(64).fill(10)
    assert.equal(bench.budgets.operations(peer, many).taken, 20)
    assert.equal(bench.exceeded, 1)
    assert.equal(bench.budgets.gossip(peer, many), 20)
    assert.equal(bench.budgets.gossip(peer, many), 0)
    bench.now += 1_000
    assert.equal(bench.budgets.gossip(peer, many), 10)
    assert.equal(bench.exceeded, 1)
    bench.peerClass = 'cohost'
    assert.equal(bench.budgets.gossip(peer, many), 64)
    bench.throttledByPoints = true
    assert.equal(bench.budgets.gossip(peer, many), 0)
    assert.equal(bench.throttled.at(-1), 'points')
  })

  it('of somebody who is banned is nothing', () => {
    const bench = new Bench()
    bench.peerClass = 'banned'
    assert.equal(bench.budgets.operations(peer, [1]).taken, 0)
    assert.ok(bench.budgets.frame(peer, 1) >= 10_000)
  })

  it('is kept for ten thousand, and whoever hangs up finds what it left', () => {
    const bench = new Bench()
    assert.equal(bench.budgets.operations(peer, new Array<number>(30).fill(1)).taken, 20)
    for (let i = 0; i < 9_999; i++) bench.budgets.frame(`did:icn:z${i}` as Did, 1)
    assert.equal(bench.budgets.operations(peer, [1]).taken, 0)
  })
})

it('a bucket that a clock set back has seen gives nothing more', () => {
  const bucket = new TokenBucket(10, 1_000)
  bucket.take(10)
  assert.equal(bucket.settle(10, 10, 0), 0)
})
