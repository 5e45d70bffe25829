import type { EdgeView } from '@icn/domain'
import { classOf, edgeOf, edgesBy, edgesTo } from '@icn/domain'
import type { Did, Facts, MethodName, SpaceId, TrustEdgeEndView, TrustEdgeSetView, TrustGraph, TrustScoreView } from '@icn/protocol'
import { timeText, trustGraphs, trustLifeMs } from '@icn/protocol'
import type { Call, Handlers, ListAnswer, ListCall } from '../calls/index.ts'
import { callerDid, languageOf, refuse } from '../calls/index.ts'
import type { Trust, TrustAnswer, Viewer } from './trust.ts'
import { edgeView, graphView, pinView, sentencesOf, shortView } from './views.ts'

export interface TrustDoorParts {
  readonly trust: Trust
  /** Wall clock [ms]. */
  now(): number
  /** Words of access for somebody in a space; empty for strangers. */
  rights(did: Did, space: SpaceId): ReadonlySet<string>
}

export type TrustMethod = Extract<MethodName, `trust.${string}`>
type EdgeMethods = 'trust.edge.list' | 'trust.edge.set' | 'trust.edge.end' | 'trust.graph'
type PinMethods = 'trust.pin.list' | 'trust.pin.set' | 'trust.pin.remove'

/** Handlers of every row of trust. */
export function trustHandlers(parts: TrustDoorParts): Handlers<TrustMethod> {
  return { ...scoreHandlers(parts), ...edgeHandlers(parts), ...pinHandlers(parts) }
}

function commonsOf(call: Call): Facts {
  if (call.facts === undefined) throw refuse('NOT_FOUND')
  return call.facts
}

/** One's own view; the node's only for whoever runs it. */
function viewerOf(call: Call, asked: 'own' | 'node' | undefined): Viewer {
  if ((asked ?? (call.caller.did === undefined ? 'node' : 'own')) === 'own') return { own: callerDid(call) }
  if (!call.caller.operator) throw refuse('OPERATOR_ONLY')
  return 'node'
}

/** A floor tells that somebody is a host: only whoever may know of the space hears it. */
function demandMatter({ rights }: TrustDoorParts, { caller }: Call, space: SpaceId | undefined): void {
  if (space === undefined || caller.operator || (caller.did !== undefined && rights(caller.did, space).size > 0)) return
  throw refuse('NOT_FOUND')
}

function scoreView(answer: TrustAnswer, subject: Did, viewer: Viewer, seen: boolean, graph?: TrustGraph): TrustScoreView {
  const { scores, combined, pin, floor, standing, effective, valid_until } = answer
  const scoreOf = (name: TrustGraph): number | null => (graph === undefined || graph === name ? (scores[name] ?? null) : null)
  return {
    subject,
    perspective: viewer === 'node' ? 'node' : 'own',
    seen,
    scores: { social: scoreOf('social'), economic: scoreOf('economic'), technical: scoreOf('technical') },
    combined,
    pin: pin ?? null,
    floor,
    standing,
    effective,
    class: answer.class,
    until_at: valid_until === undefined ? null : timeText(valid_until),
  }
}

function scoreHandlers(parts: TrustDoorParts): Handlers<'trust.score' | 'trust.explain'> {
  const { trust } = parts
  return {
    'trust.score': (call) => {
      const { subject, graph, space, perspective } = call.input
      const viewer = viewerOf(call, perspective)
      demandMatter(parts, call, space)
      return { value: scoreView(trust.answer(viewer, subject, space), subject, viewer, trust.seen(commonsOf(call), subject), graph) }
    },
    'trust.explain': (call) => {
      const { subject, space, perspective } = call.input
      const viewer = viewerOf(call, perspective)
      demandMatter(parts, call, space)
      const facts = commonsOf(call)
      const found = trust.explain(facts, viewer, subject, space)
      const seen = trust.seen(facts, subject)
      const scores = Object.fromEntries(found.graphs.map(({ graph, score }) => [graph, score])) as Record<TrustGraph, number | undefined>
      const pin = viewer === 'node' ? trust.pins.get(subject) : undefined
      return {
        value: {
          ...scoreView({ ...found, scores }, subject, viewer, seen),
          graphs: found.graphs.map(graphView),
          sum: found.sum,
          divisor: found.divisor,
          pin_note: pin?.note ?? null,
          changes: [...found.changes],
          sentences: sentencesOf(found, { seen, pinNote: pin?.note ?? '' }, languageOf(call.caller.lang)),
        },
      }
    },
  }
}

/** What a change does to the author's own number, on the state before and after it. */
function effectOf({ trust }: TrustDoorParts, call: Call, subject: Did): (after: Facts) => Omit<TrustEdgeSetView, 'edge'> {
  const own = callerDid(call)
  const score_before = trust.scoreOn(commonsOf(call), own, subject)
  return (facts) => {
    const score_after = trust.scoreOn(facts, own, subject)
    return { score_before, score_after, class_before: classOf(score_before), class_after: classOf(score_after) }
  }
}

function edgeHandlers(parts: TrustDoorParts): Handlers<EdgeMethods> {
  return {
    'trust.edge.list': (call) => listEdges(call, parts.now()),
    'trust.edge.set': (call) => {
      const { subject, graph, weight, expires_at, labels, evidence, note, base } = call.input
      const author = callerDid(call)
      const until = expires_at === undefined ? parts.now() + trustLifeMs.usual : Date.parse(expires_at)
      const effect = effectOf(parts, call, subject)
      const body = {
        subject,
        graph,
        weight,
        expires_at: until,
        ...(labels === undefined ? {} : { labels }),
        ...(evidence === undefined ? {} : { evidence }),
        ...(note === undefined ? {} : { note }),
        ...(base === undefined ? {} : { base }),
      }
      return {
        space: 'commons' as SpaceId,
        kind: 'trust.edge.set',
        author,
        body,
        view: (facts): TrustEdgeSetView => {
          const edge = edgeOf(facts, author, graph, subject)
          if (edge === undefined) throw refuse('NOT_FOUND')
          return { edge: edgeView(edge, parts.now()), ...effect(facts) }
        },
        warnings: [{ code: 'TRUST_PUBLIC', params: { subject, graph, weight, until_at: timeText(until) } }],
      }
    },
    'trust.edge.end': (call) => {
      const { did: subject, graph } = call.input
      const author = callerDid(call)
      const facts = commonsOf(call)
      const ended = (graph === undefined ? trustGraphs : [graph]).filter((one) => edgeOf(facts, author, one, subject) !== undefined)
      const effect = effectOf(parts, call, subject)
      return {
        space: 'commons' as SpaceId,
        kind: 'trust.edge.end',
        author,
        body: { subject, ...(graph === undefined ? {} : { graph }) },
        view: (after): TrustEdgeEndView => ({ subject, ended: [...ended], ...effect(after) }),
      }
    },
    'trust.graph': (call) => {
      const subject = call.input.subject ?? callerDid(call)
      const { found, more } = neighbourhood(commonsOf(call), subject, call.input.limit, parts.now())
      return { value: { subject, edges: found.map(shortView), more } }
    },
  }
}

interface Filters {
  readonly issuer?: Did | undefined
  readonly subject?: Did | undefined
  readonly graph?: TrustGraph | undefined
}

/** By graph, then by the other end; what has ended by time stands there and says so. */
function listEdges(call: ListCall<Filters>, now: number): ListAnswer<ReturnType<typeof edgeView>> {
  const facts = commonsOf(call)
  const { subject, graph } = call.input
  const issuer = call.input.issuer ?? (subject === undefined ? callerDid(call) : undefined)
  const { limit, reverse } = call.page
  const after = call.page.after as readonly [TrustGraph, Did] | null
  const options = (whose: Did) => ({ reverse, limit: limit + 1, ...(after === null ? {} : { after: [whose, ...after] }) })
  const rows =
    issuer === undefined
      ? [...edgesTo(facts, subject as Did, graph, options(subject as Did))]
      : subject === undefined
        ? [...edgesBy(facts, issuer, graph, options(issuer))]
        : between(facts, issuer, subject, graph, reverse, after?.[0])
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return {
    items: items.map((edge) => edgeView(edge, now)),
    next: last !== undefined && rows.length > limit ? [last.graph, issuer === undefined ? last.issuer : last.subject] : null,
  }
}

function between(facts: Facts, issuer: Did, subject: Did, graph: TrustGraph | undefined, reverse: boolean, after: TrustGraph | undefined): readonly EdgeView[] {
  const names = [...trustGraphs].sort((a, b) => (a < b === reverse ? 1 : -1))
  return names.slice(after === undefined ? 0 : names.indexOf(after) + 1).flatMap((one) => (graph === undefined || graph === one ? (edgeOf(facts, issuer, one, subject) ?? []) : []))
}

/** Rows looked at around somebody: a drawing of a celebrity shows some of its edges. */
const aroundMax = 1_000

/** Live edges around somebody: from and to them, the greatest first, then those between the people found. */
function neighbourhood(facts: Facts, subject: Did, limit: number, now: number): { readonly found: readonly EdgeView[]; readonly more: boolean } {
  const isLive = ({ row }: EdgeView): boolean => row.expires_at > now
  const [out, to] = [[...edgesBy(facts, subject, undefined, { limit: aroundMax })], [...edgesTo(facts, subject, undefined, { limit: aroundMax })]]
  const near = [...out, ...to].filter(isLive).sort((a, b) => b.row.weight - a.row.weight)
  const people = [...new Set(near.slice(0, limit).flatMap(({ issuer, subject: other }) => [issuer, other]))].filter((did) => did !== subject)
  const known = new Set(people)
  const all = [...near]
  for (const issuer of people) {
    if (all.length > limit) break
    all.push(...[...edgesBy(facts, issuer, undefined, { limit: aroundMax })].filter((edge) => isLive(edge) && known.has(edge.subject)))
  }
  return { found: all.slice(0, limit), more: all.length > limit || out.length === aroundMax || to.length === aroundMax }
}

function pinHandlers({ trust, now }: TrustDoorParts): Handlers<PinMethods> {
  return {
    'trust.pin.list': (call) => {
      const pins = call.page.reverse ? trust.pins.list().toReversed() : trust.pins.list()
      const from = call.page.after === null ? 0 : pins.findIndex(({ did }) => did === call.page.after) + 1
      const items = pins.slice(from, from + call.page.limit)
      return { items: items.map(pinView), next: from + items.length < pins.length ? (items.at(-1)?.did ?? null) : null }
    },
    'trust.pin.set': (call) => {
      const pin = { ...call.input, set_at: now() }
      trust.pins.set(pin)
      return { value: pinView(pin) }
    },
    'trust.pin.remove': (call) => {
      const pin = trust.pins.get(call.input.did)
      if (pin === undefined) throw refuse('NOT_FOUND')
      trust.pins.remove(pin.did)
      return { value: pinView(pin) }
    },
  }
}
