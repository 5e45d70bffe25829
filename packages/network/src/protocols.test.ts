import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { freshSeed, Rogue, TestHost, until } from './host-fixture.ts'
import { replicateProtocol } from './meeting.ts'
import { askOver, protocolsOf, protocolTable } from './protocols.ts'
import { framed } from './stream-framing.ts'
import { NetworkTrouble, type Protocol } from './wire.ts'
import { multiaddr } from '@multiformats/multiaddr'

const id = '/icn/time/1'
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const code = (expected: string) => (error: NetworkTrouble) => error.name === 'NetworkTrouble' && error.code === expected

const asking = (serve: Protocol['serve']): readonly Protocol[] => [{ id, messageBytesMax: 64, inboundStreamsMax: 2, outboundStreamsMax: 2, serve }]

async function pair(serve: Protocol['serve'], isReady: () => boolean = () => true) {
  const a = await TestHost.open({ seed: freshSeed(), protocols: asking(async () => undefined) })
  const b = await TestHost.open({ seed: freshSeed(), protocols: asking(serve), isReady })
  await a.host.dial(b.address)
  await a.wireTo(b.host.did)
  return { a, b, [Symbol.asyncDispose]: async () => void (await Promise.all([a[Symbol.asyncDispose](), b[Symbol.asyncDispose]()])) }
}

describe('questions between nodes', () => {
  it('are answered, one on each stream, to the peer whose key is proven', async () => {
    const from: string[] = []
    await using nodes = await pair(async (peer, request) => {
      from.push(peer)
      return Uint8Array.from(request).reverse()
    })
    const { a, b } = nodes
    assert.deepEqual(await Promise.all(['one', 'two'].map((text) => a.host.ask(b.host.did, id, bytes(text)))), [bytes('eno'), bytes('owt')])
    assert.deepEqual(from, [a.host.did, a.host.did])
    assert.match(a.host.remoteAddress(b.host.did) ?? '', /^\/ip4\/127\.0\.0\.1\/tcp\/\d+/)
  })

  it('are refused HELLO_MISSING until the peer has greeted, and nothing is looked at', async () => {
    let looked = 0
    let greeted = false
    await using nodes = await pair(
      async () => {
        looked++
        return Uint8Array.of(0xa0)
      },
      () => greeted,
    )
    const ask = () => nodes.a.host.ask(nodes.b.host.did, id, bytes('now?'))
    await assert.rejects(ask(), code('HELLO_MISSING'))
    assert.equal(looked, 0)
    greeted = true
    assert.deepEqual(await ask(), Uint8Array.of(0xa0))
  })

  it('that cannot be sent have no path, and nobody goes on waiting for their answer', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const stream = Object.assign(new EventTarget(), {
      send: () => {
        throw new Error('the stream is closed')
      },
      abort: () => {},
    })
    const connection = { newStream: async () => stream } as unknown as Parameters<typeof askOver>[0]
    await assert.rejects(askOver(connection, id, 64, bytes('now?')), code('NO_PATH'))
    t.mock.timers.tick(60_000)
    // Whatever is rejected unheard fails this test.
    await new Promise((resolve) => setImmediate(resolve))
  })

  it('that are refused say why; those without an answer, of another protocol or to nobody have no path', async () => {
    await using nodes = await pair(async (_, request) => {
      if (request[0] === 1) throw new NetworkTrouble('PEER_NOT_TRUSTED', 'not you')
      return undefined
    })
    const { a, b } = nodes
    await assert.rejects(a.host.ask(b.host.did, id, Uint8Array.of(1)), code('PEER_NOT_TRUSTED'))
    await assert.rejects(a.host.ask(b.host.did, id, Uint8Array.of(2)), code('NO_PATH'))
    await assert.rejects(a.host.ask(b.host.did, '/icn/none/1', Uint8Array.of(2)), code('NO_PATH'))
    await b.host.close()
    await until('the connection to be gone', () => a.host.peers().length === 0)
    await assert.rejects(a.host.ask(b.host.did, id, Uint8Array.of(2)), code('NO_PATH'))
  })

  it('that are too long, or never come, cost nothing but their stream', async () => {
    let looked = 0
    const serve = async (): Promise<Uint8Array> => {
      looked++
      return Uint8Array.of(0xa0)
    }
    await using host = await TestHost.open({ seed: freshSeed(), protocols: asking(serve), isReady: () => true })
    await using rogue = await Rogue.open(freshSeed())
    await rogue.node.dialProtocol(multiaddr(host.address), replicateProtocol)
    const long = await rogue.node.dialProtocol(multiaddr(host.address), id)
    long.send(framed(new Uint8Array(65)))
    await until('the long one to be broken off', () => long.status !== 'open')
    const cut = await rogue.node.dialProtocol(multiaddr(host.address), id)
    cut.send(framed(new Uint8Array(60)).subarray(0, 20))
    await cut.close()
    await until('the cut one to be broken off', () => cut.status !== 'open')
    assert.equal(looked, 0)
    assert.equal(host.host.peers().length, 1, 'the connection stays')
  })

  it('a node with a protocol that nothing answers does not start', () => {
    assert.throws(() => protocolsOf({}), /nothing answers \/icn\/peers\/1/)
    assert.deepEqual(
      protocolsOf(Object.fromEntries(Object.keys(protocolTable).map((one) => [one, async () => undefined]))).map((one) => one.id),
      Object.keys(protocolTable),
    )
  })
})
