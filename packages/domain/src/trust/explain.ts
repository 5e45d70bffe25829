import type { Did, Facts, TrustGraph } from '@icn/protocol'
import { trustGraphs } from '@icn/protocol'
import type { GraphInputs, GraphScore, HeldEdge, Hop, LocalTrust, Perspective, TrustClass } from './score.ts'
import { classFrom, classOf, combine, effectiveTrust, readGraph, scoreGraph, sharesOf, shareSumMin, trustClasses, wholeTrust } from './score.ts'

/** Why a number is what it is, so that anybody can work it out again, and what would make it another class. */

/** An own edge that would lift the subject, or the end of an edge that would drop or lift it. */
export type TrustChange =
  | { readonly what: 'edge'; readonly graph: TrustGraph; readonly weight: number; readonly class: TrustClass }
  | { readonly what: 'end'; readonly graph: TrustGraph; readonly issuer: Did; readonly subject: Did; readonly class: TrustClass }

export interface TrustExplanation extends LocalTrust {
  readonly subject: Did
  /** The subject is one of those who look. */
  readonly isSelf: boolean
  readonly graphs: readonly GraphScore[]
  /** Σ share · score, and what it is divided by. */
  readonly sum: number
  readonly divisor: number
  readonly combined: number
  readonly effective: number
  readonly class: TrustClass
  /** The earliest end of an edge that was used; undefined: only an edge set or ended changes it. */
  readonly valid_until: number | undefined
  readonly changes: readonly TrustChange[]
}

type Inputs = Readonly<Record<TrustGraph, GraphInputs>>

const scoresOf = (inputs: Inputs, perspective: Perspective): readonly GraphScore[] => trustGraphs.map((graph) => scoreGraph(graph, inputs[graph], perspective))

const numbers = (graphs: readonly GraphScore[]): Record<TrustGraph, number | undefined> =>
  Object.fromEntries(graphs.map(({ graph, score }) => [graph, score])) as Record<TrustGraph, number | undefined>

export function explainTrust(facts: Facts, perspective: Perspective, subject: Did, at: number, local: LocalTrust): TrustExplanation {
  const inputs = Object.fromEntries(trustGraphs.map((graph) => [graph, readGraph(facts, perspective, subject, graph, at, true)])) as unknown as Inputs
  const isSelf = perspective.dids.includes(subject)
  const effectiveOf = (of: Inputs): number => effectiveTrust({ combined: combine(numbers(scoresOf(of, perspective))), isSelf }, local)
  const graphs = scoresOf(inputs, perspective)
  const scores = numbers(graphs)
  const { sum, shares } = sharesOf(scores)
  const effective = effectiveOf(inputs)
  const ends = graphs.flatMap(({ valid_until }) => valid_until ?? [])
  return {
    subject,
    isSelf,
    graphs,
    sum,
    divisor: Math.max(shares, shareSumMin),
    combined: combine(scores),
    ...local,
    effective,
    class: classOf(effective),
    valid_until: ends.length === 0 ? undefined : Math.min(...ends),
    changes: isSelf ? [] : [...liftsOf(inputs, effective, effectiveOf), ...endsOf(inputs, graphs, subject, effective, effectiveOf)],
  }
}

/** In each graph the least own edge that makes the next class; more weight never lowers a score, so it is found by halving. */
function liftsOf(inputs: Inputs, effective: number, effectiveOf: (of: Inputs) => number): TrustChange[] {
  const next = trustClasses[trustClasses.indexOf(classOf(effective)) + 1]
  if (next === undefined) return []
  const found: TrustChange[] = []
  for (const graph of trustGraphs) {
    const [best] = inputs[graph].direct
    const reaches = (weight: number): boolean => {
      // Whose edge it is does not matter to the number.
      const direct: readonly HeldEdge[] = [{ issuer: best?.issuer ?? ('' as Did), weight, expires_at: Number.MAX_SAFE_INTEGER }]
      return effectiveOf({ ...inputs, [graph]: { ...inputs[graph], direct } }) >= classFrom[next]
    }
    if (!reaches(wholeTrust)) continue
    let [low, high] = [best?.weight ?? 0, wholeTrust]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (reaches(middle)) high = middle
      else low = middle + 1
    }
    found.push({ what: 'edge', graph, weight: high, class: next })
  }
  return found
}

/** Each edge that was used and without which the class would be another. */
function endsOf(inputs: Inputs, graphs: readonly GraphScore[], subject: Did, effective: number, effectiveOf: (of: Inputs) => number): TrustChange[] {
  const found: TrustChange[] = []
  const before = classOf(effective)
  const tryWithout = (graph: TrustGraph, issuer: Did, to: Did, left: GraphInputs): void => {
    const after = classOf(effectiveOf({ ...inputs, [graph]: left }))
    if (after !== before) found.push({ what: 'end', graph, issuer, subject: to, class: after })
  }
  for (const { graph, direct, hops } of graphs) {
    const all = inputs[graph]
    if (direct !== undefined) tryWithout(graph, direct.issuer, subject, { ...all, direct: all.direct.slice(1) })
    for (const hop of hops) {
      const [first] = hop.held
      if (first !== undefined) tryWithout(graph, first.issuer, hop.did, { ...all, hops: withHeld(all.hops, hop, hop.held.slice(1)) })
      tryWithout(graph, hop.did, subject, { ...all, hops: all.hops.filter((other) => other !== hop) })
    }
  }
  return found
}

/** The same opinions, one of them held at less or not at all, in their order. */
function withHeld(hops: readonly Hop[], hop: Hop, held: readonly HeldEdge[]): readonly Hop[] {
  const others = hops.filter((other) => other !== hop)
  const [first] = held
  if (first === undefined) return others
  const at = others.findIndex(({ did, held: [other] }) => (other?.weight ?? 0) < first.weight || ((other?.weight ?? 0) === first.weight && did > hop.did))
  return others.toSpliced(at < 0 ? others.length : at, 0, { ...hop, held })
}
