import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dayMs, key, ToySpace } from './fixture.ts'

const note = { text: 'hello' }

test('lets the root sign everything, a device all but root-only kinds, a node neither those nor device kinds', () => {
  const space = new ToySpace()
  const phone = space.allow('Ada', 'phone', 'device')
  const node = space.allow('Ada', 'node', 'node')
  const cases = [
    ['toy.root', {}, []],
    ['toy.root', { signer: 'phone', grant: phone }, ['ROOT_KEY_REQUIRED']],
    ['toy.root', { signer: 'node', grant: node }, ['ROOT_KEY_REQUIRED']],
    ['toy.device', { signer: 'phone', grant: phone }, []],
    ['toy.device', { signer: 'node', grant: node }, ['DEVICE_KEY_REQUIRED']],
    ['toy.note', { signer: 'phone', grant: phone }, []],
    ['toy.note', { signer: 'node', grant: node }, []],
  ] as const
  for (const [kind, by, codes] of cases) assert.deepEqual(space.run(kind, 'Ada', note, by).codes, codes, `${kind} ${JSON.stringify(by)}`)
})

test('names every trouble of a grant, in order of precedence', () => {
  const space = new ToySpace()
  const grant = space.allow('Ada', 'node', 'node', { scopes: ['toy.other'] })
  space.must('identity.revoke', 'Ada', { grant, reason: 'lost' })
  space.setStanding('node', 'none')
  space.wait(dayMs)
  assert.deepEqual(space.run('toy.device', 'Ada', note, { signer: 'node', grant }).codes, ['GRANT_REVOKED', 'NOT_A_HOST', 'DEVICE_KEY_REQUIRED', 'GRANT_EXPIRED'])
  assert.deepEqual(space.run('toy.note', 'Ada', note, { signer: 'node', grant }).codes, ['GRANT_REVOKED', 'NOT_A_HOST', 'GRANT_EXPIRED', 'GRANT_SCOPE'])
})

test('refuses a grant that does not begin yet, is over, does not reach the kind, or is not there', () => {
  const space = new ToySpace()
  const later = space.allow('Ada', 'phone', 'device', { not_before_at: space.now + dayMs, not_after_at: space.now + 3 * dayMs })
  assert.deepEqual(space.run('toy.note', 'Ada', note, { signer: 'phone', grant: later }).codes, ['GRANT_NOT_YET'])
  space.wait(dayMs)
  assert.deepEqual(space.run('toy.note', 'Ada', note, { signer: 'phone', grant: later }).codes, [])
  space.wait(2 * dayMs)
  assert.deepEqual(space.run('toy.note', 'Ada', note, { signer: 'phone', grant: later }).codes, ['GRANT_EXPIRED'])
  const [from, to] = [space.now + dayMs, space.now + 3 * dayMs]
  const exact = space.allow('Ada', 'laptop', 'device', { not_before_at: from, not_after_at: to })
  const border: readonly (readonly [number, readonly string[]])[] = [
    [from - 1, ['GRANT_NOT_YET']],
    [from, []],
    [to - 1, []],
    [to, ['GRANT_EXPIRED']],
  ]
  for (const [at, codes] of border) assert.deepEqual(space.run('toy.note', 'Ada', note, { signer: 'laptop', grant: exact, at }).codes, codes, `${at - from} of ${to - from}`)
  const narrow = space.allow('Ada', 'tablet', 'device', { scopes: ['toy.note', 'toys.*'] })
  assert.deepEqual(space.run('toy.device', 'Ada', note, { signer: 'tablet', grant: narrow }).codes, ['GRANT_SCOPE'])
  const lookalike = space.allow('Ada', 'watch', 'device', { scopes: ['to.*', 'toy.not', 'toy.n.*'] })
  assert.deepEqual(space.run('toy.note', 'Ada', note, { signer: 'watch', grant: lookalike }).codes, ['GRANT_SCOPE'])
  assert.deepEqual(space.run('toy.note', 'Ada', note, { signer: 'tablet', grant: later }).codes, ['GRANT_NOT_APPLIED'], 'somebody else’s grant')
  assert.deepEqual(space.run('toy.note', 'Ben', note, { signer: 'tablet', grant: narrow }).codes, ['GRANT_NOT_APPLIED'], 'another author’s grant')
  assert.deepEqual(space.run('toy.note', 'Ada', note, { signer: 'tablet', grant: space.genesis }).codes, ['GRANT_NOT_APPLIED'])
  assert.deepEqual(space.run('toy.note', 'Ada', note, { signer: 'tablet' }).codes, ['GRANT_NOT_APPLIED'], 'no grant named')
})

test('ends what a device has allowed with the device', () => {
  const space = new ToySpace()
  const phone = space.allow('Ada', 'phone', 'device')
  const node = space.allow('Ada', 'node', 'node', {}, { signer: 'phone', grant: phone })
  assert.deepEqual(space.run('toy.note', 'Ada', note, { signer: 'node', grant: node }).codes, [])
  space.must('identity.revoke', 'Ada', { grantee: key('phone'), reason: 'lost', known_seq: 3 })
  assert.deepEqual(space.run('toy.note', 'Ada', note, { signer: 'node', grant: node }).codes, ['GRANT_REVOKED'])
  assert.deepEqual(space.run('toy.note', 'Ada', note, { signer: 'phone', grant: phone }).codes, ['GRANT_REVOKED'])
})

test('lets only the newest root speak after a rotation, and only with the rotation as grant', () => {
  const space = new ToySpace()
  const first = space.must('identity.rotate', 'Ada', space.rotateBody('Ada', 'Ada two'))
  assert.deepEqual(space.run('toy.root', 'Ada', note).codes, ['KEY_RETIRED'])
  assert.deepEqual(space.run('toy.root', 'Ada', note, { signer: 'Ada two', grant: first }).codes, [])
  const second = space.must('identity.rotate', 'Ada', space.rotateBody('Ada', 'Ada three', {}, 'Ada two'), { signer: 'Ada two', grant: first })
  assert.deepEqual(space.run('toy.root', 'Ada', note, { signer: 'Ada two', grant: first }).codes, ['KEY_RETIRED'])
  assert.deepEqual(space.run('toy.root', 'Ada', note, { signer: 'Ada three', grant: first }).codes, ['GRANT_NOT_APPLIED'])
  assert.deepEqual(space.run('toy.root', 'Ada', note, { signer: 'Ada three', grant: second }).codes, [])
  assert.deepEqual(space.run('toy.root', 'Ada two', note).codes, ['KEY_TAKEN'], 'a root of Ada does not speak for itself too')
})

test('lets a frozen identity author nothing but another freezing', () => {
  const space = new ToySpace()
  space.must('identity.freeze', 'Ada', { reason: 'stolen bag', final: false })
  assert.deepEqual(space.run('toy.note', 'Ada', note).codes, ['AUTHOR_FROZEN'])
  assert.deepEqual(space.run('identity.freeze', 'Ada', { reason: 'again', final: false }).decision.outcome, 'already_done')
  space.must('identity.freeze', 'Ada', { reason: 'for good', final: true })
  assert.equal(space.run('identity.freeze', 'Ada', { reason: 'again', final: true }).decision.outcome, 'already_done')
  assert.deepEqual(space.run('toy.note', 'Ada', note).codes, ['AUTHOR_FROZEN'])
})
