import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Did, type PeerClass, peerClasses, type SpaceId } from '@icn/protocol'
import fc from 'fast-check'
import { type GateWord, Room } from './room.ts'

interface Peer {
  readonly did: Did
  peerClass: PeerClass
  standing: number
  spaces: readonly SpaceId[]
}

const spaceNames = ['coop:food', 'coop:wood', 'coop:wool'] as SpaceId[]

/** A room whose peers are connected the moment they have a place, unless they are late. */
class House {
  now = 0
  readonly peers: readonly Peer[]
  readonly connected = new Set<Did>()
  readonly room: Room

  constructor(peers: readonly Peer[], peersCount: number, guestsCount = 200, gate: GateWord = 'guests') {
    this.peers = peers
    const of = (did: Did): Peer => peers.find((peer) => peer.did === did) as Peer
    this.room = new Room(
      { gate, guestsCount, peersCount },
      {
        now: () => this.now,
        classOf: (did) => of(did).peerClass,
        standingOf: (did) => of(did).standing,
        spacesOf: (did) => (of(did).peerClass === 'cohost' ? of(did).spaces : []),
        isAway: () => false,
        expectsPass: () => false,
        connected: () => [...this.connected],
      },
    )
  }

  /** Who had to go; or why there was no place. */
  come({ did }: Peer): readonly Did[] | string {
    const answer = this.room.take(did)
    if ('refused' in answer) return answer.refused
    for (const other of answer.leaves) this.connected.delete(other)
    this.connected.add(did)
    return answer.leaves
  }

  here(): readonly Peer[] {
    return this.peers.filter(({ did }) => this.connected.has(did))
  }
}

const peerOf = (name: string, peerClass: PeerClass, standing = 1_000, spaces: readonly SpaceId[] = []): Peer => ({ did: `did:icn:${name}` as Did, peerClass, standing, spaces })
const [food, wood] = spaceNames as [SpaceId, SpaceId]

const isLinked = (peers: readonly Peer[], space: SpaceId): boolean => peers.some(({ peerClass, spaces }) => peerClass === 'cohost' && spaces.includes(space))

/** Guests, then known, then those without a common space. */
const tierOf = ({ peerClass }: Peer): number => (peerClass === 'guest' ? 0 : peerClass === 'known' ? 1 : peerClass === 'cohost' ? 3 : 2)

describe('when there are as many links as may be', () => {
  it('guests go first, then known peers, then those without a common space, the worst standing first', () => {
    const guest = peerOf('guest', 'guest')
    const known = peerOf('known', 'known', 10)
    const partner = peerOf('partner', 'partner', 900)
    const allowed = peerOf('allowed', 'allowed', 500)
    const house = new House(
      [guest, known, partner, allowed, ...spaceNames.map((space, i) => peerOf(`host${i}`, 'cohost', 1_000, [space])), peerOf('last', 'cohost', 1_000, [food])],
      4,
    )
    for (const peer of [partner, allowed, known, guest]) assert.deepEqual(house.come(peer), [])
    assert.deepEqual(
      house.peers.slice(4, 7).map((peer) => house.come(peer)),
      [[guest.did], [known.did], [allowed.did]],
    )
    assert.deepEqual(house.come(house.peers[7] as Peer), [partner.did])
  })

  it('nobody goes for an equal, and a stranger not for anybody', () => {
    const peers = [peerOf('a', 'known', 1), peerOf('b', 'partner', 1), peerOf('c', 'known'), peerOf('d', 'guest'), peerOf('e', 'partner')]
    const house = new House(peers, 2)
    assert.deepEqual(
      peers.map((peer) => house.come(peer)),
      [[], [], 'peers_full', 'peers_full', ['did:icn:a']],
    )
  })

  it('a host goes for the first link of another space, and the last link of a space never does', () => {
    const first = peerOf('first', 'cohost', 100, [food])
    const second = peerOf('second', 'cohost', 1_000, [food])
    const third = peerOf('third', 'cohost', 1_000, [food])
    const other = peerOf('other', 'cohost', 1_000, [wood])
    const house = new House([first, second, third, other], 2)
    assert.deepEqual(
      [first, second, third].map((peer) => house.come(peer)),
      [[], [], 'peers_full'],
    )
    assert.deepEqual(house.come(other), [first.did])
    assert.deepEqual(house.come(first), 'peers_full', 'it cannot come back for the one that is left')
    assert.deepEqual(house.here(), [second, other])
  })

  it('a place that was promised to the only host of a space is kept for it', () => {
    const coming = peerOf('coming', 'cohost', 1_000, [food])
    const other = peerOf('other', 'cohost', 1_000, [wood])
    const house = new House([coming, other], 1)
    house.come(coming)
    house.connected.delete(coming.did)
    assert.equal(house.come(other), 'peers_full')
    house.now += 15_000
    assert.deepEqual(house.come(other), [])
  })

  it('holds for everybody who comes and goes, whatever becomes of them', () => {
    const step = fc.record({
      who: fc.nat(19),
      does: fc.constantFrom('comes', 'comes', 'goes', 'changes', 'changes'),
      // Hosts of spaces are as many as all others, because the rules about them are more.
      peerClass: fc.oneof(fc.constant<PeerClass>('cohost'), fc.constantFrom<PeerClass>(...peerClasses.filter((name) => name !== 'banned'))),
      standing: fc.nat(1_000),
      spaces: fc.subarray(spaceNames, { minLength: 1 }),
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 120, size: 'max' }), (peersCount, guestsCount, steps) => {
        const house = new House(
          Array.from({ length: 20 }, (_, i) => peerOf(String(i), 'guest')),
          peersCount,
          guestsCount,
        )
        for (const { who, does, peerClass, standing, spaces } of steps) {
          house.now += 60_000
          const peer = house.peers[who] as Peer
          if (does === 'changes') Object.assign(peer, { peerClass, standing, spaces })
          if (does === 'goes') house.connected.delete(peer.did)
          if (does !== 'comes') continue
          const before = house.here()
          const guestsBefore = before.filter((one) => one.peerClass === 'guest').length
          const linkedBefore = spaceNames.filter((space) => isLinked(before, space))
          const left = house.come(peer)
          assert.ok(house.connected.size <= peersCount)
          assert.ok(house.here().filter((one) => one.peerClass === 'guest').length <= Math.max(guestsBefore, guestsCount))
          assert.deepEqual(
            linkedBefore.filter((space) => !isLinked(house.here(), space)),
            [],
            'each space that had a link has one',
          )
          if (typeof left === 'string') {
            if (left === 'peers_full') assert.ok(before.every((other) => tierOf(other) >= tierOf(peer)) || peer.peerClass === 'guest', 'nobody of less worth is here')
            continue
          }
          for (const gone of left.map((did) => house.peers.find((one) => one.did === did) as Peer)) {
            if (gone.peerClass === 'guest') continue
            const worse = house.here().filter((one) => one !== peer && (tierOf(one) < tierOf(gone) || (tierOf(one) === tierOf(gone) && one.standing < gone.standing)))
            // Of hosts, those that are the last of a space have stayed.
            const spared = worse.filter(
              (one) => one.peerClass === 'cohost' && one.spaces.some((space) => !isLinked([...house.here().filter((other) => other !== one && other !== peer), gone], space)),
            )
            const dearer = worse.filter((one) => tierOf(one) === 2 && one.peerClass !== gone.peerClass)
            assert.deepEqual(
              worse.filter((one) => !spared.includes(one) && !dearer.includes(one)),
              [],
              'whoever stays is worth more',
            )
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})
