import type { Did, Facts, OperationId } from '@icn/protocol'
import type { SpaceProfile } from './profile.ts'
import { devicesOf, rootOf } from './queries.ts'
import type { IdentityState } from './tables.ts'
import { keys } from './tables.ts'

/** W3C DID Core 1.0, made from what a space knows; never stored (identity page §2). */
export interface DidDocument {
  readonly '@context': readonly string[]
  readonly id: Did
  readonly verificationMethod: readonly { readonly id: string; readonly type: 'Multikey'; readonly controller: Did; readonly publicKeyMultibase: string }[]
  readonly authentication: readonly string[]
  readonly assertionMethod: readonly string[]
  readonly capabilityInvocation: readonly string[]
}

export interface DidResolution {
  readonly document: DidDocument
  readonly metadata: {
    /** First and last time something was said about its keys here; left out when nothing was. */
    readonly created_at?: number
    readonly updated_at?: number
    readonly version_id?: OperationId
    readonly deactivated: boolean
    /** False when nothing but the DID itself is known. */
    readonly known: boolean
    readonly state: IdentityState
  }
}

const multikey = (key: Did): string => key.slice('did:icn:'.length)

/** A DID nobody has seen resolves to its own key. */
export function resolve(facts: Facts | undefined, profile: SpaceProfile | undefined, did: Did, at: number): DidResolution {
  const row = facts?.get(keys, [did])
  const devices = facts === undefined ? [] : devicesOf(facts, did, at)
  const state = row?.state ?? 'active'
  const methods = new Map<string, Did>([[`${did}#root`, facts === undefined ? did : rootOf(facts, did)]])
  for (const { row: device } of devices) methods.set(`${did}#${device.grantee.slice(-8)}`, device.grantee)
  const ids = state === 'active' ? [...methods.keys()] : []
  const changes = [
    ...(row?.since_op === undefined || row.since_at === undefined ? [] : [{ at: row.since_at, op: row.since_op }]),
    ...(row?.retired ?? []).map(({ until_at, op }) => ({ at: until_at, op })),
    ...devices.map(({ id, row: device }) => ({ at: device.made_at, op: id })),
  ].sort((a, b) => a.at - b.at)
  const first = changes[0]
  const last = changes.at(-1)
  return {
    document: {
      '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
      id: did,
      verificationMethod: [...methods].map(([id, key]) => ({ id, type: 'Multikey', controller: did, publicKeyMultibase: multikey(key) })),
      authentication: ids,
      assertionMethod: ids,
      capabilityInvocation: ids.slice(0, 1),
    },
    metadata: {
      ...(first === undefined || last === undefined ? {} : { created_at: first.at, updated_at: last.at, version_id: row?.frozen_op ?? last.op }),
      deactivated: state === 'retired',
      known: row !== undefined || devices.length > 0 || (facts !== undefined && profile !== undefined && profile.standing(facts, did) !== 'none'),
      state,
    },
  }
}
