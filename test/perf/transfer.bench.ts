import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type JournalApi, journalDefaults, leafHashesOf, openJournal, openSqliteStore } from '@icn/journal'
import { openHost } from '@icn/network/node'
import { fetchState, SnapshotCoordinator, StateServing } from '@icn/node'
import { didOfKey, decodeSnapMessage, type Did, type OperationId, type RawOperation, type SnapMessage, type SpaceId } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { raw, TestSigner, toyRules } from '@icn/testkit'
import { median, medians, perSecond, type Row, scratchFolder } from './lib.ts'

/** States on their way to a new host, and how long hosts take to agree on a cut (snapshot page §16). */

const space = 'coop:state' as SpaceId
const rowCount = 4_000
const operationCount = 60_000
const roundTripMs = 50
const stateProtocol = '/icn/state/1'

function openNode(seed: number) {
  const folder = scratchFolder()
  const key = signingKeyFromSeed(new Uint8Array(32).fill(seed))
  const node = didOfKey(key.publicKey)
  const store = openSqliteStore({ folder: folder.path })
  const journal = openJournal({ store, key, node, rulesOf: () => toyRules, wall: Date.now, options: { ...journalDefaults, verifyThreads: 0 } })
  return {
    journal,
    store,
    key,
    folder: folder.path,
    talker: { node, network: () => genesis.id, sign: (bytes: Uint8Array) => new Uint8Array(key.sign(bytes)), now: Date.now },
    async remove() {
      await journal.close()
      folder.remove()
    },
  }
}
type Node = ReturnType<typeof openNode>

const hosts = [1, 2, 3].map((seed) => new TestSigner(seed))
const genesis = new TestSigner(8).sign({ space, genesis: null, kind: 'toy.found', body: { name: 'state', hosts: [hosts[0]?.did] }, at: [Date.now() - 3_600_000, 0] })

/** As many operations on as few rows, so that the history is much larger than the state. */
function history(count: number): RawOperation[] {
  const ada = new TestSigner(30)
  const first = genesis.envelope.at[0] + 1
  return Array.from({ length: count }, (_, i) =>
    raw(ada.sign({ space, genesis: genesis.id, kind: 'toy.set', body: { name: `n${i % rowCount}`, value: i }, at: [first + Math.floor(i / 60_000), i % 60_000] })),
  )
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  await run()
  return performance.now() - from
}

async function bootstrap(): Promise<Row[]> {
  const host = openNode(1)
  const operations = [raw(genesis), ...history(operationCount)]
  for (let at = 0; at < operations.length; at += 2_000) await host.journal.ingest(space, operations.slice(at, at + 2_000))
  await host.journal.checkpoint(space, 0)
  const serving = new StateServing({
    ...host.talker,
    journal: host.journal,
    folder: join(host.folder, 'serving'),
    options: { chunkBytes: 1_048_576, level: 3, stateBytesMax: 1e9, bytesPerSecond: 1e12 },
    mayHave: () => true,
    refused: (code) => new Error(code),
  })
  const fresh = openNode(9)
  const stateMs = await timed(() =>
    fetchState(
      {
        ...fresh.talker,
        journal: fresh.journal,
        folder: join(fresh.folder, 'bootstrap'),
        stateBytesMax: 1e9,
        ask: async (_, request) => (await serving.answer(fresh.talker.node, request)) as Uint8Array,
        report: (kind) => {
          throw new Error(kind)
        },
      },
      { space, genesis: genesis.id, peers: [host.talker.node], trusted: [host.talker.node], countMin: 0 },
    ),
  )
  if (fresh.journal.info(space)?.checkpoint?.id !== host.journal.info(space)?.checkpoint?.id) throw new Error('the state has not come')
  const other = openNode(10)
  const historyMs = await timed(async () => {
    for (let at = 0; at < operations.length; at += 2_000) await other.journal.ingest(space, operations.slice(at, at + 2_000))
  })
  await serving.close()
  for (const node of [host, fresh, other]) await node.remove()
  return [
    {
      name: `a new host ready from the state of ${rowCount.toLocaleString('en')} rows after ${operationCount.toLocaleString('en')} operations`,
      value: stateMs,
      unit: 'ms',
      bound: 'operation by operation',
      boundValue: historyMs,
      goal: { atMost: 0.2 },
    },
  ]
}

/** Chunks over a real connection: taken as they are, and with every leaf hashed again. */
async function chunks(): Promise<Row[]> {
  const chunk = pairsOf(1_000_000)
  const [server, client] = await Promise.all(
    [120, 121].map((fill) =>
      openHost({
        seed: new Uint8Array(32).fill(fill),
        listen: ['/ip4/127.0.0.1/tcp/0'],
        admits: () => true,
        isReady: () => true,
        protocols: [{ id: stateProtocol, messageBytesMax: 1_310_720, inboundStreamsMax: 4, outboundStreamsMax: 4, serve: async () => chunk }],
        onWire: (wire) => wire.listen({ frame() {}, drain() {}, closed() {} }),
        fault: (_, error) => {
          throw error
        },
      }),
    ),
  )
  if (server === undefined || client === undefined) throw new Error('two hosts')
  const did = await client.dial(server.addresses()[0] as string)
  const count = 24
  const rate = (take: (bytes: Uint8Array) => void) => async (): Promise<number> => {
    const from = performance.now()
    for (let i = 0; i < count; i++) take(await client.ask(did, stateProtocol, new Uint8Array(8)))
    return perSecond((count * chunk.length) / 1_000_000, performance.now() - from)
  }
  const [verified = 0, plain = 0] = await medians(
    5,
    rate((bytes) => {
      if (leafHashesOf(bytes) === undefined) throw new Error('no leaves')
    }),
    rate(() => {}),
  )
  await client.close()
  await server.close()
  return [
    {
      name: 'chunks of a state over one connection, every leaf hashed again',
      value: verified,
      unit: 'MB/s',
      bound: 'the same unverified',
      boundValue: plain,
      goal: { atLeast: 0.9 },
    },
  ]
}

/** Pair bytes of a state with rows as long as those about members. */
function pairsOf(bytes: number): Uint8Array {
  const parts: Buffer[] = []
  let size = 0
  for (let i = 0; size < bytes; i++) {
    const key = Buffer.from(`bench.members did:key:${createHash('sha256').update(`${i}`).digest('hex').slice(0, 44)}`)
    key.writeUInt32BE(i, 0)
    const value = Buffer.alloc(200, i)
    const pair = Buffer.concat([Buffer.of(key.length), key, Buffer.of(0x80 | (value.length & 0x7f), value.length >> 7), value])
    parts.push(pair)
    size += pair.length
  }
  return new Uint8Array(Buffer.concat(parts))
}

/** Three hosts that all have the same, each message half a round trip away: from the beginning to the certificate. */
async function completion(): Promise<Row[]> {
  const nodes = [1, 2, 3].map(openNode) as [Node, Node, Node]
  const found = new TestSigner(8).sign({ space, genesis: null, kind: 'toy.found', body: { name: 'state', hosts: hosts.map(({ did }) => did) }, at: genesis.envelope.at })
  const coordinators = new Map<Did, SnapshotCoordinator>()
  for (const { journal, key } of nodes) {
    await journal.ingest(space, [raw(found)])
    coordinators.set(
      journal.node,
      new SnapshotCoordinator({
        journal,
        askPage: () => {},
        network: () => found.id as OperationId,
        sign: (message) => new Uint8Array(key.sign(message)),
        random: (count) => new Uint8Array(count).map(() => Math.floor(Math.random() * 256)),
        timing: {
          now: Date.now,
          after(ms, run) {
            const timer = setTimeout(run, ms)
            return () => clearTimeout(timer)
          },
          chance: Math.random,
        },
        options: { everyMs: 600_000, graceMs: 0, lagMs: 0, participantsMin: 3, timeoutMs: 30_000 },
        follows: () => true,
        tell(of, message) {
          for (const [did, other] of coordinators) if (did !== journal.node) setTimeout(() => other.handle_message(of, decodeSnapMessage(message) as SnapMessage), roundTripMs / 2)
        },
        reachable: () => [...coordinators.keys()].filter((did) => did !== journal.node),
        told() {},
        fault: (_, error) => {
          throw error
        },
      }),
    )
  }
  const [one] = nodes
  const coordinator = coordinators.get(one.journal.node) as SnapshotCoordinator
  const ada = new TestSigner(30)
  let at = 0
  const write = async (count: number): Promise<void> => {
    // After everything that is final by now.
    const now = Date.now() + 5
    const operations = Array.from({ length: count }, (_, i) =>
      raw(ada.sign({ space, genesis: found.id, kind: 'toy.set', body: { name: `n${at++ % 20_000}`, value: at }, at: [now + Math.floor(i / 60_000), i % 60_000] })),
    )
    for (const { journal } of nodes) await journal.ingest(space, operations)
  }
  await write(20_000)
  const cut = async (): Promise<number> => {
    await write(200)
    const ms = await timed(async () => {
      if ((await coordinator.cutNow(space)) === undefined) throw new Error('nothing was due')
    })
    // What replication would bring.
    const certificate = one.journal.operations(space, { kind: 'space.checkpoint', limit: 1, reverse: true })[0]?.operation
    if (certificate !== undefined) for (const { journal } of nodes) await journal.ingest(space, [raw(certificate)])
    await new Promise((resolve) => setTimeout(resolve, 200))
    return ms
  }
  await cut()
  const value = await median(5, cut)
  const { bytes } = one.journal.root(space)
  const hashMs = await median(5, () => timed(async () => void createHash('sha256').update(new Uint8Array(bytes)).digest()))
  for (const other of coordinators.values()) await other.close()
  for (const node of nodes) await node.remove()
  return [
    {
      name: 'a cut that three hosts make, from its beginning to its certificate',
      value,
      unit: 'ms',
      bound: `two and a half round trips of ${roundTripMs} ms, and SHA-256 of the state`,
      boundValue: 2.5 * roundTripMs + hashMs,
      // All three share this process.
      goal: { atMost: 2 },
    },
  ]
}

/** One host, hardly anything new. */
async function quiet(): Promise<Row[]> {
  const node = openNode(1)
  const propose = (kind: string, body: unknown) => (node.journal as JournalApi).propose({ space, kind, author: node.journal.node, grant: null, body })
  await propose('toy.found', { name: 'state' })
  for (let i = 0; i < 500; i++) await propose('toy.set', { name: `n${i}`, value: i })
  const value = await median(9, async () => {
    await propose('toy.set', { name: 'n1', value: 1 })
    return timed(() => node.journal.checkpoint(space, 0))
  })
  await node.remove()
  return [{ name: 'a cut of a quiet space with one host', value, unit: 'ms', bound: 'bound', boundValue: 20, goal: { atMost: 1 } }]
}

export async function transferBench(): Promise<Row[]> {
  return [...(await bootstrap()), ...(await chunks()), ...(await completion()), ...(await quiet())]
}
