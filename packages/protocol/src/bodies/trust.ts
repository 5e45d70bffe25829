import { z } from 'zod'
import { dayMs, hourMs } from '../units.ts'
import { did, int, operationId, text, timeMs } from '../schema.ts'

/** Bodies of the kinds of trust (trust page §2). Bounds that a law answers with a code of its own are loose here. */

/** In what somebody is relied on: as a person, to pay and deliver, to run a machine that works. */
export const trustGraphs = ['social', 'economic', 'technical'] as const
export type TrustGraph = (typeof trustGraphs)[number]
/** What an edge rests on; `ref` names an operation or another content id. */
export const trustEvidenceTypes = ['worked_with', 'traded', 'hosted', 'met', 'receipt', 'other'] as const

/** Edges that stand for one issuer. Larger: a perspective is slow to read; smaller: people with many friends are stuck. */
export const trustEdgesMax = 1_000
/** Changes of one issuer in a UTC hour. Larger: flooding is cheap; smaller: a first evening of entering friends takes two. */
export const trustChangesHourMax = 20
/** How far ahead an edge may end. Larger: opinions that nobody remembers count; smaller: people agree all day. */
export const trustLifeMs = { min: hourMs, max: 730 * dayMs, usual: 365 * dayMs } as const
/** An edge said again with an end this close is the same edge. */
export const trustSameEndMs = dayMs
/** How long an edge that has ended by time is still shown. */
export const trustKeptMs = 90 * dayMs

export const TrustEvidence = z.strictObject({ type: z.enum(trustEvidenceTypes), ref: operationId.optional() })

export const TrustEdgeSet = z.strictObject({
  subject: did,
  graph: z.enum(trustGraphs),
  /** Permille. 0 says "I know and do not rely on it". */
  weight: int(0, 1_000),
  expires_at: timeMs,
  labels: z.array(text(1, 32)).max(8).optional(),
  evidence: z.array(TrustEvidence).max(4).optional(),
  note: text(0, 280).optional(),
  /** Operation that set the edge which its author has seen. */
  base: operationId.optional(),
})
export type TrustEdgeSet = z.output<typeof TrustEdgeSet>

export const TrustEdgeEnd = z.strictObject({
  subject: did,
  /** Left out: in every graph. */
  graph: z.enum(trustGraphs).optional(),
})
export type TrustEdgeEnd = z.output<typeof TrustEdgeEnd>

export const TrustSweep = z.strictObject({
  items: z
    .array(z.strictObject({ issuer: did, graph: z.enum(trustGraphs), subject: did }))
    .min(1)
    .max(100),
})
export type TrustSweep = z.output<typeof TrustSweep>

export const trustBodies = {
  'trust.edge.set': TrustEdgeSet,
  'trust.edge.end': TrustEdgeEnd,
  'trust.sweep': TrustSweep,
} as const satisfies Record<string, z.ZodType>
