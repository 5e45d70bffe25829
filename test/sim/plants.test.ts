import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Broken } from './checkers/index.ts'
import { type Plant, type PlantName, plants } from './plants.ts'
import { runSeed } from './run.ts'

/** A simulator is worth what it finds: bugs put in on purpose, the checkers that may say so first, and a seed that shows each at once. */

const found: Readonly<Record<PlantName, { readonly seed: number; readonly by: readonly string[] }>> = {
  unordered_map: { seed: 2, by: ['convergence', 'refold'] },
  lost_undo: { seed: 1, by: ['refold', 'convergence'] },
  skipped_rewind: { seed: 1, by: ['convergence', 'refold'] },
  lost_event: { seed: 20, by: ['events'] },
  vector_off_by_one: { seed: 32, by: ['convergence', 'reunion', 'blame'] },
  dropped_have: { seed: 2, by: ['convergence'] },
  credit_leak: { seed: 105, by: ['convergence', 'reunion', 'blame'] },
  forgotten_host_status: { seed: 1, by: ['privacy'] },
  last_steward_forgotten: { seed: 1, by: ['authority'] },
  removed_may_speak: { seed: 3, by: ['membership'] },
  no_reviews: { seed: 5, by: ['convergence', 'reviews'] },
  quarantine_forgets: { seed: 1, by: ['quarantine', 'durability'] },
  unsynced_write: { seed: 4, by: ['durability', 'convergence', 'blame'] },
  false_alarm: { seed: 3, by: ['refold', 'blame', 'reunion'] },
}

/** A seed that shows a bug today may not tomorrow, when nodes talk in another order; then others are tried. */
const seedsMax = 120

describe('the simulator finds', () => {
  for (const [name, { seed, by }] of Object.entries(found) as [PlantName, (typeof found)[PlantName]][]) {
    it(name.replaceAll('_', ' '), async () => {
      const seeds = [seed, ...Array.from({ length: seedsMax }, (_, i) => i + 1)]
      for (const one of seeds) if (by.includes((await checkerOf(one, plants[name])) ?? '')) return
      assert.fail(`${name} was not found with ${seedsMax} seeds`)
    })
  }
})

/** Whose finding it is; undefined: nobody's. */
async function checkerOf(seed: number, plant: Plant): Promise<string | undefined> {
  try {
    await runSeed(seed, { nodes: 3 + (seed % 5), plant })
    return undefined
  } catch (error) {
    if (error instanceof Broken) return error.checker
    throw error
  }
}
