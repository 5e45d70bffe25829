import { decodeKey, decodeTrusted, encodeTrusted, type KeyValue } from '@icn/protocol'
import type { LocalStore } from './api.ts'
import { stateKey, textAfter } from './layout.ts'
import { keyBytes } from './key.ts'
import { type Store, StoreFault } from './store/port.ts'

const name = 'local'

/** This node's own rows: settings, sessions, drafts. Never replicated, never state. */
export function openLocal(store: Store, failed: (error: StoreFault) => void): LocalStore {
  return {
    get(key) {
      const bytes = store.get('local', stateKey(name, key))
      return bytes === undefined ? undefined : decodeTrusted(bytes)
    },
    *scan(prefix, options = {}) {
      const from = stateKey(name, prefix)
      let left = options.limit ?? Number.POSITIVE_INFINITY
      for (const [key, value] of store.range('local', from, textAfter(from), options.reverse)) {
        if (left-- <= 0) return
        yield [decodeKey(keyBytes(key)).slice(1) as KeyValue[], decodeTrusted(value)] as const
      }
    },
    write(changes) {
      try {
        store.write(changes.map(({ key, value }) => ({ map: 'local' as const, key: stateKey(name, key), value: value === undefined ? null : encodeTrusted(value) })))
      } catch (error) {
        if (error instanceof StoreFault) failed(error)
        throw error
      }
    },
  }
}
