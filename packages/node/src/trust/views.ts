import type { EdgeView, GraphScore, TrustClass, TrustExplanation } from '@icn/domain'
import { graphWeights } from '@icn/domain'
import type { Language, TextParams, TrustEdgeView, TrustExplainView, TrustGraph, TrustPinView } from '@icn/protocol'
import { sayText, timeText } from '@icn/protocol'
import type { Pin } from './pins.ts'

/** Trust as the doors show it. */

export function edgeView({ issuer, graph, subject, row }: EdgeView, now: number): TrustEdgeView {
  const { weight, expires_at, since_at, set_op, labels, evidence, note } = row
  return {
    issuer,
    subject,
    graph,
    weight,
    expires_at: timeText(expires_at),
    since_at: timeText(since_at),
    expired: expires_at <= now,
    set_op,
    labels: [...labels],
    evidence: evidence.map((one) => ({ ...one })),
    note: note ?? null,
  }
}

export function shortView({ issuer, graph, subject, row }: EdgeView) {
  return { issuer, subject, graph, weight: row.weight, expires_at: timeText(row.expires_at) }
}

export function pinView({ did, permille, note, set_at }: Pin): TrustPinView {
  return { did, permille, note, set_at: timeText(set_at) }
}

export function graphView({ graph, score, direct, hops, sum }: GraphScore): TrustExplainView['graphs'][number] {
  const weights = graphWeights[graph]
  return {
    graph,
    direct_weight: weights.direct,
    hop_weight: weights.transitive,
    share: weights.share,
    score: score ?? null,
    direct: direct === undefined ? null : { issuer: direct.issuer, weight: direct.weight, expires_at: timeText(direct.expires_at) },
    hops: hops.flatMap(({ did, held: [first], weight, expires_at }) =>
      first === undefined
        ? []
        : [{ did, held_by: first.issuer, held: first.weight, held_until_at: timeText(first.expires_at), weight, expires_at: timeText(expires_at), product: first.weight * weight }],
    ),
    sum,
  }
}

/** The explanation in words: every number in it can be worked out again from what stands there. */
export function sentencesOf(found: TrustExplanation, more: { readonly seen: boolean; readonly pinNote: string }, language: Language): string[] {
  const say = (key: Parameters<typeof sayText>[0], params: TextParams = {}): string => sayText(key, language, params)
  const graphName = (graph: TrustGraph): string => say(`trust.graph.${graph}`)
  const className = (name: TrustClass): string => say(`trust.class.${name}`)
  const { subject, combined, pin, floor, standing, effective } = found
  if (found.isSelf) return [say('trust.self', { subject, class: className(found.class) })]
  const lines = more.seen ? found.graphs.flatMap((graph) => graphSentences(graph, graphName(graph.graph), say)) : [say('trust.unseen', { subject })]
  const terms = found.graphs.flatMap(({ graph, score }) => (score === undefined ? [] : [`${graphWeights[graph].share} · ${score}`]))
  if (terms.length > 0) lines.push(say('trust.combined', { combined, terms: terms.join(' + '), divisor: found.divisor }))
  if (pin !== undefined) lines.push(say('trust.pin', { pin, note: more.pinNote === '' ? '–' : more.pinNote }))
  lines.push(say('trust.effective', { effective, base: pin ?? combined, floor, standing, class: className(found.class) }))
  if (found.valid_until !== undefined) lines.push(say('trust.until', { until_at: found.valid_until }))
  for (const change of found.changes) {
    const named = { graph: graphName(change.graph), class: className(change.class) }
    lines.push(change.what === 'edge' ? say('trust.lift', { ...named, weight: change.weight }) : say('trust.end', { ...named, issuer: change.issuer, subject: change.subject }))
  }
  return lines
}

function graphSentences({ graph, score, direct, hops, sum }: GraphScore, name: string, say: (key: Parameters<typeof sayText>[0], params?: TextParams) => string): string[] {
  if (score === undefined) return [say('trust.nobody', { graph: name })]
  const { direct: direct_weight, transitive: hop_weight } = graphWeights[graph]
  const numbers = { graph: name, score, direct_weight, direct: direct?.weight ?? 0, count: hops.length, hop_weight, sum }
  return [
    say(hops.length === 0 ? 'trust.score_direct' : 'trust.score_hops', numbers),
    ...(direct === undefined ? [] : [`  ${say('trust.direct', { issuer: direct.issuer, weight: direct.weight, until_at: direct.expires_at })}`]),
    ...hops.flatMap(({ did, held: [first], weight, expires_at }) =>
      first === undefined
        ? []
        : [
            `  ${say('trust.hop', { held_by: first.issuer, did, held: first.weight, held_until_at: first.expires_at, weight, until_at: expires_at, product: first.weight * weight })}`,
          ],
    ),
  ]
}
