import assert from 'node:assert/strict'
import { it } from 'node:test'
import { pagesNamed } from '@icn/journal'
import type { SnapPort } from '@icn/network'
import type { SpaceCheckpoint } from '@icn/protocol'
import { raw, TestSigner } from '@icn/testkit'
import { ToyWorld, toySpace } from './toy-world.ts'
import type { SimNode, Wrapping } from './world.ts'

/** Hosts that cut what more people have signed than an operation can name: over the simulated network, with pages that have to be fetched. */

async function openWorld(seed: number, wrapping: Wrapping = {}): Promise<ToyWorld> {
  const world = await new ToyWorld(seed, 3, undefined, wrapping).open()
  await world.time.pass(3_000)
  return world
}

const checkpointOf = ({ journal }: SimNode) => journal.info(toySpace)?.checkpoint

function pagesOfCut(node: SimNode): Uint8Array[] {
  const body = node.journal.operation(checkpointOf(node)?.operation as NonNullable<ReturnType<typeof checkpointOf>>['operation'])?.body as SpaceCheckpoint
  return pagesNamed(body.layers)
}

/** So many people each sign one thing, and this node has it; by whom and when follows from the number. */
async function sign(world: ToyWorld, node: SimNode, from: number, count: number): Promise<void> {
  const operations = Array.from({ length: count }, (_, index) => {
    const seed = new Uint8Array(32)
    new DataView(seed.buffer).setUint32(0, 1_000 + from + index)
    const at: [number, number] = [world.time.now() - 2_000 + Math.floor(index / 3), from % 65_536]
    return new TestSigner(seed).sign({ space: toySpace, genesis: world.genesis.id, kind: 'toy.set', body: { name: `n${index % 7}`, value: from + index }, at })
  })
  await world.waitFor(node.journal.ingest(toySpace, operations.map(raw)))
}

/** What a node's replication asks of it, and whoever it is then. */
function portOf(node: SimNode, change: Partial<SnapPort>): SnapPort {
  return {
    maySpeak: (space, did) => node.snapshots.port.maySpeak(space, did),
    heard: (space, message) => node.snapshots.port.heard(space, message),
    page: (space, digest) => node.snapshots.port.page(space, digest),
    pageCame: (space, digest, bytes) => node.snapshots.port.pageCame(space, digest, bytes),
    ...change,
  }
}

it('what 700 people have signed is one cut, and a host that was away fetches its pages afterwards', async () => {
  const world = await openWorld(1)
  const [one, two, three] = world.nodes as [SimNode, SimNode, SimNode]
  await sign(world, one, 0, 700)
  await world.time.pass(10_000)
  world.demandEqual('before the cut')
  three.crash()
  assert.ok(await one.snapshots.initiate_snapshot(toySpace, [one.did, two.did]))
  await world.time.pass(30_000)
  assert.equal(one.journal.info(toySpace)?.unfinal, 0)
  assert.equal(checkpointOf(two)?.id, checkpointOf(one)?.id)
  const pages = pagesOfCut(one)
  assert.equal(pages.length, 1)
  three.start()
  assert.equal(three.journal.cuts.page(toySpace, pages[0] as Uint8Array), undefined)
  await world.time.pass(60_000)
  assert.equal(checkpointOf(three)?.id, checkpointOf(one)?.id)
  assert.deepEqual(three.journal.cuts.page(toySpace, pages[0] as Uint8Array), one.journal.cuts.page(toySpace, pages[0] as Uint8Array))
  world.demandEqual('when it is back')
  assert.deepEqual(world.reports, [])
  world.close()
})

it('hosts that have not the same when they mark fetch the pages of one another, and the next cut follows', async () => {
  const world = await openWorld(2)
  const [one] = world.nodes as [SimNode]
  for (const [index, node] of world.nodes.entries()) await sign(world, node, 1_000 * index, 320)
  await sign(world, one, 5_000, 1)
  assert.ok(
    await one.snapshots.initiate_snapshot(
      toySpace,
      world.nodes.map(({ did }) => did),
    ),
  )
  await world.time.pass(60_000)
  for (const node of world.nodes) assert.equal(node.snapshots.of(toySpace).attempt?.phase, 'complete')
  world.demandEqual('after the cut')
  const counted = checkpointOf(one)
  await sign(world, one, 9_000, 310)
  await world.time.pass(10_000)
  await one.snapshots.cutDue(toySpace)
  await world.time.pass(120_000)
  assert.notEqual(checkpointOf(one)?.id, counted?.id)
  world.demandEqual('after the next one')
  world.close()
})

for (const liar of [0, 1])
  it(`a host that answers with another page is charged, and the next one is asked (host ${liar})`, async () => {
    const lie = new Uint8Array(100).fill(7)
    let lies = 0
    const world = await openWorld(3, {
      snaps: (node) =>
        portOf(node, {
          page(space, digest) {
            if (node !== world.nodes[liar]) return node.snapshots.port.page(space, digest)
            lies++
            return lie
          },
        }),
    })
    const [one, two, three] = world.nodes as [SimNode, SimNode, SimNode]
    await sign(world, one, 0, 700)
    await world.time.pass(10_000)
    three.crash()
    assert.ok(await one.snapshots.initiate_snapshot(toySpace, [one.did, two.did]))
    await world.time.pass(30_000)
    three.start()
    await world.time.pass(120_000)
    assert.equal(checkpointOf(three)?.id, checkpointOf(one)?.id)
    world.demandEqual('when it is back')
    assert.deepEqual(
      world.reports.map(({ by, kind, peer }) => [by, kind, peer]),
      Array.from({ length: lies }, () => [three.did, 'bad_page', world.nodes[liar]?.did]),
    )
    world.close()
  })

it('a host whose marker names pages that it does not give is left out of the next cuts', async () => {
  const world = await openWorld(4, {
    snaps: (node) => portOf(node, { page: (space, digest) => (node === world.nodes[2] ? undefined : node.snapshots.port.page(space, digest)) }),
  })
  const [one, , three] = world.nodes as [SimNode, SimNode, SimNode]
  await sign(world, one, 0, 320)
  await sign(world, three, 1_000, 320)
  await sign(world, one, 5_000, 1)
  const all = world.nodes.map(({ did }) => did)
  assert.ok(await one.snapshots.initiate_snapshot(toySpace, all))
  await world.time.pass(100_000)
  assert.equal(checkpointOf(one), null)
  await world.time.pass(120_000)
  const last = one.snapshots.of(toySpace).attempt
  assert.deepEqual([last?.phase, last?.participants.includes(three.did)], ['complete', false])
  assert.ok(checkpointOf(one))
  world.close()
})
