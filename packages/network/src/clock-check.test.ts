import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Did, decodeTrusted, encodeCanonical } from '@icn/protocol'
import { answerTime, checkClock } from './clock-check.ts'
import { NetworkTrouble } from './wire.ts'

interface Other {
  /** How far its clock is ahead of the true time [ms]. */
  readonly aheadMs?: number
  readonly address?: string
  /** Until the question is there, and until the answer is back [ms]. */
  readonly there?: number
  readonly back?: number
  readonly answer?: 'none' | 'garbage' | 'other question'
}

/** A node whose clock is wrong by `ownMs`, among others that are asked at the same time. Answers come one after the other, each at its time. */
async function check(ownMs: number, others: readonly Other[], lotOf = (draw: number) => draw / 1_000) {
  const asked: number[] = []
  const start = 1_790_000_000_000
  let draws = 0
  let passed = 0
  let before: Promise<unknown> = Promise.resolve()
  const reading = await checkClock({
    peers: () => others.map(({ address }, index) => ({ peer: `did:key:${index}` as Did, address: address ?? `/ip4/203.0.${index}.7/tcp/7777` })),
    async ask(peer, request) {
      const index = Number(peer.slice(8))
      const { aheadMs = 0, there = 5, back = 5, answer } = others[index] as Other
      asked.push(index)
      before = before.then(() => new Promise((resolve) => setImmediate(resolve)))
      await before
      if (answer === 'none') throw new NetworkTrouble('NO_PATH', 'gone')
      if (answer === 'garbage') return Uint8Array.of(1, 2, 3)
      const theirs = (await answerTime(request, () => start + there + aheadMs)) as Uint8Array
      passed = there + back
      if (answer !== 'other question') return theirs
      return encodeCanonical({ ...(decodeTrusted(theirs) as Record<string, number>), n: 1 })
    },
    now: () => start + ownMs + passed,
    chance: () => lotOf(draws++),
  })
  return { ...reading, asked }
}

describe('the clock of a node among its peers', () => {
  it('is compared with the median: one liar of five moves nothing', async () => {
    for (const lie of [-10_000_000, 10_000_000]) {
      const { state, aheadMs, samples } = await check(0, [{}, {}, { aheadMs: lie }, {}, {}])
      assert.deepEqual([state, aheadMs, samples], ['ok', 0, 5])
    }
    assert.equal((await check(0, [{ aheadMs: -90_000 }, { aheadMs: -90_000 }, { aheadMs: -90_000 }, {}, {}])).state, 'ahead', 'three of five do')
  })

  it('is unknown with two peers', async () => {
    assert.deepEqual(await check(70_000, [{}, {}]), { state: 'unknown', aheadMs: null, samples: 2, asked: [0, 1] })
    assert.equal((await check(70_000, [{}, {}, { answer: 'none' }, { answer: 'garbage' }, { answer: 'other question' }])).samples, 2)
  })

  for (const [ownMs, state] of [
    [1_000, 'ok'],
    [-1_001, 'noted'],
    [5_000, 'noted'],
    [5_001, 'off'],
    [60_000, 'off'],
    [60_001, 'ahead'],
    [70_000, 'ahead'],
    [-60_000, 'off'],
    [-60_001, 'behind'],
  ] as const)
    it(`that is ${ownMs} ms ahead is ${state}`, async () => {
      const { aheadMs, ...reading } = await check(ownMs, [{}, {}, {}])
      assert.deepEqual([aheadMs, reading.state], [ownMs, state])
    })

  it('counts half of the way there and back, and no answer that took more than two seconds', async () => {
    assert.equal((await check(0, [{ there: 1_000, back: 0 }, { there: 0, back: 1_000 }, {}])).aheadMs, 0)
    assert.equal((await check(0, [{}, {}, { there: 2_000, back: 1 }])).state, 'unknown')
  })

  it('is asked of three of one block at most, and of sixteen in all', async () => {
    const block = (name: string) => ({ aheadMs: -90_000, address: name })
    const crowd = Array.from({ length: 20 }, (_, index) => block(`/ip4/198.51.100.${index}/tcp/7777`))
    const { asked, state } = await check(0, [...crowd, {}, {}, {}, {}])
    assert.equal(asked.filter((index) => index < 20).length, 3)
    assert.equal(state, 'ok')
    const six = Array.from({ length: 20 }, (_, index) => block(`/ip6/2001:db8:0:${index}::1/tcp/7777`))
    assert.equal((await check(0, [...six, {}, {}, {}, {}])).state, 'ok')
    const many = Array.from({ length: 60 }, (): Other => ({}))
    const drawn = await check(0, many)
    assert.equal(drawn.asked.length, 16)
    assert.notDeepEqual((await check(0, many, (draw) => 1 - draw / 1_000)).asked, drawn.asked, 'drawn by lot')
  })
})
