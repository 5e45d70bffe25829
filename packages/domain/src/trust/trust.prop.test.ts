import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TrustGraph } from '@icn/protocol'
import { trustGraphs } from '@icn/protocol'
import fc from 'fast-check'
import { Edges, start, who } from './fixture.ts'
import { checkTrust } from './check.ts'
import { explainTrust } from './explain.ts'
import type { GraphScores, Perspective } from './score.ts'
import { classOf, combine, effectiveTrust, graphWeights, trustIn } from './score.ts'

interface Said {
  readonly issuer: string
  readonly subject: string
  readonly graph: TrustGraph
  readonly weight: number
  readonly expires_at: number
}

const names = ['me', 'my node', 'Ana', 'Ben', 'Cleo', 'Dee', 'Eve', 'Fay'] as const
const said: fc.Arbitrary<Said> = fc
  .record({
    issuer: fc.constantFrom(...names),
    subject: fc.constantFrom(...names),
    graph: fc.constantFrom(...trustGraphs),
    weight: fc.oneof(fc.integer({ min: 0, max: 1_000 }), fc.constantFrom(0, 399, 400, 401, 1_000)),
    expires_at: fc.integer({ min: start - 3, max: start + 6 }),
  })
  .filter(({ issuer, subject }) => issuer !== subject)
const graphs = fc.uniqueArray(said, { maxLength: 60, selector: ({ issuer, subject, graph }) => `${issuer} ${graph} ${subject}` })
const perspectives: fc.Arbitrary<Perspective> = fc.record({
  dids: fc.constantFrom([who('me')], [who('me'), who('my node')]),
  hopMinPermille: fc.constantFrom(100, 400, 1_000),
  intermediariesCount: fc.constantFrom(1, 2, 32),
})
const subjects = fc.constantFrom(...names)

function write(edges: readonly Said[]): Edges {
  const made = new Edges()
  for (const { issuer, subject, weight, graph, expires_at } of edges) made.say(issuer, subject, weight, { graph, expires_at })
  return made
}
const scores = (made: Edges, perspective: Perspective, subject: string, at: number): GraphScores =>
  Object.fromEntries(trustGraphs.map((graph) => [graph, trustIn(made.tables, perspective, who(subject), graph, at).score])) as GraphScores

/** The page's own words, without any care for cost. */
function plainly(edges: readonly Said[], { dids, hopMinPermille, intermediariesCount }: Perspective, subject: string, graph: TrustGraph, at: number): number | undefined {
  const live = edges.filter((edge) => edge.graph === graph && edge.expires_at > at)
  const weightOf = (to: string): number | undefined =>
    live
      .filter((edge) => dids.includes(who(edge.issuer)) && edge.subject === to)
      .map(({ weight }) => weight)
      .sort((a, b) => b - a)[0]
  const d = weightOf(subject)
  const hops = names
    .filter((name) => !dids.includes(who(name)) && name !== subject)
    .flatMap((name) => {
      const w = weightOf(name)
      const e = live.find((edge) => edge.issuer === name && edge.subject === subject)?.weight
      return w !== undefined && w >= hopMinPermille && e !== undefined ? [{ name, w, e }] : []
    })
    .sort((a, b) => b.w - a.w || (who(a.name) < who(b.name) ? -1 : 1))
    .slice(0, intermediariesCount)
  const n = hops.length
  const sum = hops.reduce((total, { w, e }) => total + w * e, 0)
  const { direct, transitive } = graphWeights[graph]
  if (n === 0) return d === undefined ? undefined : Number((BigInt(direct) * BigInt(d)) / 1_000n)
  return Number((BigInt(direct * (d ?? 0)) * BigInt(n) * 1_000n + BigInt(transitive) * BigInt(sum)) / (BigInt(n) * 1_000_000n))
}

test('T2 T4 equal edges, perspective and time give the page’s number, in whatever order they were written; what has ended counts as none', () => {
  fc.assert(
    fc.property(graphs, perspectives, subjects, fc.integer({ min: start - 4, max: start + 7 }), (edges, perspective, subject, at) => {
      const found = scores(write(edges), perspective, subject, at)
      assert.deepEqual(found, scores(write([...edges].reverse()), perspective, subject, at))
      assert.deepEqual(found, scores(write(edges.filter(({ expires_at }) => expires_at > at)), perspective, subject, at))
      for (const graph of trustGraphs) assert.equal(found[graph], plainly(edges, perspective, subject, graph, at))
      assert.deepEqual(checkTrust(write(edges).tables), [])
    }),
    { numRuns: 300 },
  )
})

test('T3 nobody passes 300 without an edge from those who look, nor 0 without somebody whom they listen to', () => {
  fc.assert(
    fc.property(graphs, perspectives, subjects, (edges, perspective, subject) => {
      const looks = (issuer: string): boolean => perspective.dids.includes(who(issuer))
      const without = edges.filter((edge) => !(looks(edge.issuer) && edge.subject === subject))
      assert.ok(combine(scores(write(without), perspective, subject, start)) <= 300)
      const alone = without.filter((edge) => !(looks(edge.issuer) && edge.weight >= perspective.hopMinPermille))
      assert.equal(combine(scores(write(alone), perspective, subject, start)), 0)
    }),
  )
})

test('T5 with the same edges counted, more weight never lowers a score', () => {
  fc.assert(
    fc.property(graphs, perspectives, subjects, fc.nat(), fc.integer({ min: 0, max: 1_000 }), (edges, perspective, subject, pick, raised) => {
      const made = write(edges)
      const before = trustGraphs.map((graph) => trustIn(made.tables, perspective, who(subject), graph, start))
      const edge = edges[pick % Math.max(edges.length, 1)]
      if (edge === undefined || raised < edge.weight) return
      const more = write(edges.map((one) => (one === edge ? { ...edge, weight: raised } : one)))
      const after = trustGraphs.map((graph) => trustIn(more.tables, perspective, who(subject), graph, start))
      const counted = (of: typeof before): unknown => of.map(({ direct, hops }) => [direct === undefined, hops.map(({ did }) => did).sort()])
      if (JSON.stringify(counted(before)) !== JSON.stringify(counted(after))) return
      for (const [i, { score }] of before.entries()) assert.ok((after[i]?.score ?? 0) >= (score ?? 0))
    }),
    { numRuns: 500 },
  )
})

test('the mean of opinions lies between the least and the greatest product', () => {
  fc.assert(
    fc.property(graphs, perspectives, subjects, (edges, perspective, subject) => {
      for (const graph of trustGraphs) {
        const { score, direct, hops } = trustIn(write(edges).tables, perspective, who(subject), graph, start)
        if (score === undefined || hops.length === 0) continue
        const products = hops.map(({ held: [first], weight }) => (first?.weight ?? 0) * weight)
        const own = graphWeights[graph].direct * (direct?.weight ?? 0) * 1_000
        const bound = (product: number): number => Math.floor((own + graphWeights[graph].transitive * product) / 1_000_000)
        assert.ok(score >= bound(Math.min(...products)) && score <= bound(Math.max(...products)))
      }
    }),
  )
})

test('an explanation gives the number of the score, and what it says would change the class does', () => {
  fc.assert(
    fc.property(
      graphs,
      perspectives,
      subjects,
      fc.option(fc.integer({ min: 0, max: 1_000 }), { nil: undefined }),
      fc.integer({ min: 0, max: 1_000 }),
      (edges, perspective, subject, pin, standing) => {
        const local = { pin, floor: 0, standing }
        const isSelf = perspective.dids.includes(who(subject))
        const classIn = (of: readonly Said[]): string => classOf(effectiveTrust({ combined: combine(scores(write(of), perspective, subject, start)), isSelf }, local))
        const found = explainTrust(write(edges).tables, perspective, who(subject), start, local)
        assert.deepEqual(
          found.graphs.map(({ score }) => score),
          Object.values(scores(write(edges), perspective, subject, start)),
        )
        assert.equal(found.class, classIn(edges))
        for (const change of found.changes) {
          if (change.what === 'end') {
            const left = edges.filter((edge) => !(who(edge.issuer) === change.issuer && who(edge.subject) === change.subject && edge.graph === change.graph))
            assert.equal(classIn(left), change.class)
          } else {
            const by = (weight: number): Said[] => [
              ...edges.filter((edge) => !(edge.issuer === 'me' && edge.subject === subject && edge.graph === change.graph)),
              { issuer: 'me', subject, graph: change.graph, weight, expires_at: start + 1 },
            ]
            assert.equal(classIn(by(change.weight)), change.class)
            if (change.weight > 0) assert.notEqual(classIn(by(change.weight - 1)), change.class)
          }
        }
      },
    ),
    { numRuns: 300 },
  )
})
