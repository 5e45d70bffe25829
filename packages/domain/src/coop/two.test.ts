import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dayMs, House, person } from './fixture.ts'
import { checkCoop, coopProfile } from './index.ts'

const removal = (name: string) => ({ did: person(name), code: 'fraud', reason: 'took the till', ban: false, immediate: true })

/** Four founders, three of them stewards; Dora is a plain member of old, Emil a fresh one. */
function house(): House {
  const h = new House({ founders: [...['Ada', 'Ben', 'Chen'].map((name) => ({ name, roles: ['member', 'steward'] })), { name: 'Tara', roles: ['member', 'treasurer'] }] }).open()
  h.join('Dora')
  h.run.wait(40 * dayMs)
  return h.join('Emil', 'Ada')
}

/** Who can stand beside Ada for a removal of Dora, and why not. */
const seconds: readonly [string, string, (h: House) => void, string | undefined][] = [
  ['another steward', 'Ben', () => {}, undefined],
  ['the proposer again', 'Ada', () => {}, 'proposer'],
  ['the person it is about', 'Dora', () => {}, 'subject'],
  ['a plain member while stewards are there', 'Emil', () => {}, 'brought_in_by_proposer'],
  ['a treasurer while stewards are there', 'Tara', () => {}, 'others_come_first'],
  [
    'a suspended steward',
    'Ben',
    (h) => void h.must('coop.member.suspend', 'Chen', { did: person('Ben'), code: 'conduct', reason: 'x', until_at: h.at + dayMs }),
    'MEMBER_NOT_ACTIVE',
  ],
  ['a stranger', 'Mallory', () => {}, 'NOT_A_MEMBER'],
]
for (const [name, second, before, reason] of seconds) {
  test(`second person: ${name} ${reason === undefined ? 'can' : `cannot (${reason})`}`, () => {
    const h = house()
    before(h)
    const codes = h.together('coop.member.remove', ['Ada', second], removal('Dora'))
    if (reason === undefined) {
      assert.deepEqual(codes, [])
      assert.equal(h.status('Dora'), 'removed')
      return
    }
    assert.notDeepEqual(codes, [])
    assert.equal(h.status('Dora'), 'active')
    const rule = coopProfile.actRule(h.tables, { kind: 'coop.member.remove', body: removal('Dora'), proposer: person('Ada'), at: h.at })
    const failed = rule?.eligible(person(second)).find((check) => check.result === 'fail')
    if (second === 'Ada') assert.ok(codes.includes('ACT_SAME_PERSON'))
    else assert.equal(failed?.code === 'SECOND_NOT_ELIGIBLE' ? failed.params?.['reason'] : failed?.code, reason)
  })
}

test('of two stewards one may remove the other with the treasurer, and without one with any old member', () => {
  const withTreasurer = new House().open()
  withTreasurer.join('Dora')
  withTreasurer.run.wait(40 * dayMs)
  assert.ok(withTreasurer.together('coop.member.remove', ['Ada', 'Dora'], removal('Ben')).includes('SECOND_NOT_ELIGIBLE'))
  assert.deepEqual(withTreasurer.together('coop.member.remove', ['Ada', 'Chen'], removal('Ben')), [])
  const without = new House({
    founders: [
      { name: 'Ada', roles: ['member', 'steward'] },
      { name: 'Ben', roles: ['member', 'steward'] },
      { name: 'Chen', roles: ['member'] },
    ],
  }).open()
  assert.deepEqual(without.together('coop.member.remove', ['Ada', 'Chen'], removal('Ben')), [])
})

test('somebody who came less than seven days ago is nobody’s second', () => {
  const h = new House({
    founders: [
      { name: 'Ada', roles: ['member', 'steward'] },
      { name: 'Ben', roles: ['member', 'steward'] },
    ],
  }).open()
  h.join('Dora', 'Ben')
  assert.ok(h.together('coop.member.remove', ['Ada', 'Dora'], removal('Ben')).includes('SECOND_NOT_ELIGIBLE'))
  h.run.wait(8 * dayMs)
  assert.deepEqual(h.together('coop.member.remove', ['Ada', 'Dora'], removal('Ben')), [])
})

test('a coop of one needs no second, and the rule says that it is waived', () => {
  const h = new House({ founders: [{ name: 'Ada', roles: ['member', 'steward'] }] }).open()
  const rule = coopProfile.actRule(h.tables, {
    kind: 'coop.settings.set',
    body: { changes: [{ field: 'credit_policy', value: 'open', base: null }] },
    proposer: person('Ada'),
    at: h.at,
  })
  assert.equal(rule?.need, 1)
  assert.equal(rule?.waived, true)
  assert.deepEqual(
    h.do('coop.settings.set', 'Ada', { changes: [{ field: 'credit_policy', value: 'open', base: null }] }).codes,
    ['NEEDS_SECOND'],
    'a direct change does not pass by the record',
  )
  assert.deepEqual(h.together('coop.settings.set', ['Ada'], { changes: [{ field: 'credit_policy', value: 'open', base: null }] }), [])
})

test('Ana removes Ben while Ben removes Ana: the first stands', () => {
  const h = house()
  assert.deepEqual(h.together('coop.member.remove', ['Ada', 'Chen'], removal('Ben')), [])
  assert.notDeepEqual(h.together('coop.member.remove', ['Ben', 'Chen'], removal('Ada')), [])
  assert.equal(h.status('Ada'), 'active')
})

test('what the charter gives to a vote can be done by nobody alone or together', () => {
  const h = new House({ charter: (text) => ({ ...text, decides: { 'coop.member.remove': 'vote' }, membership: { ...text.membership, admission: 'vote' } }) }).open()
  assert.ok(h.do('coop.member.remove', 'Ada', removal('Chen')).codes.includes('NEEDS_VOTE'))
  assert.deepEqual(h.do('coop.member.admit', 'Ada', { did: person('Dora'), roles: ['member'] }).codes, ['NEEDS_VOTE'])
  assert.ok(h.together('coop.member.remove', ['Ada', 'Ben'], removal('Chen')).includes('ACT_NEEDS_VOTE'))
})

test('short suspensions take one, long ones two', () => {
  const h = house()
  const suspend = (days: number | undefined) => ({ did: person('Dora'), code: 'conduct', reason: 'x', ...(days === undefined ? {} : { until_at: h.at + days * dayMs }) })
  assert.deepEqual(h.do('coop.member.suspend', 'Ada', suspend(31)).codes, ['NEEDS_SECOND'])
  assert.deepEqual(h.do('coop.member.suspend', 'Ada', suspend(undefined)).codes, ['NEEDS_SECOND'])
  assert.deepEqual(h.do('coop.member.suspend', 'Ada', suspend(400)).codes, ['NEEDS_SECOND', 'UNTIL_INVALID'])
  assert.deepEqual(h.do('coop.member.suspend', 'Ada', suspend(20)).codes, [])
})

test('settings: free ones by one, money by two; who had not seen the last value leaves a conflict', () => {
  const h = house()
  const first = h.must('coop.settings.set', 'Ada', { changes: [{ field: 'description', value: 'Bread', base: null }] })
  const second = h.must('coop.settings.set', 'Ben', { changes: [{ field: 'description', value: 'Cheese', base: null }] })
  assert.deepEqual(h.do('coop.conflict.settle', 'Ada', { ref: first, field: 'description', keep: 'winner' }).codes, ['CONFLICT_UNKNOWN'])
  h.must('coop.conflict.settle', 'Ada', { ref: second, field: 'description', keep: 'loser' })
  assert.deepEqual(h.do('coop.conflict.settle', 'Ada', { ref: second, field: 'description', keep: 'loser' }).codes, ['CONFLICT_CLOSED'])
  assert.ok(h.do('coop.settings.set', 'Ada', { changes: [{ field: 'colour', value: 'red', base: null }] }).codes.includes('SETTING_UNKNOWN'))
  assert.ok(h.do('coop.settings.set', 'Ada', { changes: [{ field: 'website', value: 'http://x', base: null }] }).codes.includes('SETTING_INVALID'))
  assert.ok(h.do('coop.settings.set', 'Ada', { changes: [{ field: 'currency', value: 'euro', base: null }] }).codes.includes('UNIT_FIXED'))
  assert.deepEqual(checkCoop(h.tables), [])
})
