import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { type Did, type FrameOf, keyOfDid, type OperationId, type SignedOperation } from '@icn/protocol'
import { TestSigner } from '@icn/testkit'
import { readSigner } from './news.ts'
import { allBuckets, Sending } from './sending.ts'
import { Shelf, space } from './fixture.ts'

const room = 4_194_304
const signer = new TestSigner(1)
const other = new TestSigner(2).did

let shelf: Shelf
let flow: { sent: number; folded: number }
let sending: Sending
let sent: number[]

/** The peer says that it has so many of the signer's. */
const learn = (count: number, now = 0): void => {
  const entries: FrameOf<'vector'>['entries'] = count === 0 ? [] : [[keyOfDid(signer.did), count - 1, shelf.operations[count - 1]?.id as OperationId, new Uint8Array(8)]]
  sending.learn(shelf, { t: 'vector', space, buckets: [...allBuckets], entries, ask: false }, now)
}

const offer = (operation: SignedOperation, via?: Did, now = 0): void => {
  const { id, envelope } = operation
  sending.offer({ id, signer: envelope.signer, seq: envelope.seq, via, raw: () => shelf.raw(id) }, now)
}

/** Sends what fits, and notes the numbers. */
const send = (frames = Number.POSITIVE_INFINITY): void => {
  for (let i = 0; i < frames; i++) {
    const next = sending.next(space, shelf, room)
    if (next === undefined) return
    flow.sent += next.bytes
    sent.push(...next.frame.ops.map(([envelope]) => readSigner({ envelope })?.seq ?? -1))
  }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

describe('what is sent to one peer', () => {
  beforeEach(() => {
    shelf = new Shelf(signer)
    flow = { sent: 0, folded: 0 }
    sending = new Sending(flow)
    sent = []
    signer.seq = 0
    signer.prev = null
  })

  it('is not sent again because of a vector that crossed it', () => {
    for (let i = 0; i < 2_000; i++) shelf.write()
    learn(0)
    send()
    learn(0)
    learn(600)
    send()
    assert.deepEqual(sent, numbers(2_000))
  })

  it('is sent again when the peer has folded what came and still lacks it', () => {
    for (let i = 0; i < 2_000; i++) shelf.write()
    learn(0)
    send()
    flow.folded = flow.sent
    learn(1_990)
    send()
    assert.deepEqual(sent, [...numbers(2_000), ...numbers(2_000).slice(1_990)])
  })

  it('starts again at a gap before what is under way', () => {
    for (let i = 0; i < 1_000; i++) shelf.write()
    learn(0)
    send(1)
    flow.folded = flow.sent
    send()
    // Of the first frame, which is folded, the peer has left out the end.
    const firstFrame = sent.length
    learn(100)
    send()
    assert.deepEqual(sent.slice(firstFrame), numbers(1_000).slice(100))
  })

  it('comes in the order, once, while more is written', () => {
    for (let i = 0; i < 1_500; i++) shelf.write()
    learn(0)
    send(1)
    for (let i = 0; i < 10; i++) offer(shelf.write())
    send()
    for (let i = 0; i < 10; i++) offer(shelf.write())
    learn(700)
    send()
    assert.deepEqual(sent, numbers(1_520))
  })

  it('waits within its bytes, and what is over is read from the store when there is room', () => {
    learn(0)
    for (let i = 0; i < 60; i++) offer(shelf.write(60_000))
    // 1 MiB of operations of 60 000 bytes and what is around them.
    assert.equal(shelf.reads, 18)
    send()
    assert.deepEqual(sent, numbers(60))
  })

  it('is only what waits in memory from when the node stops', () => {
    learn(0)
    for (let i = 0; i < 60; i++) offer(shelf.write(60_000))
    sending.readNoMore()
    assert.ok(!sending.isIdle)
    send()
    assert.deepEqual(sent, numbers(17))
    offer(shelf.write(60_000))
    learn(5)
    send()
    assert.ok(sending.isIdle)
    assert.ok(sent.length <= 18, `${sent.length} were read`)
  })

  it('is an answer of as many as were asked for, of whatever size, and is read only when it leaves', () => {
    for (let i = 0; i < 50; i++) shelf.write(60_000)
    for (const { id } of shelf.operations) sending.answer(id, 7)
    assert.equal(shelf.reads, 0)
    send()
    assert.deepEqual(sent, numbers(50))
  })

  it('is left to others after two frames that brought nothing new, and sent when they do not bring it', () => {
    learn(0)
    for (let i = 0; i < 2; i++) {
      offer(shelf.write(), other)
      sending.spared.answered(other, false)
    }
    offer(shelf.write(), other, 1_000)
    send()
    assert.deepEqual(sent, [0, 1])
    flow.folded = flow.sent
    learn(2, 1_500)
    send()
    assert.deepEqual(sent, [0, 1])
    learn(2, 2_000)
    send()
    assert.deepEqual(sent, [0, 1, 2])
    // It has shown nothing since.
    offer(shelf.write(), other, 2_100)
    send()
    assert.deepEqual(sent, [0, 1, 2, 3])
  })

  it('goes to everybody when it was written here', () => {
    learn(0)
    for (let i = 0; i < 5; i++) sending.spared.answered(other, false)
    offer(shelf.write(), undefined)
    send()
    assert.deepEqual(sent, [0])
  })
})
