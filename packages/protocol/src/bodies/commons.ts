import { z } from 'zod'
import { bytes, did, nameText } from '../schema.ts'

/** Bodies of the kinds of `commons` (commons page §2). */

/** Larger: a majority is hard to gather; smaller: the network hangs on few. */
export const keepersMax = 31
export const genesisStewardsMax = 15

export const CommonsFound = z.strictObject({
  name: nameText(1, 120),
  /** Nodes whose majority makes `commons` final. */
  keepers: z.array(did).min(1).max(keepersMax),
  /** People of the network's first hour; none on a node that founds a network of its own (ruling 1). */
  stewards: z.array(did).max(genesisStewardsMax),
  nonce: bytes(16),
})
export type CommonsFound = z.output<typeof CommonsFound>

export const commonsBodies = {
  'commons.found': CommonsFound,
} as const satisfies Record<string, z.ZodType>
