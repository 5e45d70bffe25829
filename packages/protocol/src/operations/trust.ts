import { z } from 'zod'
import { TrustEvidence, trustGraphs } from '../bodies/trust.ts'
import { did, int, operationId, spaceId, text } from '../schema.ts'
import { listFields, timeField, timeInput } from './common.ts'
import { row } from './row.ts'
import { sample } from './samples.ts'

/** Trust: what people and nodes say of each other, and the numbers that somebody makes of it (trust page §8). */

const graph = z.enum(trustGraphs)
const trustClass = z.enum(['isolated', 'known', 'partner', 'federated'])
/** Thousandths; people may also type 0.0 to 1.0. */
const permille = int(0, 1_000).meta({ format: 'permille' })
const score = z.int().nullable()

const EdgeShort = z.strictObject({ issuer: did, subject: did, graph, weight: z.int(), expires_at: timeField })

export const TrustEdgeView = EdgeShort.extend({
  since_at: timeField,
  expired: z.boolean().describe('Its time is over: it counts as none.'),
  set_op: operationId.describe('The operation that set it; hand it back as base.'),
  labels: z.array(z.string()),
  evidence: z.array(TrustEvidence),
  note: z.string().nullable(),
})
export type TrustEdgeView = z.output<typeof TrustEdgeView>

/** What an edge does to the author's own number of the subject. */
const effect = { score_before: z.int(), score_after: z.int(), class_before: trustClass, class_after: trustClass }
export const TrustEdgeSetView = z.strictObject({ edge: TrustEdgeView, ...effect })
export type TrustEdgeSetView = z.output<typeof TrustEdgeSetView>
export const TrustEdgeEndView = z.strictObject({ subject: did, ended: z.array(graph), ...effect })
export type TrustEdgeEndView = z.output<typeof TrustEdgeEndView>

export const TrustScoreView = z.strictObject({
  subject: did,
  perspective: z.enum(['own', 'node']).describe('From whose edges is looked.'),
  seen: z.boolean().describe('Anything at all is known of this DID in commons.'),
  scores: z.strictObject({ social: score, economic: score, technical: score }).describe('Permille; null where nobody in view says anything, or that was not asked for.'),
  combined: z.int(),
  pin: score.describe('The operator’s own number; only in the node’s view.'),
  floor: z.int().describe('What the space asked about lends.'),
  standing: z.int().describe('What this node has seen of it: 1000 nothing bad.'),
  effective: z.int().describe('What choices use.'),
  class: trustClass,
  until_at: timeField.nullable().describe('Good until then, unless an edge changes.'),
})
export type TrustScoreView = z.output<typeof TrustScoreView>

const TrustHop = z.strictObject({
  did,
  held_by: did,
  held: z.int(),
  held_until_at: timeField,
  weight: z.int(),
  expires_at: timeField,
  product: z.int().describe('held · weight.'),
})
const TrustGraphPart = z.strictObject({
  graph,
  direct_weight: z.int().describe('What an own edge counts, in permille.'),
  hop_weight: z.int().describe('What the mean of opinions counts, in permille.'),
  share: z.int().describe('Its part of the combined score; none while its score is null.'),
  score,
  direct: z.strictObject({ issuer: did, weight: z.int(), expires_at: timeField }).nullable(),
  hops: z.array(TrustHop),
  sum: z.int().describe('Sum of the products.'),
})
const TrustChangeView = z.union([
  z.strictObject({ what: z.literal('edge'), graph, weight: z.int(), class: trustClass }),
  z.strictObject({ what: z.literal('end'), graph, issuer: did, subject: did, class: trustClass }),
])
export const TrustExplainView = TrustScoreView.extend({
  graphs: z.array(TrustGraphPart),
  sum: z.int().describe('Sum of share · score.'),
  divisor: z.int().describe('What the sum is divided by.'),
  pin_note: z.string().nullable(),
  changes: z.array(TrustChangeView).describe('Own edges that would lift the class, and edges without which it would be another.'),
  sentences: z.array(z.string()).describe('The same for people, in the language asked for.'),
})
export type TrustExplainView = z.output<typeof TrustExplainView>

export const TrustGraphView = z.strictObject({ subject: did, edges: z.array(EdgeShort), more: z.boolean().describe('There are edges that are not shown.') })
export type TrustGraphView = z.output<typeof TrustGraphView>

export const TrustPinView = z.strictObject({ did, permille: z.int(), note: z.string(), set_at: timeField })
export type TrustPinView = z.output<typeof TrustPinView>

const edgeExample = {
  issuer: sample.ada,
  subject: sample.ben,
  graph: 'social',
  weight: 800,
  expires_at: sample.later,
  since_at: sample.at,
  expired: false,
  set_op: sample.one,
  labels: ['bakes bread'],
  evidence: [{ type: 'worked_with' }],
  note: null,
} as const
const { issuer, subject, weight, expires_at } = edgeExample
const shortExample = { issuer, subject, graph: 'social', weight, expires_at } as const
const effectExample = { score_before: 150, score_after: 710, class_before: 'known', class_after: 'federated' } as const
const scoreExample = {
  subject: sample.ben,
  perspective: 'own',
  seen: true,
  scores: { social: 560, economic: null, technical: null },
  combined: 560,
  pin: null,
  floor: 0,
  standing: 1_000,
  effective: 560,
  class: 'partner',
  until_at: sample.later,
} as const
const explainExample = {
  ...scoreExample,
  graphs: [
    {
      graph: 'social',
      direct_weight: 700,
      hop_weight: 300,
      share: 500,
      score: 560,
      direct: { issuer: sample.ada, weight: 800, expires_at: sample.later },
      hops: [],
      sum: 0,
    },
  ],
  sum: 280_000,
  divisor: 500,
  pin_note: null,
  changes: [
    { what: 'edge', graph: 'social', weight: 1_000, class: 'federated' },
    { what: 'end', graph: 'social', issuer: sample.ada, subject: sample.ben, class: 'isolated' },
  ],
  sentences: ['Social: 560 = ⌊700 · 800 / 1000⌋.'],
} as const
const pinExample = { did: sample.elm, permille: 900, note: 'Our own second machine', set_at: sample.at } as const

const who = did.describe('Of whom.')
const view = {
  space: spaceId.optional().describe('The matter: hosts of a cooperative and keepers have a floor in theirs.'),
  perspective: z.enum(['own', 'node']).optional().describe('own: from your edges; node: from this node’s, for its operator. Left out: own when somebody is signed in.'),
}
const read = { mode: 'read', space: 'commons', scope: 'trust:read', cost: 'read', since: '1.0' } as const
const write = { mode: 'write', space: 'commons', access: ['session'], scope: 'trust:write', cost: 'govern', since: '1.0' } as const

export const trustRows = {
  'trust.score': row({
    ...read,
    rest: 'GET /v1/trust/score',
    cli: 'trust show',
    access: ['session', 'operator'],
    input: z.strictObject({ subject: who, graph: graph.optional().describe('Only this graph.'), ...view }),
    output: TrustScoreView,
    refuses: ['OPERATOR_ONLY'],
    says: 'Show how far somebody is trusted, as seen from your edges or this node’s.',
    example: { input: { subject: sample.ben }, output: scoreExample },
  }),
  'trust.explain': row({
    ...read,
    rest: 'GET /v1/trust/explain',
    cli: 'trust explain',
    access: ['session', 'operator'],
    input: z.strictObject({ subject: who, ...view }),
    output: TrustExplainView,
    refuses: ['OPERATOR_ONLY'],
    says: 'Explain a trust score: every edge that counts, and what would change the class.',
    example: { input: { subject: sample.ben }, output: explainExample },
  }),
  'trust.graph': row({
    ...read,
    rest: 'GET /v1/trust/graph',
    cli: 'trust graph',
    access: ['session'],
    input: z.strictObject({
      subject: did.optional().describe('Around whom; left out: around you.'),
      limit: int(1, 200).default(100).describe('How many edges at most.'),
    }),
    output: TrustGraphView,
    refuses: [],
    says: 'Show the edges around somebody, for drawing.',
    example: { input: { subject: sample.ben }, output: { subject: sample.ben, edges: [shortExample], more: false } },
  }),
  'trust.edge.list': row({
    rest: 'GET /v1/trust-edges',
    cli: 'trust list',
    mode: 'list',
    space: 'commons',
    access: ['session'],
    scope: 'trust:read',
    cost: 'read',
    input: z.strictObject({
      issuer: did.optional().describe('Only what this one says; left out with the subject: what you say.'),
      subject: did.optional().describe('Only what is said of this one.'),
      graph: graph.optional().describe('Only this graph.'),
      ...listFields,
    }),
    output: TrustEdgeView,
    refuses: [],
    says: 'List trust edges: what somebody says of others, or others of them.',
    example: { input: { issuer: sample.ada }, output: { items: [edgeExample], next_cursor: null, as_of: sample.at } },
    since: '1.0',
  }),
  'trust.edge.set': row({
    ...write,
    rest: 'POST /v1/trust-edges',
    cli: 'trust set',
    proposes: ['trust.edge.set'],
    input: z.strictObject({
      subject: did.describe('Of whom you say it.'),
      weight: permille.describe('How far you rely on them: 0 to 1000, or 0.0 to 1.0.'),
      graph: graph.default('social').describe('As a person, to pay and deliver, or to run a machine that works.'),
      expires_at: timeInput.optional().describe('Until when it holds; left out: for a year.'),
      labels: z.array(text(1, 32)).max(8).optional().describe('Words for what it is about; everybody can read them.'),
      evidence: z.array(TrustEvidence).max(4).optional().describe('What it rests on.'),
      note: text(0, 280).optional().describe('A sentence; everybody can read it.'),
      base: operationId.optional().describe('The operation that set the edge you saw.'),
    }),
    output: TrustEdgeSetView,
    refuses: ['NO_STANDING', 'TRUST_SELF', 'TRUST_EXPIRY', 'TRUST_BASE_STALE', 'TRUST_EDGES_FULL', 'TRUST_RATE', 'TRUST_UNCHANGED', 'DEVICE_KEY_REQUIRED'],
    says: 'Say in public how far you rely on somebody; a dry run shows what it does to your own score.',
    example: { input: { subject: sample.ben, weight: 800, graph: 'social' }, output: { edge: edgeExample, ...effectExample } },
  }),
  'trust.edge.end': row({
    ...write,
    rest: 'DELETE /v1/trust-edges/{did}',
    cli: 'trust end',
    proposes: ['trust.edge.end'],
    input: z.strictObject({ did: did.describe('Of whom you said it.'), graph: graph.optional().describe('Only this graph; left out: all.') }),
    output: TrustEdgeEndView,
    refuses: ['NO_STANDING', 'TRUST_EDGE_UNKNOWN', 'DEVICE_KEY_REQUIRED'],
    says: 'Take back what you said of somebody.',
    example: {
      input: { did: sample.ben },
      output: { subject: sample.ben, ended: ['social'], score_before: 710, score_after: 150, class_before: 'federated', class_after: 'known' },
    },
  }),
  'trust.pin.list': row({
    rest: 'GET /v1/trust-pins',
    cli: 'trust pins',
    mode: 'list',
    space: 'node',
    access: ['operator'],
    cost: 'operator',
    input: z.strictObject({ ...listFields }),
    output: TrustPinView,
    refuses: [],
    says: 'List this node’s own numbers for DIDs.',
    example: { input: {}, output: { items: [pinExample], next_cursor: null, as_of: sample.at } },
    since: '1.0',
  }),
  'trust.pin.set': row({
    rest: 'PUT /v1/trust-pins/{did}',
    cli: 'trust pin',
    mode: 'exchange',
    space: 'node',
    access: ['operator'],
    cost: 'operator',
    input: z.strictObject({
      did: who,
      permille: permille.describe('The number that wins over any score: 0 to 1000, or 0.0 to 1.0.'),
      note: text(0, 280).default('').describe('Why.'),
    }),
    output: TrustPinView,
    refuses: [],
    says: 'Give a DID a number of this node’s own; it wins over any score.',
    example: { input: { did: sample.elm, permille: 900, note: 'Our own second machine' }, output: pinExample },
    since: '1.0',
  }),
  'trust.pin.remove': row({
    rest: 'DELETE /v1/trust-pins/{did}',
    cli: 'trust unpin',
    mode: 'exchange',
    space: 'node',
    access: ['operator'],
    cost: 'operator',
    input: z.strictObject({ did: who }),
    output: TrustPinView,
    refuses: [],
    says: 'Take this node’s own number for a DID away.',
    example: { input: { did: sample.elm }, output: pinExample },
    since: '1.0',
  }),
} as const
