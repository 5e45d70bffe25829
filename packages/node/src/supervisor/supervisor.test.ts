import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvariantBroken } from '@icn/protocol'
import { CallRefusal } from '../calls/index.ts'
import type { Metrics } from '../metrics.ts'
import { openMetrics } from '../metrics.ts'
import type { ActorSpec } from './index.ts'
import { Supervisor, supervisorDefaults } from './index.ts'
import type { SupervisorOptions, Timing } from './index.ts'

/** Time that moves only when the test says so. */
class HandTime implements Timing {
  #now = 0
  #timers: { at: number; work: () => void }[] = []

  now(): number {
    return this.#now
  }

  after(ms: number, work: () => void): () => void {
    const timer = { at: this.#now + ms, work }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      await settle()
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#now = next.at
      this.#timers = this.#timers.filter((timer) => timer !== next)
      next.work()
    }
    this.#now = end
    await settle()
  }
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 30; i++) await Promise.resolve()
  await new Promise((resolve) => setImmediate(resolve))
}

class Scene {
  readonly time = new HandTime()
  readonly metrics: Metrics = openMetrics({ version: 'test', process: false })
  readonly fatal: string[] = []
  readonly faults: string[] = []
  readonly phases: string[] = []
  readonly supervisor: Supervisor

  constructor(options: Partial<SupervisorOptions> = {}) {
    this.supervisor = new Supervisor(
      { ...supervisorDefaults, ...options },
      {
        timing: this.time,
        metrics: this.metrics,
        log: { fault: (operation) => void this.faults.push(operation), phase: (phase, what) => void this.phases.push(`${phase} ${what}`), late: () => {} },
        wallMs: () => 1_800_000_000_000 + this.time.now(),
        chance: () => 1 - Number.EPSILON,
        onFatal: (why) => void this.fatal.push(why),
      },
    )
  }

  /** Value of a series, by the start of its line. */
  async measure(line: string): Promise<number> {
    const { body } = await this.metrics.text(false)
    return Number(
      body
        .split('\n')
        .find((text) => text.startsWith(`${line} `))
        ?.split(' ')
        .at(-1) ?? Number.NaN,
    )
  }
}

const refusedWith = (code: string) => (error: unknown) => error instanceof CallRefusal && error.code === code && (error.details.retryAfterMs ?? 0) > 0
const idle = (name: ActorSpec<null>['name'], log: string[], stop: () => Promise<void> | void = () => {}): ActorSpec<null> => ({
  name,
  start: () => {
    log.push(`start ${name}`)
    return {
      handle: null,
      stop: async () => {
        await stop()
        log.push(`stop ${name}`)
      },
    }
  },
})
const never = (): Promise<never> => new Promise(() => {})

test('starts in order, stops in reverse, and shows its state', async () => {
  const scene = new Scene()
  const log: string[] = []
  assert.equal(await scene.measure('icn_supervisor_state'), 0)
  for (const name of ['store', 'journal', 'identity'] as const) await scene.supervisor.spawn(idle(name, log))
  assert.equal(await scene.measure('icn_supervisor_state'), 1)
  scene.supervisor.ready()
  assert.equal(await scene.measure('icn_supervisor_state'), 2)
  assert.equal(await scene.measure('icn_supervisor_actors_spawned_total{actor="journal"}'), 1)
  assert.equal(await scene.measure('icn_supervisor_actor_active{actor="journal"}'), 1)
  const stop = scene.supervisor.stop()
  assert.equal(scene.supervisor.state, 'stopping')
  assert.deepEqual(await stop, [])
  assert.deepEqual(log, ['start store', 'start journal', 'start identity', 'stop identity', 'stop journal', 'stop store'])
  assert.equal(await scene.measure('icn_supervisor_state'), 0)
  assert.equal(await scene.measure('icn_supervisor_actor_active{actor="journal"}'), 0)
})

test('an actor that does not start stops the start, and is counted', async () => {
  const scene = new Scene()
  await assert.rejects(scene.supervisor.spawn({ name: 'coop', start: () => Promise.reject(new Error('no disk')) }), /no disk/)
  assert.equal(await scene.measure('icn_supervisor_actor_spawn_failures_total{actor="coop"}'), 1)
})

test('a crashed actor comes back after a growing wait; meanwhile it says that it is down', async () => {
  const scene = new Scene()
  let lives = 0
  let crash = (_: unknown): void => {}
  const coop = await scene.supervisor.spawn({
    name: 'coop',
    start: (context) => {
      crash = context.crash
      return { handle: ++lives }
    },
  })
  assert.equal(coop.handle, 1)
  crash(new Error('broken'))
  assert.equal(coop.isUp, false)
  assert.throws(
    () => coop.handle,
    (error: unknown) => error instanceof CallRefusal && error.code === 'ACTOR_DOWN',
  )
  await assert.rejects(
    coop.mailbox.deliver(async () => 1),
    refusedWith('ACTOR_DOWN'),
  )
  await scene.time.advance(99)
  assert.equal(coop.isUp, false)
  await scene.time.advance(1)
  assert.equal(coop.handle, 2)
  crash(new Error('broken again'))
  await scene.time.advance(199)
  assert.equal(coop.isUp, false)
  await scene.time.advance(1)
  assert.equal(coop.handle, 3)
  assert.equal(await scene.measure('icn_supervisor_actor_restarts_total{actor="coop"}'), 2)
  assert.equal(await scene.measure('icn_supervisor_errors_total{operation="actor"}'), 2)
  assert.deepEqual(scene.fatal, [])
  assert.deepEqual(
    scene.supervisor.recentFaults().map(({ text }) => text),
    ['Error: broken', 'Error: broken again'],
  )
})

test('the sixth crash within a minute ends the daemon loudly; spread over time they do not', async () => {
  const scene = new Scene()
  let crash = (_: unknown): void => {}
  await scene.supervisor.spawn({
    name: 'coop',
    start: (context) => {
      crash = context.crash
      return { handle: null }
    },
  })
  for (let i = 0; i < 20; i++) {
    crash(new Error('now and then'))
    await scene.time.advance(60_000)
  }
  assert.deepEqual(scene.fatal, [])
  for (let i = 0; i < 6; i++) {
    crash(new Error('all the time'))
    await scene.time.advance(5_000)
  }
  assert.deepEqual(scene.fatal, ['coop crashed more than 5 times in 60000 ms'])
})

test('a start that fails again counts as a crash, up to the end', async () => {
  const scene = new Scene()
  let crash = (_: unknown): void => {}
  let works = true
  await scene.supervisor.spawn({
    name: 'coop',
    start: (context) => {
      if (!works) throw new Error('still broken')
      crash = context.crash
      return { handle: null }
    },
  })
  works = false
  crash(new Error('broken'))
  await scene.time.advance(60_000)
  assert.equal(scene.fatal.length, 1)
})

test('a broken invariant restarts the actor, an ordinary error only reaches the caller', async () => {
  const scene = new Scene()
  const coop = await scene.supervisor.spawn({ name: 'coop', start: () => ({ handle: null }) })
  await assert.rejects(
    coop.mailbox.deliver(() => Promise.reject(new Error('no'))),
    /no/,
  )
  assert.equal(coop.isUp, true)
  await assert.rejects(
    coop.mailbox.deliver(() => Promise.reject(new InvariantBroken('books'))),
    /books/,
  )
  assert.equal(coop.isUp, false)
})

test('messages run one after the other; a hundred may wait, the next is refused', async () => {
  const scene = new Scene()
  const coop = await scene.supervisor.spawn({ name: 'coop', start: () => ({ handle: null }) })
  const order: number[] = []
  let open = (): void => {}
  const first = coop.mailbox.deliver(() => new Promise<void>((resolve) => (open = resolve)))
  const others = Array.from({ length: 99 }, (_, i) => coop.mailbox.deliver(async () => void order.push(i)))
  assert.equal(await scene.measure('icn_supervisor_mailbox_depth{actor="coop"}'), 100)
  await assert.rejects(
    coop.mailbox.deliver(async () => 1),
    refusedWith('MAILBOX_FULL'),
  )
  assert.equal(await scene.measure('icn_supervisor_mailbox_rejected_total{actor="coop"}'), 1)
  assert.deepEqual(order, [])
  open()
  await Promise.all([first, ...others])
  assert.deepEqual(
    order,
    Array.from({ length: 99 }, (_, i) => i),
  )
  assert.equal(await scene.measure('icn_supervisor_mailbox_depth{actor="coop"}'), 0)
  assert.equal(await scene.measure('icn_supervisor_message_duration_seconds_count{actor="coop"}'), 100)
})

test('a released slot no longer counts: five hundred proposals wait for one write', async () => {
  const scene = new Scene()
  const coop = await scene.supervisor.spawn({ name: 'coop', start: () => ({ handle: null }) })
  let written = (): void => {}
  const write = new Promise<void>((resolve) => (written = resolve))
  const proposals: Promise<number>[] = []
  for (let i = 0; i < 512; i++) {
    proposals.push(
      coop.mailbox.deliver(async (release) => {
        release()
        release()
        await write
        return i
      }),
    )
  }
  await settle()
  assert.equal(await scene.measure('icn_supervisor_mailbox_depth{actor="coop"}'), 0)
  written()
  assert.equal((await Promise.all(proposals)).length, 512)
})

test('a message that never ends loses its turn and is counted', async () => {
  const scene = new Scene()
  const coop = await scene.supervisor.spawn({ name: 'coop', start: () => ({ handle: null }) })
  void coop.mailbox.deliver(never)
  const next = coop.mailbox.deliver(async () => 'answer')
  await scene.time.advance(30_000)
  assert.equal(await next, 'answer')
  assert.deepEqual(scene.faults, ['actor'])
})

test('what does not stop in time is named and counted, and the rest is stopped all the same', async () => {
  const scene = new Scene()
  const log: string[] = []
  await scene.supervisor.spawn(idle('store', log))
  await scene.supervisor.spawn(idle('coop', log, never))
  await scene.supervisor.spawn(idle('gateway', log))
  const waiting = scene.supervisor.stop()
  await scene.time.advance(5_000)
  await scene.time.advance(5_000)
  assert.deepEqual(await waiting, ['coop'])
  assert.deepEqual(log, ['start store', 'start coop', 'start gateway', 'stop gateway', 'stop store'])
  assert.equal(await scene.measure('icn_supervisor_errors_total{operation="shutdown_timeout"}'), 1)
})

test('a vital actor has one life: its crash ends the daemon, and what it holds is closed in its turn', async () => {
  const scene = new Scene()
  const log: string[] = []
  let crash = (_: unknown): void => {}
  const store = await scene.supervisor.spawn({
    name: 'store',
    isVital: true,
    start: (context) => {
      crash = context.crash
      return { handle: 'open', stop: () => void log.push('closed') }
    },
  })
  await scene.supervisor.spawn(idle('coop', log))
  crash(new Error('broken'))
  assert.deepEqual(scene.fatal, ['store crashed'])
  await assert.rejects(
    store.mailbox.deliver(async () => 1),
    refusedWith('ACTOR_DOWN'),
  )
  await scene.time.advance(60_000)
  assert.equal(store.handle, 'open')
  assert.deepEqual(await scene.supervisor.stop(), [])
  assert.deepEqual(log, ['start coop', 'stop coop', 'closed'])
})

test('a stop tells those who wait, and no crash brings anything back', async () => {
  const scene = new Scene()
  let crash = (_: unknown): void => {}
  let lives = 0
  const coop = await scene.supervisor.spawn({
    name: 'coop',
    start: (context) => {
      crash = context.crash
      return { handle: ++lives }
    },
  })
  void coop.mailbox.deliver(never)
  const waiting = coop.mailbox.deliver(async () => 1)
  crash(new Error('broken'))
  await assert.rejects(waiting, refusedWith('ACTOR_DOWN'))
  assert.deepEqual(await scene.supervisor.stop(), [])
  await scene.time.advance(60_000)
  assert.equal(lives, 1)
  await assert.rejects(
    coop.mailbox.deliver(async () => 1),
    refusedWith('STOPPING'),
  )
  await assert.rejects(scene.supervisor.spawn(idle('rpc', [])), /stopping/)
})

test('background work comes again after a failure, never twice at once, and ends with the daemon', async () => {
  const scene = new Scene()
  let turns = 0
  let running = 0
  scene.supervisor.every('sweep', 30_000, async () => {
    turns++
    running++
    assert.equal(running, 1)
    await new Promise<void>((resolve) => scene.time.after(40_000, resolve))
    running--
    if (turns === 1) throw new Error('not this time')
  })
  await scene.time.advance(29_999)
  assert.equal(turns, 0)
  await scene.time.advance(1)
  assert.equal(turns, 1)
  await scene.time.advance(70_000)
  assert.equal(turns, 2)
  assert.equal(await scene.measure('icn_supervisor_errors_total{operation="sweep"}'), 1)
  await scene.time.advance(40_000)
  await scene.supervisor.stop()
  await scene.time.advance(600_000)
  assert.equal(turns, 2)
})

test('phases of starting are counted and timed, and a long one is heard of again', async () => {
  const scene = new Scene()
  const waiting = scene.supervisor.phase('recover', () => new Promise<void>((resolve) => void scene.time.after(25_000, resolve)))
  assert.equal(scene.supervisor.phaseNow, 'recover')
  await scene.time.advance(25_000)
  await waiting
  assert.deepEqual(scene.phases, ['recover begun', 'recover still', 'recover still', 'recover done'])
  assert.equal(await scene.measure('icn_supervisor_startup_phases_total{phase="recover"}'), 1)
  assert.equal(await scene.measure('icn_supervisor_startup_phase_duration_seconds{phase="recover"}'), 25)
})

test('a rejection that nobody caught restarts the actor it came from, or ends the daemon when it is nobody’s', async () => {
  const scene = new Scene()
  const listeners = new Map<string, (error: unknown) => void>()
  const source = { on: (name: string, listener: (error: unknown) => void) => void listeners.set(name, listener), off: (name: string) => void listeners.delete(name) }
  const unwatch = scene.supervisor.watch(source as never)
  let lives = 0
  const coop = await scene.supervisor.spawn({ name: 'coop', start: () => ({ handle: ++lives }) })
  await coop.mailbox.deliver(async () => listeners.get('unhandledRejection')?.(new Error('forgotten await')))
  assert.equal(coop.isUp, false)
  await scene.time.advance(100)
  assert.equal(coop.handle, 2)
  listeners.get('uncaughtException')?.(new Error('nobody’s'))
  assert.deepEqual(scene.fatal, ['something failed that belongs to no actor'])
  assert.deepEqual(scene.faults, ['actor', 'unhandled'])
  unwatch()
  assert.equal(listeners.size, 0)
})
