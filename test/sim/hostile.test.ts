import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeFrame, type FrameOf, type Rules, type SpaceId, toHex } from '@icn/protocol'
import { raw, TestSigner, toy, toyRules } from '@icn/testkit'
import { Mallory } from './mallory.ts'
import { ToyWorld, toySpace } from './toy-world.ts'
import type { SimNode } from './world.ts'

/** Peers that lie, flood, pry or talk nonsense: honest nodes lose nothing, tell nothing, and blame the one that sent it. */

const meet = async (seed: number): Promise<{ world: ToyWorld; victim: SimNode }> => {
  const world = await new ToyWorld(seed, 2).open()
  const [victim] = world.nodes as [SimNode]
  victim.propose(toySpace, 'toy.set', { name: 'a', value: 1 })
  await world.time.pass(3_000)
  return { world, victim }
}

describe('a stranger', () => {
  it('that offers a space no more is not blamed for what it had sent before, however late that is folded', async () => {
    const { world, victim } = await meet(9)
    const stranger = new Mallory(world, victim)
    await stranger.greet()
    const saying = (value: number): FrameOf<'ops'> => {
      const body = { name: 'late', value }
      const operation = stranger.key.sign({ space: toySpace, genesis: world.genesis.id, kind: 'toy.set', body, at: [world.time.now() + value, 0] })
      const { envelope, signature, body: bytes } = raw(operation)
      return { t: 'ops', space: toySpace, ops: [[envelope, signature, bytes]] }
    }
    victim.slowMs = 5_000
    stranger.say({ t: 'offer', spaces: [{ space: toySpace, genesis: world.genesis.id }] })
    stranger.say(saying(1))
    stranger.say({ t: 'offer', spaces: [] })
    await world.time.pass(10_000)
    assert.deepEqual(world.reports, [])
    assert.equal(victim.journal.read(toySpace)?.get(toy.registers, ['late'])?.value, 1)
    stranger.say(saying(2))
    await world.time.pass(10_000)
    assert.deepEqual(
      world.reports.map(({ kind }) => kind),
      ['unsolicited'],
    )
    assert.equal(victim.journal.read(toySpace)?.get(toy.registers, ['late'])?.value, 1)
    world.close()
  })

  it('is told of no space, and cannot tell one that is here from one that is not', async () => {
    const { world, victim } = await meet(1)
    const stranger = new Mallory(world, victim)
    await stranger.greet()
    stranger.say({ t: 'offer', spaces: [toySpace, 'coop:none' as SpaceId].map((space) => ({ space, genesis: world.genesis.id })) })
    stranger.say({ t: 'have', space: toySpace, at: [0, 0], count: 0, digest: new Uint8Array(32), buckets: new Uint8Array(2_048) })
    stranger.say({ t: 'vector', space: toySpace, buckets: [...Array(256).keys()], entries: [], ask: true })
    stranger.say({ t: 'want', space: toySpace, w: 1, ids: [world.genesis.id] })
    await world.time.pass(200)
    assert.deepEqual(stranger.of('answer'), [], 'the answer takes its time')
    await world.time.pass(60_000)
    victim.propose(toySpace, 'toy.set', { name: 'a', value: 2 })
    await world.time.pass(60_000)
    assert.deepEqual(
      stranger.of('answer').map(({ space, ok, code }) => [space, ok, code]),
      [
        [toySpace, false, 'SPACE_NOT_PROVEN'],
        ['coop:none', false, 'SPACE_NOT_PROVEN'],
      ],
    )
    assert.deepEqual([...stranger.of('offer'), ...stranger.of('have'), ...stranger.of('vector'), ...stranger.of('ops')], [])
    assert.deepEqual(
      stranger.of('none').map(({ why }) => why),
      ['unknown'],
    )
    world.demandEqual('others go on')
    world.close()
  })

  it('of another network, other rules, or under another name is sent away with the reason', async () => {
    const { world, victim } = await meet(2)
    const other = new TestSigner(67)
    for (const [more, code] of [
      [{ network_id: other.sign({ space: toySpace, genesis: null, kind: 'toy.found', body: {}, at: [1, 0], keep: true }).id }, 'NETWORK_MISMATCH'],
      [{ rules: [['0-other', new Uint8Array(32)]] }, 'VERSION_UNSUPPORTED'],
      [{ rules: [['0-toy', new Uint8Array(32).fill(1)]] }, 'RULES_MISMATCH'],
      [{ node: other.did }, 'FRAME_INVALID'],
    ] as const) {
      const stranger = new Mallory(world, victim)
      await stranger.greet(more as never)
      assert.deepEqual(
        stranger.of('bye').map((bye) => bye.code),
        [code],
      )
      assert.equal(stranger.closed, 'bye')
    }
    assert.deepEqual(
      world.reports.map(({ kind, peer }) => [kind, peer]),
      [['frame_error', new TestSigner(66).did]],
    )
    world.close()
  })
})

describe('a hostile peer', () => {
  it('that talks nonsense is cut off, whatever it says', async () => {
    const { world, victim } = await meet(3)
    const deep = new Uint8Array(100_000).fill(0x81)
    const hello = encodeFrame({ t: 'bye', code: 'STOPPING' })
    const nonsense = [
      Uint8Array.of(),
      Uint8Array.of(0xff),
      deep,
      hello.subarray(0, 5),
      encodeFrame({ t: 'want', space: toySpace, w: 1, ids: [] } as never),
      encodeFrame({ t: 'credit', bytes: 1, more: 2 } as never),
    ]
    for (const [i, bytes] of nonsense.entries()) {
      for (const greeted of [false, true]) {
        const peer = new Mallory(world, victim)
        if (greeted) await peer.greet()
        peer.say(bytes)
        await world.time.pass(100)
        assert.deepEqual(
          peer.of('bye').map(({ code }) => code),
          ['FRAME_INVALID'],
          `${i} ${greeted}`,
        )
      }
    }
    assert.equal(world.reports.length, 2 * nonsense.length)
    assert.ok(world.reports.every(({ kind, peer }) => kind === 'frame_error' && peer === new TestSigner(66).did))
    world.demandEqual('others go on')
    world.close()
  })

  it('that never greets is sent away after five seconds', async () => {
    const { world, victim } = await meet(4)
    const peer = new Mallory(world, victim)
    await world.time.pass(4_900)
    assert.equal(peer.closed, undefined)
    await world.time.pass(300)
    assert.deepEqual(
      peer.of('bye').map(({ code }) => code),
      ['HELLO_TIMEOUT'],
    )
    world.close()
  })

  it('that is a host and sends forged, foreign and too many operations is charged itself, and nobody it names', async () => {
    const { world, victim } = await meet(5)
    const [, host] = world.nodes as [SimNode, SimNode]
    host.crash()
    // The second host's key is in Mallory's hands.
    const peer = new Mallory(world, victim, 101)
    await peer.greet()
    peer.say({ t: 'offer', spaces: [{ space: toySpace, genesis: world.genesis.id }] })
    await world.time.pass(1_000)
    assert.equal(peer.of('have').length, 1, 'a host is told what is here')
    const before = toHex(victim.journal.info(toySpace)?.setDigest as Uint8Array)
    const ana = new TestSigner(70)
    const good = ana.sign({ space: toySpace, genesis: world.genesis.id, kind: 'toy.set', body: { name: 'x', value: 1 }, at: [world.time.now(), 0] })
    const { envelope, body } = raw(good)
    peer.say({ t: 'ops', space: toySpace, ops: [[envelope, new Uint8Array(64).fill(1), body]] })
    peer.say({ t: 'ops', space: toySpace, ops: [[Uint8Array.of(1, 2, 3), new Uint8Array(64), null]] })
    peer.say({ t: 'ops', space: 'coop:other' as SpaceId, ops: [[envelope, good.signature, body]] })
    await world.time.pass(1_000)
    assert.deepEqual(
      world.reports.map(({ kind }) => kind),
      ['bad_signature', 'malformed_operation', 'unsolicited'],
    )
    assert.ok(
      world.reports.every((report) => report.peer === peer.did),
      'never the author that it names',
    )
    assert.equal(toHex(victim.journal.info(toySpace)?.setDigest as Uint8Array), before)
    const junk: FrameOf<'ops'>['ops'] = Array.from({ length: 71 }, () => [new Uint8Array(60_000).fill(1), new Uint8Array(64), null])
    peer.say({ t: 'ops', space: toySpace, ops: junk })
    await world.time.pass(1_000)
    assert.equal(world.reports.at(-1)?.kind, 'credit_exceeded')
    assert.deepEqual(
      peer.of('bye').map(({ code }) => code),
      ['CREDIT_EXCEEDED'],
    )
    world.close()
  })
})

describe('a host that is removed', () => {
  it('gets nothing from that commit on, and again what it lacks when it is taken back', async () => {
    const gone = 'gone'
    const removed = new TestSigner(102).did
    const rules: Rules = {
      ...toyRules,
      hosts: (facts) => {
        const all = toyRules.hosts(facts)
        return facts.get(toy.registers, [gone])?.value === 1 ? all.filter((did) => did !== removed) : all
      },
    }
    const world = await new ToyWorld(6, 3, rules).open()
    const [first, , third] = world.nodes as [SimNode, SimNode, SimNode]
    await world.time.pass(3_000)
    third.crash()
    const peer = new Mallory(world, first, 102)
    await peer.greet()
    peer.say({ t: 'offer', spaces: [{ space: toySpace, genesis: world.genesis.id }] })
    await world.time.pass(1_000)
    peer.say({ t: 'vector', space: toySpace, buckets: [...Array(256).keys()], entries: [], ask: false })
    await world.time.pass(1_000)
    assert.ok(peer.of('ops').length > 0)
    peer.heard.splice(0)
    first.propose(toySpace, 'toy.set', { name: gone, value: 1 })
    for (let i = 0; i < 5; i++) {
      first.propose(toySpace, 'toy.set', { name: 'a', value: i })
      await world.time.pass(20_000)
    }
    assert.deepEqual(peer.heard, [
      { t: 'offer', spaces: [] },
      { t: 'bye', space: toySpace, code: 'NOT_A_HOST' },
    ])
    world.demandEqual('the hosts that stay')
    first.propose(toySpace, 'toy.set', { name: gone, value: 0 })
    await world.time.pass(5_000)
    assert.deepEqual(
      peer
        .of('offer')
        .at(-1)
        ?.spaces.map(({ space }) => space),
      [toySpace],
    )
    assert.ok(peer.of('have').length > 0)
    world.close()
  })
})
