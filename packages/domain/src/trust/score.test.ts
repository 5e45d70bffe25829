import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TrustGraph } from '@icn/protocol'
import { trustGraphs } from '@icn/protocol'
import { CountingFacts, Edges, seenBy, start, who } from './fixture.ts'
import type { GraphScores, LocalTrust, Perspective } from './score.ts'
import { classOf, combine, effectiveTrust, trustIn } from './score.ts'
import { explainTrust } from './explain.ts'

const me = seenBy('me')
const scoresOf = (edges: Edges, subject: string, perspective: Perspective = me, at = start): GraphScores =>
  Object.fromEntries(trustGraphs.map((graph) => [graph, trustIn(edges.tables, perspective, who(subject), graph, at).score])) as GraphScores
const combined = (edges: Edges, subject: string, perspective?: Perspective, at?: number): number => combine(scoresOf(edges, subject, perspective, at))
const local = { pin: undefined, floor: 0, standing: 1_000 }

type Said = readonly [issuer: string, subject: string, weight: number, graph?: TrustGraph]

test('gives the numbers of the table of examples', () => {
  const cases: readonly (readonly [name: string, subject: string, edges: readonly Said[], score: number, of: string])[] = [
    ['a full social edge', 'Ana', [['me', 'Ana', 1_000]], 700, 'federated'],
    ['half of one', 'Ana', [['me', 'Ana', 500]], 350, 'known'],
    ['three tenths', 'Ana', [['me', 'Ana', 300]], 210, 'known'],
    ['140', 'Ana', [['me', 'Ana', 140]], 98, 'isolated'],
    ['150', 'Ana', [['me', 'Ana', 150]], 105, 'known'],
    ['just under known', 'Ana', [['me', 'Ana', 142]], 99, 'isolated'],
    ['just known', 'Ana', [['me', 'Ana', 143]], 100, 'known'],
    ['just under partner', 'Ana', [['me', 'Ana', 571]], 399, 'known'],
    ['just partner', 'Ana', [['me', 'Ana', 572]], 400, 'partner'],
    ['just under federated', 'Ana', [['me', 'Ana', 999]], 699, 'partner'],
    ['a machine that works', 'Dee', [['me', 'Dee', 1_000, 'technical']], 360, 'known'],
    ['who pays', 'Dee', [['me', 'Dee', 1_000, 'economic']], 480, 'partner'],
    ['of whom nobody speaks', 'Dee', [], 0, 'isolated'],
    ['known and not relied on', 'Dee', [['me', 'Dee', 0]], 0, 'isolated'],
    ['the other end of an edge says nothing', 'Dee', [['Dee', 'me', 1_000]], 0, 'isolated'],
  ]
  const hops: typeof cases = [
    [
      'a friend of a friend',
      'Ben',
      [
        ['me', 'Ana', 1_000],
        ['Ana', 'Ben', 900],
      ],
      270,
      'known',
    ],
    [
      'own edge and two opinions',
      'Ben',
      [
        ['me', 'Ana', 1_000],
        ['me', 'Cleo', 500],
        ['me', 'Ben', 800],
        ['Ana', 'Ben', 900],
        ['Cleo', 'Ben', 200],
      ],
      710,
      'federated',
    ],
    [
      'an opinion just under the threshold',
      'Ben',
      [
        ['me', 'Ana', 399],
        ['Ana', 'Ben', 900],
      ],
      0,
      'isolated',
    ],
    [
      'an opinion just at the threshold',
      'Ben',
      [
        ['me', 'Ana', 400],
        ['Ana', 'Ben', 1_000],
      ],
      120,
      'known',
    ],
    [
      'two hops, never three',
      'Ben',
      [
        ['me', 'Ana', 1_000],
        ['Ana', 'Cleo', 1_000],
        ['Cleo', 'Ben', 1_000],
      ],
      0,
      'isolated',
    ],
    [
      'an opinion counts only in its graph',
      'Ben',
      [
        ['me', 'Ana', 1_000, 'technical'],
        ['Ana', 'Ben', 1_000],
      ],
      0,
      'isolated',
    ],
  ]
  for (const [name, subject, said, score, of] of [...cases, ...hops]) {
    const edges = new Edges()
    for (const [issuer, to, weight, graph] of said) edges.say(issuer, to, weight, graph === undefined ? {} : { graph })
    assert.equal(combined(edges, subject), score, name)
    assert.equal(classOf(score), of, name)
  }
})

test('a thousand strangers who praise somebody give nothing', () => {
  const edges = new Edges()
  for (let i = 0; i < 1_000; i++) edges.say(`stranger ${i}`, 'Eve', 1_000)
  assert.equal(combined(edges, 'Eve'), 0)
})

test('graphs that say nothing have no share, and all three together are weighed', () => {
  const edges = new Edges().say('me', 'Ben', 1_000).say('me', 'Ben', 500, { graph: 'economic' }).say('me', 'Ben', 0, { graph: 'technical' })
  assert.deepEqual(scoresOf(edges, 'Ben'), { social: 700, economic: 400, technical: 0 })
  assert.equal(combined(edges, 'Ben'), Math.floor((500 * 700 + 300 * 400) / 1_000))
  assert.equal(combine({ social: 700, economic: 400, technical: undefined }), Math.floor((500 * 700 + 300 * 400) / 800))
  assert.equal(combine({ social: undefined, economic: undefined, technical: undefined }), 0)
})

test('classes begin at 100, 400 and 700', () => {
  assert.deepEqual([0, 99, 100, 399, 400, 699, 700, 1_000].map(classOf), ['isolated', 'isolated', 'known', 'known', 'partner', 'partner', 'federated', 'federated'])
})

test('pin, floor and standing come after the score; whoever looks trusts itself', () => {
  const of = (combinedScore: number, more: Partial<LocalTrust>): number => effectiveTrust({ combined: combinedScore, isSelf: false }, { ...local, ...more })
  assert.equal(of(300, {}), 300)
  assert.equal(of(300, { pin: 900 }), 900)
  assert.equal(of(900, { pin: 0 }), 0)
  assert.equal(of(300, { floor: 600 }), 600)
  assert.equal(of(700, { floor: 600 }), 700)
  assert.equal(of(0, { pin: 100, floor: 600 }), 600)
  assert.equal(of(300, { floor: 600, standing: 999 }), 599)
  assert.equal(of(1_000, { pin: 1_000, standing: 0 }), 0, 'a ban beats a pin')
  assert.equal(effectiveTrust({ combined: 0, isSelf: true }, { pin: 0, floor: 0, standing: 0 }), 1_000)
})

test('of several who look, the highest edge counts, and none of them is an opinion of its own', () => {
  const edges = new Edges().say('node', 'Ben', 200).say('operator', 'Ben', 900).say('node', 'operator', 1_000).say('operator', 'node', 1_000)
  assert.equal(combined(edges, 'Ben', seenBy('node', 'operator')), 630)
  const hops = new Edges().say('node', 'Ana', 300).say('operator', 'Ana', 600).say('Ana', 'Ben', 1_000)
  assert.equal(combined(hops, 'Ben', seenBy('node', 'operator')), 180)
})

test('at most 32 opinions count: those held highest, ties by key', () => {
  const edges = new Edges()
  const name = (i: number): string => `i${String(i).padStart(2, '0')}`
  for (let i = 0; i < 40; i++) edges.say('me', name(i), i < 8 ? 900 : 800).say(name(i), 'Ben', i < 32 ? 500 : 1_000)
  const { score, hops } = trustIn(edges.tables, me, who('Ben'), 'social', start)
  assert.deepEqual(
    hops.map(({ did }) => did),
    Array.from({ length: 32 }, (_, i) => who(name(i))),
  )
  assert.equal(score, Math.floor((300 * (8 * 900 * 500 + 24 * 800 * 500)) / (32 * 1_000_000)))
})

test('an edge stops counting in the millisecond it ends', () => {
  const edges = new Edges()
    .say('me', 'Ben', 1_000, { expires_at: start + 10 })
    .say('me', 'Ana', 1_000, { expires_at: start + 5 })
    .say('Ana', 'Ben', 1_000)
  assert.equal(trustIn(edges.tables, me, who('Ben'), 'social', start).valid_until, start + 5)
  assert.equal(combined(edges, 'Ben', me, start + 4), 1_000)
  assert.equal(combined(edges, 'Ben', me, start + 5), 700)
  assert.equal(combined(edges, 'Ben', me, start + 9), 700)
  assert.equal(combined(edges, 'Ben', me, start + 10), 0)
})

test('ten thousand made-up people, one fooled friend, seven bought ones: never a partner', () => {
  const edges = new Edges()
  const sybils = Array.from({ length: 10_000 }, (_, i) => `sybil ${i}`)
  for (const [i, sybil] of sybils.entries()) edges.say(sybil, sybils[(i + 1) % sybils.length] as string, 1_000).say(sybil, 'leader', 1_000)
  assert.equal(combined(edges, 'leader'), 0)
  edges.say('me', 'fooled', 900)
  for (const sybil of sybils.slice(0, 1_000)) edges.say('fooled', sybil, 1_000)
  for (const sybil of [sybils[0], sybils[500], sybils[999]] as string[]) assert.equal(combined(edges, sybil), 270)
  assert.equal(combined(edges, sybils[1_001] as string), 0)
  for (let i = 0; i < 7; i++) edges.say('me', `bought ${i}`, 1_000).say(`bought ${i}`, 'leader', 1_000)
  assert.equal(combined(edges, 'leader'), 300)
  edges.say('fooled', 'leader', 0)
  assert.ok(combined(edges, 'leader') < 300)
})

test('a celebrity costs no more than a friend list', () => {
  const edges = new Edges()
  for (let i = 0; i < 100_000; i++) edges.say(`fan ${i}`, 'star', 1_000)
  for (let i = 0; i < 1_000; i++) edges.say('me', `fan ${i * 100}`, 400 + (i % 600))
  const counting = new CountingFacts(edges.tables)
  const { hops } = trustIn(counting, me, who('star'), 'social', start)
  assert.equal(hops.length, 32)
  assert.ok(counting.rows <= 1_000 + 1_001 + 2 * 32 + 1, `${counting.rows} rows`)
})

test('an explanation names every edge, adds up, and says what would change the class', () => {
  const edges = new Edges()
    .say('me', 'Ana', 1_000)
    .say('me', 'Cleo', 500, { expires_at: start + 10 })
    .say('me', 'Ben', 600)
    .say('Ana', 'Ben', 900)
    .say('Cleo', 'Ben', 200)
  const found = explainTrust(edges.tables, me, who('Ben'), start, local)
  const social = found.graphs.find(({ graph }) => graph === 'social')
  assert.deepEqual(
    social?.hops.map(({ did, held: [first], weight }) => [did, first?.weight, weight]),
    [
      [who('Ana'), 1_000, 900],
      [who('Cleo'), 500, 200],
    ],
  )
  assert.equal(social?.sum, 1_000_000)
  assert.equal(found.combined, 420 + 150)
  assert.equal(found.combined, Math.floor(found.sum / found.divisor))
  assert.deepEqual([found.effective, found.class, found.valid_until], [570, 'partner', start + 10])
  const lift = found.changes.find((change) => change.what === 'edge' && change.graph === 'social')
  assert.deepEqual(lift, { what: 'edge', graph: 'social', weight: 786, class: 'federated' })
  assert.equal(combined(new Edges().say('me', 'Ana', 1_000).say('me', 'Cleo', 500).say('me', 'Ben', 786).say('Ana', 'Ben', 900).say('Cleo', 'Ben', 200), 'Ben'), 700)
  assert.equal(combined(new Edges().say('me', 'Ana', 1_000).say('me', 'Cleo', 500).say('me', 'Ben', 785).say('Ana', 'Ben', 900).say('Cleo', 'Ben', 200), 'Ben'), 699)
  assert.deepEqual(
    found.changes.filter((change) => change.what === 'end'),
    [{ what: 'end', graph: 'social', issuer: who('me'), subject: who('Ben'), class: 'known' }],
  )
  const self = explainTrust(edges.tables, me, who('me'), start, local)
  assert.deepEqual([self.isSelf, self.effective, self.class, self.changes], [true, 1_000, 'federated', []])
})
