import { decodeTrusted } from '@icn/protocol'
import type { Engine } from './engine.ts'
import { chainDigestOf, type SpacePrefix, spacePrefix } from './layout.ts'
import { keyText } from './key.ts'
import type { SpaceRecord } from './records.ts'
import type { Change, MapName } from './store/port.ts'

/** Rows that nobody reads any more: of a space that a restore has put aside, and of a state that never became whole. */

/** Maps whose keys begin with the number of a space. Chains last: they name what is left in the index of ids. */
const spaceMaps: readonly MapName[] = [
  'summaries',
  'operations',
  'order',
  'undo',
  'heads',
  'state',
  'held',
  'waiting',
  'quarantine',
  'events',
  'checkpoints',
  'contents',
  'leaves',
  'chains',
]

/** Rows deleted with one write. Larger: writers wait longer; smaller: more writes for the same. */
const droppedMax = 2_000

/** Drops a part of what is put aside for longer than it is kept. True: there is more to drop. */
export function dropShelved(engine: Engine): boolean {
  const now = engine.parts.wall()
  for (const [key, bytes] of engine.source.range('spaces', '')) {
    const record = decodeTrusted(bytes) as SpaceRecord
    if (record.shelved_until === undefined || record.shelved_until > now || engine.arriving.has(record.number)) continue
    const changes = rowsOf(engine, spacePrefix(record.number))
    // Its number is free only when nothing bears it any more.
    engine.parts.store.write(changes.length > 0 ? changes : [{ map: 'spaces', key, value: null }])
    return true
  }
  return false
}

function rowsOf(engine: Engine, { from, to }: SpacePrefix): Change[] {
  const changes: Change[] = []
  for (const map of spaceMaps) {
    for (const [key] of engine.source.range(map, from, to)) {
      changes.push({ map, key, value: null })
      // What stands in the space that took its place bears that one's number.
      const digest = map === 'chains' ? chainDigestOf(key) : undefined
      const id = digest === undefined ? undefined : engine.source.get('ids', digest)
      if (digest !== undefined && id !== undefined && keyText(id).startsWith(from)) changes.push({ map: 'ids', key: digest, value: null })
      if (changes.length >= droppedMax) return changes
    }
  }
  return changes
}
