import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type CallOptions, CallRefusal, Calls, type Mailbox, problemOf, refuse, type Reply } from '@icn/node'
import { type MethodName, type SpaceId, signStatement } from '@icn/protocol'
import { didOf, Person, TestNode } from './fixture.ts'
import type { OpenDoor } from './gateway.ts'

/** Doing it once, waiting, drafts and preconditions: what all rows have in common (doors page §§3, 9). */

let node: TestNode
let door: OpenDoor
let ada: Person
const space = 'coop:food' as SpaceId

before(async () => {
  node = new TestNode()
  await node.found()
  door = await node.gateway()
  ada = await new Person('ada', door.address).signIn()
  await ada.write('POST', '/v1/coops', { id: 'food', name: 'Food Coop', type: 'consumer', min_founders: 1 })
  const { json } = await ada.call('GET', '/v1/coops/food/charter')
  const statement = await signStatement(ada.key, 'charter', { network: json.network, space: 'coop:food', hash: json.hash, coop_id: 'food', version: json.version })
  await ada.write('POST', '/v1/coops/food/charter/sign', { hash: json.hash, signature: Buffer.from(statement.signature).toString('base64url') })
  await ada.write('POST', '/v1/coops/food/activate', {})
  await ada.write('POST', '/v1/spaces/coop:food/grants', { scopes: ['coop.member.*', 'coop.invite.*'], label: 'Elm' })
})
after(async () => {
  await door.close()
  await node.journal.close()
  assert.deepEqual(node.internals, [])
})

const ask = (method: MethodName, input: object, options: Partial<CallOptions> = {}, name = 'ada'): Promise<Reply> =>
  node.calls.ask(method, input, { did: didOf(name), signer: didOf(name), operator: false, lang: 'en' }, { requestId: 'test', ...options })
const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => problemOf(error, 'en', 'test').code,
  )
const count = (): number => Object.values(node.journal.info(space)?.operations ?? {}).reduce((sum, n) => sum + n, 0)

describe('once', () => {
  test('the same request fifty times at once has one effect', async () => {
    const before = count()
    const replies = await Promise.allSettled(Array.from({ length: 50 }, () => ask('coop.invite.create', { coop_id: 'food', name: 'Dora' }, { idempotencyKey: 'fifty' })))
    const good = replies.filter((reply) => reply.status === 'fulfilled').map(({ value }) => value as Reply & { as: 'envelope' })
    const busy = replies.filter((reply) => reply.status === 'rejected').map(({ reason }) => (reason as CallRefusal).code)
    assert.ok(good.length >= 1)
    assert.ok(busy.every((code) => code === 'REQUEST_IN_PROGRESS'))
    assert.equal(count(), before + 1)
    const again = (await ask('coop.invite.create', { coop_id: 'food', name: 'Dora' }, { idempotencyKey: 'fifty' })) as Reply & { as: 'envelope' }
    assert.equal(again.replayed, true)
    assert.deepEqual(again.envelope.operations, good[0]?.envelope.operations)
    assert.equal(count(), before + 1)
  })

  test('the same key for another input, and for another person, is another matter', async () => {
    await ask('coop.update_profile', { coop_id: 'food', did: didOf('ada'), name: 'Ada' }, { idempotencyKey: 'k' })
    assert.equal(await codeOf(ask('coop.update_profile', { coop_id: 'food', did: didOf('ada'), name: 'Adele' }, { idempotencyKey: 'k' })), 'IDEMPOTENCY_KEY_REUSED')
    assert.equal(await codeOf(ask('coop.update_profile', { coop_id: 'food', did: didOf('ben'), name: 'Ben' }, { idempotencyKey: 'k' }, 'ben')), 'NO_GRANT')
  })

  test('a dry run is not kept under its key, writes nothing, and foretells what then happens', async () => {
    const before = count()
    const input = { coop_id: 'food', did: didOf('ada'), name: 'Ada Two' }
    const dry = (await ask('coop.update_profile', input, { idempotencyKey: 'dry', dryRun: true })) as Reply & { as: 'envelope' }
    assert.equal(dry.envelope.outcome, 'simulated')
    assert.equal(count(), before)
    const real = (await ask('coop.update_profile', input, { idempotencyKey: 'dry' })) as Reply & { as: 'envelope' }
    assert.equal(real.replayed, false)
    assert.equal(count(), before + 1)
    const masked = (value: unknown) => JSON.stringify(value).replaceAll(/bafyrei[a-z2-7]{52}/g, 'id')
    assert.equal(masked(dry.envelope.value), masked(real.envelope.value))
  })

  test('signed bytes handed in twice are the same operation', async () => {
    const drafted = await ada.call('PUT', '/v1/coops/food/members/me/profile?draft=true', { name: 'Ada Three' })
    const operations = ada.sign(drafted.json)
    const [first, second] = [await ada.call('POST', '/v1/operations', { operations }), await ada.call('POST', '/v1/operations', { operations })]
    assert.equal(first.json.results[0].outcome, 'applied')
    assert.equal(second.json.results[0].operation.id, first.json.results[0].operation.id)
  })
})

describe('drafts', () => {
  test('an altered, foreign or unsigned operation is refused, each with its code, and nothing is written', async () => {
    const drafted = await ada.call('PUT', '/v1/coops/food/members/me/profile?draft=true', { name: 'Ada Four' })
    const [operation] = ada.sign(drafted.json)
    const before = count()
    const hand = async (changed: object) => (await ada.call('POST', '/v1/operations', { operations: [{ ...operation, ...changed }] })).json.results[0].problem
    assert.equal((await hand({ body: { name: 'Eve' } })).params.reason, 'body_hash')
    assert.equal((await hand({ sig: 'A'.repeat(86) })).params.reason, 'signature')
    assert.equal((await hand({ seq: operation.seq + 5 })).params.reason, 'signature')
    assert.equal((await hand({ author: didOf('ben') })).code, 'NOT_FOUND')
    assert.equal((await hand({ genesis: null, seq: 0, prev: null, seen: [], kind: 'coop.found' })).code, 'OPERATION_MALFORMED')
    assert.equal(count(), before)
  })

  test('If-Match given with a draft is compared again when it is handed in', async () => {
    const tag = (await ada.call('GET', '/v1/coops/food/members/me')).headers.get('etag') as string
    const drafted = await ada.call('PUT', '/v1/coops/food/members/me/profile?draft=true', { name: 'Ada Five' }, { 'if-match': tag })
    await ask('coop.update_profile', { coop_id: 'food', did: didOf('ada'), name: 'Meanwhile' })
    const { json } = await ada.call('POST', '/v1/operations', { operations: ada.sign(drafted.json) })
    assert.equal(json.results[0].problem.code, 'ETAG_MISMATCH')
  })

  test('who may not sign is told so, and a refusal comes before anybody signs', async () => {
    assert.equal(await codeOf(ask('coop.update_profile', { coop_id: 'food', did: didOf('ada'), name: '' }, { draft: true })), 'NAME_INVALID')
    assert.equal(
      await codeOf(
        node.calls.ask(
          'coop.update_profile',
          { coop_id: 'food', did: didOf('ada'), name: 'A' },
          { did: didOf('ada'), signer: didOf('phone'), operator: false, lang: 'en' },
          { requestId: 'test', draft: true },
        ),
      ),
      'NO_GRANT',
    )
    const kept = (await ask('coop.resign', { coop_id: 'food', did: didOf('ada') }).catch((error: unknown) => error)) as CallRefusal
    assert.equal(kept.code, 'LAST_STEWARD')
    assert.ok(kept.details.decision !== undefined)
  })
})

describe('waiting', () => {
  test('wait=final answers when a checkpoint covers the change', async () => {
    const waiting = ask('coop.update_profile', { coop_id: 'food', did: didOf('ada'), name: 'Final' }, { wait: 'final', waitMs: 5_000 })
    await new Promise((resolve) => setTimeout(resolve, 20))
    node.now += 1_000
    await node.journal.checkpoint(space, 0)
    const { envelope } = (await waiting) as Reply & { as: 'envelope' }
    assert.equal(envelope.operations[0]?.final, true)
  })

  test('and says that it is only applied when the time is over', async () => {
    const { envelope } = (await ask('coop.update_profile', { coop_id: 'food', did: didOf('ada'), name: 'Soon' }, { wait: 'final', waitMs: 20 })) as Reply & { as: 'envelope' }
    assert.equal(envelope.outcome, 'applied')
    assert.equal(envelope.operations[0]?.final, false)
  })

  test('at_least waits for an operation, or says that it is not here', async () => {
    const known = node.journal.info(space)?.head?.id
    assert.equal((await ask('coop.get', { coop_id: 'food' }, { atLeast: known as never })).as, 'value')
    assert.equal(
      await codeOf(ask('coop.get', { coop_id: 'food' }, { atLeast: 'bafyreidxolrzv3x2aujxmnuw4ekogm5aio6xxutnq5ifaxuevdqubymyma' as never, waitMs: 10 })),
      'NOT_CAUGHT_UP',
    )
  })
})

describe('the table', () => {
  test('a row without a handler, or a handler without a row, stops the start', () => {
    const parts = { journal: node.journal, standing: node.standing, sealer: { seal: () => '', open: () => undefined }, now: () => 0, sync: () => 'alone', fault: () => {} }
    assert.throws(() => new Calls(parts, {} as never), /rows without a handler: .*coop\.create/)
    assert.throws(() => new Calls(parts, { 'coop.nothing': () => ({}) } as never), /handlers without a row: coop\.nothing/)
  })

  test('a full mailbox is busy, with a time to come again', async () => {
    const full: Mailbox = { deliver: () => Promise.reject(refuse('MAILBOX_FULL')) }
    node.mailbox = full
    const { status, headers, json } = await ada.call('GET', '/v1/coops/food')
    node.mailbox = undefined
    assert.equal(status, 503)
    assert.equal(json.code, 'MAILBOX_FULL')
    assert.ok(Number(headers.get('retry-after')) >= 1)
  })

  test('options that a row has no use for are refused, so that no dry run ever writes', async () => {
    for (const [method, options] of [
      ['coop.get', { dryRun: true }],
      ['founding.save', { dryRun: true }],
      ['coop.get', { draft: true }],
      ['coop.list', { asOf: '2026-01-01T00:00:00Z' }],
    ] as const) {
      assert.equal(
        await codeOf(ask(method, method === 'founding.save' ? { draft_id: 'x', name: 'X' } : method === 'coop.get' ? { coop_id: 'food' } : {}, options)),
        'OPTION_UNSUPPORTED',
      )
    }
  })

  test('a problem tells all reasons and nothing of our inside', () => {
    const problem = problemOf(new TypeError('password is hunter2'), 'en', 'r1')
    assert.equal(problem.code, 'INTERNAL')
    assert.ok(!JSON.stringify(problem).includes('hunter2'))
    assert.equal(problemOf(new CallRefusal('NOT_FOUND'), 'es', 'r1').title, 'No existe o no le corresponde verlo.')
  })
})
