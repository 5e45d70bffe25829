import type { Did, OperationId, SignedOperationJson, Signer, SpaceId } from '@icn/protocol'
import { didOfKey, keyOfDid } from '@icn/protocol'

export interface ChainEnd {
  readonly seq: number
  readonly operation: OperationId
}

/** Where a key's chains end. Kept beside the key and written down before an operation leaves (engine page §6). */
export interface PositionStore {
  get(space: SpaceId, genesis: OperationId): Promise<ChainEnd | undefined>
  /** Durable when it returns. False: this number or a later one has left already. */
  claim(space: SpaceId, genesis: OperationId, next: ChainEnd): Promise<boolean>
  /** A door has refused and forgotten the operation: its number is free again, unless something later has left. */
  release(space: SpaceId, genesis: OperationId, operation: OperationId, before: ChainEnd | undefined): Promise<void>
}

/** An operation that has left and whose fate is not known yet. */
export interface SentOperation {
  readonly operation: SignedOperationJson
  /** The door it was handed to. */
  readonly endpoint: string
  /** Where the chain ended before it. */
  readonly before?: ChainEnd
}

/** Keeps what has left until a door has answered, so that a device that was cut off can hand in the same bytes again. */
export interface SentStore {
  get(id: OperationId): Promise<SentOperation | undefined>
  /** Durable when it returns. */
  put(id: OperationId, sent: SentOperation): Promise<void>
  drop(id: OperationId): Promise<void>
}

/** Who signs: a DID, the key that signs for it here, and where its chains end. */
export interface Identity {
  readonly did: Did
  readonly signer: Signer & { readonly did: Did }
  readonly positions: PositionStore
  readonly sent: SentStore
}

export interface IdentityParts {
  readonly positions?: PositionStore
  readonly sent?: SentStore
  /** Another DID than the key's, when the key is a device of it. */
  readonly did?: Did
}

/** An identity whose key is at hand: in memory, in the browser's own store, in hardware. */
export function identityOf(signer: Signer, parts: IdentityParts = {}): Identity {
  const own = didOfKey(signer.publicKey)
  return {
    did: parts.did ?? own,
    signer: { did: own, publicKey: signer.publicKey, sign: (message) => signer.sign(message) },
    positions: parts.positions ?? memoryPositions(),
    sent: parts.sent ?? memorySent(),
  }
}

/** An identity whose key is fetched when the first signature is needed, for keys behind a passphrase. */
export function lazyIdentity(key: Did, open: () => Promise<Signer>, parts: IdentityParts = {}): Identity {
  let signer: Promise<Signer> | undefined
  const publicKey = keyOfDid(key)
  const sign = async (message: Uint8Array): Promise<Uint8Array> => {
    // A failed unlocking is not remembered: the next try may have the right passphrase.
    signer ??= open().catch((error: unknown) => {
      signer = undefined
      throw error
    })
    return (await signer).sign(message)
  }
  return identityOf({ publicKey, sign }, parts)
}

/** Positions that last as long as the process: for tests and keys that are thrown away. */
export function memoryPositions(): PositionStore {
  const known = new Map<string, ChainEnd>()
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

/** The same for what has left. */
export function memorySent(): SentStore {
  const kept = new Map<OperationId, SentOperation>()
  return {
    get: async (id) => kept.get(id),
    async put(id, sent) {
      kept.set(id, sent)
    },
    async drop(id) {
      kept.delete(id)
    },
  }
}
