import { decodeTrusted, encodeTrusted } from '@icn/protocol'
import { type KeyText, keyBytes, keyText } from './key.ts'
import { readU32, type SpacePrefix, u32 } from './layout.ts'
import type { Change, Source } from './store/port.ts'
import { endsByItself, hashBytes, type Leaf, LeafBuilder, RootBuilder, type StateRoot, stateTag } from './tree.ts'

/** The root of a state from the leaves of an earlier one: pairs are read and hashed again only where something may have changed (snapshot page §7). */

/** Pairs of a state with gte ≤ key < lt, or to the end, in key order. Keys are without the space's prefix. */
export type Pairs = (gte: KeyText, lt?: KeyText) => Iterable<readonly [KeyText, Uint8Array]>

/** What becomes of a leaf. Those kept or made are the new state's, in key order; one that goes is named before one that comes with the same first key. */
export interface LeafStep {
  readonly what: 'kept' | 'gone' | 'made'
  readonly leaf: Leaf
}

/**
 * From the leaves of an earlier state, in key order, to those of another. `dirty`: every key that may differ between the two, in any order;
 * one too many costs some reading, one too few makes a false root. A caller may pause after each step: none reads more pairs than a leaf may have, and one.
 */
export function* updatedLeaves(before: Iterable<Leaf>, dirty: Iterable<KeyText>, pairs: Pairs): Generator<LeafStep> {
  const old = new OldLeaves(before, dirty)
  while (old.next !== undefined || old.dirty !== undefined) {
    if (old.isNextKept()) yield { what: 'kept', leaf: old.take() }
    else yield* rebuilt(old, pairs)
  }
}

/** Every leaf of a state, whatever was before. */
export const allLeaves = (pairs: Pairs): Generator<LeafStep> => updatedLeaves([], [''], pairs)

/** The root that the steps lead to; `changed` is told which leaves to write and to delete. */
export function* rootAfter(steps: Iterable<LeafStep>, changed: (step: LeafStep) => void): Generator<void, StateRoot> {
  const root = new RootBuilder(stateTag)
  for (const step of steps) {
    yield
    if (step.what !== 'gone') root.add(step.leaf)
    if (step.what !== 'kept') changed(step)
  }
  return root.end()
}

/** Cuts anew, until a leaf begins where an old one does that is kept. */
function* rebuilt(old: OldLeaves, pairs: Pairs): Generator<LeafStep> {
  let steps: LeafStep[] = []
  const builder = new LeafBuilder((leaf) => steps.push({ what: 'made', leaf }))
  for (const [key, value] of pairsAhead(old, pairs)) {
    old.passDirty(key)
    while (old.next !== undefined && old.next.first < key) steps.push({ what: 'gone', leaf: old.take() })
    if (old.next?.first === key) {
      if (builder.begins(key, value) && old.isNextKept()) {
        builder.end()
        yield* steps
        return
      }
      steps.push({ what: 'gone', leaf: old.take() })
    }
    builder.add(key, value, old.isInner(key))
    if (steps.length === 0) continue
    yield* steps
    steps = []
  }
  old.passDirty(undefined)
  builder.end()
  while (old.next !== undefined) steps.push({ what: 'gone', leaf: old.take() })
  yield* steps
}

/** In pieces that end where a leaf began, because that is where reading may end: a store fetches more than it is asked for. */
function* pairsAhead(old: OldLeaves, pairs: Pairs): Generator<readonly [KeyText, Uint8Array]> {
  for (let gte: KeyText | undefined = old.from; gte !== undefined; ) {
    const first: KeyText | undefined = old.firstAfter(gte)
    const next: KeyText | undefined = first === undefined ? undefined : `${first}\u0000`
    yield* pairs(gte, next)
    gte = next
  }
}

/** The earlier leaves and the dirty keys, as far as they are still ahead. */
class OldLeaves {
  readonly #leaves: Iterator<Leaf>
  readonly #dirty: readonly KeyText[]
  #passed = 0
  #taken: Leaf | undefined
  readonly #ahead: Leaf[] = []

  constructor(leaves: Iterable<Leaf>, dirty: Iterable<KeyText>) {
    this.#leaves = leaves[Symbol.iterator]()
    this.#dirty = [...dirty].sort()
  }

  get next(): Leaf | undefined {
    return this.#at(0)
  }

  get dirty(): KeyText | undefined {
    return this.#dirty[this.#passed]
  }

  /** Where reading begins when the next leaf is not kept: what is dirty may stand before it. */
  get from(): KeyText {
    const first = this.next?.first
    return first === undefined || (this.dirty !== undefined && this.dirty < first) ? (this.dirty as KeyText) : first
  }

  /** Where the first of these leaves after this key begins. */
  firstAfter(key: KeyText): KeyText | undefined {
    for (let index = 0; ; index++) {
      const leaf = this.#at(index)
      if (leaf === undefined || leaf.first > key) return leaf?.first
    }
  }

  take(): Leaf {
    this.#taken = this.next as Leaf
    this.#ahead.shift()
    return this.#taken
  }

  /** Leaves the dirty keys before this one behind; without one, all. */
  passDirty(key: KeyText | undefined): void {
    while (this.dirty !== undefined && (key === undefined || this.dirty < key)) this.#passed++
  }

  /** True when nothing is dirty before or in the next leaf, nor what decided where it ends. */
  isNextKept(): boolean {
    const next = this.next
    if (next === undefined || this.dirty === undefined) return next !== undefined
    if (this.dirty <= next.last) return false
    const second = this.#at(1)
    return (second !== undefined && this.dirty > second.first) || endsByItself(next)
  }

  /** True for a key that stood inside a leaf and is not dirty: it was no border and is none. */
  isInner(key: KeyText): boolean {
    return this.#taken !== undefined && key < this.#taken.last && key !== this.dirty
  }

  #at(index: number): Leaf | undefined {
    while (this.#ahead.length <= index) {
      const result = this.#leaves.next()
      if (result.done) return undefined
      this.#ahead.push(result.value)
    }
    return this.#ahead[index]
  }
}

/** The pairs of a space as a source shows them. */
export const pairsOf = (source: Source, { from, to }: SpacePrefix): Pairs =>
  function* (gte, lt) {
    for (const [key, value] of source.range('state', from + gte, lt === undefined ? to : from + lt)) yield [key.slice(from.length), value]
  }

/** `leaves`: first key → hash, 4 bytes pairs, 4 bytes bytes, last key. */
export function* storedLeaves(source: Source, { from, to }: SpacePrefix): Generator<Leaf> {
  for (const [key, value] of source.range('leaves', from, to)) {
    const text = keyText(value)
    yield {
      first: key.slice(from.length),
      last: text.slice(hashBytes + 8),
      pairs: readU32(text, hashBytes),
      bytes: readU32(text, hashBytes + 4),
      hash: text.slice(0, hashBytes),
    }
  }
}

/** What a step writes. */
export function leafChange(prefix: KeyText, { what, leaf }: LeafStep): Change | undefined {
  if (what === 'kept') return undefined
  const value = what === 'gone' ? null : keyBytes(leaf.hash + u32(leaf.pairs) + u32(leaf.bytes) + leaf.last)
  return { map: 'leaves', key: prefix + leaf.first, value }
}

/** Whose leaves are stored. */
export interface LeavesOwner {
  readonly checkpoint: string
  /** Cuts since they were last made from every row. */
  readonly age: number
}

/** `checkpoints`, l. */
const ownerKey = (prefix: KeyText): KeyText => `${prefix}l`

/** Undefined when none are stored, or when they are being changed. */
export function leavesOwner(source: Source, prefix: KeyText): LeavesOwner | undefined {
  const owner = source.get('checkpoints', ownerKey(prefix))
  return owner === undefined ? undefined : (decodeTrusted(owner) as LeavesOwner)
}

/** Goes into the last batch that changes leaves; null into the first. */
export const leavesOwnerChange = (prefix: KeyText, owner: LeavesOwner | null): Change => ({
  map: 'checkpoints',
  key: ownerKey(prefix),
  value: owner === null ? null : encodeTrusted(owner),
})
