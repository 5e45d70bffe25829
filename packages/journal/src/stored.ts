import { type Clock, decodeKey, decodeTrusted, type OperationId, operationIdOf, type RawOperation, type SpaceId } from '@icn/protocol'
import type { OperationStatus } from './api.ts'
import { readFloor } from './cut-records.ts'
import { keyBytes, keyText } from './key.ts'
import { spacePrefix } from './layout.ts'
import { decodeStored, type SpaceRecord, statusOfOrder } from './records.ts'
import { readSummary } from './space.ts'
import type { Source } from './store/port.ts'
import { type StateRoot, stateTag, TreeBuilder } from './tree.ts'

/** What stands in a store, read without opening an engine over it: for copies, and for holding two stores against each other. */

export interface StoredSpace {
  readonly number: number
  readonly space: SpaceId
  readonly genesis: OperationId
  readonly rules: string
  /** False: the name was taken over by a later first operation. */
  readonly isLive: boolean
  readonly operations: Readonly<Record<OperationStatus, number>>
  readonly head: { readonly id: OperationId; readonly at: Clock } | null
  readonly checkpoint: { readonly id: string; readonly cut: Clock; readonly root: Uint8Array } | null
  readonly setDigest: Uint8Array
  /** Up to here operations are known by name and place only: the space has begun from a state. Null: every one since the first is here. */
  readonly historyFrom: Clock | null
}

/** By rising number: `commons` before what was founded in it. What a restore of one space has put aside is left out. */
export function storedSpaces(source: Source): readonly StoredSpace[] {
  const records = [...source.range('spaces', '')].map(([, bytes]) => decodeTrusted(bytes) as SpaceRecord).filter(({ shelved_until }) => shelved_until === undefined)
  const live = new Map(records.map(({ space, number }) => [space, number]))
  return records.map(({ number, space, genesis, rules }) => {
    const { counts, last, checkpoint, setDigest } = readSummary(source, spacePrefix(number))
    return {
      number,
      space,
      genesis,
      rules,
      isLive: live.get(space) === number,
      operations: counts,
      head: last,
      checkpoint: checkpoint === null ? null : { id: checkpoint.id, cut: checkpoint.cut, root: checkpoint.root },
      setDigest,
      historyFrom: readFloor(source, spacePrefix(number)),
    }
  })
}

/** Placed operations in their order. Bodies that were forgotten are null. */
export function* storedOperations(
  source: Source,
  { number }: Pick<StoredSpace, 'number'>,
): Generator<RawOperation & { readonly id: OperationId; readonly status: OperationStatus }> {
  const { from, to } = spacePrefix(number)
  for (const [key, stored] of source.range('operations', from, to)) {
    const { bytes, signature, body } = decodeStored(stored)
    const order = source.get('order', key)
    yield { envelope: bytes, signature, body, id: operationIdOf(bytes), status: order === undefined ? 'held' : statusOfOrder(order) }
  }
}

/** Operations that wait for others or for the clock. */
export function* heldOperations(source: Source, { number }: Pick<StoredSpace, 'number'>): Generator<RawOperation> {
  const { from, to } = spacePrefix(number)
  for (const [, value] of source.range('held', from, to)) {
    const { bytes, signature, body } = decodeStored((decodeTrusted(value) as { readonly stored: Uint8Array }).stored)
    yield { envelope: bytes, signature, body }
  }
}

/** Is this operation placed in the store? Of whatever space. */
export function isStored(source: Source, id: Uint8Array): boolean {
  const known = source.get('ids', keyText(id))
  return known !== undefined && known.length > 4
}

/** Root of the state at the tip, from every row. */
export function storedRoot(source: Source, space: Pick<StoredSpace, 'number'>): StateRoot {
  const tree = new TreeBuilder(stateTag)
  for (const [key, value] of storedRows(source, space)) tree.add(key, value)
  return tree.end()
}

/** Rows of the state by rising key, as they are hashed. */
export function* storedRows(source: Source, { number }: Pick<StoredSpace, 'number'>): Generator<readonly [Uint8Array, Uint8Array]> {
  const { from, to } = spacePrefix(number)
  for (const [key, value] of source.range('state', from, to)) yield [keyBytes(key.slice(4)), value]
}

/** The table that a row stands in. */
export const tableOfRow = (key: Uint8Array): string => String(decodeKey(key)[0])
