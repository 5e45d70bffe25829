import { cidOfDigest, compareClocks, decodeTrusted, type OperationId, type SignedOperation } from '@icn/protocol'
import { type KeyText, keyBytes, keyText } from './key.ts'
import { clockOfPlace, type DigestText, type PlaceText } from './layout.ts'
import { decodeStored } from './records.ts'
import type { SpaceWork } from './work.ts'

/** What is known of operations by their names. */

type Known = Pick<SpaceWork, 'overlay' | 'prefix' | 'space'>

/** Where an operation of this space stands; the number of the space alone when it waits. What a restore has put aside bears another number. */
export function idRow({ overlay, prefix }: Known, digest: DigestText): KeyText | undefined {
  const row = overlay.get('ids', digest)
  const text = row === undefined ? undefined : keyText(row)
  return text?.startsWith(prefix) ? text : undefined
}

/** Is this one of those that a state has brought in by name and place? They count, and are not here. */
export function isTrace({ overlay, prefix, space: { floor } }: Known, place: PlaceText): boolean {
  return floor !== null && compareClocks(clockOfPlace(place), floor) <= 0 && overlay.get('operations', prefix + place) === undefined
}

export const idOfDigest = (digest: DigestText): OperationId => cidOfDigest(keyBytes(digest)) as OperationId

/** Of an operation that is here. Its body stays packed: where many are gone through, that is most of the time. */
export const envelopeAt = ({ overlay, prefix }: Pick<SpaceWork, 'overlay' | 'prefix'>, place: PlaceText): SignedOperation['envelope'] =>
  decodeTrusted(decodeStored(overlay.get('operations', prefix + place) as Uint8Array).bytes) as SignedOperation['envelope']
