import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  dayMs,
  type Did,
  decodeTrusted,
  encodeTrusted,
  type EvidenceName,
  hourMs,
  type KeyValue,
  minuteMs,
  type SignedOperation,
  signSnapMessage,
  type SnapMessageOf,
  type SpaceId,
} from '@icn/protocol'
import { verifySignature } from '@icn/protocol/node'
import { TestSigner } from '@icn/testkit'
import fc from 'fast-check'
import { Detector, type DetectorParts, type LocalRows } from './detector.ts'
import { doubleAckProof, evidenceKinds, forkProof } from './evidence.ts'

/** Local rows as the store keeps them: by bytes, in the order of their keys. */
class MemoryRows implements LocalRows {
  readonly kept = new Map<string, Uint8Array>()
  writes = 0
  fails = false

  write(changes: Parameters<LocalRows['write']>[0]): void {
    this.writes++
    if (this.fails) throw new Error('the disk is gone')
    for (const { key, value } of changes) {
      if (value === undefined) this.kept.delete(JSON.stringify(key))
      else this.kept.set(JSON.stringify(key), encodeTrusted(value))
    }
  }

  *scan(prefix: readonly KeyValue[]): Generator<readonly [readonly KeyValue[], unknown]> {
    for (const [key, value] of this.kept) {
      const parts = JSON.parse(key) as KeyValue[]
      if (prefix.every((part, i) => parts[i] === part)) yield [parts, decodeTrusted(value)]
    }
  }
}

const me = new TestSigner(1).did
const peer = new TestSigner(2).did

class Bench {
  now = 1_790_000_000_000
  readonly rows = new MemoryRows()
  readonly decided: string[] = []
  readonly faults: unknown[] = []
  readonly exempt = new Set<Did>()
  readonly cohosts = new Set<Did>()
  readonly local = new Set<Did>()
  readonly addresses = new Map<Did, readonly string[]>()
  counted = 0
  detector: Detector

  constructor() {
    this.detector = this.open()
  }

  open(): Detector {
    const parts: DetectorParts = {
      me,
      rows: this.rows,
      now: () => this.now,
      halfLifeMs: hourMs,
      verify: verifySignature,
      isExempt: (did) => this.exempt.has(did) || this.cohosts.has(did),
      isCohost: (did) => this.cohosts.has(did),
      addressesOf: (did) => this.addresses.get(did) ?? [],
      isLoopback: (did) => this.local.has(did),
      counted: () => void this.counted++,
      decided: (did, what) => {
        // What acts has been written before.
        if (what !== 'unbanned') assert.ok(this.rows.kept.has(JSON.stringify(['conduct', did])) || this.rows.fails)
        this.decided.push(what)
      },
      fault: (error) => void this.faults.push(error),
    }
    this.detector = new Detector(parts)
    return this.detector
  }

  /** All that can be asked of it about these DIDs. */
  shown(dids: readonly Did[]): unknown {
    const { detector } = this
    return dids.map((did) => [detector.standing(did), detector.ban(did), detector.isAway(did), detector.evidence({ did, limit: 100 })])
  }
}

const senderKinds = (Object.keys(evidenceKinds) as EvidenceName[]).filter((kind) => evidenceKinds[kind].charged === 'sender')
const kind = fc.constantFrom(...senderKinds)
const step = fc.record({ kind, who: fc.nat(3), after: fc.constantFrom(0, 1, 500, minuteMs, 20 * minuteMs, hourMs, 5 * hourMs) })
const dids = [10, 11, 12, 13].map((seed) => new TestSigner(seed).did)

describe('whatever is reported', () => {
  it('standing stays within its bounds, one kind adds at most 100 in any hour, and a restart forgets nothing', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const bench = new Bench()
        for (const { kind, who, after } of steps) {
          bench.now += after
          bench.detector.report({ kind, peer: dids[who] as Did })
          const standing = bench.detector.standing(dids[who] as Did)
          assert.ok(Number.isInteger(standing) && standing >= 0 && standing <= 1_000)
        }
        for (const did of dids) {
          const noted = bench.detector.evidence({ did, limit: 1_000 })
          for (const last of noted) {
            const within = noted.filter(({ at, kind }) => kind === last.kind && at > last.at - hourMs && at <= last.at)
            assert.ok(within.reduce((sum, { points }) => sum + points, 0) <= 100)
          }
        }
        const before = bench.shown(dids)
        const bans = bench.detector.bans()
        bench.open()
        assert.deepEqual(bench.shown(dids), before)
        assert.deepEqual(bench.detector.bans(), bans)
      }),
      { numRuns: 200 },
    )
  })

  it('points fade by half in every half-life, no matter how often somebody looks or reports', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3 * hourMs), { maxLength: 20 }), (pauses) => {
        const bench = new Bench()
        for (let i = 0; i < 3; i++) bench.detector.report({ kind: 'frame_error', peer })
        const start = bench.now
        for (const pause of pauses) {
          bench.now += pause
          // Costs nothing, and works the points out anew.
          bench.detector.report({ kind: 'node_cloned', peer })
          const exact = 90 * 2 ** (-(bench.now - start) / hourMs)
          assert.ok(Math.abs(bench.detector.points(peer) - exact) <= 1 + pauses.length / 1_000)
        }
      }),
    )
    const bench = new Bench()
    for (let i = 0; i < 2; i++) bench.detector.report({ kind: 'bad_chunk', peer })
    assert.equal(bench.detector.standing(peer), 600)
    bench.now += hourMs
    assert.equal(bench.detector.standing(peer), 800)
    bench.now -= 3 * hourMs
    assert.equal(bench.detector.standing(peer), 600, 'a clock set back takes nothing away and adds nothing')
  })

  it('of one kind, as many as an hour takes within seconds close the link', () => {
    const bench = new Bench()
    for (let i = 0; i < 10; i++) {
      assert.ok(bench.detector.points(peer) < 100)
      bench.now += 1_000
      bench.detector.report({ kind: 'gossip_invalid', peer })
    }
    assert.equal(bench.detector.points(peer), 100)
    assert.ok(bench.detector.isAway(peer))
  })

  it('only the sender is charged for what proves nothing by itself, and never this node or this machine', () => {
    const signer = new TestSigner(5).did
    fc.assert(
      fc.property(kind, fc.option(fc.uint8Array(), { nil: undefined }), (kind, proof) => {
        const bench = new Bench()
        bench.local.add(dids[0] as Did)
        for (const sent of [me, dids[0] as Did, undefined])
          bench.detector.report({ kind, signer, ...(sent === undefined ? {} : { peer: sent }), ...(proof === undefined ? {} : { proof }) })
        assert.equal(bench.rows.writes, 0)
        bench.detector.report({ kind, peer, signer })
        assert.equal(bench.detector.standing(signer), 1_000)
        assert.equal(bench.detector.evidence({ limit: 10 })[0]?.did, peer)
      }),
    )
  })
})

describe('a fork', () => {
  const space = 'coop:toy' as SpaceId
  const genesis = new TestSigner(90).sign({ space, genesis: null, kind: 'toy.found', body: { name: 'toy', hosts: [] }, at: [1, 0] })
  const said = (seed: number, value: number, at = 2): SignedOperation =>
    new TestSigner(seed).sign({ space, genesis: genesis.id, kind: 'toy.set', body: { name: 'a', value }, at: [at, 0], keep: true })
  const proofOf = (a: SignedOperation, b: SignedOperation): Uint8Array => forkProof({ envelope: a.bytes, signature: a.signature }, { envelope: b.bytes, signature: b.signature })
  const ana = new TestSigner(7).did

  it('is charged to who signed twice, once, whichever way round it is shown, and costs the one that brings it nothing', () => {
    const bench = new Bench()
    const [a, b] = [said(7, 1), said(7, 2)]
    bench.detector.report({ kind: 'fork', peer, signer: ana, proof: proofOf(a, b), space })
    bench.detector.report({ kind: 'fork', peer, signer: ana, proof: proofOf(b, a), space })
    bench.open().report({ kind: 'fork', peer, signer: ana, proof: proofOf(a, b), space })
    assert.deepEqual([bench.detector.points(ana), bench.detector.points(peer)], [100, 0])
    assert.deepEqual(
      bench.detector.evidence({ limit: 10 }).map(({ kind, did }) => [kind, did]),
      [['fork', ana]],
    )
    assert.equal(bench.counted, 3)
  })

  it('is not believed when it is forged, said of somebody else, said again, or two numbers', () => {
    const bench = new Bench()
    const [a, b] = [said(7, 1), said(7, 2)]
    const forged = { ...b, signature: new Uint8Array(64).fill(1) }
    const second = new TestSigner(7)
    second.sign({ space, genesis: genesis.id, kind: 'toy.set', body: { name: 'b', value: 1 }, at: [2, 0] })
    const later = second.sign({ space, genesis: genesis.id, kind: 'toy.set', body: { name: 'a', value: 3 }, at: [3, 0] })
    for (const [signer, proof] of [
      [ana, proofOf(a, forged)],
      [peer, proofOf(a, b)],
      [ana, proofOf(a, said(8, 2))],
      [ana, proofOf(a, said(7, 1, 3))],
      [ana, proofOf(a, later)],
      [ana, proofOf(a, a)],
      [ana, Uint8Array.of(1, 2, 3)],
      [ana, encodeTrusted([1, 2])],
      [ana, encodeTrusted([[a.bytes], [b.bytes]])],
    ] as const)
      bench.detector.report({ kind: 'fork', signer, peer, proof })
    for (const did of [ana, peer, new TestSigner(8).did]) assert.equal(bench.detector.standing(did), 1_000)
    assert.equal(bench.rows.writes, 0)
  })
})

describe('two acknowledgements under one ballot', () => {
  const [ana, ben] = [new TestSigner(7), new TestSigner(8)]
  const network = new TestSigner(90).sign({ space: 'commons' as SpaceId, genesis: null, kind: 'toy.found', body: { name: 'toy', hosts: [] }, at: [1, 0] }).id
  const bytes = (fill: number, length = 32): Uint8Array => new Uint8Array(length).fill(fill)
  const ack = (root: number, { signer = ana, n = 3, sent = 1 } = {}): SnapMessageOf<'SnapshotAck'> =>
    signSnapMessage<SnapMessageOf<'SnapshotAck'>>(
      {
        v: 1,
        type: 'SnapshotAck',
        network_id: network,
        space: 'coop:toy' as SpaceId,
        snapshot_id: bytes(1),
        ballot: [n, bytes(2)],
        from: signer.did,
        sent_at: [sent, 0],
        body: { node: signer.did, cut: [5, 0], layers_digest: bytes(3), state_hash: bytes(root), state_size: 1, pairs: 1, count: 1, rules: 'toy', statement: bytes(9, 64) },
      },
      (message) => new Uint8Array(signer.key.sign(message)),
    )

  it('are charged to who signed both, and not believed when they say the same, speak of two ballots, or are forged', () => {
    const bench = new Bench()
    const forged = { ...ack(5), signature: bytes(1, 64) }
    for (const [first, second] of [
      [ack(4), ack(4, { sent: 2 })],
      [ack(4), ack(5, { n: 4 })],
      [ack(4), forged],
      [ack(4), ack(5, { signer: ben })],
    ] as const)
      bench.detector.report({ kind: 'double_ack', signer: ana.did, proof: doubleAckProof(first, second), space: 'coop:toy' as SpaceId })
    bench.detector.report({ kind: 'double_ack', signer: ben.did, proof: doubleAckProof(ack(4), ack(5)), space: 'coop:toy' as SpaceId })
    assert.deepEqual([bench.detector.standing(ana.did), bench.detector.standing(ben.did), bench.rows.writes], [1_000, 1_000, 0])
    bench.detector.report({ kind: 'double_ack', signer: ana.did, proof: doubleAckProof(ack(5), ack(4)), space: 'coop:toy' as SpaceId })
    assert.deepEqual(
      bench.detector.evidence({ limit: 10 }).map(({ kind, did, points }) => [kind, did, points]),
      [['double_ack', ana.did, 200]],
    )
  })
})

describe('who gathers points', () => {
  /** So many of 20, of different kinds, so that no hour is full. */
  const charge = (bench: Bench, who: Did, points: number): void => {
    const kinds: readonly EvidenceName[] = ['malformed_operation', 'bad_signature', 'bad_chunk', 'bad_page', 'frame_error', 'oversize']
    for (let i = 0, left = points; left > 0; i++) {
      const kind = kinds[Math.floor(i / 3)] as EvidenceName
      bench.detector.report({ kind, peer: who })
      left -= evidenceKinds[kind].points
    }
  }

  it('is sent away for a minute from 100 on, and banned from 200 on for an hour, then twice as long each time, at most a week', () => {
    const bench = new Bench()
    charge(bench, peer, 99)
    assert.deepEqual([bench.decided.at(-1), bench.detector.isAway(peer), bench.detector.ban(peer)], ['closed', true, undefined])
    bench.now += minuteMs
    assert.equal(bench.detector.isAway(peer), false)
    const hours: number[] = []
    for (let i = 0; i < 10; i++) {
      charge(bench, peer, 240)
      const ban = bench.detector.ban(peer)
      assert.ok(ban)
      hours.push((ban.until - bench.now) / hourMs)
      bench.open()
      bench.now = ban.until - 1
      assert.ok(bench.detector.ban(peer), 'until the end, after a restart too')
      bench.now = ban.until + hourMs
      assert.equal(bench.detector.ban(peer), undefined)
    }
    assert.deepEqual(hours, [1, 2, 4, 8, 16, 32, 64, 128, 168, 168])
    bench.now += 31 * dayMs
    charge(bench, peer, 240)
    assert.equal(((bench.detector.ban(peer)?.until ?? 0) - bench.now) / hourMs, 1, 'after a month it begins anew')
  })

  it('is forgiven by the operator, with the address that it closed', () => {
    const bench = new Bench()
    for (const did of dids) {
      bench.addresses.set(did, ['192.0.2.7'])
      assert.equal(bench.detector.isShutOut('192.0.2.7'), did === dids[3])
      charge(bench, did, 240)
    }
    assert.ok(bench.open().isShutOut('192.0.2.7'))
    assert.equal(bench.detector.isShutOut('192.0.2.8'), false)
    assert.ok(bench.detector.unban(dids[3] as Did))
    bench.open()
    assert.deepEqual([bench.detector.isShutOut('192.0.2.7'), bench.detector.ban(dids[3] as Did), bench.detector.standing(dids[3] as Did)], [false, undefined, 1_000])
    assert.equal(bench.detector.unban(dids[3] as Did), false)
    assert.equal(bench.detector.bans().length, 3)
  })

  it('an address is shut out for an hour, and not for keys that were banned over a longer time', () => {
    const bench = new Bench()
    for (const did of dids.slice(0, 3)) {
      bench.addresses.set(did, ['192.0.2.7'])
      charge(bench, did, 240)
      bench.now += 31 * minuteMs
    }
    assert.equal(bench.detector.isShutOut('192.0.2.7'), false)
    charge(bench, dids[3] as Did, 240)
    bench.addresses.set(dids[3] as Did, ['192.0.2.7'])
    assert.equal(bench.detector.isShutOut('192.0.2.7'), false, 'this one came from elsewhere')
  })

  it('is not banned when stewards or the operator have named it, but loses standing; only the operator bans it', () => {
    const bench = new Bench()
    bench.exempt.add(dids[0] as Did)
    bench.cohosts.add(dids[1] as Did)
    for (const did of dids.slice(0, 2)) charge(bench, did, 300)
    assert.deepEqual(bench.detector.bans(), [])
    assert.deepEqual(
      dids.slice(0, 2).map((did) => [bench.detector.standing(did), bench.detector.isAway(did)]),
      [
        [0, true],
        [0, false],
      ],
    )
    bench.detector.banByHand(dids[1] as Did, hourMs, 'asked by Ada')
    assert.deepEqual(bench.open().bans(), [{ did: dids[1], until: bench.now + hourMs, by: 'operator', reason: 'asked by Ada' }])
  })

  it('is remembered in bounded room, bans last, and also while nothing can be written', () => {
    const bench = new Bench()
    charge(bench, peer, 240)
    for (let i = 0; i < 10_100; i++) bench.detector.report({ kind: 'frame_error', peer: `did:icn:z${i}` as Did })
    assert.ok(bench.detector.ban(peer))
    assert.equal(bench.detector.standing('did:icn:z0' as Did), 1_000)
    assert.equal(bench.detector.standing('did:icn:z10099' as Did), 850)
    const rows = [...bench.rows.kept.keys()]
    assert.equal(rows.filter((key) => key.startsWith('["conduct"')).length, 10_000)
    assert.equal(rows.filter((key) => key.startsWith('["evidence"')).length, 10_000)
    bench.rows.fails = true
    charge(bench, dids[0] as Did, 240)
    assert.ok(bench.detector.ban(dids[0] as Did))
    assert.ok(bench.faults.length > 0)
  })

  it('leaves nothing behind once all has faded', () => {
    const bench = new Bench()
    charge(bench, peer, 99)
    bench.now += 20 * hourMs
    bench.open()
    assert.deepEqual(
      [...bench.rows.kept.keys()].filter((key) => key.startsWith('["conduct"')),
      [],
    )
  })
})
