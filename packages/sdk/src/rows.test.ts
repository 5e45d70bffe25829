import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import {
  type Did,
  inviteKeyOf,
  inviteSeed,
  type MethodName,
  methodNames,
  type OperationId,
  readInviteCode,
  redeemStatementPayload,
  rotatePayload,
  rowOf,
  signStatement,
  toBase64Url,
  type WriteEnvelope,
} from '@icn/protocol'
import { portableSigner } from '@icn/protocol'
import { didOf, keyOf } from '../../gateway/src/fixture.ts'
import { openWorld, personOf, signFood, type World } from './fixture.ts'

/** Every row that writes is asked for once, so that what the device expects of a draft is what an honest node drafts. */

let world: World
const asked = new Set<MethodName>()

async function write(name: string, method: MethodName, input: Record<string, unknown>, options = {}): Promise<WriteEnvelope<any>> {
  asked.add(method)
  const envelope = (await world.as(name).call(method, input, options)) as WriteEnvelope<any>
  assert.ok(['applied', 'already_done'].includes(envelope.outcome), `${method}: ${envelope.outcome}`)
  return envelope
}

before(async () => {
  world = await openWorld()
})
after(() => world[Symbol.asyncDispose]())

const food = { coop_id: 'food' }
const space = { space: 'coop:food' }

it('founds, with a template or with a text of one’s own, and gives up', async () => {
  const founders = ['Ada', 'Ben'].map((name) => ({ did: didOf(name), name, roles: ['member', 'steward'] }))
  await write('Ada', 'coop.create', { id: 'food', name: 'Food Coop', type: 'consumer', founders, min_founders: 2, unit: { code: 'hours' }, time_zone: 'Europe/Madrid' })
  const { charter, hash } = await world.as('Ada').coop.charter.get(food)
  await write('Ada', 'coop.charter.put', { ...food, charter: { ...charter, preamble: 'Good food for all' }, base_hash: hash }, { ifMatch: '*' })
  for (const name of ['Ada', 'Ben']) await signFood(world.as(name), name)
  asked.add('coop.sign_charter')
  await write('Ada', 'coop.activate', food)
  const { coop_id: _, network: __, ...text } = charter
  await write('Ada', 'coop.create', { id: 'wood', charter: { ...text, name: 'Wood Coop' } })
  const given = await write('Ada', 'coop.abandon', { coop_id: 'wood', reason: 'Too few' })
  assert.ok(given.value !== null)
  world.node.now += 40 * 86_400_000
})

it('lets people in and out', async () => {
  const { charter_hash } = await world.as('Ada').coop.get(food)
  await write('Chen', 'coop.apply', { ...food, charter_hash, name: 'Chen', statement: 'Hello', asked: { class: 'consumer' } })
  await write('Ben', 'coop.sponsor_member', { ...food, did: didOf('Chen') })
  await write('Ada', 'coop.approve_member', { ...food, did: didOf('Chen') })
  await write('Dora', 'coop.apply', { ...food, charter_hash, name: 'Dora' })
  await write('Ada', 'coop.decline_member', { ...food, did: didOf('Dora'), reason: 'Another district' })
  await write('Emil', 'coop.apply', { ...food, charter_hash, name: 'Emil' })
  await write('Emil', 'coop.withdraw_application', { ...food, did: 'me' })
  await write('Ada', 'coop.add_member', { ...food, did: didOf('Fay'), role: 'observer', name: 'Fay' })
  await write('Fay', 'coop.accept_membership', { ...food, did: 'me', charter_hash })
  const { value } = await write('Ada', 'coop.invite.create', { ...food, name: 'Gus', expires_at: new Date(world.node.now + 86_400_000).toISOString() })
  const spare = await write('Ada', 'coop.invite.create', food)
  await write('Ada', 'coop.invite.cancel', { ...food, operation_id: spare.value.invite_id })
  const { genesis } = await world.as('Ada').coop.get(food)
  const seed = inviteSeed(readInviteCode(value.code) as string, 'food', genesis)
  const found = await world.as().coop.invite.find({ ...food, invite_key: inviteKeyOf(seed) })
  const { signature } = await signStatement(
    portableSigner(seed),
    'redeem',
    redeemStatementPayload({ network: found.network, ...space, invite: found.invite_id, did: didOf('Gus') }),
  )
  await write('Gus', 'coop.join', { ...food, invite_key: inviteKeyOf(seed), signature, charter_hash, name: 'Gus' })
})

it('changes what people are, and lets them go', async () => {
  const chen = { ...food, did: didOf('Chen') }
  await write('Ada', 'coop.suspend_member', { ...chen, code: 'arrears', reason: 'Three fees open', until_at: new Date(world.node.now + 86_400_000).toISOString() })
  await write('Ada', 'coop.reinstate_member', { ...chen, note: 'Paid' })
  const confirmed = await write('Ada', 'coop.remove_member', { ...chen, code: 'absence', reason: 'Moved away' })
  await write('Ben', 'act.confirm', { ...space, operation_id: confirmed.value.act.act_id })
  const roles = await write('Ada', 'coop.update_member_role', { ...food, did: didOf('Gus'), roles: ['member', 'treasurer'] }, { ifMatch: '*' })
  assert.ok('act' in roles.value)
  await write('Ada', 'act.withdraw', { ...space, operation_id: roles.value.act.act_id })
  await write('Ada', 'act.propose', { ...space, kind: 'coop.member.roles', body: { did: didOf('Gus'), roles: ['member', 'treasurer'] }, note: 'For the books' })
  await write('Ada', 'coop.place_member', { ...food, did: didOf('Gus'), number: 77 })
  await write('Gus', 'coop.update_profile', { ...food, did: 'me', name: 'Gustav' })
  await write('Gus', 'coop.resign', { ...food, did: 'me', reason: 'Far away' })
  await write('Gus', 'coop.stay', { ...food, did: 'me' }).catch((error) => assert.equal(error.code, 'NOT_LEAVING'))
  for (const [method, code, more] of [
    ['coop.confirm_member', 'NOT_PROVISIONAL', {}],
    ['coop.unban_member', 'NOT_BANNED', { reason: 'Settled' }],
  ] as const)
    await assert.rejects(
      write('Ada', method, { ...food, did: didOf('Fay'), ...more }),
      (error: { code?: string; reasons?: readonly { code: string }[] }) => error.reasons?.some((reason) => reason.code === code) ?? false,
    )
})

it('keeps the house', async () => {
  await write('Ada', 'coop.update', {
    ...food,
    changes: [
      { field: 'website', value: 'https://food.example' },
      { field: 'listed', value: true },
    ],
  })
  await write('Ada', 'coop.calendar.set', { ...food, time_zone: 'Europe/Madrid' })
  const oak = await write('Ada', 'coop.host.add', { ...food, did: didOf('node oak'), label: 'Oak', note: 'In the cellar' })
  await write('Ben', 'act.confirm', { ...space, operation_id: oak.value.act.act_id })
  await write('Ada', 'coop.host.remove', { ...food, did: didOf('node oak'), reason: 'Broken' })
  await write('Ada', 'coop.entry.add', {
    ...food,
    entries: [
      { number: 41, name: 'Hugo', joined_at: '2020-01-01T00:00:00Z' },
      { number: 42, name: 'Ida', joined_at: '2020-01-01T00:00:00Z', shares: 3 },
    ],
  })
  await write('Ada', 'coop.entry.remove', { ...food, number: 42, reason: 'Twice' })
  for (const [method, input, code] of [
    ['coop.suspend', { ...food, reason: 'Closed' }, undefined],
    ['coop.resume', food, 'COOP_STATUS'],
    ['coop.review.settle', { ...food, operation_id: (await world.as('Ada').coop.get(food)).genesis, verdict: 'confirmed' }, 'REVIEW_UNKNOWN'],
    ['coop.conflict.settle', { ...food, operation_id: (await world.as('Ada').coop.get(food)).genesis, field: 'website', keep: 'winner' }, 'CONFLICT_UNKNOWN'],
    ['quarantine.settle', { ...space, operation_id: (await world.as('Ada').coop.get(food)).genesis, verdict: 'dismissed' }, 'QUARANTINE_NOT_NEEDED'],
    ['quarantine.reissue', { ...space, operation_id: (await world.as('Ada').coop.get(food)).genesis }, 'QUARANTINE_NOT_NEEDED'],
  ] as const) {
    if (code === undefined) await write('Ada', method, input)
    else
      await assert.rejects(
        write('Ada', method, input),
        (error: { code?: string; reasons?: readonly { code: string }[] }) => error.code === code || (error.reasons?.some((reason) => reason.code === code) ?? false),
        method,
      )
  }
})

it('gives and takes permissions, devices and keys', async () => {
  const given = await write('Ada', 'identity.grant', { ...space, scopes: ['coop.member.profile'], for_ms: 3_600_000, label: 'Elm' })
  await write('Ada', 'identity.revoke', { ...space, operation_id: given.value.grant_id, reason: 'replaced' })
  const phone = keyOf('Ada’s phone')
  await write('Ada', 'device.add', { grantee: didOf('Ada’s phone'), label: 'Phone', days: 30, spaces: ['coop:food'] })
  const device = personOf('Ada’s phone', { did: didOf('Ada') })
  const renamed = (await world.as(undefined, { identity: device }).coop.updateProfile({ ...food, did: 'me', name: 'Ada P.' })) as WriteEnvelope<any>
  assert.equal(renamed.value.name, 'Ada P.')
  assert.ok(phone)
  assert.equal((await write('Ada', 'device.approve', { did: didOf('Ada’s phone'), spaces: ['coop:food'] })).outcome, 'already_done')
  await write('Ada', 'device.revoke', { did: didOf('Ada’s phone'), reason: 'lost', spaces: ['coop:food'] })
  const me = await world.as('Ben').me.get()
  const network = world.node.journal.info('commons' as never)?.genesis as OperationId
  const proofs = await Promise.all(
    me.spaces
      .filter(({ standing }) => standing !== 'none')
      .map(async ({ space: name }) => {
        const { signature } = await signStatement(
          keyOf('Ben’s new key'),
          'rotate',
          rotatePayload({ network, space: name }, { did: didOf('Ben'), old_key: didOf('Ben'), key: didOf('Ben’s new key') as Did }),
        )
        return { space: name, old_key: didOf('Ben'), signature: toBase64Url(signature) }
      }),
  )
  const rotated = await write('Ben', 'identity.rotate', { new_key: didOf('Ben’s new key'), proofs, reason: 'scheduled', keep_grants: false })
  assert.deepEqual([...new Set((rotated.value.spaces as { outcome: string }[]).map(({ outcome }) => outcome))], ['applied'])
  const after = world.as(undefined, { identity: personOf('Ben’s new key', { did: didOf('Ben') }) })
  await after.coop.updateProfile({ ...food, did: 'me', name: 'Ben N.' })
  await write('Fay', 'identity.freeze', { reason: 'Laptop stolen', final: false, spaces: ['coop:food'] })
})

it('says how far somebody is relied on, and takes it back', async () => {
  const said = await write('Vera', 'trust.edge.set', { subject: didOf('Ada'), weight: 800, labels: ['neighbour'], evidence: [{ type: 'met' }], note: 'From next door' })
  assert.deepEqual([said.value.score_before, said.value.score_after], [0, 560])
  const until = new Date(world.node.now + 30 * 86_400_000).toISOString()
  await write('Vera', 'trust.edge.set', { subject: didOf('Ada'), weight: 500, graph: 'social', expires_at: until, base: said.value.edge.set_op })
  await write('Vera', 'trust.edge.end', { did: didOf('Ada'), graph: 'social' })
  assert.equal((await write('Vera', 'trust.edge.end', { did: didOf('Ada') })).outcome, 'already_done')
})

it('enters a cooperative in the directory', async () => {
  assert.equal((await write('Ada', 'commons.coop.reserve', food)).value.status, 'reserved')
  assert.deepEqual((await write('Ada', 'commons.coop.release', food)).value, { coop_id: 'food' })
  await write('Ada', 'commons.coop.reserve', food)
  const entered = await write('Ada', 'commons.coop.register', food)
  assert.equal(entered.value.status, 'active')
  assert.ok(entered.value.controllers.includes(didOf('Ada')))
  assert.equal((await write('Ada', 'commons.coop.update', { ...food, changes: { description: 'Bread for forty households.' } })).value.version, 2)
})

it('has asked for every row that a person signs', () => {
  const signed = methodNames.filter((method) => rowOf(method).mode === 'write' && !rowOf(method).access.every((word) => word === 'operator'))
  assert.deepEqual(
    signed.filter((method) => !asked.has(method)),
    [],
  )
})
