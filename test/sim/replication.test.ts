import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { raw, TestSigner } from '@icn/testkit'
import { ToyWorld, toySpace } from './toy-world.ts'

const runs = Number(process.env['ICN_SIM_RUNS'] ?? 40)
const only = process.env['ICN_SEED']
const seeds = only ? [Number(only)] : Array.from({ length: runs }, (_, i) => i + 1)

describe('nodes that replicate', () => {
  it('tell each other at once what is new', async () => {
    const world = await new ToyWorld(1, 3).open()
    await world.time.pass(5_000)
    world.nodes[0]?.propose(toySpace, 'toy.set', { name: 'a', value: 1 })
    await world.time.pass(300)
    world.demandEqual('after a moment')
    assert.equal(world.nodes[2]?.journal.info(toySpace)?.operations.applied, 2)
    assert.deepEqual(world.reports, [])
    world.close()
  })

  it('give a host that has nothing everything, in order and within its credit', async () => {
    const world = await new ToyWorld(2, 2).open('first')
    const [first, second] = world.nodes as [(typeof world.nodes)[0], (typeof world.nodes)[0]]
    second.crash()
    for (let i = 0; i < 40; i++) {
      for (let k = 0; k < 50; k++) first.propose(toySpace, 'toy.set', { name: `n${k}`, value: i })
      await world.time.pass(10)
    }
    second.start()
    await world.time.pass(20_000)
    world.demandEqual('caught up')
    assert.equal(second.journal.info(toySpace)?.operations.applied, 2_001)
    assert.deepEqual(world.reports, [])
    world.close()
  })

  it('end equal after partitions, crashes, cut ways, clocks that differ and keys that were used twice', async () => {
    for (const seed of seeds) {
      const world = await new ToyWorld(seed, 2 + (seed % 3)).open()
      const { chance, network, time } = world
      const member = new TestSigner(50)
      let at = 0
      for (const node of world.nodes) node.skewMs = chance.chance(0.3) ? chance.below(20_000) - 10_000 : 0
      for (let step = 0; step < 30; step++) {
        const node = chance.pick(world.alive)
        const name = chance.pick(['a', 'b', 'c'])
        switch (chance.below(10)) {
          case 0:
            network.partition(new Map(world.nodes.map(({ did }) => [did, chance.below(2)])))
            break
          case 1:
            network.heal()
            break
          case 2:
            network.cutOne()
            break
          case 3:
            if (world.alive.length > 1) {
              node.crash()
              time.after(chance.below(20_000), () => node.start())
            }
            break
          case 4: {
            // A member's device, now and then with a number that it has used before.
            const twice = chance.chance(0.2)
            at = Math.max(time.now(), at + 1)
            const operation = member.sign({ space: toySpace, genesis: world.genesis.id, kind: 'toy.add', body: { name, amount: 1 + chance.below(9) }, at: [at, 0], keep: twice })
            await world.waitFor(node.journal.ingest(toySpace, [raw(operation)]))
            break
          }
          default:
            if (chance.chance(0.5)) node.propose(toySpace, 'toy.set', { name, value: chance.below(4), expect: chance.below(4) })
            else node.propose(toySpace, 'toy.add', { name, amount: 1 })
        }
        await time.pass(chance.below(4_000))
      }
      network.heal()
      await time.pass(180_000)
      assert.equal(world.alive.length, world.nodes.length, `seed ${seed}`)
      world.demandEqual(`seed ${seed}`)
      assert.deepEqual(world.reports, [], `seed ${seed}`)
      world.close()
    }
  })
})

it('nodes that hold the same know that they are in step when they have met, whoever spoke first', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const world = new ToyWorld(seed, 2)
    world.network.delayMsMax = 400
    await world.open()
    await world.time.pass(6_000)
    for (const node of world.nodes) assert.equal(node.running?.replicator.sync(toySpace).state, 'synced', `seed ${seed}`)
    world.close()
  }
})
