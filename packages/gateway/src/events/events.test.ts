import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { signStatement } from '@icn/protocol'
import { didOf, Person, TestNode } from '../fixture.ts'
import type { OpenDoor } from '../gateway.ts'
import { EventHub, type Frame, type Wire } from './hub.ts'

let node: TestNode
let door: OpenDoor
let ada: Person

before(async () => {
  node = new TestNode()
  await node.found()
  door = await node.gateway()
  ada = await new Person('ada', door.address).signIn()
  const founded = await ada.write('POST', '/v1/coops', { id: 'food', name: 'Food Coop', type: 'consumer', min_founders: 1 })
  assert.equal(founded.status, 201, JSON.stringify(founded.json))
  const { json } = await ada.call('GET', '/v1/coops/food/charter')
  const statement = await signStatement(ada.key, 'charter', { network: json.network, space: 'coop:food', hash: json.hash, coop_id: 'food', version: json.version })
  await ada.write('POST', '/v1/coops/food/charter/sign', { hash: json.hash, signature: Buffer.from(statement.signature).toString('base64url') })
  await ada.write('POST', '/v1/coops/food/activate', {})
})
after(async () => {
  await door.close()
  await node.journal.close()
  assert.deepEqual(node.internals, [])
  assert.deepEqual(node.faults, [])
})

let renames = 0
async function rename(): Promise<string> {
  const name = `Ada ${++renames}`
  const { json } = await ada.write('PUT', '/v1/coops/food/members/me/profile', { name })
  assert.equal(json.outcome, 'applied', JSON.stringify(json))
  return json.id
}

/** A socket whose frames can be waited for. */
class Reader {
  readonly socket: WebSocket
  readonly frames: any[] = []
  closed: number | undefined
  #wake: (() => void)[] = []

  constructor(address: string, protocol = 'icn.events.v1') {
    this.socket = new WebSocket(`${address.replace('http', 'ws')}/v1/events`, protocol)
    this.socket.addEventListener('message', ({ data }) => {
      this.frames.push(JSON.parse(String(data)))
      this.#ring()
    })
    this.socket.addEventListener('close', ({ code }) => {
      this.closed = code
      this.#ring()
    })
  }

  #ring(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }

  async until<T>(look: () => T | undefined): Promise<T> {
    for (;;) {
      const found = look()
      if (found !== undefined) return found
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`nothing came; so far ${JSON.stringify(this.frames).slice(0, 500)}`)), 5_000)
        this.#wake.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  frame(type: string, nth = 0): Promise<any> {
    return this.until(() => this.frames.filter((frame) => frame.type === type)[nth])
  }

  say(frame: object): void {
    this.socket.send(JSON.stringify(frame))
  }

  async hello(token: string | undefined): Promise<any> {
    await this.until(() => (this.socket.readyState === 1 ? true : undefined)).catch(() => {})
    if (this.socket.readyState !== 1) await new Promise((resolve) => this.socket.addEventListener('open', resolve, { once: true }))
    this.say({ type: 'hello', token })
    return this.frame('welcome')
  }

  get events(): any[] {
    return this.frames.filter(({ type }) => type === 'event').map(({ event }) => event)
  }
}

const open = async (): Promise<Reader> => {
  const reader = new Reader(door.address)
  await new Promise((resolve) => reader.socket.addEventListener('open', resolve, { once: true }))
  return reader
}

describe('WebSocket', () => {
  test('hello, welcome, replay from a position, then live, without hole or repeat', async () => {
    const reader = await open()
    const welcome = await reader.hello(ada.token)
    assert.equal(welcome.did, ada.did)
    const food = welcome.spaces.find(({ space }: { space: string }) => space === 'coop:food')
    assert.ok(food.newest >= 4)
    reader.say({ type: 'subscribe', id: 's', spaces: ['coop:food'], topics: ['*'], after: { 'coop:food': { epoch: food.epoch, sequence: 0 } } })
    await reader.frame('caught_up')
    const before = reader.events.length
    await rename()
    await reader.until(() => (reader.events.length > before ? true : undefined))
    const sequences = reader.events.map(({ sequence }) => Number(sequence))
    assert.deepEqual(
      sequences,
      [...new Set(sequences)].sort((a, b) => a - b),
    )
    // A reader finds a hole by comparing what it was sent before.
    for (const [i, event] of reader.events.entries()) assert.equal(Number(event.previous), i === 0 ? 0 : sequences[i - 1])
    const last = reader.events.at(-1)
    assert.equal(last.type, 'icn.coop.member_updated')
    assert.equal(last.topic, 'coop:updates')
    assert.equal(last.id, `${food.epoch}.${Number(last.sequence)}`)
    reader.socket.close()
  })

  test('a killed reader resumes where it was', async () => {
    const first = await open()
    await first.hello(ada.token)
    first.say({ type: 'subscribe', id: 's', spaces: ['coop:food'], topics: ['coop:updates'] })
    await first.frame('subscribed')
    await rename()
    await first.frame('event')
    const { epoch, sequence } = first.events[0]
    first.socket.close()
    const missed = [await rename(), await rename()]
    const second = await open()
    await second.hello(ada.token)
    second.say({ type: 'subscribe', id: 's', spaces: ['coop:food'], topics: ['coop:updates'], after: { 'coop:food': { epoch, sequence: Number(sequence) } } })
    await second.frame('caught_up')
    assert.deepEqual(
      second.events.map(({ operation }) => operation),
      missed,
    )
    second.socket.close()
  })

  test('a position of another epoch is said to be lost, never pretended', async () => {
    const reader = await open()
    await reader.hello(ada.token)
    reader.say({ type: 'subscribe', id: 's', spaces: ['coop:food'], topics: ['*'], after: { 'coop:food': { epoch: 'elsewhere', sequence: 3 } } })
    const subscribed = await reader.frame('subscribed')
    assert.deepEqual(subscribed.truncated, ['coop:food'])
    await reader.frame('caught_up')
    assert.ok(reader.events.length > 0)
    reader.socket.close()
  })

  test('a stranger may not follow, no token closes, a broken frame closes', async () => {
    const eli = await new Person('eli', door.address).signIn()
    const stranger = await open()
    const welcome = await stranger.hello(eli.token)
    assert.ok(!welcome.spaces.some(({ space }: { space: string }) => space === 'coop:food'))
    stranger.say({ type: 'subscribe', id: 's', spaces: ['coop:food'], topics: ['*'] })
    assert.equal((await stranger.frame('problem')).problem.code, 'NOT_FOUND')
    stranger.socket.send('[not a frame')
    assert.equal(await stranger.until(() => stranger.closed), 4400)
    const nobody = await open()
    nobody.say({ type: 'hello', token: 'nonsense' })
    assert.equal(await nobody.until(() => nobody.closed), 4401)
    const early = await open()
    early.say({ type: 'subscribe', id: 's', spaces: ['coop:food'], topics: ['*'] })
    assert.equal(await early.until(() => early.closed), 4401)
  })

  test('a person hears on every device that somebody signed in', async () => {
    const reader = await open()
    await reader.hello(ada.token)
    reader.say({ type: 'subscribe', id: 'm', spaces: ['coop:food'], topics: ['me'] })
    await reader.frame('subscribed')
    await new Person('ada', door.address).signIn({ label: 'Tablet' })
    const { event } = await reader.frame('event')
    assert.equal(event.type, 'icn.session.opened')
    assert.equal(event.data.label, 'Tablet')
    reader.socket.close()
  })

  test('a revoked device loses its session and its reader at once', async () => {
    const added = await ada.write('POST', '/v1/me/devices', { grantee: didOf('phone'), label: 'Phone', spaces: ['coop:food'] })
    assert.equal(added.json.outcome, 'applied', JSON.stringify(added.json))
    const phone = new Person('phone', door.address)
    const challenge = await phone.call('POST', '/v1/auth/challenge', { did: ada.did, signer: phone.did })
    const verified = await phone.call('POST', '/v1/auth/verify', {
      challenge: challenge.json.challenge,
      signature: Buffer.from(phone.key.sign(Buffer.from(challenge.json.message))).toString('base64url'),
    })
    assert.equal(verified.status, 200, JSON.stringify(verified.json))
    phone.token = verified.json.access_token
    const reader = await open()
    assert.equal((await reader.hello(phone.token)).did, ada.did)
    reader.say({ type: 'subscribe', id: 's', spaces: ['coop:food'], topics: ['*'] })
    await reader.frame('subscribed')
    await ada.write('DELETE', `/v1/me/devices/${didOf('phone')}`, { reason: 'lost' })
    assert.equal(await reader.until(() => reader.closed), 4401)
    assert.equal((await phone.call('GET', '/v1/me')).json.code, 'TOKEN_REVOKED')
  })

  test('the end of a session cuts its reader at once', async () => {
    const laptop = await new Person('ada', door.address).signIn({ label: 'Laptop' })
    const reader = await open()
    await reader.hello(laptop.token)
    reader.say({ type: 'subscribe', id: 's', spaces: ['coop:food'], topics: ['*'] })
    await reader.frame('subscribed')
    await laptop.call('POST', '/v1/auth/logout', {})
    assert.equal((await reader.frame('dropped')).reason, 'not_allowed')
    assert.equal((await reader.frame('bye')).reason, 'session')
    assert.equal(await reader.until(() => reader.closed), 4401)
  })
})

describe('SSE and pages', () => {
  test('a stream resumes by its last id', async () => {
    const read = async (headers: Record<string, string>, enough: (text: string) => boolean): Promise<string> => {
      const stop = new AbortController()
      const response = await fetch(`${door.address}/v1/events?spaces=coop:food&topics=coop:updates`, {
        headers: { accept: 'text/event-stream', authorization: `Bearer ${ada.token}`, ...headers },
        signal: stop.signal,
      })
      assert.equal(response.status, 200)
      assert.match(response.headers.get('content-type') ?? '', /event-stream/)
      let text = ''
      for await (const part of response.body as AsyncIterable<Uint8Array>) {
        text += Buffer.from(part).toString()
        if (enough(text)) break
      }
      stop.abort()
      return text
    }
    const running = read({}, (text) => text.includes('event: event'))
    await new Promise((resolve) => setTimeout(resolve, 50))
    const seen = await rename()
    const first = await running
    assert.match(first, /retry: 2000/)
    assert.ok(first.includes(seen))
    const id = [...first.matchAll(/^id: (.+)$/gm)].at(-1)?.[1] as string
    const missed = await rename()
    const second = await read({ 'last-event-id': id }, (text) => text.includes('event: caught_up'))
    assert.ok(second.includes(missed))
    assert.ok(!second.includes(seen))
    const bad = await fetch(`${door.address}/v1/events`, { headers: { accept: 'text/event-stream', authorization: `Bearer ${ada.token}`, 'last-event-id': 'AAAA' } })
    assert.equal(bad.status, 400)
    assert.equal((await fetch(`${door.address}/v1/events`, { headers: { accept: 'text/event-stream' } })).status, 401)
  })

  test('pages go on by cursor, and a long poll answers as soon as something happens', async () => {
    const first = await ada.call('GET', '/v1/events?spaces=coop:food&limit=2')
    assert.equal(first.json.events.length, 2)
    let cursor = first.json.cursor
    for (;;) {
      const page = await ada.call('GET', `/v1/events?spaces=coop:food&limit=50&after=${cursor}`)
      cursor = page.json.cursor
      if (page.json.events.length === 0) break
    }
    const waiting = ada.call('GET', `/v1/events?spaces=coop:food&after=${cursor}&long_poll_ms=5000`)
    const operation = await rename()
    const { json } = await waiting
    assert.deepEqual(
      json.events.map((event: { operation: string }) => event.operation),
      [operation],
    )
    assert.equal((await ada.call('GET', '/v1/events?after=AAAA')).json.code, 'CURSOR_INVALID')
  })
})

describe('what happens at the node and in no space', () => {
  const told = (): void => node.nodeEvents.tell('peer.lost', { did: didOf('node oak') })
  const sse = async (headers: Readonly<Record<string, string>>): Promise<Response> =>
    fetch(`${door.address}/v1/events?spaces=node`, {
      headers: { accept: 'text/event-stream', authorization: `Bearer ${ada.token}`, ...headers },
      signal: AbortSignal.timeout(10_000),
    })

  test('is for the operator alone, over every way, and follows nobody who asks for all of theirs', async () => {
    const ben = await new Person('ben', door.address).signIn()
    node.operators.add(ben.did)
    const [operator, member] = [await open(), await open()]
    const { spaces } = await operator.hello(ben.token)
    assert.ok(spaces.some(({ space }: { space: string }) => space === 'node'))
    operator.say({ type: 'subscribe', id: 's', spaces: ['node'], topics: ['network:status'] })
    await operator.frame('caught_up')
    const welcome = await member.hello(ada.token)
    assert.ok(welcome.spaces.every(({ space }: { space: string }) => space !== 'node'))
    member.say({ type: 'subscribe', id: 's', spaces: ['node'], topics: ['*'] })
    assert.equal((await member.frame('problem')).problem.code, 'NOT_FOUND')
    member.say({ type: 'subscribe', id: 'all', spaces: ['coop:food'], topics: ['*'] })
    await member.frame('subscribed')

    const streamed = await sse({ 'icn-operator': node.operatorToken })
    assert.equal(streamed.status, 200)
    assert.equal((await sse({})).status, 404)
    assert.equal((await ada.call('GET', '/v1/events?spaces=node')).status, 404)
    const asOperator = { 'icn-operator': node.operatorToken }
    const { json: before } = await ada.call('GET', '/v1/events?spaces=node', undefined, asOperator)
    const polled = ada.call('GET', `/v1/events?spaces=node&after=${before.cursor}&long_poll_ms=5000`, undefined, asOperator)
    told()
    await operator.until(() => (operator.events.length > 0 ? true : undefined))
    const [event] = operator.events
    assert.deepEqual(
      [event.type, event.topic, event.space, event.source, event.subject, event.data],
      ['icn.peer.lost', 'network:status', 'node', `/nodes/${node.journal.node}`, `/v1/peers/${didOf('node oak')}`, { did: didOf('node oak') }],
    )
    assert.deepEqual((await polled).json.events, [event])
    let text = ''
    for await (const part of streamed.body as AsyncIterable<Uint8Array>) {
      text += Buffer.from(part).toString()
      if (text.includes('icn.peer.lost')) break
    }
    const narrow = await new Person('ben', door.address).signIn({ scopes: ['coop:read'] })
    assert.equal((await narrow.call('GET', '/v1/events?spaces=node')).status, 404, 'a token that may not look at the network')
    await rename()
    await member.frame('event')
    assert.ok(member.events.every(({ topic }) => topic !== 'network:status'))
    for (const reader of [operator, member]) reader.socket.close()
    node.operators.clear()
  })

  test('is resumed where it was left, and keeps so much and no more', async () => {
    const asOperator = { 'icn-operator': node.operatorToken }
    const page = async (after: string) => (await ada.call('GET', `/v1/events?spaces=node&limit=200&after=${after}`, undefined, asOperator)).json
    told()
    const { cursor } = (await ada.call('GET', '/v1/events?spaces=node&limit=200', undefined, asOperator)).json
    told()
    assert.deepEqual([(await page(cursor)).events.length, (await page(cursor)).truncated], [1, []])
    for (let i = 0; i < 1_200; i++) told()
    const late = await page(cursor)
    assert.deepEqual(late.truncated, ['node'])
    const { oldest, newest } = node.feed.extent('node')
    assert.equal(newest - oldest + 1, 1_000)
    assert.equal(Number(late.events[0].sequence), oldest)
  })

  test('a reader who takes nothing is dropped, and nothing waits for it', async () => {
    const hub = new EventHub({ ...node.parts, holds: () => true })
    const frames: Frame[] = []
    const wire: Wire = { transport: 'websocket', send: (frame) => frames.push(frame), buffered: () => 2_000_000, ping: () => {}, close: () => {} }
    const subscriber = hub.add(wire, { did: ada.did, operator: true }, Number.POSITIVE_INFINITY)
    assert.ok(hub.subscribe(subscriber, 's', ['node'], ['*'], {}))
    subscriber.subscriptions.forEach((subscription) => {
      subscription.caughtUp = true
    })
    told()
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(
      frames.map(({ type }) => type),
      ['subscribed', 'dropped'],
    )
    hub.close('stopping')
  })
})

describe('readers that do not keep up', () => {
  test('are dropped with their positions; the writer goes on', async () => {
    const hub = new EventHub({ ...node.parts, holds: () => true })
    const frames: Frame[] = []
    let waiting = 0
    const wire: Wire = { transport: 'websocket', send: (frame) => frames.push(frame), buffered: () => waiting, ping: () => {}, close: () => {} }
    const subscriber = hub.add(wire, { did: ada.did, operator: false }, Number.POSITIVE_INFINITY)
    assert.ok(hub.subscribe(subscriber, 's', ['coop:food' as never], ['*'], {}))
    await rename()
    assert.equal(frames.filter(({ type }) => type === 'event').length, 1)
    waiting = 2_000_000
    await rename()
    const dropped = frames.find((frame) => frame.type === 'dropped')
    assert.equal(dropped?.type === 'dropped' && dropped.reason, 'slow_consumer')
    assert.equal(subscriber.subscriptions.size, 0)
    hub.close('stopping')
  })
})
