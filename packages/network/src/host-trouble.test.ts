import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { freshSeed, type Heard, orderedSeeds, Rogue, TestHost, tcpLoopback, transports, until, wsLoopback } from './host-fixture.ts'
import { didOfPeer, peerOfDid } from './peer-id.ts'
import { frameBytesMax, type NetworkTrouble, wireBufferBytes } from './wire.ts'

const door = (name: string): string => JSON.stringify(import.meta.resolve(name))
const code = (expected: string) => (error: NetworkTrouble) => error.name === 'NetworkTrouble' && error.code === expected
const peerPart = (host: TestHost): string => `/p2p/${peerOfDid(host.host.did)}`

/** A program of its own that has a host in `host`; what it prints comes line by line. */
function program(body: string): { readonly lines: string[]; readonly ended: Promise<unknown>; stop(signal: NodeJS.Signals): void } {
  const code = `
    const { openHost } = await import(${door('./host.ts')})
    const seed = new Uint8Array(32).fill(9)
    const parts = { seed, listen: [${JSON.stringify(tcpLoopback)}, ${JSON.stringify(wsLoopback)}], admits: () => true, onWire: (wire) => wire.listen({ frame() {}, drain() {}, closed() {} }), fault: console.error }
    ${body}`
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  child.stdout.on('data', (text: Buffer) => lines.push(...text.toString().split('\n').filter(Boolean)))
  return { lines, ended: once(child, 'exit'), stop: (signal) => child.kill(signal) }
}

/** A host in a thread of its own, whose listener returns from a frame only when told to. */
async function deafHost(listen: string): Promise<{ readonly address: string; hear(): void; readonly sizes: number[]; stop(): Promise<unknown> }> {
  const shared = new Int32Array(new SharedArrayBuffer(4))
  const body = `
    const { workerData, parentPort } = require('node:worker_threads')
    import(${door('./host.ts')}).then(async ({ openHost }) => {
      const frame = (bytes) => { Atomics.wait(workerData.shared, 0, 0); parentPort.postMessage(bytes.length) }
      const host = await openHost({ seed: workerData.seed, listen: [workerData.listen], admits: () => true, onWire: (wire) => wire.listen({ frame, drain() {}, closed() {} }), fault: console.error })
      parentPort.postMessage(host.addresses()[0])
    })`
  const worker = new Worker(body, { eval: true, workerData: { shared, seed: freshSeed(), listen } })
  const sizes: number[] = []
  const [address] = (await once(worker, 'message')) as [string]
  worker.on('message', (size: number) => sizes.push(size))
  const hear = (): void => {
    Atomics.store(shared, 0, 1)
    Atomics.notify(shared, 0)
  }
  const stop = (): Promise<number> => {
    hear()
    return worker.terminate()
  }
  return { address, hear, sizes, stop }
}

/** A way to a host through which a test can speak in between. */
async function proxyTo(address: string): Promise<{ readonly address: string; garble(): void; stop(): void }> {
  const port = Number(/\/tcp\/(\d+)/.exec(address)?.[1])
  const sockets: Socket[] = []
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    near.pipe(far)
    far.pipe(near)
    for (const socket of [near, far]) sockets.push(socket.on('error', () => socket.destroy()))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    address: address.replace(`/tcp/${port}`, `/tcp/${(server.address() as AddressInfo).port}`),
    garble: () => {
      for (const socket of sockets) socket.write(randomBytes(100_000))
    },
    stop: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

describe('a slow peer', { concurrency: true }, () => {
  for (const [name, listen] of transports) {
    it(`makes its sender wait over ${name}, and gets all when it listens again`, async () => {
      await using host = await TestHost.open({ seed: freshSeed() })
      const deaf = await deafHost(listen)
      const heard = await host.wireTo(await host.host.dial(deaf.address))
      const sizes: number[] = []
      const send = (): boolean => {
        const size = 1 + ((sizes.length * 7_919) % frameBytesMax)
        sizes.push(size)
        return heard.wire.send(new Uint8Array(size))
      }
      while (heard.drains < 3) {
        while (send());
        assert.ok(heard.wire.waitingBytes > wireBufferBytes)
        assert.ok(heard.wire.waitingBytes <= wireBufferBytes + frameBytesMax + 4)
        // Whatever buffers of the system take, there is an end to it, and then there is no room until the peer listens.
        const { drains } = heard
        deaf.hear()
        await until('room', () => heard.drains > drains)
        assert.ok(heard.wire.waitingBytes <= wireBufferBytes / 2)
      }
      await until('all frames', () => deaf.sizes.length === sizes.length)
      assert.equal(heard.wire.waitingBytes, 0)
      assert.deepEqual(deaf.sizes, sizes)
      await deaf.stop()
    })

    it(`cannot hold up the end of a wire over ${name}`, async () => {
      await using host = await TestHost.open({ seed: freshSeed() })
      const deaf = await deafHost(listen)
      const heard = await host.wireTo(await host.host.dial(deaf.address))
      for (let count = 0; count < 20; count++) heard.wire.send(new Uint8Array(frameBytesMax))
      heard.wire.close()
      await until('the end', () => heard.why !== undefined)
      assert.equal(heard.why, 'lost')
      assert.equal(heard.wire.waitingBytes, 0)
      await host.host.disconnect(heard.wire.peer)
      assert.deepEqual(host.host.peers(), [])
      await deaf.stop()
    })
  }
})

describe('a peer that breaks the framing', { concurrency: true }, () => {
  const cases: readonly [name: string, bytes: Uint8Array, end: 'fin' | 'reset' | 'open', frames: number, why: Heard['why']][] = [
    ['a length above the bound', Uint8Array.of(0x81, 0x80, 0x40), 'open', 0, 'too_large'],
    ['a length above the bound after a good frame', Uint8Array.of(2, 1, 1, 0xff, 0xff, 0xff, 0xff), 'open', 1, 'too_large'],
    ['garbage', new Uint8Array(5_000).fill(0xee), 'open', 0, 'too_large'],
    ['an end inside the prefix', Uint8Array.of(0x80), 'fin', 0, 'cut_short'],
    ['an end inside a frame', Uint8Array.of(1, 5, 10, 1, 2, 3), 'fin', 1, 'cut_short'],
    ['an end between frames', Uint8Array.of(1, 5, 0, 1, 9), 'fin', 3, 'bye'],
    ['a reset', Uint8Array.of(1, 5), 'reset', 1, 'lost'],
  ]
  for (const [name, bytes, end, frames, why] of cases)
    it(`${name}: ${why}`, async () => {
      const [lower, higher] = await orderedSeeds()
      await using host = await TestHost.open({ seed: higher })
      await using rogue = await Rogue.open(lower)
      const stream = await rogue.stream(host.address)
      stream.send(bytes)
      const heard = await host.wireTo(didOfPeer(rogue.node.peerId)).catch(() => host.wires[0] as Heard)
      await until('frames', () => heard.frames.length === frames)
      if (end === 'fin') await stream.close()
      if (end === 'reset') stream.abort(new Error('enough'))
      await until('the end', () => heard.why !== undefined)
      assert.deepEqual([heard.why, heard.frames.length], [why, frames])
      // A reset alone may have meant that stream only; every other end is the end of the connection.
      if (end !== 'reset') await until('no peer', () => host.host.peers().length === 0)
    })

  for (const [name, listen] of transports)
    it(`garbage after the handshake over ${name} is a lost connection for both, and nothing more`, async () => {
      await using a = await TestHost.open({ seed: freshSeed() })
      await using b = await TestHost.open({ seed: freshSeed(), listen: [listen] })
      const proxy = await proxyTo(b.address)
      await a.host.dial(proxy.address)
      const [atA, atB] = [await a.wireTo(b.host.did), await b.wireTo(a.host.did)]
      proxy.garble()
      await until('both ends', () => atA.why !== undefined && atB.why !== undefined)
      assert.deepEqual([atA.why, atB.why], ['lost', 'lost'])
      proxy.stop()
      await a.host.dial(b.address)
      await a.wireTo(b.host.did)
    })

  for (const [name, listen] of transports)
    it(`garbage instead of a handshake over ${name} harms nobody`, async () => {
      await using a = await TestHost.open({ seed: freshSeed() })
      await using b = await TestHost.open({ seed: freshSeed(), listen: [listen] })
      const port = Number(/\/tcp\/(\d+)/.exec(b.address)?.[1])
      for (const bytes of [Buffer.alloc(0), randomBytes(3_000), Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.from('\x13/multistream/1.0.0\n\x07/noise\nxxxxxxxxxxxxxxxx')]) {
        const socket = connect(port, '127.0.0.1').on('error', () => {})
        await once(socket, 'connect')
        socket.write(bytes)
        if (bytes.length === 0) socket.end()
      }
      await a.host.dial(b.address)
      await b.wireTo(a.host.did)
    })
})

describe('a dial is refused', { concurrency: true }, () => {
  for (const [name, listen] of transports) {
    it(`by the one who is dialled over ${name}, and there is no wire`, async () => {
      await using a = await TestHost.open({ seed: freshSeed() })
      await using b = await TestHost.open({ seed: freshSeed(), listen: [listen], admits: (peer) => peer !== a.host.did })
      await using c = await TestHost.open({ seed: freshSeed() })
      await assert.rejects(a.host.dial(b.address), code('PEER_NOT_TRUSTED'))
      await c.host.dial(b.address)
      await b.wireTo(c.host.did)
      await until('the end of the connection', () => a.host.peers().length === 0)
      assert.deepEqual([a.wires.length, b.wires.length], [0, 1])
    })

    it(`by the one who dials over ${name}, once the other's key is proven`, async () => {
      const asked: string[] = []
      await using a = await TestHost.open({ seed: freshSeed(), admits: (peer) => asked.push(peer) === 0 })
      await using b = await TestHost.open({ seed: freshSeed(), listen: [listen] })
      await assert.rejects(a.host.dial(b.address), code('PEER_NOT_TRUSTED'))
      assert.deepEqual(asked, [b.host.did])
      await until('no peers', () => b.host.peers().length === 0)
      assert.deepEqual([a.wires.length, b.wires.length], [0, 0])
    })

    it(`over ${name} when another answers than the address names`, async () => {
      await using a = await TestHost.open({ seed: freshSeed() })
      await using b = await TestHost.open({ seed: freshSeed(), listen: [listen] })
      await using c = await TestHost.open({ seed: freshSeed() })
      await assert.rejects(a.host.dial(b.address.replace(peerPart(b), peerPart(c))), code('NO_PATH'))
      await assert.rejects(a.host.dial(a.address.replace(peerPart(a), peerPart(c))), code('NO_PATH'))
      assert.deepEqual([a.host.peers(), b.host.peers(), a.wires.length, b.wires.length], [[], [], 0, 0])
    })
  }

  it('to oneself, to nobody, and to what is no address', async () => {
    await using a = await TestHost.open({ seed: freshSeed() })
    await using b = await TestHost.open({ seed: freshSeed() })
    const foreign = peerIdFromPrivateKey(await generateKeyPair('secp256k1'))
    const cases: readonly [address: string, code: string][] = [
      [a.address, 'PEER_IS_SELF'],
      [`/ip4/127.0.0.1/tcp/1${peerPart(b)}`, 'NO_PATH'],
      [`/ip4/127.0.0.1/tcp/1/ws${peerPart(b)}`, 'NO_PATH'],
      [`/ip4/127.0.0.1/udp/1/quic-v1${peerPart(b)}`, 'NO_PATH'],
      [`/dnsaddr/icn.invalid${peerPart(b)}`, 'NO_PATH'],
      [peerPart(b), 'NO_PATH'],
      [b.address.replace(peerPart(b), ''), 'ADDRESS_INVALID'],
      [`${b.address}x`, 'ADDRESS_INVALID'],
      ['127.0.0.1:7777', 'ADDRESS_INVALID'],
      ['', 'ADDRESS_INVALID'],
      [`/ip4/127.0.0.1/tcp/1/p2p/${foreign}`, 'NODE_KEY_UNSUPPORTED'],
    ]
    for (const [address, expected] of cases) await assert.rejects(a.host.dial(address), code(expected), address)
    assert.throws(() => didOfPeer(foreign), code('NODE_KEY_UNSUPPORTED'))
  })

  for (const [name, listen] of transports)
    it(`over ${name} when nobody answers in time`, async () => {
      await using a = await TestHost.open({ seed: freshSeed() })
      const silent = createServer((socket) => socket.on('error', () => {}).resume())
      await once(silent.listen(0, '127.0.0.1'), 'listening')
      const address = listen.replace('/tcp/0', `/tcp/${(silent.address() as AddressInfo).port}`)
      await assert.rejects(a.host.dial(`${address}/p2p/${peerOfDid(a.host.did).toString().slice(0, -1)}`), code('ADDRESS_INVALID'))
      await using b = await TestHost.open({ seed: freshSeed() })
      await assert.rejects(a.host.dial(address + peerPart(b)), code('DIAL_TIMEOUT'))
      // Ends when nobody holds a connection to it any more.
      silent.close()
      await once(silent, 'close')
    })

  it('when the host is closing', async () => {
    const a = await TestHost.open({ seed: freshSeed() })
    await using b = await TestHost.open({ seed: freshSeed() })
    const dial = assert.rejects(a.host.dial(b.address), code('STOPPING'))
    await a.host.close()
    await dial
    await assert.rejects(a.host.dial(b.address), code('STOPPING'))
    assert.deepEqual([a.host.addresses(), a.faults], [[], []])
  })
})

describe('a host that goes', { concurrency: true }, () => {
  for (const way of [0, 1] as const)
    it(`killed, it is lost for the others, and found again when it is back (${transports[way][0]})`, async () => {
      await using a = await TestHost.open({ seed: freshSeed() })
      for (let life = 0; life < 2; life++) {
        const other = program('const host = await openHost(parts); for (const address of host.addresses()) console.log(address)')
        await until('addresses', () => other.lines.length === 2)
        const heard = await a.wireTo(await a.host.dial(other.lines[way] as string))
        assert.equal(a.wires.length, life + 1)
        other.stop('SIGKILL')
        await until('the end', () => heard.why !== undefined)
        assert.equal(heard.why, 'lost')
        await until('no peer', () => a.host.peers().length === 0)
        await other.ended
      }
    })

  it('closed, it parts cleanly and is found again', async () => {
    await using a = await TestHost.open({ seed: freshSeed() })
    const seed = freshSeed()
    for (let life = 0; life < 2; life++) {
      const b = await TestHost.open({ seed })
      const atA = await a.wireTo(await a.host.dial(b.address))
      const atB = await b.wireTo(a.host.did)
      await b.host.close()
      await until('the end', () => atA.why !== undefined)
      assert.equal(atA.why, 'bye')
      assert.notEqual(atB.why, undefined)
      assert.deepEqual(b.host.peers(), [])
    }
  })

  it('leaves nothing behind that keeps a process alive', async () => {
    const bodies: readonly string[] = [
      'await (await openHost(parts)).close()',
      'const host = await openHost(parts); await Promise.all([host.close(), host.close()])',
      `const [a, b] = [await openHost(parts), await openHost({ ...parts, seed: new Uint8Array(32).fill(8) })]
       for (const address of b.addresses()) { await a.dial(address); await a.disconnect(b.did); await b.disconnect(a.did) }
       await a.dial(b.addresses()[1]); await b.close(); await a.close()`,
      `const net = await import('node:net')
       const host = await openHost(parts)
       for (const address of host.addresses()) await new Promise((resolve) => net.connect(Number(address.split('/')[4]), '127.0.0.1', resolve).on('error', () => {}).on('close', () => {}))
       await host.close()`,
      `const [a, b] = [await openHost({ ...parts, admits: () => false }), await openHost({ ...parts, seed: new Uint8Array(32).fill(8) })]
       for (const address of b.addresses()) await a.dial(address).catch(() => {})
       await a.close(); await b.close()`,
    ]
    const programs = bodies.map((body) => program(`${body}; console.log('closed')`))
    for (const one of programs) {
      assert.deepEqual(await one.ended, [0, null])
      assert.deepEqual(one.lines, ['closed'])
    }
  })

  it('ends although its peer has stopped answering', async () => {
    const other = program('const host = await openHost(parts); for (const address of host.addresses()) console.log(address)')
    await until('addresses', () => other.lines.length === 2)
    const going = other.lines.map((address) =>
      program(`
        const host = await openHost({ ...parts, seed: crypto.getRandomValues(new Uint8Array(32)), onWire: (wire) => { wire.listen({ frame() {}, drain() {}, closed() {} }); console.log('wire') } })
        process.once('SIGUSR2', () => host.close().then(() => console.log('closed')))
        const keep = setInterval(() => {}, 1_000)
        process.once('SIGUSR2', () => clearInterval(keep))
        await host.dial(${JSON.stringify(address)})`),
    )
    for (const one of going) await until('wires', () => one.lines.length === 1)
    other.stop('SIGSTOP')
    for (const one of going) one.stop('SIGUSR2')
    for (const one of going)
      assert.deepEqual(
        [await one.ended, one.lines],
        [
          [0, null],
          ['wire', 'closed'],
        ],
      )
    other.stop('SIGKILL')
    await other.ended
  })

  it('does not open when it cannot listen', async () => {
    await using a = await TestHost.open({ seed: freshSeed() })
    await assert.rejects(TestHost.open({ seed: freshSeed(), listen: [a.address.replace(peerPart(a), '')] }))
  })
})

describe('strangers at the door', { concurrency: true }, () => {
  /** The beginning of a WebSocket, as a browser asks for it. */
  const upgrade = 'GET / HTTP/1.1\r\nHost: icn\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n'

  for (const [name, bytes] of [
    ['a frame that WebSockets do not know', Uint8Array.of(0xff, 0xff)],
    ['a message that would be 100 MiB', Uint8Array.of(0x82, 0xff, 0, 0, 0, 0, 0x06, 0x40, 0, 0, 1, 2, 3, 4)],
  ] as const)
    it(`cannot end a host by ${name}`, async () => {
      await using host = await TestHost.open({ seed: freshSeed(), listen: [wsLoopback] })
      // More than libp2p takes in a second, so that some are refused before the gate is asked.
      const strangers = await Promise.all(
        Array.from({ length: 40 }, async () => {
          const socket = connect(Number(/\/tcp\/(\d+)/.exec(host.address)?.[1]), '127.0.0.1').on('error', () => {})
          socket.write(upgrade)
          await Promise.race([once(socket, 'data'), once(socket, 'close')])
          socket.write(bytes)
          return socket
        }),
      )
      await until('all are sent away', () => strangers.every((socket) => socket.resume().closed))
      assert.deepEqual(host.host.peers(), [])
    })
})
