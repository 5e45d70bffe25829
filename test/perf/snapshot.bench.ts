import { createHash, hash } from 'node:crypto'
import { openSqliteStore, type Store } from '@icn/journal'
import { equalBytes } from '@icn/protocol'
import { Chance } from '@icn/testkit'
import { type KeyText, keyBytes } from '../../packages/journal/src/key.ts'
import { spacePrefix, stateKey } from '../../packages/journal/src/layout.ts'
import { allLeaves, leafChange, type LeafStep, type Pairs, pairsOf, rootAfter, storedLeaves, updatedLeaves } from '../../packages/journal/src/leaves.ts'
import type { Change, Source } from '../../packages/journal/src/store/port.ts'
import type { StateRoot } from '../../packages/journal/src/tree.ts'
import { atOnce } from '../../packages/journal/src/turns.ts'
import { medians, perSecond, type Row, scratchFolder } from './lib.ts'

/** The rows of the snapshot page §16 about roots. */

const rowCount = 1_000_000
const changedCount = 100
const batchRows = 10_000
const times = 5
const prefix = spacePrefix(1)
const pool = Buffer.alloc(65_536, hash('sha256', 'values', 'buffer'))

/** As long as a row about a member: 100 to 300 bytes beside a key with a DID. */
const rowValue = (chance: Chance): Uint8Array => pool.subarray(chance.below(1_000), 1_100 + chance.below(200))

export async function snapshotBench(): Promise<Row[]> {
  const folder = scratchFolder()
  const store = openSqliteStore({ folder: folder.path })
  try {
    return await measured(store)
  } finally {
    store.close()
    folder.remove()
  }
}

async function measured(store: Store): Promise<Row[]> {
  const dirty = fill(store)
  const snapshot = store.snapshot()
  const pairs = pairsOf(snapshot, prefix)
  const state = fullRoot(pairs)
  const demandRoot = (other: StateRoot): void => {
    if (!equalBytes(other.root, state.root)) throw new Error('two ways to one root differ')
  }
  const [incrementalMs, fullMs, plainMs] = await medians(
    times,
    timed(() => demandRoot(atOnce(rootAfter(updatedLeaves(storedLeaves(snapshot, prefix), dirty, pairs), ignore)))),
    timed(() => demandRoot(fullRoot(pairs))),
    timed(() => plainHash(snapshot)),
  )
  // Only now: a million rows in memory would make collecting garbage dear.
  const atHand = [...pairs('')]
  const [atHandMs, oneGoMs] = await medians(
    times,
    timed(() => demandRoot(fullRoot(() => atHand))),
    timed(() => hashInOneGo(state.bytes)),
  )
  snapshot.close()
  const speed = (ms: number | undefined): number => perSecond(state.bytes / 1_000_000, ms as number)
  return [
    {
      name: `incremental root, ${changedCount} of ${rowCount.toLocaleString('en')} rows changed`,
      value: incrementalMs as number,
      unit: 'ms',
      bound: 'full root',
      boundValue: fullMs as number,
      goal: { atMost: 0.02 },
    },
    {
      name: `root of ${rowCount.toLocaleString('en')} rows in the store`,
      value: speed(fullMs),
      unit: 'MB/s',
      bound: 'SHA-256 of the same rows, read the same way',
      boundValue: speed(plainMs),
      goal: { atLeast: 0.5 },
    },
    {
      // One SHA-256 for each key is part of what a root is; a call alone takes about as long as hashing 500 bytes in one go.
      name: `root of ${rowCount.toLocaleString('en')} rows at hand`,
      value: speed(atHandMs),
      unit: 'MB/s',
      bound: 'SHA-256 of as many bytes in one go',
      boundValue: speed(oneGoMs),
      goal: { atLeast: 0.5 },
    },
  ]
}

/** Rows with their leaves, and after that some changed ones, whose keys it returns. */
function fill(store: Store): KeyText[] {
  const chance = new Chance(1)
  const keys = Array.from({ length: rowCount }, (_, i) => stateKey('bench.members', [`did:key:z6Mk${hash('sha256', `${i}`, 'hex').slice(0, 44)}`])).sort()
  for (let from = 0; from < rowCount; from += batchRows) putRows(store, keys.slice(from, from + batchRows), chance)
  writeLeaves(store)
  const dirty = Array.from({ length: changedCount }, () => chance.pick(keys))
  putRows(store, dirty, chance)
  store.flush()
  return dirty
}

const ignore = (_: LeafStep): void => {}
const fullRoot = (pairs: Pairs): StateRoot => atOnce(rootAfter(allLeaves(pairs), ignore))

function putRows(store: Store, keys: readonly KeyText[], chance: Chance): void {
  store.write(keys.map((key) => ({ map: 'state', key: prefix.from + key, value: rowValue(chance) })))
}

function writeLeaves(store: Store): void {
  const changes: Change[] = []
  atOnce(
    rootAfter(allLeaves(pairsOf(store, prefix)), (step) => {
      const change = leafChange(prefix.from, step)
      if (change !== undefined) changes.push(change)
    }),
  )
  store.write(changes)
}

/** Processor time [ms]: nothing here waits, and what else the machine does is left out. */
function timed(work: () => void): () => number {
  return () => {
    const begun = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(begun)
    return (user + system) / 1_000
  }
}

function plainHash(source: Source): void {
  const whole = createHash('sha256')
  for (const [key, value] of source.range('state', prefix.from, prefix.to)) whole.update(keyBytes(key)).update(value)
  whole.digest()
}

function hashInOneGo(bytes: number): void {
  const piece = Buffer.alloc(2 ** 24)
  const whole = createHash('sha256')
  for (let left = bytes; left > 0; left -= piece.length) whole.update(left < piece.length ? piece.subarray(0, left) : piece)
  whole.digest()
}
