import type { Store } from './port.ts'

/** A store with some of its methods replaced, for tests. */
export const replaced = (store: Store, methods: Partial<Store>): Store => ({
  kind: store.kind,
  get: (map, key) => store.get(map, key),
  range: (map, gte, lt, reverse) => store.range(map, gte, lt, reverse),
  snapshot: () => store.snapshot(),
  write: (changes) => store.write(changes),
  flush: () => store.flush(),
  reopen: () => store.reopen(),
  backup: (path) => store.backup(path),
  sizeOnDisk: () => store.sizeOnDisk(),
  close: () => store.close(),
  ...methods,
})
