/**
 * An ordered map from text to values in chunks, with cheap copies: a copy shares every chunk until one side writes to it.
 * Keys are bytes as latin-1 text, whose order by code unit is the order of the bytes.
 */
export class SortedMap<V> {
  #chunks: Chunk<V>[] = []
  #owner = {}
  #size = 0

  get size(): number {
    return this.#size
  }

  get(key: string): V | undefined {
    const chunk = this.#chunks[this.#chunkFor(key)]
    if (chunk === undefined) return undefined
    const at = lowerBound(chunk.keys, key)
    return chunk.keys[at] === key ? chunk.values[at] : undefined
  }

  set(key: string, value: V): void {
    if (this.#chunks.length === 0) this.#chunks.push({ keys: [], values: [], owner: this.#owner })
    const index = this.#chunkFor(key)
    const chunk = this.#own(index)
    const at = lowerBound(chunk.keys, key)
    if (chunk.keys[at] === key) {
      chunk.values[at] = value
      return
    }
    this.#size++
    if (at === chunk.keys.length) {
      chunk.keys.push(key)
      chunk.values.push(value)
    } else {
      chunk.keys.splice(at, 0, key)
      chunk.values.splice(at, 0, value)
    }
    if (chunk.keys.length > chunkMax) {
      const half = chunk.keys.length >> 1
      this.#chunks.splice(index + 1, 0, { keys: chunk.keys.splice(half), values: chunk.values.splice(half), owner: this.#owner })
    }
  }

  delete(key: string): boolean {
    const index = this.#chunkFor(key)
    const found = this.#chunks[index]
    if (found === undefined) return false
    const at = lowerBound(found.keys, key)
    if (found.keys[at] !== key) return false
    const chunk = this.#own(index)
    chunk.keys.splice(at, 1)
    chunk.values.splice(at, 1)
    if (chunk.keys.length === 0) this.#chunks.splice(index, 1)
    this.#size--
    return true
  }

  /** Entries with gte ≤ key < lt, rising, or falling in reverse. The map must not change during the walk. */
  *range(gte = '', lt: string | undefined = undefined, reverse = false): Generator<readonly [string, V]> {
    if (reverse) {
      let index = Math.min(lt === undefined ? Number.MAX_SAFE_INTEGER : this.#chunkFor(lt), this.#chunks.length - 1)
      for (; index >= 0; index--) {
        const { keys, values } = this.#chunks[index] as Chunk<V>
        for (let at = (lt === undefined ? keys.length : lowerBound(keys, lt)) - 1; at >= 0; at--) {
          const key = keys[at] as string
          if (key < gte) return
          yield [key, values[at] as V]
        }
      }
      return
    }
    for (let index = this.#chunkFor(gte); index < this.#chunks.length; index++) {
      const { keys, values } = this.#chunks[index] as Chunk<V>
      for (let at = lowerBound(keys, gte); at < keys.length; at++) {
        const key = keys[at] as string
        if (lt !== undefined && key >= lt) return
        yield [key, values[at] as V]
      }
    }
  }

  copy(): SortedMap<V> {
    const other = new SortedMap<V>()
    other.#chunks = this.#chunks.slice()
    other.#size = this.#size
    // Neither side owns the shared chunks any more.
    this.#owner = {}
    return other
  }

  /** Index of the chunk in which a key is or would be. */
  #chunkFor(key: string): number {
    let low = 0
    let high = this.#chunks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (((this.#chunks[middle] as Chunk<V>).keys[0] as string) <= key) low = middle
      else high = middle - 1
    }
    return low
  }

  #own(index: number): Chunk<V> {
    const chunk = this.#chunks[index] as Chunk<V>
    if (chunk.owner === this.#owner) return chunk
    const own = { keys: chunk.keys.slice(), values: chunk.values.slice(), owner: this.#owner }
    this.#chunks[index] = own
    return own
  }
}

interface Chunk<V> {
  readonly keys: string[]
  readonly values: V[]
  readonly owner: object
}

/** Larger: slower inserts; smaller: slower look-ups. */
const chunkMax = 256

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((keys[middle] as string) < key) low = middle + 1
    else high = middle
  }
  return low
}
