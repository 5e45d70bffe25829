import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { equalBytes, type SignedOperation, toHex } from '@icn/protocol'
import { Chance, raw } from '@icn/testkit'
import { besideCuts, history, type HistoryNode, historySpace as space, historyStart as start, memoryNode, sqliteNode } from './histories/fixture.ts'

/**
 * E1: for any set of operations and any two arrival orders, batchings and restarts: same statuses, same state, same root.
 * The sets hold forks, reissues, clock jumps, refused and malformed operations, laws that depend on order, and cuts.
 */

const folders: string[] = []
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

const memory = (): HistoryNode => memoryNode(start + 1_000_000)
function sqlite(): HistoryNode {
  const folder = mkdtempSync(join(tmpdir(), 'icn-e1-'))
  folders.push(folder)
  return sqliteNode(folder, start + 1_000_000)
}

/** Feeds a set in any order, in pieces of any size, some twice, with a restart in between; a held remainder is offered again. */
async function feed(target: HistoryNode, set: readonly SignedOperation[], chance: Chance): Promise<void> {
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

function outcome(target: HistoryNode, set: readonly SignedOperation[]): unknown {
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
function demandRetries(target: HistoryNode): void {
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

const runs = Number(process.env['ICN_RUNS'] ?? 1200)
const only = process.env['ICN_SEED']

describe('the order', () => {
  it('makes state a function of the set of operations, in memory', async () => {
    for (const seed of only ? [Number(only)] : Array.from({ length: runs }, (_, i) => i + 1)) {
      const set = history(new Chance(seed))
      const wanted = memory()
      await feed(wanted, set, new Chance(seed * 7 + 1))
      for (const order of [2, 3]) {
        const other = memory()
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
        await feed(other, ordered, new Chance(seed * 7 + order))
        assert.deepEqual(outcome(other, ordered), outcome(host, ordered), `seed ${seed}, order ${order}`)
        demandRetries(other)
        assert.deepEqual(other.journal.doctor(), [], `seed ${seed}`)
      }
    }
  })
})
