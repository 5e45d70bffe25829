import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { type Clock, decodeTrusted, didOfKey, equalBytes, type OperationId, type SignedOperation, type SpaceId, toHex } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { Chance, raw, TestSigner, toyRules } from '@icn/testkit'
import type { JournalApi } from './api.ts'
import { openJournal } from './journal.ts'
import { journalDefaults } from './options.ts'
import { openMemoryStore } from './store/memory.ts'
import { openSqliteStore } from './store/sqlite.ts'
import type { Store } from './store/port.ts'

/**
 * E1: for any set of operations and any two arrival orders, batchings and restarts: same statuses, same state, same root.
 * The sets hold forks, reissues, clock jumps, refused and malformed operations, laws that depend on order, and cuts.
 */

const space = 'coop:toy' as SpaceId
/** The node's own key: the toy's only host, so its acknowledgement is a majority. */
const nodeSeed = 9
const start = 1_790_000_000_000
const folders: string[] = []
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

interface Node {
  journal: JournalApi
  now: number
  restart(): Promise<void>
}

function node(open: () => Store, now: number): Node {
  const key = signingKeyFromSeed(new Uint8Array(32).fill(nodeSeed))
  const self: Node = {
    now,
    journal: undefined as never,
    async restart() {
      await self.journal.close()
      self.journal = openIt()
    },
  }
  const openIt = () =>
    openJournal({ store: open(), key, node: didOfKey(key.publicKey), rulesOf: () => toyRules, wall: () => self.now, options: { ...journalDefaults, verifyThreads: 0 } })
  self.journal = openIt()
  return self
}

// Memory forgets at a restart; tests leave the restart out there.
const memory = (): Node => node(openMemoryStore, start + 1_000_000)
function sqlite(): Node {
  const folder = mkdtempSync(join(tmpdir(), 'icn-e1-'))
  folders.push(folder)
  return node(() => openSqliteStore({ folder }), start + 1_000_000)
}

/** A history of a few signers who know more or less of each other, with every trouble the engine page names. */
function history(chance: Chance): SignedOperation[] {
  const signers = Array.from({ length: 2 + chance.below(3) }, (_, i) => new TestSigner(10 + i))
  const founder = signers[0] as TestSigner
  const all: SignedOperation[] = []
  const first = founder.sign({ space, genesis: null, kind: 'toy.found', body: { name: 'toy', hosts: [new TestSigner(nodeSeed).did] }, at: [start, 0] })
  all.push(first)
  const at = new Map<OperationId, Clock>([[first.id, [start, 0]]])
  const last = new Map<TestSigner, Clock>([[founder, [start, 0]]])
  const length = 5 + chance.below(30)
  for (let i = 0; i < length; i++) {
    const signer = chance.pick(signers)
    const seen = chance.chance(0.5) ? [chance.pick(all).id] : []
    const floor = [last.get(signer) ?? [start, 0], ...seen.map((id) => at.get(id) as Clock)].reduce((a, b) => ((a[0] - b[0] || a[1] - b[1]) > 0 ? a : b))
    // Now and then a clock stands still, jumps, or the operation is older than a parent and so malformed.
    const clock: Clock = chance.chance(0.2)
      ? [floor[0], floor[1] + 1]
      : chance.chance(0.05)
        ? [Math.max(start, floor[0] - 50), 0]
        : [floor[0] + 1 + chance.below(chance.chance(0.1) ? 5_000 : 50), 0]
    const [kind, body] = action(chance, signers)
    const parts = { space, genesis: first.id, kind, body, at: clock, seen: [...new Set(seen)].filter((id) => id !== signer.prev) }
    const operation = signer.sign({ ...parts, keep: true })
    all.push(operation)
    at.set(operation.id, clock)
    if (chance.chance(0.06)) {
      // A second use of the number: innocent when the body is the same.
      const twin = signer.sign({ ...parts, body: chance.chance(0.5) ? body : action(chance, signers)[1], kind, at: [clock[0] + 1 + chance.below(20), 0], keep: true })
      all.push(twin)
      at.set(twin.id, twin.envelope.at)
    }
    signer.seq++
    signer.prev = chance.chance(0.97) ? operation.id : (all.at(-1) as SignedOperation).id
    last.set(signer, (at.get(signer.prev) as Clock)[0] > clock[0] ? (at.get(signer.prev) as Clock) : clock)
  }
  return all
}

function action(chance: Chance, signers: readonly TestSigner[]): [string, unknown] {
  const name = chance.pick(['a', 'b'])
  switch (chance.below(10)) {
    case 0:
      return ['toy.sweep', {}]
    case 1:
      return chance.chance(0.3) ? ['toy.close', { who: chance.pick(signers).did }] : ['toy.nothing', { what: name }]
    case 2:
      return ['toy.break', { rows: chance.pick([1, 5, 1_001]), fault: chance.chance(0.3) }]
    case 3:
    case 4:
    case 5:
      return ['toy.add', { name, amount: 1 + chance.below(100) }]
    default:
      return ['toy.set', { name, value: chance.below(4), ...(chance.chance(0.5) ? { expect: chance.below(4) } : {}) }]
  }
}

/** Feeds a set in any order, in pieces of any size, some twice, with a restart in between; a held remainder is offered again. */
async function feed(target: Node, set: readonly SignedOperation[], chance: Chance): Promise<void> {
  const queue = chance.shuffle([...set, ...set.filter(() => chance.chance(0.1))])
  // A space begins with its first operation: nothing can be received before it.
  const first = set[0] as SignedOperation
  const pieces: SignedOperation[][] = [[first]]
  while (queue.length > 0) pieces.push(queue.splice(0, 1 + chance.below(chance.chance(0.3) ? 40 : 5)))
  for (const piece of pieces) {
    if (chance.chance(0.2)) await Promise.all(piece.map((operation) => target.journal.ingest(space, [raw(operation)])))
    else await target.journal.ingest(space, piece.map(raw))
    if (chance.chance(0.03)) await target.restart()
  }
  await target.journal.maintain()
}

function outcome(target: Node, set: readonly SignedOperation[]): unknown {
  const { root, pairs } = target.journal.root(space)
  const info = target.journal.info(space)
  return {
    root: toHex(root),
    pairs,
    counts: info?.operations,
    digest: toHex(info?.setDigest ?? new Uint8Array()),
    checkpoint: info?.checkpoint?.id,
    vector: target.journal.vectors(space)?.entries(),
    unfinal: info?.unfinal,
    statuses: set.map((operation) => {
      const shown = target.journal.operation(operation.id)
      return [
        operation.envelope.kind,
        shown?.status,
        shown?.final,
        shown?.checks
          .filter((check) => check.result === 'fail')
          .map((check) => check.code)
          .join(),
        shown?.retriedBy?.id,
      ]
    }),
  }
}

/** What ought to have settled an entry of the quarantine, looked for among everything there is. */
function demandRetries(target: Node): void {
  const all = target.journal.operations(space, { limit: 10_000 })
  const settled = target.journal.quarantine(space, { limit: 10_000 }).map(({ operation, retriedBy }) => [operation.id, retriedBy?.id])
  const wanted = all.flatMap(({ operation: { id, envelope }, status }, i) => {
    if (!['refused', 'late', 'forked'].includes(status)) return []
    const same = all.slice(i + 1).find(({ operation: { envelope: other }, status: others }) => {
      return others === 'applied' && other.author === envelope.author && other.kind === envelope.kind && equalBytes(other.body_hash, envelope.body_hash)
    })
    return [[id, same?.operation.id]]
  })
  assert.deepEqual(settled, wanted)
}

/** The same certificates carried by others as well, and a second use of the number that carried the last one. */
function besideCuts(chance: Chance, cuts: readonly SignedOperation[]): SignedOperation[] {
  const stranger = new TestSigner(60)
  const more: SignedOperation[] = []
  for (const { envelope, body } of cuts) {
    if (!chance.chance(0.2)) continue
    const at: Clock = [envelope.at[0] + 1 + more.length, 0]
    more.push(stranger.sign({ space, genesis: envelope.genesis, kind: envelope.kind, body: decodeTrusted(body as Uint8Array), at }))
  }
  const last = cuts.at(-1)?.envelope
  if (last !== undefined && chance.chance(0.3))
    more.push(
      new TestSigner(nodeSeed).sign({
        space,
        genesis: last.genesis,
        seq: last.seq,
        prev: last.prev,
        kind: 'toy.add',
        body: { name: 'a', amount: 1 },
        at: [last.at[0] + chance.below(3), 9],
      }),
    )
  return more
}

const runs = Number(process.env['ICN_RUNS'] ?? 1200)
const only = process.env['ICN_SEED']

describe('the order', () => {
  it('makes state a function of the set of operations, in memory', async () => {
    for (const seed of only ? [Number(only)] : Array.from({ length: runs }, (_, i) => i + 1)) {
      const set = history(new Chance(seed))
      const wanted = memory()
      wanted.restart = async () => {}
      await feed(wanted, set, new Chance(seed * 7 + 1))
      for (const order of [2, 3]) {
        const other = memory()
        other.restart = async () => {}
        await feed(other, set, new Chance(seed * 7 + order))
        assert.deepEqual(outcome(other, set), outcome(wanted, set), `seed ${seed}, order ${order}`)
        assert.deepEqual(other.journal.doctor(), [], `seed ${seed}, order ${order}`)
        demandRetries(other)
      }
    }
  })

  it('agrees between memory and SQLite, across restarts', async () => {
    for (const seed of only ? [Number(only)] : Array.from({ length: Math.ceil(runs / 12) }, (_, i) => i + 10_001)) {
      const set = history(new Chance(seed))
      const wanted = memory()
      wanted.restart = async () => {}
      await feed(wanted, set, new Chance(seed * 7 + 1))
      const other = sqlite()
      await feed(other, set, new Chance(seed * 7 + 2))
      assert.deepEqual(outcome(other, set), outcome(wanted, set), `seed ${seed}`)
      assert.deepEqual(other.journal.doctor(), [], `seed ${seed}`)
      await other.journal.close()
    }
  })

  it('holds with cuts in the set: final stays final, what a cut left behind is late everywhere', async () => {
    for (const seed of only ? [Number(only)] : Array.from({ length: Math.ceil(runs / 3) }, (_, i) => i + 20_001)) {
      const chance = new Chance(seed)
      const set = history(chance)
      const host = memory()
      host.restart = async () => {}
      host.now = start + 60_000
      const [first, ...rest] = set as [SignedOperation, ...SignedOperation[]]
      await host.journal.ingest(space, [raw(first)])
      for (const operation of rest) {
        if (chance.chance(0.85)) await host.journal.ingest(space, [raw(operation)])
        if (chance.chance(0.1)) await host.journal.checkpoint(space, 0)
      }
      const cuts = host.journal.operations(space, { limit: 10_000, kind: 'space.checkpoint' }).map((entry) => entry.operation)
      const ordered = [...set, ...cuts, ...besideCuts(chance, cuts)]
      await host.journal.ingest(space, ordered.map(raw))
      for (const order of [1, 2]) {
        const other = memory()
        other.restart = async () => {}
        await feed(other, ordered, new Chance(seed * 7 + order))
        assert.deepEqual(outcome(other, ordered), outcome(host, ordered), `seed ${seed}, order ${order}`)
        demandRetries(other)
        assert.deepEqual(other.journal.doctor(), [], `seed ${seed}`)
      }
    }
  })
})
