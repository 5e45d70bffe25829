import assert from 'node:assert/strict'
import { it } from 'node:test'
import { decodeFrame, type Did, didOfKey, encodeFrame } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { VirtualTime } from '@icn/testkit'
import { type ReplicatorParts, replicatorDefaults } from './ports.ts'
import { Replicator } from './replicate.ts'
import type { Wire, WireListener } from './wire.ts'

const didOf = (fill: number): Did => didOfKey(signingKeyFromSeed(new Uint8Array(32).fill(fill)).publicKey)
const rules: ReplicatorParts['rules'] = [['v1', new Uint8Array(32)]]

/** A peer that has greeted, on a wire that is full from when the test says so. */
class Full implements Wire {
  readonly peer = didOf(2)
  waitingBytes = 0
  isClosed = false
  isFull = false
  readonly codes: string[] = []
  listener: WireListener | undefined

  send(frame: Uint8Array): boolean {
    const read = decodeFrame(frame)
    if (read?.t === 'bye') this.codes.push(read.code)
    return !this.isFull
  }
  pause(): void {}
  resume(): void {}
  close(): void {
    this.isClosed = true
  }
  listen(listener: WireListener): void {
    this.listener = listener
    const [network_id, instance] = [null, new Uint8Array(16)]
    listener.frame(
      encodeFrame({
        t: 'hello',
        v: 1,
        network_id,
        rules: [...rules].map(([version, digest]) => [version, digest]),
        node: this.peer,
        instance,
        release: 'x',
        caps: [],
        at: [0, 0],
        wall: 0,
      }),
    )
  }
}

/** Knows nobody and holds nothing. */
function open(time: VirtualTime) {
  const reports: string[] = []
  const unused = (): never => assert.fail('not asked for')
  const replicator = new Replicator({
    node: didOf(1),
    journal: { subscribe: () => () => {}, spaces: () => [], info: () => undefined, clock: { last: [0, 0] } } as never,
    network: () => null,
    rules,
    instance: new Uint8Array(16).fill(1),
    release: 'x',
    mayHave: () => false,
    expected: () => [],
    hosting: { draft: unused, accept: unused, sign: unused },
    timing: { now: () => time.now(), after: (ms, run) => time.after(ms, run), chance: () => 0 },
    report: (kind) => void reports.push(kind),
    fault: (_, error) => assert.fail(String(error)),
    options: { ...replicatorDefaults },
  })
  return { replicator, reports }
}

for (const [what, drains, codes] of [
  ['that takes nothing for a minute is left, and told why', false, ['SLOW_PEER']],
  ['that takes something within a minute stays', true, []],
] as const)
  it(`a peer ${what}, without a word about its manners`, async () => {
    const time = new VirtualTime(0, () => false)
    const { replicator, reports } = open(time)
    const wire = new Full()
    replicator.add(wire)
    assert.ok(replicator.isReady(wire.peer))
    wire.isFull = true
    // Any frame fills it: here the records of others.
    replicator.tell(wire.peer, [{} as never])
    await time.pass(59_000)
    assert.deepEqual(wire.codes, [])
    if (drains) wire.listener?.drain()
    await time.pass(2_000)
    assert.deepEqual([wire.codes, reports], [[...codes], []])
    replicator.close()
  })

it('a stop waits until what was handed over has left, no longer than it was told to, and takes nobody new meanwhile', async () => {
  for (const [leavesAfterMs, endsMs] of [
    [300, 320],
    [5_000, 2_000],
  ] as const) {
    const time = new VirtualTime(0, () => false)
    const { replicator } = open(time)
    const [wire, late] = [new Full(), new Full()]
    replicator.add(wire)
    wire.waitingBytes = 1
    time.after(leavesAfterMs, () => {
      wire.waitingBytes = 0
    })
    let endedAt: number | undefined
    void replicator.drain(2_000).then(() => {
      endedAt = time.now()
    })
    replicator.add(late)
    assert.ok(late.isClosed)
    await time.pass(endsMs - 21)
    assert.deepEqual([endedAt, wire.isClosed], [undefined, false])
    await time.pass(42)
    assert.ok(endedAt !== undefined && endedAt <= endsMs, `${endedAt}`)
    replicator.close()
    assert.deepEqual([wire.codes, wire.isClosed], [['STOPPING'], true])
  }
})
