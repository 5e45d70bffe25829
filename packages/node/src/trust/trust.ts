import type { GraphScores, LocalTrust, Perspective, TrustClass, TrustExplanation } from '@icn/domain'
import { classOf, combine, commonsProfile, coopProfile, countEdges, edgesBy, effectiveTrust, explainTrust, isInTrust, trustIn } from '@icn/domain'
import type { JournalApi, JournalEvent } from '@icn/journal'
import type { Did, Facts, SpaceId, TrustGraph } from '@icn/protocol'
import { commonsSpace, trustGraphs } from '@icn/protocol'
import type { Metrics } from '../metrics.ts'
import { ScoreCache } from './cache.ts'
import { Pins } from './pins.ts'

/** Operator's choices (trust page §8); what each means stands with the options of the daemon. */
export interface TrustOptions {
  /** From whose edges beside its own this node looks; empty: its operators'. */
  readonly perspective: readonly Did[]
  readonly hopMinPermille: number
  readonly intermediariesCount: number
  readonly cohostFloorPermille: number
  readonly cacheCount: number
}

export const trustDefaults: TrustOptions = { perspective: [], hopMinPermille: 400, intermediariesCount: 32, cohostFloorPermille: 600, cacheCount: 10_000 }

/** DIDs beside the node's own; larger: every answer reads more. */
export const perspectiveMax = 16

export interface TrustParts {
  readonly journal: JournalApi
  readonly metrics: Metrics
  /** Wall clock [ms]. */
  now(): number
  /** What this node has seen a peer do, 0–1000; absent: nobody watches, and nothing bad is known of anybody. */
  standing?(did: Did): number
}

/** From whose point of view: somebody's own edges, or this node's. */
export type Viewer = { readonly own: Did } | 'node'

export interface TrustAnswer extends LocalTrust {
  readonly isSelf: boolean
  readonly scores: GraphScores
  readonly combined: number
  readonly effective: number
  readonly class: TrustClass
  /** [ms]; undefined: only a change of edges ends it. */
  readonly valid_until: number | undefined
}

/** The node's opinion of DIDs: perspective, remembered scores, pins and standing. Decides nothing that others must agree with. */
export class Trust {
  readonly #options: TrustOptions
  readonly #parts: TrustParts
  readonly #cache: ScoreCache
  readonly #stop: () => void
  readonly pins: Pins

  constructor(options: TrustOptions, parts: TrustParts) {
    this.#options = options
    this.#parts = parts
    this.#cache = new ScoreCache(options.cacheCount)
    this.pins = new Pins(parts.journal.local)
    this.#stop = parts.journal.subscribe((spaces) => this.#heard(spaces.get(commonsSpace) ?? []))
  }

  close(): void {
    this.#stop()
  }

  perspectiveOf(viewer: Viewer): Perspective {
    const { hopMinPermille, intermediariesCount } = this.#options
    return { dids: viewer === 'node' ? this.#ownDids() : [viewer.own], hopMinPermille, intermediariesCount }
  }

  #ownDids(): readonly Did[] {
    const { journal } = this.#parts
    const named =
      this.#options.perspective.length > 0 ? this.#options.perspective : [...journal.local.scan(['operators'])].flatMap(([key, is]) => (is === true ? [key[1] as Did] : []))
    return [...new Set([journal.node, ...named.slice(0, perspectiveMax)])]
  }

  /** What this node's choices use; `space` names the matter, where that lends a floor. */
  effective(subject: Did, space?: SpaceId): number {
    return this.answer('node', subject, space).effective
  }

  answer(viewer: Viewer, subject: Did, space?: SpaceId): TrustAnswer {
    const { metrics } = this.#parts
    const began = performance.now()
    const perspective = this.perspectiveOf(viewer)
    const kept = trustGraphs.map((graph) => this.#kept(perspective, subject, graph))
    const scores = Object.fromEntries(trustGraphs.map((graph, i) => [graph, kept[i]?.score])) as unknown as GraphScores
    const ends = kept.flatMap(({ valid_until }) => valid_until ?? [])
    const isSelf = perspective.dids.includes(subject)
    const combined = combine(scores)
    const local = this.localOf(viewer, subject, space)
    const effective = effectiveTrust({ combined, isSelf }, local)
    metrics.observe('icn_trust_score_duration_seconds', (performance.now() - began) / 1_000)
    metrics.add('icn_trust_scores_total', 1, { class: classOf(effective) })
    return { ...local, isSelf, scores, combined, effective, class: classOf(effective), valid_until: ends.length === 0 ? undefined : Math.min(...ends) }
  }

  #kept(perspective: Perspective, subject: Did, graph: TrustGraph): { readonly score: number | undefined; readonly valid_until: number | undefined } {
    const { journal, metrics } = this.#parts
    const now = this.#parts.now()
    const found = this.#cache.find(perspective, subject, graph, now)
    if (found !== undefined) {
      metrics.add('icn_trust_cache_hits_total', 1)
      return found
    }
    metrics.add('icn_trust_cache_misses_total', 1)
    const facts = journal.read(commonsSpace)
    if (facts === undefined) return { score: undefined, valid_until: undefined }
    const fresh = trustIn(facts, perspective, subject, graph, now)
    this.#cache.keep(perspective, subject, graph, fresh)
    return fresh
  }

  /** Somebody's own score on a state that is not the tip: what a change would make of it. */
  scoreOn(facts: Facts, own: Did, subject: Did): number {
    const perspective = this.perspectiveOf({ own })
    const now = this.#parts.now()
    return combine(Object.fromEntries(trustGraphs.map((graph) => [graph, trustIn(facts, perspective, subject, graph, now).score])) as unknown as GraphScores)
  }

  explain(facts: Facts, viewer: Viewer, subject: Did, space?: SpaceId): TrustExplanation {
    return explainTrust(facts, this.perspectiveOf(viewer), subject, this.#parts.now(), this.localOf(viewer, subject, space))
  }

  /** Pins are the operator's words, so they belong to the node's view alone. */
  localOf(viewer: Viewer, subject: Did, space: SpaceId | undefined): LocalTrust {
    const pin = viewer === 'node' ? this.pins.get(subject)?.permille : undefined
    return { pin, floor: this.#floorOf(subject, space), standing: this.#parts.standing?.(subject) ?? 1_000 }
  }

  /** Keepers in matters of commons and hosts in those of their coop were named by people: that is worth something here. */
  #floorOf(subject: Did, space: SpaceId | undefined): number {
    const facts = space === undefined ? undefined : this.#parts.journal.read(space)
    const profile = space === commonsSpace ? commonsProfile : coopProfile
    return facts !== undefined && profile.isKnownNode(facts, subject) ? this.#options.cohostFloorPermille : 0
  }

  /** Is anything at all known of this DID in commons? */
  seen(facts: Facts, subject: Did): boolean {
    return isInTrust(facts, subject) || commonsProfile.standing(facts, subject) !== 'none'
  }

  measure(): void {
    const { journal, metrics } = this.#parts
    const facts = journal.read(commonsSpace)
    metrics.set('icn_trust_edges', facts === undefined ? 0 : countEdges(facts))
    metrics.set('icn_trust_pins', this.pins.list().length)
  }

  #heard(events: readonly JournalEvent[]): void {
    for (const { type, data } of events) {
      if (type === 'trust.edge_set' || type === 'trust.edge_ended') this.#cache.changed(data['author'] as Did, data['subject'] as Did)
      // An outcome that was revised may have been an edge, a standing or a retirement; rewinds are rare.
      else if (type === 'operation.revised') this.#cache.clear()
      else if (type === 'identity.frozen' && data['final'] === true) this.#silenced(data['did'] as Did)
      if (type === 'trust.edge_set') this.#parts.metrics.add('icn_trust_edges_set_total', 1, { graph: data['graph'] as TrustGraph })
    }
  }

  #silenced(issuer: Did): void {
    const facts = this.#parts.journal.read(commonsSpace)
    if (facts !== undefined) for (const { subject } of edgesBy(facts, issuer)) this.#cache.changed(issuer, subject)
  }
}
