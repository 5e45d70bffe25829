import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MemberStatus } from '@icn/protocol'
import { dayMs, House, person } from './fixture.ts'
import { checkCoop, memberAsOf, memberLog, registerAsOf } from './index.ts'

const trial = new House().charter

/** A coop where admission takes a steward, with trial and notice when asked for. */
function house(membership: Partial<typeof trial.membership> = {}): House {
  return new House({ charter: (text) => ({ ...text, membership: { ...text.membership, ...membership } }) }).open()
}

/** Brings Dora into a status, from nothing. */
const reach: Record<MemberStatus | 'none', (h: House) => void> = {
  none: () => {},
  applied: (h) => void h.must('coop.member.apply', 'Dora', { charter_hash: h.hash, name: 'Dora' }),
  invited: (h) => void h.must('coop.member.admit', 'Ada', { did: person('Dora'), roles: ['member'], name: 'Dora' }),
  provisional: (h) => void h.join('Dora'),
  active: (h) => {
    h.join('Dora')
    h.must('coop.member.confirm', 'Ada', { did: person('Dora') })
  },
  suspended: (h) => {
    reach.active(h)
    h.must('coop.member.suspend', 'Ada', { did: person('Dora'), code: 'conduct', reason: 'shouting', until_at: h.at + 20 * dayMs })
  },
  resigned: (h) => {
    reach.active(h)
    h.must('coop.member.resign', 'Dora', {})
  },
  removed: (h) => {
    reach.active(h)
    assert.deepEqual(h.together('coop.member.remove', ['Ada', 'Ben'], remove(false)), [])
  },
  banned: (h) => {
    reach.active(h)
    assert.deepEqual(h.together('coop.member.remove', ['Ada', 'Ben'], remove(true)), [])
  },
  declined: (h) => {
    reach.applied(h)
    h.must('coop.member.decline', 'Ada', { did: person('Dora'), reason: 'full' })
  },
}

const remove = (ban: boolean, immediate = true) => ({ did: person('Dora'), code: 'fraud', reason: 'took the till', ban, immediate })
const dora = { did: person('Dora') }
const two = (kind: string, body: object) => (h: House) => h.together(kind, ['Ada', 'Ben'], body)
const one = (kind: string, name: string, body: object | ((h: House) => object)) => (h: House) => h.do(kind, name, typeof body === 'function' ? body(h) : body).codes

const kinds: Record<string, (h: House) => readonly string[]> = {
  apply: one('coop.member.apply', 'Dora', (h) => ({ charter_hash: h.hash, name: 'Dora' })),
  withdraw: one('coop.member.withdraw', 'Dora', {}),
  admit: one('coop.member.admit', 'Ada', { ...dora, roles: ['member'] }),
  accept: one('coop.member.accept', 'Dora', (h) => ({ charter_hash: h.hash })),
  decline: one('coop.member.decline', 'Ada', { ...dora, reason: 'full' }),
  confirm: one('coop.member.confirm', 'Ada', dora),
  suspend: one('coop.member.suspend', 'Ada', (h) => ({ ...dora, code: 'conduct', reason: 'shouting', until_at: h.at + 10 * dayMs })),
  reinstate: one('coop.member.reinstate', 'Ada', dora),
  resign: one('coop.member.resign', 'Dora', {}),
  remove: two('coop.member.remove', remove(false)),
  ban: two('coop.member.remove', remove(true)),
  unban: two('coop.member.unban', { ...dora, reason: 'sorry' }),
  stay: one('coop.member.stay', 'Dora', {}),
}

/** Section 3, cell by cell: what the change leads to, or the code that refuses it. */
const table: Record<MemberStatus | 'none', Record<keyof typeof kinds, string>> = {
  none: {
    apply: '→applied',
    withdraw: 'NOT_APPLIED',
    admit: '→invited',
    accept: 'NOT_INVITED',
    decline: 'NOT_APPLIED',
    confirm: 'NOT_PROVISIONAL',
    suspend: 'MEMBER_STATE',
    reinstate: 'NOT_SUSPENDED',
    resign: 'MEMBER_STATE',
    remove: 'MEMBER_STATE',
    ban: 'MEMBER_STATE',
    unban: 'NOT_BANNED',
    stay: 'NOT_LEAVING',
  },
  applied: {
    apply: 'ALREADY_APPLIED',
    withdraw: '→declined',
    admit: '→provisional',
    accept: 'NOT_INVITED',
    decline: '→declined',
    confirm: 'NOT_PROVISIONAL',
    suspend: 'MEMBER_STATE',
    reinstate: 'NOT_SUSPENDED',
    resign: 'MEMBER_STATE',
    remove: 'MEMBER_STATE',
    ban: 'MEMBER_STATE',
    unban: 'NOT_BANNED',
    stay: 'NOT_LEAVING',
  },
  invited: {
    apply: 'MEMBER_STATE',
    withdraw: '→declined',
    admit: 'ALREADY_INVITED',
    accept: '→provisional',
    decline: '→declined',
    confirm: 'NOT_PROVISIONAL',
    suspend: 'MEMBER_STATE',
    reinstate: 'NOT_SUSPENDED',
    resign: 'MEMBER_STATE',
    remove: 'MEMBER_STATE',
    ban: 'MEMBER_STATE',
    unban: 'NOT_BANNED',
    stay: 'NOT_LEAVING',
  },
  provisional: {
    apply: 'ALREADY_A_MEMBER',
    withdraw: 'NOT_APPLIED',
    admit: 'ALREADY_A_MEMBER',
    accept: 'ALREADY_A_MEMBER',
    decline: 'NOT_APPLIED',
    confirm: '→active',
    suspend: '→suspended',
    reinstate: 'NOT_SUSPENDED',
    resign: '→resigned',
    remove: '→removed',
    ban: '→banned',
    unban: 'NOT_BANNED',
    stay: 'NOT_LEAVING',
  },
  active: {
    apply: 'ALREADY_A_MEMBER',
    withdraw: 'NOT_APPLIED',
    admit: 'ALREADY_A_MEMBER',
    accept: 'ALREADY_A_MEMBER',
    decline: 'NOT_APPLIED',
    confirm: 'NOT_PROVISIONAL',
    suspend: '→suspended',
    reinstate: 'NOT_SUSPENDED',
    resign: '→resigned',
    remove: '→removed',
    ban: '→banned',
    unban: 'NOT_BANNED',
    stay: 'NOT_LEAVING',
  },
  suspended: {
    apply: 'ALREADY_A_MEMBER',
    withdraw: 'NOT_APPLIED',
    admit: 'ALREADY_A_MEMBER',
    accept: 'ALREADY_A_MEMBER',
    decline: 'NOT_APPLIED',
    confirm: 'NOT_PROVISIONAL',
    suspend: 'MEMBER_STATE',
    reinstate: '→active',
    resign: '→resigned',
    remove: '→removed',
    ban: '→banned',
    unban: 'NOT_BANNED',
    stay: 'NOT_LEAVING',
  },
  resigned: {
    apply: '→applied',
    withdraw: 'NOT_APPLIED',
    admit: '→invited',
    accept: 'NOT_INVITED',
    decline: 'NOT_APPLIED',
    confirm: 'NOT_PROVISIONAL',
    suspend: 'MEMBER_STATE',
    reinstate: 'NOT_SUSPENDED',
    resign: 'MEMBER_STATE',
    remove: 'MEMBER_STATE',
    ban: '→banned',
    unban: 'NOT_BANNED',
    stay: 'NOT_LEAVING',
  },
  removed: {
    apply: '→applied',
    withdraw: 'NOT_APPLIED',
    admit: '→invited',
    accept: 'NOT_INVITED',
    decline: 'NOT_APPLIED',
    confirm: 'NOT_PROVISIONAL',
    suspend: 'MEMBER_STATE',
    reinstate: 'NOT_SUSPENDED',
    resign: 'MEMBER_STATE',
    remove: 'MEMBER_STATE',
    ban: '→banned',
    unban: 'NOT_BANNED',
    stay: 'NOT_LEAVING',
  },
  banned: {
    apply: 'BANNED',
    withdraw: 'NOT_APPLIED',
    admit: 'BANNED',
    accept: 'BANNED',
    decline: 'NOT_APPLIED',
    confirm: 'NOT_PROVISIONAL',
    suspend: 'MEMBER_STATE',
    reinstate: 'NOT_SUSPENDED',
    resign: 'MEMBER_STATE',
    remove: 'MEMBER_STATE',
    ban: 'MEMBER_STATE',
    unban: '→removed',
    stay: 'NOT_LEAVING',
  },
  declined: {
    apply: 'COOLING_OFF',
    withdraw: 'NOT_APPLIED',
    admit: '→invited',
    accept: 'NOT_INVITED',
    decline: 'NOT_APPLIED',
    confirm: 'NOT_PROVISIONAL',
    suspend: 'MEMBER_STATE',
    reinstate: 'NOT_SUSPENDED',
    resign: 'MEMBER_STATE',
    remove: 'MEMBER_STATE',
    ban: '→banned',
    unban: 'NOT_BANNED',
    stay: 'NOT_LEAVING',
  },
}

for (const from of Object.keys(table) as (MemberStatus | 'none')[]) {
  test(`from ${from}: every change leads where the table says, or nowhere`, () => {
    for (const [kind, expected] of Object.entries(table[from])) {
      const h = house({ probation_days: 30 })
      reach[from](h)
      const before = h.tables.dump()
      const codes = (kinds[kind] as (typeof kinds)[string])(h)
      if (expected.startsWith('→')) {
        assert.deepEqual(codes, [], `${from} ${kind}`)
        assert.equal(h.status('Dora'), expected.slice(1), `${from} ${kind}`)
      } else {
        assert.ok(codes.includes(expected), `${from} ${kind}: ${codes.join(' ')}`)
        assert.equal(h.tables.dump(), before, `${from} ${kind}`)
      }
      assert.deepEqual(checkCoop(h.tables), [], `${from} ${kind}`)
    }
  })
}

test('an application to an open coop is an admission', () => {
  const h = house({ admission: 'open' })
  h.must('coop.member.apply', 'Dora', { charter_hash: h.hash, name: 'Dora' })
  assert.equal(h.status('Dora'), 'active')
})

test('what an applicant asks for is not given', () => {
  const h = house()
  h.must('coop.member.apply', 'Dora', { charter_hash: h.hash, name: 'Dora', asked: { class: 'worker', shares: 50 } })
  h.must('coop.member.admit', 'Ada', { did: person('Dora'), roles: ['member'] })
  assert.equal(h.member('Dora')?.class, 'consumer')
  assert.equal(h.member('Dora')?.shares, 0)
})

test('an applicant needs as many sponsors as the charter says, each of whom may sponsor ten', () => {
  const h = house({ sponsors: 1 })
  h.must('coop.member.apply', 'Dora', { charter_hash: h.hash, name: 'Dora' })
  assert.deepEqual(h.do('coop.member.admit', 'Ada', { did: person('Dora'), roles: ['member'] }).codes, ['SPONSORS_MISSING'])
  h.must('coop.member.sponsor', 'Chen', { did: person('Dora') })
  assert.equal(h.do('coop.member.sponsor', 'Chen', { did: person('Dora') }).decision.outcome, 'already_done')
  for (let i = 0; i < 9; i++) {
    h.must('coop.member.apply', `Eve ${i}`, { charter_hash: h.hash, name: `Eve ${i}` })
    h.must('coop.member.sponsor', 'Chen', { did: person(`Eve ${i}`) })
  }
  h.must('coop.member.apply', 'Frida', { charter_hash: h.hash, name: 'Frida' })
  assert.deepEqual(h.do('coop.member.sponsor', 'Chen', { did: person('Frida') }).codes, ['SPONSOR_LIMIT'])
  h.must('coop.member.admit', 'Ada', { did: person('Dora'), roles: ['member'] })
  assert.deepEqual(h.do('coop.member.sponsor', 'Chen', { did: person('Frida') }).codes, [], 'an application that is over no longer counts')
  assert.deepEqual(checkCoop(h.tables), [])
})

test('a plain member has no power of a steward, a stranger none at all', () => {
  const h = house().join('Dora').join('Emil')
  assert.deepEqual(h.do('coop.member.suspend', 'Dora', { did: person('Emil'), code: 'conduct', reason: 'x', until_at: h.at + dayMs }).codes, ['POWER_MISSING'])
  assert.deepEqual(h.do('coop.member.roles', 'Dora', { did: person('Emil'), roles: ['member', 'facilitator'] }).codes, ['POWER_MISSING'])
  assert.equal(h.do('coop.settings.set', 'Mallory', { changes: [{ field: 'description', value: 'x', base: null }] }).codes[0], 'NOT_A_MEMBER')
})

test('a suspended steward decides nothing', () => {
  const h = house()
  h.must('coop.member.suspend', 'Ada', { did: person('Ben'), code: 'conduct', reason: 'x', until_at: h.at + 5 * dayMs })
  assert.deepEqual(h.do('coop.member.admit', 'Ben', { did: person('Dora'), roles: ['member'] }).codes, ['MEMBER_NOT_ACTIVE', 'POWER_MISSING'])
  h.run.wait(6 * dayMs)
  assert.deepEqual(h.do('coop.member.admit', 'Ben', { did: person('Dora'), roles: ['member'] }).codes, [], 'the time is over, before any sweeper came')
})

test('the last steward can neither resign, be demoted, suspended nor removed', () => {
  const h = new House({
    founders: [
      { name: 'Ada', roles: ['member', 'steward'] },
      { name: 'Ben', roles: ['member'] },
      { name: 'Chen', roles: ['member', 'treasurer'] },
    ],
  }).open()
  assert.deepEqual(h.do('coop.member.resign', 'Ada', {}).codes, ['LAST_STEWARD'])
  assert.deepEqual(h.do('coop.member.roles', 'Ada', { did: person('Ada'), roles: ['member'] }).codes, ['LAST_STEWARD'])
  const twoStewards = new House().open()
  twoStewards.must('coop.member.resign', 'Ben', {})
  assert.deepEqual(twoStewards.do('coop.member.resign', 'Ada', {}).codes, ['LAST_STEWARD'], 'the second of two')
  const other = new House().open()
  other.must('coop.member.suspend', 'Ada', { did: person('Ben'), code: 'conduct', reason: 'x', until_at: other.at + 5 * dayMs })
  assert.deepEqual(other.do('coop.member.resign', 'Ada', {}).codes, ['LAST_STEWARD'], 'the other one is suspended')
})

test('who is leaving is not counted on', () => {
  const h = house({ notice_days: 30 })
  h.must('coop.member.resign', 'Ben', {})
  assert.equal(h.status('Ben'), 'active')
  assert.equal(h.do('coop.member.resign', 'Ben', {}).decision.outcome, 'already_done')
  assert.deepEqual(h.do('coop.member.resign', 'Ada', {}).codes, ['LAST_STEWARD'])
  h.must('coop.member.stay', 'Ben', {})
  h.must('coop.member.resign', 'Ada', {})
})

test('laying down an office needs nobody, giving steward needs a second person', () => {
  const h = house().join('Dora')
  h.must('coop.member.roles', 'Ben', { did: person('Ben'), roles: ['member'] })
  h.must('coop.member.roles', 'Chen', { did: person('Chen'), roles: ['member'] })
  assert.deepEqual(h.do('coop.member.roles', 'Ada', { did: person('Dora'), roles: ['member', 'steward'] }).codes, ['NEEDS_SECOND'])
  h.must('coop.member.roles', 'Ada', { did: person('Dora'), roles: ['member', 'facilitator'] })
  assert.deepEqual(h.do('coop.member.roles', 'Ada', { did: person('Ada'), roles: ['member', 'steward', 'treasurer'] }).codes, ['NEEDS_SECOND', 'OWN_CASE'])
})

const roleCases: readonly [string, Record<string, unknown>, string][] = [
  ['an observer with an office', { roles: ['observer', 'facilitator'] }, 'ROLES_INVALID'],
  ['an office without membership', { roles: ['facilitator'] }, 'ROLES_INVALID'],
  ['a role twice', { roles: ['member', 'member'] }, 'ROLES_INVALID'],
  ['an office that is none', { roles: ['member', 'king'] }, 'OFFICE_UNKNOWN'],
  ['a term beyond the charter', { roles: ['member', 'facilitator'], until_at: 1_800_000_000_000 + 900 * dayMs }, 'TERM_INVALID'],
  ['a term in the past', { roles: ['member', 'facilitator'], until_at: 5 }, 'TERM_INVALID'],
]
for (const [name, body, code] of roleCases) {
  test(`roles are refused for ${name}`, () => {
    const h = house().join('Dora')
    assert.ok(h.do('coop.member.roles', 'Ada', { did: person('Dora'), ...body }).codes.includes(code))
  })
}

test('an office has no more holders than the charter allows', () => {
  const h = new House({ charter: (text) => ({ ...text, offices: { ...text.offices, others: [{ id: 'facilitator', name: 'F', term_days: 10, max: 1 }] } }) })
    .open()
    .join('Dora')
    .join('Emil')
  h.must('coop.member.roles', 'Ada', { did: person('Dora'), roles: ['member', 'facilitator'] })
  assert.deepEqual(h.do('coop.member.roles', 'Ada', { did: person('Emil'), roles: ['member', 'facilitator'] }).codes, ['OFFICE_FULL'])
})

test('a removal that is stayed suspends until the time for an appeal is over', () => {
  const h = house().join('Dora')
  assert.deepEqual(h.together('coop.member.remove', ['Ada', 'Ben'], { ...remove(true, false), code: 'conduct' }), [])
  assert.equal(h.status('Dora'), 'suspended')
  assert.deepEqual(h.do('coop.member.reinstate', 'Ada', dora).codes, ['REMOVAL_PENDING'])
  assert.deepEqual(h.together('coop.member.remove', ['Ada', 'Ben'], { ...remove(true, false), code: 'conduct' }), ['REMOVAL_PENDING'])
  const sweep = { items: [{ kind: 'removal', ref: person('Dora') }] }
  assert.equal(h.do('coop.sweep', 'node one', sweep).decision.outcome, 'already_done', 'not yet')
  h.run.wait(31 * dayMs)
  assert.equal(h.status('Dora'), 'suspended')
  h.must('coop.sweep', 'node one', sweep)
  assert.equal(h.status('Dora'), 'banned')
  assert.deepEqual(checkCoop(h.tables), [])
})

test('only fraud, violence and death remove at once', () => {
  const h = house().join('Dora')
  assert.deepEqual(h.together('coop.member.remove', ['Ada', 'Ben'], { ...remove(false), code: 'absence' }), ['IMMEDIATE_NOT_ALLOWED'])
})

test('ban, suspend, reinstate is no way back', () => {
  const h = house()
  reach.banned(house({ probation_days: 30 }))
  h.join('Dora')
  assert.deepEqual(h.together('coop.member.remove', ['Ada', 'Ben'], remove(true)), [])
  assert.ok(kinds['suspend']?.(h).includes('MEMBER_STATE'))
  assert.ok(kinds['reinstate']?.(h).includes('NOT_SUSPENDED'))
  assert.equal(h.status('Dora'), 'banned')
})

test('personhood is asked for where the charter asks for it', () => {
  const attester = person('Nora')
  const h = house({ required_level: 'strong', attesters: [attester] })
  const attest = (changes: object = {}) => ({
    did: attester,
    key: attester,
    signature: new Uint8Array(64),
    subject: person('Dora'),
    level: 'strong',
    method: 'video_call',
    issued_at: 1,
    expires_at: h.at + dayMs,
    ...changes,
  })
  const apply = (list?: object[]) => h.do('coop.member.apply', 'Dora', { charter_hash: h.hash, name: 'Dora', ...(list === undefined ? {} : { personhood: list }) }).codes
  assert.deepEqual(apply(), ['PERSONHOOD_REQUIRED'])
  assert.deepEqual(apply([attest({ level: 'weak' })]), ['PERSONHOOD_REQUIRED'])
  assert.deepEqual(apply([attest({ subject: person('Emil') })]), ['PERSONHOOD_REQUIRED'])
  assert.deepEqual(apply([attest({ did: person('Otto'), key: person('Otto') })]), ['PERSONHOOD_ATTESTER'])
  assert.deepEqual(apply([attest({ key: person('Otto') })]), ['PERSONHOOD_REQUIRED'], 'by another key than the attester’s')
  assert.deepEqual(apply([attest({ expires_at: 5 })]), ['PERSONHOOD_EXPIRED'])
  assert.deepEqual(apply([attest()]), [])
})

test('a member is told who changed the own row, and the register of any day can be shown', () => {
  const h = house()
  const before = h.at
  h.join('Dora')
  const joined = h.at
  h.run.wait(10 * dayMs)
  h.must('coop.member.place', 'Chen', { did: person('Dora'), class: 'worker', number: 77 })
  const log = memberLog(h.tables, person('Dora'))
  assert.equal(log[0]?.by, person('Chen'))
  assert.deepEqual(
    log[0]?.changes.map((change) => [change.field, change.before, change.after]),
    [
      ['class', 'consumer', 'worker'],
      ['number', 4, 77],
    ],
  )
  assert.equal(memberAsOf(h.tables, person('Dora'), before), undefined)
  assert.equal(memberAsOf(h.tables, person('Dora'), joined)?.number, 4)
  assert.deepEqual(
    registerAsOf(h.tables, h.at).map((line) => [line.number, line.name]),
    [
      [1, 'Ada'],
      [2, 'Ben'],
      [3, 'Chen'],
      [77, 'Dora'],
    ],
  )
  assert.deepEqual(h.do('coop.member.place', 'Chen', { did: person('Ada'), number: 4 }).codes, ['NUMBER_TAKEN'], 'a number once given is never given again')
})
