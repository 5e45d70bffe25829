import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { cidOf, type Did, type FrameOf, type OperationId, type SnapMessage, type SnapOutcome, type SpaceId } from '@icn/protocol'
import { verifySignature } from '@icn/protocol/node'
import { type SaidParts, snapBy, TestSigner } from '@icn/testkit'
import { type SnapLink, Snaps } from './snaps.ts'

const space = 'coop:test' as SpaceId
const network = cidOf(Uint8Array.of(1)) as OperationId
const me = new TestSigner(1)
const [ana, ben, cleo, stranger] = [2, 3, 4, 5].map((seed) => new TestSigner(seed)) as [TestSigner, TestSigner, TestSigner, TestSigner]

/** A peer that shares what it shares, and what it was told. */
class Peer implements SnapLink {
  readonly peer: Did
  readonly told: FrameOf<'snap'>[] = []
  readonly #shared: readonly SpaceId[]

  constructor(signer: TestSigner, shared: readonly SpaceId[] = [space]) {
    this.peer = signer.did
    this.#shared = shared
  }

  isShared(one: SpaceId): boolean {
    return this.#shared.includes(one)
  }

  tellSnap(frame: FrameOf<'snap'>): void {
    this.told.push(frame)
  }
}

let now: number
let clock: number
let hosts: Set<Did>
let heard: SnapMessage[]
let outcomes: SnapOutcome[]
let reports: [string, Did][]
let faults: unknown[]
let verified: number
let links: Peer[]
let snaps: Snaps

beforeEach(() => {
  now = 1_000_000
  clock = 0
  hosts = new Set([me, ana, ben, cleo].map(({ did }) => did))
  heard = []
  outcomes = []
  reports = []
  faults = []
  verified = 0
  links = [new Peer(ana), new Peer(ben)]
  snaps = new Snaps(
    {
      node: me.did,
      network: () => network,
      timing: { now: () => now, after: () => () => {}, chance: () => 0 },
      traffic: { snap: (outcome: SnapOutcome) => void outcomes.push(outcome) } as never,
      report: (kind, peer) => void reports.push([kind, peer]),
      fault: (_, error) => void faults.push(error),
      snaps: {
        maySpeak: (_, did) => hosts.has(did),
        heard: (_, message) => void heard.push(message),
        page: () => undefined,
        pageCame: () => true,
      },
    },
    () => links,
    (...check) => {
      verified++
      return verifySignature(...check)
    },
  )
})

const by = (signer: TestSigner, more: Partial<SaidParts> = {}): Uint8Array => snapBy(signer, { network, space, at: [1_000, clock++], ...more })
const take = (link: Peer, message: Uint8Array, where = space): number => snaps.take(link, { t: 'snap', space: where, message })
const dropped = (): SnapOutcome[] => outcomes.filter((outcome) => !['received', 'heard', 'passed_on'].includes(outcome))

describe('a message about a cut that a peer brings', () => {
  it('is handed up once, checked once and passed on once, however many links bring it', () => {
    const [one, two] = links as [Peer, Peer]
    const third = new Peer(cleo)
    links.push(third)
    const message = by(cleo)
    take(one, message)
    take(two, message)
    take(one, message)
    assert.deepEqual([heard.length, verified], [1, 1])
    assert.deepEqual(
      links.map(({ told }) => told.length),
      [0, 1, 0],
      'neither to whom it came from nor to whose word it is',
    )
    assert.deepEqual(two.told[0]?.message, message, 'as it was signed')
    assert.deepEqual(outcomes, ['received', 'passed_on', 'heard', 'received', 'again', 'received', 'again'])
    assert.deepEqual(reports, [])
  })

  it('that is said anew goes round again', () => {
    for (let i = 0; i < 3; i++) take(links[0] as Peer, by(cleo))
    assert.deepEqual([heard.length, links[1]?.told.length], [3, 3])
  })

  it('goes on to all and up only where it is for this node', () => {
    take(links[0] as Peer, by(cleo, { to: ben.did }))
    assert.deepEqual([heard.length, links[1]?.told.length], [0, 1])
    take(links[0] as Peer, by(cleo, { to: me.did }))
    assert.deepEqual([heard.length, links[1]?.told.length], [1, 2])
  })

  it('in a name that has not signed it is charged to who brought it and to nobody else, and goes nowhere', () => {
    take(links[0] as Peer, by(ana, { from: cleo.did }))
    assert.deepEqual(reports, [['bad_signature', ana.did]])
    take(links[1] as Peer, by(stranger, { from: ana.did }))
    assert.deepEqual(reports.at(-1), ['bad_signature', ben.did])
    assert.deepEqual([heard, links.flatMap(({ told }) => told), dropped()], [[], [], ['bad_signature', 'bad_signature']])
  })

  it('that is none, or is of another space or network, is charged to who brought it', () => {
    const other = 'coop:other' as SpaceId
    const cases: [Uint8Array, SpaceId][] = [
      [Uint8Array.of(1), space],
      [by(cleo).subarray(1), space],
      [by(cleo, { space: other }), space],
      [by(cleo, { network: cidOf(Uint8Array.of(2)) as OperationId }), space],
    ]
    for (const [message, where] of cases) take(links[0] as Peer, message, where)
    assert.deepEqual(
      reports,
      cases.map(() => ['frame_error', ana.did]),
    )
    assert.deepEqual([verified, heard, links.flatMap(({ told }) => told)], [0, [], []])
    assert.deepEqual(
      dropped(),
      cases.map(() => 'malformed'),
    )
  })

  it('by who is no host is dropped and not forgotten, for it may be one soon, and nobody is charged', () => {
    const message = by(stranger)
    take(links[0] as Peer, message)
    assert.deepEqual([dropped(), verified, heard, reports, links[1]?.told], [['not_a_host'], 0, [], [], []])
    hosts.add(stranger.did)
    take(links[0] as Peer, message)
    assert.equal(heard.length, 1)
    hosts.delete(stranger.did)
    take(links[0] as Peer, by(stranger))
    assert.equal(heard.length, 1, 'a host that was removed says nothing any more')
  })

  it('of a space that is not shared with it goes nowhere, and nothing goes to a peer that may not have the space', () => {
    const outsider = new Peer(stranger, [])
    links.push(outsider)
    take(outsider, by(cleo))
    assert.deepEqual([dropped(), heard], [['not_shared'], []])
    take(links[0] as Peer, by(cleo))
    snaps.tell(space, by(me))
    assert.deepEqual([links[1]?.told.length, outsider.told.length], [2, 0])
  })

  it('comes back to who has said it, and is not heard there, not even after a restart', () => {
    const message = by(me)
    snaps.tell(space, message)
    assert.deepEqual(
      links.map(({ told }) => told.length),
      [1, 1],
    )
    take(links[0] as Peer, message)
    assert.equal(verified, 0, 'remembered')
    const others = by(cleo)
    snaps.tell(space, others)
    take(links[0] as Peer, others)
    assert.deepEqual([verified, links[1]?.told.length], [0, 2], 'also what another host has said')
    take(links[0] as Peer, by(me))
    assert.deepEqual([heard, dropped()], [[], ['told', 'told', 'again', 'told', 'told', 'again', 'again']])
    assert.deepEqual(
      links.map(({ told }) => told.length),
      [2, 2],
    )
  })

  it('is forgotten after ten thousand others, and only signed ones count', () => {
    const message = by(cleo)
    take(links[0] as Peer, message)
    for (let i = 0; i < 10_000; i++) take(links[0] as Peer, by(stranger, { from: ana.did }))
    take(links[0] as Peer, message)
    assert.equal(heard.length, 1, 'forged ones push nothing out')
    for (let i = 0; i < 9_999; i++) {
      now += 100
      take(links[0] as Peer, by(i % 2 === 0 ? cleo : ben))
    }
    take(links[1] as Peer, message)
    assert.equal(heard.length, 10_000)
    take(links[0] as Peer, by(cleo))
    take(links[0] as Peer, message)
    assert.equal(heard.length, 10_002)
  })

  it('is dropped when its host has said more than two megabytes within a minute, which nobody can use up for it', () => {
    const [one, two] = links as [Peer, Peer]
    for (let i = 0; i < 20; i++) take(one, by(ana, { from: cleo.did, bytes: 250_000 }))
    assert.equal(reports.length, 20)
    for (let i = 0; i < 20; i++) take(one, by(cleo, { bytes: 250_000 }))
    assert.equal(heard.length, 9, 'two megabytes and what was begun')
    assert.equal(two.told.length, 9)
    assert.deepEqual(dropped().slice(-11), Array(11).fill('over_budget'))
    take(one, by(ben))
    assert.equal(heard.length, 10, 'the others have their own')
    now += 30_000
    const late = by(cleo)
    take(one, late)
    assert.equal(heard.length, 11)
    assert.equal(reports.length, 20, 'who passes it on is not charged')
  })

  it('that the one above stumbles over is a fault and stops nothing', () => {
    const failing = new Snaps(
      {
        node: me.did,
        network: () => network,
        timing: { now: () => now, after: () => () => {}, chance: () => 0 },
        report: (kind, peer) => void reports.push([kind, peer]),
        fault: (_, error) => void faults.push(error),
        snaps: {
          maySpeak: () => true,
          heard: () => {
            throw new Error('not ready')
          },
          page: () => undefined,
          pageCame: () => true,
        },
      },
      () => links,
    )
    failing.take(links[0] as Peer, { t: 'snap', space, message: by(cleo) })
    assert.deepEqual([faults.length, links[1]?.told.length, reports], [1, 1, []])
  })
})
