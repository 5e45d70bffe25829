import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dayMs, House, person } from './fixture.ts'
import { checkCoop, coopProfile, dueItems, entries, hasPower, localTime, monthOf, registerAsOf } from './index.ts'

const importId = new Uint8Array(16).fill(7)
const lines = (from: number, count: number, changes: object = {}) =>
  Array.from({ length: count }, (_, i) => ({ number: from + i, name: `Person ${from + i}`, joined_at: 1_000_000 + i, row: i + 1, ...changes }))

test('a batch of an import is applied once, and changes nobody’s status', () => {
  const h = new House().open()
  const body = { import_id: importId, batch: 0, entries: lines(10, 40, { shares: 3, capital: '1500' }) }
  const before = ['Ada', 'Ben', 'Chen'].map((name) => h.status(name))
  h.must('coop.entry.add', 'Chen', body)
  assert.equal(h.do('coop.entry.add', 'Chen', body).decision.outcome, 'already_done')
  assert.deepEqual(h.do('coop.entry.add', 'Chen', { import_id: importId, batch: 1, entries: lines(49, 2) }).codes, ['NUMBER_TAKEN'])
  assert.deepEqual(h.do('coop.entry.add', 'Chen', { import_id: importId, batch: 1, entries: [...lines(60, 1), ...lines(60, 1)] }).codes, ['NUMBER_TAKEN'])
  assert.deepEqual(h.do('coop.entry.add', 'Chen', { import_id: importId, batch: 1, entries: lines(60, 1, { class: 'king' }) }).codes, ['CLASS_UNKNOWN'])
  assert.deepEqual(
    ['Ada', 'Ben', 'Chen'].map((name) => h.status(name)),
    before,
  )
  assert.equal(registerAsOf(h.tables, h.at).length, 43)
  assert.deepEqual(checkCoop(h.tables), [])
})

test('who takes up an entry gets its number, dates and shares, and nobody else can', () => {
  const h = new House().open()
  h.must('coop.entry.add', 'Chen', { import_id: importId, batch: 0, entries: lines(10, 2, { shares: 3, capital: '1500', class: 'worker' }) })
  const key = person('a code')
  const ref = h.must('coop.invite.create', 'Ada', { key, roles: ['member'], entry: 10, uses: 5, expires_at: h.at + dayMs })
  assert.deepEqual(h.do('coop.invite.create', 'Ada', { key: person('other'), roles: ['member'], entry: 10, uses: 1, expires_at: h.at + dayMs }).codes, ['ENTRY_TAKEN'])
  assert.deepEqual(h.do('coop.invite.create', 'Ada', { key, roles: ['member'], uses: 1, expires_at: h.at + dayMs }).codes, ['INVITE_KEY_USED'])
  assert.deepEqual(h.do('coop.entry.remove', 'Chen', { number: 10, reason: 'typo' }).codes, ['ENTRY_TAKEN'])
  const redeem = (name: string, by = key) =>
    h.do('coop.invite.redeem', name, { ref, statement: { did: person(name), key: by, signature: new Uint8Array(64) }, charter_hash: h.hash, name }).codes
  assert.deepEqual(redeem('Dora', person('wrong')), ['INVITE_KEY'])
  assert.deepEqual(redeem('Dora'), [])
  assert.deepEqual([h.member('Dora')?.number, h.member('Dora')?.shares, h.member('Dora')?.class, h.member('Dora')?.joined_at], [10, 3, 'worker', 1_000_000])
  assert.deepEqual(redeem('Emil'), ['INVITE_USED_UP'])
  assert.equal(h.tables.get(entries, [10])?.did, person('Dora'))
  h.must('coop.entry.remove', 'Chen', { number: 11, reason: 'typo' })
  assert.deepEqual(h.do('coop.entry.remove', 'Chen', { number: 11, reason: 'typo' }).codes, ['ENTRY_UNKNOWN'])
  assert.deepEqual(h.do('coop.member.place', 'Chen', { did: person('Dora'), number: 11 }).codes, ['NUMBER_TAKEN'])
  assert.deepEqual(checkCoop(h.tables), [])
})

const inviteCases: readonly [string, (h: House) => Record<string, unknown>, string][] = [
  ['one that is over', (h) => ({ expires_at: h.at - 1 }), 'INVITE_TIMES_INVALID'],
  ['one longer than the charter allows', (h) => ({ expires_at: h.at + 31 * dayMs }), 'INVITE_TIMES_INVALID'],
  ['one that gives an office', () => ({ roles: ['member', 'steward'] }), 'ROLE_NEEDS_ACT'],
  ['one for an entry that is not there', () => ({ entry: 99 }), 'ENTRY_UNKNOWN'],
  ['one of an unknown class', () => ({ class: 'king' }), 'CLASS_UNKNOWN'],
]
for (const [name, changes, code] of inviteCases) {
  test(`no invitation: ${name}`, () => {
    const h = new House().open()
    assert.deepEqual(h.do('coop.invite.create', 'Ada', { key: person('code'), roles: ['member'], uses: 1, expires_at: h.at + dayMs, ...changes(h) }).codes, [code])
  })
}

test('the same invitation asked for twice is made once', () => {
  const h = new House().open()
  const body = { key: person('code'), roles: ['member'], uses: 1, expires_at: h.at + dayMs, client_key: new Uint8Array(16).fill(3) }
  h.must('coop.invite.create', 'Ada', body)
  assert.equal(h.do('coop.invite.create', 'Ada', body).decision.outcome, 'already_done')
  assert.deepEqual(h.do('coop.invite.create', 'Ada', { ...body, key: person('other code') }).codes, ['ID_REUSED'])
})

test('where two decide, an invitation makes an applicant with the inviter as sponsor', () => {
  const h = new House({ charter: (text) => ({ ...text, membership: { ...text.membership, admission: 'two', sponsors: 1 } }) }).open()
  const ref = h.must('coop.invite.create', 'Ada', { key: person('code'), roles: ['member'], uses: 1, expires_at: h.at + dayMs })
  h.must('coop.invite.redeem', 'Dora', { ref, statement: { did: person('Dora'), key: person('code'), signature: new Uint8Array(64) }, charter_hash: h.hash, name: 'Dora' })
  assert.equal(h.status('Dora'), 'applied')
  assert.deepEqual(h.member('Dora')?.sponsors, [person('Ada')])
  assert.deepEqual(h.together('coop.member.admit', ['Ada', 'Ben'], { did: person('Dora'), roles: ['member'] }), [])
  assert.equal(h.status('Dora'), 'active')
})

test('time brings what is due, once, and only by a host', () => {
  const h = new House({ charter: (text) => ({ ...text, membership: { ...text.membership, probation_days: 30, notice_days: 10 } }) }).open()
  h.join('Dora').join('Emil')
  h.must('coop.member.apply', 'Frida', { charter_hash: h.hash, name: 'Frida' })
  h.must('coop.member.admit', 'Ada', { did: person('Gus'), roles: ['member'], name: 'Gus' })
  h.must('coop.invite.create', 'Ada', { key: person('code'), roles: ['member'], uses: 1, expires_at: h.at + dayMs })
  h.must('coop.member.suspend', 'Ada', { did: person('Emil'), code: 'conduct', reason: 'x', until_at: h.at + 5 * dayMs })
  h.must('coop.member.resign', 'Ben', {})
  assert.deepEqual(dueItems(h.tables, h.at), [])
  h.run.wait(100 * dayMs)
  const items = dueItems(h.tables, h.at)
  assert.deepEqual(items.map((item) => item.kind).sort(), ['application', 'invite', 'invite', 'notice', 'probation', 'suspension'])
  assert.equal(h.do('coop.sweep', 'Ada', { items }).codes[0], 'NOT_A_HOST')
  h.must('coop.sweep', 'node one', { items })
  assert.equal(h.do('coop.sweep', 'node one', { items }).decision.outcome, 'already_done')
  assert.deepEqual(
    ['Dora', 'Frida', 'Gus', 'Ben'].map((name) => h.status(name)),
    ['active', 'declined', 'declined', 'resigned'],
  )
  assert.deepEqual(checkCoop(h.tables), [])
})

test('a steward whose term is over goes on as caretaker until another one is there', () => {
  const h = new House({
    founders: [
      { name: 'Ada', roles: ['member', 'steward'] },
      { name: 'Ben', roles: ['member'] },
      { name: 'Chen', roles: ['member', 'treasurer'] },
    ],
  }).open()
  h.run.wait(1000 * dayMs)
  assert.equal(hasPower(h.tables, person('Ada'), 'member.admit', h.at), true)
  assert.equal(
    dueItems(h.tables, h.at).some((item) => item.ref.startsWith('steward')),
    false,
  )

  assert.deepEqual(h.together('coop.member.roles', ['Ada', 'Chen'], { did: person('Ben'), roles: ['member', 'steward'] }), [])
  assert.equal(hasPower(h.tables, person('Ada'), 'member.admit', h.at), false)
  h.must('coop.sweep', 'node one', { items: dueItems(h.tables, h.at) })
  assert.deepEqual(h.member('Ada')?.roles, ['member'])
  assert.deepEqual(checkCoop(h.tables), [])
})

test('hosts are nodes, agree themselves, and one remains', () => {
  const h = new House().open()
  assert.ok(h.do('coop.host.add', 'Ada', { did: person('Ben'), label: 'x' }).codes.includes('NODE_AS_MEMBER'))
  assert.deepEqual(h.do('coop.host.accept', 'node two', {}).codes, ['HOST_NOT_INVITED'])
  assert.deepEqual(h.together('coop.host.remove', ['Ada', 'Ben'], { did: h.node, reason: 'x' }), ['LAST_HOST'])
  assert.deepEqual(h.together('coop.host.add', ['Ada', 'Ben'], { did: person('node two'), label: 'attic' }), [])
  assert.deepEqual(h.do('coop.member.apply', 'node two', { charter_hash: h.hash, name: 'Node' }).codes, ['NODE_AS_MEMBER'])
  h.must('coop.host.accept', 'node two', {})
  assert.equal(h.do('coop.host.accept', 'node two', {}).decision.outcome, 'already_done')
  assert.equal(coopProfile.standing(h.tables, person('node two')), 'node')
  h.must('coop.host.leave', 'node one', {})
  assert.deepEqual(h.do('coop.host.leave', 'node two', {}).codes, ['LAST_HOST'])
  assert.deepEqual(checkCoop(h.tables), [])
})

test('a host may add to the calendar and nobody may rewrite the past', () => {
  const h = new House().open()
  const zone = { time_zone: 'UTC' }
  h.must('coop.calendar.set', 'node one', {
    ...zone,
    offsets: [
      [0, 0],
      [h.at + dayMs, 60],
    ],
  })
  assert.equal(h.do('coop.calendar.set', 'node one', { ...zone, offsets: [[0, 0]] }).codes[0], 'NOT_A_MEMBER')
  assert.deepEqual(h.do('coop.calendar.set', 'Ada', { ...zone, offsets: [[0, 60]] }).codes, ['CALENDAR_REWRITES_PAST'])
  h.must('coop.calendar.set', 'Ada', {
    time_zone: 'Europe/Madrid',
    offsets: [
      [0, 0],
      [h.at + 2 * dayMs, 120],
    ],
  })
})

test('local time follows the calendar alone', () => {
  const row = {
    time_zone: 'x',
    offsets: [
      [0, 0],
      [1_700_000_000_000, 120],
    ] as const,
  }
  for (const at of [0, 951_782_400_000, 1_709_164_800_000, 1_790_000_000_000]) {
    const shifted = new Date(at + (at >= 1_700_000_000_000 ? 7_200_000 : 0))
    assert.deepEqual(localTime(row, at), {
      year: shifted.getUTCFullYear(),
      month: shifted.getUTCMonth() + 1,
      day: shifted.getUTCDate(),
      hour: shifted.getUTCHours(),
      minute: shifted.getUTCMinutes(),
      weekday: shifted.getUTCDay(),
    })
    assert.equal(monthOf(row, at), shifted.getUTCFullYear() * 12 + shifted.getUTCMonth())
  }
})
