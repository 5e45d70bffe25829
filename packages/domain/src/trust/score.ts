import type { Did, Facts, TrustGraph } from '@icn/protocol'
import { trustGraphs } from '@icn/protocol'
import { isSilent } from './queries.ts'
import { bySubject, edges } from './tables.ts'

/**
 * From edges to a number, as seen by some DIDs (trust page §3). Weights and scores are permille; everything is whole numbers with one floor at
 * the end, so that equal edges give equal scores on every node. No law reads any of this.
 */

/** What a direct edge and the mean of opinions count, and the graph's share in the combined score. */
export const graphWeights: Readonly<Record<TrustGraph, { readonly direct: number; readonly transitive: number; readonly share: number }>> = {
  social: { direct: 700, transitive: 300, share: 500 },
  economic: { direct: 800, transitive: 200, share: 300 },
  technical: { direct: 900, transitive: 100, share: 200 },
}

/** Shares are taken of at least this, so that a machine that works is not a friend. */
export const shareSumMin = 500

export const trustClasses = ['isolated', 'known', 'partner', 'federated'] as const
export type TrustClass = (typeof trustClasses)[number]
/** From where on each class holds. */
export const classFrom: Readonly<Record<TrustClass, number>> = { isolated: 0, known: 100, partner: 400, federated: 700 }

export const wholeTrust = 1_000

/** Larger: a celebrity costs a long scan; smaller: more single reads for subjects of a few friends. */
const issuersScannedMax = 5_000

/** From whose edges is looked, and how. */
export interface Perspective {
  readonly dids: readonly Did[]
  /** From where on somebody's opinion counts. */
  readonly hopMinPermille: number
  readonly intermediariesCount: number
}

/** An edge of a DID of the perspective. */
export interface HeldEdge {
  readonly issuer: Did
  readonly weight: number
  readonly expires_at: number
}

/** Somebody the perspective holds who has an edge to the subject. */
export interface Hop {
  readonly did: Did
  /** Edges of the perspective to this DID, the greatest first; never empty. */
  readonly held: readonly HeldEdge[]
  readonly weight: number
  readonly expires_at: number
}

/** What is read of one graph: live edges of the perspective to the subject, the greatest first, and opinions of others. */
export interface GraphInputs {
  readonly direct: readonly HeldEdge[]
  /** By what they are held at, then by key; all that may count, or only those that do. */
  readonly hops: readonly Hop[]
}

export interface GraphScore {
  readonly graph: TrustGraph
  /** Undefined: nobody in view says anything, so that the graph has no share. */
  readonly score: number | undefined
  readonly direct: HeldEdge | undefined
  readonly hops: readonly Hop[]
  /** Sum of what each hop is held at times what it says. */
  readonly sum: number
  /** The earliest end of an edge that was used; undefined without edges. */
  readonly valid_until: number | undefined
}

const greatest = (a: HeldEdge, b: HeldEdge): number => b.weight - a.weight || (a.issuer < b.issuer ? -1 : 1)

/** Ties go by rising key: a DID's text orders as its bytes do, because all are equally long and base58 keeps the order of its alphabet. */
const byHeld = (a: Pick<Hop, 'did' | 'held'>, b: Pick<Hop, 'did' | 'held'>): number =>
  (b.held[0]?.weight ?? 0) - (a.held[0]?.weight ?? 0) || (a.did < b.did ? -1 : a.did > b.did ? 1 : 0)

/** Whom the perspective says something of in a graph: live edges only. */
function heldIn(facts: Facts, { dids }: Perspective, graph: TrustGraph, at: number): ReadonlyMap<Did, readonly HeldEdge[]> {
  const held = new Map<Did, HeldEdge[]>()
  for (const issuer of dids) {
    if (isSilent(facts, issuer)) continue
    for (const [[, , did], { weight, expires_at }] of facts.scan(edges, { prefix: [issuer, graph] })) {
      if (expires_at <= at) continue
      const known = held.get(did)
      if (known === undefined) held.set(did, [{ issuer, weight, expires_at }])
      else known.push({ issuer, weight, expires_at })
    }
  }
  for (const list of held.values()) if (list.length > 1) list.sort(greatest)
  return held
}

/** Edges to the subject by those that may be listened to: read from whichever end is shorter. */
function* opinions(facts: Facts, listened: readonly Pick<Hop, 'did' | 'held'>[], subject: Did, graph: TrustGraph): Iterable<Pick<Hop, 'did' | 'held' | 'weight' | 'expires_at'>> {
  const scanMax = Math.min(issuersScannedMax, listened.length)
  if (scanMax === 0) return
  const found = [...facts.scan(bySubject, { prefix: [subject, graph], limit: scanMax + 1 })]
  const said = found.length <= scanMax ? new Map(found.map(([[, , issuer], row]) => [issuer, row])) : undefined
  for (const hop of listened) {
    const row = said === undefined ? facts.get(edges, [hop.did, graph, subject]) : said.get(hop.did)
    if (row !== undefined) yield { ...hop, weight: row.weight, expires_at: row.expires_at }
  }
}

/** Reads what the score of a graph needs; `all`: also opinions beyond those that count, for "what if one of them ended". */
export function readGraph(facts: Facts, perspective: Perspective, subject: Did, graph: TrustGraph, at: number, all = false): GraphInputs {
  const held = heldIn(facts, perspective, graph, at)
  const listened = [...held]
    .filter(([did, [first]]) => (first?.weight ?? 0) >= perspective.hopMinPermille && did !== subject && !perspective.dids.includes(did))
    .map(([did, list]) => ({ did, held: list }))
    .sort(byHeld)
  const hops: Hop[] = []
  for (const hop of opinions(facts, listened, subject, graph)) {
    if (hop.expires_at <= at || isSilent(facts, hop.did)) continue
    hops.push(hop)
    if (!all && hops.length === perspective.intermediariesCount) break
  }
  return { direct: held.get(subject) ?? [], hops }
}

/** ⌊(wd · d · n · 1000 + wt · S) / (n · 10⁶)⌋; without hops ⌊wd · d / 1000⌋. */
export function scoreGraph(graph: TrustGraph, inputs: GraphInputs, { hopMinPermille, intermediariesCount }: Perspective): GraphScore {
  const weights = graphWeights[graph]
  const [direct] = inputs.direct
  const hops = inputs.hops.filter(({ held: [first] }) => first !== undefined && first.weight >= hopMinPermille).slice(0, intermediariesCount)
  const sum = hops.reduce((total, { held: [first], weight }) => total + (first?.weight ?? 0) * weight, 0)
  const own = weights.direct * (direct?.weight ?? 0)
  const count = hops.length
  const score = count === 0 ? (direct === undefined ? undefined : Math.floor(own / 1_000)) : Math.floor((own * count * 1_000 + weights.transitive * sum) / (count * 1_000_000))
  const ends = [...(direct === undefined ? [] : [direct.expires_at]), ...hops.flatMap(({ held: [first], expires_at }) => [first?.expires_at ?? expires_at, expires_at])]
  return { graph, score, direct, hops, sum, valid_until: ends.length === 0 ? undefined : Math.min(...ends) }
}

/** Whatever one graph says at this time, as this perspective sees it. */
export function trustIn(facts: Facts, perspective: Perspective, subject: Did, graph: TrustGraph, at: number): GraphScore {
  return scoreGraph(graph, readGraph(facts, perspective, subject, graph, at), perspective)
}

export type GraphScores = Readonly<Record<TrustGraph, number | undefined>>

/** Sum of the shares of the graphs that say something, and of their shares of the scores. */
export function sharesOf(scores: GraphScores): { readonly sum: number; readonly shares: number } {
  let [sum, shares] = [0, 0]
  for (const graph of trustGraphs) {
    const score = scores[graph]
    if (score === undefined) continue
    sum += graphWeights[graph].share * score
    shares += graphWeights[graph].share
  }
  return { sum, shares }
}

/** One number of three: graphs in which nobody in view says anything have no share. */
export function combine(scores: GraphScores): number {
  const { sum, shares } = sharesOf(scores)
  return Math.floor(sum / Math.max(shares, shareSumMin))
}

export function classOf(permille: number): TrustClass {
  return trustClasses.findLast((name) => permille >= classFrom[name]) ?? 'isolated'
}

/** What a node adds to a score: all of it is its own, now, and none of it is kept with the score. */
export interface LocalTrust {
  /** The operator's own number; wins over the score. */
  readonly pin: number | undefined
  /** What the matter asked about lends. */
  readonly floor: number
  /** What this node has seen of it: 1000 nothing bad, 0 banned. */
  readonly standing: number
}

/** What choices use. The perspective trusts itself by definition. */
export function effectiveTrust(score: { readonly combined: number; readonly isSelf: boolean }, { pin, floor, standing }: LocalTrust): number {
  if (score.isSelf) return wholeTrust
  return Math.floor((Math.max(pin ?? score.combined, floor) * standing) / 1_000)
}
