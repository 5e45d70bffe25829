import assert from 'node:assert/strict'
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { after, before, it } from 'node:test'
import { Caller } from './caller.ts'
import { type EventItem, type EventPosition, openEvents } from './events.ts'
import { openWorld, personOf, type World } from './fixture.ts'
import { restTransport, rpcTransport } from './transport.ts'

let world: World

before(async () => {
  world = await openWorld()
  await world.openFood()
})
after(() => world[Symbol.asyncDispose]())

const options = { spaces: ['coop:food'], topics: ['coop:updates'] } as const

async function rename(count: number, from = 0): Promise<void> {
  const ada = world.as('Ada')
  for (let i = 0; i < count; i++) await ada.coop.updateProfile({ coop_id: 'food', did: 'me', name: `Ada ${from + i}` })
}

/** A wire that can be cut in the middle. */
class Wire {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  cuts = 0

  constructor(port: number) {
    this.#server = createServer((inside) => {
      const outside = connectTcp(port, '127.0.0.1')
      for (const socket of [inside, outside]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          this.#sockets.delete(socket)
          inside.destroy()
          outside.destroy()
        })
      }
      inside.pipe(outside)
      outside.pipe(inside)
    })
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  cut(): void {
    this.cuts++
    for (const socket of this.#sockets) socket.destroy()
  }

  close(): void {
    this.cut()
    this.#server.close()
  }
}

function listen(endpoint: string, more: { readonly after?: EventPosition; readonly signal?: AbortSignal } = {}): AsyncGenerator<EventItem> {
  const rest = restTransport(world.rest)
  // Sessions go the straight way; only the socket goes through the wire.
  const caller = new Caller(rest, { identity: personOf('Ada') })
  return openEvents({ transport: { ...rest, endpoint }, caller, firstWaitMs: 5 }, { ...options, ...more })
}

it('gives every event once and in order, however often the socket is killed', async () => {
  const wire = new Wire(Number(new URL(world.rest).port))
  const endpoint = await wire.open()
  const stop = new AbortController()
  const seen: number[] = []
  const stream = listen(endpoint, { signal: stop.signal })
  const reading = (async () => {
    for await (const item of stream) {
      assert.ok(!('truncated' in item), 'nothing is missing')
      if ('event' in item) seen.push(Number(item.event.sequence))
    }
  })()
  // The subscription begins now; wait until it stands.
  await rename(1)
  while (seen.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    if (seen.length === 0) await rename(1)
  }
  const first = seen[0] as number
  for (let i = 0; i < 6; i++) {
    wire.cut()
    await rename(3, i * 3)
    if (i % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 15))
  }
  const newest = world.node.journal.events('coop:food' as never, undefined, 1).newest
  while ((seen.at(-1) ?? 0) < newest) await new Promise((resolve) => setTimeout(resolve, 10))
  stop.abort()
  wire.close()
  await reading
  assert.deepEqual(
    seen,
    [...new Set(seen)].sort((a, b) => a - b),
    'no repeat, in order',
  )
  const all = world.node.journal
    .events('coop:food' as never, { epoch: world.node.journal.events('coop:food' as never, undefined, 1).epoch, sequence: first - 1 }, 1_000)
    .events.filter(({ type }) => type.startsWith('coop.'))
  assert.deepEqual(
    seen,
    all.map(({ sequence }) => sequence),
  )
})

it('goes on from a position of another day, and says when the log no longer reaches back', async () => {
  const stop = new AbortController()
  const { epoch, newest } = world.node.journal.events('coop:food' as never, undefined, 1)
  await rename(2)
  const items: EventItem[] = []
  for await (const item of listen(world.rest, { after: { 'coop:food': { epoch, sequence: newest } }, signal: stop.signal })) {
    items.push(item)
    if ('caughtUp' in item) stop.abort()
  }
  assert.equal(items.filter((item) => 'event' in item).length, 2)
  const lost = listen(world.rest, { after: { 'coop:food': { epoch: 'another', sequence: 3 } } })
  const first = await lost.next()
  assert.deepEqual((first.value as { truncated: unknown }).truncated, ['coop:food'])
  await lost.return(undefined)
})

it('reads the same at the operator’s door, where there are no sockets', async () => {
  const stop = new AbortController()
  const caller = new Caller(rpcTransport(world.rpc), { identity: personOf('Ada'), transport: 'rpc' })
  const stream = openEvents({ transport: rpcTransport(world.rpc), caller }, { ...options, signal: stop.signal })
  const first = await stream.next()
  assert.ok('caughtUp' in (first.value as object))
  await rename(2)
  const seen: (string | undefined)[] = []
  for await (const item of stream) {
    if ('event' in item) seen.push(item.event.type)
    if (seen.length === 2) stop.abort()
  }
  assert.deepEqual(seen, ['icn.coop.member_updated', 'icn.coop.member_updated'])
})

it('sends a fresh token on the open socket before the old one is over', async () => {
  const stop = new AbortController()
  const rest = restTransport(world.rest)
  const inner = new Caller(rest, { identity: personOf('Ada') })
  let asked = 0
  const caller = {
    token: () => {
      asked++
      return inner.token()
    },
    freshMs: 0,
    call: inner.call.bind(inner),
  }
  const stream = openEvents({ transport: rest, caller, firstWaitMs: 5 }, { ...options, signal: stop.signal })
  const first = stream.next()
  await first
  while (asked < 3) await new Promise((resolve) => setTimeout(resolve, 50))
  await rename(1)
  assert.ok('event' in ((await stream.next()).value as object), 'the stream goes on')
  stop.abort()
  await stream.return(undefined)
})

it('ends with the session, and does not knock for ever', async () => {
  const ada = world.as('Ada')
  await ada.me.get()
  await assert.rejects(
    async () => {
      for await (const _ of listen(world.rest, {})) await world.as('Ada').signOut('every')
    },
    (error: unknown) => (error as Error).name === 'SignInError',
  )
})
