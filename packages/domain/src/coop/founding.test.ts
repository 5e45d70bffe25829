import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CharterText } from '@icn/protocol'
import { charterHashOf } from '../charter/index.ts'
import { House, network, person } from './fixture.ts'
import { checkCoop, coopProfile, foundingState } from './index.ts'

const solo = [{ name: 'Ada', roles: ['member', 'steward'] }]

test('founds, signs and activates with three people', () => {
  const house = new House().found()
  assert.deepEqual(foundingState(house.tables, house.at), {
    founded: true,
    ratified: false,
    active: false,
    charter_hash: house.hash,
    need: 3,
    signed: 0,
    stuck: false,
    founders: foundingState(house.tables, house.at).founders,
  })
  house.sign('Ada', 'Ben', 'Chen')
  assert.equal(foundingState(house.tables, house.at).ratified, true)
  house.activate()
  assert.equal(house.status('Chen'), 'active')
  assert.equal(house.member('Chen')?.number, 3)
  assert.deepEqual(checkCoop(house.tables), [])
})

for (const count of [1, 2, 3]) {
  test(`${count} founders are enough`, () => {
    const founders = [...solo, { name: 'Ben', roles: ['member'] }, { name: 'Chen', roles: ['member'] }].slice(0, count)
    const house = new House({ founders })
      .found()
      .sign(...founders.map((founder) => founder.name))
      .activate()
    assert.deepEqual(checkCoop(house.tables), [])
  })
}

/** Bodies of coop.found that must be refused, in order of precedence, with the first code. */
const refused: readonly [string, string, (house: House) => Record<string, unknown>, string?][] = [
  ['another space', 'SPACE_MISMATCH', (h) => h.foundBody({ coop_id: 'bread' })],
  ['capitals in the id', 'COOP_ID_INVALID', (h) => h.foundBody({ coop_id: 'Food' })],
  ['a blank name', 'NAME_INVALID', (h) => h.foundBody({ name: '   ' })],
  ['a stranger as author', 'NOT_A_FOUNDER', (h) => h.foundBody(), 'Mallory'],
  ['a founder named twice', 'FOUNDERS_REPEATED', (h) => h.foundBody({ charter: { ...h.charter, founders: [...h.charter.founders, h.charter.founders[0]] } })],
  ['more signers than founders', 'MIN_FOUNDERS', (h) => h.foundBody({ charter: { ...h.charter, membership: { ...h.charter.membership, min_founders: 9 } } })],
  ['more members needed than founders', 'MIN_MEMBERS', (h) => h.foundBody({ charter: { ...h.charter, membership: { ...h.charter.membership, min_members: 9 } } })],
  ['no steward', 'STEWARD_MISSING', (h) => h.foundBody({ charter: { ...h.charter, founders: h.charter.founders.map((f) => ({ ...f, roles: ['member'] })) } })],
  ['the node as founder', 'NODE_AS_MEMBER', (h) => h.foundBody({ host: { did: person('Ben'), label: 'mine' } })],
  ['a mistake in the charter', 'CHARTER_INVALID', (h) => h.foundBody({ charter: { ...h.charter, colour: 'red' } })],
  ['a charter of another name', 'CHARTER_MISMATCH', (h) => h.foundBody({ charter: { ...h.charter, name: 'Feed' } })],
  ['a charter of another type', 'CHARTER_MISMATCH', (h) => h.foundBody({ type: 'worker' })],
  ['a unit that is none', 'UNIT_INVALID', (h) => h.foundBody({ charter: { ...h.charter, unit: { code: 'X', name: 'x', decimals: 2 } } })],
  ['a calendar that falls', 'CALENDAR_UNSORTED', (h) => h.foundBody({ calendar: { time_zone: 'UTC', offsets: [[5, 0]] } })],
  ['an offset of a day', 'CALENDAR_RANGE', (h) => h.foundBody({ calendar: { time_zone: 'UTC', offsets: [[0, 1440]] } })],
]
for (const [name, code, body, author] of refused) {
  test(`founding is refused for ${name}: ${code}`, () => {
    const house = new House()
    const result = house.do('coop.found', author ?? 'Ada', body(house))
    assert.ok(result.codes.includes(code), result.codes.join(' '))
    assert.equal(house.tables.dump(), '')
  })
}

test('a second founding of the same space changes nothing', () => {
  const house = new House().found()
  const before = house.tables.dump()
  assert.equal(house.do('coop.found', 'Ada', house.foundBody({ nonce: new Uint8Array(16).fill(1) })).codes[0], 'ALREADY_FOUNDED')
  assert.equal(house.tables.dump(), before)
})

test('a founder who has not signed stands invited, everybody else outside', () => {
  const house = new House().found().sign('Ada')
  assert.equal(coopProfile.standing(house.tables, person('Ben')), 'invited')
  assert.equal(coopProfile.standing(house.tables, person('Ada')), 'member')
  assert.equal(coopProfile.standing(house.tables, person('Mallory')), 'none')
  assert.equal(coopProfile.standing(house.tables, house.node), 'node')
})

test('signing needs a founder, the hash that stands, and the founder’s own root key', () => {
  const house = new House().found()
  const body = (name: string, hash = house.hash): unknown => ({ hash, statement: house.statement(person(name)) })
  assert.deepEqual(house.do('coop.charter.sign', 'Mallory', body('Mallory')).codes, ['NOT_A_FOUNDER'])
  assert.deepEqual(house.do('coop.charter.sign', 'Ben', body('Ben', network)).codes, ['CHARTER_CHANGED'])
  assert.deepEqual(house.do('coop.charter.sign', 'Ben', body('Ada')).codes, ['STATEMENT_KEY'])
  const half = (changes: object): unknown => ({ hash: house.hash, statement: { ...house.statement(person('Ben')), ...changes } })
  assert.deepEqual(house.do('coop.charter.sign', 'Ben', half({ key: person('Ada') })).codes, ['STATEMENT_KEY'])
  assert.deepEqual(house.do('coop.charter.sign', 'Ben', half({ did: person('Ada') })).codes, ['STATEMENT_KEY'])
  house.sign('Ben')
  const again = house.do('coop.charter.sign', 'Ben', body('Ben'))
  assert.equal(again.decision.outcome, 'already_done')
})

test('activation waits for signatures, names what is missing, and is done once', () => {
  const house = new House().found().sign('Ada', 'Ben')
  const early = house.do('coop.activate', 'Ada', { charter_hash: house.hash })
  assert.deepEqual(early.codes, ['CHARTER_NOT_RATIFIED', 'TOO_FEW_MEMBERS'])
  assert.deepEqual(early.decision.checks.find((check) => check.code === 'CHARTER_NOT_RATIFIED')?.params, { have: 2, need: 3 })
  assert.equal(house.do('coop.activate', 'Chen', { charter_hash: house.hash }).codes[0], 'NOT_A_FOUNDER')
  house.sign('Chen')
  assert.deepEqual(house.do('coop.activate', 'Ada', { charter_hash: network }).codes, ['CHARTER_CHANGED'])
  house.activate()
  assert.equal(house.do('coop.activate', 'Ben', { charter_hash: house.hash }).decision.outcome, 'already_done')
})

test('nobody steward among the signers: NO_STEWARD', () => {
  const house = new House({ charter: (text) => ({ ...text, membership: { ...text.membership, min_founders: 1, min_members: 1 }, appeals: { size: 1 } }) }).found().sign('Chen')
  assert.deepEqual(house.do('coop.activate', 'Chen', { charter_hash: house.hash }).codes, ['NO_STEWARD'])
})

test('founders who did not sign are invited at activation and come in by accepting', () => {
  const house = new House({ charter: (text) => ({ ...text, membership: { ...text.membership, min_founders: 2, min_members: 2 }, appeals: { size: 1 } }) })
    .found()
    .sign('Ada', 'Ben')
    .activate()
  assert.equal(house.status('Chen'), 'invited')
  house.must('coop.member.accept', 'Chen', { charter_hash: house.hash })
  assert.equal(house.status('Chen'), 'active')
  assert.equal(house.member('Chen')?.number, 3)
  assert.deepEqual(checkCoop(house.tables), [])
})

test('a new draft voids every signature, and says which text must be signed now', () => {
  const house = new House().found().sign('Ada', 'Ben')
  const next: CharterText = { ...house.charter, preamble: 'For good bread.' }
  assert.deepEqual(house.do('coop.charter.draft', 'Ben', { charter: next, base_hash: network }).codes, ['BASE_CHANGED'])
  assert.deepEqual(house.do('coop.charter.draft', 'Mallory', { charter: next, base_hash: house.hash }).codes[0], 'NOT_A_FOUNDER')
  house.must('coop.charter.draft', 'Ben', { charter: next, base_hash: house.hash })
  const state = foundingState(house.tables, house.at)
  assert.equal(state.signed, 0)
  assert.equal(state.charter_hash, charterHashOf(next))
  assert.equal(coopProfile.standing(house.tables, person('Ada')), 'invited')
  assert.equal(house.do('coop.charter.sign', 'Ada', { hash: house.hash, statement: house.statement(person('Ada')) }).codes[0], 'CHARTER_CHANGED')
  assert.deepEqual(checkCoop(house.tables), [])
})

test('giving up needs one while nobody else signed, two afterwards', () => {
  const alone = new House().found().sign('Ada')
  alone.must('coop.abandon', 'Ada', { reason: 'no cellar' })
  const house = new House().found().sign('Ada', 'Ben')
  assert.deepEqual(house.do('coop.abandon', 'Ada', { reason: 'no cellar' }).codes, ['NEEDS_SECOND'])
  assert.deepEqual(house.together('coop.abandon', ['Ada', 'Mallory'], { reason: 'no cellar' }).slice(0, 1), ['NOT_A_FOUNDER'])
  assert.deepEqual(house.together('coop.abandon', ['Ada', 'Ben'], { reason: 'no cellar' }), [])
  assert.equal(house.do('coop.charter.sign', 'Chen', { hash: house.hash, statement: house.statement(person('Chen')) }).codes[0], 'COOP_STATUS')
})

test('status moves only along its table', () => {
  const house = new House().open()
  assert.deepEqual(house.do('coop.resume', 'Ada', {}).codes[0], 'COOP_STATUS')
  assert.deepEqual(house.do('coop.suspend', 'Ada', { reason: 'flood' }).codes, ['NEEDS_SECOND'])
  assert.deepEqual(house.together('coop.suspend', ['Ada', 'Ben'], { reason: 'flood' }), [])
  assert.deepEqual(house.do('coop.member.apply', 'Dora', { charter_hash: house.hash, name: 'Dora' }).codes, ['COOP_STATUS'])
  assert.equal(house.do('coop.suspend', 'Ada', { reason: 'flood' }).codes[0], 'COOP_STATUS')
  assert.deepEqual(house.together('coop.resume', ['Ada', 'Ben'], {}), [])
  assert.equal(house.do('coop.abandon', 'Ada', { reason: 'x' }).codes[0], 'COOP_STATUS')
  assert.deepEqual(checkCoop(house.tables), [])
})

test('nothing can be done before the founding', () => {
  const house = new House()
  for (const [kind, body] of [
    ['coop.charter.sign', { hash: house.hash, statement: house.statement(person('Ada')) }],
    ['coop.activate', { charter_hash: house.hash }],
    ['coop.member.resign', {}],
  ] as const)
    assert.deepEqual(house.do(kind, 'Ada', body).codes, ['NOT_FOUNDED'])
})
