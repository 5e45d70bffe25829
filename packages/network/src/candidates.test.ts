import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeFrame, type Did, didOfKey, encodeCanonical, encodeFrame, type NodeRecord, type OperationId, signRecord } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { Candidates } from './candidates.ts'
import { answerPeers, exchangePeers } from './exchange.ts'
import { freshSeed } from './host-fixture.ts'

const network = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy' as OperationId
const now = 1_790_000_000_000

function nodeOf(seed = freshSeed()) {
  const key = signingKeyFromSeed(seed)
  const did = didOfKey(key.publicKey)
  const content = (more: Partial<NodeRecord> = {}): Omit<NodeRecord, 'signature'> => ({
    v: 1,
    network_id: network,
    node: did,
    issued_at: now,
    expires_at: now + 300_000,
    public: false,
    nat: 'unknown',
    udp: false,
    endpoints: [{ type: 'lan', addr: '/ip4/192.168.1.7/tcp/7777', pref: 200 }],
    source_ips: [],
    ...more,
  })
  const sign = (message: Uint8Array) => new Uint8Array(key.sign(message))
  return { did, content, sign, record: (more: Partial<NodeRecord> = {}): NodeRecord => signRecord(content(more), sign) }
}

const [me, other] = [nodeOf(), nodeOf()]
const held = (at = () => now) => new Candidates({ me: me.did, network: () => network, now: at })

describe('records of other nodes', () => {
  it('are kept, the newest of each', () => {
    const candidates = held()
    assert.equal(candidates.take(other.record()), 'new')
    assert.equal(candidates.take(other.record()), 'known')
    assert.equal(candidates.take(other.record({ issued_at: now - 1 })), 'known', 'an older one played again')
    assert.equal(candidates.take(other.record({ issued_at: now + 1, nat: 'cone' })), 'new')
    assert.equal(candidates.get(other.did)?.nat, 'cone')
    assert.equal(candidates.size, 1)
  })

  it('are refused unless they hold, here, in their own name', () => {
    const longest = 86_400_000
    const cases: readonly (readonly [string, NodeRecord])[] = [
      ['rejected', me.record()],
      ['rejected', other.record({ network_id: 'bafyreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' as OperationId })],
      ['rejected', other.record({ issued_at: now + 60_001 })],
      ['rejected', other.record({ expires_at: now })],
      ['rejected', other.record({ expires_at: now + longest + 1 })],
      ['forged', { ...other.record(), nat: 'cone' }],
      ['forged', signRecord(other.content(), nodeOf().sign)],
      ['forged', other.record({ endpoints: Array.from({ length: 16 }, () => ({ type: 'lan', addr: '€'.repeat(128), pref: 1 })) })],
    ]
    for (const [expected, record] of cases) assert.equal(held().take(record), expected)
    assert.equal(held().take(other.record({ issued_at: now + 60_000, expires_at: now + longest })), 'new')
  })

  it('are dropped when they have expired', () => {
    let at = now
    const candidates = held(() => at)
    candidates.take(other.record())
    candidates.take(nodeOf().record({ expires_at: now + 400_000 }))
    at = now + 300_000
    assert.equal(candidates.get(other.did), undefined)
    assert.equal(candidates.live().length, 1)
    assert.equal(candidates.sweep(), 1)
    assert.equal(candidates.size, 1)
  })

  it('travel in frames of sixteen at most, and nothing else is read as one', () => {
    const records = [other.record()]
    assert.deepEqual(decodeFrame(encodeFrame({ t: 'cand', records })), { t: 'cand', records })
    assert.equal(decodeFrame(encodeFrame({ t: 'cand', records: Array.from({ length: 17 }, () => other.record()) })), undefined)
    assert.equal(decodeFrame(encodeCanonical({ t: 'cand', records: [{ ...other.record(), more: 1 }] })), undefined)
  })
})

describe('an exchange of records', () => {
  const many = Array.from({ length: 60 }, () => nodeOf().record())
  const parts = (countMax: number, records: readonly NodeRecord[] = many) => {
    const reports: string[] = []
    const taken: NodeRecord[] = []
    return {
      reports,
      taken,
      recordsFor: () => records,
      countMaxOf: () => countMax,
      take: (_: Did, some: readonly NodeRecord[]) => void taken.push(...some),
      report: (kind: string) => void reports.push(kind),
    }
  }
  const between = (asker: ReturnType<typeof parts>, answer: (request: Uint8Array) => Uint8Array | undefined) =>
    exchangePeers({ ...asker, ask: async (_, request) => answer(request) as Uint8Array }, other.did)

  it('brings as many as the lesser of both sides wants', async () => {
    for (const [asks, gives] of [
      [5, 50],
      [50, 8],
    ] as const) {
      const asker = parts(asks)
      assert.equal(await between(asker, (request) => answerPeers(parts(gives), me.did, request)), true)
      assert.equal(asker.taken.length, Math.min(asks, gives))
    }
    assert.equal(answerPeers(parts(5), me.did, Uint8Array.of(1)), undefined)
  })

  it('that brings more than was asked for is evidence, and nothing of it is taken', async () => {
    const asker = parts(5)
    assert.equal(await between(asker, () => encodeCanonical({ records: many.slice(0, 6), total: 6 })), false)
    assert.deepEqual([asker.reports, asker.taken.length], [['unsolicited'], 0])
    const puzzled = parts(5)
    assert.equal(await between(puzzled, () => encodeCanonical({ records: 'none' })), false)
    assert.deepEqual(puzzled.reports, ['frame_error'])
  })

  it('fits its message however long the records are', () => {
    const long = Array.from({ length: 500 }, () => many[0] as NodeRecord).map((record) => ({
      ...record,
      endpoints: Array.from({ length: 16 }, () => ({ type: 'lan' as const, addr: 'x'.repeat(128), pref: 1 })),
    }))
    const answer = answerPeers(parts(500, long), me.did, encodeCanonical({ max: 500 })) as Uint8Array
    assert.ok(answer.length <= 262_144 && answer.length > 250_000, `${answer.length}`)
  })
})
