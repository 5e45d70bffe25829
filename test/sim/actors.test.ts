import { describe, it } from 'node:test'
import { type MannerName, manners } from './actors.ts'
import { runSeed } from './run.ts'

/** A host whose key is in wrong hands: honest nodes converge, tell of it where its harm can be told from bad luck, blame nobody else, and stay within their bounds. */

const seed = Number(process.env['ICN_SEED'] ?? 1)

describe('among hosts', () => {
  for (const name of Object.keys(manners) as MannerName[]) {
    it(`a ${name} harms nobody but itself (seed ${seed})`, async () => {
      await runSeed(seed, { nodes: 4, steps: 30, manner: name })
    })
  }
})
