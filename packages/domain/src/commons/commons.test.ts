import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Did, OperationId, SpaceId } from '@icn/protocol'
import { cidOf, didOfKey, encodeCanonical } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { LawRunner } from '@icn/testkit'
import { commonsRules } from '../rules.ts'
import { checkCommons, commonsProfile, networkOf } from './index.ts'

const [node, other, ada] = [1, 2, 3].map((seed) => didOfKey(signingKeyFromSeed(new Uint8Array(32).fill(seed)).publicKey)) as [Did, Did, Did]
const body = { name: 'Home', keepers: [node], stewards: [] as Did[], nonce: new Uint8Array(16) }
const begin = (space = 'commons'): LawRunner => new LawRunner([...commonsRules.laws.values()], space as SpaceId)

test('a lone node founds a network of its own, once', () => {
  const run = begin()
  const id = run.must('commons.found', node, body)
  assert.deepEqual(networkOf(run.tables), { network_id: id, name: 'Home', founded_at: run.at[0], founded_by: node })
  assert.deepEqual(commonsRules.hosts(run.tables), [node])
  assert.equal(commonsProfile.standing(run.tables, node), 'node')
  assert.equal(commonsProfile.standing(run.tables, ada), 'none')
  assert.deepEqual(run.run('commons.found', node, body).codes, ['WRONG_GENESIS'])
  assert.deepEqual(commonsRules.check(run.tables), [])
  assert.deepEqual(checkCommons(run.tables), [])
})

test('refuses a founding elsewhere, by somebody it does not name, or that names one twice', () => {
  assert.deepEqual(begin('coop:food').run('commons.found', node, body).codes, ['SPACE_MISMATCH'])
  assert.deepEqual(begin().run('commons.found', other, body).codes, ['FOUNDER_UNNAMED'])
  assert.deepEqual(begin().run('commons.found', node, { ...body, stewards: [node] }).codes, ['NAMES_REPEATED'])
  assert.deepEqual(begin().run('commons.found', ada, { ...body, stewards: [ada] }).codes, [])
})

test('strangers write nothing, and a majority of keepers adopts rules', () => {
  const run = begin()
  run.must('commons.found', node, { ...body, keepers: [node, other], stewards: [ada] })
  const stranger = didOfKey(signingKeyFromSeed(new Uint8Array(32).fill(9)).publicKey)
  const codesOf = (author: Did): readonly string[] =>
    commonsRules
      .guard(run.view('space.review', author, { operation: cidOf(encodeCanonical(1)) as OperationId, verdict: 'dismissed', note: '' }), run.tables)
      .map(({ code }) => code)
  assert.deepEqual(codesOf(stranger), ['NO_STANDING'])
  assert.deepEqual(codesOf(ada), [])
  const adopt = { rules: '0-next', from: run.at[0] + 1_000_000 }
  assert.deepEqual(run.run('space.adopt', ada, adopt).codes, ['NOT_A_KEEPER', 'NEEDS_SECOND'])
  const act = run.must('act.propose', node, { kind: 'space.adopt', body: adopt })
  run.must('act.confirm', other, { ref: act })
})
