import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { leafBits, leafBytesMax, leafPairsMax, toHex } from '@icn/protocol'
import { Chance } from '@icn/testkit'
import fc from 'fast-check'
import { type KeyText, keyBytes, keyText } from './key.ts'
import { leafHashesOf, rootOfLeaves } from './leaf-hashes.ts'
import { spacePrefix, u32 } from './layout.ts'
import { allLeaves, leafChange, type LeafStep, leavesOwner, leavesOwnerChange, type Pairs, pairsOf, rootAfter, storedLeaves, updatedLeaves } from './leaves.ts'
import { openMemoryStore } from './store/memory.ts'
import type { Change, Store } from './store/port.ts'
import { type Leaf, merkleRoot, stateTag, TreeBuilder } from './tree.ts'
import { atOnce } from './turns.ts'

/** The definition (snapshot page §7) in its plainest words: what everything else is compared with. */

const sha256 = (...parts: readonly (Uint8Array | string)[]): Buffer => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()

const borders = new Map<KeyText, boolean>()
function isBorder(key: KeyText): boolean {
  const known = borders.get(key) ?? (sha256(keyBytes(key))[0] as number) < 2 ** (8 - leafBits)
  borders.set(key, known)
  return known
}

const varint = (value: number): number[] => (value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))])
const pairBytes = (key: KeyText, value: Uint8Array): Buffer => Buffer.concat([Buffer.from(varint(key.length)), keyBytes(key), Buffer.from(varint(value.length)), value])

function plainLeaves(rows: readonly (readonly [KeyText, Uint8Array])[]): Leaf[] {
  const leaves: Leaf[] = []
  let keys: KeyText[] = []
  let bytes: Buffer = Buffer.alloc(0)
  const end = (): void => {
    if (keys.length > 0) leaves.push({ first: keys[0]!, last: keys.at(-1)!, pairs: keys.length, bytes: bytes.length, hash: sha256('\u0000', bytes).toString('latin1') })
    keys = []
    bytes = Buffer.alloc(0)
  }
  for (const [key, value] of rows) {
    const pair = pairBytes(key, value)
    if (bytes.length + pair.length > leafBytesMax) end()
    keys.push(key)
    bytes = Buffer.concat([bytes, pair])
    if (keys.length === leafPairsMax || isBorder(key)) end()
  }
  end()
  return leaves
}

function plainTree(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length < 2) return hashes[0] ?? sha256('\u0002')
  let split = 1
  while (2 * split < hashes.length) split *= 2
  return sha256('\u0001', plainTree(hashes.slice(0, split)), plainTree(hashes.slice(split)))
}

function plainRoot(leaves: readonly Leaf[]): Uint8Array {
  const counts = Buffer.alloc(16)
  counts.writeBigUInt64BE(BigInt(leaves.reduce((sum, { pairs }) => sum + pairs, 0)))
  counts.writeBigUInt64BE(BigInt(leaves.reduce((sum, { bytes }) => sum + bytes, 0)), 8)
  return sha256(stateTag, counts, plainTree(leaves.map(({ hash }) => keyBytes(hash))))
}

/** A space between two others whose rows are none of its business. */
const prefix = spacePrefix(2)

class Space {
  readonly store: Store = openMemoryStore()
  readonly dirty = new Set<KeyText>()
  /** Of the last update. */
  read = 0
  steps: LeafStep[] = []

  constructor() {
    const others = [u32(1), u32(3)].flatMap((other): Change[] => [
      { map: 'state', key: `${other}x`, value: Uint8Array.of(1) },
      { map: 'leaves', key: `${other}x`, value: new Uint8Array(41) },
    ])
    this.store.write(others)
  }

  put(key: KeyText, value: Uint8Array | null): void {
    this.dirty.add(key)
    this.store.write([{ map: 'state', key: prefix.from + key, value }])
  }

  get rows(): (readonly [KeyText, Uint8Array])[] {
    return [...this.pairs('')]
  }

  get leaves(): Leaf[] {
    return [...storedLeaves(this.store, prefix)]
  }

  get pairs(): Pairs {
    return pairsOf(this.store, prefix)
  }

  /** Brings the stored leaves up to the rows, as a checkpoint does, and compares everything with the definition. */
  update(steps = updatedLeaves(this.leaves, [...this.dirty].reverse(), this.#counted())): void {
    this.read = 0
    this.steps = []
    const noted = function* (this: Space): Generator<LeafStep> {
      for (const step of steps) {
        this.steps.push(step)
        yield step
      }
    }
    const before = this.leaves
    const changes: Change[] = []
    const state = atOnce(rootAfter(noted.call(this), (step) => changes.push(leafChange(prefix.from, step)!)))
    this.store.write(changes)
    const wanted = plainLeaves(this.rows)
    assert.deepEqual(this.leaves, wanted)
    assert.deepEqual(
      this.steps.filter(({ what }) => what !== 'gone').map(({ leaf }) => leaf),
      wanted,
    )
    assert.equal(toHex(state.root), toHex(plainRoot(wanted)))
    const tree = new TreeBuilder(stateTag)
    for (const [key, value] of this.rows) tree.add(keyBytes(key), value)
    assert.deepEqual(tree.end(), state)
    this.#demandThrift(before)
    this.dirty.clear()
  }

  /** Nothing is read but leaves that are new or may be, and one pair after each stretch of them. */
  #demandThrift(before: readonly Leaf[]): void {
    const made = this.steps.filter(({ what }) => what === 'made').map(({ leaf }) => leaf)
    assert.ok(this.read <= made.reduce((sum, { pairs }) => sum + pairs, 0) + this.dirty.size, `${this.read} pairs read`)
    const same = new Map(before.map((leaf, i) => [`${leaf.first}${leaf.hash}`, before[i + 1]?.first]))
    for (const leaf of made) {
      if (!same.has(`${leaf.first}${leaf.hash}`)) continue
      const end = leaf.pairs === leafPairsMax || isBorder(leaf.last) ? leaf.last : same.get(`${leaf.first}${leaf.hash}`)
      assert.ok(
        [...this.dirty].some((key) => key >= leaf.first && (end === undefined || key <= end)),
        'a leaf was read that nothing had touched',
      )
    }
  }

  #counted(): Pairs {
    return function* (this: Space, gte: KeyText, lt?: KeyText): Generator<readonly [KeyText, Uint8Array]> {
      // As a store does: all that is asked for, at once.
      const piece = [...this.pairs(gte, lt)]
      this.read += piece.length
      yield* piece
    }.bind(this)
  }
}

/** The first keys of a kind, in order. */
function keysWhere(wanted: (key: KeyText) => boolean, letter: string, count: number): KeyText[] {
  const keys: KeyText[] = []
  for (let i = 0; keys.length < count; i++) {
    const key = `${letter}${String(i).padStart(6, '0')}`
    if (wanted(key)) keys.push(key)
  }
  return keys
}

const plain = (key: KeyText): boolean => !isBorder(key)
/** A run where only counting ends a leaf, keys as they come, keys that each end a leaf, and a run for large values. */
const clusters = [keysWhere(plain, 'a', 700), keysWhere(() => true, 'b', 300), keysWhere(isBorder, 'c', 12), keysWhere(plain, 'd', 24)]
const universe = clusters.flat()
/** A leaf is full to the byte with one of the first size, and with three of the second. */
const lengths = [0, 1, 127, 128, leafBytesMax - 11, leafBytesMax - 10, leafBytesMax, Math.floor(leafBytesMax / 3) - 11, Math.floor(leafBytesMax / 3), 100_000]

type Step = { readonly what: 'put' | 'delete' | 'touch' | 'pass'; readonly from: number; readonly count: number; readonly length: number; readonly fill: number }

function take(space: Space, { what, from, count, length, fill }: Step): void {
  for (const key of universe.slice(from, from + count)) {
    const value = new Uint8Array(count > 4 ? Math.min(length, 200) : length).fill(fill)
    if (what === 'touch') space.dirty.add(key)
    else if (what === 'delete') space.put(key, null)
    else if (what === 'put') space.put(key, value)
    else {
      // Came and went again.
      const before = space.store.get('state', prefix.from + key) ?? null
      space.put(key, value)
      space.put(key, before)
    }
  }
}

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.oneof(
    { weight: 5, arbitrary: fc.constant('put' as const) },
    { weight: 4, arbitrary: fc.constant('delete' as const) },
    fc.constantFrom('touch' as const, 'pass' as const),
  ),
  from: fc.oneof(fc.nat(universe.length - 1), fc.integer({ min: 1012, max: universe.length - 1 }), fc.constantFrom(0, 255, 256, 257, 511, 512, 699, 700, 1000, 1011)),
  count: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 3 }) }, fc.constantFrom(20, 255, 256, 257, 1036)),
  length: fc.oneof({ weight: 2, arbitrary: fc.nat(200) }, fc.constantFrom(...lengths)),
  fill: fc.integer({ min: 0, max: 2 }),
})

const runs = Number(process.env['ICN_RUNS'] ?? 250)

describe('leaves after changes', () => {
  it('and their root are those of the state cut anew, and no more is read than borders demand', () => {
    fc.assert(
      fc.property(fc.array(fc.array(step, { maxLength: 6 }), { minLength: 1, maxLength: 8 }), (rounds) => {
        const space = new Space()
        for (const round of rounds) {
          for (const change of round) take(space, change)
          space.update()
        }
      }),
      { numRuns: runs },
    )
  })

  it('hold at random keys of many rows', () => {
    const row = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 3 }), fc.option(fc.uint8Array({ maxLength: 20 })))
    const rounds = fc.array(fc.array(row, { maxLength: 30 }), { maxLength: 5 })
    fc.assert(
      fc.property(fc.nat(), fc.nat(2_000), rounds, (seed, count, changes) => {
        const space = new Space()
        const chance = new Chance(seed)
        for (let i = 0; i < count; i++) space.put(Buffer.from([chance.below(256), chance.below(256)]).toString('latin1'), new Uint8Array(chance.below(20)))
        space.update()
        for (const round of changes) {
          for (const [key, value] of round) space.put(Buffer.from(key).toString('latin1'), value)
          space.update()
        }
      }),
      { numRuns: Math.ceil(runs / 10) },
    )
  })
})

describe('a leaf', () => {
  const spaceOf = (keys: readonly KeyText[], length = 10): Space => {
    const space = new Space()
    for (const key of keys) space.put(key, new Uint8Array(length))
    space.update(allLeaves(space.pairs))
    return space
  }
  const outcome = (space: Space): unknown => {
    space.update()
    const count = (wanted: string): number => space.steps.filter(({ what }) => what === wanted).length
    return { read: space.read, gone: count('gone'), made: count('made') }
  }
  const normal = clusters[1]!
  const run = clusters[0]!

  it('is all that a changed value costs, and the pair after it', () => {
    const space = spaceOf(normal)
    const { first, pairs } = space.leaves[1]!
    space.put(first, Uint8Array.of(1))
    assert.deepEqual(outcome(space), { read: pairs + 1, gone: 1, made: 1 })
    assert.deepEqual(outcome(space), { read: 0, gone: 0, made: 0 })
  })

  it('is joined with the next when its border goes, and parted when one comes', () => {
    const space = spaceOf(normal)
    const [, one, two] = space.leaves as [Leaf, Leaf, Leaf]
    space.put(one.last, null)
    assert.deepEqual(outcome(space), { read: one.pairs + two.pairs, gone: 2, made: 1 })
    space.put(one.last, new Uint8Array(10))
    assert.deepEqual(outcome(space), { read: one.pairs + two.pairs + 1, gone: 1, made: 2 })
  })

  it('ends at 256 pairs, so that one key more moves the ends up to the next border', () => {
    const space = spaceOf([...run.slice(1), ...normal])
    assert.deepEqual(
      space.leaves.slice(0, 2).map(({ pairs }) => pairs),
      [256, 256],
    )
    const { pairs } = space.leaves[2]!
    space.put(run[0]!, Uint8Array.of(1))
    assert.deepEqual(outcome(space), { read: 512 + pairs + 2, gone: 3, made: 3 })
  })

  it('ends before 256 KiB would be passed, so that what comes after it may be drawn in', () => {
    const [one, two, three] = clusters[3] as [KeyText, KeyText, KeyText]
    const space = spaceOf([])
    // Of a large pair 11 bytes are not value, of a small one 9: 89 are left to the second.
    space.put(one, new Uint8Array(leafBytesMax - 100))
    space.put(two, new Uint8Array(81))
    space.put(three, new Uint8Array(81))
    space.update()
    const pairs = (): number[] => space.leaves.map((leaf) => leaf.pairs)
    assert.deepEqual(pairs(), [1, 2])
    space.put(two, new Uint8Array(80))
    assert.deepEqual(outcome(space), { read: 3, gone: 2, made: 2 })
    assert.deepEqual(pairs(), [2, 1])
    assert.equal(space.leaves[0]!.bytes, leafBytesMax)
    // The length of 128 bytes takes one byte more than that of 127.
    space.put(one, new Uint8Array(leafBytesMax - 11 - 137))
    space.put(two, new Uint8Array(128))
    space.update()
    assert.deepEqual(pairs(), [1, 2])
    space.put(two, new Uint8Array(127))
    space.update()
    assert.deepEqual(pairs(), [2, 1])
    space.put(two, null)
    assert.deepEqual(outcome(space), { read: 2, gone: 2, made: 1 })
  })

  it('may be absent: an empty state has none, and a root', () => {
    const space = spaceOf([])
    assert.deepEqual(outcome(space), { read: 0, gone: 0, made: 0 })
    space.put('k', Uint8Array.of(1))
    assert.deepEqual(outcome(space), { read: 1, gone: 0, made: 1 })
    space.put('k', null)
    assert.deepEqual(outcome(space), { read: 0, gone: 1, made: 0 })
  })

  it('is handed out before the next is read, so that a caller can pause', () => {
    const space = spaceOf(normal)
    let read = 0
    let longest = 0
    const pairs: Pairs = function* (gte, lt) {
      for (const pair of space.pairs(gte, lt)) {
        read++
        yield pair
      }
    }
    for (const _ of allLeaves(pairs)) {
      longest = Math.max(longest, read)
      read = 0
    }
    assert.ok(longest <= leafPairsMax + 1 && space.leaves.length > 2)
  })
})

describe('the store', () => {
  it('says of which checkpoint the leaves are', () => {
    const { store } = new Space()
    assert.equal(leavesOwner(store, prefix.from), undefined)
    store.write([leavesOwnerChange(prefix.from, { checkpoint: 'a', age: 3 })])
    assert.deepEqual(leavesOwner(store, prefix.from), { checkpoint: 'a', age: 3 })
    assert.equal(leavesOwner(store, u32(3)), undefined)
  })
})

describe('a tree of hashes', () => {
  it('has the shape of RFC 6962 at any size', () => {
    for (let count = 0; count < 70; count++) {
      const hashes = Array.from({ length: count }, (_, i) => new Uint8Array(32).fill(i))
      assert.equal(toHex(merkleRoot(hashes)), toHex(plainTree(hashes)), `${count} leaves`)
    }
  })
})

describe('whole leaves that come in pieces', () => {
  const row = fc.tuple(
    fc.uint8Array({ minLength: 1, maxLength: 40 }),
    fc.oneof({ weight: 20, arbitrary: fc.uint8Array({ maxLength: 300 }) }, { weight: 1, arbitrary: fc.constant(new Uint8Array(150_000)) }),
  )
  const bytesOf = (pairs: Iterable<readonly [string, Uint8Array]>): Uint8Array => {
    const varint = (n: number): number[] => (n > 127 ? [(n & 127) | 128, ...varint(n >>> 7)] : [n])
    return new Uint8Array(Buffer.concat([...pairs].flatMap(([key, value]) => [Buffer.from(varint(key.length)), keyBytes(key), Buffer.from(varint(value.length)), value])))
  }
  const sorted = (rows: readonly (readonly [Uint8Array, Uint8Array])[]) => [...new Map(rows.map(([key, value]) => [keyText(key), value]))].sort(([a], [b]) => (a < b ? -1 : 1))

  it('have the hashes that they have where they were cut, and together the root', () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 400 }), (rows) => {
        const pairs = sorted(rows)
        const leaves: Leaf[] = []
        const state = atOnce(
          rootAfter(
            allLeaves(() => pairs),
            ({ leaf }) => leaves.push(leaf),
          ),
        )
        const hashes = leafHashesOf(bytesOf(pairs))
        assert.deepEqual(
          hashes?.map(toHex),
          leaves.map(({ hash }) => toHex(keyBytes(hash))),
        )
        assert.deepEqual(rootOfLeaves(hashes ?? [], state.pairs, state.bytes), state)
      }),
      { numRuns: 100 },
    )
  })

  it('are none when they are cut within a pair, or out of order', () => {
    const pairs = sorted(Array.from({ length: 20 }, (_, i) => [Uint8Array.of(i + 1, 9), new Uint8Array(i)]))
    const bytes = bytesOf(pairs)
    assert.ok(leafHashesOf(bytes))
    assert.equal(leafHashesOf(bytes.subarray(0, -1)), undefined)
    assert.equal(leafHashesOf(bytesOf([...pairs].reverse())), undefined)
    assert.equal(leafHashesOf(bytesOf([...pairs, ...pairs.slice(-1)])), undefined)
  })
})
