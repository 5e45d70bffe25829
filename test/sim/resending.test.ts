import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JournalApi } from '@icn/journal'
import { raw, TestSigner } from '@icn/testkit'
import { ToyWorld, toySpace } from './toy-world.ts'

/** Counts what peers bring to each node, and how much of it was there before. */
class Arrivals {
  operations = 0
  known = 0

  readonly watch = (journal: JournalApi): JournalApi => {
    const ingest = journal.ingest.bind(journal)
    return Object.assign(journal, {
      ingest: async (...[space, operations]: Parameters<typeof ingest>) => {
        const result = await ingest(space, operations)
        this.operations += operations.length
        this.known += result.known
        return result
      },
    })
  }

  reset(): void {
    this.operations = 0
    this.known = 0
  }
}

async function worldOf(seed: number, nodes: number, held: 'first' | 'all'): Promise<{ world: ToyWorld; arrivals: Arrivals }> {
  const arrivals = new Arrivals()
  const world = await new ToyWorld(seed, nodes, undefined, { journal: arrivals.watch }).open(held)
  return { world, arrivals }
}

/** Writes at the first node, alone: many chains beside each other. */
async function write(world: ToyWorld, count: number, perMs = 50): Promise<void> {
  const signers = Array.from({ length: 20 }, (_, i) => new TestSigner(300 + i))
  const first = world.nodes[0]
  for (let done = 0; done < count; done += perMs) {
    const operations = Array.from({ length: Math.min(perMs, count - done) }, (_, k) =>
      raw(
        (signers[(done + k) % signers.length] as TestSigner).sign({
          space: toySpace,
          genesis: world.genesis.id,
          kind: 'toy.set',
          body: { name: `n${k}`, value: done },
          at: [world.time.now() + done, k],
        }),
      ),
    )
    await world.waitFor((first as NonNullable<typeof first>).journal.ingest(toySpace, operations))
  }
}

describe('what one node sends another', () => {
  it('comes once to a host that has nothing', async () => {
    const { world, arrivals } = await worldOf(1, 2, 'first')
    const [, second] = world.nodes as [ToyWorld['nodes'][0], ToyWorld['nodes'][0]]
    second.crash()
    await write(world, 5_000)
    arrivals.reset()
    second.start()
    await world.time.pass(60_000)
    world.demandEqual('caught up')
    assert.equal(arrivals.operations - arrivals.known, 5_001)
    assert.equal(arrivals.known, 0)
    world.close()
  })

  it('comes once while more is written, and at most one in a hundred comes again when the way is cut', async () => {
    const { world, arrivals } = await worldOf(2, 2, 'first')
    const [, second] = world.nodes as [ToyWorld['nodes'][0], ToyWorld['nodes'][0]]
    second.crash()
    await write(world, 10_000)
    arrivals.reset()
    second.start()
    for (let cut = 0; cut < 50; cut++) {
      await world.time.pass(world.chance.below(300))
      world.network.cutOne()
      world.nodes[0]?.propose(toySpace, 'toy.add', { name: 'a', amount: 1 })
    }
    await world.time.pass(120_000)
    world.demandEqual('caught up')
    assert.equal(second.journal.info(toySpace)?.operations.applied, 10_051)
    assert.ok(arrivals.known <= 100, `${arrivals.known} of ${arrivals.operations} came again`)
    assert.deepEqual(world.reports, [])
    world.close()
  })

  it('is left to others where they were quicker each time, and is brought when they bring nothing more', async () => {
    const { world, arrivals } = await worldOf(3, 4, 'all')
    const [first, second] = world.nodes as [ToyWorld['nodes'][0], ToyWorld['nodes'][0]]
    await world.time.pass(5_000)
    const one = async (): Promise<void> => {
      first.propose(toySpace, 'toy.add', { name: 'a', amount: 1 })
      await world.time.pass(500)
    }
    for (let i = 0; i < 10; i++) await one()
    arrivals.reset()
    for (let i = 0; i < 20; i++) await one()
    // Three nodes, each once; everything more is what nobody needed.
    assert.equal(arrivals.operations - arrivals.known, 60)
    assert.ok(arrivals.known <= 6, `${arrivals.known} came again`)
    // Only the second can bring it to the others now, who have refused it so far.
    for (const other of world.nodes) if (other !== first && other !== second) world.network.part(first.did, other.did)
    first.propose(toySpace, 'toy.add', { name: 'a', amount: 1 })
    await world.time.pass(6_000)
    world.demandEqual('by a way round')
    world.close()
  })
})
