import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Did, didOfKey, keepersMax, minuteMs, type OperationId, type SpaceId } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { LawRunner } from '@icn/testkit'
import fc from 'fast-check'
import { actById } from '../identity/index.ts'
import { commonsRules } from '../rules.ts'
import { checkCommons, commonsProfile, keepersOf } from './index.ts'

const didOf = (seed: number): Did => didOfKey(signingKeyFromSeed(new Uint8Array(32).fill(seed)).publicKey)
const [elm, oak, fir, ash, ada] = [1, 2, 3, 4, 5].map(didOf) as [Did, Did, Did, Did, Did]

function begin(...keepers: readonly Did[]): LawRunner {
  const run = new LawRunner([...commonsRules.laws.values()], 'commons' as SpaceId)
  run.must('commons.found', keepers[0] as Did, { name: 'Home', keepers, stewards: [ada], nonce: new Uint8Array(16) })
  return run
}

const one = (did: Did) => ({ did, label: 'One more', addresses: ['/dns4/one.example/tcp/7777'] })
const add = (run: LawRunner, author: Did, did: Did) => run.run('commons.keeper.add', author, one(did)).codes
const remove = (run: LawRunner, author: Did, did: Did) => run.run('commons.keeper.remove', author, { did }).codes
const leave = (run: LawRunner, author: Did) => run.run('commons.keeper.leave', author, {}).codes
const propose = (run: LawRunner, author: Did, kind: string, body: object): OperationId => run.must('act.propose', author, { kind, body })
const confirm = (run: LawRunner, author: Did, ref: OperationId) => run.run('act.confirm', author, { ref }).codes
const sorted = (...dids: readonly Did[]): Did[] => [...dids].sort()
const hosts = (run: LawRunner): Did[] => [...commonsRules.hosts(run.tables)].sort()

test('a lone keeper names a second one, both name a third, and each of them counts from then on', () => {
  const run = begin(elm)
  assert.deepEqual(add(run, elm, oak), [])
  assert.deepEqual(hosts(run), sorted(elm, oak))
  assert.deepEqual([commonsProfile.standing(run.tables, oak), commonsProfile.rights(run.tables, oak, 0)], ['node', ['keeper']])
  assert.deepEqual(add(run, elm, fir), ['NEEDS_SECOND'])
  const act = propose(run, elm, 'commons.keeper.add', one(fir))
  assert.deepEqual(hosts(run), sorted(elm, oak), 'a proposal changes nothing')
  assert.deepEqual(confirm(run, elm, act), ['ACT_SAME_PERSON'])
  assert.deepEqual(confirm(run, ash, act), ['NOT_A_KEEPER'])
  assert.deepEqual(confirm(run, ada, act), ['NOT_A_KEEPER'])
  assert.deepEqual(confirm(run, oak, act), [])
  assert.deepEqual(hosts(run), sorted(elm, oak, fir))
  assert.deepEqual(checkCommons(run.tables), [])
})

test('says why somebody cannot be named', () => {
  const run = begin(elm)
  assert.deepEqual(add(run, oak, oak), ['NOT_A_KEEPER'])
  assert.deepEqual(add(run, ada, oak), ['NOT_A_KEEPER'])
  assert.deepEqual(add(run, elm, elm), ['KEEPER_EXISTS'])
  assert.deepEqual(add(run, elm, ada), ['KEEPER_IS_PERSON'])
  const full = begin(...Array.from({ length: keepersMax }, (_, i) => didOf(50 + i)))
  assert.deepEqual(full.run('act.propose', didOf(50), { kind: 'commons.keeper.add', body: one(elm) }).codes, ['KEEPERS_FULL'])
})

test('a majority removes one, and the one it is about has no part in it', () => {
  const run = begin(elm, oak, fir)
  assert.deepEqual(remove(run, elm, oak), ['NEEDS_SECOND'])
  assert.deepEqual(remove(run, elm, ash), ['NEEDS_SECOND', 'KEEPER_UNKNOWN'])
  assert.deepEqual(run.run('act.propose', oak, { kind: 'commons.keeper.remove', body: { did: oak } }).codes, ['ACT_SAME_PERSON'])
  const act = propose(run, elm, 'commons.keeper.remove', { did: oak })
  assert.deepEqual(confirm(run, oak, act), ['ACT_SAME_PERSON'])
  assert.deepEqual(confirm(run, fir, act), [])
  assert.deepEqual(hosts(run), sorted(elm, fir))
  assert.equal(commonsProfile.standing(run.tables, oak), 'none')
  // Named anew, it counts anew.
  const again = propose(run, elm, 'commons.keeper.add', one(oak))
  assert.deepEqual(confirm(run, fir, again), [])
  assert.deepEqual(hosts(run), sorted(elm, oak, fir))
})

test('of two neither removes the other; whoever wants to go, goes, and the last one stays', () => {
  const run = begin(elm, oak)
  assert.deepEqual(remove(run, elm, oak), ['NEEDS_SECOND', 'KEEPERS_TOO_FEW'])
  assert.deepEqual(run.run('act.propose', elm, { kind: 'commons.keeper.remove', body: { did: oak } }).codes, ['KEEPERS_TOO_FEW'])
  assert.deepEqual(leave(run, fir), ['NOT_A_KEEPER'])
  assert.deepEqual(leave(run, oak), [])
  assert.deepEqual(leave(run, oak), ['NOT_A_KEEPER'])
  assert.deepEqual(leave(run, elm), ['LAST_KEEPER'])
  assert.deepEqual(remove(run, elm, elm), ['LAST_KEEPER'])
  assert.deepEqual(hosts(run), [elm])
})

test('two that were to remove each other: the first in the order does, and the other one’s voice counts no more', () => {
  const run = begin(elm, oak, fir, ash)
  const ofOak = propose(run, elm, 'commons.keeper.remove', { did: oak })
  const ofElm = propose(run, oak, 'commons.keeper.remove', { did: elm })
  assert.deepEqual([confirm(run, fir, ofOak), confirm(run, fir, ofElm)], [[], []])
  assert.deepEqual(confirm(run, ash, ofOak), [])
  assert.deepEqual(hosts(run), sorted(elm, fir, ash))
  assert.deepEqual(confirm(run, ash, ofElm), ['NOT_A_KEEPER'], 'it was proposed by somebody who is a keeper no more')
  assert.deepEqual(hosts(run), sorted(elm, fir, ash))
})

test('what a removed keeper says later counts for nothing: no proposal, no confirmation, no introduction', () => {
  const run = begin(elm, oak, fir)
  const waiting = propose(run, elm, 'commons.keeper.add', one(ash))
  const act = propose(run, elm, 'commons.keeper.remove', { did: oak })
  confirm(run, fir, act)
  assert.deepEqual(confirm(run, oak, waiting), ['NOT_A_KEEPER'])
  assert.deepEqual(run.run('act.propose', oak, { kind: 'commons.keeper.add', body: one(didOf(9)) }).codes, ['NOT_A_KEEPER'])
  const via = (did: Did) => ({ did, key: did, signature: new Uint8Array(64), expires_at: run.at[0] + minuteMs })
  const reserve = (did: Did) => run.run('commons.coop.reserve', didOf(20), { coop_id: 'food', genesis: waiting, name: 'Food', type: 'consumer', via: via(did) }).codes
  assert.deepEqual(reserve(oak), ['VIA_REQUIRED'])
  assert.deepEqual(reserve(fir), [])
  assert.deepEqual(
    commonsRules.guard(run.view('space.review', oak, { operation: waiting, verdict: 'dismissed', note: '' }), run.tables).map(({ code }) => code),
    ['NO_STANDING'],
  )
})

test('whatever keepers do, one is left, and every change among several had a majority of those who were there', () => {
  const nodes = [1, 2, 3, 4, 6, 7].map(didOf)
  const step = fc.record({ what: fc.nat(4), who: fc.nat(5), about: fc.nat(5), n: fc.nat(20) })
  const lives = fc.array(step, { minLength: 60, maxLength: 60, size: 'max' })
  let fewest = 9
  let changes = 0
  fc.assert(
    fc.property(lives, fc.integer({ min: 1, max: 4 }), (life, first) => {
      const run = begin(...nodes.slice(0, first))
      const acts: OperationId[] = []
      for (const { what, who, about, n } of life) {
        const [author, did] = [nodes[who] as Did, nodes[about] as Did]
        const before = keepersOf(run.tables)
        const act = acts[n % Math.max(acts.length, 1)]
        let by: readonly Did[] = [author]
        if (what === 0) leave(run, author)
        else if (what <= 2) {
          const [kind, body] = what === 1 ? ['commons.keeper.add', one(did)] : ['commons.keeper.remove', { did }]
          if (run.run(kind as string, author, body).codes.length > 0) {
            const { id, codes } = run.run('act.propose', author, { kind, body })
            if (codes.length === 0) acts.push(id)
          }
        } else if (act !== undefined) {
          confirm(run, author, act)
          const row = actById(run.tables, act)?.row
          by = row === undefined ? [] : [row.proposer, ...row.confirmed.map((one) => one.did)]
        }
        const after = keepersOf(run.tables)
        const gone = before.filter((one) => !after.includes(one))
        const added = after.filter((one) => !before.includes(one))
        assert.ok(after.length >= 1 && gone.length + added.length <= 1)
        fewest = Math.min(fewest, after.length)
        if (gone.length + added.length === 0 || what === 0) continue
        changes++
        const voices = new Set(by.filter((one) => before.includes(one) && !gone.includes(one)))
        assert.ok(voices.size * 2 > before.length, `${voices.size} of ${before.length}`)
      }
      assert.deepEqual(checkCommons(run.tables), [])
    }),
    { numRuns: 200 },
  )
  assert.equal(fewest, 1, 'it has come to the last one')
  assert.ok(changes > 200, 'most lives change something')
})
