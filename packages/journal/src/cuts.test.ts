import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Clock, equalBytes, keyOfDid, type Rules, type SignedOperation, toHex, type VectorChange } from '@icn/protocol'
import { Chance, TestSigner, toy, toyRules } from '@icn/testkit'
import type { Ack, Proposed } from './checkpointing.ts'
import { hostSeed, ToyJournal, toySpace, toyStart } from './fixture.ts'
import type { CutLayer } from './layers.ts'

/** Several hosts cut together, with the messages between them carried by hand. */

const seeds = [hostSeed, 21, 22] as const
const hostSigners = seeds.map((seed) => new TestSigner(seed))
const cutAt = (ms: number): Clock => [toyStart + ms, 0]

const openHosts = (count = 3): Promise<ToyJournal[]> => Promise.all(seeds.slice(0, count).map((seed) => new ToyJournal({ seed, hosts: hostSigners.slice(0, count) }).open()))

const ballotOf = (n: number, host: ToyJournal): [number, Uint8Array] => [n, keyOfDid(host.journal.node)]

/** Marks of all, with everything they name carried to everybody. */
async function marksOf(hosts: readonly ToyJournal[], cut: Clock): Promise<VectorChange[][]> {
  for (const { journal } of hosts) await journal.cuts.promise(toySpace, cut)
  return Promise.all(hosts.map(async ({ journal }) => [...(await journal.cuts.mark(toySpace, cut)).changes]))
}

/** Everybody gets everything, and what waits for the running cut with it. */
async function exchange(hosts: readonly ToyJournal[], marks: readonly (readonly VectorChange[])[] = []): Promise<void> {
  const all = hosts.flatMap(({ journal }) => journal.operations(toySpace, { limit: 10_000 }).map(({ operation }) => operation))
  for (const host of hosts) {
    if (marks.length > 0) await host.journal.cuts.admit(toySpace, marks)
    await host.take(...all)
  }
}

/** What each host finds, from the same marks. */
async function found(hosts: readonly ToyJournal[], base: readonly CutLayer[], cut: Clock, marks: readonly (readonly VectorChange[])[]): Promise<Proposed[]> {
  await exchange(hosts, marks)
  return Promise.all(
    hosts.map(async ({ journal }) => {
      const united = await journal.cuts.unite(toySpace, base, cut, marks)
      assert.ok('layers' in united, `something is missing: ${'missing' in united ? united.missing.join() : ''}`)
      return journal.cuts.state(toySpace, united.layers)
    }),
  )
}

const ackOf = ({ journal }: ToyJournal, signer: TestSigner, proposed: Proposed, ballot: [number, Uint8Array]): Ack => ({
  key: keyOfDid(signer.did),
  signature: new Uint8Array(signer.key.sign(journal.cuts.ackBytes(toySpace, proposed, ballot))),
})

/** One whole cut; the first host publishes it, everybody gets it. */
async function cutTogether(hosts: readonly ToyJournal[], cut: Clock, n = 1): Promise<Proposed> {
  const marks = await marksOf(hosts, cut)
  const proposals = await found(hosts, [], cut, marks)
  const [first] = hosts as [ToyJournal]
  const ballot = ballotOf(n, first)
  const proposed = proposals[0] as Proposed
  for (const other of proposals) assert.equal(toHex(other.root), toHex(proposed.root))
  const acks = hosts.map((host, index) => ackOf(host, hostSigners[index] as TestSigner, proposals[index] as Proposed, ballot))
  await first.journal.cuts.certify(toySpace, proposed, ballot, acks)
  for (const { journal } of hosts) await journal.cuts.end(toySpace)
  await exchange(hosts)
  return proposed
}

const cutOf = ({ journal }: ToyJournal) => journal.info(toySpace)?.checkpoint
const rootOf = ({ journal }: ToyJournal): string => toHex(journal.root(toySpace).root)

describe('hosts that cut together', () => {
  it('find one state whatever each had, and it is final for all of them', async () => {
    const hosts = await openHosts()
    for (const [index, host] of hosts.entries())
      for (let i = 0; i < 5; i++) await host.take(host.sign(10 * i + index + 1, { kind: 'toy.add', body: { name: 's', amount: 60 } }, new TestSigner(30 + 5 * index + i)))
    const proposed = await cutTogether(hosts, cutAt(35))
    assert.equal(proposed.count, 13)
    for (const host of hosts) {
      assert.deepEqual(cutOf(host)?.cut, cutAt(35))
      assert.equal(toHex(cutOf(host)?.root as Uint8Array), toHex(proposed.root))
      assert.equal(rootOf(host), rootOf(hosts[0] as ToyJournal))
      assert.equal(host.journal.operations(toySpace, { limit: 100 }).filter(({ final }) => final).length, 13)
      assert.deepEqual(host.journal.read(toySpace)?.get(toy.sums, ['s']), { total: 480, count: 8 })
      assert.deepEqual(host.journal.doctor(), [])
    }
  })

  it('leave behind what nobody had when all had said what they have', async () => {
    const hosts = await openHosts()
    const [one, two] = hosts as [ToyJournal, ToyJournal]
    const ada = new TestSigner(40)
    const [known, late] = [one.sign(10, {}, ada), one.sign(20, {}, ada)]
    await one.take(known)
    const marks = await marksOf(hosts, cutAt(30))
    // It comes between the mark and the state: kept aside, and not in the union.
    assert.equal((await two.take(late)).held, 1)
    const proposals = await found(hosts, [], cutAt(30), marks)
    assert.deepEqual(two.statuses(late), ['held'])
    const ballot = ballotOf(1, one)
    const acks = hosts.map((host, index) => ackOf(host, hostSigners[index] as TestSigner, proposals[index] as Proposed, ballot))
    await one.journal.cuts.certify(toySpace, proposals[0] as Proposed, ballot, acks.slice(0, 2))
    for (const { journal } of hosts) await journal.cuts.end(toySpace)
    await exchange(hosts)
    for (const host of hosts) {
      await host.take(known, late)
      assert.deepEqual(host.statuses(known, late), ['applied', 'late'])
      assert.equal(host.journal.operation(known.id)?.final, true)
      assert.equal(rootOf(host), rootOf(one))
    }
  })

  it('fold what was kept aside when the cut is given up', async () => {
    const [host] = (await openHosts()) as [ToyJournal]
    const ada = new TestSigner(40)
    await host.journal.cuts.promise(toySpace, cutAt(30))
    const aside = host.sign(10, {}, ada)
    assert.equal((await host.take(aside)).held, 1)
    await host.journal.cuts.end(toySpace)
    assert.deepEqual(host.statuses(aside), ['applied'])
  })

  it('keep a promise over a restart: nothing of their own stands at or before it', async () => {
    const [host] = (await openHosts()) as [ToyJournal]
    await host.journal.cuts.promise(toySpace, cutAt(70_000))
    await host.restart()
    const { operation } = await host.propose('toy.set', { name: 'a', value: 2 })
    assert.ok((operation?.operation.envelope.at[0] as number) >= toyStart + 70_000)
  })

  it('go on where a majority had agreed before: its layer stays, and one more is put on it', async () => {
    const hosts = await openHosts()
    const [one, two, three] = hosts as [ToyJournal, ToyJournal, ToyJournal]
    const [ada, ben] = [new TestSigner(40), new TestSigner(41)]
    await exchange([one, two, three])
    await one.take(one.sign(10, {}, ada))
    await two.take(two.sign(11, {}, ben))
    const early = three.sign(12, {}, new TestSigner(42))
    // The first attempt: two of three mark and acknowledge; nobody hears of the certificate.
    const pair = [one, two]
    const first = await found(pair, [], cutAt(30), await marksOf(pair, cutAt(30)))
    for (const { journal } of pair) await journal.cuts.end(toySpace)
    await three.take(early)
    await exchange(hosts)
    for (const host of hosts) await host.take(host.sign(40, { body: { name: 'b', value: 1 }, keep: true }, new TestSigner(43)))
    // The second one keeps the layer, so what the third had before its cut is outside.
    const base = (first[0] as Proposed).layers
    const second = await found(hosts, base, cutAt(50), await marksOf(hosts, cutAt(50)))
    for (const other of second) assert.equal(toHex(other.root), toHex((second[0] as Proposed).root))
    const ballot = ballotOf(2, two)
    const acks = (proposals: readonly Proposed[], who: readonly number[], given: [number, Uint8Array]): Ack[] =>
      who.map((index) => ackOf(hosts[index] as ToyJournal, hostSigners[index] as TestSigner, proposals[index] as Proposed, given))
    await two.journal.cuts.certify(toySpace, second[1] as Proposed, ballot, acks(second, [0, 1, 2], ballot))
    for (const { journal } of hosts) await journal.cuts.end(toySpace)
    // The certificate of the first attempt is found after all; it says less, and both are right.
    await one.journal.cuts.certify(toySpace, first[0] as Proposed, ballotOf(1, one), acks(first, [0, 1], ballotOf(1, one)))
    await exchange(hosts)
    for (const host of hosts) {
      assert.deepEqual(cutOf(host)?.cut, cutAt(50))
      assert.deepEqual(host.statuses(early), ['late'])
      assert.equal(rootOf(host), rootOf(one))
      assert.deepEqual(host.journal.doctor(), [])
    }
  })

  it('count a signer up to the last operation on which they agree', async () => {
    const hosts = (await openHosts(2)) as [ToyJournal, ToyJournal]
    const [one, two] = hosts
    const ada = new TestSigner(40)
    const common = one.sign(10, {}, ada)
    for (const host of hosts) await host.take(common)
    const [left, right] = [one.sign(11, { body: { name: 'l', value: 1 }, keep: true }, ada), one.sign(12, { body: { name: 'r', value: 1 } }, ada)]
    await one.take(left)
    await two.take(right)
    const proposed = await cutTogether(hosts, cutAt(30))
    const entries = proposed.layers[0]?.changes.filter(([key]) => equalBytes(key, keyOfDid(ada.did)))
    assert.deepEqual(entries, [[keyOfDid(ada.did), 0, common.id]])
    for (const host of hosts) assert.deepEqual(host.statuses(common, left, right), ['applied', 'forked', 'forked'])
  })

  it('take the earliest of innocent reissues, whoever had which', async () => {
    const hosts = (await openHosts(2)) as [ToyJournal, ToyJournal]
    const [one, two] = hosts
    const ada = new TestSigner(40)
    const [early, again] = [one.sign(10, { keep: true }, ada), one.sign(20, {}, ada)]
    await one.take(early)
    const after = one.sign(25, {}, ada)
    await two.take(again, after)
    const proposed = await cutTogether(hosts, cutAt(30))
    const entries = proposed.layers[0]?.changes.filter(([key]) => equalBytes(key, keyOfDid(ada.did)))
    assert.deepEqual(
      entries?.map(([, seq, head]) => [seq, head]),
      [
        [0, early.id],
        [1, after.id],
      ],
    )
    for (const host of hosts) assert.deepEqual(host.statuses(early, again, after), ['applied', 'superseded', 'applied'])
  })

  it('take no notice of what somebody names who cannot have it', async () => {
    const hosts = (await openHosts(2)) as [ToyJournal, ToyJournal]
    const [one] = hosts
    const [ada, ben] = [new TestSigner(40), new TestSigner(41)]
    const [first, beyond] = [one.sign(10, {}, ada), one.sign(60, {}, ben)]
    await one.take(first, beyond)
    const marks = await marksOf(hosts, cutAt(30))
    const lies: VectorChange[][] = [[[keyOfDid(ben.did), 0, beyond.id]], [[keyOfDid(ben.did), 0, first.id]], [[keyOfDid(ada.did), 4, first.id]]]
    const honest = await one.journal.cuts.unite(toySpace, [], cutAt(30), marks)
    for (const lie of lies) assert.deepEqual(await one.journal.cuts.unite(toySpace, [], cutAt(30), [...marks, lie]), honest)
    const unknown = one.sign(12, { keep: true }, new TestSigner(50)).id
    assert.deepEqual(await one.journal.cuts.unite(toySpace, [], cutAt(30), [...marks, [[keyOfDid(ada.did), 1, unknown]]]), { missing: [unknown] })
  })
})

describe('an acknowledgement', () => {
  it('counts only under exactly what was found, and a certificate with another is not published', async () => {
    const hosts = (await openHosts(2)) as [ToyJournal, ToyJournal]
    const [one] = hosts
    await one.take(one.sign(10))
    const [proposed] = (await found(hosts, [], cutAt(30), await marksOf(hosts, cutAt(30)))) as [Proposed]
    const { cuts } = one.journal
    const ballot = ballotOf(1, one)
    const own = ackOf(one, hostSigners[0] as TestSigner, proposed, ballot)
    const other = ackOf(one, hostSigners[1] as TestSigner, proposed, ballotOf(2, one))
    assert.deepEqual([cuts.isAck(toySpace, proposed, ballot, own), cuts.isAck(toySpace, proposed, ballot, other)], [true, false])
    await assert.rejects(cuts.certify(toySpace, proposed, ballot, [own, other]), (error: { code?: string }) => error.code === 'CHECKPOINT_ACKS')
    assert.equal(cutOf(one), null)
  })
})

describe('hosts that lapse', () => {
  /** Who is written into the register `gone` counts no more. */
  const lapsing: Rules = {
    ...toyRules,
    hosts: (facts) => toyRules.hosts(facts).filter((_, index) => index !== facts.get(toy.registers, ['gone'])?.value),
    hasLapsed: (facts, host) => facts.get(toy.registers, ['lapsed']) !== undefined && !lapsing.hosts(facts).includes(host),
  }

  for (const isLapsed of [false, true])
    it(`${isLapsed ? 'are not waited for' : 'are waited for until then'}`, async () => {
      const signers = hostSigners.slice(0, 2)
      const hosts = await Promise.all(seeds.slice(0, 2).map((seed) => new ToyJournal({ seed, hosts: signers, rules: lapsing }).open()))
      const [one] = hosts as [ToyJournal, ToyJournal]
      const inOrder = lapsing.hosts(one.journal.read(toySpace) as never)
      const gone = inOrder.indexOf((signers[1] as TestSigner).did)
      await one.take(one.sign(10, { body: { name: 'gone', value: gone } }, new TestSigner(40)))
      if (isLapsed) await one.take(one.sign(11, { body: { name: 'lapsed', value: 1 } }, new TestSigner(41)))
      assert.equal(one.journal.cuts.hosts(toySpace).before.length, isLapsed ? 1 : 2)
      const [marks] = await marksOf([one], cutAt(30))
      const [proposed] = (await found([one], [], cutAt(30), [marks as VectorChange[]])) as [Proposed]
      const ballot = ballotOf(1, one)
      const certified = one.journal.cuts.certify(toySpace, proposed, ballot, [ackOf(one, signers[0] as TestSigner, proposed, ballot)])
      assert.deepEqual(proposed.hostsBefore.length, isLapsed ? 1 : 2)
      // The toy's law asks nobody; the real one asks for more than half of these.
      await certified
    })
})

describe('cuts at random moments', () => {
  for (let seed = 1; seed <= 12; seed++)
    it(`make the same final everywhere, in whatever order things come (seed ${seed})`, async () => {
      const chance = new Chance(seed)
      const hosts = await openHosts()
      const people = Array.from({ length: 6 }, (_, i) => new TestSigner(60 + i))
      const said: SignedOperation[] = []
      let now = 1
      for (let round = 1; round <= 4; round++) {
        const fresh: SignedOperation[] = []
        for (let i = 0; i < 30; i++) {
          now += 1 + chance.below(20)
          const body = { name: `n${chance.below(4)}`, amount: 1 + chance.below(40) }
          fresh.push((hosts[0] as ToyJournal).sign(now, { kind: 'toy.add', body }, people[chance.below(people.length)]))
        }
        // Each host has heard a part of it, some of it out of order and twice.
        for (const host of hosts) {
          host.now = toyStart + now + 1_000
          await host.take(...[...fresh, ...said].filter(() => chance.chance(0.6)).sort(() => chance.next() - 0.5))
        }
        said.push(...fresh)
        const before = new Map(hosts.map((host) => [host, host.journal.operations(toySpace, { limit: 1_000 }).filter(({ final }) => final)]))
        await cutTogether(hosts, cutAt(now - chance.below(200)), round)
        for (const host of hosts) {
          await host.take(...said)
          for (const { operation, status } of before.get(host) ?? []) assert.equal(host.journal.operation(operation.id)?.status, status, 'what is final stays')
        }
        for (const host of hosts) {
          assert.equal(rootOf(host), rootOf(hosts[0] as ToyJournal))
          assert.deepEqual(host.statuses(...said), (hosts[0] as ToyJournal).statuses(...said))
          assert.deepEqual(cutOf(host)?.id, cutOf(hosts[0] as ToyJournal)?.id)
        }
      }
      for (const { journal } of hosts) assert.deepEqual(journal.doctor(), [])
    })
})
