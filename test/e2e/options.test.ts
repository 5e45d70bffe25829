import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { Replicator } from '@icn/network'
import { actorInCharge, type NetworkPort, realTiming, type Timing } from '@icn/node'
import { commonsSpace, decodeCanonical, encodeCanonical, PeersAnswer } from '@icn/protocol'
import { type NodeOptions, TestNode, until } from './harness.ts'
import { placesOf } from './places.ts'
import { Stranger } from './stranger.ts'

/** Options of the supervisor: each is changed, and something else happens. */

/** Waits of these lengths end when the test says so; all others as usual. */
class HandTiming implements Timing {
  readonly #held: ReadonlySet<number>
  readonly #waiting = new Map<number, () => void>()
  #ahead = 0

  constructor(...heldSecs: readonly number[]) {
    this.#held = new Set(heldSecs.map((secs) => secs * 1_000))
  }

  now(): number {
    return realTiming.now() + this.#ahead
  }

  moveOn(secs: number): void {
    this.#ahead += secs * 1_000
  }

  after(ms: number, work: () => void): () => void {
    if (!this.#held.has(ms)) return realTiming.after(ms, work)
    assert.ok(!this.#waiting.has(ms), `two wait for ${ms} ms`)
    this.#waiting.set(ms, work)
    return () => void this.#waiting.delete(ms)
  }

  /** So many seconds are over for whoever waits for them. */
  pass(secs: number): void {
    const work = this.#waiting.get(secs * 1_000)
    assert.ok(work !== undefined, `nobody waits for ${secs} s`)
    this.#waiting.delete(secs * 1_000)
    work()
  }

  waitsFor(secs: number): boolean {
    return this.#waiting.has(secs * 1_000)
  }
}

const listening = { 'network.dial_loopback': 'true', 'network.listen_addr': '/ip4/127.0.0.1/tcp/0' }

async function opened(t: TestContext, options: NodeOptions, first?: TestNode): Promise<TestNode> {
  const node = new TestNode(options)
  t.after(() => node.dispose())
  if (first !== undefined) writeFileSync(join(node.folder, 'network.json'), JSON.stringify({ network_id: first.network, bootstrap: placesOf(first) }))
  await node.open()
  return node
}

async function measured(node: TestNode, name: string): Promise<number> {
  const text = await (await fetch(`${node.at.addresses.metrics}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
  return lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0)
}

const isReady = (node: TestNode): boolean => (node.at.network?.status().links ?? []).some(({ state }) => state === 'ready')

describe('work in the background comes as often as it was told to', () => {
  it('the clock, what is due, the measures and the records of others', async (t) => {
    const time = new HandTiming(37, 41, 43, 47)
    const flags = {
      ...listening,
      'supervisor.clock_sync_interval_secs': '37',
      'supervisor.sweep_interval_secs': '41',
      'supervisor.metrics_update_interval_secs': '43',
      'supervisor.candidate_cleanup_interval_secs': '47',
    }
    const node = await opened(t, { flags, timing: time, startsAt: Date.now() })
    const sweeps = t.mock.method(node.at.journal, 'maintain').mock
    // A scrape measures too, so the measures themselves say nothing.
    const measures = t.mock.method(node.at.network as NetworkPort, 'measure').mock
    await opened(t, { flags: { ...listening, 'network.public': 'true' } }, node)
    await until('the record of the other to be here', async () => (await measured(node, 'icn_network_candidates')) === 1)
    node.now += 600_000

    const looks: readonly (readonly [secs: number, look: () => Promise<number> | number])[] = [
      [37, () => measured(node, 'icn_clock_checks_total')],
      [41, () => sweeps.callCount()],
      [43, () => measures.callCount()],
      [47, () => measured(node, 'icn_network_candidates_total{outcome="expired"}')],
    ]
    for (const [secs, look] of looks) {
      const before = await look()
      time.pass(secs)
      await until(`what comes every ${secs} s`, async () => (await look()) > before)
      await until(`it to wait for another ${secs} s`, () => time.waitsFor(secs))
    }
    assert.equal(await measured(node, 'icn_network_candidates_total{outcome="expired"}'), 1)
    assert.equal(await measured(node, 'icn_network_candidates'), 0)
  })
})

/** Catches waits of about so many seconds, which nobody else waits for; the answer runs them. */
function caught(t: TestContext, which: 'setInterval' | 'setTimeout', secs: number): () => void {
  const work: (() => void)[] = []
  const real = globalThis[which]
  const isCaught = (ms = 0): boolean => Math.abs(ms / 1_000 - secs) <= secs / 5
  t.mock.method(globalThis, which, (run: () => void, ms?: number, ...rest: unknown[]) => {
    const wait = real as (run: () => void, ms?: number, ...more: unknown[]) => NodeJS.Timeout
    if (!isCaught(ms)) return wait(run, ms, ...rest)
    work.push(run)
    return wait(() => {}, ms).unref()
  })
  return () => {
    assert.ok(work.length > 0, `nobody waits for ${secs} s`)
    for (const run of work.splice(0)) run()
  }
}

describe('a link', () => {
  it('is pinged as often as it was told to', async (t) => {
    const beat = caught(t, 'setInterval', 211)
    const node = await opened(t, { flags: { ...listening, 'network.ping_interval_secs': '211' } })
    const somebody = new Stranger()
    t.after(() => somebody.hangUp())
    const ping = '/ipfs/ping/1.0.0'
    await somebody.meet(node, {}, { [ping]: new Uint8Array(31) })
    await until('the first ping', () => somebody.asked.length === 1)
    beat()
    await until('the next one', () => somebody.asked.length === 2)
    assert.deepEqual(somebody.asked, [ping, ping])
  })

  it('tells what is here as often as it was told to', async (t) => {
    const pass = caught(t, 'setTimeout', 211)
    const node = await opened(t, { flags: { ...listening, 'network.have_interval_secs': '211' } })
    const somebody = new Stranger()
    t.after(() => somebody.hangUp())
    await somebody.meet(node)
    await until('the first word', () => somebody.of('have').length === 1)
    pass()
    await until('the next one', () => somebody.of('have').length === 2)
  })
})

describe('a stop', () => {
  it('waits for what is on its way to peers as long as it was told to', async (t) => {
    const drains = t.mock.method(Replicator.prototype, 'drain').mock
    const node = await opened(t, { flags: { ...listening, 'network.drain_ms': '1234' } })
    await node.stop()
    assert.deepEqual(
      drains.calls.map(({ arguments: [ms] }) => ms),
      [1_234],
    )
  })

  it('waits for each part as long as it was told to', async (t) => {
    const time = new HandTiming(53)
    const node = await opened(t, { flags: { 'supervisor.shutdown_timeout_secs': '53' }, timing: time })
    let isRunning = false
    node.at.supervisor.every('backup', 1, () => {
      isRunning = true
      return new Promise(() => {})
    })
    await until('work that never ends', () => isRunning)
    let isOver = false
    const stopping = node.at.stop().finally(() => {
      isOver = true
    })
    await until('it to wait for what it was told', () => time.waitsFor(53))
    assert.ok(!isOver)
    time.pass(53)
    assert.deepEqual(await stopping, ['background tasks'])
    node.running = undefined
  })
})

describe('a part that crashes', () => {
  const crash = (node: TestNode): void => actorInCharge.run('coop', () => node.at.supervisor.lost(new Error('a promise that nobody waited for')))
  const isUp = async (node: TestNode): Promise<boolean> => (await fetch(`${node.at.addresses.metrics}/readyz`)).status === 200

  for (const [what, window, fatal] of [
    ['ends the daemon when that was once too often', '60', ['coop crashed too often']],
    ['does not, when the window is over', '1', []],
  ] as const)
    it(what, async (t) => {
      const time = new HandTiming()
      const node = await opened(t, { flags: { 'supervisor.restart_attempts_max': '1', 'supervisor.restart_window_secs': window }, timing: time })
      crash(node)
      await until('it to be up again', () => isUp(node))
      time.moveOn(2)
      crash(node)
      if (fatal.length === 0) await until('it to be up again', () => isUp(node))
      assert.equal(node.fatal.splice(0).length, fatal.length)
    })

  it('is never waited for longer than the longest wait', async (t) => {
    const node = await opened(t, { flags: { 'supervisor.restart_initial_delay_ms': '60000', 'supervisor.restart_max_delay_ms': '1' } })
    crash(node)
    await until('it to be up again', () => isUp(node), 5_000)
  })
})

describe('peers are asked whom they know', () => {
  it('as soon as it was told to, and of as many', async (t) => {
    const flags = { ...listening, 'network.public': 'true' }
    const one = await opened(t, { flags: { ...flags, 'supervisor.peer_exchange_delay_ms': '60000', 'supervisor.peer_exchange_max_peers': '1' } })
    const two = await opened(t, { flags: { ...flags, 'supervisor.peer_exchange_delay_ms': '0' } }, one)
    await until('the two to be linked', () => isReady(one) && isReady(two))
    await until('the second to have asked', async () => (await measured(two, 'icn_network_peer_exchanges_total{outcome="ok"}')) >= 1)
    assert.equal(await measured(one, 'icn_network_peer_exchanges_total'), 0)
    for (const node of [one, two]) await until('the record of the other', async () => (await measured(node, 'icn_network_candidates')) === 1)

    const asker = new Stranger()
    t.after(() => asker.hangUp())
    const toldBy = async (node: TestNode) => {
      await asker.meet(node)
      return PeersAnswer.parse(decodeCanonical(await asker.request(node, '/icn/peers/1', encodeCanonical({ max: 8 }))))
    }
    await until('the network to be there', () => two.at.journal.info(commonsSpace) !== undefined)
    const few = await toldBy(one)
    assert.deepEqual([few.records.length, few.total], [1, 2])
    assert.ok((await measured(two, 'icn_network_dial_duration_seconds_count{path="direct"}')) >= 1, 'how long it took to reach the first')
    const all = await toldBy(two)
    assert.deepEqual([all.records.length, all.total], [2, 2])
    const record = all.records.find(({ node }) => node === one.at.did)
    assert.ok(record !== undefined)
    asker.say({ t: 'cand', records: [{ ...record, issued_at: record.issued_at + 1 }] })
    await until('a record that its node has not signed', async () => (await measured(two, 'icn_network_candidates_total{outcome="rejected"}')) === 1)
    assert.equal(await measured(two, 'icn_misbehaviour_reports_total{reason="bad_signature",source="journal"}'), 1)
  })

  it('and what is no answer, brings too much, or does not come is counted', async (t) => {
    const node = await opened(t, { flags: { ...listening, 'supervisor.peer_exchange_delay_ms': '0' } })
    const counted = (outcome: string) => measured(node, `icn_network_peer_exchanges_total{outcome="${outcome}"}`)
    const mute = new Stranger()
    t.after(() => mute.hangUp())
    await mute.meet(node)
    await until('a question without an answer', async () => (await counted('failed')) + (await counted('refused')) === 1)
    const liar = new Stranger()
    t.after(() => liar.hangUp())
    await liar.meet(node, {}, { '/icn/peers/1': Uint8Array.of(1, 2, 3) })
    await until('an answer that is none', async () => (await counted('unsolicited')) === 1)
    assert.ok((await measured(node, 'icn_misbehaviour_reports_total{reason="frame_error",source="network"}')) >= 1)
  })
})

describe('what a node says of itself', () => {
  it('is said again as often as it was told to', async (t) => {
    const pass = caught(t, 'setTimeout', 211)
    const node = await opened(t, { flags: { ...listening, 'network.candidate_announce_interval_secs': '211', 'network.candidate_ttl_secs': '600' } })
    const published = () => measured(node, 'icn_network_candidates_total{outcome="published"}')
    assert.equal(await published(), 1)
    pass()
    assert.equal(await published(), 2)
    pass()
    assert.equal(await published(), 3)
  })

  it('goes to everybody or to nobody, names the address it was told to, and holds as long as it was told to', async (t) => {
    const announced = '/ip4/45.0.0.9/tcp/7777'
    const asker = new Stranger()
    t.after(() => asker.hangUp())
    const told = async (flags: Readonly<Record<string, string>>) => {
      const node = await opened(t, { flags: { ...listening, ...flags } })
      await asker.meet(node)
      return PeersAnswer.parse(decodeCanonical(await asker.request(node, '/icn/peers/1', encodeCanonical({ max: 8 })))).records
    }
    assert.deepEqual(await told({}), [], 'a stranger is told nothing')
    const [record] = await told({ 'network.public': 'true', 'network.announce': announced, 'network.candidate_ttl_secs': '90', 'network.candidate_announce_interval_secs': '30' })
    assert.ok(record !== undefined)
    assert.ok(
      record.endpoints.some(({ addr }) => addr === announced),
      JSON.stringify(record.endpoints),
    )
    assert.equal(record.expires_at - record.issued_at, 90_000)
  })
})

describe('what a node makes of others', () => {
  for (const [least, kind] of [
    ['150', 'known'],
    ['151', 'guest'],
  ] as const)
    it(`with a least trust of ${least}, somebody with 150 is ${kind}`, async (t) => {
      const node = await opened(t, { flags: { ...listening, 'network.min_trust_permille': least } })
      const operator = { token: node.at.operatorToken }
      const somebody = new Stranger()
      t.after(() => somebody.hangUp())
      const pinned = await node.rpc.ask('trust.pin.set', { did: somebody.did, permille: 150 }, operator)
      assert.ok(pinned.ok, JSON.stringify(pinned.body))
      await somebody.meet(node)
      const { body } = await node.rpc.ask('network.peer.get', { did: somebody.did }, operator)
      assert.equal(body.class, kind, JSON.stringify(body))
    })

  it('half of somebody’s bad manners is forgotten after as long as it was told', async (t) => {
    const node = await opened(t, { flags: { ...listening, 'network.misbehaviour_half_life_secs': '60' }, startsAt: Date.now() })
    const somebody = new Stranger()
    t.after(() => somebody.hangUp())
    await somebody.meet(node)
    somebody.say(Uint8Array.of(1, 2, 3))
    const standing = async (): Promise<number> => (await node.rpc.ask('network.peer.get', { did: somebody.did }, { token: node.at.operatorToken })).body.standing
    await until('it to be charged', async () => (await standing()) === 850)
    node.now += 60_000
    assert.equal(await standing(), 925)
  })
})
