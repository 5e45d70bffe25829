import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { type OperationId, type SignedOperation, toHex } from '@icn/protocol'
import { Chance, raw } from '@icn/testkit'
import { besideCuts, feedWanted, history, type HistoryNode, memoryNode, sqliteNode, historySpace as space, historyStart as start } from './histories/fixture.ts'

/**
 * E1 across a state: a journal that began from one and was fed what came after it equals one that has folded everything.
 * Sets hold forks, reissues, late ones, refused ones and several cuts; what stands before the state's cut is never fed.
 */

const runs = Number(process.env['ICN_RUNS'] ?? 400)
const only = process.env['ICN_SEED']
const seedsFrom = (first: number, count: number): number[] => (only ? [Number(only)] : Array.from({ length: count }, (_, i) => i + first))
const folders: string[] = []
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

interface Scene {
  readonly host: HistoryNode
  readonly all: readonly SignedOperation[]
  /** What the state names. */
  readonly covered: ReadonlySet<OperationId>
}

/** A host that has cut now and then; everything that there is; and another node that has only what the last state but one or so says. */
async function scene(seed: number): Promise<(Scene & { readonly state: HistoryNode }) | undefined> {
  const chance = new Chance(seed)
  const set = history(chance)
  const host = memoryNode(start + 60_000)
  const taker = memoryNode(start + 60_000)
  const [first, ...rest] = set as [SignedOperation, ...SignedOperation[]]
  await host.journal.ingest(space, [raw(first)])
  const stop = Math.floor(rest.length * (0.3 + chance.below(6) / 10))
  for (const [index, operation] of rest.entries()) {
    if (chance.chance(0.85)) await host.journal.ingest(space, [raw(operation)])
    if (chance.chance(0.1)) await host.journal.checkpoint(space, 0)
    if (index !== stop || host.journal.info(space)?.checkpoint === null) continue
    const reader = await host.journal.states.open(space)
    // Writers go on while it is read.
    await host.journal.ingest(space, [raw(rest[Math.min(index + 1, rest.length - 1)] as SignedOperation)])
    const installed = await taker.journal.states.install(reader)
    assert.equal(toHex(installed.root), toHex(taker.journal.info(space)?.checkpoint?.root as Uint8Array))
    reader.close()
  }
  if (taker.journal.info(space) === undefined) return undefined
  await host.journal.checkpoint(space, 0)
  const cuts = host.journal.operations(space, { limit: 10_000, kind: 'space.checkpoint' }).map((entry) => entry.operation)
  const all = [...set, ...cuts, ...besideCuts(chance, cuts)]
  await host.journal.ingest(space, all.map(raw))
  const covered = new Set(all.map(({ id }) => id).filter((id) => taker.journal.states.isTrace(space, id)))
  return { host, all, covered, state: taker }
}

function outcome({ journal }: HistoryNode, set: readonly SignedOperation[]): unknown {
  const { root, pairs } = journal.root(space)
  const info = journal.info(space)
  return {
    root: toHex(root),
    pairs,
    digest: toHex(info?.setDigest ?? new Uint8Array()),
    checkpoint: info?.checkpoint?.id,
    vector: journal.vectors(space)?.entries(),
    unfinal: info?.unfinal,
    statuses: set.map(({ id, envelope }) => {
      const shown = journal.operation(id)
      return [envelope.kind, shown?.status, shown?.final, shown?.checks.flatMap(({ result, code }) => (result === 'fail' ? [code] : [])).join()]
    }),
  }
}

describe('a journal that began from a state', () => {
  it('equals one that has folded everything', async () => {
    let tried = 0
    for (const seed of seedsFrom(1, runs)) {
      const made = await scene(seed)
      if (made === undefined) continue
      tried++
      const { host, all, covered, state } = made
      const tail = all.filter(({ id, envelope }) => !covered.has(id) && envelope.genesis !== null)
      await feedWanted(state, tail, all, new Chance(seed * 7))
      assert.deepEqual(outcome(state, tail), outcome(host, tail), `seed ${seed}`)
      assert.deepEqual(state.journal.doctor(), [], `seed ${seed}`)
      assert.equal(state.journal.operation((all[0] as SignedOperation).id)?.final, true)
    }
    assert.ok(only || tried > runs / 3, `only ${tried} of ${runs} histories had a cut`)
  })

  it('goes on where it was after a restart', async () => {
    for (const seed of seedsFrom(20_001, Math.ceil(runs / 12))) {
      const made = await scene(seed)
      if (made === undefined) continue
      const { host, all, covered, state } = made
      const folder = mkdtempSync(join(tmpdir(), 'icn-state-'))
      folders.push(folder)
      const other = sqliteNode(folder, start + 60_000)
      const reader = await state.journal.states.open(space)
      await other.journal.states.install(reader)
      reader.close()
      await other.restart()
      const tail = all.filter(({ id, envelope }) => !covered.has(id) && envelope.genesis !== null)
      await feedWanted(other, tail, all, new Chance(seed * 7), true)
      assert.deepEqual(outcome(other, tail), outcome(host, tail), `seed ${seed}`)
      assert.deepEqual(other.journal.doctor(), [], `seed ${seed}`)
      await other.journal.close()
    }
  })
})
