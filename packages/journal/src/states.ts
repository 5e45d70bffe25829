import type { CheckpointId, Clock, OperationId, RawOperation, SpaceId, VectorChange } from '@icn/protocol'
import type { CutLayer } from './layers.ts'

/**
 * A space's state going out and coming in (snapshot page §§9, 10, 12): what archives and transfer between nodes stand on.
 * What goes out is the state at the last checkpoint; what comes in is believed as far as the certificate, and what is found inside, prove it.
 */

/** A run of pairs, in the order of keys. */
export interface StateLeaf {
  readonly hash: Uint8Array
  readonly pairs: number
  /** Of its pairs as they are hashed and read. */
  readonly bytes: number
}

/** What a state is of, and what proves it. */
export interface StateSubject {
  readonly network: OperationId
  readonly space: SpaceId
  readonly genesis: OperationId
  readonly checkpoint: CheckpointId
  readonly cut: Clock
  readonly root: Uint8Array
  /** Rules in force at the cut. */
  readonly rules: string
}

/** Where a state is taken from: a reader, an archive, other nodes. Everything is checked by whoever installs it. */
export interface StateSource extends Pick<StateSubject, 'network' | 'space' | 'genesis'> {
  /** The operation that carries the certificate, whole. */
  readonly certificate: RawOperation
  /** The first operation of the space, whole. */
  readonly first: RawOperation
  /** Names and places of everything that the cut counts, and what was settled before it: canonical DAG-CBOR, at most `tracePageBytesMax` each, in order. */
  traces(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  /** Pair bytes of the leaves in order; where one ends and the next begins does not matter, but none ends within a pair. */
  pairs(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

/** The state at the last checkpoint on a read snapshot, while writers go on. Close it soon: the store's log cannot be shortened meanwhile. */
export interface StateReader extends StateSource, StateSubject {
  readonly pairsCount: number
  /** Of all leaves. */
  readonly bytes: number
  /** Operations up to the cut. */
  readonly count: number
  readonly layers: readonly CutLayer[]
  readonly tables: readonly { readonly name: string; readonly pairs: number }[]
  readonly leaves: readonly StateLeaf[]
  /** The whole vector at the cut, by rising key. */
  readonly vector: readonly VectorChange[]
  /** Pair bytes of the leaf with this number. */
  leaf(index: number): Uint8Array
  close(): void
}

export interface InstallOptions {
  /** What is here of the space is put aside for `shelvedDays`; without it a space that is here is refused SPACE_PRESENT. */
  readonly replace?: boolean
  readonly signal?: AbortSignal
  /** Bytes of pairs taken in. */
  readonly onProgress?: (bytes: number) => void
}

export interface Installed extends StateSubject {
  readonly pairs: number
  readonly bytes: number
  readonly count: number
}

/** How long rows that a restore has put aside are kept [days]. Larger: they take room; smaller: a mistake is noticed too late. */
export const shelvedDays = 30

export interface StateApi {
  /** Refuses SPACE_UNKNOWN, RULES_UNSUPPORTED, NOTHING_FINAL; STATE_DIFFERS when the store does not hold what was certified. Long, but never for more than a few milliseconds at a time. */
  open(space: SpaceId): Promise<StateReader>
  /**
   * Puts a space in place from a state, by one transaction; whatever is wrong, nothing has changed. The journal then goes on from the cut as if it had folded
   * everything before: what stands there is known by name and place, and is not here. Refuses NETWORK_MISMATCH, WRONG_GENESIS, RULES_UNSUPPORTED, SPACE_PRESENT,
   * SPACES_FULL, SNAPSHOT_RUNNING, and STATE_UNPROVEN with `reason`.
   */
  install(source: StateSource, options?: InstallOptions): Promise<Installed>
  /** The cut up to which operations are known by name only; undefined where everything since the first one is here. */
  floor(space: SpaceId): Clock | undefined
  /** Is this one of them: final, placed, and not here? */
  isTrace(space: SpaceId, id: OperationId): boolean
  /** The space of which it is one; undefined for an operation that is here, and for one that nobody has named. */
  traceOf(id: OperationId): SpaceId | undefined
}
