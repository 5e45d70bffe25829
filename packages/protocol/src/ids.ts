/** Branded ids: inside the house a value of these types has already been checked at a boundary. */
declare const brand: unique symbol
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** `did:icn:z6Mk…`, exactly 56 ASCII characters; see did.ts for the checks. */
export type Did = Brand<string, 'Did'>
/** CIDv1 (dag-cbor, sha2-256, base32) of the canonical bytes of an operation without its signature. */
export type OperationId = Brand<string, 'OperationId'>
/** `commons` or `coop:<id>`; split at its first colon. */
export type SpaceId = Brand<string, 'SpaceId'>
export type CoopId = Brand<string, 'CoopId'>
/** CIDv1 text of a charter's canonical bytes. */
export type CharterHash = Brand<string, 'CharterHash'>
/** SHA-256 over { space, genesis, previous, cut, layers_digest, root }, as CIDv1 text. */
export type CheckpointId = Brand<string, 'CheckpointId'>

/** The coop id of a coop's space; undefined for `commons`. */
export function coopOf(space: SpaceId): CoopId | undefined {
  return space.startsWith('coop:') ? (space.slice(5) as CoopId) : undefined
}

export function spaceOfCoop(coop: CoopId | string): SpaceId {
  return `coop:${coop}` as SpaceId
}

export const commonsSpace = 'commons' as SpaceId
