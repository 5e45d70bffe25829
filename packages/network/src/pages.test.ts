import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { type FrameOf, sha256, type SpaceId } from '@icn/protocol'
import { askInTurn, Pages } from './pages.ts'

const space = 'coop:test' as SpaceId
const page = Uint8Array.of(1, 2, 3)
const digest = sha256(page)

let now: number
let came: Uint8Array[]
let isPage: boolean

/** The questions to one peer and what it is given. */
class Peer {
  readonly sent: FrameOf<'page'>[] = []
  readonly reports: string[] = []
  isShared = true
  hasRoom = true
  readonly pages = new Pages({
    parts: {
      timing: { now: () => now, after: () => () => {}, chance: () => 0 },
      fault: (_, error) => assert.fail(String(error)),
      snaps: {
        maySpeak: () => false,
        heard: () => assert.fail('no message'),
        page: (_, wanted) => (Buffer.compare(wanted, digest) === 0 ? page : undefined),
        pageCame: (_, __, bytes) => came.push(bytes) > 0 && isPage,
      },
    },
    isShared: () => this.isShared,
    hasRoom: () => this.hasRoom,
    send: (frame) => void this.sent.push(frame),
    report: (kind) => void this.reports.push(kind),
  })

  answer(bytes: Uint8Array, of = digest): void {
    this.pages.take({ t: 'page', space, digest: of, bytes })
  }
}

let peers: Peer[]
const ask = (): boolean =>
  askInTurn(
    peers.map(({ pages }) => pages),
    space,
    digest,
    now,
  )
const asked = (): number[] => peers.map(({ sent }) => sent.length)

beforeEach(() => {
  now = 1_000_000
  came = []
  isPage = true
  peers = [new Peer(), new Peer(), new Peer()]
})

describe('a page', () => {
  it('is asked of one peer after the other, ten seconds apart, and of the same again after thirty', () => {
    const rounds: number[][] = []
    for (let second = 0; second <= 40; second++) {
      assert.equal(ask(), true)
      if (second % 10 === 0) rounds.push(asked())
      now += 1_000
    }
    assert.deepEqual(rounds, [
      [1, 0, 0],
      [1, 1, 0],
      [1, 1, 1],
      [2, 1, 1],
      [2, 2, 1],
    ])
    assert.deepEqual(peers[0]?.sent[0], { t: 'page', space, digest })
    peers = [peers[0] as Peer]
    now += 9_000
    ask()
    assert.deepEqual(asked(), [2], 'no sooner than that')
    now += 20_000
    ask()
    assert.deepEqual(asked(), [3])
  })

  it('is asked only of peers that share the space', () => {
    const [one, two] = peers as [Peer, Peer]
    one.isShared = false
    ask()
    assert.deepEqual([one.sent.length, two.sent.length], [0, 1])
    for (const peer of peers) peer.isShared = false
    assert.equal(ask(), false)
  })

  it('that was asked for is handed up when it is what its digest says, and costs nothing', () => {
    const [one, two] = peers as [Peer, Peer]
    ask()
    const answer = { t: 'page', space, digest, bytes: page } as const
    assert.deepEqual([one.pages.isAnswer(answer), two.pages.isAnswer(answer), one.pages.isAnswer({ t: 'page', space, digest })], [true, false, false])
    one.answer(page)
    assert.deepEqual([came, one.reports], [[page], []])
    assert.equal(one.pages.isAnswer(answer), false)
  })

  it('that is another one, or that nobody asked for, is charged and goes no further', () => {
    const [one, two] = peers as [Peer, Peer]
    ask()
    one.answer(Uint8Array.of(9))
    assert.deepEqual([came, one.reports], [[], ['bad_page']])
    one.answer(page)
    two.answer(page)
    assert.deepEqual([came, one.reports, two.reports], [[], ['bad_page', 'unsolicited'], ['unsolicited']])
    one.pages.ask('coop:other' as SpaceId, digest)
    one.answer(page)
    assert.equal(one.reports.at(-1), 'unsolicited', 'for another space is not for this one')
  })

  it('is asked of others first when a peer has given another one', () => {
    const [one] = peers as [Peer]
    ask()
    one.answer(Uint8Array.of(9))
    ask()
    assert.deepEqual(asked(), [1, 0, 0], 'not at once')
    now += 10_000
    ask()
    assert.deepEqual(asked(), [1, 1, 0])
  })

  it('that is none, whatever it is called, is charged', () => {
    const [one] = peers as [Peer]
    isPage = false
    ask()
    one.answer(page)
    assert.deepEqual(one.reports, ['bad_page'])
  })

  it('that was asked for twice may come twice', () => {
    const [one] = peers as [Peer]
    for (let i = 0; i < 2; i++) one.pages.ask(space, digest)
    for (let i = 0; i < 3; i++) one.answer(page)
    assert.deepEqual([came.length, one.reports], [2, ['unsolicited']])
  })

  it('of a space that is no longer shared is not handed up, and its sender not charged', () => {
    const [one] = peers as [Peer]
    ask()
    one.isShared = false
    one.answer(page)
    assert.deepEqual([came, one.reports], [[], []])
  })

  it('is given to whoever shares the space and has room for it, and otherwise nothing is said', () => {
    const [one] = peers as [Peer]
    const question = { t: 'page', space, digest } as const
    one.pages.take(question)
    assert.deepEqual(one.sent, [{ ...question, bytes: page }])
    one.pages.take({ ...question, digest: new Uint8Array(32) })
    one.hasRoom = false
    one.pages.take(question)
    one.hasRoom = true
    one.isShared = false
    one.pages.take(question)
    assert.equal(one.sent.length, 1)
    assert.deepEqual(one.reports, [])
  })

  it('is one of 256 that may be open with a peer: of more the oldest is forgotten', () => {
    const [one] = peers as [Peer]
    const named = (i: number): Uint8Array => new Uint8Array(32).fill(i & 255).fill(i >> 8, 0, 1)
    for (let i = 0; i < 257; i++) one.pages.ask(space, named(i))
    const isOpen = (i: number): boolean => one.pages.isAnswer({ t: 'page', space, digest: named(i), bytes: page })
    assert.deepEqual([0, 1, 256].map(isOpen), [false, true, true])
  })
})
