import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Budgets } from '@icn/network'
import { type Did, type FrameOf, keyOfDid, type PeerClass, type RawOperation, type ThrottleReason } from '@icn/protocol'
import { raw, TestSigner, toyRules } from '@icn/testkit'
import { Mallory } from './mallory.ts'
import { ToyWorld, toySpace } from './toy-world.ts'
import { nodeDid, placedCounts, type SimNode } from './world.ts'

/** Peers that send more than they may, or say that they have what they have not: budgets delay, and never change what nodes agree on. */

interface Seen {
  readonly throttled: ThrottleReason[]
  exceeded: number
}

/** Everybody is of one class to everybody, but for one. */
function openWorld(seed: number, nodes: number, peerClass: PeerClass, other?: { readonly did: Did; readonly peerClass: PeerClass }): { world: ToyWorld; seen: Seen } {
  const seen: Seen = { throttled: [], exceeded: 0 }
  const budgets = ({ world }: SimNode): Budgets =>
    new Budgets({
      now: () => world.time.now(),
      classOf: (peer) => (peer === other?.did ? other.peerClass : peerClass),
      isHalved: () => false,
      isThrottled: () => false,
      throttled: (_, reason) => void seen.throttled.push(reason),
      exceeded: () => void seen.exceeded++,
    })
  return { world: new ToyWorld(seed, nodes, toyRules, { budgets }), seen }
}

/** What waits for something else is not counted. */
const count = ({ journal }: SimNode): number => Object.values(placedCounts(journal, toySpace)).reduce((sum, one) => sum + one, 0)

const allBuckets = [...Array(256).keys()]

describe('a budget', () => {
  it('delays what a guest pushes, loses nothing of it, and all is equal within two rounds of vectors', async () => {
    const { world, seen } = openWorld(1, 2, 'guest')
    await world.open()
    const [one, two] = world.nodes as [SimNode, SimNode]
    await world.time.pass(5_000)
    for (let i = 0; i < 150; i++) {
      one.propose(toySpace, 'toy.set', { name: 'a', value: i })
      await world.time.pass(10)
    }
    assert.ok(count(two) < 60, 'most of it waits')
    assert.ok(seen.throttled.includes('operations'))
    assert.ok(seen.exceeded > 0)
    await world.time.pass(75_000)
    assert.equal(count(two), count(one))
    world.demandEqual('after the vectors')
    assert.deepEqual(world.reports, [], 'and nobody is said to lie')
    world.close()
  })

  it('does not touch what was asked for: whoever comes late catches up at once', async () => {
    const { world, seen } = openWorld(2, 2, 'guest')
    await world.open('first')
    const [one, two] = world.nodes as [SimNode, SimNode]
    two.crash()
    for (let i = 0; i < 1_500; i++) one.propose(toySpace, 'toy.set', { name: 'a', value: i })
    await world.time.pass(5_000)
    two.start()
    await world.time.pass(8_000)
    assert.equal(count(two), count(one))
    // Behind again, and this time as a host that only missed something.
    two.crash()
    for (let i = 0; i < 1_500; i++) one.propose(toySpace, 'toy.set', { name: 'b', value: i })
    await world.time.pass(5_000)
    two.start()
    await world.time.pass(8_000)
    assert.equal(count(two), count(one))
    assert.deepEqual([seen.throttled, seen.exceeded], [[], 0])
    world.demandEqual('at once')
    world.close()
  })
})

const meet = async (seed: number, peerClass: PeerClass): Promise<{ world: ToyWorld; seen: Seen; victim: SimNode; mallory: Mallory }> => {
  // The third host's key is in Mallory's hands.
  const { world, seen } = openWorld(seed, 3, 'cohost', { did: nodeDid(2), peerClass })
  await world.open()
  const [victim, , third] = world.nodes as [SimNode, SimNode, SimNode]
  await world.time.pass(3_000)
  third.crash()
  const mallory = new Mallory(world, victim, 102)
  await mallory.greet()
  mallory.say({ t: 'offer', spaces: [{ space: toySpace, genesis: world.genesis.id }] })
  await world.time.pass(1_000)
  return { world, seen, victim, mallory }
}

describe('a peer that floods', () => {
  it('with well made operations gets few of them in, and the others go on as before', async () => {
    const { world, seen, victim, mallory } = await meet(3, 'known')
    const [, other] = world.nodes as [SimNode, SimNode]
    const ana = new TestSigner(70)
    const before = count(victim)
    for (let second = 0; second < 10; second++) {
      const made: RawOperation[] = Array.from({ length: 400 }, (_, i) =>
        raw(ana.sign({ space: toySpace, genesis: world.genesis.id, kind: 'toy.set', body: { name: 'x', value: i }, at: [world.time.now(), i] })),
      )
      mallory.say({ t: 'ops', space: toySpace, ops: made.map(({ envelope, signature, body }) => [envelope, signature, body]) })
      other.propose(toySpace, 'toy.set', { name: 'honest', value: second })
      await world.time.pass(1_000)
      assert.equal(count(other), count(victim), 'what is honest is where it was')
    }
    assert.ok(count(victim) - before <= 10 + 100 + 10 * 50 + 50, 'its budget and what is honest')
    assert.ok(seen.exceeded >= 9)
    world.close()
  })

  it('with questions is read no faster than its budget allows', async () => {
    const { world, seen, victim, mallory } = await meet(4, 'guest')
    const heard = (): number => mallory.of('none').length
    const ids: FrameOf<'want'>['ids'] = [new TestSigner(70).sign({ space: toySpace, genesis: world.genesis.id, kind: 'toy.set', body: {}, at: [1, 0] }).id]
    for (let w = 0; w < 2_000; w++) mallory.say({ t: 'want', space: toySpace, w, ids })
    await world.time.pass(10_000)
    assert.ok(heard() >= 90 && heard() <= 140, `${heard()} answers in ten seconds`)
    assert.ok(mallory.unread > 0, 'the rest waits at the sender')
    assert.ok(seen.exceeded >= 9)
    assert.deepEqual(world.reports, [])
    assert.ok(victim.journal.doctor().length === 0)
    world.close()
  })

  it('with answers to nothing pays for them as for anything else', async () => {
    const { world, seen, mallory } = await meet(5, 'guest')
    for (let i = 0; i < 100; i++) mallory.say({ t: 'credit', bytes: 10_000_000 + i })
    for (let i = 0; i < 100; i++) mallory.say({ t: 'vector', space: toySpace, buckets: [], entries: [], ask: false })
    for (let i = 0; i < 100; i++) mallory.say({ t: 'none', space: toySpace, w: 1_000 + i, ids: [], why: 'unknown' })
    await world.time.pass(5_000)
    assert.ok(seen.throttled.filter((reason) => reason === 'frames').length > 20)
    assert.ok(mallory.unread > 0)
    assert.deepEqual(world.reports, [])
    world.close()
  })
})

describe('a peer that says it has what it has not', () => {
  it('is asked for it by name, and charged from the second time on; whom it names is not', async () => {
    const { world, victim, mallory } = await meet(6, 'known')
    const ana = new TestSigner(70)
    const claimed = ana.sign({ space: toySpace, genesis: world.genesis.id, kind: 'toy.set', body: { name: 'x', value: 1 }, at: [world.time.now(), 0], seq: 7 })
    for (let round = 0; round < 8; round++) {
      mallory.say({ t: 'have', space: toySpace, at: [world.time.now(), 0], count: 99, digest: new Uint8Array(32).fill(round), buckets: new Uint8Array(2_048).fill(round) })
      await world.time.pass(1_000)
      mallory.say({ t: 'vector', space: toySpace, buckets: allBuckets, entries: [[keyOfDid(ana.did), 7, claimed.id, new Uint8Array(8)]], ask: false })
      await world.time.pass(1_000)
      const asked = mallory.of('want').at(-1)
      if (asked !== undefined && round % 2 === 0) mallory.say({ t: 'none', space: toySpace, w: asked.w, ids: asked.ids, why: 'unknown' })
      await world.time.pass(32_000)
    }
    assert.deepEqual([...new Set(mallory.of('want').flatMap(({ ids }) => ids))], [claimed.id])
    assert.ok(world.reports.length >= 4)
    assert.ok(world.reports.every(({ kind, peer, by }) => kind === 'want_unmet' && peer === mallory.did && by === victim.did))
    world.close()
  })

  for (const [name, part, reports] of [
    ['and of which a long frame is on its way over a slow line is not taken for one', 5_000, 0],
    ['and lets a few bytes trickle is taken for one all the same', 10, 2],
  ] as const)
    it(name, async () => {
      const { world, mallory } = await meet(9, 'known')
      const ana = new TestSigner(70)
      const head = ana.sign({ space: toySpace, genesis: world.genesis.id, kind: 'toy.set', body: { name: 'x', value: 1 }, at: [world.time.now(), 0] })
      const claim = async (round: number): Promise<void> => {
        mallory.say({ t: 'have', space: toySpace, at: [world.time.now(), 0], count: 99, digest: new Uint8Array(32).fill(round), buckets: new Uint8Array(2_048).fill(round) })
        await world.time.pass(1_000)
        mallory.say({ t: 'vector', space: toySpace, buckets: allBuckets, entries: [[keyOfDid(ana.did), 0, head.id, new Uint8Array(8)]], ask: false })
        await world.time.pass(1_000)
      }
      for (let round = 0; mallory.of('want').length < 2; round++) {
        await claim(round)
        await world.time.pass(32_000)
        // From the first question on something comes, for ten minutes.
        for (let i = 0; mallory.of('want').length === 1 && i < 60; i++) {
          mallory.sayPart(part)
          if (i % 10 === 9) await claim(round)
          await world.time.pass(10_000)
        }
        if (round > 20) break
      }
      for (let i = 0; i < 60; i++) {
        mallory.sayPart(part)
        await world.time.pass(10_000)
      }
      assert.ok(mallory.of('want').length > 0)
      if (reports === 0) assert.deepEqual(world.reports, [])
      else assert.ok(world.reports.length > 0 && world.reports.every(({ kind }) => kind === 'want_unmet'))
      world.close()
    })

  it('and busy sending what it has is not taken for one', async () => {
    const { world, mallory } = await meet(7, 'cohost')
    const ana = new TestSigner(70)
    const all = Array.from({ length: 40 }, (_, i) =>
      ana.sign({ space: toySpace, genesis: world.genesis.id, kind: 'toy.set', body: { name: 'x', value: i }, at: [world.time.now() + i, 0] }),
    )
    const head = all.at(-1) as (typeof all)[number]
    for (const [i, operation] of all.entries()) {
      if (i % 10 === 0) mallory.say({ t: 'vector', space: toySpace, buckets: allBuckets, entries: [[keyOfDid(ana.did), 39, head.id, new Uint8Array(8)]], ask: false })
      const { envelope, signature, body } = raw(operation)
      mallory.say({ t: 'ops', space: toySpace, ops: [[envelope, signature, body]] })
      await world.time.pass(9_000)
    }
    assert.deepEqual(mallory.of('want'), [])
    assert.deepEqual(world.reports, [])
    world.close()
  })
})

it('a peer that takes nothing is left after a minute, without blame, and little is held for it', async () => {
  const { world, victim, mallory } = await meet(8, 'cohost')
  for (let i = 0; i < 8_000; i++) victim.propose(toySpace, 'toy.set', { name: 'a', value: i })
  await world.time.pass(5_000)
  mallory.stopReading()
  let most = 0
  for (let second = 0; second < 50; second++) {
    mallory.say({ t: 'credit', bytes: 1_000_000_000 + second })
    mallory.say({ t: 'have', space: toySpace, at: [0, 0], count: 0, digest: new Uint8Array(32).fill(second), buckets: new Uint8Array(2_048).fill(second) })
    mallory.say({ t: 'vector', space: toySpace, buckets: allBuckets, entries: [], ask: true })
    await world.time.pass(1_000)
    most = Math.max(most, mallory.held)
  }
  assert.ok(most > 1_000_000 && most < 2_000_000, `${most} bytes`)
  assert.equal(mallory.closed, undefined)
  await world.time.pass(15_000)
  assert.equal(mallory.closed, 'bye')
  assert.deepEqual(world.reports, [])
  world.close()
})

it('a sync is not broken by whoever has no credit left to answer with, however long the other disk takes', async () => {
  const world = await new ToyWorld(3, 2, toyRules, {}, 100_000).open('first')
  const [one, two] = world.nodes as [SimNode, SimNode]
  two.crash()
  for (let i = 0; i < 600; i++) one.propose(toySpace, 'toy.set', { name: `n${i}`, value: i })
  await world.time.pass(1_000)
  two.slowMs = 200_000
  two.start()
  await world.time.pass(1_500_000)
  assert.deepEqual(world.reports, [])
  two.slowMs = 0
  await world.time.pass(400_000)
  assert.equal(count(two), count(one))
  world.demandEqual('caught up')
  world.close()
})

it('a peer that takes little at a time is not left, however long that takes', async () => {
  const { world, victim, mallory } = await meet(10, 'cohost')
  for (let i = 0; i < 8_000; i++) victim.propose(toySpace, 'toy.set', { name: 'a', value: i })
  await world.time.pass(5_000)
  mallory.stopReading()
  for (let second = 0; second < 5; second++) {
    mallory.say({ t: 'credit', bytes: 1_000_000_000 + second })
    mallory.say({ t: 'have', space: toySpace, at: [0, 0], count: 0, digest: new Uint8Array(32).fill(second), buckets: new Uint8Array(2_048).fill(second) })
    mallory.say({ t: 'vector', space: toySpace, buckets: allBuckets, entries: [], ask: true })
    await world.time.pass(1_000)
  }
  const most = mallory.held
  for (let minute = 0; minute < 4; minute++) {
    await world.time.pass(45_000)
    mallory.readOne()
  }
  assert.ok(mallory.held < most && mallory.held > 524_288, 'the wire never had room again')
  assert.equal(mallory.closed, undefined)
  await world.time.pass(125_000)
  assert.equal(mallory.closed, 'bye', 'until nothing is taken any more')
  assert.deepEqual(world.reports, [])
  world.close()
})
