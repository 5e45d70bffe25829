import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { didOf } from '../../gateway/src/fixture.ts'
import { BusyError, ForbiddenError, NotFoundError, OutcomeUnknownError, RefusedError, SignInError, TamperedError, UnreachableError } from './errors.ts'
import { openWorld, personOf, tampering, type World } from './fixture.ts'
import type { Fetch } from './transport.ts'

let world: World

before(async () => {
  world = await openWorld()
  await world.openFood()
})
after(async () => {
  await world[Symbol.asyncDispose]()
  assert.deepEqual(world.node.internals, [])
  assert.deepEqual(world.node.faults, [])
})

const code = (wanted: string) => (error: unknown) =>
  (error as { code?: string }).code === wanted || assert.fail(`${(error as Error).name} ${(error as { code?: string }).code}: ${(error as Error).message}`)

describe('calls', () => {
  it('founds, signs, opens and reads over both transports, with the same value', async () => {
    const rest = await world.as('Ada').coop.get({ coop_id: 'food' })
    const rpc = await world.atRpc('Ada').coop.get({ coop_id: 'food' })
    assert.deepEqual(rest, rpc)
    assert.equal(rest.status, 'active')
    assert.equal(rest.meta.sync, 'alone')
    assert.equal(rest.meta.etag, rpc.meta.etag)
    assert.equal(JSON.stringify(rest).includes('meta'), false)
  })

  it('needs no session for what is public, and says so for the rest', async () => {
    const stats = await world.as().getCoopStats('food')
    assert.equal(stats.total_members, 2)
    await assert.rejects(world.as().me.get(), (error: unknown) => error instanceof SignInError && error.code === 'UNAUTHENTICATED')
  })

  it('reads lists page by page and as a whole', async () => {
    const members = world.as('Ada').coop.listMembers({ coop_id: 'food', limit: 1 })
    const names = []
    for await (const { name } of members) names.push(name)
    assert.deepEqual(names.sort(), ['Ada', 'Ben'])
    const page = await members.page()
    assert.equal(page.items.length, 1)
    assert.notEqual(page.next_cursor, null)
  })

  it('signs each change on the device, also on one door and then the other', async () => {
    const identity = personOf('Ada')
    const [rest, rpc] = [world.as('Ada', { identity }), world.atRpc('Ada', { identity })]
    for (const [index, client] of [rest, rpc, rest].entries()) {
      const { outcome, value, operations } = await client.coop.updateProfile({ coop_id: 'food', did: 'me', name: `Ada ${index}` }, { ifMatch: '*' })
      assert.equal(outcome, 'applied')
      assert.equal(value !== null && 'name' in value ? value.name : undefined, `Ada ${index}`)
      assert.equal(world.node.journal.operation(operations[0]?.id as never)?.operation.envelope.signer, identity.did)
    }
  })

  it('answers an invitation with its code, and lets somebody join with it', async () => {
    const { value } = await world.as('Ada').coop.invite.create({ coop_id: 'food', name: 'Dora' })
    assert.ok(value !== null && 'code' in value && /^[0-9A-Z]{4}(-[0-9A-Z]{4}){3}$/.test(value.code ?? ''))
  })

  it('turns a change that needs a second person into an act', async () => {
    const { value } = await world.as('Ada').coop.removeMember({ coop_id: 'food', did: didOf('Ben'), code: 'absence', reason: 'Moved away' })
    assert.ok(value !== null && 'act' in value)
    assert.equal(value.act.state, 'open')
    await world.as('Ada').act.withdraw({ space: 'coop:food', operation_id: value.act.act_id })
  })

  it('tries out without signing, and writes only while what was read stands', async () => {
    const ada = world.as('Ada')
    const input = { coop_id: 'food', changes: [{ field: 'website', value: 'https://food.example' }] } as const
    const dry = await ada.coop.update(input, { dryRun: true })
    assert.equal(dry.outcome, 'simulated')
    assert.ok(dry.token)
    await ada.coop.update({ coop_id: 'food', changes: [{ field: 'website', value: 'https://other.example' }] })
    await assert.rejects(ada.coop.update(input, { ifUnchanged: dry.token as string }), code('STATE_CHANGED'))
  })

  it('throws a class for each sort of no, with the record', async () => {
    const ada = world.as('Ada')
    await assert.rejects(ada.coop.activate({ coop_id: 'nothing-here' }), (error: unknown) => error instanceof NotFoundError)
    await assert.rejects(
      ada.coop.suspendMember({ coop_id: 'food', did: 'me', code: 'arrears', reason: 'x' }),
      (error: unknown) => error instanceof RefusedError && error.reasons.length > 0 && error.decision?.outcome === 'refused',
    )
    await assert.rejects(
      world.as('Ada', { signing: 'node' }).coop.updateProfile({ coop_id: 'food', did: 'me', name: 'Ada' }),
      (error: unknown) => error instanceof ForbiddenError && error.code === 'NO_GRANT',
    )
    await assert.rejects(world.as('Ada').node.status(), (error: unknown) => error instanceof ForbiddenError && error.code === 'OPERATOR_ONLY')
  })

  it('lets the node sign under a grant, when that was chosen', async () => {
    await world.as('Ben').identity.grant({ space: 'coop:food', scopes: ['coop.member.profile'], for_ms: 3_600_000 })
    const { operations } = await world.as('Ben', { signing: 'node' }).coop.updateProfile({ coop_id: 'food', did: 'me', name: 'Benito' })
    assert.equal(world.node.journal.operation(operations[0]?.id as never)?.operation.envelope.signer, world.node.journal.node)
  })

  it('sends the operator’s token only where an operator is asked for', async () => {
    const seen: (string | undefined)[] = []
    const watch: Fetch = (input, init) => {
      const headers = new Headers(init?.headers)
      seen.push(
        headers.get('authorization')?.includes(world.node.operatorToken) || headers.get('icn-operator') === world.node.operatorToken
          ? JSON.parse(String(init?.body)).method
          : undefined,
      )
      return fetch(input, init)
    }
    const ada = world.atRpc('Ada', { operatorToken: world.node.operatorToken, fetch: watch })
    assert.equal((await ada.node.status()).name, 'elm')
    await ada.coop.get({ coop_id: 'food' })
    const spaces = await ada.space.list().page()
    assert.ok(spaces.items.some(({ space }) => space === 'commons'))
    assert.deepEqual([...new Set(seen.filter((method) => method !== undefined))], ['node.status', 'space.list'])
  })

  it('waits until an operation is final', async () => {
    const ada = world.as('Ada')
    const { operations } = await ada.coop.updateProfile({ coop_id: 'food', did: 'me', name: 'Ada' })
    const waiting = ada.waitFor(operations[0]?.id as string, { everyMs: 100 })
    await world.node.journal.checkpoint('coop:food' as never, 0)
    assert.equal((await waiting).final, true)
  })
})

describe('trouble', () => {
  it('tells a node that is away from one whose answer was lost', async () => {
    await assert.rejects(
      world
        .as(undefined, {})
        .call('coop.get', { coop_id: 'food' }, { timeoutMs: 1 })
        .catch((error) => {
          throw error
        }),
      (error: unknown) => error instanceof UnreachableError,
    )
    let submits = 0
    const cut: Fetch = async (input, init) => {
      const response = await fetch(input, init)
      if (!String(input).endsWith('/v1/operations')) return response
      submits++
      throw new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } })
    }
    const identity = personOf('Ada')
    await assert.rejects(
      world.as('Ada', { identity, fetch: cut }).coop.updateProfile({ coop_id: 'food', did: 'me', name: 'Ada lost' }),
      (error: unknown) => error instanceof OutcomeUnknownError && typeof error.idempotencyKey === 'string',
    )
    assert.equal(submits, 3)
    // It stood all along: the next change goes on behind it.
    const { value } = await world.as('Ada', { identity }).coop.updateProfile({ coop_id: 'food', did: 'me', name: 'Ada' })
    assert.ok(value !== null && 'name' in value && value.name === 'Ada')
  })

  it('hands in again what left and never arrived, before anything stands after it', async () => {
    const identity = personOf('Ada')
    const never: Fetch = (input, init) =>
      String(input).endsWith('/v1/operations') ? Promise.reject(new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } })) : fetch(input, init)
    await assert.rejects(world.as('Ada', { identity, fetch: never }).coop.updateProfile({ coop_id: 'food', did: 'me', name: 'Ada first' }), OutcomeUnknownError)
    await world.as('Ada', { identity }).coop.updateProfile({ coop_id: 'food', did: 'me', name: 'Ada second' })
    const log = await world.as('Ada').operation.list({ space: 'coop:food', author: identity.did, kind: 'coop.member.profile', order: 'desc', limit: 2 }).page()
    const bodies = await Promise.all(log.items.map(({ id }) => world.as('Ada').operation.get({ operation_id: id })))
    assert.deepEqual(bodies.map(({ operation }) => operation.body?.['name']).sort(), ['Ada first', 'Ada second'])
  })

  it('signs anew under the same number what a door found late and forgot', async () => {
    const key = personOf('Ada')
    let slow = true
    const identity = {
      ...key,
      signer: {
        ...key.signer,
        sign: (message: Uint8Array) => {
          if (slow && new TextDecoder().decode(message.subarray(0, 8)) === 'icn/op/1') {
            slow = false
            world.node.now += 61_000
          }
          return key.signer.sign(message)
        },
      },
    }
    const seqs: number[] = []
    const watch: Fetch = (input, init) => {
      if (String(input).endsWith('/v1/operations')) seqs.push(...(JSON.parse(String(init?.body)) as { operations: { seq: number }[] }).operations.map(({ seq }) => seq))
      return fetch(input, init)
    }
    const { outcome } = await world.as('Ada', { identity, fetch: watch }).coop.updateProfile({ coop_id: 'food', did: 'me', name: 'Ada late' })
    assert.equal(outcome, 'applied')
    assert.equal(seqs.length, 2)
    assert.equal(seqs[0], seqs[1])
  })

  it('gives way to a busy node as long as it asks, then says so', async () => {
    let calls = 0
    const busy: Fetch = async () => {
      calls++
      return new Response(
        JSON.stringify({
          type: '',
          title: 'busy',
          status: 429,
          detail: 'busy',
          instance: '',
          code: 'RATE_LIMITED',
          class: 'busy',
          params: {},
          reasons: [],
          errors: [],
          retry: { advice: 'later', after_ms: 1 },
          request_id: 'r',
        }),
        { status: 429, headers: { 'content-type': 'application/problem+json' } },
      )
    }
    await assert.rejects(world.as(undefined, { fetch: busy }).getCoopStats('food'), (error: unknown) => error instanceof BusyError && error.retryAfterMs === 1)
    assert.equal(calls, 3)
  })

  it('never tries again after a no', async () => {
    let calls = 0
    const count: Fetch = (input, init) => {
      calls++
      return fetch(input, init)
    }
    await assert.rejects(world.as(undefined, { fetch: count }).getCoopStats('nothing-here'), NotFoundError)
    assert.equal(calls, 1)
  })

  it('does a thing once under one key', async () => {
    const ada = world.as('Ada')
    const key = { idempotencyKey: 'one-and-the-same' }
    const first = await ada.coop.updateProfile({ coop_id: 'food', did: 'me', name: 'Ada once' }, key)
    const again = await ada.coop.updateProfile({ coop_id: 'food', did: 'me', name: 'Ada once' }, key)
    assert.deepEqual(again.operations, first.operations)
    await assert.rejects(ada.coop.updateProfile({ coop_id: 'food', did: 'me', name: 'Ada twice' }, key), code('IDEMPOTENCY_KEY_REUSED'))
  })
})

describe('a dishonest node', () => {
  const changes: readonly [what: string, change: (draft: any) => void][] = [
    ['author', (draft) => (draft.operation.author = didOf('Mallory'))],
    ['signer', (draft) => (draft.operation.signer = didOf('Mallory'))],
    ['space', (draft) => (draft.operation.space = 'coop:other')],
    ['kind', (draft) => (draft.operation.kind = 'coop.member.resign')],
    ['body', (draft) => (draft.operation.body.name = 'Mallory')],
    ['a field more', (draft) => (draft.operation.body.extra = 1)],
    ['hash', (draft) => (draft.operation.body_hash = 'A'.repeat(43))],
    ['signing bytes', (draft) => (draft.signing_bytes = Buffer.from('icn/op/1\nsomething else').toString('base64url'))],
    ['genesis', (draft) => (draft.operation.genesis = null)],
    ['a permission that nobody needs', (draft) => (draft.operation.grant = draft.operation.genesis)],
    [
      'an act with another change in it',
      (draft) => {
        draft.operation.kind = 'act.propose'
        draft.operation.body = { kind: 'coop.member.remove', body: { did: didOf('Ben'), code: 'fraud', reason: 'x', ban: true, immediate: true } }
      },
    ],
  ]
  for (const [what, change] of changes) {
    it(`gets no signature for a draft with another ${what}`, async () => {
      let signatures = 0
      const key = personOf('Ada')
      const identity = {
        ...key,
        signer: {
          ...key.signer,
          sign: (message: Uint8Array) => {
            if (new TextDecoder().decode(message.subarray(0, 8)) === 'icn/op/1') signatures++
            return key.signer.sign(message)
          },
        },
      }
      const fetch = tampering((path, json) => {
        if (path.endsWith('/profile')) change(json.drafts[0])
        return json
      })
      await assert.rejects(world.as('Ada', { identity, fetch }).coop.updateProfile({ coop_id: 'food', did: 'me', name: 'Ada' }), TamperedError)
      assert.equal(signatures, 0)
    })
  }

  it('gets no signature for a longer or wider permission than was asked for', async () => {
    for (const change of [(body: any) => (body.not_after_at += 1), (body: any) => body.scopes.push('coop.member.remove'), (body: any) => (body.grantee = didOf('Mallory'))]) {
      const fetch = tampering((path, json) => {
        if (path.endsWith('/grants')) change(json.drafts[0].operation.body)
        return json
      })
      await assert.rejects(world.as('Ada', { fetch }).identity.grant({ space: 'coop:food', scopes: ['coop.member.profile'], for_ms: 3_600_000 }), TamperedError)
    }
  })

  it('gets no signature to sign in elsewhere with', async () => {
    const fetch = tampering((path, json) => (path.endsWith('/challenge') ? { ...json, message: json.message.replace(/origin: .*/, 'origin: https://elsewhere.example') } : json))
    await assert.rejects(world.as('Ada', { fetch }).me.get(), TamperedError)
    const moved = tampering((path, json) => (path.endsWith('/about') ? { ...json, public_origin: 'https://elsewhere.example' } : json))
    await assert.rejects(world.as('Ada', { fetch: moved }).me.get(), TamperedError)
  })

  it('is not followed when it is suddenly another one', async () => {
    const pins = new Map()
    const store = { get: async (endpoint: string) => pins.get(endpoint), set: async (endpoint: string, pin: unknown) => void pins.set(endpoint, pin) }
    await world.as('Ada', { pins: store as never }).me.get()
    pins.set(world.rest, { ...pins.get(world.rest), node: didOf('another node') })
    await assert.rejects(world.as('Ada', { pins: store as never }).me.get(), (error: unknown) => error instanceof SignInError && error.code === 'WRONG_GENESIS')
    await world.as('Ada', { pins: store as never, confirmChanged: async () => true }).me.get()
  })
})
