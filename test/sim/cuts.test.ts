import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JournalApi } from '@icn/journal'
import { type Did, keyOfDid, type OperationId, type Rules, signSnapMessage, type SnapMessageOf, type SpaceCheckpoint, toHex } from '@icn/protocol'
import type { Difference } from '@icn/node'
import { Chance, TestSigner, toy, toyRules } from '@icn/testkit'
import { ToyWorld, toySpace } from './toy-world.ts'
import { nodeSeed, type SimNode, type Wrapping } from './world.ts'

/** Hosts of one space that cut together over a simulated network. */

const checkpointOf = ({ journal }: SimNode) => journal.info(toySpace)?.checkpoint

async function openWorld(seed: number, nodes = 3, wrapping: Wrapping = {}): Promise<ToyWorld> {
  const world = await new ToyWorld(seed, nodes, toyRules, wrapping).open()
  await world.time.pass(3_000)
  return world
}

/** The same part, some of its members replaced. */
function override<Part extends object>(part: Part, members: Partial<Part>): Part {
  return new Proxy(part, {
    get: (target, name) => {
      if (Object.hasOwn(members, name)) return Reflect.get(members, name)
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

/** A release with a mistake: what is written is one more. */
const wrongRules = (rules: Rules): Rules => {
  const set = rules.laws.get('toy.set') as NonNullable<ReturnType<Rules['laws']['get']>>
  const wrong = { ...set, apply: (...[view, tables]: Parameters<typeof set.apply>) => set.apply({ ...view, body: { ...view.body, value: view.body.value + 1 } }, tables) }
  return { ...rules, laws: new Map([...rules.laws, ['toy.set', wrong]]) }
}

const write = (node: SimNode, name: string, value: number): void => node.propose(toySpace, 'toy.set', { name, value })

describe('hosts of a space', () => {
  it('agree on a cut, say so, and have it for good: the same root at all, computed again from the acknowledgements', async () => {
    const world = await openWorld(1)
    const [one] = world.nodes as [SimNode]
    for (const [index, node] of world.nodes.entries()) write(node, `n${index}`, index)
    await world.time.pass(2_000)
    const attempt = await one.snapshots.initiate_snapshot(
      toySpace,
      world.nodes.map(({ did }) => did),
    )
    assert.ok(attempt)
    const { name } = attempt
    const counts = world.nodes.map(({ snapshots }) => [snapshots.active_count(), snapshots.completed_count(), snapshots.is_complete(name)])
    assert.deepEqual(counts, [
      [1, 0, false],
      [0, 0, false],
      [0, 0, false],
    ])
    await world.time.pass(10_000)
    assert.deepEqual(world.faults, [])
    for (const node of world.nodes) {
      assert.deepEqual([node.snapshots.active_count(), node.snapshots.completed_count(), node.snapshots.is_complete(name)], [0, 1, true])
      assert.equal(node.snapshots.of(toySpace).attempt?.phase, 'complete')
      assert.deepEqual(checkpointOf(node)?.cut, attempt.cut)
      assert.equal(toHex(checkpointOf(node)?.root as Uint8Array), toHex(checkpointOf(one)?.root as Uint8Array))
    }
    world.demandEqual('after the cut')
    world.close()
  })

  it('complete a cut without the one who does not answer, when the rest is enough', async () => {
    const world = await openWorld(2)
    const [one, two, three] = world.nodes as [SimNode, SimNode, SimNode]
    write(one, 'a', 1)
    await world.time.pass(2_000)
    three.crash()
    assert.ok(
      await one.snapshots.initiate_snapshot(
        toySpace,
        world.nodes.map(({ did }) => did),
      ),
    )
    await world.time.pass(60_000)
    assert.ok(checkpointOf(one))
    assert.equal(checkpointOf(two)?.id, checkpointOf(one)?.id)
    three.start()
    await world.time.pass(60_000)
    world.demandEqual('when it is back')
    assert.equal(checkpointOf(three)?.id, checkpointOf(one)?.id)
    world.close()
  })

  it('make nothing final without more than half of them, and go on when they are back', async () => {
    const world = await openWorld(3)
    const [one, two, three] = world.nodes as [SimNode, SimNode, SimNode]
    const all = world.nodes.map(({ did }) => did)
    write(one, 'a', 1)
    await world.time.pass(2_000)
    two.crash()
    three.crash()
    assert.ok(await one.snapshots.initiate_snapshot(toySpace, all))
    await world.time.pass(60_000)
    assert.equal(checkpointOf(one), null)
    assert.equal(one.snapshots.of(toySpace).attempt?.code, 'SNAPSHOT_NO_QUORUM')
    const { active, completed } = { active: one.snapshots.active_count(), completed: one.snapshots.completed_count() }
    assert.deepEqual([active, completed], [0, 0], 'one that came to nothing is not completed')
    write(one, 'b', 2)
    await world.time.pass(1_000)
    assert.equal(one.journal.read(toySpace)?.get(toy.registers, ['b'])?.value, 2, 'work goes on')
    two.start()
    await world.time.pass(30_000)
    assert.ok(await one.snapshots.initiate_snapshot(toySpace, all))
    await world.time.pass(60_000)
    assert.ok(checkpointOf(one))
    assert.equal(checkpointOf(two)?.id, checkpointOf(one)?.id)
    world.close()
  })

  it('finish what a coordinator has left behind when enough have acknowledged it', async () => {
    const world = await openWorld(4)
    const [one, two, three] = world.nodes as [SimNode, SimNode, SimNode]
    write(two, 'a', 1)
    await world.time.pass(2_000)
    assert.ok(
      await one.snapshots.initiate_snapshot(
        toySpace,
        world.nodes.map(({ did }) => did),
      ),
    )
    for (let i = 0; i < 400 && one.running !== undefined; i++) {
      await world.time.pass(5)
      if (two.snapshots.of(toySpace).attempt?.phase === 'acking') one.crash()
    }
    assert.equal(one.running, undefined)
    await world.time.pass(60_000)
    assert.ok(checkpointOf(two), 'one of the others has published it')
    assert.equal(checkpointOf(three)?.id, checkpointOf(two)?.id)
    world.close()
  })
})

describe('cuts that nobody asked for', () => {
  for (const [away, hours, isLate] of [
    ['for less than the grace', 0.5, false],
    ['for longer', 2, true],
  ] as const)
    it(`with one of three away ${away}: ${isLate ? 'exactly what it wrote up to the cut is late, and can be said again' : 'nothing that it wrote is late'}`, async () => {
      const world = await openWorld(9)
      const [one, two, three] = world.nodes as [SimNode, SimNode, SimNode]
      write(three, 'c', 1)
      await world.time.pass(90_000)
      world.network.partition(new Map([[three.did, 1]]))
      await world.time.pass(1_000)
      write(three, 'd', 2)
      write(one, 'a', 3)
      await world.time.pass(hours * 3_600_000)
      write(one, 'b', 4)
      await world.time.pass(5_000)
      const before = await one.snapshots.initiate_snapshot(toySpace, [two.did], { isAutomatic: true })
      await world.time.pass(10_000)
      const cut = checkpointOf(one)?.cut
      assert.ok(before !== undefined && cut !== undefined && before.phase === 'complete')
      const rest = await one.snapshots.initiate_snapshot(toySpace, [two.did], { isAutomatic: true })
      assert.equal(rest, undefined, 'up to there everything is final')
      write(three, 'e', 5)
      await world.time.pass(1_000)
      world.network.heal()
      await world.time.pass(90_000)
      world.demandEqual('when it is back')
      const ofThree = [...world.placedAt(one, toySpace).values()].filter(({ operation }) => operation.envelope.signer === three.did)
      const late = ofThree.filter(({ status }) => status === 'late').map(({ operation }) => operation.body)
      assert.deepEqual(
        ofThree.map(({ status }) => status),
        isLate ? ['applied', 'late', 'applied'] : ['applied', 'applied', 'applied'],
        JSON.stringify(late),
      )
      if (isLate) {
        write(three, 'd', 2)
        await world.time.pass(5_000)
        for (const node of world.nodes) assert.equal(node.journal.read(toySpace)?.get(toy.registers, ['d'])?.value, 2)
      }
      assert.ok(
        await one.snapshots.initiate_snapshot(
          toySpace,
          world.nodes.map(({ did }) => did),
          { isAutomatic: true },
        ),
      )
      await world.time.pass(10_000)
      world.demandEqual('with everybody again')
      world.close()
    })

  it('a host that restarts still knows who is away', async () => {
    const world = await openWorld(10)
    const [one, two, three] = world.nodes as [SimNode, SimNode, SimNode]
    write(one, 'a', 1)
    await world.time.pass(150_000)
    three.crash()
    const until = world.time.now()
    one.crash()
    one.start()
    await world.time.pass(20_000)
    write(one, 'b', 2)
    await world.time.pass(2_000)
    const attempt = await one.snapshots.initiate_snapshot(toySpace, [two.did], { isAutomatic: true })
    assert.ok(attempt !== undefined && attempt.cut[0] <= until, 'it cuts before what the other one may still hold')
    assert.equal((await world.time.pass(10_000), attempt.phase), 'complete')
    const asked = await one.snapshots.initiate_snapshot(toySpace, [two.did])
    assert.ok(asked !== undefined && asked.cut[0] > until, 'whoever asks gets everything up to now')
    world.close()
  })
})

describe('a host that finds another state than the others', () => {
  it('because a bit of its store has turned makes its rows anew, and goes on', async () => {
    const world = await openWorld(11)
    const [one, , three] = world.nodes as [SimNode, SimNode, SimNode]
    const all = world.nodes.map(({ did }) => did)
    write(one, 'apples', 4)
    write(three, 'pears', 2)
    await world.time.pass(2_000)
    three.disk.turnBit('apples')
    write(one, 'plums', 7)
    await world.time.pass(2_000)
    const attempt = await three.snapshots.initiate_snapshot(toySpace, all)
    assert.ok(attempt)
    await world.time.pass(60_000)
    assert.deepEqual(
      world.diverged.map(({ by, mended, isSound }) => ({ by, mended, isSound })),
      [{ by: three.did, mended: { rows: 1, tables: ['toy.registers'], first: ['toy.registers', 'apples'], last: ['toy.registers', 'apples'] }, isSound: true }],
    )
    assert.equal(three.journal.read(toySpace)?.get(toy.registers, ['apples'])?.value, 4)
    assert.ok(checkpointOf(one))
    world.demandEqual('after the repair')
    const [located, ...more] = world.cutsTold.filter(({ what }) => what === 'located')
    assert.deepEqual(more, [], 'one of those who agree asks, once')
    const differences = world.nodeOf(located?.by as Did)?.snapshots.records.get(attempt.name)?.differences ?? []
    assert.equal(differences.length, 1)
    const [{ host, first, last }] = differences as [Difference]
    assert.equal(host, three.did)
    assert.ok(first.join() <= 'toy.registers,apples' && (last === null || last.join() > 'toy.registers,apples'), `${first.join()} to ${last?.join()}`)
    const next = await (write(three, 'plums', 8), await world.time.pass(2_000), three.snapshots.initiate_snapshot(toySpace, all))
    await world.time.pass(10_000)
    assert.equal(next?.phase, 'complete')
    assert.equal(next?.acks.size, 3, 'it signs again')
    world.close()
  })

  it('by laws of its own takes no part and writes nothing, and drags nobody along', async () => {
    const world = await openWorld(12)
    const [one, two, three] = world.nodes as [SimNode, SimNode, SimNode]
    three.crash()
    world.wrapping = { rules: wrongRules }
    three.start()
    await world.time.pass(20_000)
    const all = world.nodes.map(({ did }) => did)
    write(one, 'apples', 4)
    await world.time.pass(2_000)
    assert.equal(three.journal.read(toySpace)?.get(toy.registers, ['apples'])?.value, 5)
    assert.ok(await one.snapshots.initiate_snapshot(toySpace, all))
    await world.time.pass(60_000)
    assert.equal(checkpointOf(two)?.id, checkpointOf(one)?.id)
    assert.ok(checkpointOf(one))
    assert.deepEqual(
      world.diverged.map(({ by, mended, isSound }) => ({ by, rows: mended?.rows, isSound })),
      [{ by: three.did, rows: 0, isSound: false }],
    )
    assert.equal(three.journal.info(toySpace)?.hasDiverged, true)
    await world.time.pass(300_000)
    assert.equal(three.snapshots.active_count(), 0)
    assert.equal(await three.snapshots.initiate_snapshot(toySpace, all), undefined, 'it begins nothing')
    assert.equal(three.journal.read(toySpace)?.get(toy.registers, ['apples'])?.value, 5, 'what is there can be read')
    await assert.rejects(three.journal.propose({ space: toySpace, kind: 'toy.set', author: three.did, grant: null, body: { name: 'x', value: 1 } }), { code: 'SPACE_DIVERGED' })
    write(two, 'plums', 2)
    await world.time.pass(2_000)
    const next = await one.snapshots.initiate_snapshot(toySpace, all)
    await world.time.pass(60_000)
    assert.ok(next)
    assert.deepEqual([...(one.snapshots.of(toySpace).attempt?.acks.keys() ?? [])].sort(), [one.did, two.did].sort())
    assert.notEqual(checkpointOf(one)?.id, undefined)
    assert.ok((checkpointOf(one)?.cut[0] as number) > 0 && checkpointOf(one)?.id === checkpointOf(two)?.id)
    world.close()
  })
})

it('what somebody asks for needs three hosts where there are three, and says how many there are', async () => {
  const world = await openWorld(13)
  const [one, two, three] = world.nodes as [SimNode, SimNode, SimNode]
  write(one, 'a', 1)
  await world.time.pass(2_000)
  const tooFew = { code: 'SNAPSHOT_INSUFFICIENT_PARTICIPANTS', details: { params: { found: 2, needed: 3 } } }
  await assert.rejects(one.snapshots.cutNow(toySpace, { participants: [one.did, two.did, two.did] }), tooFew)
  three.crash()
  await world.time.pass(20_000)
  await assert.rejects(one.snapshots.cutNow(toySpace), tooFew)
  three.start()
  await world.time.pass(20_000)
  const made = one.snapshots.cutNow(toySpace)
  await world.time.pass(10_000)
  assert.equal((await made)?.certified?.hostsCount, 3)
  assert.equal(await one.snapshots.cutNow(toySpace), undefined, 'nothing is due')
  world.close()
})

it('a host that signs two things under one ballot is shown with both, once, and splits nothing', async () => {
  const world = await openWorld(16)
  const [one, two, three] = world.nodes as [SimNode, SimNode, SimNode]
  write(one, 'a', 1)
  await world.time.pass(2_000)
  const attempt = await one.snapshots.initiate_snapshot(
    toySpace,
    world.nodes.map(({ did }) => did),
  )
  assert.ok(attempt)
  for (let i = 0; i < 400 && !attempt.acks.has(one.did); i++) await world.time.pass(1)
  const own = attempt.acks.get(one.did) as SnapMessageOf<'SnapshotAck'>
  assert.equal(attempt.acks.has(three.did), false)
  const { signature: _, ...content } = { ...own, from: three.did, body: { ...own.body, node: three.did, state_hash: new Uint8Array(32) } }
  one.snapshots.handle_message(
    toySpace,
    signSnapMessage<typeof own>(content, (bytes) => new Uint8Array(new TestSigner(nodeSeed(2)).key.sign(bytes))),
  )
  await world.time.pass(30_000)
  const doubles = world.cutsTold.filter(({ what }) => what === 'double')
  assert.deepEqual(
    doubles.map(({ by, more }) => [by, (more as { host: Did }).host]),
    [[one.did, three.did]],
  )
  assert.deepEqual(new Set(world.nodes.map((node) => checkpointOf(node)?.id)), new Set([checkpointOf(two)?.id]))
  assert.ok(checkpointOf(two))
  world.close()
})

it('a host knows whether it has signed what is not decided', async () => {
  const world = await openWorld(17)
  const [one, two] = world.nodes as [SimNode, SimNode]
  write(one, 'a', 1)
  await world.time.pass(2_000)
  assert.equal(two.snapshots.hasUndecided(toySpace), false)
  await one.snapshots.initiate_snapshot(
    toySpace,
    world.nodes.map(({ did }) => did),
  )
  for (let i = 0; i < 400 && two.snapshots.of(toySpace).attempt?.phase !== 'acking'; i++) await world.time.pass(1)
  assert.equal(two.snapshots.hasUndecided(toySpace), true)
  two.crash()
  two.start()
  assert.equal(two.snapshots.hasUndecided(toySpace), true, 'also after a restart')
  await world.time.pass(60_000)
  assert.equal(two.snapshots.hasUndecided(toySpace), false)
  world.close()
})

it('a host follows only whom it relies on; what others acknowledge counts all the same', async () => {
  const world = await openWorld(14)
  const [one, two, three] = world.nodes as [SimNode, SimNode, SimNode]
  three.follows = (initiator) => initiator !== one.did
  write(one, 'a', 1)
  await world.time.pass(2_000)
  const all = world.nodes.map(({ did }) => did)
  await one.snapshots.initiate_snapshot(toySpace, all)
  await world.time.pass(60_000)
  const body = one.journal.operation(checkpointOf(one)?.operation as OperationId)?.body as SpaceCheckpoint
  assert.deepEqual(body.missing, [three.did])
  assert.equal(checkpointOf(three)?.id, checkpointOf(one)?.id)
  write(one, 'b', 2)
  await world.time.pass(2_000)
  const followed = await two.snapshots.initiate_snapshot(toySpace, all)
  await world.time.pass(10_000)
  assert.equal(followed?.acks.size, 3)
  world.close()
})

it('cuts are made by themselves as often as was set for the space, and not while they are paused', async () => {
  const world = await openWorld(15)
  const [one, two, three] = world.nodes as [SimNode, SimNode, SimNode]
  const genesis = world.genesis.id
  for (const { snapshots } of world.nodes) snapshots.schedule.set(genesis, { every_ms: 60_000 })
  const look = async (ms: number): Promise<void> => {
    for (const until = world.time.now() + ms; world.time.now() < until; ) {
      await world.time.pass(10_000)
      for (const { snapshots } of world.nodes) await snapshots.runDue()
    }
  }
  write(one, 'a', 1)
  await look(40_000)
  assert.equal(checkpointOf(one), null)
  await look(100_000)
  const first = checkpointOf(one)?.id
  assert.ok(first)
  for (const { snapshots } of world.nodes) snapshots.schedule.set(genesis, { every_ms: 60_000, paused_until: world.time.now() + 600_000 })
  one.crash()
  one.start()
  write(two, 'b', 2)
  await look(300_000)
  assert.equal(checkpointOf(two)?.id, first)
  await look(400_000)
  assert.notEqual(checkpointOf(two)?.id, first)
  assert.equal(checkpointOf(three)?.id, checkpointOf(two)?.id)
  world.close()
})

it('a host that names what nobody has is left out of the next cuts, and holds up one only', async () => {
  const liar = new TestSigner(nodeSeed(2))
  const phantom = liar.sign({ space: toySpace, genesis: null, kind: 'toy.set', body: { name: 'x', value: 1 }, at: [1, 0] }).id
  const lying = (journal: JournalApi): JournalApi =>
    journal.node !== liar.did
      ? journal
      : override(journal, {
          cuts: override(journal.cuts, {
            mark: async (space, cut) => ({ ...(await journal.cuts.mark(space, cut)), changes: [[keyOfDid(liar.did), 0, phantom]] }),
          }),
        })
  const world = await openWorld(6, 3, { journal: lying })
  const [one, two, three] = world.nodes as [SimNode, SimNode, SimNode]
  const all = world.nodes.map(({ did }) => did)
  const honest = [one.did, two.did].sort()
  write(one, 'a', 1)
  await world.time.pass(2_000)
  const held = await one.snapshots.initiate_snapshot(toySpace, all)
  await world.time.pass(110_000)
  assert.equal(checkpointOf(one), null)
  await world.time.pass(20_000)
  assert.equal(held?.phase, 'failed')
  const unserved = world.cutsTold.find(({ what, by }) => what === 'unserved' && by === one.did)
  assert.deepEqual(unserved?.more, { hosts: [three.did] })
  assert.deepEqual(one.snapshots.of(toySpace).attempt?.participants, honest)
  assert.ok(checkpointOf(one))
  assert.equal(checkpointOf(two)?.id, checkpointOf(one)?.id)
  write(two, 'b', 2)
  await world.time.pass(2_000)
  for (const [minutes, listed] of [
    [1, honest],
    [61, [...all].sort()],
  ] as const) {
    write(two, 'b', minutes)
    await world.time.pass(minutes * 60_000)
    assert.deepEqual((await one.snapshots.initiate_snapshot(toySpace, all))?.participants, listed, `after ${minutes} minutes`)
    await world.time.pass(140_000)
  }
  world.close()
})

it('an attempt lasts no longer than its coordinator gives it', async () => {
  const world = await openWorld(7)
  const [one, two] = world.nodes as [SimNode, SimNode]
  write(one, 'a', 1)
  await world.time.pass(2_000)
  world.network.delayMsMax = 20
  one.timeoutMs = 40
  const attempt = await one.snapshots.initiate_snapshot(
    toySpace,
    world.nodes.map(({ did }) => did),
  )
  await world.time.pass(30)
  world.network.partition(new Map([[one.did, 1]]))
  await world.time.pass(5_000)
  assert.equal(attempt?.phase, 'timed_out')
  const joined = two.snapshots.of(toySpace).attempt
  assert.deepEqual([joined?.phase, joined?.deadlineMs], ['released', 40])
  world.close()
})

it('a node that stops tells those who take part in what it has begun', async () => {
  const world = await openWorld(8)
  const [one, two] = world.nodes as [SimNode, SimNode]
  write(one, 'a', 1)
  await world.time.pass(2_000)
  const attempt = await one.snapshots.initiate_snapshot(
    toySpace,
    world.nodes.map(({ did }) => did),
  )
  for (let i = 0; i < 100 && two.snapshots.active_count() === 0; i++) await world.time.pass(5)
  await one.snapshots.close()
  assert.equal(attempt?.phase, 'cancelled')
  await world.time.pass(2_000)
  assert.deepEqual([two.snapshots.active_count(), two.snapshots.completed_count(), two.snapshots.of(toySpace).attempt?.phase], [0, 0, 'released'])
  world.close()
})

it('a host that may have forgotten what it has promised takes no part', async () => {
  const world = await openWorld(5)
  const [one, two, three] = world.nodes as [SimNode, SimNode, SimNode]
  write(one, 'a', 1)
  await world.time.pass(2_000)
  three.journal.mute(toySpace, true)
  const all = world.nodes.map(({ did }) => did)
  assert.equal(await three.snapshots.initiate_snapshot(toySpace, all), undefined)
  assert.ok(await one.snapshots.initiate_snapshot(toySpace, all))
  await world.time.pass(60_000)
  assert.equal(three.snapshots.of(toySpace).attempt, undefined)
  assert.ok(checkpointOf(two))
  assert.equal(checkpointOf(three)?.id, checkpointOf(two)?.id, 'what the others agree on holds for it, too')
  world.close()
})

/** What is final at a node never changes, and of any two cuts one continues the other. */
class Finality {
  readonly #world: ToyWorld
  readonly #final = new Map<string, string>()
  readonly cuts = new Set<string>()

  constructor(world: ToyWorld) {
    this.#world = world
  }

  look(): void {
    for (const node of this.#world.alive) {
      const checkpoint = checkpointOf(node)
      if (checkpoint != null) this.cuts.add(checkpoint.id)
      for (const { operation, status, final } of this.#world.placedAt(node, toySpace).values()) {
        const name = operation.id
        const known = this.#final.get(name)
        if (final) {
          assert.equal(known ?? status, status, `${name} was final as ${known} and is ${status} (seed ${this.#world.seed})`)
          this.#final.set(name, status)
        } else if (known !== undefined && checkpoint != null) assert.notEqual(status, 'late', `${name} is final elsewhere and late here (seed ${this.#world.seed})`)
      }
    }
  }
}

/** Writes, cuts begun by anybody, crashes in the middle of writes, partitions; then everybody is back. */
async function live(seed: number): Promise<{ world: ToyWorld; finality: Finality }> {
  const chance = new Chance(seed + 7_000)
  const world = await openWorld(seed, 2 + chance.below(4))
  const finality = new Finality(world)
  world.network.delayMsMax = 20 + chance.below(600)
  const all = world.nodes.map(({ did }) => did)
  for (let step = 0; step < 70; step++) {
    // Much is under way when a cut begins.
    for (const node of world.alive) if (chance.chance(0.5)) for (let i = chance.below(4); i > 0; i--) write(node, `n${chance.below(5)}`, step)
    if (chance.chance(0.3)) await world.time.pass(chance.below(20))
    const node = chance.pick(world.nodes)
    const what = chance.below(14)
    if (node.running === undefined) {
      if (chance.chance(0.5)) node.start()
    } else if (what < 7) {
      const listed = all.filter(() => chance.chance(0.9))
      void node.snapshots.initiate_snapshot(toySpace, listed, { lagMs: chance.below(2) * chance.below(3_000) })
      if (chance.chance(0.2)) void chance.pick(world.alive).snapshots.initiate_snapshot(toySpace, all)
    } else if (what === 7) node.crashInNextWrite(chance.chance(0.5) ? 'before' : 'after')
    else if (what === 8) node.crash()
    else if (what < 11) world.network.partition(new Map(all.map((did) => [did, chance.below(2)])))
    else if (what === 11) world.network.slowOne(1 + chance.below(5))
    else world.network.heal()
    await world.time.pass(chance.below(8) === 0 ? chance.below(40_000) : chance.below(400))
    finality.look()
  }
  world.network.heal()
  for (const node of world.nodes) {
    node.keepPower()
    if (node.running === undefined) node.start()
  }
  await world.time.pass(330_000)
  finality.look()
  return { world, finality }
}

describe('cuts in the middle of everything', () => {
  const runs = Number(process.env['ICN_CUT_SEEDS'] ?? 12)
  const first = Number(process.env['ICN_SEED'] ?? 1)
  let cuts = 0
  for (let seed = first; seed < first + runs; seed++)
    it(`hold, and the hosts end equal and able to make one more (seed ${seed})`, async () => {
      const { world, finality } = await live(seed)
      assert.deepEqual(world.faults, [])
      world.demandEqual(`seed ${seed}`)
      cuts += finality.cuts.size
      const [one] = world.nodes as [SimNode]
      const before = checkpointOf(one)?.id
      write(one, 'last', 1)
      await world.time.pass(1_000)
      for (let tries = 0; tries < 5 && checkpointOf(one)?.id === before; tries++) {
        await one.snapshots.initiate_snapshot(
          toySpace,
          world.nodes.map(({ did }) => did),
        )
        await world.time.pass(60_000)
      }
      assert.notEqual(checkpointOf(one)?.id, before, 'nothing is final that was written last')
      finality.look()
      world.demandEqual(`seed ${seed} after one more`)
      world.close()
    })
  it('are made', () => assert.ok(cuts > runs / 2, `${cuts} cuts in ${runs} runs`))
})
