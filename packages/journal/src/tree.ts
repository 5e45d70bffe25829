import { hash } from 'node:crypto'
import { leafBits, leafBytesMax, leafPairsMax } from '@icn/protocol'
import { type KeyText, keyBytes, keyText } from './key.ts'

/** The root that stands for a whole state (snapshot page §7): pairs in key order make leaves, leaves make a tree. */
export interface StateRoot {
  readonly root: Uint8Array
  readonly pairs: number
  readonly bytes: number
}

/** A digest as latin-1 text, like keys: small byte arrays of their own cost more than hashing them. */
export type HashText = string

/** A run of pairs. What it says is all that the tree needs of them. */
export interface Leaf {
  readonly first: KeyText
  readonly last: KeyText
  readonly pairs: number
  /** Of its pairs as they are hashed. */
  readonly bytes: number
  readonly hash: HashText
}

/** Cuts pairs into leaves, in key order. Holds the bytes of one leaf. */
export class LeafBuilder {
  readonly #ended: (leaf: Leaf, pairs: Uint8Array) => void
  /** The tag and the pairs of the running leaf. */
  #buffer = Buffer.alloc(bufferBytesFirst)
  #first: KeyText = ''
  #last: KeyText = ''
  #pairs = 0
  #bytes = 0

  /** `ended` is told each leaf as soon as nothing can be added to it; the bytes of its pairs are overwritten by what comes next. */
  constructor(ended: (leaf: Leaf, pairs: Uint8Array) => void) {
    this.#ended = ended
    this.#buffer[0] = leafTag
  }

  /** True when this pair would be the first of a leaf. */
  begins(key: KeyText, value: Uint8Array): boolean {
    return this.#pairs === 0 || this.#bytes + pairBytes(key, value) > leafBytesMax
  }

  /** `inner`: this key is known to be no border. */
  add(key: KeyText, value: Uint8Array, inner = false): void {
    if (this.#pairs > 0 && this.begins(key, value)) this.end()
    if (this.#pairs === 0) this.#first = key
    const from = 1 + this.#bytes
    this.#reserve(from + pairBytes(key, value))
    const keyFrom = writeVarint(this.#buffer, key.length, from)
    const keyTo = keyFrom + this.#buffer.write(key, keyFrom, 'latin1')
    const valueFrom = writeVarint(this.#buffer, value.length, keyTo)
    this.#buffer.set(value, valueFrom)
    this.#last = key
    this.#pairs++
    this.#bytes = valueFrom + value.length - 1
    if (this.#pairs === leafPairsMax || (!inner && isBorder(this.#buffer.subarray(keyFrom, keyTo)))) this.end()
  }

  /** Ends the running leaf, if any. */
  end(): void {
    if (this.#pairs === 0) return
    const leaf = { first: this.#first, last: this.#last, pairs: this.#pairs, bytes: this.#bytes, hash: hashText(this.#buffer.subarray(0, 1 + this.#bytes)) }
    this.#pairs = 0
    this.#bytes = 0
    this.#ended(leaf, this.#buffer.subarray(1, 1 + leaf.bytes))
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.length) return
    const larger = Buffer.alloc(Math.max(bytes, 2 * this.#buffer.length))
    larger.set(this.#buffer)
    this.#buffer = larger
  }
}

/** True when a leaf ends at its last key whatever comes after it; else it ended because the next pair was too large for it, or because there was none. */
export const endsByItself = (leaf: Leaf): boolean => leaf.pairs === leafPairsMax || isBorder(keyBytes(leaf.last))

/** Takes leaves in key order; holds one hash for each bit of their number. */
export class RootBuilder {
  readonly #tag: string
  readonly #tree = new MerkleTree()
  #pairs = 0
  #bytes = 0

  constructor(tag: string) {
    this.#tag = tag
  }

  add(leaf: Leaf): void {
    this.#tree.add(leaf.hash)
    this.#pairs += leaf.pairs
    this.#bytes += leaf.bytes
  }

  end(): StateRoot {
    const counts = Buffer.alloc(16)
    counts.writeBigUInt64BE(BigInt(this.#pairs), 0)
    counts.writeBigUInt64BE(BigInt(this.#bytes), 8)
    const whole = Buffer.concat([Buffer.from(this.#tag), counts, keyBytes(this.#tree.end())])
    return { root: new Uint8Array(hash('sha256', whole, 'buffer')), pairs: this.#pairs, bytes: this.#bytes }
  }
}

/** Takes pairs one by one, so that a caller may pause between them. */
export class TreeBuilder {
  readonly #root: RootBuilder
  readonly #leaves: LeafBuilder

  constructor(tag: string) {
    this.#root = new RootBuilder(tag)
    this.#leaves = new LeafBuilder((leaf) => this.#root.add(leaf))
  }

  add(key: Uint8Array, value: Uint8Array): void {
    this.#leaves.add(keyText(key), value)
  }

  end(): StateRoot {
    this.#leaves.end()
    return this.#root.end()
  }
}

export const stateTag = 'icn/state/1\n'
export const vectorTag = 'icn/vector/1\n'

/** RFC 6962 shape: split at the largest power of two below the count. */
export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const tree = new MerkleTree()
  for (const leaf of leaves) tree.add(keyText(leaf))
  return new Uint8Array(keyBytes(tree.end()))
}

/** The same shape leaf by leaf: one full subtree for each bit of the count so far, the largest first. */
class MerkleTree {
  readonly #subtrees: HashText[] = []
  readonly #inner = Buffer.alloc(1 + 2 * hashBytes)
  #count = 0

  constructor() {
    this.#inner[0] = innerTag
  }

  add(leaf: HashText): void {
    let node = leaf
    for (let count = this.#count; count % 2 === 1; count = (count - 1) / 2) node = this.#over(this.#subtrees.pop() as HashText, node)
    this.#subtrees.push(node)
    this.#count++
  }

  end(): HashText {
    return this.#subtrees.length === 0 ? hashText(Uint8Array.of(noLeaves)) : this.#subtrees.reduceRight((right, left) => this.#over(left, right))
  }

  #over(left: HashText, right: HashText): HashText {
    this.#inner.write(left, 1, 'latin1')
    this.#inner.write(right, 1 + hashBytes, 'latin1')
    return hashText(this.#inner)
  }
}

export const leafTag = 0
const innerTag = 1
const noLeaves = 2
export const hashBytes = 32
/** Enough for a leaf of usual rows. */
const bufferBytesFirst = 16_384

/** Latin-1, in a third of the time that asking for a buffer takes. */
const hashText = (bytes: Uint8Array): HashText => hash('sha256', bytes, 'binary')

/** The border depends on the key, so that a changed value changes one leaf. */
export const isBorder = (key: Uint8Array): boolean => hashText(key).charCodeAt(0) >> (8 - leafBits) === 0

function pairBytes(key: KeyText, value: Uint8Array): number {
  return varintBytes(key.length) + key.length + varintBytes(value.length) + value.length
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest > 127; rest >>>= 7) bytes++
  return bytes
}

/** The pairs of whole leaves as their hashes cover them. Undefined: these bytes are no such thing. */
export function readPairs(bytes: Uint8Array): (readonly [KeyText, Uint8Array])[] | undefined {
  const pairs: (readonly [KeyText, Uint8Array])[] = []
  for (let at = 0; at < bytes.length; ) {
    const key = readSpan(bytes, at)
    const value = key === undefined ? undefined : readSpan(bytes, key.to)
    if (key === undefined || value === undefined) return undefined
    pairs.push([keyText(bytes.subarray(key.from, key.to)), bytes.subarray(value.from, value.to)])
    at = value.to
  }
  return pairs
}

/** Where the bytes stand that an unsigned LEB128 before them counts. */
export function readSpan(bytes: Uint8Array, at: number): { readonly from: number; readonly to: number } | undefined {
  let length = 0
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = bytes[at++]
    if (byte === undefined) return undefined
    length += (byte & 127) << shift
    if (byte < 128) return at + length > bytes.length ? undefined : { from: at, to: at + length }
  }
  return undefined
}

/** Unsigned LEB128; returns where it ends. */
function writeVarint(buffer: Buffer, value: number, from: number): number {
  let at = from
  let rest = value
  for (; rest > 127; rest >>>= 7) buffer[at++] = (rest & 127) | 128
  buffer[at++] = rest
  return at
}
