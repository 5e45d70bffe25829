import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Did, encodeCanonical, type OperationId, type RawOperation } from '@icn/protocol'
import { Gossip } from './gossip.ts'

const peer = 'did:icn:mallory' as Did
const operation = (fill: number, bytes = 300): RawOperation => ({ envelope: new Uint8Array(bytes).fill(fill), signature: new Uint8Array(64).fill(fill), body: Uint8Array.of(0xa0) })
const message = (operations: readonly RawOperation[]): Uint8Array => encodeCanonical({ ops: operations.map(({ envelope, signature, body }) => [envelope, signature, body]) })

function world({ ready = true, known = true, bad = 0, placed = 1, allowed = 64, others = 0 } = {}) {
  const reports: string[] = []
  const counted: string[] = []
  const sent: { topic: string; data: Uint8Array }[] = []
  const later: (() => void)[] = []
  const written = new Map<string, RawOperation>()
  const gossip = new Gossip({
    journal: {
      info: () => (known ? {} : undefined) as never,
      vectors: () => ({ raw: (id: OperationId) => written.get(id) }) as never,
      ingest: async () =>
        ({
          placed,
          held: 0,
          known: 0,
          malformed: [
            ...Array.from({ length: bad }, () => ({ reason: 'signature' as const })),
            ...Array.from({ length: others }, () => ({ reason: 'signature' as const, id: 'op:other' as OperationId })),
          ],
          wanted: [],
        }) as never,
    },
    metrics: { add: (name, count, ...labels) => void counted.push(`${name} ${count} ${JSON.stringify(labels[0])}`) },
    timing: {
      now: () => 0,
      after(_, run) {
        later.push(run)
        return () => {}
      },
      chance: () => 0,
    },
    isReady: () => ready,
    publish: async (topic, data) => void sent.push({ topic, data }),
    takePublic: () => 'reject',
    penaltyOf: () => 0,
    allowance: (_, sizes) => Math.min(allowed, sizes.length),
    report: (kind, who) => void reports.push(`${kind} ${who}`),
    fault: (error) => assert.fail(error as Error),
  })
  const write = (fill: number, bytes?: number): OperationId => {
    const id = `op${fill}` as OperationId
    written.set(id, operation(fill, bytes))
    return id
  }
  return { gossip, reports, counted, sent, write, pass: () => later.splice(0).forEach((run) => run()) }
}

describe('a message to everybody', () => {
  for (const [what, options, data, verdict] of [
    ['that is whole goes on', {}, message([operation(1)]), 'accept'],
    ['that brings nothing new goes no further', { placed: 0 }, message([operation(1)]), 'ignore'],
    ['of a peer that has not greeted goes no further', { ready: false }, message([operation(1)]), 'ignore'],
    ['of a space that is not here goes no further', { known: false }, message([operation(1)]), 'ignore'],
    ['with a forged signature is rejected', { bad: 1 }, message([operation(1)]), 'reject'],
    ['with one that completes what somebody else has forged goes on', { others: 1 }, message([operation(1)]), 'accept'],
    ['over its sender’s budget goes no further', { allowed: 1 }, message([operation(1), operation(2)]), 'ignore'],
    ['of a sender whose budget is used up goes no further, whatever is in it', { allowed: 0, bad: 1 }, message([operation(1)]), 'ignore'],
    ['that is no message is rejected', {}, Uint8Array.of(1, 2), 'reject'],
    ['with too many operations is rejected', {}, message(Array.from({ length: 65 }, (_, i) => operation(i))), 'reject'],
  ] as const)
    it(what, async () => {
      const { gossip, reports, counted } = world(options)
      assert.equal(await gossip.judge(peer, 'icn/1/commons', data), verdict)
      assert.deepEqual(reports, verdict === 'reject' ? [`gossip_invalid ${peer}`] : [])
      assert.deepEqual(counted, [`icn_gossip_messages_total 1 {"topic":"commons","verdict":"${verdict}"}`])
    })

  it('holds sixty-four operations or 96 KiB at most, and nothing that came from others', () => {
    const { gossip, sent, write, pass } = world()
    gossip.came([operation(200)])
    gossip.committed([write(200), ...Array.from({ length: 70 }, (_, i) => write(i))])
    pass()
    pass()
    assert.deepEqual(
      sent.map(({ topic, data }) => [topic, data.length > 0]),
      [
        ['icn/1/commons', true],
        ['icn/1/commons', true],
      ],
    )
    const big = world()
    big.gossip.committed([big.write(1, 60_000), big.write(2, 60_000)])
    big.pass()
    assert.ok((big.sent[0]?.data.length ?? 0) < 98_304)
    big.pass()
    assert.equal(big.sent.length, 2)
  })

  it('that finds too many waiting is left to the streams, and counted', () => {
    const { gossip, counted, write } = world()
    gossip.committed(Array.from({ length: 1_283 }, (_, i) => write(i)))
    assert.deepEqual(
      counted,
      Array.from({ length: 3 }, () => 'icn_gossip_messages_total 1 {"topic":"commons","verdict":"dropped"}'),
    )
  })
})
