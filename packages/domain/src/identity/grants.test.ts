import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dayMs, key, minuteMs, ToySpace } from './fixture.ts'
import { checkIdentity, devicesOf, grantFor, grantsBy, keyAt, liveGrantsBy, personOfKey, resolve, rootOf } from './index.ts'

test('refuses a grant for every reason, all of them named in order', () => {
  const space = new ToySpace({ Ada: 'member', Ben: 'member', node: 'node', other: 'none' })
  const phone = space.allow('Ada', 'phone', 'device', { scopes: ['toy.note', 'identity.grant'], not_after_at: space.now + 10 * dayMs, max_amount: '500' })
  space.allow('Ada', 'watch', 'device', { not_before_at: space.now + 10 * dayMs, not_after_at: space.now + 20 * dayMs })
  space.setStanding('Gone', 'ended')
  const cases: readonly (readonly [string, string, Record<string, unknown>, object, readonly string[]])[] = [
    ['somebody who has left', 'Gone', space.grantBody('tablet', 'device'), {}, ['NO_STANDING']],
    ['another’s device to be', 'Ben', space.grantBody('watch', 'device'), {}, ['GRANT_KEY_TAKEN']],
    [
      'an earlier time than the device',
      'Ada',
      space.grantBody('node', 'node', { scopes: ['toy.note'], max_amount: '1', not_before_at: space.now - 5 * minuteMs }),
      { signer: 'phone', grant: phone },
      ['SCOPE_WIDER_THAN_PARENT'],
    ],
    ['a stranger', 'Stranger', space.grantBody('tablet', 'device'), {}, ['NO_STANDING']],
    ['a node', 'node', space.grantBody('tablet', 'device'), {}, ['NO_STANDING']],
    ['oneself', 'Ada', space.grantBody('Ada', 'device'), {}, ['GRANTEE_IS_AUTHOR', 'GRANT_KEY_TAKEN']],
    ['a person', 'Ada', space.grantBody('Ben', 'device'), {}, ['GRANT_KEY_TAKEN']],
    ['another’s device', 'Ben', space.grantBody('phone', 'device'), {}, ['GRANT_KEY_TAKEN']],
    ['backwards', 'Ada', space.grantBody('tablet', 'device', { not_before_at: space.now, not_after_at: space.now - 1 }), {}, ['GRANT_TIMES_INVALID']],
    ['a moment', 'Ada', space.grantBody('node', 'node', { not_after_at: space.now + 4 * minuteMs }), {}, ['GRANT_TIMES_INVALID']],
    ['31 days for a node', 'Ada', space.grantBody('node', 'node', { not_after_at: space.now + 31 * dayMs }), {}, ['GRANT_TOO_LONG']],
    [
      'a day in ten years',
      'Ada',
      space.grantBody('tablet', 'device', { not_before_at: space.now + 3_650 * dayMs, not_after_at: space.now + 3_652 * dayMs }),
      {},
      ['GRANT_TOO_LONG'],
    ],
    ['a node that serves nobody here', 'Ada', space.grantBody('other', 'node'), {}, ['NOT_A_HOST']],
    ['everything', 'Ada', space.grantBody('tablet', 'device', { scopes: ['*'] }), {}, ['SCOPE_INVALID']],
    ['twice the same', 'Ada', space.grantBody('tablet', 'device', { scopes: ['toy.note', 'toy.note'] }), {}, ['SCOPE_INVALID']],
    ['a root kind', 'Ada', space.grantBody('tablet', 'device', { scopes: ['toy.root'] }), {}, ['SCOPE_ROOT_ONLY']],
    ['a device kind for a node', 'Ada', space.grantBody('node', 'node', { scopes: ['toy.device'] }), {}, ['SCOPE_ROOT_ONLY']],
    [
      'a device by a device',
      'Ada',
      space.grantBody('tablet', 'device', { scopes: ['toy.note'], not_after_at: space.now + 2 * dayMs, max_amount: '1' }),
      { signer: 'phone', grant: phone },
      ['ROOT_KEY_REQUIRED'],
    ],
    ['wider kinds than the device', 'Ada', space.grantBody('node', 'node', { scopes: ['toy.*'], max_amount: '1' }), { signer: 'phone', grant: phone }, ['SCOPE_WIDER_THAN_PARENT']],
    [
      'a longer time than the device',
      'Ada',
      space.grantBody('node', 'node', { scopes: ['toy.note'], max_amount: '1', not_after_at: space.now + 20 * dayMs }),
      { signer: 'phone', grant: phone },
      ['SCOPE_WIDER_THAN_PARENT'],
    ],
    [
      'a larger amount than the device',
      'Ada',
      space.grantBody('node', 'node', { scopes: ['toy.note'], max_amount: '501' }),
      { signer: 'phone', grant: phone },
      ['SCOPE_WIDER_THAN_PARENT'],
    ],
    ['no amount where the device has one', 'Ada', space.grantBody('node', 'node', { scopes: ['toy.note'] }), { signer: 'phone', grant: phone }, ['SCOPE_WIDER_THAN_PARENT']],
  ]
  for (const [what, author, body, by, codes] of cases) assert.deepEqual(space.run('identity.grant', author, body, by).codes, codes, what)
  space.allow('Ada', 'node', 'node', { scopes: ['toy.note'], max_amount: '500' }, { signer: 'phone', grant: phone })
  assert.deepEqual(checkIdentity(space.tables), [])
})

test('holds 32 live grants, and room comes back when one ends or is revoked', () => {
  const space = new ToySpace()
  const short = space.allow('Ada', 'device 0', 'device', { not_after_at: space.now + 2 * dayMs })
  for (let i = 1; i < 32; i++) space.allow('Ada', `device ${i}`, 'device')
  assert.deepEqual(space.run('identity.grant', 'Ada', space.grantBody('one more', 'device')).codes, ['GRANTS_TOO_MANY'])
  space.must('identity.revoke', 'Ada', { grantee: key('device 5'), reason: 'replaced' })
  space.allow('Ada', 'one more', 'device')
  space.wait(2 * dayMs)
  space.allow('Ada', 'and another', 'device')
  assert.equal(liveGrantsBy(space.tables, key('Ada'), space.now).length, 32)
  assert.equal(grantsBy(space.tables, key('Ada')).find(({ id }) => id === short)?.row.revoked, undefined)
  assert.deepEqual(checkIdentity(space.tables), [])
})

test('a revocation is the grantor’s or the grantee’s own, and names what is unknown, foreign or done', () => {
  const space = new ToySpace()
  const grant = space.allow('Ada', 'node', 'node')
  assert.deepEqual(space.run('identity.revoke', 'Ada', { grant: space.genesis, reason: 'lost' }).codes, ['GRANT_UNKNOWN'])
  assert.deepEqual(space.run('identity.revoke', 'Ada', { grantee: key('phone'), reason: 'lost' }).codes, ['GRANT_UNKNOWN'])
  assert.deepEqual(space.run('identity.revoke', 'Ben', { grant, reason: 'lost' }).codes, ['NOT_YOUR_GRANT'])
  space.must('identity.revoke', 'node', { grant, reason: 'signed_out' })
  const again = space.run('identity.revoke', 'Ada', { grant, reason: 'lost' })
  assert.equal(again.decision.outcome, 'already_done')
  assert.equal(space.run('identity.revoke', 'Ada', { grantee: key('node'), reason: 'lost' }).decision.outcome, 'already_done')
  assert.throws(() => space.run('identity.revoke', 'Ada', { grant, grantee: key('node'), reason: 'lost' }))
})

test('a rotation needs a fresh key, its proof, and an end of what a thief could hold', () => {
  const space = new ToySpace()
  space.allow('Ben', 'phone', 'device')
  space.must('identity.rotate', 'Ben', space.rotateBody('Ben', 'Ben two'))
  const cases: readonly (readonly [string, Record<string, unknown>, readonly string[]])[] = [
    ['the same', space.rotateBody('Ada', 'Ada'), ['KEY_UNCHANGED']],
    ['a person', space.rotateBody('Ada', 'Chen'), ['KEY_TAKEN']],
    ['a node', space.rotateBody('Ada', 'node'), ['KEY_TAKEN']],
    ['a root of Ben', space.rotateBody('Ada', 'Ben two'), ['KEY_TAKEN']],
    ['a proof for another key', { ...space.rotateBody('Ada', 'Ada two'), new_key: key('Ada three') }, ['STATEMENT_KEY']],
    ['a proof over another old key', space.rotateBody('Ada', 'Ada two', {}, 'Ben'), ['STATEMENT_KEY']],
    ['kept after a theft', space.rotateBody('Ada', 'Ada two', { reason: 'compromised', keep_grants: true }), ['KEEP_AFTER_COMPROMISE']],
  ]
  for (const [what, body, codes] of cases) assert.deepEqual(space.run('identity.rotate', 'Ada', body).codes, codes, what)
  const before = space.now
  const grant = space.allow('Ada', 'tablet', 'device')
  const rotation = space.must('identity.rotate', 'Ada', space.rotateBody('Ada', 'Ada two', { keep_grants: true }))
  assert.equal(rootOf(space.tables, key('Ada')), key('Ada two'))
  assert.equal(keyAt(space.tables, key('Ada'), before), key('Ada'))
  assert.equal(personOfKey(space.tables, key('Ada two')), key('Ada'))
  assert.deepEqual(space.run('toy.note', 'Ada', { text: '' }, { signer: 'tablet', grant }).codes, [])
  assert.deepEqual(space.run('identity.rotate', 'Ada', space.rotateBody('Ada', 'Ada', {}, 'Ada two'), { signer: 'Ada two', grant: rotation }).codes, ['KEY_TAKEN'], 'no way back')
  space.must('identity.rotate', 'Ada', space.rotateBody('Ada', 'Ada three', {}, 'Ada two'), { signer: 'Ada two', grant: rotation })
  assert.deepEqual(space.run('toy.note', 'Ada', { text: '' }, { signer: 'tablet', grant }).codes, ['GRANT_REVOKED'])
  assert.deepEqual(checkIdentity(space.tables), [])
})

test('a DID leaves 64 keys behind at most', () => {
  const space = new ToySpace()
  let signer = 'Ada'
  let grant = null
  for (let i = 0; i < 64; i++) {
    grant = space.must('identity.rotate', 'Ada', space.rotateBody('Ada', `key ${i}`, {}, signer), { signer, grant })
    signer = `key ${i}`
  }
  assert.deepEqual(space.run('identity.rotate', 'Ada', space.rotateBody('Ada', 'key 64', {}, signer), { signer, grant }).codes, ['KEYS_EXHAUSTED'])
  assert.deepEqual(checkIdentity(space.tables), [])
})

test('freezing for a while needs somebody who could lift it', () => {
  const space = new ToySpace({ Ada: 'observer' })
  assert.deepEqual(space.run('identity.freeze', 'Ada', { reason: 'lost', final: false }).codes, ['NO_TRUSTEES'])
  assert.deepEqual(space.run('identity.freeze', 'Ada', { reason: 'lost', final: true }).codes, [])
})

test('finds the grant under which a node may sign, and answers a DID document', () => {
  const space = new ToySpace()
  space.allow('Ada', 'phone', 'device')
  const grant = space.allow('Ada', 'node', 'node', { scopes: ['toy.note'] })
  assert.equal(grantFor(space.tables, key('Ada'), key('node'), 'toy.note', space.now)?.id, grant)
  assert.equal(grantFor(space.tables, key('Ada'), key('node'), 'toy.device', space.now), undefined)
  assert.deepEqual(
    devicesOf(space.tables, key('Ada'), space.now).map(({ row }) => row.grantee),
    [key('phone')],
  )
  const { document, metadata } = resolve(space.tables, undefined, key('Ada'), space.now)
  assert.deepEqual(document.authentication, [`${key('Ada')}#root`, `${key('Ada')}#${key('phone').slice(-8)}`])
  assert.deepEqual(document.capabilityInvocation, [`${key('Ada')}#root`])
  assert.equal(metadata.known, true)
  const stranger = resolve(space.tables, undefined, key('Nobody'), space.now)
  assert.equal(stranger.metadata.known, false)
  assert.equal(stranger.document.verificationMethod[0]?.publicKeyMultibase, key('Nobody').slice(8))
})
