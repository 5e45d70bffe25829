import type { Did, Facts, Law, OperationView, Tables, TrustEdgeEnd as EndBody, TrustEdgeSet as SetBody, TrustGraph, TrustSweep as SweepBody } from '@icn/protocol'
import {
  dayMs,
  encodeTrusted,
  equalBytes,
  hourMs,
  Judgement,
  TrustEdgeEnd,
  TrustEdgeSet,
  trustChangesHourMax,
  trustEdgesMax,
  trustGraphs,
  trustKeptMs,
  trustLifeMs,
  trustSameEndMs,
  TrustSweep,
} from '@icn/protocol'
import type { SpaceProfile } from '../identity/index.ts'
import type { CountRow, EdgeRow } from './tables.ts'
import { bySubject, edgeCounts, edges } from './tables.ts'

/** The laws of edges: what somebody says of somebody else, in one graph, until a time. Only the author's own words change. */

type Key = readonly [issuer: Did, graph: TrustGraph, subject: Did]

const hourOf = (at: number): number => Math.floor(at / hourMs)

function countsOf(facts: Facts, issuer: Did, at: number): CountRow {
  const row = facts.get(edgeCounts, [issuer])
  const hour = hourOf(at)
  return { live: row?.live ?? 0, hour, changes: row?.hour === hour ? row.changes : 0 }
}

/** Nothing is kept of somebody who says nothing and changed nothing in this hour. */
function putCounts(tables: Tables, issuer: Did, row: CountRow): void {
  if (row.live === 0 && row.changes === 0) tables.delete(edgeCounts, [issuer])
  else tables.put(edgeCounts, [issuer], row)
}

function removeEdge(tables: Tables, [issuer, graph, subject]: Key, reason: 'said' | 'swept' | 'room'): void {
  tables.delete(edges, [issuer, graph, subject])
  tables.delete(bySubject, [subject, graph, issuer])
  tables.emit('trust.edge_ended', { author: issuer, subject, graph, reason })
}

/** The issuer's edge that ended longest ago; undefined when all of them still hold. Looked for only at the bound, so it reads at most that many. */
function oldestExpired(facts: Facts, issuer: Did, at: number): Key | undefined {
  let oldest: { readonly key: Key; readonly expires_at: number } | undefined
  for (const [key, { expires_at }] of facts.scan(edges, { prefix: [issuer] }))
    if (expires_at <= at && (oldest === undefined || expires_at < oldest.expires_at)) oldest = { key, expires_at }
  return oldest?.key
}

function hasStanding(profile: SpaceProfile, facts: Facts, j: Judgement, author: Did): void {
  const standing = profile.standing(facts, author)
  j.refuseIf(standing !== 'member' && standing !== 'node', 'NO_STANDING', { params: { standing } })
}

/** The same weight, end and reasons, of an edge that still holds: one whose time is over is said anew. */
function isSame(row: EdgeRow, body: SetBody, at: number): boolean {
  const reasons = (of: Pick<SetBody, 'labels' | 'evidence' | 'note'>): Uint8Array => encodeTrusted([of.labels ?? [], of.evidence ?? [], of.note ?? ''])
  return row.expires_at > at && row.weight === body.weight && Math.abs(row.expires_at - body.expires_at) <= trustSameEndMs && equalBytes(reasons(row), reasons(body))
}

export function setLaw(profile: SpaceProfile): Law<SetBody> {
  return {
    kind: 'trust.edge.set',
    key: 'D',
    body: TrustEdgeSet,
    subject: (body) => body.subject,
    decide(op, facts) {
      const j = new Judgement()
      const { author, body } = op
      const at = op.at[0]
      const row = facts.get(edges, [author, body.graph, body.subject])
      const { live, changes } = countsOf(facts, author, at)
      hasStanding(profile, facts, j, author)
      j.refuseIf(body.subject === author, 'TRUST_SELF')
      const life = body.expires_at - at
      j.refuseIf(life < trustLifeMs.min || life > trustLifeMs.max, 'TRUST_EXPIRY', {
        requested: life,
        limit: trustLifeMs.max,
        unit: 'ms',
        params: { limit: trustLifeMs.max / dayMs },
      })
      j.refuseIf(body.base !== undefined && row?.set_op !== body.base, 'TRUST_BASE_STALE', { params: { subject: body.subject } })
      const isFull = row === undefined && live >= trustEdgesMax && oldestExpired(facts, author, at) === undefined
      j.refuseIf(isFull, 'TRUST_EDGES_FULL', { limit: trustEdgesMax, used: live, params: { limit: trustEdgesMax, used: live } })
      j.refuseIf(changes >= trustChangesHourMax, 'TRUST_RATE', {
        limit: trustChangesHourMax,
        used: changes,
        params: { limit: trustChangesHourMax, used: changes },
        passes_at: (hourOf(at) + 1) * hourMs,
      })
      j.refuseIf(row !== undefined && isSame(row, body, at), 'TRUST_UNCHANGED')
      return j.decision()
    },
    apply: applySet,
  }
}

function applySet(op: OperationView<SetBody>, tables: Tables): void {
  const { author, body } = op
  const at = op.at[0]
  const row = tables.get(edges, [author, body.graph, body.subject])
  const { live, hour, changes } = countsOf(tables, author, at)
  const oldest = row === undefined && live >= trustEdgesMax ? oldestExpired(tables, author, at) : undefined
  if (oldest !== undefined) removeEdge(tables, oldest, 'room')
  const { weight, expires_at, labels = [], evidence = [], note } = body
  const since_at = row !== undefined && row.expires_at > at ? row.since_at : at
  tables.put(edges, [author, body.graph, body.subject], { weight, expires_at, since_at, set_op: op.id, labels, evidence, ...(note === undefined ? {} : { note }) })
  tables.put(bySubject, [body.subject, body.graph, author], { weight, expires_at })
  putCounts(tables, author, { live: row !== undefined || oldest !== undefined ? live : live + 1, hour, changes: changes + 1 })
  tables.emit('trust.edge_set', { author, subject: body.subject, graph: body.graph, weight, expires_at })
}

/** Which of the author's edges an ending means: those that stand, also past their time. */
function endedBy({ author, body }: OperationView<EndBody>, facts: Facts): readonly Key[] {
  const graphs = body.graph === undefined ? trustGraphs : [body.graph]
  return graphs.map((graph): Key => [author, graph, body.subject]).filter((key) => facts.get(edges, key) !== undefined)
}

export function endLaw(profile: SpaceProfile): Law<EndBody> {
  return {
    kind: 'trust.edge.end',
    key: 'D',
    body: TrustEdgeEnd,
    subject: (body) => body.subject,
    decide(op, facts) {
      const j = new Judgement()
      hasStanding(profile, facts, j, op.author)
      j.refuseIf(endedBy(op, facts).length === 0, 'TRUST_EDGE_UNKNOWN', { params: { subject: op.body.subject } })
      return j.decision()
    },
    apply(op, tables) {
      const ended = endedBy(op, tables)
      for (const key of ended) removeEdge(tables, key, 'said')
      const counts = countsOf(tables, op.author, op.at[0])
      putCounts(tables, op.author, { ...counts, live: counts.live - ended.length })
    },
  }
}

const isSweepable = (row: EdgeRow | undefined, at: number): boolean => row !== undefined && row.expires_at + trustKeptMs <= at

/** Edges that a sweeper may propose among the rows after a place; `next` is where it goes on, undefined at the end. */
export function dueEdges(
  facts: Facts,
  at: number,
  look: { readonly after: Key | undefined; readonly rowsMax: number; readonly itemsMax: number },
): { readonly items: SweepBody['items']; readonly next: Key | undefined } {
  const items: SweepBody['items'] = []
  let rows = 0
  for (const [key, row] of facts.scan(edges, { limit: look.rowsMax, ...(look.after === undefined ? {} : { after: look.after }) })) {
    const [issuer, graph, subject] = key
    rows++
    if (isSweepable(row, at)) items.push({ issuer, graph, subject })
    if (rows === look.rowsMax || items.length === look.itemsMax) return { items, next: key }
  }
  return { items, next: undefined }
}

export function sweepLaw(profile: SpaceProfile): Law<SweepBody> {
  const isDue = (facts: Facts, { issuer, graph, subject }: SweepBody['items'][number], at: number): boolean => isSweepable(facts.get(edges, [issuer, graph, subject]), at)
  return {
    kind: 'trust.sweep',
    key: 'R',
    body: TrustSweep,
    decide(op, facts) {
      const j = new Judgement()
      j.refuseIf(!profile.isKnownNode(facts, op.author), 'NOT_A_HOST', { params: { did: op.author } })
      j.refuseIf(!op.body.items.some((item) => isDue(facts, item, op.at[0])), 'SWEEP_DONE')
      return j.decision()
    },
    apply(op, tables) {
      const at = op.at[0]
      for (const item of op.body.items) {
        if (!isDue(tables, item, at)) continue
        removeEdge(tables, [item.issuer, item.graph, item.subject], 'swept')
        const counts = countsOf(tables, item.issuer, at)
        putCounts(tables, item.issuer, { ...counts, live: counts.live - 1 })
      }
    },
  }
}

export function trustLaws(profile: SpaceProfile): readonly Law[] {
  return [setLaw(profile), endLaw(profile), sweepLaw(profile)]
}
