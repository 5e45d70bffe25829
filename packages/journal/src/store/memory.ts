import { writeFileSync } from 'node:fs'
import { type Change, type MapName, mapNames, type RangeOptions, type Reader, type Snapshot, type Store, StoreFault } from './port.ts'
import { SortedMap } from './sorted-map.ts'

const text = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
const bytesOf = (key: string): Uint8Array => Buffer.from(key, 'latin1')

type Maps = Map<MapName, SortedMap<Uint8Array>>

function reader(maps: Maps): Reader {
  return {
    get: (map, key) => (maps.get(map) as SortedMap<Uint8Array>).get(text(key)),
    *range(map, options: RangeOptions = {}) {
      let left = options.limit ?? Number.POSITIVE_INFINITY
      // A copy, so that a caller may write while it walks.
      const entries = (maps.get(map) as SortedMap<Uint8Array>).copy().range(options.gte && text(options.gte), options.lt && text(options.lt), options.reverse)
      for (const [key, value] of entries) {
        if (left-- <= 0) return
        yield [bytesOf(key), value] as const
      }
    },
  }
}

/** Keeps everything in memory: for tests and `--ephemeral`. Nothing survives the process. */
export function openMemoryStore(): Store {
  const maps: Maps = new Map(mapNames.map((name) => [name, new SortedMap<Uint8Array>()]))
  let open = true
  const demandOpen = (): void => {
    if (!open) throw new StoreFault('closed', 'the store is closed')
  }
  const read = reader(maps)
  return {
    kind: 'memory',
    get(map, key) {
      demandOpen()
      return read.get(map, key)
    },
    range(map, options) {
      demandOpen()
      return read.range(map, options)
    },
    snapshot(): Snapshot {
      demandOpen()
      const frozen: Maps = new Map([...maps].map(([name, map]) => [name, map.copy()]))
      return { ...reader(frozen), close: () => frozen.clear() }
    },
    write(changes: Iterable<Change>) {
      demandOpen()
      for (const { map, key, value } of [...changes]) {
        const target = maps.get(map) as SortedMap<Uint8Array>
        if (value === null) target.delete(text(key))
        else target.set(text(key), value)
      }
    },
    flush: demandOpen,
    backup(path) {
      demandOpen()
      const rows = [...maps].flatMap(([name, map]) =>
        [...map.range()].map(([key, value]) => `${name} ${Buffer.from(key, 'latin1').toString('hex')} ${Buffer.from(value).toString('hex')}\n`),
      )
      try {
        writeFileSync(path, rows.join(''), { flag: 'wx', mode: 0o600 })
      } catch (cause) {
        throw new StoreFault('io', `could not write the copy to ${path}`, cause)
      }
    },
    sizeOnDisk: () => 0,
    close() {
      open = false
    },
  }
}
