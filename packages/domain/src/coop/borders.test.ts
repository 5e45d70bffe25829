import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CheckpointId } from '@icn/protocol'
import { cidOf, encodeCanonical } from '@icn/protocol'
import { keys } from '../identity/tables.ts'
import { checkpointCuts } from '../space/tables.ts'
import { dayMs, House, person } from './fixture.ts'
import { accountUse, checkCoop, coopProfile, effectiveStewards, hasPower, listReviews, memberAt } from './index.ts'

/** Where a rule ends to the millisecond, and who stands just outside it. */

const signature = new Uint8Array(64)
const stewards = (...names: string[]) => names.map((name) => ({ name, roles: ['member', 'steward'] }))
const removal = (name: string, more: object = {}) => ({ did: person(name), code: 'fraud', reason: 'took the till', ban: false, immediate: true, ...more })
const invite = (h: House, by: string, more: object = {}) =>
  h.must('coop.invite.create', by, { key: person('code'), roles: ['member'], uses: 1, expires_at: h.at + 20 * dayMs, ...more })
const redeem = (h: House, ref: string, name: string) =>
  h.do('coop.invite.redeem', name, { ref, statement: { did: person(name), key: person('code'), signature }, charter_hash: h.hash, name }).codes
/** What is done next is done exactly then. */
const waitUntil = (h: House, time: number): void => h.run.wait(time - h.at - 1)

/** Why somebody cannot be second to Ada for a removal of Zoe. */
function reasonAgainst(h: House, name: string): unknown {
  const rule = coopProfile.actRule(h.tables, { kind: 'coop.member.remove', body: removal('Zoe'), proposer: person('Ada'), at: h.at })
  return rule?.eligible(person(name)).find((check) => check.result === 'fail')?.params?.['reason']
}

test('nobody suspends or removes the last steward', () => {
  const h = new House({
    founders: [...stewards('Ada'), { name: 'Ben', roles: ['member'] }, { name: 'Chen', roles: ['member', 'treasurer'] }],
    charter: (text) => ({ ...text, powers: { ...text.powers, 'member.discipline': ['steward', 'treasurer'] } }),
  }).open()
  const suspension = { did: person('Ada'), code: 'conduct', reason: 'x', until_at: h.at + 5 * dayMs }
  assert.deepEqual(h.do('coop.member.suspend', 'Chen', suspension).codes, ['LAST_STEWARD'])
  assert.deepEqual(h.together('coop.member.remove', ['Chen', 'Ben'], removal('Ada')), ['LAST_STEWARD'])
})

test('an office ends at the time it names', () => {
  const h = new House().open().join('Dora')
  const until_at = h.at + 50 * dayMs
  h.must('coop.member.roles', 'Ada', { did: person('Dora'), roles: ['member', 'facilitator'], until_at })
  assert.equal(hasPower(h.tables, person('Dora'), 'compute.audit', until_at - 1), true)
  assert.equal(hasPower(h.tables, person('Dora'), 'compute.audit', until_at), false)
})

test('no second person whom the proposer has sponsored, or who waits for a second look', () => {
  const h = new House({ founders: stewards('Ada', 'Ben', 'Chen') }).open()
  h.must('coop.member.apply', 'Dora', { charter_hash: h.hash, name: 'Dora' })
  h.must('coop.member.sponsor', 'Ada', { did: person('Dora') })
  h.must('coop.member.admit', 'Chen', { did: person('Dora'), roles: ['member'] })
  h.run.wait(20 * dayMs)
  assert.equal(reasonAgainst(h, 'Dora'), 'brought_in_by_proposer')
  h.run.wait(20 * dayMs)
  h.join('Emil', 'Ben')
  h.run.wait(20 * dayMs)
  assert.equal(reasonAgainst(h, 'Emil'), 'others_come_first')
  assert.equal(hasPower(h.tables, person('Emil'), 'governance.vote', h.at), true)
  assert.deepEqual(h.together('coop.member.remove', ['Ada', 'Chen'], removal('Ben')), [])
  assert.equal(reasonAgainst(h, 'Emil'), 'in_review')
  assert.equal(hasPower(h.tables, person('Emil'), 'governance.vote', h.at), false)
})

test('only a coop of one goes without a second person', () => {
  const h = new House({ founders: [...stewards('Ada'), { name: 'Ben', roles: ['member'] }] }).open()
  const rule = coopProfile.actRule(h.tables, { kind: 'coop.member.remove', body: removal('Ben'), proposer: person('Ada'), at: h.at })
  assert.deepEqual([rule?.need, rule?.waived], [2, undefined])
})

test('invitations are over at the time they name', () => {
  const h = new House().open()
  const expires_at = h.at + 10 * dayMs
  const ref = invite(h, 'Ada', { uses: 2, expires_at })
  h.must('coop.member.admit', 'Ada', { did: person('Emil'), roles: ['member'] })
  const deadline = h.member('Emil')?.deadline_at as number
  waitUntil(h, expires_at - 1)
  assert.deepEqual(redeem(h, ref, 'Dora'), [])
  assert.deepEqual(redeem(h, ref, 'Frida'), ['INVITE_EXPIRED'])
  waitUntil(h, deadline)
  assert.deepEqual(h.do('coop.member.accept', 'Emil', { charter_hash: h.hash }).codes, ['INVITE_EXPIRED'])
})

test('a suspension is over at the time it names, and a sweep brings nothing before its time', () => {
  const h = new House().open().join('Dora')
  const until_at = h.at + 5 * dayMs
  h.must('coop.member.suspend', 'Ada', { did: person('Dora'), code: 'conduct', reason: 'x', until_at })
  assert.deepEqual(
    [until_at - 1, until_at].map((at) => memberAt(h.tables, person('Dora'), at)?.status),
    ['suspended', 'active'],
  )
  const items = [{ kind: 'suspension', ref: person('Dora') }]
  waitUntil(h, until_at - 1)
  assert.deepEqual(h.do('coop.sweep', 'node one', { items }).codes, ['SWEEP_DONE'])
  assert.deepEqual(h.do('coop.sweep', 'node one', { items }).codes, [])
})

test('who is leaving stays while the only other steward has a frozen key', () => {
  const h = new House({ charter: (text) => ({ ...text, membership: { ...text.membership, notice_days: 30 } }) }).open()
  h.must('coop.member.resign', 'Ben', {})
  h.tables.put(keys, [person('Ada')], { root: person('Ada'), retired: [], state: 'frozen' })
  h.run.wait(31 * dayMs)
  assert.deepEqual(effectiveStewards(h.tables, h.at), [person('Ben')])
  assert.deepEqual(h.do('coop.sweep', 'node one', { items: [{ kind: 'notice', ref: person('Ben') }] }).codes, ['SWEEP_DONE'])
  h.tables.put(keys, [person('Ada')], { root: person('Ada'), retired: [], state: 'active' })
  assert.deepEqual(h.do('coop.sweep', 'node one', { items: [{ kind: 'notice', ref: person('Ben') }] }).codes, [])
  assert.equal(h.status('Ben'), 'resigned')
})

test('one change names each setting once', () => {
  const h = new House().open()
  const changes = ['Bread', 'Cheese'].map((value) => ({ field: 'description', value, base: null }))
  assert.deepEqual(h.do('coop.settings.set', 'Ada', { changes }).codes, ['SETTING_INVALID'])
})

test('a host only adds to the calendar, and changes nothing that is still to come', () => {
  const h = new House().open()
  const [soon, later] = [h.at + dayMs, h.at + 2 * dayMs]
  const set = (name: string, ...offsets: readonly (readonly [number, number])[]) => h.do('coop.calendar.set', name, { time_zone: 'UTC', offsets: [[0, 0], ...offsets] }).codes
  assert.deepEqual(set('Ada', [soon, 60]), [])
  assert.deepEqual(set('node one', [soon, 120], [later, 0]), ['NOT_A_MEMBER'])
  assert.deepEqual(set('node one', [soon, 60], [later, 0]), [])
})

test('a number that a line of the register holds is nobody else’s', () => {
  const h = new House().open()
  h.must('coop.entry.add', 'Chen', { import_id: new Uint8Array(16), batch: 0, entries: [{ number: 4, name: 'Emil', joined_at: 1, row: 1 }] })
  assert.equal(h.join('Dora').member('Dora')?.number, 5)
  assert.deepEqual(checkCoop(h.tables), [])
})

test('who comes in accepts the charter in force, whichever way', () => {
  const h = new House().open()
  const ref = invite(h, 'Ada')
  h.must('coop.member.admit', 'Ada', { did: person('Emil'), roles: ['member'] })
  const old = { charter_hash: cidOf(encodeCanonical('the former charter')) }
  const statement = { did: person('Dora'), key: person('code'), signature }
  assert.deepEqual(h.do('coop.member.apply', 'Dora', { ...old, name: 'Dora' }).codes, ['CHARTER_CHANGED'])
  assert.deepEqual(h.do('coop.member.accept', 'Emil', old).codes, ['CHARTER_CHANGED'])
  assert.deepEqual(h.do('coop.invite.redeem', 'Dora', { ...old, ref, statement, name: 'Dora' }).codes, ['CHARTER_CHANGED'])
})

test('a new term for a weighty office takes a second person', () => {
  const h = new House().open()
  assert.deepEqual(h.do('coop.member.roles', 'Ada', { did: person('Chen'), roles: ['member', 'treasurer'], until_at: h.at + 100 * dayMs }).codes, ['NEEDS_SECOND'])
})

test('an invitation is taken back by who made it, or by who may invite', () => {
  const h = new House({ founders: stewards('Ada', 'Ben') }).open().join('Dora')
  const ref = invite(h, 'Ada')
  assert.deepEqual(h.do('coop.invite.cancel', 'Dora', { ref }).codes, ['POWER_MISSING'])
  h.must('coop.member.roles', 'Ada', { did: person('Ada'), roles: ['member'] })
  assert.deepEqual(h.do('coop.invite.cancel', 'Ada', { ref }).codes, [])
})

test('a coop goes on only with a steward who can act', () => {
  const h = new House({ charter: (text) => ({ ...text, powers: { ...text.powers, 'coop.manage': ['steward', 'treasurer', 'member'] } }) }).open().join('Dora')
  h.run.wait(40 * dayMs)
  assert.deepEqual(h.together('coop.suspend', ['Ada', 'Ben'], { reason: 'flood' }), [])
  for (const name of ['Ada', 'Ben']) h.tables.put(keys, [person(name)], { root: person(name), retired: [], state: 'frozen' })
  assert.deepEqual(h.together('coop.resume', ['Chen', 'Dora'], {}), ['NO_STEWARD'])
})

test('who has left settles the account for 90 days', () => {
  const h = new House().open().join('Dora')
  assert.equal(accountUse(h.tables, person('Dora'), h.at), 'full')
  h.must('coop.member.resign', 'Dora', {})
  const border = h.at + 90 * dayMs
  assert.deepEqual(
    [h.at, border - 1, border].map((at) => accountUse(h.tables, person('Dora'), at)),
    ['settle', 'settle', 'none'],
  )
  assert.equal(accountUse(h.tables, person('Nobody'), h.at), 'none')
})

test('a coop takes as many members as its charter says', () => {
  const h = new House({ charter: (text) => ({ ...text, membership: { ...text.membership, members_max: 4 } }) }).open().join('Dora')
  assert.deepEqual(h.do('coop.member.apply', 'Emil', { charter_hash: h.hash, name: 'Emil' }).codes, ['MEMBERS_FULL'])
})

test('shares of an entry become a person’s once, also when the person is admitted anew', () => {
  const h = new House({ founders: stewards('Ada', 'Ben', 'Chen') }).open()
  h.must('coop.entry.add', 'Chen', { import_id: new Uint8Array(16), batch: 0, entries: [{ number: 10, name: 'Dora', joined_at: 1, row: 1, shares: 3, capital: '1500' }] })
  const ref = invite(h, 'Ben', { entry: 10 })
  assert.deepEqual(redeem(h, ref, 'Dora'), [])
  assert.deepEqual(h.together('coop.member.remove', ['Ada', 'Chen'], removal('Ben')), [])
  h.must('coop.review.settle', 'Ada', { ref, verdict: 'undone' })
  h.must('coop.member.admit', 'Ada', { did: person('Dora'), roles: ['member'] })
  assert.deepEqual([h.status('Dora'), h.member('Dora')?.number, h.member('Dora')?.shares, h.member('Dora')?.capital], ['active', 10, 3, '1500'])
  assert.deepEqual(checkCoop(h.tables), [])
})

test('what was done at the very cut that the remover had seen is not looked at again', () => {
  const h = new House({ founders: stewards('Ada', 'Ben', 'Chen') }).open()
  invite(h, 'Ben')
  const cut = cidOf(encodeCanonical('a checkpoint')) as CheckpointId
  h.tables.put(checkpointCuts, [cut], [...h.run.at])
  assert.deepEqual(h.together('coop.member.remove', ['Ada', 'Chen'], removal('Ben', { cut_seen: cut })), [])
  assert.deepEqual(listReviews(h.tables), [])
})

test('nobody settles a review of what they did or gained themselves', () => {
  const h = new House({ founders: stewards('Ada', 'Ben', 'Chen') }).open()
  const used = invite(h, 'Ben')
  assert.deepEqual(redeem(h, used, 'Eve'), [])
  h.run.wait(40 * dayMs)
  assert.deepEqual(h.together('coop.member.roles', ['Ada', 'Chen'], { did: person('Eve'), roles: ['member', 'steward'] }), [])
  const suspended = h.must('coop.member.suspend', 'Ben', { did: person('Chen'), code: 'conduct', reason: 'x', until_at: h.at + dayMs })
  h.run.wait(2 * dayMs)
  assert.deepEqual(h.together('coop.member.remove', ['Ada', 'Eve'], removal('Ben')), [])
  h.join('Ben')
  assert.deepEqual(h.together('coop.member.roles', ['Ada', 'Chen'], { did: person('Ben'), roles: ['member', 'steward'] }), [])
  const own: readonly (readonly [string, string])[] = [
    ['Eve', used],
    ['Chen', suspended],
    ['Ben', used],
  ]
  for (const [name, ref] of own) assert.deepEqual(h.do('coop.review.settle', name, { ref, verdict: 'confirmed' }).codes, ['REVIEW_OWN'], name)
  for (const ref of [used, suspended]) h.must('coop.review.settle', 'Ada', { ref, verdict: 'confirmed' })
})
