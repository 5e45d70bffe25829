import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { decodeTrusted, type Did, type OperationDetail, type OperationId, type SignedOperation, type SpaceId, toBase64Url, type WriteEnvelope } from '@icn/protocol'
import { TestSigner } from '../../testkit/src/index.ts'
import { didOf } from '../../gateway/src/fixture.ts'
import type { Client } from './client.ts'
import { NotFoundError, TamperedError } from './errors.ts'
import { openWorld, tampering, type World } from './fixture.ts'
import { readOriginal } from './original.ts'
import type { Fetch } from './transport.ts'

/** What did not count is said again by its author, word for word, or not at all. */

let world: World
const space = 'coop:food'

before(async () => {
  world = await openWorld()
  await world.openFood()
  const { charter_hash } = await world.as('Ada').coop.get({ coop_id: 'food' })
  await world.as('Chen').coop.apply({ coop_id: 'food', charter_hash, name: 'Chen' })
  await world.as('Ben').coop.sponsorMember(chen)
  await world.as('Ada').coop.approveMember(chen)
})
after(async () => {
  await world[Symbol.asyncDispose]()
  assert.deepEqual(world.node.internals, [])
  assert.deepEqual(world.node.faults, [])
})

const chen = { coop_id: 'food', did: didOf('Chen') }
async function suspend(one: Client, other: Client): Promise<void> {
  const { value } = await one.coop.suspendMember({ ...chen, code: 'arrears', reason: 'Three fees open' })
  if (value !== null && 'act' in value) await other.act.confirm({ space, operation_id: (value.act as { act_id: string }).act_id })
}
const status = async (): Promise<string> => (await world.as('Ada').coop.getMember(chen)).status

/** Somebody lets Chen in again; then the same is handed in from somebody who had signed it before. Chen is out again afterwards. */
async function displaced(author: Client, other: Client): Promise<OperationId> {
  if ((await status()) !== 'suspended') await suspend(other, author)
  const signed = await (await other.draft('coop.reinstate_member', { ...chen, note: 'Paid' })).sign()
  world.node.now += 10
  const { operations } = await author.coop.reinstateMember({ ...chen, note: 'Has paid, I saw it' })
  await other.call('operation.submit', { operations: signed })
  world.node.now += 10
  await suspend(other, author)
  const id = operations[0]?.id as OperationId
  assert.equal(world.node.journal.operation(id)?.status, 'refused')
  return id
}

const asks = (client: Client, id: OperationId, options = {}) => client.call('quarantine.reissue', { space, operation_id: id }, options) as Promise<WriteEnvelope<any>>

describe('issuing again', () => {
  it('signs the same anew, settles the entry by itself, and does nothing twice', async () => {
    const id = await displaced(world.as('Ada'), world.as('Ben'))
    assert.equal((await asks(world.as('Ada'), id, { dryRun: true })).outcome, 'simulated')
    assert.equal(await status(), 'suspended')
    const again = await asks(world.as('Ada'), id)
    assert.deepEqual([again.outcome, again.value.state, again.value.settled.reissue], ['applied', 'reissued', again.operations[0]?.id])
    assert.equal(await status(), 'active')
    const [was, is] = [id, again.operations[0]?.id as OperationId].map((one) => world.node.journal.operation(one)?.operation.envelope)
    assert.deepEqual([is?.kind, is?.author, is?.body_hash], [was?.kind, was?.author, was?.body_hash])
    const twice = await asks(world.as('Ada'), id)
    assert.deepEqual([twice.outcome, twice.operations, twice.value.settled], ['already_done', [], again.value.settled])
    for (const client of [world.as('Ben'), world.as('Ada')]) {
      const shown = (await client.call('quarantine.get', { space, operation_id: id })) as { state: string; settled: unknown }
      assert.deepEqual([shown.state, shown.settled], ['reissued', again.value.settled])
    }
    const settle = (verdict: string) => world.as('Ben').call('quarantine.settle', { space, operation_id: id, verdict, note: 'Seen' }) as Promise<WriteEnvelope<any>>
    await assert.rejects(settle('dismissed'), { code: 'QUARANTINE_CLOSED' })
    assert.deepEqual([(await settle('reissued')).outcome, (await settle('reissued')).outcome], ['applied', 'already_done'])
  })

  it('is its author’s alone, and says no where there is nothing to issue', async () => {
    const id = await displaced(world.as('Ada'), world.as('Ben'))
    await assert.rejects(asks(world.as('Ben'), id), { code: 'QUARANTINE_NOT_YOURS' })
    await assert.rejects(asks(world.as('Chen'), id), NotFoundError)
    await world.as('Ben').call('quarantine.settle', { space, operation_id: id, verdict: 'dismissed', note: '' })
    await assert.rejects(asks(world.as('Ada'), id), { code: 'QUARANTINE_CLOSED' })
    assert.equal(await status(), 'suspended')
  })

  it('is refused by the law that refuses it now, and can be asked for again', async () => {
    const id = await displaced(world.as('Ada'), world.as('Ben'))
    await world.as('Ben').coop.reinstateMember({ ...chen, note: 'Paid' })
    const key = { idempotencyKey: 'once' }
    await assert.rejects(asks(world.as('Ada'), id, key))
    await suspend(world.as('Ben'), world.as('Ada'))
    assert.equal((await asks(world.as('Ada'), id, key)).outcome, 'applied')
  })

  it('can be done by the node, under a permission', async () => {
    const id = await displaced(world.as('Ada'), world.as('Ben'))
    const byNode = world.as('Ada', { signing: 'node' })
    await assert.rejects(asks(byNode, id), { code: 'NO_GRANT' })
    await world.as('Ada').identity.grant({ space, scopes: ['coop.member.*'], for_ms: 3_600_000 })
    const { outcome, operations } = await asks(byNode, id)
    assert.equal(outcome, 'applied')
    assert.equal(world.node.journal.operation(operations[0]?.id as OperationId)?.operation.envelope.signer, world.node.journal.node)
  })

  it('gets no signature for anything else than what its author said before', async () => {
    const [ada, ben] = [world.as('Ada'), world.as('Ben')]
    const [id, bens] = [await displaced(ada, ben), await displaced(ben, ada)]
    const other = (await ada.draft('coop.reinstate_member', { ...chen, note: 'Mallory said so' })).envelope
    const away = (await ada.draft('coop.resign', { coop_id: 'food', did: 'me', reason: 'Tired' })).envelope
    const lies: readonly ((path: string, json: any) => unknown)[] = [
      (path, json) => (path.endsWith('/reissue') ? other : json),
      (path, json) => (path.endsWith('/reissue') ? away : json),
      (path, json) => (path.includes('/operations/') ? { ...json, operation: { ...json.operation, body: other.drafts?.[0]?.operation.body } } : json),
      (path, json) => (path.includes('/operations/') ? { ...json, sig: 'A'.repeat(86) } : json),
    ]
    for (const lie of lies) await assert.rejects(asks(world.as('Ada', { fetch: tampering(lie) }), id), TamperedError)
    // Somebody else’s, handed out as one’s own.
    const fetch = async (input: Parameters<Fetch>[0], init: Parameters<Fetch>[1]): Promise<Response> =>
      String(input).includes('/reissue') ? Response.json(other) : globalThis.fetch(input, init)
    await assert.rejects(asks(world.as('Ada', { fetch }), bens), /somebody else’s/)
    assert.equal(await status(), 'suspended')
  })
})

describe('an original', () => {
  const genesis = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy' as OperationId
  const [ada, phone, mallory] = [new TestSigner(1), new TestSigner(2), new TestSigner(3)]
  const place = { space: space as SpaceId, genesis, author: ada.did }
  const profile = { kind: 'coop.member.profile', body: { name: 'Ada' } }
  const detail = ({ envelope, body, signature }: SignedOperation): OperationDetail =>
    ({
      operation: { ...envelope, body_hash: toBase64Url(envelope.body_hash), body: decodeTrusted(body as Uint8Array) },
      sig: toBase64Url(signature),
    }) as unknown as OperationDetail
  const grant = (signer: TestSigner, grantee: Did, scopes: readonly string[], more: Partial<Parameters<TestSigner['sign']>[0]> = {}): SignedOperation =>
    signer.sign({
      ...place,
      kind: 'identity.grant',
      body: { grantee, grantee_kind: 'device', scopes, not_before_at: 1_000, not_after_at: 1_000_000, label: 'Phone' },
      at: [1_000, 0],
      ...more,
    })
  const ask = (original: SignedOperation, held: readonly SignedOperation[], own: Did = ada.did) =>
    readOriginal(async (id) => detail([original, ...held].find((one) => one.id === id) ?? original), original.id, { author: ada.did, own })

  it('is believed when a key of its author has signed it', async () => {
    const wide = grant(ada, phone.did, ['coop.member.*'])
    assert.equal((await ask(ada.sign({ ...place, ...profile, at: [5_000, 0] }), [])).envelope.kind, profile.kind)
    assert.equal((await ask(phone.sign({ ...place, ...profile, grant: wide.id, at: [5_000, 0] }), [wide])).envelope.signer, phone.did)
    assert.ok(await ask(phone.sign({ ...place, ...profile, grant: genesis, at: [5_000, 0] }), [], phone.did))
  })

  it('is not believed for a key that its author let do something else, or nothing', async () => {
    const cases: readonly (readonly [string, SignedOperation])[] = [
      ['another kind', grant(ada, phone.did, ['coop.entry.*'])],
      ['somebody else’s key', grant(ada, mallory.did, ['coop.member.*'])],
      ['given by nobody who may', grant(mallory, phone.did, ['coop.member.*'])],
      ['of somebody else', grant(mallory, phone.did, ['coop.member.*'], { author: mallory.did })],
      ['in another space', grant(ada, phone.did, ['coop.member.*'], { space: 'coop:wood' as SpaceId })],
      [
        'over by then',
        grant(ada, phone.did, ['coop.member.*'], {
          body: { grantee: phone.did, grantee_kind: 'device', scopes: ['coop.member.*'], not_before_at: 1_000, not_after_at: 4_000, label: 'Phone' },
        }),
      ],
    ]
    for (const [what, given] of cases) await assert.rejects(ask(phone.sign({ ...place, ...profile, grant: given.id, at: [5_000, 0] }), [given]), TamperedError, what)
    await assert.rejects(ask(phone.sign({ ...place, ...profile, at: [5_000, 0] }), []), TamperedError)
    await assert.rejects(ask(ada.sign({ ...place, ...profile, author: mallory.did, at: [5_000, 0] }), []), /somebody else’s/)
    const real = ada.sign({ ...place, ...profile, at: [5_000, 0] })
    const forged = { ...real, signature: mallory.key.sign(real.bytes) }
    await assert.rejects(ask(forged, []), /signature/)
  })
})
