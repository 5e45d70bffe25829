import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { journalDefaults, type JournalApi, openJournal, openSqliteStore } from '@icn/journal'
import { Replicator, type Wire } from '@icn/network'
import { openHost } from '@icn/network/node'
import { type Did, didOfKey, type OperationId, type SignedOperation, type SpaceId } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { Chance, TestSigner, transferRules } from '@icn/testkit'
import { plainPuts, verifyRate } from './engine.bench.ts'
import { perSecond, type Row, scratchFolder } from './lib.ts'

/** The row of the engine page §10 that needs a second node: an empty node catches up over a real connection with a node in another process. */

export const space = 'coop:bench' as SpaceId
const count = 100_000
const sampleCount = 20_000

export interface Node {
  readonly journal: JournalApi
  readonly seed: Uint8Array
  remove(): Promise<void>
}

/** `verifyThreads`: 0 where several nodes share a process. */
export function openNode(fill: number, verifyThreads = 0): Node {
  const folder = scratchFolder()
  const seed = new Uint8Array(32).fill(fill)
  const key = signingKeyFromSeed(seed)
  const store = openSqliteStore({ folder: folder.path })
  const journal = openJournal({ store, key, node: didOfKey(key.publicKey), rulesOf: () => transferRules, wall: Date.now, options: { ...journalDefaults, verifyThreads } })
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
export async function connect(node: Node, genesis: OperationId) {
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

/** A node in another process that holds so many operations. */
async function openSource(operations: number) {
  const child = spawn(process.execPath, [...process.execArgv.filter((one) => !one.startsWith('--cpu-prof')), join(import.meta.dirname, 'sync-source.ts'), String(operations)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) {
    const { genesis, address } = JSON.parse(line) as { readonly genesis: OperationId; readonly address: string }
    return {
      genesis,
      address,
      async close() {
        child.stdin.end()
        await ended
      },
    }
  }
  throw new Error('the other node ended before it was there')
}

/** Some operations like those of the other node, to measure the bound with. */
function sampleOf(genesis: OperationId): SignedOperation[] {
  const signer = new TestSigner(50)
  const chance = new Chance(1)
  return Array.from({ length: sampleCount }, (_, i) =>
    signer.sign({ space, genesis, kind: 'bench.transfer', body: { payer: `a${chance.below(1_000)}`, payee: `b${chance.below(1_000)}`, amount: 1 }, at: [Date.now(), i] }),
  )
}

export async function syncBench(): Promise<Row[]> {
  const source = await openSource(count)
  const sample = sampleOf(source.genesis)
  const bound = async (): Promise<number> => 1 / (1 / verifyRate(sample) + 1 / (await plainPuts(sample)))
  const before = await bound()
  const empty = openNode(2, journalDefaults.verifyThreads)
  const { replicator, host } = await connect(empty, source.genesis)
  const from = performance.now()
  await host.dial(source.address)
  while (empty.journal.info(space)?.operations.applied !== count + 1) await new Promise((resolve) => setTimeout(resolve, 20))
  const rate = perSecond(count, performance.now() - from)
  // Measured on both sides of it, because the machine may have more or less to do meanwhile.
  const after = await bound()
  replicator.close()
  await host.close()
  await empty.remove()
  await source.close()
  return [
    {
      name: `sync ${count.toLocaleString('en')} operations to an empty node`,
      value: rate,
      unit: 'operations/s',
      bound: 'the same bytes verified and put',
      boundValue: (before + after) / 2,
      goal: { atLeast: 0.5 },
    },
  ]
}
