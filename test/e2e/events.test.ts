import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { commonsRules, coopRules } from '@icn/domain'
import { journalDefaults, openJournal, openSqliteStore } from '@icn/journal'
import type { SpaceId } from '@icn/protocol'
import { Chance } from '@icn/testkit'
import { type Daemon, Home } from './daemon.ts'
import { didOf, foundCoop, keyOf, Person, type TestNode, until } from './harness.ts'

/** Readers of events whose connections are cut at any byte, on a daemon that is killed while it writes. */

const chance = new Chance(Number(process.env['ICN_SEED'] ?? 11))
const food = 'coop:food' as SpaceId
const lives = 5
const writesPerLife = 30

interface Position {
  readonly epoch: string
  readonly sequence: number
}

/** A wire that breaks: each connection carries only so many bytes from the daemon, then both ends are gone. */
class BadWire {
  target = 0
  /** Breaks nothing any more. */
  calm = false
  cuts = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor() {
    this.#server = createServer((near) => {
      const far = createConnection(this.target, '127.0.0.1')
      let left = chance.below(12_000)
      const cut = (): void => {
        near.destroy()
        far.destroy()
      }
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket)
        socket.on('error', cut).on('close', () => {
          this.#sockets.delete(socket)
          cut()
        })
        socket.on('data', (data) => {
          const part = this.calm || socket === near ? data : data.subarray(0, left)
          other.write(part)
          if (socket === near || this.calm) return
          left -= data.length
          if (left > 0) return
          this.cuts++
          // What was let through arrives first, so that it ends in the middle of something.
          near.end(() => cut())
        })
      }
    })
  }

  async open(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  close(): void {
    this.#server.close()
    this.cutAll()
  }
}

/** What one reader was sent, and where it would go on. */
class Reader {
  readonly ids: string[] = []
  /** Whatever a reader must never be told. */
  readonly trouble: string[] = []
  readonly epochs = new Set<string>()
  positions: Record<string, Position> = {}
  resumes = 0
  /** Sequence that was sent before, in the subscription as it is now. */
  before: Record<string, number> = {}

  resume(): void {
    this.resumes++
    this.before = Object.fromEntries(Object.entries(this.positions).map(([space, { sequence }]) => [space, sequence]))
  }

  take(event: { readonly id: string; readonly space?: string; readonly sequence?: string; readonly previous?: string; readonly epoch?: string }): void {
    const { space, epoch } = event
    // Told in passing, without a place in any order.
    if (space === undefined || epoch === undefined) return
    const sequence = Number(event.sequence)
    if (Number(event.previous) !== (this.before[space] ?? 0)) this.trouble.push(`${event.id} came after ${event.previous}, not after ${this.before[space]}`)
    this.before[space] = sequence
    this.positions[space] = { epoch, sequence }
    this.epochs.add(epoch)
    this.ids.push(event.id)
  }
}

class Follower extends Reader {
  readonly wire: BadWire
  readonly token: string
  readonly topics: readonly string[]
  over = false

  constructor(wire: BadWire, token: string, topics: readonly string[]) {
    super()
    this.wire = wire
    this.token = token
    this.topics = topics
  }

  async follow(once: () => Promise<void>): Promise<void> {
    while (!this.over) {
      await once().catch(() => {})
      await sleep(chance.below(20))
    }
  }

  /** One WebSocket, until it breaks. */
  socket(): Promise<void> {
    return new Promise((resolve) => {
      const socket = new WebSocket(`ws://${this.wire.address}/v1/events`, 'icn.events.v1')
      const say = (frame: object): void => socket.send(JSON.stringify(frame))
      socket.addEventListener('error', () => resolve())
      socket.addEventListener('close', () => resolve())
      socket.addEventListener('open', () => say({ type: 'hello', token: this.token }))
      socket.addEventListener('message', ({ data }) => {
        const frame = JSON.parse(String(data))
        if (frame.type === 'welcome') {
          this.resume()
          say({ type: 'subscribe', id: 's', spaces: Object.keys(this.positions), topics: this.topics, after: this.positions })
        } else if (frame.type === 'event') this.take(frame.event)
        else if (frame.type === 'subscribed' && frame.truncated.length > 0) this.trouble.push('truncated')
        else if (frame.type === 'dropped' || frame.type === 'problem') this.trouble.push(JSON.stringify(frame))
      })
    })
  }

  cursor = ''

  /** One stream of server-sent events, until it breaks. */
  async stream(): Promise<void> {
    const query = new URLSearchParams([...Object.keys(this.positions).map((space) => ['spaces', space]), ...this.topics.map((topic) => ['topics', topic])] as [string, string][])
    const response = await fetch(`http://${this.wire.address}/v1/events?${query}`, {
      headers: { accept: 'text/event-stream', authorization: `Bearer ${this.token}`, 'last-event-id': this.cursor },
    })
    if (response.status !== 200 || response.body === null) {
      if (response.status < 500) this.trouble.push(`answered ${response.status}`)
      return
    }
    this.resume()
    let text = ''
    for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
      text += part
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const fields = new Map(
          text
            .slice(0, end)
            .split('\n')
            .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
        )
        text = text.slice(end + 2)
        if (fields.get('event') === 'event') this.take(JSON.parse(fields.get('data') as string))
        else if (fields.get('event') === 'subscribed' && JSON.parse(fields.get('data') as string).truncated.length > 0) this.trouble.push('truncated')
        else if (fields.get('event') === 'dropped') this.trouble.push(fields.get('data') as string)
        this.cursor = fields.get('id') ?? this.cursor
      }
    }
  }
}

describe('events', () => {
  let home: Home
  let daemon: Daemon
  const wire = new BadWire()
  before(async () => {
    home = await Home.make()
    await wire.open()
  })
  after(async () => {
    wire.close()
    await home.dispose()
  })

  const start = async (): Promise<TestNode> => {
    daemon = await home.open({ 'snapshot.cut_lag_secs': '0' })
    wire.target = Number(new URL(daemon.rest.base).port)
    return { rest: daemon.rest, rpc: daemon.rpc, network: (await daemon.rest.ask('node.about', {})).body.network } as unknown as TestNode
  }

  /** Everything somebody may see since the beginning, page after page. */
  const allPages = async (token: string, spaces: readonly string[], topics: readonly string[]): Promise<readonly { readonly id: string; readonly space: string }[]> => {
    const events: { id: string; space: string }[] = []
    for (let after: string | undefined; ; ) {
      const { ok, body } = await daemon.rest.ask('event.page', { spaces, topics, limit: 200, ...(after === undefined ? {} : { after }) }, { token })
      assert.ok(ok, JSON.stringify(body))
      assert.deepEqual(body.truncated, [])
      events.push(...body.events)
      if (body.events.length === 0) return events
      after = body.cursor
    }
  }

  it(`reach each reader once and in order over WebSocket and SSE, however often it is cut and the daemon ends (${lives} lives)`, { timeout: 120_000 }, async (t) => {
    const node = await start()
    const people = Object.fromEntries(['ada', 'ben', 'chen'].map((name) => [name, new Person(node, name)])) as Record<'ada' | 'ben' | 'chen', Person>
    await foundCoop([
      { person: people.ada, roles: ['member', 'steward'] },
      { person: people.ben, roles: ['member', 'steward'] },
      { person: people.chen, roles: ['member'] },
    ])
    for (const person of [people.ben, people.chen]) await person.signIn()
    const tokenOf = (person: Person): string => person.token as string
    const followers: { readonly name: string; readonly follower: Follower; readonly spaces: readonly string[] }[] = []
    const working: Promise<void>[] = []
    for (const [name, person, topics, way] of [
      ['ben, WebSocket, all', people.ben, ['*'], 'socket'],
      ['chen, WebSocket, one topic', people.chen, ['coop:updates'], 'socket'],
      ['ben, SSE, all', people.ben, ['*'], 'stream'],
      ['chen, SSE, two topics', people.chen, ['coop:updates', 'space:status'], 'stream'],
    ] as const) {
      const follower = new Follower(wire, tokenOf(person), topics)
      const first = await daemon.rest.ask('event.page', { spaces: [food], topics, limit: 1 }, { token: tokenOf(person) })
      follower.take(first.body.events[0])
      follower.cursor = first.body.cursor
      followers.push({ name, follower, spaces: [food] })
      working.push(follower.follow(() => (way === 'socket' ? follower.socket() : follower.stream())))
    }
    const epochs = new Set<string>()
    let newest = 0
    for (let life = 1; life <= lives; life++) {
      if (life > 1) Object.assign(node, await start())
      const { positions, events } = (await daemon.rest.ask('event.page', { spaces: [food], limit: 1 }, { token: tokenOf(people.ben) })).body
      epochs.add(positions[food].epoch)
      assert.equal(events.length, 1)
      for (let i = 0; i < writesPerLife; i++) {
        // Killed in the middle of a write now and then: whether it was written is not asked here.
        if (i === writesPerLife - 1 && life < lives && life % 2 === 1) setTimeout(() => daemon.running.child.kill('SIGKILL'), chance.below(15))
        await people.ada.write('coop.update_profile', { coop_id: 'food', did: people.ada.did, name: `Ada ${life} ${i}` }).catch(() => {})
        if (chance.below(10) === 0) wire.cutAll()
      }
      if (life === lives) break
      if (life % 2 === 0) daemon.running.child.kill('SIGTERM')
      const { code, signal } = await daemon.running.end()
      assert.ok(life % 2 === 0 ? code === 0 : signal === 'SIGKILL', `${code} ${signal}\n${daemon.running.out}`)
      const seen = Math.max(...followers.map(({ follower }) => follower.positions[food]?.sequence ?? 0))
      assert.ok(seen > newest, 'readers move on in every life')
      newest = seen
    }
    // The wire holds from now on, and everybody arrives.
    wire.calm = true
    for (const { name, follower, spaces } of followers) {
      const told = (await allPages(follower.token, spaces, follower.topics)).map(({ id }) => id)
      await until(`${name} to have everything`, () => follower.ids.at(-1) === told.at(-1), 15_000)
      assert.deepEqual(follower.ids, told, name)
      assert.deepEqual(follower.trouble, [], name)
      assert.deepEqual(follower.epochs, epochs, name)
      assert.ok(follower.resumes > lives, `${name} was cut too seldom`)
    }
    assert.equal(epochs.size, 1, 'the log kept its name')
    for (const { follower } of followers) follower.over = true
    wire.cutAll()
    await Promise.all(working)
    daemon.running.child.kill('SIGTERM')
    assert.equal((await daemon.running.end()).code, 0)
    t.diagnostic(`${followers.map(({ name, follower }) => `${name}: ${follower.ids.length} events, ${follower.resumes} connections`).join('; ')}; ${wire.cuts} cuts by the byte`)
  })

  it('have sequences from 1 without a hole, over all lives of the daemon', async () => {
    const journal = openJournal({
      store: openSqliteStore({ folder: join(home.folder, 'store') }),
      key: keyOf('somebody who only reads'),
      node: didOf('somebody who only reads'),
      rulesOf: (space) => (space === 'commons' ? commonsRules : coopRules),
      wall: Date.now,
      options: { ...journalDefaults, verifyThreads: 0 },
    })
    const sequences: number[] = []
    for (;;) {
      const { epoch } = journal.events(food, undefined, 1)
      const page = journal.events(food, { epoch, sequence: sequences.at(-1) ?? 0 }, 500)
      if (page.events.length === 0) break
      sequences.push(...page.events.map(({ sequence }) => sequence))
    }
    assert.ok(sequences.length > (lives * writesPerLife) / 2)
    assert.deepEqual(
      sequences,
      sequences.map((_, i) => i + 1),
    )
    await journal.close()
  })
})
