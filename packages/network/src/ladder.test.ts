import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Did } from '@icn/protocol'
import { VirtualTime } from '@icn/testkit'
import { climb, Ladders, type LadderOutcome, type Way } from './ladder.ts'
import { Wanted } from './wanted.ts'
import { NetworkTrouble } from './wire.ts'

const peer = 'did:icn:elm' as Did
const way = (source: Way['source'], address: string): Way => ({ source, address })

/** Climbs where each address answers after its time, or never; says when each was tried. */
async function climbed(ways: readonly Way[], answers: Readonly<Record<string, number | NetworkTrouble>>) {
  const time = new VirtualTime(0)
  const tried: string[] = []
  let most = 0
  let open = 0
  const ladder = climb(peer, ways, {
    timing: { now: () => time.now(), after: (ms, run) => time.after(ms, run) },
    dial: (_, address, signal) => {
      tried.push(`${address}@${time.now()}`)
      most = Math.max(most, ++open)
      const answer = answers[address]
      return new Promise<void>((resolve, reject) => {
        const fail = (error: NetworkTrouble): void => {
          open--
          reject(error)
        }
        signal.addEventListener('abort', () => fail(new NetworkTrouble('DIAL_TIMEOUT', 'given up')))
        if (answer instanceof NetworkTrouble) fail(answer)
        else if (answer !== undefined) time.after(answer, () => resolve())
      })
    },
  })
  let outcome: LadderOutcome | undefined
  void ladder.then((done) => {
    outcome = done
  })
  for (let ms = 0; ms < 60_000 && outcome === undefined; ms += 50) {
    await time.pass(50)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { outcome: await ladder, tried, most, at: time.now() }
}

describe('the ladder to a peer', () => {
  it('tries the house first, then the rest, four at once and a quarter of a second apart, each for its time', async () => {
    const ways = [way('public', 'p1'), way('lan', 'l1'), way('public', 'p2'), way('ws', 'w1'), way('told', 't1'), way('public', 'p3')]
    const { outcome, tried, most } = await climbed(ways, {})
    assert.deepEqual(tried.slice(0, 5), ['l1@0', 'p1@250', 'p2@500', 'w1@750', 't1@1000'])
    assert.ok(most <= 5)
    assert.equal(outcome.connected, false)
    assert.deepEqual(
      outcome.rungs.map(({ address, outcome: what, ms }) => `${address} ${what} ${ms}`),
      ['l1 late 2000', 'p1 late 6000', 'p2 late 6000', 'w1 late 6000', 't1 late 6000', 'p3 late 6000'],
    )
  })

  it('ends with the first that answers; what is worse is given up', async () => {
    const { outcome, at } = await climbed([way('public', 'slow'), way('public', 'quick'), way('public', 'never')], { slow: 3_000, quick: 100 })
    assert.equal(outcome.connected, true)
    assert.ok(at <= 500, `${at}`)
    assert.deepEqual(outcome.rungs.find(({ address }) => address === 'quick')?.outcome, 'connected')
  })

  it('is given up after forty-five seconds, however many ways are left', async () => {
    const { outcome, tried, at } = await climbed(
      Array.from({ length: 32 }, (_, i) => way('public', `p${i}`)),
      {},
    )
    assert.ok(at >= 45_000 && at <= 45_100, `${at}`)
    assert.equal(outcome.connected, false)
    assert.equal(outcome.rungs.length, 32)
    assert.ok(tried.length < 32, `${tried.length} were tried`)
    assert.equal(outcome.rungs.filter(({ outcome: what }) => what === 'given_up').length, 32 - outcome.rungs.filter(({ outcome: what }) => what === 'late').length)
  })

  it('says of each rung why it did not serve', async () => {
    const { outcome } = await climbed([way('public', 'closed'), way('public', 'strict'), { ...way('public', 'local'), refused: 'range' }], {
      closed: new NetworkTrouble('NO_PATH', 'refused'),
      strict: new NetworkTrouble('PEER_NOT_TRUSTED', 'not you'),
    })
    assert.deepEqual(
      outcome.rungs.map(({ address, outcome: what, code, refused }) => [address, what, code ?? refused]),
      [
        ['local', 'refused', 'range'],
        ['closed', 'failed', 'NO_PATH'],
        ['strict', 'not_admitted', 'PEER_NOT_TRUSTED'],
      ],
    )
  })

  it('is remembered eight times', () => {
    const ladders = new Ladders()
    for (let at = 0; at < 10; at++) ladders.add(peer, { at, connected: false, rungs: [] })
    assert.deepEqual(
      ladders.of(peer).map(({ at }) => at),
      [2, 3, 4, 5, 6, 7, 8, 9],
    )
  })
})

describe('wanted links', () => {
  function world(answers: () => boolean, isClose = false) {
    const time = new VirtualTime(0)
    const dials: number[] = []
    let isLinked = false
    let peers: readonly Did[] = [peer]
    const wanted = new Wanted({
      wanted: () => peers,
      isLinked: () => isLinked,
      isClose: () => isClose,
      letGo: () => assert.fail('nothing is let go'),
      climb: async () => {
        dials.push(time.now())
        return answers()
      },
      timing: { now: () => time.now(), after: (ms, run) => time.after(ms, run), chance: () => 0.5 },
      fault: (error) => assert.fail(error as Error),
    })
    return { time, dials, wanted, link: (is: boolean) => void (isLinked = is), want: (more: readonly Did[]) => void (peers = more) }
  }

  it('are dialled ever more seldom, ten minutes apart at most', async () => {
    const { time, dials, wanted } = world(() => false)
    wanted.look()
    await time.pass(3_600_000)
    const gaps = dials.slice(1).map((at, index) => Math.round((at - (dials[index] as number)) / 1_000))
    assert.deepEqual(gaps.slice(0, 8), [5, 10, 20, 40, 80, 160, 320, 600])
    assert.ok(gaps.slice(8).every((gap) => gap === 600))
    wanted.close()
    await time.pass(3_600_000)
    assert.equal(dials.length, gaps.length + 1, 'not after the end')
  })

  it('ask nothing more of a state that may be closed, once they are ended while somebody is dialled or lost', async () => {
    const answer = Promise.withResolvers<boolean>()
    let asked = 0
    const wanted = new Wanted({
      wanted: () => [peer],
      isLinked: () => false,
      isClose: () => ++asked > 0,
      letGo: () => assert.fail('nothing is let go'),
      climb: () => answer.promise,
      timing: { now: () => 0, after: () => () => {}, chance: () => 0.5 },
      fault: (error) => assert.fail(error as Error),
    })
    wanted.look()
    wanted.close()
    wanted.lost(peer)
    answer.resolve(false)
    await answer.promise
    await Promise.resolve()
    assert.equal(asked, 0)
  })

  it('with hosts of an own space are never given up for longer than a quarter of a minute', async () => {
    const { time, dials, wanted } = world(() => false, true)
    wanted.look()
    await time.pass(600_000)
    const gaps = dials.slice(1).map((at, index) => Math.round((at - (dials[index] as number)) / 1_000))
    assert.deepEqual(gaps.slice(0, 4), [5, 10, 15, 15])
    assert.ok(gaps.slice(4).every((gap) => gap === 15))
    wanted.close()
  })

  it('that were good are dialled at once when they are lost, and those that greet and go again and again are not', async () => {
    const { time, dials, wanted, link } = world(() => true)
    wanted.look()
    await time.pass(0)
    for (const lastedMs of [70_000, 100, 100]) {
      link(true)
      wanted.ready(peer)
      await time.pass(lastedMs)
      link(false)
      const before = dials.length
      const at = time.now()
      wanted.lost(peer)
      while (dials.length === before) await time.pass(1_000)
      const waited = (dials.at(-1) as number) - at
      if (lastedMs === 70_000) assert.equal(waited, 0)
      else assert.ok(waited >= 5_000, `${waited}`)
    }
    wanted.close()
  })

  it('are dialled at once when there is news of them, and not at all when nobody wants them any more', async () => {
    const { time, dials, wanted, want } = world(() => false)
    wanted.look()
    await time.pass(400_000)
    const before = dials.length
    wanted.hasNews(peer)
    await time.pass(10)
    assert.equal(dials.length, before + 1)
    want([])
    await time.pass(3_600_000)
    assert.equal(dials.length, before + 1)
    wanted.close()
  })
})
