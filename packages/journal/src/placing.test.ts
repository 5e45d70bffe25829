import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cidOf, encodeCanonical, heldPerSignerMax, type OperationId, type SignedOperation, toHex } from '@icn/protocol'
import { raw, TestSigner, toy } from '@icn/testkit'
import { ToyJournal, toySpace } from './fixture.ts'

const unknown = cidOf(encodeCanonical('nobody has it')) as OperationId

describe('a number that is used twice', () => {
  const differing: readonly (readonly [string, object])[] = [
    ['another body', { body: { name: 'a', value: 2 } }],
    ['another kind', { kind: 'toy.other' }],
    ['another author', { author: new TestSigner(2).did }],
  ]
  for (const [what, more] of differing) {
    it(`is a fork with ${what}`, async () => {
      const s = await new ToyJournal().open()
      const [one, two] = [s.sign(1, { keep: true }), s.sign(2, more)]
      await s.take(one, two)
      assert.deepEqual(s.statuses(one, two), ['forked', 'forked'])
    })
  }

  it('is a fork after two different reissues, though all the rest is the same', async () => {
    const s = await new ToyJournal().open()
    const [first, again] = [s.sign(1, { keep: true }), s.sign(2, { keep: true })]
    const [one, two] = [s.sign(3, { seq: 1, prev: first.id, keep: true }), s.sign(4, { seq: 1, prev: again.id })]
    await s.take(first, again, one, two)
    assert.deepEqual(s.statuses(first, again, one, two), ['applied', 'superseded', 'forked', 'forked'])
  })
})

describe('a number that is used very often', () => {
  it('costs its signer, and nobody who takes it in: each costs what the one before did', async () => {
    const reads = async (count: number): Promise<number> => {
      const s = await new ToyJournal().open()
      const signer = () => new TestSigner(5)
      const operations = Array.from({ length: count }, (_, i) => s.sign(1 + i, { body: { name: 'a', value: i } }, signer()))
      const before = s.reads
      for (const operation of operations) await s.take(operation)
      assert.deepEqual(new Set(s.statuses(...operations)), new Set(['forked']))
      return s.reads - before
    }
    const [few, many] = [await reads(20), await reads(200)]
    assert.ok(many < 15 * few, `${few} reads for 20, ${many} for 200`)
  })
})

describe('a second use that has no place', () => {
  it('decides nothing until its parents are here: nodes with the same in place agree on every status', async () => {
    const s = await new ToyJournal().open()
    const parent = s.sign(1, {}, new TestSigner(3))
    const one = s.sign(2, { keep: true })
    const two = s.sign(3, { body: { name: 'a', value: 2 }, seen: [parent.id] })
    await s.take(one, two)
    assert.deepEqual(s.statuses(one, two), ['applied', 'held'])
    await s.take(parent)
    assert.deepEqual(s.statuses(one, two), ['forked', 'forked'])
    assert.deepEqual(s.journal.doctor(), [])
  })
})

describe('a first operation', () => {
  it('stands, whatever its signer does with the number afterwards', async () => {
    const s = await new ToyJournal().open()
    const founder = new TestSigner(8)
    const again = s.sign(1, {}, founder)
    await s.take(again, s.sign(2, {}, founder))
    assert.deepEqual(s.statuses(s.genesis, again), ['applied', 'forked'])
    assert.deepEqual(s.journal.doctor(), [])
  })

  it('is one for each space', async () => {
    const s = await new ToyJournal().open()
    const other = s.sign(1, { genesis: null, kind: 'toy.found', body: { name: 'other' } })
    assert.deepEqual((await s.take(other)).malformed, [{ id: other.id, reason: 'genesis' }])
    assert.deepEqual([s.statuses(other), s.journal.info(toySpace)?.genesis], [[undefined], s.genesis.id])
  })
})

describe('parents', () => {
  it('stand before: the same clock is too early', async () => {
    const s = await new ToyJournal().open()
    const first = s.sign(1, { keep: true })
    await s.take(first)
    const cases = [
      s.sign(1, { seen: [first.id] }, new TestSigner(3)),
      s.sign(1, { seq: 1, prev: first.id, keep: true }),
      s.sign(1, { grant: first.id }, new TestSigner(4)),
      s.sign(0, {}, new TestSigner(5)),
    ]
    for (const operation of cases) assert.deepEqual((await s.take(operation)).malformed, [{ id: operation.id, reason: 'clock' }])
  })

  it('are counted without holes', async () => {
    const s = await new ToyJournal().open()
    const first = s.sign(1)
    const skipping = s.sign(2, { seq: 2, keep: true })
    assert.deepEqual((await s.take(first, skipping)).malformed, [{ id: skipping.id, reason: 'chain' }])
  })

  for (const parent of ['seen', 'prev', 'grant'] as const) {
    it(`are waited for: ${parent}`, async () => {
      const s = await new ToyJournal().open()
      const awaited = s.sign(1, {}, new TestSigner(3))
      const names = { seen: { seen: [awaited.id] }, prev: { seq: 1, prev: awaited.id }, grant: { grant: awaited.id } }
      const waiting = s.sign(2, names[parent], new TestSigner(parent === 'prev' ? 3 : 4))
      const { placed, held, wanted } = await s.take(waiting)
      assert.deepEqual([placed, held, wanted], [0, 1, [awaited.id]])
      await s.take(awaited)
      assert.deepEqual(s.statuses(waiting), ['applied'])
    })
  }
})

describe('what is held', () => {
  it('is bounded for each signer, and the oldest goes', async () => {
    const s = await new ToyJournal().open()
    const many = Array.from({ length: heldPerSignerMax + 1 }, (_, i) => s.sign(i + 1, { seen: [unknown] }))
    const other = s.sign(1, { seen: [unknown] }, new TestSigner(3))
    await s.take(other, ...many)
    assert.equal(s.journal.info(toySpace)?.operations.held, heldPerSignerMax + 1)
    assert.equal(s.evicted, 1)
    assert.deepEqual(s.statuses(...([other, many[0], many[1], many.at(-1)] as SignedOperation[])), ['held', undefined, 'held', 'held'])
    assert.deepEqual(s.journal.doctor(), [])
  })
})

describe('one operation', () => {
  it('writes a thousand rows and no more', async () => {
    const s = await new ToyJournal().open()
    const [fits, breaks] = [1_000, 1_001].map((rows) => s.sign(rows, { kind: 'toy.break', body: { rows, fault: false } })) as [SignedOperation, SignedOperation]
    await s.take(fits, breaks)
    assert.deepEqual(s.statuses(fits, breaks), ['applied', 'refused'])
    assert.equal(s.journal.read(toySpace)?.get(toy.registers, ['row-1000']), undefined)
  })
})

describe('an operation that comes again', () => {
  it('is known without another look at its signature', async () => {
    const s = await new ToyJournal().open()
    const own = s.sign(1)
    await s.take(own)
    const { checked } = s
    assert.deepEqual(await s.take(own, s.genesis), { placed: 0, held: 0, known: 2, malformed: [], wanted: [], own: [] })
    assert.equal(s.checked, checked)
  })

  it('is examined with other bytes under the same name, and changes nothing', async () => {
    const s = await new ToyJournal().open()
    const own = s.sign(1)
    await s.take(own)
    const unsigned = { ...own, signature: new Uint8Array(64) }
    const other = { ...own, body: encodeCanonical({ name: 'a', value: 2 }) }
    const bare = { ...own, body: null }
    const { known, malformed } = await s.take(unsigned, other, bare)
    assert.deepEqual(
      malformed.map(({ reason }) => reason),
      ['body_hash', 'body', 'signature'],
    )
    assert.equal(known, 0)
    assert.deepEqual(s.journal.operation(own.id)?.body, { name: 'a', value: 1 })
    assert.equal(toHex(s.journal.vectors(toySpace)?.raw(own.id)?.signature as Uint8Array), toHex(own.signature))
  })

  it('is checked at once and folded after what it was told to wait for', async () => {
    const s = await new ToyJournal().open()
    const one = s.sign(1_000)
    const { promise, resolve } = Promise.withResolvers<void>()
    const before = s.checked
    const taken = s.journal.ingest(toySpace, [raw(one)], promise)
    await new Promise((done) => setTimeout(done, 20))
    assert.equal(s.checked, before + 1)
    assert.deepEqual(s.statuses(one), [undefined])
    resolve()
    assert.equal((await taken).placed, 1)
    assert.deepEqual(s.statuses(one), ['applied'])
  })
})
