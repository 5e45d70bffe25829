import { describe, it } from 'node:test'
import { runSeed } from './run.ts'

/** A smoke run of the simulator; `./icn test sim --minutes N` goes on as long as it is told to. */

const runs = Number(process.env['ICN_SIM_RUNS'] ?? 16)
const only = process.env['ICN_SEED']
/** Each has found something once. */
const former = [5_048, 200_130, 200_544, 500_712, 500_852, 701_341, 701_824, 702_688, 703_772, 810_645]
const seeds = only ? [Number(only)] : [...Array.from({ length: runs }, (_, i) => i + 1), ...former]

describe('a cooperative on several nodes', () => {
  for (const seed of seeds) {
    it(`stays one through everything that can go wrong at once (seed ${seed})`, async () => {
      await runSeed(seed, { nodes: 3 + (seed % 5) })
    })
  }
})
