import { writeFileSync } from 'node:fs'
import { type Change, type MapName, mapNames, type Snapshot, type Source, type Store, StoreFault } from './port.ts'
import { SortedMap } from './sorted-map.ts'

type Maps = Map<MapName, SortedMap<Uint8Array>>

function reader(maps: Maps): Source {
  return {
    get: (map, key) => (maps.get(map) as SortedMap<Uint8Array>).get(key),
    // A copy, so that a caller may write while it walks.
    range: (map, gte, lt, reverse) => (maps.get(map) as SortedMap<Uint8Array>).copy().range(gte, lt, reverse),
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
    range(map, gte, lt, reverse) {
      demandOpen()
      return read.range(map, gte, lt, reverse)
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
        if (value === null) target.delete(key)
        else target.set(key, value)
      }
    },
    flush: demandOpen,
    reopen: demandOpen,
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
