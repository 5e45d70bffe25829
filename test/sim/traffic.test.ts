import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { TrafficPort } from '@icn/network'
import { decodeFrame, rawBytes, type SpaceId } from '@icn/protocol'
import { raw, TestSigner, toyRules } from '@icn/testkit'
import { ToyWorld, toySpace } from './toy-world.ts'
import { type Wrapping, worldStart } from './world.ts'

/** What a node has counted. */
class Counts implements TrafficPort {
  readonly moved = { sent: [0, 0], received: [0, 0] }
  readonly syncs = { equal: 0, done: 0, broken: 0 }

  sent(operations: number, bytes: number): void {
    this.moved.sent = [(this.moved.sent[0] ?? 0) + operations, (this.moved.sent[1] ?? 0) + bytes]
  }

  received(operations: number, bytes: number): void {
    this.moved.received = [(this.moved.received[0] ?? 0) + operations, (this.moved.received[1] ?? 0) + bytes]
  }

  waits = 0

  creditWait(): void {
    this.waits++
  }

  snap(): void {
    assert.fail('nobody has said anything about a cut')
  }

  synced(outcome: keyof Counts['syncs']): void {
    this.syncs[outcome]++
  }

  reset(): void {
    this.moved.sent = this.moved.received = [0, 0]
    Object.assign(this.syncs, { equal: 0, done: 0, broken: 0 })
  }
}

async function pair(seed: number, held: 'first' | 'all', creditBytes?: number) {
  const counts = new Map<string, Counts>()
  const traffic: Wrapping['traffic'] = ({ did }) => {
    const own = new Counts()
    counts.set(did, own)
    return own
  }
  const world = new ToyWorld(seed, 2, toyRules, { traffic }, creditBytes)
  await world.open(held)
  const [first, second] = world.nodes as [(typeof world.nodes)[0], (typeof world.nodes)[0]]
  return { world, first, second, of: ({ did }: typeof first) => counts.get(did) as Counts }
}

it('each operation that moves is counted where it leaves and where it comes, with its bytes', async () => {
  const { world, first, second, of } = await pair(1, 'all')
  await world.time.pass(5_000)
  for (const node of [first, second]) assert.deepEqual(of(node).syncs, { equal: 1, done: 0, broken: 0 }, 'both held the same when they met')
  for (const node of [first, second]) of(node).reset()

  first.propose(toySpace, 'toy.set', { name: 'a', value: 1 })
  await world.time.pass(300)
  const written = first.journal.operations(toySpace, { limit: 10 }).at(-1)?.operation
  const raw = first.journal.vectors(toySpace)?.raw(written?.id as never)
  assert.ok(raw)
  assert.deepEqual(of(first).moved, { sent: [1, rawBytes(raw)], received: [0, 0] })
  assert.deepEqual(of(second).moved, { sent: [0, 0], received: [1, rawBytes(raw)] })
  world.close()
})

it('a comparison that ends equal after something had come is counted as done, one that a cut ends as broken', async () => {
  const { world, first, second, of } = await pair(2, 'all')
  await world.time.pass(5_000)
  world.network.partition(new Map([[first.did, 1]]))
  first.propose(toySpace, 'toy.set', { name: 'a', value: 1 })
  await world.time.pass(1_000)
  for (const node of [first, second]) of(node).reset()

  // Operations get lost on the way, so that the two stay different until the way is cut.
  world.network.tap = (_, __, frame) => (decodeFrame(frame)?.t === 'ops' ? undefined : frame)
  world.network.heal()
  await world.time.pass(5_000)
  assert.deepEqual(of(second).syncs, { equal: 0, done: 0, broken: 0 })
  world.network.partition(new Map([[first.did, 1]]))
  await world.time.pass(1_000)
  assert.deepEqual(of(second).syncs, { equal: 0, done: 0, broken: 1 })

  world.network.tap = undefined
  world.network.heal()
  await world.time.pass(5_000)
  assert.deepEqual(of(second).syncs, { equal: 0, done: 1, broken: 1 })
  world.close()
})

for (const [credit, isWaited] of [
  [100_000, true],
  [4_194_304, false],
] as const)
  it(`with ${credit} bytes of credit what is sent ${isWaited ? 'waits for what was folded, which is counted' : 'waits for nothing'}`, async () => {
    const { world, first, second, of } = await pair(3, 'all', credit)
    await world.time.pass(5_000)
    world.network.partition(new Map([[first.did, 1]]))
    for (let i = 0; i < 400; i++) {
      first.propose(toySpace, 'toy.set', { name: `a${i}`, value: i })
      if (i % 20 === 0) await world.time.pass(50)
    }
    await world.time.pass(1_000)
    assert.equal(of(first).waits, 0)
    world.network.heal()
    await world.time.pass(30_000)
    assert.deepEqual(second.journal.info(toySpace)?.setDigest, first.journal.info(toySpace)?.setDigest)
    assert.equal(of(first).waits > 0, isWaited, `${of(first).waits}`)
    assert.equal(of(second).waits, 0)
    world.close()
  })

it('200 quiet spaces on one link cost less than 600 bytes a second in each direction', async () => {
  const world = new ToyWorld(4, 2)
  const hosts = world.nodes.map(({ did }) => did)
  let bytes = 0
  const spaces = new Set<string>()
  world.network.tap = (from, _, frame) => {
    // Its length stands in front of each frame, and Yamux and Noise add a head and a tag.
    if (from === hosts[0]) bytes += frame.length + 2 + 12 + 18
    const decoded = decodeFrame(frame)
    if (decoded?.t === 'have') spaces.add(decoded.space)
    return frame
  }
  await world.open()
  for (let i = 1; i < 200; i++) {
    const space = `coop:quiet-${i}` as SpaceId
    const genesis = new TestSigner(90).sign({ space, genesis: null, kind: 'toy.found', body: { name: 'quiet', hosts }, at: [worldStart - 1_000, 0] })
    for (const { journal } of world.nodes) await world.waitFor(journal.ingest(space, [raw(genesis)]))
  }
  await world.time.pass(120_000)
  bytes = 0
  spaces.clear()
  await world.time.pass(600_000)
  assert.equal(spaces.size, 200)
  assert.ok(bytes / 600 < 600, `${Math.round(bytes / 600)} bytes a second`)
  world.close()
})
