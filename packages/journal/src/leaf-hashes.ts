import { keyBytes, keyText } from './key.ts'
import { LeafBuilder, readPairs, RootBuilder, type StateRoot, stateTag } from './tree.ts'

/** What leaves say of a state that is not here yet: for whoever fetches it in pieces. */

/** Hashes of whole leaves, 32 bytes each, in order. Undefined: the bytes hold no pairs in order of keys. */
export function leafHashesOf(bytes: Uint8Array): Uint8Array[] | undefined {
  const pairs = readPairs(bytes)
  if (pairs === undefined || pairs.length === 0) return undefined
  const hashes: Uint8Array[] = []
  const builder = new LeafBuilder(({ hash }) => hashes.push(new Uint8Array(keyBytes(hash))))
  let last: string | undefined
  for (const [key, value] of pairs) {
    if (last !== undefined && key <= last) return undefined
    last = key
    builder.add(key, value)
  }
  builder.end()
  return hashes
}

/** The root of a state of so many pairs and bytes with these leaves. */
export function rootOfLeaves(hashes: Iterable<Uint8Array>, pairs: number, bytes: number): StateRoot {
  const root = new RootBuilder(stateTag)
  let isFirst = true
  for (const hash of hashes) {
    root.add({ first: '', last: '', pairs: isFirst ? pairs : 0, bytes: isFirst ? bytes : 0, hash: keyText(hash) })
    isFirst = false
  }
  return root.end()
}
