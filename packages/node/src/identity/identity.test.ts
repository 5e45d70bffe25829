import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commonsRules, coopRules } from '@icn/domain'
import type { JournalApi, WriteResult } from '@icn/journal'
import { journalDefaults, openJournal, openMemoryStore } from '@icn/journal'
import type { Did, MethodName, OperationId, SpaceId } from '@icn/protocol'
import { charterStatementPayload, didOfKey, rotatePayload, rowOf, sealOperation, statementBytes, toBase64Url } from '@icn/protocol'
import { type SigningKey, signingKeyFromSeed } from '@icn/protocol/node'
import type { PlanResult, WritePlan, WritePlans } from '../calls/index.ts'
import { CallRefusal, openSealer, openStanding } from '../calls/index.ts'
import { coopHandlers } from '../coop/index.ts'
import { openMetrics } from '../metrics.ts'
import { identityHandlers, measureIdentity, suspectsOf, sweepIdentity } from './index.ts'

/** A node with a real engine in memory and the actor's handlers called as a door would; people sign with keys of their own. */

const dayMs = 86_400_000
const food = 'coop:food' as SpaceId
const keyOf = (name: string): SigningKey => {
  const seed = new Uint8Array(32)
  seed.set(new TextEncoder().encode(name).subarray(0, 31), 1)
  return signingKeyFromSeed(seed)
}
const didOf = (name: string): Did => didOfKey(keyOf(name).publicKey)

class World {
  now = 1_790_000_000_000
  readonly journal: JournalApi
  readonly standing
  readonly handlers: Readonly<Record<string, any>>
  network: OperationId | undefined

  constructor() {
    const key = keyOf('the node')
    this.journal = openJournal({
      store: openMemoryStore(),
      key,
      node: didOfKey(key.publicKey),
      rulesOf: (space) => (space === 'commons' ? commonsRules : coopRules),
      wall: () => this.now,
      options: { ...journalDefaults, verifyThreads: 0 },
    })
    this.standing = openStanding(this.journal, () => this.now)
    const parts = {
      now: () => this.now,
      sealer: openSealer([new Uint8Array(32).fill(1)]),
      network: () => this.network,
      origin: () => 'http://127.0.0.1:8080',
      mayFound: () => true,
      rights: this.standing.rights,
      grant: this.standing.grant,
      random: (count: number) => new Uint8Array(count).fill(5),
      timeZone: 'UTC',
    }
    this.handlers = { ...coopHandlers(parts), ...identityHandlers({ now: () => this.now }) }
  }

  call(method: MethodName, name: string, input: Record<string, unknown>, signer = name) {
    const row = rowOf(method)
    const parsed = row.input.parse(input) as Record<string, unknown>
    const space = row.space === 'own' || row.space === 'node' ? undefined : (row.space.replace(/\{(\w+)\}/, (_, field: string) => String(parsed[field])) as SpaceId)
    const facts = space === undefined ? undefined : this.journal.read(space)
    const did = didOf(name)
    return {
      method,
      input: parsed,
      caller: { did, signer: didOf(signer), operator: false, lang: 'en' },
      options: { requestId: 'r' },
      rights: space === undefined ? new Set<string>() : this.standing.rights(did, space),
      page: { limit: 50, reverse: false, after: null },
      ...(space === undefined ? {} : { space }),
      ...(facts === undefined ? {} : { facts }),
    }
  }

  async read(method: MethodName, name: string, input: Record<string, unknown> = {}): Promise<any> {
    const answer = await this.handlers[method](this.call(method, name, input), this.journal)
    const row = rowOf(method)
    if ('items' in answer) {
      for (const item of answer.items) assert.doesNotThrow(() => row.output.parse(item), method)
      return answer.items
    }
    assert.doesNotThrow(() => row.output.parse(answer.value), method)
    return answer.value
  }

  /** As the device of a member: every plan is drafted, signed with the key named, handed in. */
  async write(method: MethodName, name: string, input: Record<string, unknown>, signer = name): Promise<{ value: any; codes: readonly string[]; outcome: string }> {
    const answer = (await this.handlers[method](this.call(method, name, input, signer), this.journal)) as WritePlan | WritePlans | { nothing: true; value: unknown }
    if ('nothing' in answer) return { value: answer.value, codes: [], outcome: 'already_done' }
    if (!('each' in answer)) {
      const result = await this.send(answer, name, signer)
      if (result.outcome !== 'refused') assert.doesNotThrow(() => rowOf(method).output.parse(result.answer), method)
      return { value: result.answer, codes: codesOf(result), outcome: result.outcome }
    }
    const results: PlanResult[] = []
    for (const plan of answer.each) {
      const result = await this.send(plan, name, signer)
      results.push({ plan, outcome: result.outcome, value: result.answer ?? null, ...(codesOf(result)[0] === undefined ? {} : { code: codesOf(result)[0] as string }) })
    }
    const value = answer.value(results)
    assert.doesNotThrow(() => rowOf(method).output.parse(value), method)
    return { value, codes: results.flatMap(({ code }) => (code === undefined ? [] : [code])), outcome: 'applied' }
  }

  async send(plan: WritePlan, name: string, signer: string): Promise<WriteResult<any>> {
    this.now += 1_000
    const grant = this.standing.grant(plan.space, plan.author, didOf(signer), plan.kind, this.now) ?? null
    const unsigned = this.journal.draft({
      space: plan.space,
      kind: plan.kind,
      author: didOf(name),
      signer: didOf(signer),
      grant,
      body: plan.body,
      ...(plan.genesis === true ? { genesis: null } : {}),
    })
    return this.journal.submit(
      sealOperation(unsigned.envelope, unsigned.body, (message) => keyOf(signer).sign(message)),
      { answer: plan.view },
    )
  }

  async must(method: MethodName, name: string, input: Record<string, unknown>, signer = name): Promise<any> {
    const { value, codes, outcome } = await this.write(method, name, input, signer)
    assert.equal(outcome, 'applied', `${method}: ${codes.join(' ')}`)
    assert.deepEqual(codes, [], method)
    return value
  }

  /** Ada, Ben and Chen found the food coop. */
  async open(): Promise<this> {
    await this.journal.propose({
      space: 'commons' as SpaceId,
      kind: 'commons.found',
      author: this.journal.node,
      grant: null,
      body: { name: 'test', keepers: [this.journal.node], stewards: [], nonce: new Uint8Array(16) },
    })
    this.network = this.journal.info('commons' as SpaceId)?.genesis
    const founders = ['Ada', 'Ben', 'Chen'].map((name) => ({ did: didOf(name), name, roles: name === 'Chen' ? ['member', 'treasurer'] : ['member', 'steward'] }))
    const coop = await this.must('coop.create', 'Ada', { name: 'Food', id: 'food', type: 'consumer', founders })
    for (const name of ['Ada', 'Ben', 'Chen']) {
      const payload = charterStatementPayload({ network: this.network as string, space: food, hash: coop.charter_hash, coop_id: 'food', version: 1 })
      await this.must('coop.sign_charter', name, { coop_id: 'food', hash: coop.charter_hash, signature: toBase64Url(keyOf(name).sign(statementBytes('charter', payload))) })
    }
    await this.must('coop.activate', 'Ada', { coop_id: 'food' })
    this.now += 40 * dayMs
    return this
  }
}

const codesOf = (result: WriteResult): string[] => result.decision.checks.filter((check) => check.result === 'fail' || check.result === 'done').map((check) => check.code)
const refusal = (code: string) => (error: unknown) => error instanceof CallRefusal && error.code === code

test('a person lets this node sign, sees it in the list, and takes it back', async () => {
  const w = await new World().open()
  const grant = await w.must('identity.grant', 'Ada', { space: food, scopes: ['coop.member.admit', 'coop.member.profile'], label: 'Elm' })
  assert.equal(grant.grantee, w.journal.node)
  assert.equal(grant.state, 'live')
  assert.equal(Date.parse(grant.not_after_at) - Date.parse(grant.not_before_at), dayMs / 2)
  const node = await w.journal.propose({ space: food, kind: 'coop.member.profile', author: didOf('Ada'), grant: grant.grant_id, body: { name: 'Ada L.' } })
  assert.equal(node.outcome, 'applied')
  const outside = await w.journal.propose({
    space: food,
    kind: 'coop.host.add',
    author: didOf('Ada'),
    grant: grant.grant_id,
    body: { did: didOf('another node'), label: 'Oak', note: '' },
  })
  assert.deepEqual(codesOf(outside)[0], 'GRANT_SCOPE')
  assert.deepEqual(
    (await w.read('identity.grants.list', 'Ada', { space: food, live: true })).map((one: any) => one.grant_id),
    [grant.grant_id],
  )
  assert.deepEqual(await w.read('identity.grants.list', 'Ben', { space: food }), [])
  await assert.rejects(w.write('identity.revoke', 'Ben', { space: food, operation_id: grant.grant_id }), refusal('GRANT_UNKNOWN'))
  const revoked = await w.must('identity.revoke', 'Ada', { space: food, operation_id: grant.grant_id, reason: 'replaced' })
  assert.equal(revoked.state, 'revoked')
  const after = await w.journal.propose({ space: food, kind: 'coop.member.profile', author: didOf('Ada'), grant: grant.grant_id, body: { name: 'Ada' } })
  assert.deepEqual(codesOf(after), ['GRANT_REVOKED'])
  assert.deepEqual(await w.read('identity.grants.list', 'Ada', { space: food, live: true }), [])
})

test('a device is added, listed, used, approved where it is missing, and revoked everywhere', async () => {
  const w = await new World().open()
  const added = await w.must('device.add', 'Ada', { grantee: didOf('phone'), label: 'Phone', days: 100 })
  assert.deepEqual(
    added.spaces.map((one: any) => [one.space, one.outcome]),
    [[food, 'applied']],
  )
  const [device] = await w.read('device.list', 'Ada')
  assert.deepEqual([device.did, device.label, device.state, device.missing_in, device.this_device], [didOf('phone'), 'Phone', 'live', [], false])
  assert.deepEqual(await w.read('device.list', 'Ben'), [])
  await w.must('identity.grant', 'Ada', { space: food, scopes: ['coop.member.profile'], label: 'Elm' }, 'phone')
  assert.deepEqual(await w.write('device.approve', 'Ada', { did: didOf('phone') }), { value: { spaces: [] }, codes: [], outcome: 'already_done' })
  await assert.rejects(w.write('device.approve', 'Ada', { did: didOf('tablet') }), refusal('GRANT_UNKNOWN'))
  await assert.rejects(w.write('device.add', 'Stranger', { grantee: didOf('tablet'), label: 'Tablet' }), refusal('NO_STANDING'))
  await assert.rejects(w.write('device.add', 'Ada', { grantee: didOf('tablet'), label: 'Tablet', spaces: ['commons'] }), refusal('NOT_FOUND'))
  await w.must('device.revoke', 'Ada', { did: didOf('phone'), reason: 'lost', known_seq: 0 })
  const [lost] = await w.read('device.list', 'Ada')
  assert.deepEqual([lost.state, lost.missing_in], ['revoked', [food]])
  assert.deepEqual(await w.read('identity.grants.list', 'Ada', { space: food, live: true }), [], 'what the device allowed ended with it')
  assert.equal((await w.write('device.revoke', 'Ada', { did: didOf('phone') })).outcome, 'already_done')
  assert.equal((await w.write('device.approve', 'Ada', { did: didOf('phone') })).outcome, 'applied', 'found again')
})

test('what a lost device signed after its owner last knew it is named', async () => {
  const w = await new World().open()
  await w.must('device.add', 'Ada', { grantee: didOf('phone'), label: 'Phone' })
  const [device] = await w.read('device.list', 'Ada')
  await w.must('coop.update_profile', 'Ada', { coop_id: 'food', did: didOf('Ada'), name: 'Ada by phone' }, 'phone')
  await w.must('coop.update_profile', 'Ada', { coop_id: 'food', did: didOf('Ada'), name: 'A thief' }, 'phone')
  await w.must('device.revoke', 'Ada', { did: didOf('phone'), reason: 'lost', known_seq: 0 })
  const suspects = suspectsOf(w.journal, food, device.spaces[0].grant_id)
  assert.deepEqual(
    suspects.map(({ body }) => (body as { name: string }).name),
    ['A thief'],
  )
})

test('a root key is replaced with its proof; the old one is refused, the DID stays', async () => {
  const w = await new World().open()
  const proof = (old: string): Record<string, unknown> => {
    const payload = rotatePayload({ network: w.network as OperationId, space: food }, { did: didOf('Ada'), old_key: didOf(old), key: didOf('Ada two') })
    return { space: food, old_key: didOf(old), signature: toBase64Url(keyOf('Ada two').sign(statementBytes('rotate', payload))) }
  }
  await assert.rejects(
    w.write('identity.rotate', 'Ada', { new_key: didOf('Ada two'), proofs: [{ ...proof('Ada'), signature: 'A'.repeat(86) }], reason: 'scheduled' }),
    (error: unknown) => (error as { code?: string }).code === 'OPERATION_MALFORMED',
  )
  await w.must('identity.rotate', 'Ada', { new_key: didOf('Ada two'), proofs: [proof('Ada')], reason: 'scheduled' })
  const profile = { coop_id: 'food', did: didOf('Ada'), name: 'Ada again' }
  assert.deepEqual((await w.write('coop.update_profile', 'Ada', profile)).codes, ['KEY_RETIRED'])
  assert.equal((await w.must('coop.update_profile', 'Ada', profile, 'Ada two')).name, 'Ada again')
})

test('at a sign-in only the root and live devices speak for a person, and nobody for one who is frozen anywhere', async () => {
  const w = await new World().open()
  const signers = () => ['Ada', 'Ada two', 'phone', 'the node', 'Ben'].filter((name) => w.standing.signs(didOf('Ada'), didOf(name)))
  await w.must('device.add', 'Ada', { grantee: didOf('phone'), label: 'Phone', days: 1 })
  await w.must('identity.grant', 'Ada', { space: food, scopes: ['coop.member.profile'], label: 'Elm' })
  assert.deepEqual(signers(), ['Ada', 'phone'])
  w.now += dayMs
  assert.deepEqual(signers(), ['Ada'])
  const payload = rotatePayload({ network: w.network as OperationId, space: food }, { did: didOf('Ada'), old_key: didOf('Ada'), key: didOf('Ada two') })
  const proof = { space: food, old_key: didOf('Ada'), signature: toBase64Url(keyOf('Ada two').sign(statementBytes('rotate', payload))) }
  await w.must('identity.rotate', 'Ada', { new_key: didOf('Ada two'), proofs: [proof], reason: 'scheduled' })
  assert.deepEqual(signers(), ['Ada two'])
  await w.must('identity.freeze', 'Ben', { reason: 'bag stolen', final: true })
  assert.deepEqual(
    ['Ada', 'Ben'].map((name) => w.standing.frozen(didOf(name))),
    [false, true],
  )
})

test('a frozen identity authors nothing, in every space of the person', async () => {
  const w = await new World().open()
  await w.must('identity.freeze', 'Ada', { reason: 'bag stolen', final: true })
  assert.deepEqual((await w.write('coop.update_profile', 'Ada', { coop_id: 'food', did: didOf('Ada'), name: 'x' })).codes, ['AUTHOR_FROZEN'])
})

test('two people make an act; the list says who may confirm, and time ends what nobody confirmed', async () => {
  const w = await new World().open()
  const removal = { did: didOf('Chen'), code: 'absence', reason: 'Moved away', ban: false, immediate: false }
  const act = await w.must('act.propose', 'Ada', { space: food, kind: 'coop.member.remove', body: removal, note: 'as we said' })
  assert.deepEqual([act.state, act.need, act.confirmed.length, act.you_may_confirm], ['open', 2, 1, false])
  assert.equal((await w.read('act.get', 'Ben', { space: food, operation_id: act.act_id })).you_may_confirm, true)
  assert.equal((await w.read('act.get', 'Chen', { space: food, operation_id: act.act_id })).you_may_confirm, false)
  assert.equal((await w.read('act.list', 'Ben', { space: food, state: 'open', mine: true })).length, 1)
  assert.deepEqual(await w.read('act.list', 'Chen', { space: food, mine: true }), [])
  await assert.rejects(w.read('act.get', 'Ben', { space: food, operation_id: w.network }), refusal('ACT_UNKNOWN'))
  const done = await w.must('act.confirm', 'Ben', { space: food, operation_id: act.act_id })
  assert.deepEqual([done.state, done.confirmed.map((one: any) => one.did)], ['done', [didOf('Ada'), didOf('Ben')]])

  const other = await w.must('act.propose', 'Ada', { space: food, kind: 'coop.host.add', body: { did: didOf('another node'), label: 'Oak' } })
  assert.deepEqual(await sweepIdentity(w.journal, w.now), [])
  w.now += 15 * dayMs
  assert.deepEqual(await sweepIdentity(w.journal, w.now), [food])
  assert.deepEqual(await sweepIdentity(w.journal, w.now), [])
  assert.equal((await w.read('act.get', 'Ada', { space: food, operation_id: other.act_id })).state, 'expired')
})

test('a DID resolves to its own key, known or not', async () => {
  const w = await new World().open()
  const stranger = await w.read('identity.resolve', 'Ada', { did: didOf('Nobody') })
  assert.equal(stranger.metadata.icn.known, false)
  assert.equal(stranger.verificationMethod[0].publicKeyMultibase, didOf('Nobody').slice(8))
  const node = await w.read('identity.resolve', 'Ada', { did: w.journal.node })
  assert.equal(node.metadata.icn.known, true)
})

test('cuts of this node alone are lawful under the real rules, one after the other', async () => {
  const w = await new World().open()
  for (let round = 0; round < 3; round++) {
    await w.must('coop.update_profile', 'Ada', { coop_id: 'food', did: didOf('Ada'), name: `Ada ${round}` })
    w.now += 60_000
    const id = await w.journal.checkpoint(food, 0)
    assert.ok(id !== null)
    assert.equal(w.journal.operation(id)?.status, 'applied')
    assert.equal(w.journal.info(food)?.unfinal, 0)
  }
  assert.notEqual(await w.journal.checkpoint('commons' as SpaceId, 0), null)
  assert.equal(await w.journal.checkpoint(food, 0), null, 'nothing to cover')
  assert.deepEqual(w.journal.doctor(), [])
})

test('gauges count live permissions and acts', async () => {
  const w = await new World().open()
  const metrics = openMetrics({ version: 'test', process: false })
  await w.must('device.add', 'Ada', { grantee: didOf('phone'), label: 'Phone' })
  await w.must('device.add', 'Ben', { grantee: didOf('tablet'), label: 'Tablet' })
  await w.must('identity.grant', 'Ada', { space: food, scopes: ['coop.member.profile'] })
  await w.must('act.propose', 'Ada', { space: food, kind: 'coop.host.add', body: { did: didOf('another node'), label: 'Oak' } })
  measureIdentity(w.journal, metrics, w.now)
  const { body } = await metrics.text(false)
  for (const line of ['icn_identity_grants{kind="device"} 2', 'icn_identity_grants{kind="node"} 1', 'icn_acts{state="open"} 1', 'icn_acts{state="done"} 0'])
    assert.ok(body.includes(line), line)
})
