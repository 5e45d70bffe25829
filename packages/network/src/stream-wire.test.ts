import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { type Did, frameStallMs } from '@icn/protocol'
import type { Stream } from '@libp2p/interface'
import { framed } from './stream-framing.ts'
import { StreamWire } from './stream-wire.ts'

/** A stream on which the test says what comes. */
class FakeStream extends EventTarget {
  status = 'open'
  readStatus = 'readable'
  remoteWriteStatus = 'writable'
  writeBufferLength = 0
  writableNeedsDrain = false

  pause(): void {
    this.readStatus = 'paused'
  }

  resume(): void {
    this.readStatus = 'readable'
  }

  readonly sent: Uint8Array[] = []

  send(bytes: Uint8Array): boolean {
    this.sent.push(bytes)
    return true
  }

  abort(): void {
    this.status = 'aborted'
  }

  say(bytes: Uint8Array): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data: { subarray: () => bytes } }))
  }
}

function open(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const stream = new FakeStream()
  const told: string[] = []
  const wire = new StreamWire({
    peer: 'did:icn:x' as Did,
    stream: stream as unknown as Stream,
    frameBytesMax: 1_000,
    alive() {},
    ended() {},
    fault: (_, error) => assert.fail(error as Error),
  })
  wire.listen({ frame: (bytes) => void told.push(`frame of ${bytes.length}`), drain() {}, closed: (why) => void told.push(why) })
  return { stream, wire, told, pass: (ms: number) => t.mock.timers.tick(ms) }
}

const frame = framed(new Uint8Array(100))

describe('a frame that was begun', () => {
  it('and stays unfinished ends the wire, with as long again for each piece', (t) => {
    const { stream, told, pass } = open(t)
    for (let at = 0; at < 90; at += 30) {
      stream.say(frame.subarray(at, at + 30))
      pass(frameStallMs - 1)
    }
    assert.deepEqual(told, [])
    pass(1)
    assert.deepEqual(told, ['lost'])
    assert.equal(stream.status, 'aborted')
  })

  it('is not waited for once it is whole', (t) => {
    const { stream, told, pass } = open(t)
    stream.say(frame.subarray(0, 50))
    stream.say(frame.subarray(50))
    pass(10 * frameStallMs)
    assert.deepEqual(told, ['frame of 100'])
  })

  it('is nobody’s fault while nothing is read', (t) => {
    const { stream, wire, told, pass } = open(t)
    stream.say(frame.subarray(0, 50))
    wire.pause()
    pass(10 * frameStallMs)
    wire.resume()
    pass(frameStallMs - 1)
    assert.deepEqual(told, [])
    stream.say(frame.subarray(50))
    pass(10 * frameStallMs)
    assert.deepEqual(told, ['frame of 100'])
  })
})

describe('frames that are sent', () => {
  it('in one breath leave in one piece', async (t) => {
    const { stream, wire } = open(t)
    for (let at = 0; at < 3; at++) wire.send(new Uint8Array(100).fill(at))
    assert.equal(wire.waitingBytes, 3 * frame.length)
    await Promise.resolve()
    assert.equal(wire.waitingBytes, 0)
    assert.deepEqual(
      stream.sent.map((bytes) => bytes.length),
      [3 * frame.length],
    )
    wire.send(new Uint8Array(100))
    await Promise.resolve()
    assert.equal(stream.sent.length, 2)
  })

  it('while the stream is full wait, and leave when it has room', async (t) => {
    const { stream, wire } = open(t)
    stream.writableNeedsDrain = true
    wire.send(new Uint8Array(100))
    await Promise.resolve()
    assert.equal(stream.sent.length, 0)
    stream.writableNeedsDrain = false
    stream.dispatchEvent(new Event('drain'))
    await Promise.resolve()
    assert.equal(stream.sent.length, 1)
  })
})
