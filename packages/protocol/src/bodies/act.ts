import { z } from 'zod'
import { operationId, plainMap, text } from '../schema.ts'

/** Bodies of acts: changes that need more than one person (identity page §7). */

/** How long an act waits for its persons. Larger: forgotten ones pile up; smaller: people on holiday miss theirs. */
export const actMsMax = 14 * 86_400_000
/** Open acts of one proposer, and of a space. Larger: a flood drowns the list; smaller: an import by acts gets stuck. */
export const actsPerProposerMax = 20
export const actsPerSpaceMax = 500

export const ActPropose = z.strictObject({
  kind: z.string().min(1).max(64),
  /** The body of that kind; its own schema is asked by the law. */
  body: plainMap,
  note: text(0, 1_000).optional(),
})
export type ActPropose = z.output<typeof ActPropose>

export const ActRef = z.strictObject({ ref: operationId })
export type ActRef = z.output<typeof ActRef>

export const actBodies = {
  'act.propose': ActPropose,
  'act.confirm': ActRef,
  'act.withdraw': ActRef,
} as const satisfies Record<string, z.ZodType>
