import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type BudgetPort, Budgets, type TrafficPort } from '@icn/network'
import { type Did, type PeerClass, type Rules, sha256, type SnapOutcome, toHex } from '@icn/protocol'
import { type SaidParts, snapBy, TestSigner, toy, toyRules } from '@icn/testkit'
import { Mallory } from './mallory.ts'
import { ToyWorld, toySpace } from './toy-world.ts'
import { nodeDid, nodeSeed, type SimNode } from './world.ts'

/** Messages about cuts between the hosts of a space: each hears each of them once, whatever links there are and whoever lies. */

const keyOf = (index: number): TestSigner => new TestSigner(nodeSeed(index))

/** What one node has heard and counted. */
class Ear {
  /** Digests of messages, and how long each was. */
  readonly heard: string[] = []
  readonly lengths: number[] = []
  readonly pages: Uint8Array[] = []
  readonly counts = new Map<SnapOutcome, number>()

  count(outcome: SnapOutcome): number {
    return this.counts.get(outcome) ?? 0
  }
}

class SnapWorld extends ToyWorld {
  readonly ears: ReadonlyMap<Did, Ear>
  /** Who may speak. */
  readonly speakers: Set<Did>
  /** Pages of every node: digest in hexadecimal → bytes. */
  readonly shelves: ReadonlyMap<Did, Map<string, Uint8Array>>
  #said = 0

  constructor(seed: number, nodes: number, { rules = toyRules, peerClass = 'cohost', budgets }: { rules?: Rules; peerClass?: PeerClass; budgets?: BudgetPort } = {}) {
    const dids = Array.from({ length: nodes }, (_, i) => nodeDid(i))
    const ears = new Map(dids.map((did) => [did, new Ear()]))
    const shelves = new Map(dids.map((did) => [did, new Map<string, Uint8Array>()]))
    const speakers = new Set(dids)
    const earOf = ({ did }: SimNode): Ear => ears.get(did) as Ear
    super(seed, nodes, rules, {
      snaps: (node) => ({
        maySpeak: (_, did) => speakers.has(did),
        heard: (_, __, bytes) => {
          earOf(node).heard.push(toHex(sha256(bytes)))
          earOf(node).lengths.push(bytes.length)
        },
        page: (_, digest) => shelves.get(node.did)?.get(toHex(digest)),
        pageCame: (_, __, bytes) => earOf(node).pages.push(bytes) > 0,
      }),
      traffic: (node): TrafficPort => ({
        sent: () => {},
        received: () => {},
        creditWait: () => {},
        synced: () => {},
        snap: (outcome) => void earOf(node).counts.set(outcome, earOf(node).count(outcome) + 1),
      }),
      budgets: ({ world }) =>
        budgets ??
        new Budgets({
          now: () => world.time.now(),
          classOf: () => peerClass,
          isHalved: () => false,
          isThrottled: () => false,
          throttled: () => {},
          exceeded: () => {},
        }),
    })
    this.ears = ears
    this.speakers = speakers
    this.shelves = shelves
  }

  /** One that was not there before. */
  by(signer: TestSigner, more: Partial<SaidParts> = {}): Uint8Array {
    return snapBy(signer, { network: this.genesis.id, space: toySpace, at: [this.time.now(), this.#said++], ...more })
  }

  ear(index: number): Ear {
    return this.ears.get(nodeDid(index)) as Ear
  }

  tell(index: number, message: Uint8Array): void {
    this.nodes[index]?.running?.replicator.tellSnap(toySpace, message)
  }

  /** The last host is in Mallory's hands and has offered the space to the first. */
  async mallory(): Promise<Mallory> {
    const last = this.nodes.length - 1
    this.nodes[last]?.crash()
    const mallory = new Mallory(this, this.nodes[0] as SimNode, nodeSeed(last))
    await mallory.greet()
    mallory.say({ t: 'offer', spaces: [{ space: toySpace, genesis: this.genesis.id }] })
    await this.time.pass(1_000)
    return mallory
  }
}

const open = async (seed: number, nodes: number, more?: ConstructorParameters<typeof SnapWorld>[2]): Promise<SnapWorld> => {
  const world = new SnapWorld(seed, nodes, more)
  await world.open()
  await world.time.pass(3_000)
  return world
}

const snap = (message: Uint8Array) => ({ t: 'snap', space: toySpace, message }) as const

describe('what a host says about a cut', () => {
  it('comes once to each of three hosts in a line, and not back', async () => {
    const world = await open(1, 3)
    world.network.part(nodeDid(0), nodeDid(2))
    await world.time.pass(1_000)
    const first = world.by(keyOf(0))
    world.tell(0, first)
    await world.time.pass(2_000)
    assert.deepEqual(
      [0, 1, 2].map((i) => world.ear(i).heard),
      [[], [toHex(sha256(first))], [toHex(sha256(first))]],
    )
    const last = world.by(keyOf(2), { to: nodeDid(0) })
    world.tell(2, last)
    await world.time.pass(2_000)
    assert.deepEqual(
      [0, 1, 2].map((i) => world.ear(i).heard),
      [[toHex(sha256(last))], [toHex(sha256(first))], [toHex(sha256(first))]],
      'through one that it is not for',
    )
    assert.deepEqual(
      [0, 1, 2].map((i) => [world.ear(i).count('received'), world.ear(i).count('passed_on'), world.ear(i).count('again')]),
      [
        [1, 0, 0],
        [2, 2, 0],
        [1, 0, 0],
      ],
    )
    assert.deepEqual(world.reports, [])
    world.close()
  })

  it('comes once to each of five that are all linked, and ends', async () => {
    const world = await open(2, 5)
    for (let i = 0; i < 5; i++) world.tell(i, world.by(keyOf(i)))
    await world.time.pass(2_000)
    const all = [0, 1, 2, 3, 4]
    const received = (): number => all.reduce((sum, i) => sum + world.ear(i).count('received'), 0)
    assert.deepEqual(
      all.map((i) => [world.ear(i).heard.length, new Set(world.ear(i).heard).size]),
      all.map(() => [4, 4]),
    )
    // Each of five tells four; each of those passes it on to three at most, but not to whom it has it from.
    assert.ok(received() <= 5 * (4 + 4 * 3), `${received()}`)
    const before = received()
    await world.time.pass(120_000)
    assert.equal(received(), before, 'nothing goes round')
    assert.deepEqual(world.reports, [])
    world.close()
  })

  it('is on its way again when it is said anew after a link was broken', async () => {
    const world = await open(3, 3)
    world.network.part(nodeDid(0), nodeDid(2))
    world.network.part(nodeDid(1), nodeDid(2))
    await world.time.pass(1_000)
    const message = world.by(keyOf(0))
    world.tell(0, message)
    await world.time.pass(1_000)
    world.network.heal()
    world.network.part(nodeDid(0), nodeDid(2))
    await world.time.pass(5_000)
    world.tell(0, message)
    await world.time.pass(1_000)
    assert.deepEqual([world.ear(1).heard.length, world.ear(2).heard.length], [1, 0], 'the same bytes are known in between')
    world.tell(0, world.by(keyOf(0)))
    await world.time.pass(1_000)
    assert.deepEqual([world.ear(1).heard.length, world.ear(2).heard.length], [2, 1])
    world.close()
  })

  it('reaches no peer that may not have the space, nor one that was a host until a moment ago', async () => {
    const rules: Rules = {
      ...toyRules,
      hosts: (facts) => toyRules.hosts(facts).filter((did) => did !== nodeDid(2) || facts.get(toy.registers, ['gone'])?.value !== 1),
    }
    const world = await open(4, 3, { rules })
    const mallory = await world.mallory()
    const outsider = new Mallory(world, world.nodes[0] as SimNode)
    await outsider.greet()
    outsider.say({ t: 'offer', spaces: [{ space: toySpace, genesis: world.genesis.id }] })
    await world.time.pass(1_000)
    world.tell(0, world.by(keyOf(0)))
    await world.time.pass(1_000)
    assert.deepEqual([mallory.of('snap').length, outsider.of('snap').length], [1, 0])
    world.nodes[0]?.propose(toySpace, 'toy.set', { name: 'gone', value: 1 })
    await world.time.pass(1_000)
    world.tell(0, world.by(keyOf(0)))
    world.tell(1, world.by(keyOf(1)))
    await world.time.pass(1_000)
    assert.deepEqual([mallory.of('snap').length, outsider.of('snap').length], [1, 0])
    // What they say is not heard either; nobody is charged who may believe to share the space.
    for (const peer of [mallory, outsider]) peer.say(snap(world.by(keyOf(1))))
    await world.time.pass(1_000)
    assert.deepEqual([world.ear(0).heard.length, world.ear(0).count('not_shared')], [1, 2])
    assert.deepEqual(world.reports, [])
    outsider.say({ t: 'offer', spaces: [] })
    outsider.say(snap(world.by(keyOf(1))))
    outsider.say({ t: 'page', space: toySpace, digest: new Uint8Array(32) })
    await world.time.pass(1_000)
    assert.deepEqual(
      world.reports.map(({ kind, peer }) => [kind, peer]),
      Array(2).fill(['unsolicited', outsider.did]),
    )
    world.close()
  })
})

describe('a host that lies about what others say', () => {
  it('is charged for it, alone, and what it says goes nowhere', async () => {
    const world = await open(5, 3)
    const mallory = await world.mallory()
    const stranger = new TestSigner(77)
    mallory.say(snap(world.by(mallory.key, { from: nodeDid(1) })))
    mallory.say(snap(Uint8Array.of(1, 2, 3)))
    mallory.say(snap(world.by(stranger)))
    await world.time.pass(2_000)
    assert.deepEqual(
      world.reports.map(({ by, kind, peer }) => [by, kind, peer]),
      [
        [nodeDid(0), 'bad_signature', mallory.did],
        [nodeDid(0), 'frame_error', mallory.did],
      ],
      'whom it knows as a host is its own affair',
    )
    assert.deepEqual(
      [0, 1].map((i) => world.ear(i).heard),
      [[], []],
    )
    assert.equal(world.ear(1).count('received'), 0)
    assert.deepEqual(
      (['bad_signature', 'malformed', 'not_a_host'] as const).map((outcome) => world.ear(0).count(outcome)),
      [1, 1, 1],
    )
    // Its own word counts, and so does that of others which it passes on.
    mallory.say(snap(world.by(mallory.key)))
    await world.time.pass(1_000)
    assert.deepEqual([world.ear(0).heard.length, world.ear(1).heard.length], [1, 1])
    world.speakers.delete(mallory.did)
    mallory.say(snap(world.by(mallory.key)))
    await world.time.pass(1_000)
    assert.deepEqual([world.ear(0).heard.length, world.ear(1).heard.length], [1, 1], 'who is host no more says nothing')
    world.close()
  })

  it('and floods is read no faster than it may, and others go on with operations and cuts', async () => {
    const world = await open(6, 3)
    const mallory = await world.mallory()
    const hosts = Array.from({ length: 40 }, (_, i) => new TestSigner(new Uint8Array(32).fill(150 + i)))
    for (const { did } of hosts) world.speakers.add(did)
    for (let i = 0; i < 100; i++) mallory.say(snap(world.by(hosts[i % hosts.length] as TestSigner, { bytes: 250_000 })))
    const [victim, other] = world.nodes as [SimNode, SimNode]
    const heardBytes = (): number => world.ear(0).lengths.reduce((sum, length) => sum + length, 0)
    for (let second = 1; second <= 60; second++) {
      other.propose(toySpace, 'toy.set', { name: 'honest', value: second })
      world.tell(1, world.by(keyOf(1)))
      await world.time.pass(1_000)
      assert.equal(victim.journal.read(toySpace)?.get(toy.registers, ['honest'])?.value, second)
    }
    const honest = world.ear(0).lengths.filter((length) => length < 1_000).length
    assert.equal(honest, 60)
    assert.ok(heardBytes() < 2 * 8_388_608 + 500_000, `${heardBytes()} bytes in a minute`)
    assert.ok(heardBytes() > 8_000_000, 'as much as it may')
    assert.ok(mallory.unread > 5_000_000, 'the rest waits at the sender')
    assert.deepEqual(world.reports, [], 'and whoever passes on what hosts say is not charged')
    world.close()
  })

  it('and says much in its own name is heard with two megabytes a minute, and the others hear no more of it', async () => {
    const world = await open(7, 3)
    const mallory = await world.mallory()
    for (let i = 0; i < 30; i++) mallory.say(snap(world.by(mallory.key, { bytes: 250_000 })))
    await world.time.pass(3_000)
    assert.deepEqual([world.ear(0).heard.length, world.ear(1).count('received')], [9, 9])
    assert.equal(world.ear(0).count('over_budget'), 21)
    world.close()
  })
})

describe('a peer that has to wait for two reasons', () => {
  it('waits for the longer of both', async () => {
    let isOver = false
    const budgets: BudgetPort = {
      frame: () => (isOver ? 5_000 : 0),
      operations: (_, sizes) => ({ taken: sizes.length, pauseMs: 0 }),
      snap: () => (isOver ? 10 : 0),
    }
    const world = await open(11, 2, { budgets })
    const mallory = await world.mallory()
    isOver = true
    for (let i = 0; i < 2; i++) mallory.say(snap(world.by(mallory.key)))
    await world.time.pass(4_000)
    assert.equal(world.ear(0).heard.length, 1)
    await world.time.pass(2_000)
    assert.equal(world.ear(0).heard.length, 2)
    isOver = false
    world.close()
  })
})

describe('a page of a vector', () => {
  const page = new Uint8Array(524_288).fill(7)
  const digest = sha256(page)

  it('comes from the host that has it, through the links that there are', async () => {
    const world = await open(8, 3)
    world.shelves.get(nodeDid(2))?.set(toHex(digest), page)
    for (let i = 0; i < 30 && world.ear(0).pages.length === 0; i++) {
      assert.equal(world.nodes[0]?.running?.replicator.askPage(toySpace, digest), true)
      await world.time.pass(1_000)
    }
    assert.deepEqual(world.ear(0).pages, [page])
    assert.deepEqual(world.reports, [])
    world.close()
  })

  it('that is another one or that nobody asked for is charged to its sender', async () => {
    const world = await open(9, 2)
    const mallory = await world.mallory()
    mallory.say({ t: 'page', space: toySpace, digest, bytes: page })
    await world.time.pass(1_000)
    world.nodes[0]?.running?.replicator.askPage(toySpace, digest)
    await world.time.pass(1_000)
    assert.deepEqual(
      mallory.of('page').map((frame) => toHex(frame.digest)),
      [toHex(digest)],
    )
    mallory.say({ t: 'page', space: toySpace, digest, bytes: page.subarray(1) })
    await world.time.pass(1_000)
    assert.deepEqual(
      world.reports.map(({ kind, peer }) => [kind, peer]),
      [
        ['unsolicited', mallory.did],
        ['bad_page', mallory.did],
      ],
    )
    assert.deepEqual(world.ear(0).pages, [])
    world.close()
  })

  it('that was asked for does not count as sent unasked, so that what comes behind it is read at once', async () => {
    const world = await open(12, 2, { peerClass: 'guest' })
    const mallory = await world.mallory()
    await world.time.pass(5_000)
    world.nodes[0]?.running?.replicator.askPage(toySpace, digest)
    await world.time.pass(100)
    mallory.say({ t: 'page', space: toySpace, digest, bytes: page })
    mallory.say(snap(world.by(mallory.key)))
    await world.time.pass(100)
    assert.deepEqual([world.ear(0).pages.length, world.ear(0).heard.length], [1, 1])
    mallory.say({ t: 'page', space: toySpace, digest, bytes: page })
    mallory.say(snap(world.by(mallory.key)))
    await world.time.pass(100)
    assert.deepEqual([world.ear(0).pages.length, world.ear(0).heard.length], [1, 1], 'and what nobody asked for does')
    world.close()
  })

  it('fills no memory for a peer that asks and takes nothing; when it takes again, what hosts say comes before operations', async () => {
    const world = await open(10, 2)
    const mallory = await world.mallory()
    const [victim] = world.nodes as [SimNode]
    // It says that it has what there is, so that what is new is sent to it.
    mallory.say({ t: 'vector', space: toySpace, buckets: [...Array(256).keys()], entries: [], ask: false })
    await world.time.pass(1_000)
    world.shelves.get(victim.did)?.set(toHex(digest), page)
    mallory.stopReading()
    for (let i = 0; i < 20; i++) mallory.say({ t: 'page', space: toySpace, digest })
    await world.time.pass(1_000)
    assert.ok(mallory.held > 1_048_576 && mallory.held < 4 * page.length, `${mallory.held} bytes wait`)
    victim.propose(toySpace, 'toy.set', { name: 'a', value: 1 })
    await world.time.pass(100)
    world.tell(0, world.by(keyOf(0)))
    await world.time.pass(1_000)
    mallory.heard.splice(0)
    for (let i = 0; i < 20; i++) {
      mallory.readOne()
      await world.time.pass(100)
    }
    const order = mallory.heard.map(({ t }) => t).filter((t) => t === 'snap' || t === 'ops' || t === 'page')
    assert.deepEqual(order, ['page', 'page', 'snap', 'ops'])
    assert.deepEqual(world.reports, [])
    world.close()
  })
})
