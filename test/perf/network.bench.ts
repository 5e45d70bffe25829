import { journalDefaults, type JournalApi, openJournal, openSqliteStore } from '@icn/journal'
import { Replicator, type Wire } from '@icn/network'
import { openHost } from '@icn/network/node'
import { type Did, didOfKey, type OperationId, type SpaceId } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { Chance, raw, TestSigner, transferRules } from '@icn/testkit'
import { plainPuts, verifyRate } from './engine.bench.ts'
import { perSecond, type Row, scratchFolder } from './lib.ts'

/** The row of the engine page §10 that needs a second node: an empty node catches up on loopback, over a real connection. */

const space = 'coop:bench' as SpaceId
const count = 100_000

interface Node {
  readonly journal: JournalApi
  readonly seed: Uint8Array
  remove(): Promise<void>
}

function openNode(fill: number): Node {
  const folder = scratchFolder()
  const seed = new Uint8Array(32).fill(fill)
  const key = signingKeyFromSeed(seed)
  const store = openSqliteStore({ folder: folder.path })
  const journal = openJournal({ store, key, node: didOfKey(key.publicKey), rulesOf: () => transferRules, wall: Date.now, options: { ...journalDefaults, verifyThreads: 0 } })
  return {
    journal,
    seed,
    async remove() {
      await journal.close()
      folder.remove()
    },
  }
}

/** Everybody is a host of everything: what is measured is the way, not who may go it. */
async function connect(node: Node, genesis: OperationId) {
  const { journal, seed } = node
  const replicator = new Replicator({
    node: journal.node,
    journal,
    network: () => genesis,
    rules: [[transferRules.version, new Uint8Array(32)]],
    instance: seed.subarray(0, 16),
    release: 'bench',
    mayHave: () => true,
    expected: () => (journal.info(space) === undefined ? [{ space, genesis }] : []),
    hosting: { draft: () => undefined, accept: async () => 'SPACE_NOT_PROVEN', sign: () => undefined },
    timing: {
      now: Date.now,
      after(ms, run) {
        const timer = setTimeout(run, ms)
        return () => clearTimeout(timer)
      },
      chance: Math.random,
    },
    report: (kind, peer: Did, detail) => {
      throw new Error(`${kind} by ${peer}: ${detail}`)
    },
    fault: (_, error) => {
      throw error
    },
  })
  const host = await openHost({
    seed,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    admits: () => true,
    onWire: (wire: Wire) => replicator.add(wire),
    fault: (_, error) => {
      throw error
    },
  })
  return { replicator, host }
}

export async function networkBench(): Promise<Row[]> {
  const full = openNode(1)
  await full.journal.propose({ space, kind: 'bench.found', author: full.journal.node, grant: null, body: {} })
  const { genesis, head } = full.journal.info(space) as NonNullable<ReturnType<JournalApi['info']>>
  const signer = new TestSigner(50)
  const chance = new Chance(1)
  const operations = Array.from({ length: count }, (_, i) =>
    signer.sign({
      space,
      genesis,
      kind: 'bench.transfer',
      body: { payer: `a${chance.below(1_000)}`, payee: `b${chance.below(1_000)}`, amount: 1 },
      at: [(head?.at[0] ?? 0) + 1 + Math.floor(i / 60_000), i % 60_000],
    }),
  )
  const sample = operations.slice(0, 20_000)
  const bound = 1 / (1 / verifyRate(sample) + 1 / (await plainPuts(sample)))
  for (let from = 0; from < count; from += 512) await full.journal.ingest(space, operations.slice(from, from + 512).map(raw))

  const empty = openNode(2)
  const ends = [await connect(full, genesis), await connect(empty, genesis)] as const
  const from = performance.now()
  await ends[1].host.dial(ends[0].host.addresses()[0] as string)
  while (empty.journal.info(space)?.operations.applied !== count + 1) await new Promise((resolve) => setTimeout(resolve, 20))
  const rate = perSecond(count, performance.now() - from)
  for (const { replicator, host } of ends) {
    replicator.close()
    await host.close()
  }
  await full.remove()
  await empty.remove()
  return [
    {
      name: `sync ${count.toLocaleString('en')} operations to an empty node`,
      value: rate,
      unit: 'operations/s',
      bound: 'the same bytes verified and put',
      boundValue: bound,
      goal: { atLeast: 0.5 },
    },
  ]
}
