import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dayMs, key, ToySpace } from './fixture.ts'
import { actById, actsOf, checkIdentity, dueIdentity } from './index.ts'

const propose = (name: string, sum = 1, more: object = {}, kind = 'toy.pair'): object => ({ kind, body: { name, sum, ...more } })

test('needs as many different persons as the rule says, then takes effect in the last one’s operation', () => {
  const space = new ToySpace()
  const act = space.must('act.propose', 'Ada', propose('well', 5, {}, 'toy.trio'))
  space.must('act.confirm', 'Ben', { ref: act })
  assert.equal(space.pairOf('well'), undefined)
  const done = space.must('act.confirm', 'Chen', { ref: act })
  assert.deepEqual(space.pairOf('well'), { persons: [key('Ada'), key('Ben'), key('Chen')], sum: 5 })
  assert.equal(actById(space.tables, act)?.row.done_op, done)
  assert.deepEqual(checkIdentity(space.tables), [])
})

test('takes effect at once where one person is enough', () => {
  const space = new ToySpace()
  const act = space.must('act.propose', 'Ada', propose('gate', 2, {}, 'toy.solo'))
  assert.deepEqual(space.pairOf('gate'), { persons: [key('Ada')], sum: 2 })
  assert.equal(actById(space.tables, act)?.row.state, 'done')
})

test('refuses a proposal for every reason, in order', () => {
  const space = new ToySpace()
  const node = space.allow('Ada', 'node', 'node')
  space.must('act.propose', 'Ada', propose('well'))
  const cases: readonly (readonly [string, string, object, object, readonly string[]])[] = [
    ['an unknown kind', 'Ada', { kind: 'toy.none', body: {} }, {}, ['ACT_UNKNOWN']],
    ['a body that does not fit', 'Ada', { kind: 'toy.pair', body: { name: 'x' } }, {}, ['ACT_BODY_INVALID']],
    ['a stranger', 'Stranger', propose('pump'), {}, ['NOT_A_MEMBER']],
    ['a vote', 'Ada', propose('pump', 1, {}, 'toy.vote'), {}, ['ACT_NEEDS_VOTE']],
    ['a node where a device must', 'Ada', propose('pump', 1, {}, 'toy.trio'), { signer: 'node', grant: node }, ['DEVICE_KEY_REQUIRED']],
    ['about oneself', 'Ada', propose('pump', 1, { about: key('Ada') }), {}, ['ACT_SAME_PERSON']],
    ['the act’s own no', 'Ada', propose('pump', 100, {}).valueOf(), {}, []],
    ['the same again', 'Ben', propose('well'), {}, ['ACT_REPEATED']],
    ['several at once', 'Stranger', propose('well', 1, { about: key('Stranger') }, 'toy.vote'), {}, ['NOT_A_MEMBER', 'ACT_NEEDS_VOTE', 'ACT_SAME_PERSON']],
  ]
  for (const [what, author, body, by, codes] of cases) assert.deepEqual(space.run('act.propose', author, body, by).codes, codes, what)
})

test('a proposer has 20 open acts at most', () => {
  const space = new ToySpace()
  for (let i = 0; i < 20; i++) space.must('act.propose', 'Ada', propose(`act ${i}`))
  assert.deepEqual(space.run('act.propose', 'Ada', propose('one more')).codes, ['ACTS_TOO_MANY'])
  assert.deepEqual(space.run('act.propose', 'Ben', propose('one more')).codes, [])
})

test('a space has 500 open acts at most', () => {
  const names = Array.from({ length: 26 }, (_, i) => `member ${i}`)
  const space = new ToySpace(Object.fromEntries(names.map((name) => [name, 'member'])))
  for (let i = 0; i < 500; i++) space.must('act.propose', names[i % 25] as string, propose(`act ${i}`))
  assert.deepEqual(space.run('act.propose', 'member 25', propose('one more')).codes, ['ACTS_TOO_MANY'])
})

test('the stricter rule holds when it has changed since the proposal', () => {
  const space = new ToySpace()
  const more = space.must('act.propose', 'Ada', propose('well'))
  const fewer = space.must('act.propose', 'Ada', propose('gate', 1, {}, 'toy.trio'))
  space.setNeed('toy.pair', 3)
  space.setNeed('toy.trio', 2)
  for (const ref of [more, fewer]) {
    space.must('act.confirm', 'Ben', { ref })
    assert.equal(actById(space.tables, ref)?.row.state, 'open')
  }
  space.setNeed('toy.pair', 0)
  assert.deepEqual(space.run('act.confirm', 'Chen', { ref: more }).codes, ['ACT_NEEDS_VOTE'])
  space.must('act.confirm', 'Chen', { ref: fewer })
  assert.deepEqual(space.pairOf('gate')?.persons, [key('Ada'), key('Ben'), key('Chen')])
})

test('a second person is another one, not the subject, by a device of their own, and still somebody who may', () => {
  const space = new ToySpace()
  const node = space.allow('Ben', 'node', 'node')
  const act = space.must('act.propose', 'Ada', propose('well', 1, { about: key('Chen') }))
  assert.deepEqual(space.run('act.confirm', 'Ben', { ref: space.genesis }).codes, ['ACT_UNKNOWN'])
  assert.deepEqual(space.run('act.confirm', 'Ada', { ref: act }).codes, ['ACT_SAME_PERSON'])
  assert.deepEqual(space.run('act.confirm', 'Chen', { ref: act }).codes, ['ACT_SAME_PERSON'])
  assert.deepEqual(space.run('act.confirm', 'Stranger', { ref: act }).codes, ['NOT_A_MEMBER'])
  assert.deepEqual(space.run('act.confirm', 'Ben', { ref: act }, { signer: 'node', grant: node }).codes, ['DEVICE_KEY_REQUIRED'])
  space.setStanding('Ben', 'ended')
  assert.deepEqual(space.run('act.confirm', 'Ben', { ref: act }).codes, ['NOT_A_MEMBER'])
  space.setStanding('Ben', 'member')
  space.setStanding('Ada', 'ended')
  assert.deepEqual(space.run('act.confirm', 'Ben', { ref: act }).codes, ['NOT_A_MEMBER'], 'the proposer has left meanwhile')
  space.setStanding('Ada', 'member')
  assert.deepEqual(space.run('act.confirm', 'Ben', { ref: act }).codes, [])
  assert.deepEqual(space.run('act.confirm', 'Ben', { ref: act }).codes, ['ACT_CLOSED'])
})

test('an act that no longer holds is refused, stays open and can be withdrawn', () => {
  const space = new ToySpace()
  const act = space.must('act.propose', 'Ada', propose('well', 60))
  space.must('act.propose', 'Chen', propose('well', 50, {}, 'toy.solo'))
  assert.deepEqual(space.run('act.confirm', 'Ben', { ref: act }).codes, ['MEMBERS_FULL'])
  assert.equal(actById(space.tables, act)?.row.state, 'open')
  assert.deepEqual(space.run('act.withdraw', 'Stranger', { ref: act }).codes, ['NOT_A_MEMBER'])
  space.must('act.withdraw', 'Chen', { ref: act })
  assert.deepEqual(space.run('act.withdraw', 'Ada', { ref: act }).codes, ['ACT_CLOSED'])
  assert.deepEqual(checkIdentity(space.tables), [])
})

test('runs out after 14 days, also before anybody sweeps, and two sweepers do it once', () => {
  const space = new ToySpace()
  const act = space.must('act.propose', 'Ada', propose('well'))
  assert.deepEqual(space.run('identity.sweep', 'node', { items: [{ kind: 'act_expires', ref: act }] }).decision.outcome, 'already_done')
  const end = space.now + 14 * dayMs - 1
  assert.equal(actById(space.tables, act)?.row.expires_at, end)
  assert.deepEqual(space.run('act.confirm', 'Ben', { ref: act }, { at: end }).codes, ['ACT_CLOSED'])
  space.wait(14 * dayMs)
  const again = space.must('act.propose', 'Ben', propose('well'))
  assert.deepEqual(checkIdentity(space.tables), [])
  const items = dueIdentity(space.tables, space.now, 100)
  assert.deepEqual(items, [{ kind: 'act_expires', ref: act }])
  assert.deepEqual(space.run('identity.sweep', 'Ada', { items }).codes, ['NOT_A_HOST'])
  space.must('identity.sweep', 'node', { items })
  assert.deepEqual(space.run('identity.sweep', 'node', { items }).codes, ['SWEEP_DONE'])
  assert.deepEqual(
    actsOf(space.tables, { state: 'open', limit: 10 }, space.now).map(({ id }) => id),
    [again],
  )
  assert.deepEqual(checkIdentity(space.tables), [])
})

test('adopting rules is an act like another', () => {
  const space = new ToySpace()
  const body = { rules: '0-next', from: space.now + dayMs }
  assert.deepEqual(space.run('space.adopt', 'Ada', body).codes, ['NEEDS_SECOND'])
  const act = space.must('act.propose', 'Ada', { kind: 'space.adopt', body })
  space.must('act.confirm', 'Ben', { ref: act })
  assert.deepEqual(space.run('act.propose', 'Ada', { kind: 'space.adopt', body }).decision.outcome, 'already_done')
  assert.deepEqual(space.run('act.propose', 'Ada', { kind: 'space.adopt', body: { rules: '0-other', from: 1 } }).codes, ['ADOPT_PENDING', 'ADOPT_IN_PAST'])
})
