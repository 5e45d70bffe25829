import { heldOperations, journalDefaults, openJournal, openSqliteReading, openSqliteStore, type Source, type Store, storedRoot, storedSpaces } from '@icn/journal'
import { commonsSpace, type Did, type RawOperation, type SpaceId, toHex } from '@icn/protocol'
import type { SigningKey } from '@icn/protocol/node'
import { refuse } from '../calls/refusal.ts'
import { beginFromState, checkOperations, foldSpace, placedOf } from './prove.ts'
import { rulesOfSpace } from './rules.ts'

export interface Rebuilding {
  /** Folder of the store that is here; it is only read, and nobody else may be writing it. */
  readonly present: string
  /** An empty folder for the new one. */
  readonly target: string
  readonly key: SigningKey
  readonly node: Did
  readonly now: number
  readonly signal?: AbortSignal | undefined
  /** Operations. */
  onProgress?(done: number, total: number): void
}

export interface Rebuilt {
  readonly space: SpaceId
  readonly root: string
  /** Root of the rows that were here before; another one than `root`: they were wrong. */
  readonly before: string
}

/**
 * Derives everything again from the journal alone, into a new store. This node's own settings and the answers it has given are taken over as they are.
 * Refuses `RESTORE_PARTIAL` where not every operation is here with its body, `RULES_UNSUPPORTED`, `RESTORE_DIFFERS` for an operation that is not what was signed.
 */
export async function rebuildStore(rebuilding: Rebuilding): Promise<readonly Rebuilt[]> {
  const { present, target, key, node, now, signal } = rebuilding
  const source = openSqliteReading({ folder: present, isLive: false })
  try {
    const spaces = storedSpaces(source)
      .filter(({ isLive }) => isLive)
      .toSorted((a, b) => Number(b.space === commonsSpace) - Number(a.space === commonsSpace))
    for (const space of spaces) {
      const known = rulesOfSpace(space.space).version
      if (known !== space.rules) throw refuse('RULES_UNSUPPORTED', { found: space.rules, have: known })
      if (!checkOperations(source, space, () => signal?.throwIfAborted())) throw refuse('RESTORE_PARTIAL', { space: space.space })
    }
    const total = spaces.reduce((sum, { operations }) => sum + placedOf(operations), 0)
    let done = 0
    const store = openSqliteStore({ folder: target })
    keepOwn(source, store)
    const at = Math.max(now, ...spaces.map(({ head }) => head?.at[0] ?? 0))
    const journal = openJournal({ store, key, node, rulesOf: rulesOfSpace, wall: () => at, options: { ...journalDefaults, spacesCount: 1_000 } })
    try {
      const rebuilt: Rebuilt[] = []
      for (const space of spaces) {
        const told = (count: number): void => {
          done += count
          rebuilding.onProgress?.(done, total)
        }
        if (space.historyFrom !== null) await beginFromState(journal, source, space)
        await foldSpace({ source, signal, journal, told }, space)
        const held: RawOperation[] = [...heldOperations(source, space)]
        if (held.length > 0) await journal.ingest(space.space, held)
        rebuilt.push({ space: space.space, root: toHex(journal.root(space.space).root), before: toHex(storedRoot(source, space).root) })
      }
      return rebuilt
    } finally {
      await journal.close()
    }
  } finally {
    source.close()
  }
}

const ownMaps = ['local', 'idempotency'] as const

/** What follows from no operation: settings of this node, answers under their keys, and the clock, which never goes back. */
function keepOwn(source: Source, store: Store): void {
  for (const map of ownMaps) store.write([...source.range(map, '')].map(([key, value]) => ({ map, key, value })))
  const clock = source.get('meta', 'clock')
  if (clock !== undefined) store.write([{ map: 'meta', key: 'clock', value: clock }])
}
