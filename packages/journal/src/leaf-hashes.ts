import { createHash } from 'node:crypto'
import { leafBytesMax, leafPairsMax } from '@icn/protocol'
import { keyText } from './key.ts'
import { isBorder, leafTag, readSpan, RootBuilder, type StateRoot, stateTag } from './tree.ts'

/** What leaves say of a state that is not here yet: for whoever fetches it in pieces. */

/** Hashes of whole leaves, 32 bytes each, in order. Undefined: the bytes hold no pairs in order of keys. Reads them where they stand: chunks come as fast as a connection brings them. */
export function leafHashesOf(bytes: Uint8Array): Uint8Array[] | undefined {
  const hashes: Uint8Array[] = []
  let [leafFrom, pairs] = [0, 0]
  const end = (to: number): void => {
    hashes.push(new Uint8Array(createHash('sha256').update(tag).update(bytes.subarray(leafFrom, to)).digest()))
    ;[leafFrom, pairs] = [to, 0]
  }
  let last: Uint8Array | undefined
  for (let at = 0; at < bytes.length; ) {
    const keySpan = readSpan(bytes, at)
    const valueSpan = keySpan === undefined ? undefined : readSpan(bytes, keySpan.to)
    if (keySpan === undefined || valueSpan === undefined) return undefined
    const key = bytes.subarray(keySpan.from, keySpan.to)
    if (last !== undefined && Buffer.compare(last, key) >= 0) return undefined
    if (pairs > 0 && valueSpan.to - leafFrom > leafBytesMax) end(at)
    last = key
    at = valueSpan.to
    if (++pairs === leafPairsMax || isBorder(key)) end(at)
  }
  if (pairs > 0) end(bytes.length)
  return hashes
}

const tag = Uint8Array.of(leafTag)

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
