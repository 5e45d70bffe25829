import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { Connection, Stream } from '@libp2p/interface'
import { Pings } from './pings.ts'

/** A connection on which pings come back when the test says so. */
class FakeConnection {
  readonly answers: (() => void)[] = []
  aborted = false

  newStream(): Promise<Stream> {
    const listeners = new Map<string, (event: unknown) => void>()
    const stream = {
      addEventListener: (type: string, listener: (event: unknown) => void) => listeners.set(type, listener),
      send: (data: Uint8Array) => this.answers.push(() => listeners.get('message')?.({ data })),
      close: () => Promise.resolve(),
      abort: () => {},
    }
    return this.aborted ? Promise.reject(new Error('closed')) : Promise.resolve(stream as unknown as Stream)
  }

  abort(): void {
    this.aborted = true
  }
}

async function open(t: TestContext) {
  let now = 1_000
  t.mock.timers.enable({ apis: ['setInterval'] })
  t.mock.method(performance, 'now', () => now)
  const connection = new FakeConnection()
  const pings = new Pings(connection as unknown as Connection, 15_000)
  t.after(() => pings.stop())
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  await settle()
  return {
    pings,
    connection,
    beat: async () => {
      await settle()
      t.mock.timers.tick(15_000)
      await settle()
    },
    pass: (ms: number) => {
      now += ms
    },
  }
}

describe('pings of a connection', () => {
  it('give the median of the last eight round trips', async (t) => {
    const { pings, connection, beat, pass } = await open(t)
    await beat()
    assert.equal(pings.roundTripMs(), undefined)
    for (const ms of [900, 900, 900, 10, 20, 30, 40, 50, 60, 70, 80]) {
      pass(ms)
      connection.answers.pop()?.()
      await beat()
    }
    assert.equal(pings.roundTripMs(), 45)
  })

  it('never end a connection because one is late, as long as anything comes', async (t) => {
    const { pings, connection, beat, pass } = await open(t)
    for (let count = 0; count < 20; count++) {
      await beat()
      if (count % 3 === 0) pings.alive()
    }
    assert.equal(connection.answers.length, 1)
    assert.ok(!connection.aborted)
    pass(300_000)
    connection.answers.pop()?.()
    await beat()
    assert.equal(pings.roundTripMs(), 300_000)
    assert.ok(await pings.answered)
  })

  it('give a connection up when nothing has come for 45 s', async (t) => {
    const { pings, connection, beat } = await open(t)
    pings.alive()
    await beat()
    await beat()
    await beat()
    assert.ok(!connection.aborted)
    await beat()
    assert.ok(connection.aborted)
  })

  it('know a peer that hung up before it answered', async () => {
    const connection = new FakeConnection()
    connection.abort()
    const pings = new Pings(connection as unknown as Connection, 15_000)
    pings.stop()
    assert.equal(await pings.answered, false)
  })
})
