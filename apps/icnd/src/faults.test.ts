import assert from 'node:assert/strict'
import { it, mock } from 'node:test'
import { type Wire, wireBufferBytes, type WireListener } from '@icn/network'
import { didOfKey } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { Faults } from './faults.ts'

const peer = didOfKey(signingKeyFromSeed(new Uint8Array(32)).publicKey)

/** Takes a buffer full of frames, and is emptied by hand. */
class Narrow implements Wire {
  readonly peer = peer
  waitingBytes = 0
  listener: WireListener | undefined

  send(frame: Uint8Array): boolean {
    this.waitingBytes += frame.length
    return this.waitingBytes <= wireBufferBytes
  }

  empty(): void {
    this.waitingBytes = 0
    this.listener?.drain()
  }

  pause(): void {}
  resume(): void {}
  close(): void {}
  listen(listener: WireListener): void {
    this.listener = listener
  }
}

for (const delayMs of [0, 40])
  it(`${delayMs} ms late: who was told to wait is told to go on, although it has handed over little things meanwhile`, (t) => {
    mock.timers.enable({ apis: ['setTimeout', 'Date'] })
    t.after(() => mock.timers.reset())
    const faults = new Faults()
    faults.delayMs = delayMs
    const narrow = new Narrow()
    const wire = faults.through(narrow)
    let drained = 0
    wire.listen({ frame: () => {}, drain: () => drained++, closed: () => {} })

    assert.equal(wire.send(new Uint8Array(wireBufferBytes)), true)
    assert.equal(wire.send(new Uint8Array(1)), false)
    mock.timers.tick(delayMs)
    narrow.waitingBytes = wireBufferBytes / 2 + 1
    assert.equal(wire.send(new Uint8Array(1)), true)
    mock.timers.tick(delayMs)
    assert.equal(drained, 0)
    narrow.empty()
    assert.equal(drained, 1)
  })
