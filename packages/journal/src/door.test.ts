import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bodyHash, cidOf, compareClocks, dayMs, encodeCanonical, type OperationId, sealOperation, type SpaceId, utf8 } from '@icn/protocol'
import { TestSigner, toy } from '@icn/testkit'
import { ToyJournal, toySpace, toyStart } from './fixture.ts'
import type { Refusal } from './refusal.ts'

const refusal = (code: string) => (error: Refusal) => error.code === code
const add = { kind: 'toy.add', body: { name: 's', amount: 100 } }

describe('what is handed in at a door', () => {
  it('belongs to this space and not to another of its name', async () => {
    const s = await new ToyJournal().open()
    const genesis = cidOf(encodeCanonical('another one')) as OperationId
    await assert.rejects(s.journal.submit(s.sign(10_000, { genesis })), refusal('WRONG_GENESIS'))
  })

  it('has its body in one spelling', async () => {
    const s = await new ToyJournal().open()
    // The map { value: 1, name: "a" } in this order, which is not the one of DAG-CBOR.
    const body = Uint8Array.of(0xa2, 0x65, ...utf8('value'), 0x01, 0x64, ...utf8('name'), 0x61, 0x61)
    const { envelope } = s.sign(10_000, { keep: true })
    const operation = sealOperation({ ...envelope, body_hash: bodyHash(body) }, body, (message) => s.ada.key.sign(message))
    await assert.rejects(s.journal.submit(operation), refusal('OPERATION_MALFORMED'))
    assert.deepEqual((await s.take(operation)).malformed, [{ id: operation.id, reason: 'body' }])
  })

  it('was signed within a minute of now, also when it begins a space', async () => {
    const s = await new ToyJournal().open()
    const garden = (at: number) =>
      new TestSigner(4).sign({ space: 'coop:garden' as SpaceId, genesis: null, kind: 'toy.found', body: { name: 'garden', hosts: [] }, at: [toyStart + at, 0] })
    for (const [at, code] of [
      [70_001, 'CLOCK_AHEAD'],
      [10_000 + 365 * dayMs, 'CLOCK_AHEAD'],
      [-50_001, 'LATE'],
    ] as const) {
      await assert.rejects(s.journal.submit(garden(at)), refusal(code))
      await assert.rejects(s.journal.submit(s.sign(at, {}, new TestSigner(5))), refusal(code))
    }
    assert.equal(s.journal.info('coop:garden' as SpaceId), undefined)
    assert.ok(s.journal.clock.last[0] <= s.now, 'the clock stayed where it was')
    assert.equal((await s.journal.submit(garden(70_000))).outcome, 'applied')
  })

  it('is late behind a cut that is being made, and what stands after it is not', async () => {
    const s = await new ToyJournal().open()
    await s.take(s.sign(9_000, {}, new TestSigner(3)))
    await s.journal.cuts.promise(toySpace, [toyStart + 9_000, 0])
    await assert.rejects(s.journal.submit(s.sign(9_000)), refusal('LATE'))
    await s.journal.cuts.end(toySpace)
    assert.equal((await s.journal.submit(s.sign(9_001, {}, new TestSigner(4)))).outcome, 'applied')
    // Others may have made it final meanwhile: the promise stays.
    for (const again of [() => Promise.resolve(), () => s.restart()]) {
      await again()
      await assert.rejects(
        s.journal.submit(new TestSigner(6).sign({ space: toySpace, genesis: s.genesis.id, kind: 'toy.set', body: { name: 'a', value: 1 }, at: [toyStart + 9_000, 0] })),
        refusal('LATE'),
      )
    }
    assert.equal((await s.take(s.sign(8_000, {}, new TestSigner(7)))).placed, 1, 'others may hold it too')
  })

  it('is judged once, on what its author had read', async () => {
    const s = await new ToyJournal().open()
    const { did } = s.ada
    const read = () => s.journal.simulate([{ space: toySpace, author: did, signer: did, grant: null, ...add }]).readDigest
    const unchanged = read()
    await s.journal.submit(s.sign(10_001, add), { unchanged })
    assert.deepEqual(s.journal.read(toySpace)?.get(toy.sums, ['s']), { total: 100, count: 1 })
    await assert.rejects(s.journal.submit(s.sign(10_002, { ...add, keep: true }), { unchanged }), refusal('STATE_CHANGED'))
    await s.journal.submit(s.sign(10_002, add), { unchanged: read() })
    assert.equal(s.journal.read(toySpace)?.get(toy.sums, ['s'])?.total, 200)
    assert.deepEqual(s.journal.doctor(), [])
  })

  it('is judged anew when a range that was read has changed', async () => {
    const s = await new ToyJournal().open()
    const { node } = s.journal
    const sweep = { space: toySpace, kind: 'toy.sweep', author: node, grant: null, body: {} }
    await s.propose('toy.set', { name: 'a', value: 1 })
    const { readDigest: unchanged } = s.journal.simulate([sweep])
    await s.propose('toy.set', { name: 'b', value: 1 })
    await assert.rejects(s.journal.propose(sweep, { unchanged }), refusal('STATE_CHANGED'))
    assert.equal(s.journal.read(toySpace)?.get(toy.registers, ['a'])?.value, 1)
  })
})

describe('callers who share a write', () => {
  it('do not share a fault', async () => {
    const s = await new ToyJournal().open()
    const faulty = () => {
      throw new Error('a fault of one caller')
    }
    const draft = { space: toySpace, author: s.journal.node, grant: null, ...add }
    const results = await Promise.allSettled([s.journal.propose(draft), s.journal.propose(draft, { answer: faulty }), s.journal.propose(draft)])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    assert.deepEqual(s.journal.read(toySpace)?.get(toy.sums, ['s']), { total: 200, count: 2 })
    assert.deepEqual(s.journal.doctor(), [])
  })
})

describe('an answer under a key', () => {
  it('is known for seven days, and forgotten as others come', async () => {
    const s = await new ToyJournal().open()
    const ask = (key: string) =>
      s.journal.propose(
        { space: toySpace, author: s.journal.node, grant: null, kind: 'toy.add', body: { name: 's', amount: 1 } },
        { idempotency: { key, input: Uint8Array.of(1) } },
      )
    await ask('first')
    s.now += 7 * dayMs
    await ask('second')
    assert.equal((await ask('first')).replayed, true)
    s.now += 1
    await ask('third')
    assert.equal((await ask('first')).replayed, false)
    assert.equal(s.journal.read(toySpace)?.get(toy.sums, ['s'])?.total, 4)
  })
})

describe('the clock of a node', () => {
  const clockOf = async (s: ToyJournal) => (await s.propose('toy.set', { name: 'a', value: 1 })).operation?.operation.envelope.at ?? [0, 0]

  it('moves past what is received, but not past what is too far ahead', async () => {
    const s = await new ToyJournal().open()
    await s.take(s.sign(70_001))
    assert.deepEqual(await clockOf(s), [s.now, 0])
    await s.take(s.sign(70_000, {}, new TestSigner(3)))
    assert.deepEqual(await clockOf(s), [toyStart + 70_000, 1])
  })

  it('moves past the first operation, and past what waited, when its own is slow', async () => {
    const s = new ToyJournal()
    s.now = toyStart - 5_000
    await s.open()
    assert.deepEqual(await clockOf(s), [toyStart, 1])
    await s.take(s.sign(90_000))
    s.now = toyStart + 30_000
    await s.journal.maintain()
    assert.deepEqual(await clockOf(s), [toyStart + 90_000, 1])
    assert.deepEqual(s.journal.doctor(), [])
  })

  it('never goes back, whatever the wall clock does, also over a restart', async () => {
    const s = await new ToyJournal().open()
    const first = await clockOf(s)
    s.now -= 5_000
    const second = await clockOf(s)
    await s.restart()
    const third = await clockOf(s)
    assert.ok(compareClocks(first, second) < 0 && compareClocks(second, third) < 0, `${first} ${second} ${third}`)
    assert.deepEqual(s.journal.doctor(), [])
  })
})
