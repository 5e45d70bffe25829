import { createHash, hash } from 'node:crypto'
import { leafBits, leafBytesMax, leafPairsMax } from '@icn/protocol'

/** The root that stands for a whole state (snapshot page §7), computed in one pass over its pairs in key order. */
export interface StateRoot {
  readonly root: Uint8Array
  readonly pairs: number
  readonly bytes: number
}

/** Takes pairs one by one, so that a caller may pause between them. */
export class TreeBuilder {
  readonly #tag: string
  readonly #leaves: Uint8Array[] = []
  #leaf = createHash('sha256').update(leafTag)
  #leafPairs = 0
  #leafBytes = 0
  #pairs = 0
  #bytes = 0

  constructor(tag: string) {
    this.#tag = tag
  }

  add(key: Uint8Array, value: Uint8Array): void {
    const keyLength = varint(key.length)
    const valueLength = varint(value.length)
    const size = keyLength.length + key.length + valueLength.length + value.length
    if (this.#leafPairs > 0 && this.#leafBytes + size > leafBytesMax) this.#endLeaf()
    this.#leaf.update(keyLength).update(key).update(valueLength).update(value)
    this.#leafPairs++
    this.#leafBytes += size
    this.#pairs++
    this.#bytes += size
    if (this.#leafPairs === leafPairsMax || endsLeaf(key)) this.#endLeaf()
  }

  end(): StateRoot {
    if (this.#leafPairs > 0) this.#endLeaf()
    const counts = Buffer.alloc(16)
    counts.writeBigUInt64BE(BigInt(this.#pairs), 0)
    counts.writeBigUInt64BE(BigInt(this.#bytes), 8)
    const root = createHash('sha256').update(this.#tag).update(counts).update(merkleRoot(this.#leaves)).digest()
    return { root: new Uint8Array(root), pairs: this.#pairs, bytes: this.#bytes }
  }

  #endLeaf(): void {
    this.#leaves.push(this.#leaf.digest())
    this.#leaf = createHash('sha256').update(leafTag)
    this.#leafPairs = 0
    this.#leafBytes = 0
  }
}

export const stateTag = 'icn/state/1\n'
export const vectorTag = 'icn/vector/1\n'

const leafTag = Uint8Array.of(0)
const innerTag = Uint8Array.of(1)
const noLeaves = Uint8Array.of(2)

/** The border depends on the key, so that a changed value changes one leaf. */
function endsLeaf(key: Uint8Array): boolean {
  return (hash('sha256', key, 'buffer')[0] as number) >> (8 - leafBits) === 0
}

/** RFC 6962 shape: split at the largest power of two below the count. */
export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return createHash('sha256').update(noLeaves).digest()
  return subtree(leaves, 0, leaves.length)
}

function subtree(leaves: readonly Uint8Array[], from: number, to: number): Uint8Array {
  const count = to - from
  if (count === 1) return leaves[from] as Uint8Array
  let split = 1
  while (split * 2 < count) split *= 2
  return createHash('sha256')
    .update(innerTag)
    .update(subtree(leaves, from, from + split))
    .update(subtree(leaves, from + split, to))
    .digest()
}

/** Unsigned LEB128. */
function varint(value: number): Uint8Array {
  const out: number[] = []
  let rest = value
  while (rest > 127) {
    out.push((rest & 127) | 128)
    rest >>>= 7
  }
  out.push(rest)
  return Uint8Array.from(out)
}
