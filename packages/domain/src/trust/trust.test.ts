import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Did, OperationId, SpaceId } from '@icn/protocol'
import { cidOf, dayMs, didOfKey, encodeCanonical, hourMs, minuteMs, trustChangesHourMax, trustEdgesMax, trustKeptMs } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { LawRunner } from '@icn/testkit'
import { coopRules, commonsRules } from '../rules.ts'
import { seenBy } from './fixture.ts'
import { checkTrust, countEdges, dueEdges, edgeOf, edgesBy, edgesTo, trustIn } from './index.ts'
import { bySubject, edgeCounts, edges } from './tables.ts'

const keyOf = (seed: number): Did => didOfKey(signingKeyFromSeed(new Uint8Array(32).fill(seed)).publicKey)
const [node, ada, ben, cleo, stranger] = [1, 2, 3, 4, 5].map(keyOf) as [Did, Did, Did, Did, Did]
const other = (i: number): Did => `did:other ${i}` as Did

function begin(): LawRunner {
  const run = new LawRunner([...commonsRules.laws.values()], 'commons' as SpaceId)
  run.must('commons.found', node, { name: 'Home', keepers: [node], stewards: [ada, ben], nonce: new Uint8Array(16) })
  // The first millisecond of an hour, so that tests of the hour know where they are.
  run.at = [(Math.floor(run.at[0] / hourMs) + 1) * hourMs, 0]
  return run
}
const body = (run: LawRunner, subject: Did, more: Readonly<Record<string, unknown>> = {}) => ({
  subject,
  graph: 'social',
  weight: 800,
  expires_at: run.at[0] + 30 * dayMs,
  ...more,
})
const set = (run: LawRunner, author: Did, subject: Did, more: Readonly<Record<string, unknown>> = {}): readonly string[] =>
  run.run('trust.edge.set', author, body(run, subject, more)).codes
/** Writes rows of an issuer as if they had been set over time. */
function fill(run: LawRunner, issuer: Did, count: number, expires_at: (i: number) => number): void {
  for (let i = 0; i < count; i++) {
    run.tables.put(edges, [issuer, 'social', other(i)], { weight: 1, expires_at: expires_at(i), since_at: 1, set_op: run.genesis as OperationId, labels: [], evidence: [] })
    run.tables.put(bySubject, [other(i), 'social', issuer], { weight: 1, expires_at: expires_at(i) })
  }
  run.tables.put(edgeCounts, [issuer], { live: count, hour: 0, changes: 0 })
}

test('an edge is set, said again, and ended', () => {
  const run = begin()
  const labels = ['bakes bread']
  const evidence = [{ type: 'worked_with', ref: run.genesis }]
  const until = run.at[0] + 30 * dayMs
  const first = run.must('trust.edge.set', ada, body(run, ben, { labels, evidence, note: 'Since school', expires_at: until }))
  const since = run.at[0]
  assert.deepEqual(edgeOf(run.tables, ada, 'social', ben)?.row, { weight: 800, expires_at: until, since_at: since, set_op: first, labels, evidence, note: 'Since school' })
  assert.deepEqual(run.tables.events.at(-1), { type: 'trust.edge_set', data: { author: ada, subject: ben, graph: 'social', weight: 800, expires_at: until } })
  const second = run.must('trust.edge.set', ada, body(run, ben, { weight: 500, base: first }))
  assert.deepEqual([edgeOf(run.tables, ada, 'social', ben)?.row.since_at, edgeOf(run.tables, ada, 'social', ben)?.row.set_op], [since, second])
  assert.equal(run.tables.get(edgeCounts, [ada])?.live, 1)
  assert.deepEqual(
    [...edgesTo(run.tables, ben)].map(({ issuer }) => issuer),
    [ada],
  )
  run.must('trust.edge.end', ada, { subject: ben })
  assert.equal([...edgesBy(run.tables, ada)].length + [...edgesTo(run.tables, ben)].length, 0)
  assert.deepEqual(run.run('trust.edge.end', ada, { subject: ben }).codes, ['TRUST_EDGE_UNKNOWN'])
  assert.deepEqual(checkTrust(run.tables), [])
})

test('an ending without a graph ends all of them, one with a graph only that', () => {
  const run = begin()
  for (const graph of ['social', 'economic', 'technical']) assert.deepEqual(set(run, ada, ben, { graph }), [])
  run.must('trust.edge.end', ada, { subject: ben, graph: 'economic' })
  assert.deepEqual(
    [...edgesBy(run.tables, ada)].map(({ graph }) => graph),
    ['social', 'technical'],
  )
  run.must('trust.edge.end', ada, { subject: ben })
  assert.equal(countEdges(run.tables), 0)
})

test('stewards and known nodes speak, strangers do not, nobody speaks of themselves', () => {
  const run = begin()
  assert.deepEqual(set(run, ada, ben), [])
  assert.deepEqual(set(run, node, ben), [])
  assert.deepEqual(set(run, stranger, ben), ['NO_STANDING'])
  assert.deepEqual(run.run('trust.edge.end', stranger, { subject: ben }).codes, ['NO_STANDING', 'TRUST_EDGE_UNKNOWN'])
  assert.deepEqual(set(run, ada, ada), ['TRUST_SELF'])
})

test('an edge holds for an hour at least and 730 days at most', () => {
  const run = begin()
  // Each attempt is a millisecond after the last.
  const until = (ms: number): number => run.at[0] + 1 + ms
  for (const [life, codes] of [
    [59 * minuteMs, ['TRUST_EXPIRY']],
    [hourMs - 1, ['TRUST_EXPIRY']],
    [731 * dayMs, ['TRUST_EXPIRY']],
    [730 * dayMs + 1, ['TRUST_EXPIRY']],
    [730 * dayMs, []],
    [hourMs, []],
  ] as const)
    assert.deepEqual(set(run, ada, ben, { expires_at: until(life) }), codes, String(life))
})

test('refuses weights beyond a thousand, fractions, unknown graphs and too much beside them', () => {
  const run = begin()
  for (const wrong of [
    { weight: 1_001 },
    { weight: -1 },
    { weight: 0.5 },
    { graph: 'family' },
    { labels: Array(9).fill('x') },
    { labels: [''] },
    { note: 'x'.repeat(281) },
    { evidence: [{ type: 'rumour' }] },
    { stray: 1 },
  ])
    assert.throws(() => set(run, ada, ben, wrong), JSON.stringify(wrong))
})

test('says so when the edge is not the one its author saw', () => {
  const run = begin()
  const first = run.must('trust.edge.set', ada, body(run, ben))
  assert.deepEqual(set(run, ada, ben, { weight: 1, base: cidOf(encodeCanonical('another')) }), ['TRUST_BASE_STALE'])
  assert.deepEqual(set(run, ada, cleo, { base: first }), ['TRUST_BASE_STALE'])
  assert.deepEqual(set(run, ada, ben, { weight: 1, base: first }), [])
})

test('the same edge again is no change; another weight, end, note or a past end is', () => {
  const run = begin()
  run.must('trust.edge.set', ada, body(run, ben))
  const expires_at = edgeOf(run.tables, ada, 'social', ben)?.row.expires_at as number
  assert.deepEqual(set(run, ada, ben, { expires_at }), ['TRUST_UNCHANGED'])
  assert.deepEqual(set(run, ada, ben, { expires_at: expires_at + dayMs }), ['TRUST_UNCHANGED'])
  assert.equal(run.run('trust.edge.set', ada, body(run, ben, { expires_at })).decision.outcome, 'already_done')
  assert.deepEqual(set(run, ada, ben, { expires_at: expires_at + dayMs + 1 }), [])
  assert.deepEqual(set(run, ada, ben, { expires_at, weight: 799 }), [])
  assert.deepEqual(set(run, ada, ben, { expires_at, weight: 799, note: 'x' }), [])
  assert.deepEqual(set(run, ada, ben, { expires_at, weight: 799, note: 'x' }), ['TRUST_UNCHANGED'])
  const ends = run.at[0] + 1 + hourMs
  assert.deepEqual(set(run, ada, cleo, { expires_at: ends }), [])
  run.at = [ends, 0]
  assert.deepEqual(set(run, ada, cleo, { expires_at: ends + hourMs + 1 }), [], 'what has ended is said anew')
  assert.equal(edgeOf(run.tables, ada, 'social', cleo)?.row.since_at, run.at[0])
})

test('twenty changes in a UTC hour, and the first of the next; endings are free', () => {
  const run = begin()
  for (let i = 0; i < trustChangesHourMax; i++) assert.deepEqual(set(run, ada, keyOf(100 + i)), [])
  const refused = run.run('trust.edge.set', ada, body(run, ben))
  assert.deepEqual(refused.codes, ['TRUST_RATE'])
  const passes = refused.decision.checks.find(({ code }) => code === 'TRUST_RATE')?.passes_at as number
  assert.equal(passes % hourMs, 0)
  assert.deepEqual(set(run, ben, ada), [], 'others have their own twenty')
  run.must('trust.edge.end', ada, { subject: keyOf(100) })
  assert.deepEqual(set(run, ada, ben), ['TRUST_RATE'], 'an ending gives nothing back')
  run.at = [passes - 2, 0]
  assert.deepEqual(set(run, ada, ben), ['TRUST_RATE'])
  run.at = [passes - 1, 0]
  assert.deepEqual(set(run, ada, ben), [])
  assert.deepEqual(run.tables.get(edgeCounts, [ada]), { live: 20, hour: passes / hourMs, changes: 1 })
})

test('a thousand edges and no more, until one ends or its time is over', () => {
  const run = begin()
  fill(run, ada, trustEdgesMax - 1, () => run.at[0] + 90 * dayMs)
  assert.deepEqual(set(run, ada, ben), [])
  assert.deepEqual(set(run, ada, cleo), ['TRUST_EDGES_FULL'])
  assert.deepEqual(set(run, ada, ben, { weight: 1 }), [], 'one that stands may change')
  run.must('trust.edge.end', ada, { subject: ben })
  assert.deepEqual(set(run, ada, cleo), [])
  assert.deepEqual(checkTrust(run.tables), [])
  const later = begin()
  const [soon, sooner] = [later.at[0] + hourMs, later.at[0] + hourMs - 5]
  fill(later, ada, trustEdgesMax, (i) => (i === 7 ? sooner : i === 8 ? soon : later.at[0] + 90 * dayMs))
  assert.deepEqual(set(later, ada, ben), ['TRUST_EDGES_FULL'])
  later.at = [soon, 0]
  assert.deepEqual(set(later, ada, ben), [], 'what ended first makes room')
  assert.equal(edgeOf(later.tables, ada, 'social', other(7)), undefined)
  assert.equal(countEdges(later.tables), trustEdgesMax)
  assert.deepEqual(checkTrust(later.tables), [])
})

test('a known node sweeps what has been over for 90 days, and nothing sooner', () => {
  const run = begin()
  const until = run.at[0] + hourMs + 10
  assert.deepEqual(set(run, ada, ben, { expires_at: until }), [])
  assert.deepEqual(set(run, ada, cleo), [])
  const items = [
    { issuer: ada, graph: 'social', subject: ben },
    { issuer: ada, graph: 'social', subject: cleo },
    { issuer: ben, graph: 'social', subject: ada },
  ]
  const look = { after: undefined, rowsMax: 10, itemsMax: 10 }
  run.at = [until + trustKeptMs - 2, 0]
  assert.deepEqual(run.run('trust.sweep', node, { items }).codes, ['SWEEP_DONE'])
  assert.deepEqual(dueEdges(run.tables, until + trustKeptMs - 1, look).items, [])
  assert.deepEqual(run.run('trust.sweep', ada, { items }).codes, ['NOT_A_HOST'])
  assert.deepEqual(dueEdges(run.tables, until + trustKeptMs, look), { items: items.slice(0, 1), next: undefined })
  run.must('trust.sweep', node, { items })
  assert.deepEqual(
    [...edgesBy(run.tables, ada)].map(({ subject }) => subject),
    [cleo],
  )
  assert.deepEqual(checkTrust(run.tables), [])
  assert.deepEqual(run.run('trust.sweep', node, { items }).codes, ['SWEEP_DONE'])
})

test('a look for what is due goes on where it stopped', () => {
  const run = begin()
  fill(run, ada, 25, () => 1)
  const found: Did[] = []
  let after: Parameters<typeof dueEdges>[2]['after']
  do {
    const look = dueEdges(run.tables, run.at[0], { after, rowsMax: 10, itemsMax: 4 })
    assert.ok(look.items.length <= 4)
    found.push(...look.items.map(({ subject }) => subject))
    after = look.next
  } while (after !== undefined)
  assert.equal(new Set(found).size, 25)
})

test('edges of somebody who has retired count as none, and a rotated key keeps them', () => {
  const run = begin()
  set(run, ada, ben)
  set(run, ben, cleo)
  const perspective = seenBy()
  const seen = (did: Did, subject: Did): number | undefined => trustIn(run.tables, { ...perspective, dids: [did] }, subject, 'social', run.at[0]).score
  assert.deepEqual([seen(ada, ben), seen(ada, cleo), seen(ben, cleo)], [560, 192, 560])
  run.must('identity.freeze', ben, { reason: 'Lost', final: true })
  assert.deepEqual([seen(ada, ben), seen(ada, cleo), seen(ben, cleo)], [560, undefined, undefined])
})

test('check_trust sees rows that do not agree', () => {
  const run = begin()
  set(run, ada, ben)
  const said = (change: (tables: LawRunner['tables']) => void): readonly string[] => {
    const tables = run.tables.clone()
    tables.checked = false
    change(tables)
    return checkTrust(tables).map(({ text }) => text)
  }
  const row = run.tables.get(edges, [ada, 'social', ben])
  assert.ok(row !== undefined)
  assert.deepEqual(
    said(() => {}),
    [],
  )
  assert.ok(said((tables) => tables.delete(bySubject, [ben, 'social', ada])).length > 0)
  assert.ok(said((tables) => tables.put(bySubject, [ben, 'social', cleo], { weight: 1, expires_at: 1 })).length > 0)
  assert.ok(said((tables) => tables.put(bySubject, [ben, 'social', ada], { weight: 1, expires_at: row.expires_at })).length > 0)
  assert.ok(said((tables) => tables.put(edges, [ada, 'social', ben], { ...row, weight: 1_001 })).length > 0)
  assert.ok(said((tables) => tables.put(edgeCounts, [ada], { live: 2, hour: 0, changes: 0 })).length > 0)
  assert.ok(said((tables) => tables.delete(edgeCounts, [ada])).length > 0)
  assert.ok(said((tables) => tables.put(edgeCounts, [cleo], { live: 1, hour: 0, changes: 0 })).length > 0)
})

test('T1 no other law reads an edge or a score: nothing in domain imports trust but what puts the rules together', () => {
  const domain = join(import.meta.dirname, '..')
  const importers = globSync('**/*.ts', { cwd: domain })
    .filter((file) => !file.startsWith('trust/') && /['/]trust\/|['"]trust\./.test(readFileSync(join(domain, file), 'utf8')))
    .sort()
  assert.deepEqual(importers, ['index.ts', 'rules.ts'])
  assert.deepEqual(
    [...coopRules.tables.map(({ name }) => name), ...coopRules.laws.keys()].filter((name) => name.startsWith('trust.')),
    [],
  )
})

test('T7 standing, pins and classes are no kind of operation', () => {
  assert.deepEqual(
    [...commonsRules.laws.keys()].filter((kind) => kind.startsWith('trust.')),
    ['trust.edge.set', 'trust.edge.end', 'trust.sweep'],
  )
})
