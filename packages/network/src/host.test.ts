import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { describe, it } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { freshSeed, type Heard, orderedSeeds, Rogue, TestHost, tcpLoopback, transports, until, wsLoopback } from './host-fixture.ts'
import { replicateProtocol } from './meeting.ts'
import { didOfPeer, isLowerKey, peerOfDid } from './peer-id.ts'
import { framed } from './stream-framing.ts'
import { frameBytesMax } from './wire.ts'

/** Small ones, ones at the edges of the prefix, and some as large as may be. */
function randomFrames(count: number): Uint8Array[] {
  const edges = [0, 1, 127, 128, 16_383, 16_384, frameBytesMax - 1, frameBytesMax]
  return Array.from({ length: count }, (_, index) => randomBytes(edges[index] ?? (index % 10 === 0 ? randomInt(frameBytesMax) : randomInt(20_000))))
}

function assertSame(heard: Heard, sent: readonly Uint8Array[]): void {
  assert.equal(heard.frames.length, sent.length)
  for (const [index, frame] of sent.entries()) assert.ok(Buffer.compare(frame, heard.frames[index] as Uint8Array) === 0, `frame ${index} differs`)
}

describe('two hosts', () => {
  for (const [name, listen] of transports)
    it(`exchange frames over ${name} in both directions at once, in order and unchanged`, async () => {
      await using a = await TestHost.open({ seed: freshSeed(), listen: [listen] })
      await using b = await TestHost.open({ seed: freshSeed(), listen: [listen] })
      assert.equal(await a.host.dial(b.address), b.host.did)
      const [atA, atB] = [await a.wireTo(b.host.did), await b.wireTo(a.host.did)]
      const [fromA, fromB] = [randomFrames(200), randomFrames(200)]
      await Promise.all([atA.sendAll(fromA), atB.sendAll(fromB)])
      await until('all frames', () => atA.frames.length >= 200 && atB.frames.length >= 200)
      assertSame(atA, fromB)
      assertSame(atB, fromA)
      await until('round trips', () => (a.host.roundTripMs(b.host.did) ?? 0) > 0 && (b.host.roundTripMs(a.host.did) ?? 0) > 0)
      assert.deepEqual([a.host.peers(), b.host.peers()], [[b.host.did], [a.host.did]])
    })

  it('are who their keys say, and their addresses say it too', async () => {
    await using a = await TestHost.open({ seed: freshSeed(), listen: [tcpLoopback, wsLoopback] })
    assert.equal(a.host.addresses().length, 2)
    for (const address of a.host.addresses()) assert.ok(address.endsWith(`/p2p/${peerOfDid(a.host.did)}`))
    assert.equal(didOfPeer(peerOfDid(a.host.did)), a.host.did)
  })

  for (const [name, listen] of transports)
    it(`deliver over ${name} what was handed over before a wire is closed, and part cleanly`, async () => {
      await using a = await TestHost.open({ seed: freshSeed() })
      await using b = await TestHost.open({ seed: freshSeed(), listen: [listen] })
      await a.host.dial(b.address)
      const [atA, atB] = [await a.wireTo(b.host.did), await b.wireTo(a.host.did)]
      // Little enough to leave within the second that an end may take, also where the machine is busy.
      const frames = Array.from({ length: 20 }, () => randomBytes(randomInt(5_000)))
      for (const frame of frames) atA.wire.send(frame)
      atA.wire.close()
      atA.wire.close()
      assert.equal(atA.wire.send(Uint8Array.of(1)), false)
      await until('both ends', () => atA.why !== undefined && atB.why !== undefined)
      // Who hears the goodbye ends the connection, and may be quicker than its own answer.
      assert.equal(atB.why, 'bye')
      assert.ok(atA.why === 'bye' || atA.why === 'lost', atA.why)
      assertSame(atB, frames)
      await until('no peers', () => a.host.peers().length + b.host.peers().length === 0)
    })

  for (const [name, listen] of transports)
    it(`meet again over ${name} after they parted, whoever dials, and be it at once`, async () => {
      await using a = await TestHost.open({ seed: freshSeed(), listen: [listen] })
      await using b = await TestHost.open({ seed: freshSeed(), listen: [listen] })
      for (const [round, [from, to]] of [
        [a, b],
        [b, a],
        [a, b],
        [b, a],
      ].map((pair, index) => [index, pair as [TestHost, TestHost]] as const)) {
        await from.host.dial(to.address)
        const [atFrom, atTo] = [await from.wireTo(to.host.did), await to.wireTo(from.host.did)]
        assert.equal(from.wires.length, round + 1)
        atFrom.wire.send(Uint8Array.of(round))
        await until('the frame', () => atTo.frames.length === 1)
        if (round % 2 === 0) await from.host.disconnect(to.host.did)
        else atTo.wire.close()
        await until('the end', () => atFrom.why !== undefined && atTo.why !== undefined)
        // Who hears the goodbye knows that the end was clean.
        assert.equal((round % 2 === 0 ? atTo : atFrom).why, 'bye')
      }
    })

  it('refuse to send a frame that is too large', async () => {
    await using a = await TestHost.open({ seed: freshSeed(), frameBytesMax: 1_000 })
    await using b = await TestHost.open({ seed: freshSeed() })
    await a.host.dial(b.address)
    const [atA, atB] = [await a.wireTo(b.host.did), await b.wireTo(a.host.did)]
    assert.throws(() => atA.wire.send(new Uint8Array(1_001)), RangeError)
    atB.wire.send(new Uint8Array(1_001))
    await until('the end', () => atA.why !== undefined && atB.why !== undefined)
    assert.deepEqual([atA.why, atB.why, atA.frames.length], ['too_large', 'lost', 0])
  })
})

describe('several connections', () => {
  it('three hosts in a triangle have a wire on each side', async () => {
    await using a = await TestHost.open({ seed: freshSeed() })
    await using b = await TestHost.open({ seed: freshSeed() })
    await using c = await TestHost.open({ seed: freshSeed() })
    await Promise.all([a.host.dial(b.address), b.host.dial(c.address), c.host.dial(a.address)])
    for (const from of [a, b, c])
      for (const to of [a, b, c]) {
        if (from === to) continue
        const [out, back] = [await from.wireTo(to.host.did), await to.wireTo(from.host.did)]
        out.wire.send(Buffer.from(to.host.did))
        await until('the greeting', () => back.frames.some((frame) => Buffer.from(frame).toString() === to.host.did))
      }
    assert.deepEqual(
      [a, b, c].map((one) => one.host.peers().length),
      [2, 2, 2],
    )
  })

  it('dialling from both sides at once ends with one wire, the same on both sides', async () => {
    for (let round = 0; round < 10; round++) {
      await using a = await TestHost.open({ seed: freshSeed() })
      await using b = await TestHost.open({ seed: freshSeed() })
      assert.deepEqual(await Promise.all([a.host.dial(b.address), b.host.dial(a.address)]), [b.host.did, a.host.did])
      // A wire may give way to the better one; a word that goes over and comes back shows that both hold the same.
      let word = 0
      await until('one wire that both hold', () => {
        const [[atA], [atB]] = [a.live, b.live]
        if (atA === undefined || atB === undefined) return false
        const heard = (one: Heard) => one.frames.some((frame) => frame[0] === word)
        if (heard(atA) && heard(atB)) return true
        word = (word + 1) % 256
        atA.wire.send(Uint8Array.of(word))
        atB.wire.send(Uint8Array.of(word))
        return false
      })
      assert.deepEqual([a.live.length, b.live.length], [1, 1])
    }
  })

  it('the one opened by the lower key takes the wire over, and no other does', async () => {
    const [lower, higher] = await orderedSeeds()
    await using rogue = await Rogue.open(lower, [tcpLoopback])
    await using host = await TestHost.open({ seed: higher })
    const peer = await host.host.dial(String(rogue.node.getMultiaddrs()[0]))
    const [byHost] = rogue.node.getConnections()
    const first = await byHost?.newStream(replicateProtocol)
    first?.addEventListener('remoteCloseWrite', () => void first.close())
    const onFirst = await host.wireTo(peer)
    const byRogue = await rogue.node.dial(multiaddr(host.address), { force: true })
    assert.notEqual(byRogue.id, byHost?.id)
    onFirst.wire.send(Uint8Array.of(1))
    const second = await byRogue.newStream(replicateProtocol)
    await until('the new wire', () => host.wires.length === 2)
    assert.equal(onFirst.why, 'bye')
    await until('the end of the first connection', () => rogue.node.getConnections().length === 1)
    second.send(Uint8Array.of(1, 2))
    await until('the frame', () => host.wires[1]?.frames.length === 1)
    assert.equal(host.live.length, 1)
  })

  it('only the first stream of a peer counts', async () => {
    const [lower, higher] = await orderedSeeds()
    await using host = await TestHost.open({ seed: higher })
    await using rogue = await Rogue.open(lower)
    const first = await rogue.stream(host.address)
    const heard = await host.wireTo(didOfPeer(rogue.node.peerId))
    const second = await rogue.stream(host.address).catch(() => undefined)
    await until('the refusal', () => second === undefined || second.status === 'reset')
    first.send(Uint8Array.of(1, 42))
    await until('the frame', () => heard.frames.length === 1)
    assert.equal(host.wires.length, 1)
  })

  it('the side with the higher key opens the stream when the other does not', async () => {
    const [lower, higher] = await orderedSeeds()
    await using rogue = await Rogue.open(lower, [tcpLoopback])
    await using host = await TestHost.open({ seed: higher })
    const peer = await host.host.dial(String(rogue.node.getMultiaddrs()[0]))
    assert.ok(isLowerKey(peer, host.host.did))
    const heard = await host.wireTo(peer)
    await until('the stream', () => rogue.incoming.length === 1)
    heard.wire.send(Uint8Array.of(7))
    const got: number[] = []
    rogue.incoming[0]?.addEventListener('message', (event) => got.push(...event.data.subarray()))
    await until('the frame', () => got.length === 2)
    assert.deepEqual(got, [1, 7])
  })
})

it('a frame that comes in pieces is told of before it is whole', async () => {
  const [lower, higher] = await orderedSeeds()
  await using host = await TestHost.open({ seed: higher })
  await using rogue = await Rogue.open(lower)
  const stream = await rogue.stream(host.address)
  const heard = await host.wireTo(didOfPeer(rogue.node.peerId))
  const bytes = framed(new Uint8Array(100_000))
  stream.send(bytes.subarray(0, 60_000))
  await until('the first pieces', () => heard.parts === 60_000)
  assert.equal(heard.frames.length, 0)
  stream.send(bytes.subarray(60_000))
  await until('the frame', () => heard.frames.length === 1)
})
