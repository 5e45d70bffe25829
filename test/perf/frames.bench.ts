import { freshSeed, orderedSeeds, Rogue, tcpLoopback, TestHost } from '../../packages/network/src/host-fixture.ts'
import { medians, perSecond, type Row } from './lib.ts'

/** What wires cost over the bare stream below them: the same frames over the same transport, encryption and multiplexer, in the same run. */

const frameBytes = 1_024
const frameCount = 20_000
const protocol = '/bench/bare/1'

const frames = function* (): Generator<Uint8Array> {
  const frame = new Uint8Array(frameBytes).fill(1)
  for (let i = 0; i < frameCount; i++) yield frame
}

async function overWire(): Promise<number> {
  const [lower, higher] = await orderedSeeds()
  await using sender = await TestHost.open({ seed: lower })
  let heard = 0
  const all = Promise.withResolvers<void>()
  await using receiver = await TestHost.open({
    seed: higher,
    onWire: (wire) =>
      wire.listen({
        frame() {
          if (++heard === frameCount) all.resolve()
        },
        drain() {},
        closed() {},
      }),
  })
  const wire = await sender.wireTo(await sender.host.dial(receiver.address))
  const from = performance.now()
  await wire.sendAll(frames())
  await all.promise
  return perSecond(frameCount, performance.now() - from)
}

async function overStream(): Promise<number> {
  await using sender = await Rogue.open(freshSeed())
  await using receiver = await Rogue.open(freshSeed(), [tcpLoopback])
  let heard = 0
  const all = Promise.withResolvers<void>()
  await receiver.node.handle(protocol, (stream) =>
    stream.addEventListener('message', ({ data }) => {
      heard += data.byteLength
      if (heard === frameCount * frameBytes) all.resolve()
    }),
  )
  const stream = await sender.stream((receiver.node.getMultiaddrs()[0] as { toString(): string }).toString(), protocol)
  const from = performance.now()
  for (const frame of frames()) if (!stream.send(frame)) await stream.onDrain()
  await all.promise
  return perSecond(frameCount, performance.now() - from)
}

export async function framesBench(): Promise<Row[]> {
  const [value = 0, boundValue = 0] = await medians(7, overWire, overStream)
  return [
    {
      name: `frames of ${frameBytes} bytes between two nodes`,
      value,
      unit: 'frames/s',
      bound: 'bare Yamux over Noise',
      boundValue,
      goal: { atLeast: 0.6 },
    },
  ]
}
