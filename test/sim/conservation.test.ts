import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { journalDefaults, openJournal, openMemoryStore } from '@icn/journal'
import { type Clock, compareClocks, didOfKey, toHex } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { Chance, moneyTroubles, paid, paymentRules, raw } from '@icn/testkit'
import { ToyWorld, toySpace } from './toy-world.ts'
import type { SimNode } from './world.ts'

/** Money and membership across cuts: payments are under way, come late, twice and in another order, and in every state that is made final nothing is made or lost (S5). */

const people = ['ada', 'ben', 'chen', 'dora', 'emil', 'frida']

interface Cut {
  readonly cut: Clock
  readonly root: string
  readonly count: number
}

/** Every cut that anybody has seen, and that nobody sees another one in its place. */
class Cuts {
  readonly all = new Map<string, Cut>()

  look(world: ToyWorld): void {
    for (const { journal } of world.alive) {
      const checkpoint = journal.info(toySpace)?.checkpoint
      if (checkpoint === null || checkpoint === undefined) continue
      const known = this.all.get(`${checkpoint.cut}`)
      const root = toHex(checkpoint.root)
      if (known !== undefined) assert.equal(root, known.root)
      else {
        const facts = journal.asOf(toySpace, checkpoint.cut)
        assert.deepEqual(moneyTroubles(facts), [], `the state at ${checkpoint.cut}`)
        this.all.set(`${checkpoint.cut}`, { cut: checkpoint.cut, root, count: [...facts.scan(paid.payments)].length })
      }
    }
  }
}

function act(world: ToyWorld, chance: Chance, node: SimNode): void {
  const [payer, payee] = [chance.pick(people), chance.pick(people)] as [string, string]
  const what = chance.below(20)
  if (what === 0) node.propose(toySpace, 'pay.leave', { name: payer })
  else if (what < 3) node.propose(toySpace, 'pay.join', { name: payer })
  else node.propose(toySpace, 'pay.pay', { payer, payee, amount: 1 + chance.below(60) })
  assert.ok(world.alive.length > 0)
}

async function live(seed: number): Promise<{ readonly world: ToyWorld; readonly cuts: Cuts }> {
  const chance = new Chance(seed + 90_000)
  const world = await new ToyWorld(seed, 2 + chance.below(3), paymentRules).open()
  const cuts = new Cuts()
  await world.time.pass(3_000)
  for (const name of people) world.nodes[0]?.propose(toySpace, 'pay.join', { name })
  world.network.delayMsMax = 20 + chance.below(800)
  world.network.farShare = 0.2
  const all = world.nodes.map(({ did }) => did)
  for (let step = 0; step < 90; step++) {
    for (const node of world.alive) for (let i = chance.below(4); i > 0; i--) act(world, chance, node)
    const node = chance.pick(world.alive)
    const what = chance.below(14)
    // In the middle of what is under way: sometimes up to now, sometimes a little back.
    if (what < 6) void node.snapshots.initiate_snapshot(toySpace, all, { lagMs: chance.below(2) * chance.below(2_000) })
    else if (what === 6) world.network.partition(new Map(all.map((did) => [did, chance.below(2)])))
    else if (what === 7) world.network.dialAgain()
    else if (what === 8) world.network.cutOne()
    else if (what < 11) world.network.heal()
    await world.time.pass(chance.below(6) === 0 ? chance.below(30_000) : chance.below(300))
    cuts.look(world)
  }
  world.network.heal()
  await world.time.pass(200_000)
  cuts.look(world)
  return { world, cuts }
}

/** The operations that a node counts up to a cut, folded by somebody who sees them for the first time. What was late at a cut before may be named by others, and is late again. */
async function foldedUpTo(world: ToyWorld, { journal }: SimNode, before: Clock | undefined, cut: Clock): Promise<{ readonly root: string; readonly troubles: string[] }> {
  const key = signingKeyFromSeed(new Uint8Array(32).fill(200))
  const fresh = openJournal({
    store: openMemoryStore(),
    key,
    node: didOfKey(key.publicKey),
    rulesOf: () => paymentRules,
    wall: () => world.time.now(),
    options: { ...journalDefaults, verifyThreads: 0 },
  })
  const counted = journal
    .operations(toySpace, { limit: 100_000 })
    .filter(
      ({ operation: { envelope }, status }) => compareClocks(envelope.at, cut) <= 0 && (status !== 'late' || (before !== undefined && compareClocks(envelope.at, before) <= 0)),
    )
  await fresh.ingest(
    toySpace,
    counted.map(({ operation }) => raw(operation)),
  )
  const facts = fresh.read(toySpace)
  const found = { root: toHex(fresh.root(toySpace).root), troubles: facts === undefined ? ['nothing'] : moneyTroubles(facts) }
  await fresh.close()
  return found
}

describe('money and membership across cuts', () => {
  const runs = Number(process.env['ICN_CUT_SEEDS'] ?? 8)
  const first = Number(process.env['ICN_SEED'] ?? 1)
  let [made, payments] = [0, 0]
  for (let seed = first; seed < first + runs; seed++)
    it(`are in every cut what the agreed operations come to (seed ${seed})`, async () => {
      const { world, cuts } = await live(seed)
      world.demandEqual(`seed ${seed}`)
      for (const node of world.alive) assert.deepEqual(moneyTroubles(node.journal.asOf(toySpace, node.journal.clock.last)), [])
      const [one] = world.nodes as [SimNode]
      const inOrder = [...cuts.all.values()].sort((a, b) => compareClocks(a.cut, b.cut))
      for (const [index, { cut, root, count }] of inOrder.entries()) {
        assert.deepEqual(await foldedUpTo(world, one, inOrder[index - 1]?.cut, cut), { root, troubles: [] }, `the fold up to ${cut}`)
        made++
        payments += count
      }
      world.close()
    })
  it('are looked at', () => {
    assert.ok(made >= 2 * runs, `${made} cuts in ${runs} runs`)
    assert.ok(payments > 20 * made, `${payments} payments in ${made} cuts`)
  })
})
