import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Did, keyOfDid, type Rules, type SignedOperation, statementBytes } from '@icn/protocol'
import { TestSigner, toy, toyRules } from '@icn/testkit'
import { ackPayload, type CheckpointBody } from './finality.ts'
import { hostSeed, ToyJournal, toySpace } from './fixture.ts'

const [one, two, three] = [new TestSigner(hostSeed), new TestSigner(10), new TestSigner(11)]
const carrier = new TestSigner(12)
const writer = new TestSigner(13)

/** Which nodes are hosts depends on whether the register `moved` is written. */
const moving = (before: readonly Did[], after: readonly Did[]): Rules => ({
  ...toyRules,
  hosts: (facts) => (facts.get(toy.registers, ['moved']) === undefined ? before : after),
})

/** A host that has cut everything, and another node that has everything but the cut. */
async function pair(options: { readonly rules?: Rules; readonly hosts?: readonly TestSigner[] } = {}) {
  const host = await new ToyJournal(options).open()
  const other = await new ToyJournal({ ...options, seed: 14 }).open()
  const operations = [host.sign(1, { body: { name: 'moved', value: 1 } }), host.sign(2, {}, writer)]
  writer.seq = 0
  writer.prev = null
  for (const node of [host, other]) await node.take(...operations)
  await host.journal.checkpoint(toySpace, 0)
  return { host, other, operations }
}

/** A further node that has what the host has, but for its cuts. */
async function withoutCuts(host: ToyJournal): Promise<ToyJournal> {
  const node = await new ToyJournal({ seed: 15 }).open()
  const operations = host.journal.operations(toySpace, { limit: 10 }).map(({ operation }) => operation)
  await node.take(...operations.filter(({ envelope }) => envelope.kind !== 'space.checkpoint'))
  return node
}

const newest = (host: ToyJournal) => host.journal.operations(toySpace, { limit: 1, kind: 'space.checkpoint', reverse: true })[0]
const cutting = (host: ToyJournal): SignedOperation => newest(host)?.operation as SignedOperation
const lastCut = (host: ToyJournal): CheckpointBody => newest(host)?.body as CheckpointBody

/** A certificate, acknowledged by these. */
function certified(host: ToyJournal, body: CheckpointBody, signers: readonly TestSigner[]): CheckpointBody {
  const message = statementBytes('checkpoint', ackPayload(host.genesis.id, toySpace, body))
  return { ...body, acks: signers.map((signer) => ({ key: keyOfDid(signer.did), signature: new Uint8Array(signer.key.sign(message)) })) }
}

const carry = (host: ToyJournal, body: CheckpointBody, at = 20_000): SignedOperation => host.sign(at, { kind: 'space.checkpoint', body, keep: true }, carrier)
const cutOf = (node: ToyJournal) => node.journal.info(toySpace)?.checkpoint?.cut

describe('a cut from elsewhere', () => {
  it('counts with more than half of the hosts, and not with half', async () => {
    const { host, other } = await pair({ hosts: [one, two] })
    await other.take(carry(host, certified(host, lastCut(host), [one])))
    assert.equal(cutOf(other), undefined)
    const both = certified(host, lastCut(host), [one, two])
    // Its carrier has used its number twice now, which is no matter.
    await other.take(carry(host, both))
    assert.deepEqual(cutOf(other), both.cut)
    assert.deepEqual(other.journal.doctor(), [])
  })

  const moves: readonly (readonly [string, readonly TestSigner[], readonly TestSigner[], TestSigner])[] = [
    ['of the hosts at the cut', [one], [one, two], one],
    ['of the hosts before it', [one, two], [two], two],
  ]
  for (const [whose, before, after, signer] of moves) {
    it(`needs the majority ${whose}`, async () => {
      const { host, other } = await pair({
        rules: moving(
          before.map(({ did }) => did),
          after.map(({ did }) => did),
        ),
      })
      await other.take(carry(host, certified(host, lastCut(host), [signer])))
      assert.equal(cutOf(other), undefined)
      await other.take(host.sign(20_000, { kind: 'space.checkpoint', body: certified(host, lastCut(host), [one, two]), keep: true }, three))
      assert.deepEqual(cutOf(other), lastCut(host).cut)
    })
  }

  it('counts nobody twice, and nobody who has not signed', async () => {
    const { host, other } = await pair({ hosts: [one, two, three] })
    const good = certified(host, lastCut(host), [one, two])
    const unsigned = good.acks.map(({ key }) => ({ key, signature: new Uint8Array(64) }))
    for (const [seed, acks] of [certified(host, lastCut(host), [one, one]).acks, unsigned, [good.acks[0], unsigned[1]]].entries())
      await other.take(host.sign(20_000, { kind: 'space.checkpoint', body: { ...good, acks } }, new TestSigner(40 + seed)))
    assert.equal(cutOf(other), undefined)
    await other.take(carry(host, good))
    assert.deepEqual(cutOf(other), good.cut)
  })

  it('leaves nothing behind that its root has not left behind', async () => {
    const { host, other, operations } = await pair()
    const layers = lastCut(host).layers.map((layer) => ({ ...layer, changes: layer.changes?.filter(([key]) => Buffer.compare(key, keyOfDid(writer.did)) !== 0) }))
    await other.take(carry(host, certified(host, { ...lastCut(host), layers }, [one])))
    assert.equal(cutOf(other), undefined)
    assert.deepEqual(other.statuses(...operations), ['applied', 'applied'])
  })

  it('waits for everything it names', async () => {
    const { host, operations } = await pair()
    const other = await new ToyJournal({ seed: 14 }).open()
    const cut = carry(host, lastCut(host))
    const { held, wanted } = await other.take(cut)
    assert.deepEqual([held, new Set(wanted)], [1, new Set([host.genesis, ...operations].map(({ id }) => id).slice(1))])
    await other.take(...operations)
    assert.deepEqual(cutOf(other), lastCut(host).cut)
  })

  it('makes final what it covers and not what comes late', async () => {
    const { host, operations } = await pair()
    const late = host.sign(2, {}, new TestSigner(15))
    await host.take(late)
    const shown = [...operations, late].map(({ id }) => host.journal.operation(id))
    assert.deepEqual(
      shown.map((operation) => [operation?.status, operation?.final]),
      [
        ['applied', true],
        ['applied', true],
        ['late', false],
      ],
    )
  })

  it('is for good: a reissue of what it covers is superseded, whatever else its signer did', async () => {
    const { host, operations } = await pair()
    const final = operations[0] as SignedOperation
    const [fork, again] = [host.sign(3, { seq: 0, prev: null, keep: true }), host.sign(2, { seq: 0, prev: null, body: { name: 'moved', value: 1 }, keep: true })]
    for (const operation of [fork, again]) await host.take(operation)
    assert.deepEqual(host.statuses(final, fork, again), ['applied', 'forked', 'superseded'])
  })

  it('stands whatever its carrier signs besides, before or after it, and the next one follows', async () => {
    const { host, other } = await pair()
    const own = cutting(host)
    const first = carry(host, lastCut(host))
    const twin = host.sign(20_001, { keep: true }, carrier)
    const later = host.sign(20_002, { seq: 1, prev: first.id, keep: true }, carrier)
    const third = await withoutCuts(host)
    for (const [node, order] of [
      [other, [first, twin, later]],
      [third, [later, twin, first]],
    ] as const)
      for (const operation of order) await node.take(operation)
    for (const node of [other, third]) {
      assert.deepEqual(node.statuses(first, twin, later), ['applied', 'forked', 'forked'])
      assert.deepEqual(cutOf(node), lastCut(host).cut)
      assert.deepEqual(node.journal.doctor(), [])
    }
    for (const node of [host, other, third]) {
      node.now += 30_000
      await node.take(own, first, twin, later, host.sign(30_000, { keep: true }))
    }
    await host.journal.checkpoint(toySpace, 0)
    for (const node of [other, third]) {
      await node.take(cutting(host))
      assert.deepEqual(cutOf(node), lastCut(host).cut)
      assert.deepEqual(node.journal.root(toySpace), host.journal.root(toySpace))
    }
  })

  it('may be carried by several, in any order', async () => {
    const { host, other } = await pair()
    const third = await withoutCuts(host)
    const carriers = [
      cutting(host),
      carry(host, lastCut(host), 20_000),
      carry(host, lastCut(host), 19_998),
      host.sign(19_999, { kind: 'space.checkpoint', body: lastCut(host) }, new TestSigner(50)),
    ]
    for (const operation of carriers) await other.take(operation)
    for (const operation of carriers.toReversed()) await third.take(operation)
    await host.take(...carriers)
    for (const node of [other, third]) {
      assert.deepEqual(node.statuses(...carriers), host.statuses(...carriers))
      assert.deepEqual(node.journal.root(toySpace), host.journal.root(toySpace))
      assert.deepEqual(cutOf(node), lastCut(host).cut)
      assert.deepEqual(node.journal.doctor(), [])
    }
  })

  it('follows the last one', async () => {
    const { host, other } = await pair()
    await other.take(cutting(host))
    const first = cutOf(other)
    host.now = other.now += 30_000
    for (const node of [host, other]) await node.take(host.sign(30_000, { keep: true }))
    await host.journal.checkpoint(toySpace, 0)
    const { previous: _, ...orphan } = lastCut(host)
    await other.take(carry(host, certified(host, orphan, [one]), 40_000))
    assert.deepEqual(cutOf(other), first)
    await other.take(cutting(host))
    assert.deepEqual(cutOf(other), lastCut(host).cut)
  })

  it('stands before the operation that carries it', async () => {
    const { host, other } = await pair()
    await other.take(carry(host, lastCut(host), 2))
    assert.equal(cutOf(other), undefined)
  })
})
