import type { Change, MapName, Reader } from './store/port.ts'
import { SortedMap } from './store/sorted-map.ts'

/** Keys inside the engine: bytes as latin-1 text, so that maps can hold them and their order is the order of the bytes. */
export type KeyText = string

export const keyText = (bytes: Uint8Array): KeyText => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
export const keyBytes = (key: KeyText): Uint8Array => Buffer.from(key, 'latin1')

/** What the engine reads through: the store, or an overlay over it. */
export interface Source {
  get(map: MapName, key: KeyText): Uint8Array | undefined
  range(map: MapName, gte: KeyText, lt: KeyText | undefined, reverse?: boolean): Iterable<readonly [KeyText, Uint8Array]>
}

/** A store or snapshot with text keys. */
export function sourceOf(reader: Reader): Source {
  return {
    get: (map, key) => reader.get(map, keyBytes(key)),
    *range(map, gte, lt, reverse = false) {
      for (const [key, value] of reader.range(map, { gte: keyBytes(gte), ...(lt === undefined ? {} : { lt: keyBytes(lt) }), reverse })) yield [keyText(key), value]
    },
  }
}

/**
 * A copy-on-write layer over a source (engine page §5). Real work ends by writing its changes to the store in one batch;
 * simulation, replay and as-of end by dropping it.
 */
export class Overlay implements Source {
  readonly #base: Source
  readonly #written = new Map<MapName, Written>()

  constructor(base: Source) {
    this.#base = base
  }

  get(map: MapName, key: KeyText): Uint8Array | undefined {
    const value = this.#written.get(map)?.values.get(key)
    if (value !== undefined) return value ?? undefined
    return value === null ? undefined : this.#base.get(map, key)
  }

  /** `undefined` where this layer says nothing, `null` where it deleted. */
  own(map: MapName, key: KeyText): Uint8Array | null | undefined {
    return this.#written.get(map)?.values.get(key)
  }

  put(map: MapName, key: KeyText, value: Uint8Array | null): void {
    let written = this.#written.get(map)
    if (written === undefined) {
      written = { values: new Map(), sorted: undefined }
      this.#written.set(map, written)
    }
    if (written.sorted !== undefined && !written.values.has(key)) written.sorted.set(key, true)
    written.values.set(key, value)
  }

  *range(map: MapName, gte: KeyText, lt: KeyText | undefined, reverse = false): Generator<readonly [KeyText, Uint8Array]> {
    const written = this.#written.get(map)
    if (written === undefined || written.values.size === 0) {
      yield* this.#base.range(map, gte, lt, reverse)
      return
    }
    const own = sortedKeys(written).copy().range(gte, lt, reverse)
    let mine = own.next()
    const before = reverse ? (a: string, b: string) => a > b : (a: string, b: string) => a < b
    for (const [key, value] of this.#base.range(map, gte, lt, reverse)) {
      while (!mine.done && before(mine.value[0], key)) {
        const ours = written.values.get(mine.value[0])
        if (ours) yield [mine.value[0], ours]
        mine = own.next()
      }
      if (!mine.done && mine.value[0] === key) {
        const ours = written.values.get(key)
        if (ours) yield [key, ours]
        mine = own.next()
      } else yield [key, value]
    }
    for (; !mine.done; mine = own.next()) {
      const ours = written.values.get(mine.value[0])
      if (ours) yield [mine.value[0], ours]
    }
  }

  /** Everything this layer wrote, for the store's one batch. */
  *changes(): Generator<Change> {
    for (const [map, { values }] of this.#written) {
      for (const [key, value] of values) yield { map, key: keyBytes(key), value }
    }
  }

  /** Keys this layer wrote in one map. */
  keys(map: MapName): Iterable<KeyText> {
    return this.#written.get(map)?.values.keys() ?? []
  }

  get isEmpty(): boolean {
    return this.#written.size === 0
  }
}

interface Written {
  readonly values: Map<KeyText, Uint8Array | null>
  /** Made at the first walk and kept from then on: most batches never walk. */
  sorted: SortedMap<true> | undefined
}

function sortedKeys(written: Written): SortedMap<true> {
  if (written.sorted === undefined) {
    written.sorted = new SortedMap()
    for (const key of written.values.keys()) written.sorted.set(key, true)
  }
  return written.sorted
}
