import type { Did, OperationId, Signer, SpaceId } from '@icn/protocol'
import { didOfKey } from '@icn/protocol'

/** Where a key's chains end. Kept beside the key and written down before an operation leaves (engine page §6). */
export interface PositionStore {
  get(space: SpaceId, genesis: OperationId): Promise<{ readonly seq: number; readonly operation: OperationId } | undefined>
  /** Durable when it returns. False: this number or a later one has left already. */
  claim(space: SpaceId, genesis: OperationId, next: { readonly seq: number; readonly operation: OperationId }): Promise<boolean>
  /** A door has refused and forgotten the operation: its number is free again, unless something later has left. */
  release(space: SpaceId, genesis: OperationId, operation: OperationId, before: { readonly seq: number; readonly operation: OperationId } | undefined): Promise<void>
}

/** Who signs: a DID, the key that signs for it here, and where its chains end. */
export interface Identity {
  readonly did: Did
  readonly signer: Signer & { readonly did: Did }
  readonly positions: PositionStore
}

/** An identity whose key is at hand. `did` is another one than the key's when the key is a device of it. */
export function identityOf(signer: Signer, positions: PositionStore, did?: Did): Identity {
  const own = didOfKey(signer.publicKey)
  return { did: did ?? own, signer: { did: own, publicKey: signer.publicKey, sign: (message) => signer.sign(message) }, positions }
}

/** Positions that last as long as the process: for tests and keys that are thrown away. */
export function memoryPositions(): PositionStore {
  const known = new Map<string, { seq: number; operation: OperationId }>()
  const key = (space: SpaceId, genesis: OperationId): string => `${space} ${genesis}`
  return {
    get: async (space, genesis) => known.get(key(space, genesis)),
    async claim(space, genesis, next) {
      const last = known.get(key(space, genesis))
      if (last !== undefined && last.seq >= next.seq && last.operation !== next.operation) return false
      known.set(key(space, genesis), next)
      return true
    },
    async release(space, genesis, operation, before) {
      if (known.get(key(space, genesis))?.operation !== operation) return
      if (before === undefined) known.delete(key(space, genesis))
      else known.set(key(space, genesis), before)
    },
  }
}
