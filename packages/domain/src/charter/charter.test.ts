import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CharterDocument, CharterText, Did, OperationId } from '@icn/protocol'
import { cidOf, didOfKey, encodeCanonical } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { charterHashOf, charterTemplates, decidesOf, fillTemplate, lint, readCharter, rulesOf, templateForType, templateIds } from './index.ts'

const did = (seed: number): Did => didOfKey(signingKeyFromSeed(new Uint8Array(32).fill(seed)).publicKey)
const network = cidOf(encodeCanonical('network')) as OperationId
const people = [1, 2, 3].map((seed) => ({ did: did(seed), name: `Person ${seed}`, roles: seed < 3 ? ['member', 'steward'] : ['member', 'treasurer'] }))

function filled(id: (typeof templateIds)[number] = 'consumer', count = 3): CharterText {
  return fillTemplate(id, { network, coop_id: 'food', name: 'Food', type: charterTemplates[id].types[0] ?? 'consumer', founders: people.slice(0, count) }).charter
}

type Loose = Record<string, any>
function changed(change: (charter: Loose) => void): CharterDocument {
  const charter = structuredClone(filled()) as Loose
  change(charter)
  return charter
}
const codesOf = (document: CharterDocument): string[] => lint(document).map((finding) => `${finding.severity} ${finding.code} ${finding.pointer}`)

for (const id of templateIds) {
  test(`the template ${id} with three founders has no mistake`, () => {
    assert.deepEqual(
      codesOf(filled(id)).filter((line) => line.startsWith('error')),
      [],
    )
  })
  for (const count of [1, 2]) {
    test(`the template ${id} serves ${count} founders too`, () => {
      assert.deepEqual(
        codesOf(filled(id, count)).filter((line) => line.startsWith('error')),
        [],
      )
    })
  }
}

test('every type of coop has a template', () => {
  for (const type of ['worker', 'producer', 'consumer', 'credit', 'housing', 'platform', 'multi_stakeholder', 'community', 'federation'] as const)
    assert.ok(charterTemplates[templateForType(type)].types.includes(type))
})

test('fewer founders lower the number who must sign, and it is said', () => {
  const { charter, lowered } = fillTemplate('consumer', { network, coop_id: 'food', name: 'Food', type: 'consumer', founders: people.slice(0, 2) })
  assert.equal(charter.membership.min_founders, 2)
  assert.equal(lowered, true)
})

test('the hash is over the text as written, and the same for equal texts', () => {
  const charter = filled()
  const reordered = Object.fromEntries(Object.entries(charter).reverse())
  assert.equal(charterHashOf(reordered), charterHashOf(charter))
  assert.notEqual(charterHashOf({ ...charter, preamble: '' }), charterHashOf(charter), 'a default that is written out is another text')
  assert.deepEqual(readCharter({ ...charter, preamble: '' }), readCharter(charter), 'but reads the same')
})

test('rules carry every default, and a kind without a row is decided as shipped', () => {
  const charter = filled()
  const parsed = readCharter(charter)
  assert.ok(parsed)
  const rules = rulesOf(charter, parsed)
  assert.equal(rules.powers['member.admit'][0], 'steward')
  assert.equal(decidesOf(rules, 'coop.member.remove'), 'two')
  assert.equal(decidesOf(rules, 'coop.member.confirm'), 'one')
  assert.equal(decidesOf({ decides: { 'coop.member.remove': 'vote' } }, 'coop.member.remove'), 'vote')
})

const errors: readonly [string, (charter: Loose) => void, string][] = [
  ['an unknown field', (c) => (c['colour'] = 'red'), 'error CHARTER_FIELD_UNKNOWN /colour'],
  ['an unknown field further in', (c) => (c['membership'].fee = 5), 'error CHARTER_FIELD_UNKNOWN /membership/fee'],
  ['a missing field', (c) => delete c['unit'], 'error CHARTER_FIELD_INVALID /unit'],
  ['a number out of bounds', (c) => (c['membership'].probation_days = 731), 'error CHARTER_OUT_OF_BOUNDS /membership/probation_days'],
  ['more signers needed than founders named', (c) => (c['membership'].min_founders = 4), 'error CHARTER_MIN_FOUNDERS /membership/min_founders'],
  ['no member needed', (c) => (c['membership'].min_members = 0), 'error CHARTER_MIN_MEMBERS /membership/min_members'],
  ['a least number of members above the greatest', (c) => (c['membership'].members_max = 2), 'error CHARTER_MIN_MEMBERS /membership/min_members'],
  ['no steward among the founders', (c) => c['founders'].forEach((f: Loose) => (f['roles'] = ['member'])), 'error CHARTER_NO_STEWARD /founders'],
  ['a removal by one', (c) => (c['decides'] = { 'coop.member.remove': 'one' }), 'error CHARTER_BELOW_FLOOR /decides/coop.member.remove'],
  ['a dissolution by two', (c) => (c['decides'] = { 'coop.dissolve.start': 'two' }), 'error CHARTER_BELOW_FLOOR /decides/coop.dissolve.start'],
  ['admission held by nobody', (c) => (c['powers'] = { 'member.admit': [] }), 'error CHARTER_POWER_UNHELD /powers/member.admit'],
  ['a power of an unknown role', (c) => (c['powers'] = { 'policy.set': ['king'] }), 'error CHARTER_ROLE_UNKNOWN /powers/policy.set/0'],
  ['a founder of an unknown office', (c) => (c['founders'][2].roles = ['member', 'king']), 'error CHARTER_ROLE_UNKNOWN /founders/2/roles'],
  ['a level without attesters', (c) => (c['membership'].required_level = 'strong'), 'error CHARTER_NO_ATTESTERS /membership/attesters'],
  ['no class with votes', (c) => c['membership'].classes.forEach((row: Loose) => (row['votes'] = false)), 'error CHARTER_NO_VOTES /membership/classes'],
  ['a quorum of zero', (c) => (c['decisions'].quorum.num = 0), 'error CHARTER_ZERO_FRACTION /decisions/quorum'],
  ['an approval above the whole', (c) => (c['decisions'].approval = { num: 1, den: 1, strict: true }), 'error CHARTER_ZERO_FRACTION /decisions/approval'],
  ['a panel larger than the coop', (c) => (c['appeals'] = { size: 5 }), 'error CHARTER_PANEL /appeals/size'],
  ['an office that needs more than it may have', (c) => (c['offices'].steward = { min: 3, max: 2, term_days: 0 }), 'error CHARTER_OFFICE_BOUNDS /offices/steward'],
  ['a dissolution without a choice', (c) => (c['dissolution'] = { capital: [] }), 'error CHARTER_NO_DISSOLUTION /dissolution/capital'],
  ['two classes of one id', (c) => (c['membership'].classes[1].id = 'consumer'), 'error CHARTER_DUPLICATE /membership/classes/1'],
  ['one founder twice', (c) => (c['founders'][1].did = c['founders'][0].did), 'error CHARTER_DUPLICATE /founders/1'],
  ['an own office called steward', (c) => (c['offices'].others = [{ id: 'steward', name: 'S' }]), 'error CHARTER_DUPLICATE /offices/others/0'],
  ['a placeholder instead of a person', (c) => (c['founders'][1].did = 'did:icn:ben'), 'error CHARTER_PLACEHOLDER /founders/1/did'],
  ['a unit that is not one', (c) => (c['unit'].code = '1x'), 'error CHARTER_FIELD_INVALID /unit/code'],
]
for (const [name, change, expected] of errors) {
  test(`the lint finds ${name}`, () => {
    assert.ok(codesOf(changed(change)).includes(expected), codesOf(changed(change)).join('\n'))
  })
}

const warnings: readonly [string, (charter: Loose) => void, string][] = [
  ['fewer than three founders', (c) => c['founders'].pop() && (c['membership'].min_founders = 2), 'warning CHARTER_FEW_FOUNDERS /founders'],
  ['one steward only', (c) => (c['founders'][1].roles = ['member']), 'warning CHARTER_ONE_STEWARD /founders'],
  ['a credit limit of zero', (c) => (c['money'].credit_limit_default = 0), 'warning CHARTER_NO_CREDIT /money/credit_limit_default'],
  ['no stays', (c) => (c['appeals'] = { stays: [] }), 'warning CHARTER_NO_STAYS /appeals/stays'],
  ['a trial of more than a year', (c) => (c['membership'].probation_days = 366), 'warning CHARTER_LONG_PROBATION /membership/probation_days'],
]
for (const [name, change, expected] of warnings) {
  test(`the lint warns of ${name}, and only warns`, () => {
    const codes = codesOf(changed(change))
    assert.ok(codes.includes(expected), codes.join('\n'))
    assert.equal(
      codes.some((code) => code.startsWith('error')),
      false,
      codes.join('\n'),
    )
  })
}

test('the lint says something of anything', () => {
  for (const document of [{}, { v: 1 }, { founders: 3 }, { founders: [null], membership: 'x' }] as CharterDocument[]) assert.ok(lint(document).length > 0)
})
