import { journalDefaults, type JournalApi, openJournal, openSqliteStore, type Store } from '@icn/journal'
import { didOfKey, type OperationId, type SignedOperation, type SpaceId, signingBytes } from '@icn/protocol'
import { signingKeyFromSeed, verifySignature } from '@icn/protocol/node'
import { Chance, raw, TestSigner, transferRules } from '@icn/testkit'
import { median, perSecond, type Row, scratchFolder } from './lib.ts'
import { postgresTransfers } from './postgres.ts'

/** The rows of the engine page §10 that need no second node. */

const space = 'coop:bench' as SpaceId

interface Bench {
  readonly journal: JournalApi
  readonly genesis: OperationId
  /** Wall clock of the first operation [ms]. */
  readonly founded: number
  close(): Promise<void>
}

async function openBench(seed = 1): Promise<Bench> {
  const folder = scratchFolder()
  const key = signingKeyFromSeed(new Uint8Array(32).fill(seed))
  const journal = openJournal({
    store: openSqliteStore({ folder: folder.path }),
    key,
    node: didOfKey(key.publicKey),
    rulesOf: () => transferRules,
    wall: () => Date.now(),
    options: { ...journalDefaults, verifyThreads: 0 },
  })
  await journal.propose({ space, kind: 'bench.found', author: journal.node, grant: null, body: {} })
  return {
    journal,
    genesis: (journal.info(space) as { genesis: OperationId }).genesis,
    founded: journal.info(space)?.head?.at[0] ?? 0,
    async close() {
      await journal.close()
      folder.remove()
    },
  }
}

/** A chain of transfers as one device would sign it. */
function stream(count: number, { genesis, founded }: Bench, accounts = 1_000, seed = 50): SignedOperation[] {
  const signer = new TestSigner(seed)
  const chance = new Chance(1)
  return Array.from({ length: count }, (_, i) =>
    signer.sign({
      space,
      genesis,
      kind: 'bench.transfer',
      body: { payer: `a${chance.below(accounts)}`, payee: `b${chance.below(accounts)}`, amount: 1 + chance.below(50) },
      at: [founded + 1_000 + i, 0],
    }),
  )
}

/** Plain puts of the same bytes in the same kind of store, in commits of the same size. */
export async function plainPuts(operations: readonly SignedOperation[]): Promise<number> {
  const folder = scratchFolder()
  const store: Store = openSqliteStore({ folder: folder.path })
  const began = performance.now()
  for (let from = 0; from < operations.length; from += 512) {
    store.write(
      operations.slice(from, from + 512).map((operation, i) => {
        const key = Buffer.alloc(8)
        key.writeUInt32BE(from + i, 4)
        return { map: 'operations' as const, key: key.toString('latin1'), value: Buffer.concat([operation.bytes, operation.signature, operation.body ?? Buffer.alloc(0)]) }
      }),
    )
  }
  const rate = perSecond(operations.length, performance.now() - began)
  store.close()
  folder.remove()
  return rate
}

function signRate(operations: readonly SignedOperation[]): number {
  const key = signingKeyFromSeed(new Uint8Array(32).fill(3))
  const messages = operations.slice(0, 5_000).map((operation) => signingBytes(operation.bytes))
  const began = performance.now()
  for (const message of messages) key.sign(message)
  return perSecond(messages.length, performance.now() - began)
}

export function verifyRate(operations: readonly SignedOperation[]): number {
  const signer = new TestSigner(50)
  const checks = operations.slice(0, 5_000).map((operation) => ({ message: signingBytes(operation.bytes), signature: operation.signature }))
  const began = performance.now()
  for (const { message, signature } of checks) if (!verifySignature(signature, message, signer.key.publicKey)) throw new Error('a good signature was refused')
  return perSecond(checks.length, performance.now() - began)
}

async function proposeRate(callers: number, count: number): Promise<number> {
  const bench = await openBench()
  const chance = new Chance(2)
  let left = count
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const { outcome } = await bench.journal.propose({
        space,
        kind: 'bench.transfer',
        author: bench.journal.node,
        grant: null,
        body: { payer: `a${chance.below(1_000)}`, payee: `b${chance.below(1_000)}`, amount: 1 },
      })
      if (outcome !== 'applied') throw new Error(outcome)
    }
  }
  const began = performance.now()
  await Promise.all(Array.from({ length: callers }, caller))
  const rate = perSecond(count, performance.now() - began)
  await bench.close()
  return rate
}

/** Verifies and folds on one thread; `verified` leaves the signatures out of the clock by handing over what was checked already. */
async function receiveRate(count: number): Promise<number> {
  const bench = await openBench()
  const operations = stream(count, bench).map(raw)
  const began = performance.now()
  for (let from = 0; from < count; from += 512) await bench.journal.ingest(space, operations.slice(from, from + 512))
  const rate = perSecond(count, performance.now() - began)
  if (bench.journal.info(space)?.operations.applied !== count + 1) throw new Error('not everything was folded')
  await bench.close()
  return rate
}

/** An operation from far back makes everything after it fold again. */
async function rewindCost(count: number): Promise<{ fold: number; again: number }> {
  const bench = await openBench()
  const operations = stream(count, bench)
  const other = new TestSigner(51)
  const early = other.sign({ space, genesis: bench.genesis, kind: 'bench.transfer', body: { payer: 'x', payee: 'y', amount: 1 }, at: [bench.founded + 999, 0] })
  const began = performance.now()
  for (let from = 0; from < count; from += 512) await bench.journal.ingest(space, operations.slice(from, from + 512).map(raw))
  const fold = performance.now() - began
  const from = performance.now()
  await bench.journal.ingest(space, [raw(early)])
  const again = performance.now() - from
  await bench.close()
  return { fold, again }
}

async function decideCost(rows: number): Promise<number> {
  const bench = await openBench()
  for (let from = 0; from < rows; from += 1_000)
    void bench.journal.propose({ space, kind: 'bench.open', author: bench.journal.node, grant: null, body: { from, count: Math.min(1_000, rows - from) } })
  await bench.journal.propose({ space, kind: 'bench.open', author: bench.journal.node, grant: null, body: { from: 0, count: 1 } })
  const chance = new Chance(4)
  // A thousand accounts in use, spread over the whole state: what grows is the state, not the working set.
  const account = (n: number): string => `a${n * Math.floor(rows / 1_000)}`
  const decide = (payer: string, payee: string): void => {
    bench.journal.simulate([{ space, kind: 'bench.transfer', author: bench.journal.node, grant: null, body: { payer, payee, amount: 1 } }])
  }
  for (let n = 0; n < 1_000; n++) decide(account(n), `${account(n)}x`)
  const cost = await median(5, () => {
    const began = performance.now()
    for (let i = 0; i < 500; i++) decide(account(chance.below(1_000)), `${account(chance.below(1_000))}x`)
    return (performance.now() - began) / 500
  })
  await bench.close()
  return cost
}

async function openCost(count: number): Promise<number> {
  const folder = scratchFolder()
  const key = signingKeyFromSeed(new Uint8Array(32).fill(1))
  const open = (): JournalApi =>
    openJournal({
      store: openSqliteStore({ folder: folder.path }),
      key,
      node: didOfKey(key.publicKey),
      rulesOf: () => transferRules,
      wall: () => Date.now(),
      options: { ...journalDefaults, verifyThreads: 0 },
    })
  const first = open()
  await first.propose({ space, kind: 'bench.found', author: first.node, grant: null, body: {} })
  for (let done = 0; done < count; done += 2_000) {
    await Promise.all(
      Array.from({ length: Math.min(2_000, count - done) }, (_, i) =>
        first.propose({ space, kind: 'bench.transfer', author: first.node, grant: null, body: { payer: `a${i % 100}`, payee: `b${i % 100}`, amount: 1 } }),
      ),
    )
  }
  await first.close()
  const cost = await median(5, async () => {
    const began = performance.now()
    const journal = open()
    if (journal.info(space) === undefined) throw new Error('the space is gone')
    const took = performance.now() - began
    await journal.close()
    return took
  })
  folder.remove()
  return cost
}

export async function engineBench(): Promise<Row[]> {
  const rows: Row[] = []
  const bench = await openBench()
  const sample = stream(20_000, bench)
  await bench.close()
  const puts = await median(3, () => plainPuts(sample))
  const signs = await median(3, () => signRate(sample))
  const verifies = await median(3, () => verifyRate(sample))

  const proposed = await median(3, () => proposeRate(512, 20_000))
  rows.push({
    name: 'propose, durable, 512 callers',
    value: proposed,
    unit: 'operations/s',
    bound: 'harmonic sum of signing and plain puts',
    boundValue: 1 / (1 / signs + 1 / puts),
    goal: { atLeast: 0.5 },
  })

  const transfers = await median(3, () => proposeRate(32, 10_000))
  const postgres = await postgresTransfers(32, 4_000)
  rows.push({
    name: 'signed, durable transfers, 32 callers',
    value: transfers,
    unit: 'transfers/s',
    bound: 'PostgreSQL double entry, fsync on, 32 callers',
    boundValue: postgres.rate,
    goal: { atLeast: 5 },
    ...(postgres.absent === undefined ? {} : { absent: postgres.absent }),
  })

  const received = await median(3, () => receiveRate(20_000))
  rows.push({
    name: 'receive: verify and fold, one core',
    value: received,
    unit: 'operations/s',
    bound: 'libsodium verifications, one core',
    boundValue: verifies,
    goal: { atLeast: 0.6 },
  })
  // What folding alone costs follows from the two rates measured in this run.
  rows.push({
    name: 'fold received operations',
    value: 1 / (1 / received - 1 / verifies),
    unit: 'operations/s',
    bound: 'plain puts of the same bytes',
    boundValue: puts,
    goal: { atLeast: 0.4 },
  })

  const { fold, again } = await rewindCost(10_000)
  rows.push({ name: 'rewind and replay 10 000 operations', value: again, unit: 'ms', bound: 'folding them once', boundValue: fold, goal: { atMost: 2 } })

  const small = await decideCost(1_000)
  const big = await decideCost(1_000_000)
  rows.push({ name: 'decide with 10^6 rows', value: big, unit: 'ms', bound: 'decide with 10^3 rows', boundValue: small, goal: { atMost: 1.5 } })

  const few = await openCost(1_000)
  const many = await openCost(1_000_000)
  rows.push({ name: 'open a store of 1 000 000 operations', value: many, unit: 'ms', bound: 'a store of 1 000 operations', boundValue: few, goal: { atMost: 1.5 } })
  return rows
}
