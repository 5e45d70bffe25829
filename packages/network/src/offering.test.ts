import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Did, offerSpacesMax, type OperationId, type SpaceId } from '@icn/protocol'
import { Offering } from './offering.ts'
import type { ReplicatorParts } from './ports.ts'

const few = Array.from({ length: 50 }, (_, i) => `coop:s${String(i).padStart(2, '0')}` as SpaceId)
const genesis = (space: SpaceId): OperationId => `op:${space}` as OperationId

function world(spaces: readonly SpaceId[] = few) {
  const looked: SpaceId[] = []
  const allowed = new Set(spaces)
  const held = new Set(spaces)
  const shared = new Set<SpaceId>()
  let expected: readonly SpaceId[] = []
  const journal = {
    info: (space: SpaceId) => (held.has(space) ? { genesis: genesis(space), setDigest: new Uint8Array(32), operations: {}, readOnly: false } : undefined),
    spaces: () => [...held].map((space) => ({ space })),
  } satisfies Partial<ReplicatorParts['journal']>
  const offering = new Offering(
    'did:icn:peer' as Did,
    {
      journal: journal as unknown as ReplicatorParts['journal'],
      mayHave(_, space) {
        looked.push(space)
        return allowed.has(space)
      },
      expected: () => expected.map((space) => ({ space, genesis: genesis(space) })),
    },
    (space) => shared.has(space),
  )
  const news = (changed?: SpaceId): readonly SpaceId[] | undefined => offering.news(changed)?.map(({ space }) => space)
  return { looked, shared, allowed, held, news, expect: (some: readonly SpaceId[]) => void (expected = some) }
}

it('a commit in one of fifty spaces has only that one looked at, as long as the peer may have the same', () => {
  const { looked, news } = world()
  assert.deepEqual(news(), few)
  looked.splice(0)
  for (let i = 0; i < 10; i++) assert.equal(news(few[7]), undefined)
  assert.deepEqual(looked, new Array(10).fill(few[7]))
})

it('what a peer may have no more, or may have now, is told at once, and once', () => {
  const { allowed, held, news, expect } = world()
  const [first, second] = few as [SpaceId, SpaceId]
  news()
  allowed.delete(first)
  assert.deepEqual(news(first), few.slice(1))
  assert.equal(news(first), undefined)
  assert.equal(news(), undefined)
  allowed.add(first)
  assert.deepEqual(news(first), few)
  held.delete(second)
  expect([second])
  assert.equal(news(second), undefined, 'expected in place of held is the same to the peer')
  expect([])
  assert.deepEqual(
    news(),
    few.filter((space) => space !== second),
  )
})

it('of more spaces than an offer holds those are told that are shared already, then the first by name', () => {
  const many = Array.from({ length: offerSpacesMax + 5 }, (_, i) => `coop:s${String(i).padStart(3, '0')}` as SpaceId)
  const { shared, news } = world(many)
  assert.deepEqual(news(), many.slice(0, offerSpacesMax))
  const last = many.at(-1) as SpaceId
  shared.add(last)
  assert.deepEqual(news(), [...many.slice(0, offerSpacesMax - 1), last])
  assert.equal(news(many.at(-2)), undefined, 'what is left out is no news')
})
