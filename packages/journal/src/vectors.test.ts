import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Did, type RawOperation, type SignedOperation, toHex, type Vectors } from '@icn/protocol'
import { Chance, TestSigner } from '@icn/testkit'
import { ToyJournal, toySpace } from './fixture.ts'

const vectors = (node: ToyJournal): Vectors => node.journal.vectors(toySpace) as Vectors
const names = (operations: readonly RawOperation[]): string[] => operations.map(({ signature }) => toHex(signature).slice(0, 12))
const all = { countMax: 1_000, bytesMax: 1_000_000 }

/** What one node lacks of another, asked for as two nodes do: what is past its numbers, and what was used twice. */
const lackOf = (other: ToyJournal, node: ToyJournal): RawOperation[] => {
  const known = new Map(
    vectors(node)
      .entries()
      .map((entry) => [entry.signer, entry]),
  )
  const from = new Map<Did, number>()
  const more: RawOperation[] = []
  for (const { signer, seq, head, sum } of vectors(other).entries()) {
    const mine = known.get(signer)
    if (mine !== undefined && toHex(mine.sum) === toHex(sum)) continue
    if (mine === undefined || mine.seq < seq) from.set(signer, (mine?.seq ?? -1) + 1)
    else if (mine.head !== head) more.push(vectors(other).raw(head) as RawOperation)
    if (mine !== undefined) more.push(...vectors(other).twins(signer))
  }
  return [...vectors(other).lacking(from, all).operations, ...more]
}

describe('vectors', () => {
  it('say of each signer how far they go, and are the same for the same set', async () => {
    const [one, two] = [await new ToyJournal().open(), await new ToyJournal({ seed: 14 }).open()]
    const operations = [one.sign(1), one.sign(2), one.sign(3, {}, new TestSigner(20))]
    await one.take(...operations)
    for (const operation of operations.toReversed()) await two.take(operation)
    assert.deepEqual(vectors(two).entries(), vectors(one).entries())
    assert.deepEqual(vectors(two).buckets(), vectors(one).buckets())
    assert.deepEqual(
      vectors(one)
        .entries()
        .map(({ seq }) => seq)
        .sort(),
      [0, 0, 1],
    )
  })

  it('do not count what is held', async () => {
    const node = await new ToyJournal().open()
    const [first, second] = [node.sign(1), node.sign(2)]
    const before = vectors(node).buckets()
    await node.take(second)
    assert.deepEqual(vectors(node).buckets(), before)
    assert.equal(vectors(node).raw(second.id), undefined)
    await node.take(first)
    assert.notDeepEqual(vectors(node).buckets(), before)
    assert.deepEqual(vectors(node).raw(second.id)?.signature, second.signature)
  })

  it('give what is lacking in total order and in pages', async () => {
    const node = await new ToyJournal().open()
    const chance = new Chance(5)
    const signers = [21, 22, 23].map((seed) => new TestSigner(seed))
    const operations = Array.from({ length: 40 }, (_, i) => node.sign(i + 1, {}, chance.pick(signers)))
    await node.take(...operations)
    const from = new Map(signers.map(({ did }) => [did, 3]))
    const wanted = operations.filter(({ envelope }) => envelope.seq >= 3)
    const pages: RawOperation[][] = []
    for (let after: string | null | undefined; after !== null; ) {
      const page = vectors(node).lacking(from, { ...(after === undefined ? {} : { after }), countMax: 7, bytesMax: 1_000_000 })
      pages.push([...page.operations])
      after = page.next
    }
    assert.ok(pages.slice(0, -1).every((page) => page.length === 7))
    assert.deepEqual(names(pages.flat()), names(wanted.map(({ signature }) => ({ envelope: new Uint8Array(), signature, body: null }))))
    const bytesMax = 900
    const small = vectors(node).lacking(from, { countMax: 100, bytesMax })
    assert.ok(small.operations.length < wanted.length && small.next !== null)
    assert.equal(vectors(node).lacking(from, { countMax: 100, bytesMax: 1 }).operations.length, 1, 'one goes however large')
    assert.deepEqual(vectors(node).lacking(new Map(), all), { operations: [], next: null })
  })

  it('bring two nodes together, whatever each has missed, also reissues and forks', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const chance = new Chance(seed)
      const nodes = [await new ToyJournal().open(), await new ToyJournal({ seed: 14 }).open()] as const
      const signers = [new TestSigner(30), new TestSigner(31)]
      const set: SignedOperation[] = []
      for (let i = 0; i < 12; i++) {
        const signer = chance.pick(signers)
        const parts = { body: { name: 'a', value: chance.below(3) } }
        const operation = nodes[0].sign(10 * i + 1, { ...parts, keep: true }, signer)
        set.push(operation)
        if (chance.chance(0.2)) set.push(nodes[0].sign(10 * i + 5, { ...(chance.chance(0.5) ? parts : { body: { name: 'b', value: 9 } }), keep: true }, signer))
        signer.seq++
        signer.prev = chance.chance(0.8) ? operation.id : (set.at(-1) as SignedOperation).id
      }
      for (const node of nodes) await node.take(...set.filter(() => chance.chance(0.7)))
      for (let round = 0; round < 8; round++) {
        for (const [node, other] of [nodes, nodes.toReversed()] as [ToyJournal, ToyJournal][]) {
          const lacking = lackOf(other, node)
          if (lacking.length === 0) continue
          let { wanted } = await node.journal.ingest(toySpace, lacking)
          for (let tries = 0; wanted.length > 0 && tries < 20; tries++) {
            const found = wanted.flatMap((id) => vectors(other).raw(id) ?? [])
            if (found.length === 0) break
            ;({ wanted } = await node.journal.ingest(toySpace, found))
          }
        }
      }
      assert.deepEqual(nodes[1].journal.info(toySpace)?.setDigest, nodes[0].journal.info(toySpace)?.setDigest, `seed ${seed}`)
      assert.deepEqual(vectors(nodes[1]).entries(), vectors(nodes[0]).entries(), `seed ${seed}`)
      assert.deepEqual(nodes[1].journal.root(toySpace), nodes[0].journal.root(toySpace))
    }
  })
})
