import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { decodeFrame, type Did, type FrameOf, type SnapOutcome, type SpaceId } from '@icn/protocol'
import { TestSigner } from '@icn/testkit'
import { Outgoing } from './outgoing.ts'
import { Shelf, space } from './fixture.ts'
import { allBuckets, Sending } from './sending.ts'

/** A wire that takes as many frames as it is given room for, and one space with operations to send. */
let room: number
let sent: string[]
let shared: Set<SpaceId>
let outcomes: SnapOutcome[]
let outgoing: Outgoing
let spaces: Parameters<Outgoing['pump']>[0]

beforeEach(() => {
  room = 0
  sent = []
  outcomes = []
  shared = new Set([space])
  outgoing = new Outgoing({
    wire: {
      peer: 'did:icn:zPeer' as Did,
      waitingBytes: 0,
      send: (bytes: Uint8Array) => {
        const frame = decodeFrame(bytes)
        sent.push(frame?.t === 'snap' ? `snap ${frame.message[0]}` : `${frame?.t}`)
        return --room > 0
      },
    } as never,
    timers: { after: () => () => {} } as never,
    intake: { sent: () => {} } as never,
    creditBytes: 4_194_304,
    stalled: () => assert.fail('not that long'),
    isShared: (one) => shared.has(one),
    traffic: { snap: (outcome: SnapOutcome) => void outcomes.push(outcome), sent: () => {}, creditWait: () => {} } as never,
  })
  const shelf = new Shelf(new TestSigner(1))
  for (let i = 0; i < 100; i++) shelf.write(30_000)
  const sending = new Sending(outgoing)
  sending.learn(shelf, { t: 'vector', space, buckets: [...allBuckets], entries: [], ask: false }, 0)
  spaces = [[space, { vectors: shelf, sending }]]
})

const snap = (n: number, length = 1): FrameOf<'snap'> => ({ t: 'snap', space, message: new Uint8Array(length).fill(n) })
const drain = (frames: number): void => {
  room = frames
  outgoing.drained()
  outgoing.pump(spaces)
}

describe('what leaves towards a peer', () => {
  it('are messages about cuts before any operation that has not left yet, in the order in which they were said', () => {
    drain(1)
    assert.deepEqual(sent, ['ops'], 'the wire is full')
    outgoing.sendSnap(snap(1))
    outgoing.sendSnap(snap(2))
    assert.deepEqual(sent, ['ops'], 'and takes nothing')
    drain(4)
    assert.deepEqual(sent, ['ops', 'snap 1', 'snap 2', 'ops', 'ops'])
    drain(1)
    outgoing.sendSnap(snap(3))
    drain(1)
    assert.deepEqual(sent.slice(5), ['ops', 'snap 3'], 'whatever else there is room for')
  })

  it('leaves at once while the wire takes something', () => {
    drain(1_000)
    sent = []
    outgoing.sendSnap(snap(1))
    assert.deepEqual(sent, ['snap 1'])
  })

  it('of messages that wait is a megabyte, and the oldest of them are dropped and counted', () => {
    drain(1)
    sent = []
    for (let n = 0; n < 10; n++) outgoing.sendSnap(snap(n, 250_000))
    assert.deepEqual(outcomes, Array(6).fill('no_room'))
    spaces = []
    drain(100)
    assert.deepEqual(sent, ['snap 6', 'snap 7', 'snap 8', 'snap 9'])
    // What has left makes room again.
    outcomes = []
    room = 1
    outgoing.sendSnap(snap(1))
    for (let n = 0; n < 4; n++) outgoing.sendSnap(snap(n, 250_000))
    assert.deepEqual(outcomes, [])
  })

  it('is nothing of a space that is not shared any more when there is room again', () => {
    drain(1)
    sent = []
    outgoing.sendSnap(snap(1))
    shared.clear()
    spaces = []
    drain(100)
    assert.deepEqual(sent, [])
  })
})
