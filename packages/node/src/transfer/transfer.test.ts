import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { type JournalApi, journalDefaults, openJournal, openMemoryStore } from '@icn/journal'
import {
  type Did,
  didOfKey,
  type EvidenceName,
  encodeCanonical,
  encodeSnapMessage,
  type OperationId,
  type SpaceId,
  signSnapMessage,
  type StateMessage,
  decodeStateMessage,
} from '@icn/protocol'
import { type SigningKey, signingKeyFromSeed } from '@icn/protocol/node'
import { raw, TestSigner, toyRules } from '@icn/testkit'
import { CallRefusal } from '../calls/refusal.ts'
import { fetchState, type FetchingParts, type StateWanted } from './fetching.ts'
import { StateServing } from './serving.ts'

const space = 'coop:toy' as SpaceId
const start = 1_790_000_000_000
const rowCount = 600
const folder = mkdtempSync(join(tmpdir(), 'icn-transfer-'))
after(() => rmSync(folder, { recursive: true, force: true }))

class TestNode {
  readonly key: SigningKey
  readonly did: Did
  readonly journal: JournalApi
  readonly serving: StateServing
  readonly folder: string
  /** What is asked of it, and what may be done to its answers. */
  asked = 0
  bend: (message: StateMessage) => StateMessage | undefined = (message) => message
  now = start + 50_000
  mayHave = true

  constructor(seed: number) {
    this.key = signingKeyFromSeed(new Uint8Array(32).fill(seed))
    this.did = didOfKey(this.key.publicKey)
    this.journal = openJournal({
      store: openMemoryStore(),
      key: this.key,
      node: this.did,
      rulesOf: () => toyRules,
      wall: () => this.now,
      options: { ...journalDefaults, verifyThreads: 0 },
    })
    this.folder = join(folder, `${seed}-${Math.random()}`)
    this.serving = new StateServing({
      ...this.talker,
      journal: this.journal,
      folder: join(this.folder, 'serving'),
      options: { chunkBytes: 4_096, level: 1, stateBytesMax: 1_000_000, bytesPerSecond: 1_000_000_000 },
      mayHave: () => this.mayHave,
      refused: (code) => new Error(code),
    })
  }

  get talker() {
    return { node: this.did, network: () => genesis.id, sign: (bytes: Uint8Array) => new Uint8Array(this.key.sign(bytes)), now: () => this.now }
  }

  async answer(peer: Did, request: Uint8Array): Promise<Uint8Array> {
    this.asked++
    const answer = await this.serving.answer(peer, request)
    if (answer === undefined) throw new Error('no answer')
    const bent = this.bend(decodeStateMessage(answer) as StateMessage)
    if (bent === undefined) throw new Error('silent')
    const { signature: _, ...content } = bent
    return encodeSnapMessage(signSnapMessage<StateMessage>(content as StateMessage, (bytes) => new Uint8Array(this.key.sign(bytes))) as StateMessage)
  }
}

const hosts = [1, 2, 3].map((seed) => new TestSigner(seed))
const genesis = new TestSigner(8).sign({ space, genesis: null, kind: 'toy.found', body: { name: 'toy', hosts: hosts.map(({ did }) => did) }, at: [start, 0] })

/** Three hosts of a space with one checkpoint that all of them have signed, and a node that has nothing. */
async function world() {
  const nodes = [1, 2, 3].map((seed) => new TestNode(seed)) as [TestNode, TestNode, TestNode]
  const ada = new TestSigner(30)
  const operations = Array.from({ length: rowCount }, (_, i) =>
    ada.sign({ space, genesis: genesis.id, kind: 'toy.set', body: { name: `n${i}`, value: i }, at: [start + 1 + i, 0] }),
  )
  for (const { journal } of nodes) await journal.ingest(space, [genesis, ...operations].map(raw))
  const [one] = nodes
  const cut: [number, number] = [start + rowCount, 0]
  const { cuts } = one.journal
  await cuts.promise(space, cut)
  const united = await cuts.unite(space, [], cut, [(await cuts.mark(space, cut)).changes])
  assert.ok('layers' in united)
  const proposed = await cuts.state(space, united.layers)
  const ballot: [number, Uint8Array] = [1, one.key.publicKey]
  const acks = nodes.map(({ key }) => ({ key: key.publicKey, signature: new Uint8Array(key.sign(cuts.ackBytes(space, proposed, ballot))) }))
  const id = await cuts.certify(space, proposed, ballot, acks)
  await cuts.end(space)
  const certificate = one.journal.operation(id)?.operation
  assert.ok(certificate)
  for (const { journal } of nodes.slice(1)) await journal.ingest(space, [raw(certificate)])
  for (const { journal } of nodes) assert.equal(journal.info(space)?.checkpoint?.operation, id)
  const empty = new TestNode(9)
  const reports: [EvidenceName, Did][] = []
  const parts: FetchingParts = {
    ...empty.talker,
    journal: empty.journal,
    folder: join(empty.folder, 'bootstrap'),
    stateBytesMax: 1_000_000,
    ask: (peer, request) => (nodes.find(({ did }) => did === peer) as TestNode).answer(empty.did, request),
    report: (kind, peer) => void reports.push([kind, peer]),
  }
  const wanted: StateWanted = { space, genesis: genesis.id as OperationId, peers: nodes.map(({ did }) => did), trusted: [one.did], countMin: 0 }
  const closing = async (): Promise<void> => {
    for (const { serving } of nodes) await serving.close()
  }
  return { nodes, empty, parts, wanted, reports, ada, operations, closing }
}

type World = Awaited<ReturnType<typeof world>>

const chunkOf = (message: StateMessage) => (message.type === 'StateChunk' ? message.body : assert.fail())
const bending =
  (what: string, change: (data: Uint8Array) => Uint8Array) =>
  (message: StateMessage): StateMessage => {
    const body = chunkOf(message)
    if (body.what !== what) return message
    const data = change(body.data)
    return { ...message, body: { ...body, data, ...(body.compression === 'none' ? { raw_size: data.length } : {}) } } as StateMessage
  }
const flip = (data: Uint8Array): Uint8Array => data.map((byte, at) => (at === data.length >> 1 ? byte ^ 1 : byte))

async function code(run: Promise<unknown>): Promise<string> {
  try {
    await run
  } catch (error) {
    assert.ok(error instanceof CallRefusal, String((error as Error).stack))
    return error.code
  }
  return 'taken'
}

async function demandReady({ nodes: [one], empty, ada, closing }: World): Promise<void> {
  assert.equal(empty.journal.info(space)?.checkpoint?.id, one.journal.info(space)?.checkpoint?.id)
  const tail = ada.sign({ space, genesis: genesis.id, kind: 'toy.set', body: { name: 'tail', value: 1 }, at: [start + 20_000, 0] })
  const certificate = one.journal.operations(space, { limit: 1, kind: 'space.checkpoint' }).map(({ operation }) => raw(operation))
  for (const { journal } of [one, empty]) await journal.ingest(space, [raw(tail)])
  await empty.journal.ingest(space, certificate)
  assert.deepEqual(empty.journal.root(space), one.journal.root(space))
  assert.deepEqual(empty.journal.doctor(), [])
  assert.deepEqual(existsSync(join(empty.folder, 'bootstrap')) ? readdirSync(join(empty.folder, 'bootstrap')) : [], [])
  await closing()
}

describe('the state of a space', () => {
  it('is taken from several hosts, each of which gives a part of it', async () => {
    const w = await world()
    const seen: number[] = []
    const installed = await fetchState(w.parts, w.wanted, { onProgress: (_, done) => void seen.push(done) })
    assert.equal(installed?.count, rowCount + 1)
    assert.equal(Math.max(...seen), installed.bytes)
    assert.ok(seen.length > 5)
    for (const { asked } of w.nodes) assert.ok(asked > 2, `${asked} questions`)
    assert.deepEqual(w.reports, [])
    await demandReady(w)
  })

  it('is taken from the others when one lies about what it hands out, and that one is charged', async () => {
    for (const [what, kind] of [
      ['chunks', 'bad_chunk'],
      ['leaves', 'bad_page'],
      ['manifest', 'bad_page'],
    ] as const) {
      const w = await world()
      w.nodes[0].bend = bending(what, flip)
      await fetchState(w.parts, w.wanted)
      assert.deepEqual(
        w.reports.map(([, peer]) => peer),
        [w.nodes[0].did],
        what,
      )
      assert.equal(w.reports[0]?.[0], kind)
      await demandReady(w)
    }
  })

  it('is taken from the others when one falls silent in the middle', async () => {
    const w = await world()
    w.nodes[0].bend = (message) => (chunkOf(message).what === 'chunks' && chunkOf(message).chunk_index > 0 ? undefined : message)
    await fetchState(w.parts, w.wanted)
    assert.deepEqual(w.reports, [])
    await demandReady(w)
  })

  it('goes on where it was broken off', async () => {
    const w = await world()
    const stop = new AbortController()
    await assert.rejects(
      fetchState(w.parts, w.wanted, {
        signal: stop.signal,
        onProgress: (_, done, of) => {
          if (2 * done > of) stop.abort()
        },
      }),
    )
    assert.equal(w.empty.journal.info(space), undefined)
    const chunks = (): number => w.nodes.reduce((sum, { asked }) => sum + asked, 0)
    const before = chunks()
    await fetchState(w.parts, w.wanted)
    assert.ok(chunks() - before < before, `${before} questions, then ${chunks() - before}`)
    await demandReady(w)
  })

  it('is not taken where all of them lie, and nothing has changed', async () => {
    const w = await world()
    for (const node of w.nodes) node.bend = bending('chunks', flip)
    assert.equal(await code(fetchState(w.parts, w.wanted)), 'BOOTSTRAP_FAILED')
    assert.equal(w.empty.journal.info(space), undefined)
    assert.equal(w.reports.length, 3)
    for (const node of w.nodes) node.bend = (message) => message
    await fetchState(w.parts, w.wanted)
    await demandReady(w)
  })

  it('is not taken with names that do not make up what was certified: all of it is thrown away', async () => {
    const w = await world()
    for (const node of w.nodes) node.bend = bending('page', (data) => data.map((byte, at) => (at === 0 ? byte ^ 1 : byte)))
    assert.equal(await code(fetchState(w.parts, w.wanted)), 'BOOTSTRAP_FAILED')
    assert.equal(w.reports.length, 3)
    const short = encodeCanonical([[0, new Uint8Array(32), 0, new Uint8Array(40)]])
    for (const node of w.nodes)
      node.bend = (message) =>
        chunkOf(message).what === 'page' ? ({ ...message, body: { ...chunkOf(message), compression: 'none', raw_size: short.length, data: short } } as StateMessage) : message
    assert.equal(await code(fetchState(w.parts, w.wanted)), 'BOOTSTRAP_FAILED')
    assert.equal(w.empty.journal.info(space), undefined)
    assert.deepEqual(readdirSync(join(w.empty.folder, 'bootstrap')), [])
    await w.closing()
  })

  it('is not taken when nobody who is known has signed it, when it is too large, or when the history is short', async () => {
    const w = await world()
    assert.equal(await fetchState(w.parts, { ...w.wanted, trusted: [new TestSigner(70).did] }), undefined)
    assert.equal(await code(fetchState({ ...w.parts, stateBytesMax: 1_000 }, w.wanted)), 'SNAPSHOT_TOO_LARGE')
    assert.equal(await fetchState(w.parts, { ...w.wanted, countMin: 10_000 }), undefined)
    await w.closing()
  })

  it('is given to nobody whom the space does not know, and never unpacks to more than it says', async () => {
    const w = await world()
    for (const node of w.nodes) node.mayHave = false
    assert.equal(await fetchState(w.parts, w.wanted), undefined)
    for (const node of w.nodes) node.mayHave = true
    // A chunk that claims more bytes than any may have is no chunk.
    w.nodes[0].bend = (message) =>
      chunkOf(message).what === 'chunks' ? ({ ...message, body: { ...chunkOf(message), raw_size: 1_114_112, compression: 'zstd' } } as StateMessage) : message
    await fetchState(w.parts, w.wanted)
    assert.deepEqual(
      w.reports.map(([kind, peer]) => [kind, peer]),
      [['bad_chunk', w.nodes[0].did]],
    )
    await demandReady(w)
  })
})
