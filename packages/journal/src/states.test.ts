import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeCanonical, keyOfDid, type OperationId, type RawOperation, type SignedOperation, toHex, type Trace } from '@icn/protocol'
import { raw, TestSigner } from '@icn/testkit'
import { hostSeed, ToyJournal, toySpace } from './fixture.ts'
import { Refusal } from './refusal.ts'
import type { StateReader, StateSource } from './states.ts'
import { readTracePage } from './traces.ts'

/** A node with a final state, and one that has nothing. */
async function pair(hosts: readonly TestSigner[] = [new TestSigner(hostSeed)]) {
  const host = await new ToyJournal({ hosts }).open()
  const writer = new TestSigner(30)
  const operations = [1, 2, 3].map((n) => host.sign(n, { kind: 'toy.add', body: { name: 's', amount: n } }, writer))
  await host.take(...operations)
  await host.journal.checkpoint(toySpace, 0)
  return { host, writer, operations, empty: new ToyJournal({ hosts, seed: 14 }) }
}

type Pair = Awaited<ReturnType<typeof pair>>

async function read<Answer>({ host }: Pick<Pair, 'host'>, use: (reader: StateReader) => Promise<Answer> | Answer): Promise<Answer> {
  const reader = await host.journal.states.open(toySpace)
  try {
    return await use(reader)
  } finally {
    reader.close()
  }
}

async function refusal(run: Promise<unknown>): Promise<string> {
  try {
    await run
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error))
    return [error.code, error.params['reason']].filter(Boolean).join(' ')
  }
  return 'taken'
}

/** The same source with something else in it. */
const altered = (reader: StateReader, change: Partial<StateSource>): StateSource => ({
  network: reader.network,
  space: reader.space,
  genesis: reader.genesis,
  certificate: reader.certificate,
  first: reader.first,
  traces: () => reader.traces(),
  pairs: () => reader.pairs(),
  ...change,
})

const tracesOf = (reader: StateReader): Trace[] => [...(reader.traces() as Iterable<Uint8Array>)].flatMap((page) => readTracePage(page) as Trace[])
const retraced = (reader: StateReader, change: (trace: Trace) => readonly Trace[]): StateSource =>
  altered(reader, { traces: () => [encodeCanonical(tracesOf(reader).flatMap(change))] })
const bent = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))

describe('a state going out', () => {
  it('is not there while nothing is final', async () => {
    const host = await new ToyJournal().open()
    assert.equal(await refusal(host.journal.states.open(toySpace)), 'NOTHING_FINAL')
    assert.equal(await refusal(host.journal.states.open('coop:none' as typeof toySpace)), 'SPACE_UNKNOWN')
  })

  it('is that of the last cut, whatever is written meanwhile', async () => {
    const { host, writer } = await pair()
    const { root } = host.journal.root(toySpace)
    await host.journal.checkpoint(toySpace, 0)
    await host.take(host.sign(20_000, { kind: 'toy.add', body: { name: 's', amount: 5 } }, writer))
    await read({ host }, async (reader) => {
      await host.take(host.sign(20_001, { kind: 'toy.add', body: { name: 's', amount: 5 } }, writer))
      assert.equal(toHex(reader.root), toHex(host.journal.info(toySpace)?.checkpoint?.root as Uint8Array))
      assert.notEqual(toHex(reader.root), toHex(root), 'its own row came after the cut')
      assert.equal(
        reader.pairsCount,
        reader.tables.reduce((sum, { pairs }) => sum + pairs, 0),
      )
      assert.equal(
        reader.bytes,
        [...(reader.pairs() as Iterable<Uint8Array>)].reduce((sum, leaf) => sum + leaf.length, 0),
      )
      assert.deepEqual(
        reader.leaves.map(({ bytes }) => bytes),
        reader.leaves.map((_, index) => reader.leaf(index).length),
      )
      assert.equal(reader.count, 4)
    })
  })
})

describe('a state coming in', () => {
  it('is taken over, and everything before it is known by name', async () => {
    const made = await pair()
    const { host, empty, operations, writer } = made
    const installed = await read(made, (reader) => empty.journal.states.install(reader))
    assert.equal(installed.count, 4)
    assert.deepEqual(empty.journal.states.floor(toySpace), installed.cut)
    assert.deepEqual(empty.journal.info(toySpace)?.historyFrom, installed.cut)
    const [first] = operations as [SignedOperation]
    assert.deepEqual([empty.journal.operation(first.id), empty.journal.states.isTrace(toySpace, first.id)], [undefined, true])
    assert.equal(empty.journal.vectors(toySpace)?.raw(first.id), undefined)
    assert.deepEqual(empty.journal.vectors(toySpace)?.lacking(new Map([[writer.did, 1]]), { countMax: 10, bytesMax: 10_000 }), { operations: [], next: null })
    // Its first operation and the certificate are here.
    assert.equal(empty.journal.operation(host.genesis.id)?.final, true)
    assert.deepEqual(empty.journal.root(toySpace), host.journal.root(toySpace))
    assert.deepEqual(empty.journal.doctor(), [])
    await empty.restart()
    assert.deepEqual(empty.journal.vectors(toySpace)?.entries(), host.journal.vectors(toySpace)?.entries())
    assert.equal(empty.journal.vectors(toySpace)?.buckets().join(), host.journal.vectors(toySpace)?.buckets().join())
    // Whoever wrote before goes on.
    const next = host.sign(20_000, { kind: 'toy.add', body: { name: 's', amount: 5 } }, writer)
    for (const node of [host, empty]) assert.equal((await node.take(next)).placed, 1)
    assert.deepEqual(empty.journal.root(toySpace), host.journal.root(toySpace))
    // And what comes from it can be given on.
    const third = new ToyJournal({ seed: 15 })
    await read({ host: empty }, (reader) => third.journal.states.install(reader))
    await third.take(next)
    assert.deepEqual(third.journal.root(toySpace), host.journal.root(toySpace))
  })

  it('is refused for whatever does not prove it, and leaves nothing', async () => {
    const made = await pair()
    const { empty, host } = made
    const other = new TestSigner(8).sign({ space: toySpace, genesis: null, kind: 'toy.found', body: { name: 'toy', hosts: [] }, at: [1, 0] })
    const cases: readonly (readonly [string, string, (reader: StateReader) => StateSource])[] = [
      ['a byte of a pair', 'STATE_UNPROVEN root', (r) => altered(r, { pairs: () => [...(r.pairs() as Iterable<Uint8Array>)].map((leaf) => bent(leaf, leaf.length - 1)) })],
      ['a pair that is left out', 'STATE_UNPROVEN root', (r) => altered(r, { pairs: () => [...(r.pairs() as Iterable<Uint8Array>)].slice(1) })],
      ['pairs twice', 'STATE_UNPROVEN pairs', (r) => altered(r, { pairs: () => [r.leaf(0), r.leaf(0)] })],
      ['half a pair', 'STATE_UNPROVEN pairs', (r) => altered(r, { pairs: () => [r.leaf(0).subarray(0, 5)] })],
      ['no pages', 'STATE_UNPROVEN count', (r) => altered(r, { traces: () => [] })],
      ['a page that is none', 'STATE_UNPROVEN traces', (r) => altered(r, { traces: () => [new Uint8Array(9)] })],
      [
        'a head that is another',
        'STATE_UNPROVEN vector',
        (r) => retraced(r, (trace) => [trace[0] === 'chain' ? [trace[0], trace[1], trace[2], bent(trace[3], trace[3].length - 40)] : trace]),
      ],
      ['a signer who is left out', 'STATE_UNPROVEN count', (r) => retraced(r, (trace) => (trace[0] === 'chain' && trace[3].length > 40 ? [] : [trace]))],
      ['clocks that fall', 'STATE_UNPROVEN traces', (r) => retraced(r, (trace) => [trace[0] === 'chain' ? [trace[0], trace[1], trace[2], bent(trace[3], 34)] : trace])],
      [
        'an acknowledgement that is none',
        'STATE_UNPROVEN acknowledgements',
        (r) => altered(r, { certificate: recertified(host, r, { acks: [{ key: keyOfDid(host.ada.did), signature: new Uint8Array(64) }] }) }),
      ],
      ['no certificate', 'STATE_UNPROVEN certificate', (r) => altered(r, { certificate: raw(host.sign(30_000, { keep: true })) })],
      ['a signature of the certificate', 'STATE_UNPROVEN certificate', (r) => altered(r, { certificate: { ...r.certificate, signature: new Uint8Array(64) } })],
      ['another first operation', 'WRONG_GENESIS', (r) => altered(r, { first: raw(other) })],
      ['other rules', 'RULES_UNSUPPORTED', (r) => altered(r, { certificate: recertified(host, r, { rules: '1-new' }) })],
    ]
    for (const [what, code, change] of cases) {
      assert.equal(await refusal(read(made, (reader) => empty.journal.states.install(change(reader)))), code, what)
      assert.deepEqual(empty.journal.spaces(), [], what)
    }
    // What they have left is dropped, and does not stand in the way.
    await empty.journal.maintain()
    await read(made, (reader) => empty.journal.states.install(reader))
    assert.deepEqual(empty.journal.doctor(), [])
  })

  it('needs more than half of the hosts that it finds inside', async () => {
    const [one, two, three] = [new TestSigner(hostSeed), new TestSigner(10), new TestSigner(11)]
    const made = await pair([one, two, three])
    // The toy's law takes one of three.
    assert.equal(await refusal(read(made, (reader) => made.empty.journal.states.install(reader))), 'STATE_UNPROVEN no_majority')
  })

  it('takes the place of what is here only when told so, and that stays aside', async () => {
    const made = await pair()
    const { host, empty, writer } = made
    await empty.open()
    const own = host.sign(2, { kind: 'toy.set', body: { name: 'lost', value: 1 } }, new TestSigner(31))
    await empty.take(own)
    assert.equal(await refusal(read(made, (reader) => empty.journal.states.install(reader))), 'SPACE_PRESENT')
    assert.equal(empty.journal.operation(own.id)?.status, 'applied')
    const { epoch } = empty.journal.events(toySpace, undefined, 1)
    await read(made, (reader) => empty.journal.states.install(reader, { replace: true }))
    assert.equal(empty.journal.operation(own.id), undefined)
    assert.deepEqual(empty.journal.root(toySpace), host.journal.root(toySpace))
    assert.notEqual(empty.journal.events(toySpace, undefined, 1).epoch, epoch)
    // What it had may come again.
    assert.equal((await empty.take(own)).placed, 1)
    assert.equal(empty.journal.operation(own.id)?.status, 'late')
    await empty.journal.maintain()
    await empty.restart()
    assert.equal(empty.journal.spaces().length, 1)
    empty.now += 31 * 86_400_000
    await empty.journal.maintain()
    const next = host.sign(20_000, { kind: 'toy.add', body: { name: 's', amount: 5 } }, writer)
    await empty.take(next)
    assert.equal(empty.journal.operation(next.id)?.status, 'applied')
    assert.deepEqual(empty.journal.doctor(), [])
  })

  it('brings along what an earlier cut has left behind although later numbers count', async () => {
    const { host, writer, empty } = await pair()
    const [behind, after] = [
      host.sign(2, { kind: 'toy.add', body: { name: 's', amount: 7 }, keep: true }),
      host.sign(20_000, { kind: 'toy.add', body: { name: 's', amount: 8 } }, writer),
    ]
    await host.take(behind, after)
    await host.take(host.sign(20_001, { seq: 1, prev: behind.id, kind: 'toy.add', body: { name: 's', amount: 9 }, keep: true }))
    host.now += 30_000
    empty.now = host.now
    await host.journal.checkpoint(toySpace, 0)
    assert.deepEqual(host.statuses(behind), ['late'])
    await read({ host }, (reader) => empty.journal.states.install(reader))
    assert.deepEqual(empty.statuses(behind), ['late'])
    assert.deepEqual(
      empty.journal.quarantine(toySpace, { limit: 10 }).map(({ operation }) => operation.id),
      [behind.id],
    )
    assert.deepEqual(empty.journal.doctor(), [])
  })

  it('understands certificates of cuts before it that others carry only now', async () => {
    const made = await pair()
    const { host, empty, writer } = made
    const carried: unknown[] = []
    for (const turn of [1, 2, 3]) {
      carried.push(host.journal.operation(host.journal.info(toySpace)?.checkpoint?.operation as OperationId)?.body)
      host.now += 30_000
      await host.take(host.sign(10_000 + turn * 30_000, { kind: 'toy.add', body: { name: 's', amount: turn } }, writer))
      await host.journal.checkpoint(toySpace, 0)
    }
    empty.now = host.now
    await read(made, (reader) => empty.journal.states.install(reader))
    const again = [...carried, host.journal.operation(host.journal.info(toySpace)?.checkpoint?.operation as OperationId)?.body].map((body, n) =>
      host.sign(105_000 + n, { kind: 'space.checkpoint', body }, new TestSigner(50 + n)),
    )
    for (const node of [host, empty]) {
      await node.take(...again)
      await node.journal.maintain()
    }
    assert.deepEqual(host.statuses(...again), ['applied', 'applied', 'applied', 'applied'])
    assert.deepEqual(empty.statuses(...again), host.statuses(...again))
    assert.deepEqual(empty.journal.root(toySpace), host.journal.root(toySpace))
    assert.deepEqual(empty.journal.doctor(), [])
  })

  it('judges a second use of a number that it knows by name when it has read the first', async () => {
    const made = await pair()
    const { host, empty, operations, writer } = made
    await read(made, (reader) => empty.journal.states.install(reader))
    const [first] = operations as [SignedOperation]
    const fork = host.sign(15_000, { kind: 'toy.set', body: { name: 'twice', value: 1 }, seq: 0, prev: null, keep: true }, writer)
    const next = host.sign(20_000, { kind: 'toy.add', body: { name: 's', amount: 5 } }, writer)
    for (const node of [host, empty]) await node.take(next)
    const { wanted } = await empty.take(fork)
    assert.deepEqual(wanted, [first.id])
    await empty.take(first)
    await host.take(fork)
    assert.deepEqual(empty.statuses(fork, next), ['forked', 'forked'])
    assert.deepEqual(empty.statuses(fork, next), host.statuses(fork, next))
    assert.deepEqual(empty.journal.doctor(), [])
  })
})

/** The certificate with something else in it, signed by somebody. */
function recertified(host: ToyJournal, reader: StateReader, change: Readonly<Record<string, unknown>>): RawOperation {
  const { body } = host.journal.operation(host.journal.info(toySpace)?.checkpoint?.operation as OperationId) as { body: Record<string, unknown> }
  assert.ok(reader.certificate.body)
  return raw(host.sign(30_000, { kind: 'space.checkpoint', body: { ...body, ...change }, keep: true }))
}
