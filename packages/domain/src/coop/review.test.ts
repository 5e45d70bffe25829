import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CheckpointId } from '@icn/protocol'
import { cidOf, didOfKey, encodeCanonical } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { checkpointCuts } from '../space/tables.ts'
import { dayMs, House, person } from './fixture.ts'
import { checkCoop, coopHosts, electorate, invites as invitesTable, listReviews } from './index.ts'

/** Stewards Ada, Ben and Chen; the tests remove Ben. */
function house(): House {
  return new House({ founders: ['Ada', 'Ben', 'Chen'].map((name) => ({ name, roles: ['member', 'steward'] })) }).open()
}

const removeBen = (h: House, cut?: CheckpointId) =>
  h.together('coop.member.remove', ['Ada', 'Chen'], {
    did: person('Ben'),
    code: 'fraud',
    reason: 'took the till',
    ban: false,
    immediate: true,
    ...(cut === undefined ? {} : { cut_seen: cut }),
  })
const key = (n: number) => didOfKey(signingKeyFromSeed(new Uint8Array(32).fill(n)).publicKey)
const invite = (h: House, by: string, n = 200, uses = 1) => h.must('coop.invite.create', by, { key: key(n), roles: ['member'], uses, expires_at: h.at + 20 * dayMs })
const redeem = (h: House, ref: string, name: string, n = 200) =>
  h.do('coop.invite.redeem', name, { ref, statement: { did: person(name), key: key(n), signature: new Uint8Array(64) }, charter_hash: h.hash, name }).codes

const dora = { did: person('Dora'), code: 'fraud', reason: 'x', ban: false, immediate: true }
const fiveStewards = () => new House({ founders: ['Ada', 'Ben', 'Chen', 'Dora', 'Emil'].map((name) => ({ name, roles: ['member', 'steward'] })) }).open()
const remove = (h: House, by: readonly string[], more: object = {}) => assert.deepEqual(h.together('coop.member.remove', by, { ...dora, ...more }), [])
const suspend = (h: House, by: string) => void h.must('coop.member.suspend', by, { did: person('Dora'), code: 'conduct', reason: 'x', until_at: h.at + 5 * dayMs })
function wait(h: House, days: number): House {
  h.run.wait(days * dayMs)
  return h
}
/** Takes back whatever waits for a second look. */
function undo(h: House, by: string): void {
  for (const { op, state } of listReviews(h.tables)) if (state === 'open') h.must('coop.review.settle', by, { ref: op, verdict: 'undone' })
}

test('invitations of somebody removed wait for a second look, and live on when it says so', () => {
  const h = house()
  const ref = invite(h, 'Ben')
  assert.deepEqual(removeBen(h), [])
  assert.deepEqual(redeem(h, ref, 'Dora'), ['INVITE_NEEDS_REVIEW'])
  assert.deepEqual(h.do('coop.review.settle', 'Ben', { ref, verdict: 'confirmed' }).codes[0], 'NOT_A_MEMBER')
  h.must('coop.review.settle', 'Ada', { ref, verdict: 'confirmed' })
  assert.deepEqual(redeem(h, ref, 'Dora'), [])
  assert.deepEqual(h.do('coop.review.settle', 'Ada', { ref, verdict: 'undone' }).codes, ['REVIEW_CLOSED'])
  assert.deepEqual(checkCoop(h.tables), [])
})

test('five people invited just before are in the register and cannot vote', () => {
  const h = house()
  const ref = invite(h, 'Ben', 200, 5)
  for (const name of ['Eve 1', 'Eve 2', 'Eve 3']) assert.deepEqual(redeem(h, ref, name), [])
  assert.equal(electorate(h.tables, h.at).length, 6)
  assert.deepEqual(removeBen(h), [])
  assert.equal(electorate(h.tables, h.at).length, 2)
  assert.deepEqual(h.do('coop.member.sponsor', 'Eve 1', { did: person('Eve 9') }).codes.includes('SPONSOR_UNDER_REVIEW'), true)
  h.must('coop.review.settle', 'Ada', { ref, verdict: 'undone' })
  assert.equal(h.status('Eve 1'), 'applied')
  assert.deepEqual(redeem(h, ref, 'Eve 4'), ['INVITE_CANCELLED'])
  assert.deepEqual(checkCoop(h.tables), [])
})

test('what a checkpoint covered that the remover had seen is not looked at again', () => {
  const h = house()
  const before = invite(h, 'Ben', 201)
  const cut = cidOf(encodeCanonical('a checkpoint')) as CheckpointId
  assert.ok(removeBen(h, cut).includes('CUT_UNKNOWN'))
  h.tables.put(checkpointCuts, [cut], [h.at, 5])
  h.run.wait(1000)
  const after = invite(h, 'Ben', 202)
  assert.deepEqual(removeBen(h, cut), [])
  assert.deepEqual(
    listReviews(h.tables).map((row) => row.op),
    [after],
  )
  assert.deepEqual(redeem(h, before, 'Dora', 201), [])
})

test('admissions, offices and hosts given have no effect until they are confirmed', () => {
  const h = house()
  h.must('coop.member.apply', 'Dora', { charter_hash: h.hash, name: 'Dora' })
  const admission = h.must('coop.member.admit', 'Ben', { did: person('Dora'), roles: ['member'] })
  h.must('coop.member.apply', 'Emil', { charter_hash: h.hash, name: 'Emil' })
  h.must('coop.member.admit', 'Ada', { did: person('Emil'), roles: ['member'] })
  const roles = h.must('coop.member.roles', 'Ben', { did: person('Emil'), roles: ['member', 'facilitator'] })
  assert.deepEqual(h.together('coop.host.add', ['Ben', 'Ada'], { did: person('node two'), label: 'attic' }), [])
  h.must('coop.host.accept', 'node two', {})
  assert.equal(coopHosts(h.tables).length, 2)
  assert.deepEqual(removeBen(h), [])
  assert.equal(coopHosts(h.tables).length, 1)
  assert.equal(electorate(h.tables, h.at).length, 3)
  const host = listReviews(h.tables).find((row) => row.kind === 'host')
  assert.ok(host)
  h.must('coop.review.settle', 'Ada', { ref: admission, verdict: 'confirmed' })
  h.must('coop.review.settle', 'Ada', { ref: roles, verdict: 'undone' })
  h.must('coop.review.settle', 'Chen', { ref: host.op, verdict: 'confirmed' })
  assert.equal(coopHosts(h.tables).length, 2)
  assert.equal(electorate(h.tables, h.at).length, 4)
  assert.deepEqual(h.member('Emil')?.roles, ['member'])
  assert.deepEqual(checkCoop(h.tables), [])
})

test('a suspension by somebody removed stands until it is given back', () => {
  const h = house()
  h.join('Dora')
  const ref = h.must('coop.member.suspend', 'Ben', { did: person('Dora'), code: 'conduct', reason: 'x', until_at: h.at + 20 * dayMs })
  assert.deepEqual(removeBen(h), [])
  assert.equal(h.status('Dora'), 'suspended')
  assert.deepEqual(h.do('coop.review.settle', 'Dora', { ref, verdict: 'undone' }).codes.slice(0, 1), ['MEMBER_NOT_ACTIVE'])
  h.must('coop.review.settle', 'Chen', { ref, verdict: 'undone' })
  assert.equal(h.status('Dora'), 'active')
})

test('a removal by somebody removed can be given back, with its offices', () => {
  const h = new House({ founders: ['Ada', 'Ben', 'Chen', 'Dora'].map((name) => ({ name, roles: ['member', 'steward'] })) }).open()
  assert.deepEqual(h.together('coop.member.remove', ['Ben', 'Chen'], { did: person('Dora'), code: 'fraud', reason: 'x', ban: true, immediate: true }), [])
  assert.deepEqual(removeBen(h), [])
  const review = listReviews(h.tables).find((row) => row.kind === 'removal')
  assert.ok(review)
  h.must('coop.review.settle', 'Ada', { ref: review.op, verdict: 'undone' })
  assert.equal(h.status('Dora'), 'active')
  assert.deepEqual(h.member('Dora')?.roles, ['member', 'steward'])
  assert.deepEqual(checkCoop(h.tables), [])
})

/** Five stewards: Ben acts against Dora with Chen, others decide about her too, and then Ben is removed. */
const since: readonly [string, (h: House) => void, (h: House) => void, string][] = [
  ['a ban by two others', (h) => remove(h, ['Ben', 'Chen']), (h) => remove(h, ['Ada', 'Chen'], { ban: true }), 'banned'],
  ['another suspension', (h) => suspend(h, 'Ben'), (h) => suspend(wait(h, 6), 'Ada'), 'suspended'],
  ['a removal that is pending', (h) => suspend(h, 'Ben'), (h) => remove(h, ['Ada', 'Chen'], { code: 'conduct', immediate: false }), 'suspended'],
  ['a removal after she had come back', (h) => remove(h, ['Ben', 'Chen']), (h) => remove(h.join('Dora'), ['Ada', 'Chen']), 'removed'],
]
for (const [what, before, after, status] of since) {
  test(`what others have decided since stands: ${what}`, () => {
    const h = fiveStewards()
    before(h)
    after(h)
    assert.deepEqual(removeBen(h), [])
    undo(h, 'Ada')
    assert.equal(h.status('Dora'), status)
    assert.deepEqual(checkCoop(h.tables), [])
  })
}

test('a removal that time has ended is given back too, and who was only banned is free to apply', () => {
  const h = fiveStewards()
  remove(h, ['Ben', 'Chen'], { code: 'conduct', immediate: false })
  h.run.wait(60 * dayMs)
  h.must('coop.sweep', 'node one', { items: [{ kind: 'removal', ref: person('Dora') }] })
  h.must('coop.member.resign', 'Chen', {})
  assert.deepEqual(h.together('coop.member.remove', ['Ben', 'Ada'], { ...dora, did: person('Chen'), ban: true }), [])
  assert.deepEqual(h.together('coop.member.remove', ['Ada', 'Emil'], { ...dora, did: person('Ben') }), [])
  undo(h, 'Emil')
  assert.deepEqual([h.status('Dora'), h.member('Dora')?.roles, h.status('Chen')], ['active', ['member', 'steward'], 'removed'])
  assert.deepEqual(checkCoop(h.tables), [])
})

test('nobody becomes a member again who is a node by now', () => {
  const h = fiveStewards()
  remove(h, ['Ben', 'Chen'])
  assert.deepEqual(h.together('coop.host.add', ['Ada', 'Chen'], { did: person('Dora'), label: 'attic' }), [])
  assert.deepEqual(removeBen(h), [])
  const ref = listReviews(h.tables).find((row) => row.kind === 'removal')?.op
  assert.deepEqual(h.do('coop.review.settle', 'Ada', { ref, verdict: 'undone' }).codes, ['NODE_AS_MEMBER'])
  h.must('coop.review.settle', 'Ada', { ref, verdict: 'confirmed' })
  h.must('coop.host.accept', 'Dora', {})
  assert.deepEqual(checkCoop(h.tables), [])
})

test('the offices of those who decide the removal stay', () => {
  const h = new House({
    founders: [
      { name: 'Ada', roles: ['member', 'steward'] },
      { name: 'Ben', roles: ['member', 'steward'] },
      { name: 'Chen', roles: ['member'] },
    ],
  }).open()
  assert.deepEqual(h.together('coop.member.roles', ['Ben', 'Ada'], { did: person('Chen'), roles: ['member', 'steward'] }), [])
  assert.deepEqual(removeBen(h), [])
  assert.equal(listReviews(h.tables).length, 0)
  assert.equal(h.do('coop.settings.set', 'Chen', { changes: [{ field: 'description', value: 'x', base: null }] }).decision.outcome, 'lawful')
})

test('more than two hundred deeds wait as one', () => {
  const h = house()
  h.tables.checked = false
  for (let i = 0; i < 205; i++) h.must('coop.invite.create', 'Ben', { key: person(`key ${i}`), roles: ['member'], uses: 1, expires_at: h.at + 20 * dayMs })
  assert.deepEqual(removeBen(h), [])
  const rest = listReviews(h.tables).find((row) => row.kind === 'rest')
  assert.ok(rest)
  assert.equal(listReviews(h.tables).length, 201)
  const first = [...h.tables.scan(invitesTable)].find(([, row]) => row.key === person('key 0'))
  assert.ok(first)
  const use = () =>
    h.do('coop.invite.redeem', 'Dora', {
      ref: first[0][0],
      statement: { did: person('Dora'), key: person('key 0'), signature: new Uint8Array(64) },
      charter_hash: h.hash,
      name: 'Dora',
    }).codes
  assert.deepEqual(use(), ['INVITE_NEEDS_REVIEW'])
  h.must('coop.review.settle', 'Ada', { ref: rest.op, verdict: 'confirmed' })
  assert.deepEqual(use(), [])
})
