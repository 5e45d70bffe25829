import type { KeyText } from './key.ts'
import type { Change, MapName, Source } from './store/port.ts'
import { SortedMap } from './store/sorted-map.ts'

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

  /** The same changes over another source; both go their own way from here. */
  copy(base: Source): Overlay {
    const other = new Overlay(base)
    for (const [map, { values }] of this.#written) other.#written.set(map, { values: new Map(values), sorted: undefined })
    return other
  }

  /** Everything this layer wrote, for the store's one batch. */
  *changes(): Generator<Change> {
    for (const [map, { values }] of this.#written) {
      for (const [key, value] of values) yield { map, key, value }
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
