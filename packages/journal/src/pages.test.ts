import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeTrusted, encodeTrusted, keyOfDid, sha256, type SignedOperation, statementBytes, toHex, type VectorChange } from '@icn/protocol'
import { raw, TestSigner } from '@icn/testkit'
import { ackPayload, type CheckpointBody } from './finality.ts'
import { hostSeed, ToyJournal, toySpace } from './fixture.ts'
import { isVectorPage, pagesNamed } from './pages.ts'

const hostSigner = new TestSigner(hostSeed)

function signerNumber(number: number): TestSigner {
  const seed = new Uint8Array(32)
  new DataView(seed.buffer).setUint32(0, number + 1_000)
  return new TestSigner(seed)
}

/** A host that has cut what so many have signed, and another node that has all but the cut. */
async function pair(signers: number) {
  const host = await new ToyJournal().open()
  const other = await new ToyJournal({ seed: 14 }).open()
  const operations = Array.from({ length: signers }, (_, index) => host.sign(1 + Math.floor(index / 3), { body: { name: 'a', value: index } }, signerNumber(index)))
  for (const node of [host, other]) await node.take(...operations)
  await host.journal.checkpoint(toySpace, 0)
  return { host, other, cut: newest(host) }
}

const newest = (host: ToyJournal): { readonly operation: SignedOperation; readonly body: CheckpointBody } => {
  const [placed] = host.journal.operations(toySpace, { limit: 1, kind: 'space.checkpoint', reverse: true })
  return placed as unknown as { operation: SignedOperation; body: CheckpointBody }
}
const pageOf = (node: ToyJournal, digest: Uint8Array): Uint8Array => node.journal.cuts.page(toySpace, digest) as Uint8Array
const give = (node: ToyJournal, digest: Uint8Array, bytes: Uint8Array, needed: readonly Uint8Array[] = []): Promise<boolean> =>
  node.journal.cuts.takePage(toySpace, digest, bytes, needed)
const wanted = (node: ToyJournal): string[] => node.journal.cuts.pagesWanted(toySpace, 100).map(toHex)
const lastOf = (node: ToyJournal) => node.journal.info(toySpace)?.checkpoint
const names = (digests: readonly Uint8Array[]): string[] => digests.map(toHex)

/** The same, said by somebody else, with layers of another spelling. */
function carried(host: ToyJournal, body: CheckpointBody, layers: CheckpointBody['layers'], carrier = new TestSigner(40)): SignedOperation {
  return host.sign(20_000, { kind: 'space.checkpoint', body: { ...body, layers }, keep: true }, carrier)
}

describe('a cut with more signers than an operation can name', () => {
  it('is one cut, whose certificate waits for its pages elsewhere, whatever comes first', async () => {
    const { host, other, cut } = await pair(4_200)
    const digests = pagesNamed(cut.body.layers)
    assert.deepEqual([digests.length, host.journal.info(toySpace)?.unfinal], [2, 0])
    assert.ok(encodeTrusted(cut.body).length < 4_096)
    assert.equal((await other.take(cut.operation)).held, 1)
    assert.deepEqual(wanted(other).sort(), names(digests).sort())
    const [first, second] = digests as [Uint8Array, Uint8Array]
    assert.equal(await give(other, second, pageOf(host, second)), true)
    assert.deepEqual([other.statuses(cut.operation), wanted(other)], [['held'], names([first])])
    // What waits outlives a restart, and so does what has come for it.
    await other.restart()
    await other.journal.cuts.forgetPages(toySpace, [])
    assert.deepEqual(wanted(other), names([first]))
    await give(other, first, pageOf(host, first))
    assert.deepEqual(lastOf(other), lastOf(host))
    assert.deepEqual([other.statuses(cut.operation), wanted(other), other.journal.doctor()], [['applied'], [], []])
    assert.deepEqual(other.journal.root(toySpace), host.journal.root(toySpace))
    // Whoever gets it next gets its pages here.
    await other.journal.cuts.forgetPages(toySpace, [])
    assert.deepEqual(names(digests.map((digest) => sha256(pageOf(other, digest)))), names(digests))
    const third = await new ToyJournal({ seed: 15 }).open()
    await third.take(cut.operation)
    for (const digest of digests) await give(third, digest, pageOf(other, digest))
    assert.equal(lastOf(third), null)
    await third.take(...other.journal.operations(toySpace, { limit: 10_000 }).map(({ operation }) => operation))
    assert.deepEqual(lastOf(third), lastOf(host))
  })

  it('goes out and comes in as a state with its pages, and the next cut follows', async () => {
    const { host } = await pair(320)
    const empty = new ToyJournal({ seed: 14 })
    const reader = await host.journal.states.open(toySpace)
    await empty.journal.states.install(reader)
    reader.close()
    assert.deepEqual(lastOf(empty)?.root, lastOf(host)?.root)
    await host.take(host.sign(20_000))
    await host.journal.checkpoint(toySpace, 0)
    await empty.take(...host.journal.operations(toySpace, { limit: 1_000 }).map(({ operation }) => operation))
    assert.deepEqual([lastOf(empty), empty.journal.doctor()], [lastOf(host), []])
  })

  it('has one spelling: a certificate that is written otherwise is none', async () => {
    const { host, other, cut } = await pair(320)
    const [digest] = pagesNamed(cut.body.layers) as [Uint8Array]
    const bytes = pageOf(host, digest)
    const changes = decodeTrusted(bytes) as VectorChange[]
    const layer = { cut: cut.body.cut }
    const paged = (...lists: VectorChange[][]) => {
      const pages = lists.map((list) => encodeTrusted(list))
      return { layers: [{ ...layer, pages: pages.map((page) => sha256(page)) }], pages }
    }
    // In pages that are not full, and in pages where 300 would have fitted.
    for (const { layers, pages } of [paged(changes.slice(0, 200), changes.slice(200)), paged(changes.slice(0, 300))]) {
      const wrong = carried(host, cut.body, layers)
      assert.equal((await other.take(wrong)).held, 1)
      for (const page of pages) await give(other, sha256(page), page)
      assert.deepEqual([other.statuses(wrong), other.journal.info(toySpace)?.operations.held], [[undefined], 0])
      await other.journal.cuts.forgetPages(toySpace, [])
      assert.deepEqual(
        pages.map((page) => other.journal.cuts.page(toySpace, sha256(page))),
        pages.map(() => undefined),
      )
    }
    const bad = [
      { ...layer, changes: changes.slice(0, 1) },
      { cut: [layer.cut[0] + 1, 0] as [number, number], pages: [digest] },
    ] as CheckpointBody['layers']
    assert.deepEqual(
      (await other.take(carried(host, cut.body, bad))).malformed.map(({ reason }) => reason),
      ['body'],
    )
    const backwards = encodeTrusted([changes[1], changes[0]])
    assert.deepEqual([isVectorPage(bytes), isVectorPage(backwards), isVectorPage(bytes.slice(1)), isVectorPage(encodeTrusted([]))], [true, false, false, false])
  })

  it('asks for nothing that too few hosts stand behind, and keeps nothing that nobody needs', async () => {
    const { host, other, cut } = await pair(320)
    const [digest] = pagesNamed(cut.body.layers) as [Uint8Array]
    const stranger = new TestSigner(41)
    const message = statementBytes('checkpoint', ackPayload(host.genesis.id, toySpace, cut.body))
    const acks = [{ key: keyOfDid(stranger.did), signature: new Uint8Array(stranger.key.sign(message)) }]
    const wrong = carried(host, { ...cut.body, acks }, cut.body.layers)
    assert.equal((await other.take(wrong)).held, 1)
    assert.deepEqual(wanted(other), [])
    assert.equal(await give(other, digest, pageOf(host, digest)), false)
    assert.equal(other.journal.cuts.page(toySpace, digest), undefined)
    // What an attempt names is kept until it is over; not more than there is room for.
    const pages = Array.from({ length: 257 }, (_, index) => encodeTrusted([[keyOfDid(hostSigner.did), index, host.genesis.id]]))
    const needed = pages.map((page) => sha256(page))
    const kept: boolean[] = []
    for (const [index, page] of pages.entries()) kept.push(await give(other, needed[index] as Uint8Array, page, needed))
    assert.deepEqual(
      kept,
      pages.map((_, index) => index < 256),
    )
    // What is needed goes before what is not.
    assert.equal(await give(other, needed[256] as Uint8Array, pages[256] as Uint8Array, needed.slice(1)), true)
    assert.equal(other.journal.cuts.page(toySpace, needed[0] as Uint8Array), undefined)
    await other.journal.cuts.forgetPages(toySpace, needed.slice(0, 2))
    assert.equal(needed.filter((one) => other.journal.cuts.page(toySpace, one) !== undefined).length, 1)
    await other.take(cut.operation)
    await give(other, digest, pageOf(host, digest))
    assert.deepEqual(lastOf(other), lastOf(host))
  })

  it('settles the same in whatever order operations, certificates and pages come', async () => {
    const { host } = await pair(310)
    await host.take(...Array.from({ length: 305 }, (_, index) => host.sign(20_000 + index, { body: { name: 'b', value: index } }, signerNumber(2_000 + index))))
    host.now += 30_000
    await host.journal.checkpoint(toySpace, 0)
    const operations = host.journal.operations(toySpace, { limit: 10_000 }).map(({ operation }) => operation)
    const cuts = host.journal.operations(toySpace, { limit: 10, kind: 'space.checkpoint' })
    assert.equal(cuts.length, 2)
    const digests = cuts.flatMap(({ body }) => pagesNamed((body as CheckpointBody).layers))
    for (const order of [operations, [...operations].reverse(), [...operations.slice(400), ...operations.slice(0, 400)]])
      for (const pages of [digests, [...digests].reverse()]) {
        const node = await new ToyJournal({ seed: 16 }).open()
        node.now = host.now
        const half = Math.floor(order.length / 2)
        await node.journal.ingest(toySpace, order.slice(0, half).map(raw))
        for (const digest of pages) await give(node, digest, pageOf(host, digest))
        await node.journal.ingest(toySpace, order.slice(half).map(raw))
        // Whoever asks, asks until nothing is wanted.
        for (let round = 0; wanted(node).length > 0; round++) {
          assert.ok(round < 3)
          for (const digest of pages) if (wanted(node).includes(toHex(digest))) await give(node, digest, pageOf(host, digest))
        }
        assert.deepEqual(lastOf(node), lastOf(host))
        assert.deepEqual(node.journal.info(toySpace)?.setDigest, host.journal.info(toySpace)?.setDigest)
        assert.deepEqual([node.journal.root(toySpace), node.journal.doctor()], [host.journal.root(toySpace), []])
      }
  })
})
