import { isStored, type Source, type StoredSpace, storedOperations, storedRows, storedSpaces, tableOfRow } from '@icn/journal'
import { type Clock, digestOfCid, equalBytes, type OperationId, type SpaceId } from '@icn/protocol'

/** What a space that is here would lose if the other store took the place of this one. */
export interface SpaceLoss {
  readonly space: SpaceId
  /** Operations that are here and not there. */
  readonly operations: number
  /** Operations that are there and not here. */
  readonly gained: number
  readonly head: Head | null
  /** Null: the space is not there at all. */
  readonly headThere: Head | null
  /** Rows of the state that are not the same on both sides, by table. */
  readonly rows: readonly { readonly table: string; readonly count: number }[]
}

interface Head {
  readonly id: OperationId
  readonly at: Clock
}

/** Holds two stores against each other, space by space; those that are equal are left out. */
export function compareStores(present: Source, other: Source): readonly SpaceLoss[] {
  const [here, there] = [storedSpaces(present), storedSpaces(other)]
  const genesis = [...new Set([...here, ...there].map((space) => space.genesis))]
  return genesis.flatMap((id) => {
    const loss = compareSpace(present, other, byGenesis(here, id), byGenesis(there, id))
    return loss === undefined ? [] : [loss]
  })
}

/** The same for one space. Undefined: both hold the same. */
export function compareSpaces(present: Source, other: Source, genesis: OperationId): SpaceLoss | undefined {
  const [here, there] = [byGenesis(storedSpaces(present), genesis), byGenesis(storedSpaces(other), genesis)]
  return here === undefined && there === undefined ? undefined : compareSpace(present, other, here, there)
}

const byGenesis = (spaces: readonly StoredSpace[], genesis: OperationId): StoredSpace | undefined => spaces.find((space) => space.genesis === genesis)

function compareSpace(present: Source, other: Source, here: StoredSpace | undefined, there: StoredSpace | undefined): SpaceLoss | undefined {
  const { space } = (here ?? there) as StoredSpace
  const lost = here === undefined ? 0 : missing(present, here, other)
  const gained = there === undefined ? 0 : missing(other, there, present)
  const rows = differingRows(here === undefined ? [] : storedRows(present, here), there === undefined ? [] : storedRows(other, there))
  if (lost === 0 && gained === 0 && rows.length === 0) return undefined
  return { space, operations: lost, gained, head: here?.head ?? null, headThere: there?.head ?? null, rows }
}

function missing(source: Source, space: StoredSpace, other: Source): number {
  let count = 0
  for (const { id } of storedOperations(source, space)) if (!isStored(other, digestOfCid(id))) count++
  return count
}

type Rows = Iterable<readonly [Uint8Array, Uint8Array]>

/** Walks both sides once, by rising key. */
function differingRows(here: Rows, there: Rows): SpaceLoss['rows'] {
  const counts = new Map<string, number>()
  const differs = (key: Uint8Array): void => {
    const table = tableOfRow(key)
    counts.set(table, (counts.get(table) ?? 0) + 1)
  }
  const [left, right] = [here[Symbol.iterator](), there[Symbol.iterator]()]
  let [a, b] = [left.next(), right.next()]
  while (a.done !== true || b.done !== true) {
    const order = a.done === true ? 1 : b.done === true ? -1 : Buffer.compare(a.value[0], b.value[0])
    if (order < 0 && a.done !== true) differs(a.value[0])
    else if (order > 0 && b.done !== true) differs(b.value[0])
    else if (a.done !== true && b.done !== true && !equalBytes(a.value[1], b.value[1])) differs(a.value[0])
    if (order <= 0) a = left.next()
    if (order >= 0) b = right.next()
  }
  return [...counts].sort(([x], [y]) => (x < y ? -1 : 1)).map(([table, count]) => ({ table, count }))
}
