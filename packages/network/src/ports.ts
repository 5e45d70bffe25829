import type { Clock, Did, IngestResult, OperationId, RawOperation, SpaceId, Vectors } from '@icn/protocol'

/** What replication is handed at composition; nothing here knows libp2p or a store. */

/** The journal as replication sees it. */
export interface JournalPort {
  info(
    space: SpaceId,
  ): { readonly genesis: OperationId; readonly setDigest: Uint8Array; readonly operations: Readonly<Record<string, number>>; readonly readOnly: boolean } | undefined
  spaces(): readonly { readonly space: SpaceId }[]
  vectors(space: SpaceId): Vectors | undefined
  ingest(space: SpaceId, operations: readonly RawOperation[]): Promise<IngestResult>
  readonly clock: { readonly last: Clock }
  /** Called after each commit with what it placed, by space; returns the way to stop. */
  subscribe(listener: (spaces: ReadonlyMap<SpaceId, readonly { readonly operation: OperationId | null; readonly status: string | null }[]>) => void): () => void
}

export interface Timing {
  /** Wall clock [ms]. */
  now(): number
  /** Runs later, once; the answer takes it back. */
  after(ms: number, run: () => void): () => void
  /** 0 ≤ x < 1, for spreading what would otherwise happen at once everywhere. */
  chance(): number
}

/** Kinds of bad manners that replication can see (network page §11). Charged to the peer that sent the bytes, never to whom they name. */
export type Misbehaviour = 'frame_error' | 'oversize' | 'credit_exceeded' | 'malformed_operation' | 'bad_signature' | 'unsolicited'

export interface ReplicatorParts {
  readonly node: Did
  readonly journal: JournalPort
  /** First operation of `commons`; null before a network is known. */
  network(): OperationId | null
  /** Every rules version of this release with the digest of what it is made of. */
  readonly rules: readonly (readonly [version: string, digest: Uint8Array])[]
  /** 16 random bytes of this start. */
  readonly instance: Uint8Array
  readonly release: string
  /** Does this node's own state of the space name the peer as host? Asked at each commit, so that sending starts and stops with the fold. */
  mayHave(peer: Did, space: SpaceId): boolean
  /** Spaces that this node has been made a host of, as long as its own state does not say so. */
  expected(): readonly { readonly space: SpaceId; readonly genesis: OperationId }[]
  /** How others become hosts of spaces that are here, and this node of spaces that are elsewhere. */
  readonly hosting: HostingPort
  readonly timing: Timing
  report(kind: Misbehaviour, peer: Did, detail: string): void
  /** Something failed that is nobody's misbehaviour. */
  fault(doing: string, error: unknown): void
  readonly options?: Partial<ReplicatorOptions>
}

export interface HostingPort {
  /** What a peer whom this node's own state has invited should sign; `host`: it is one already; undefined: it is not invited. */
  draft(peer: Did, space: SpaceId): { readonly envelope: Uint8Array; readonly body: Uint8Array } | 'host' | undefined
  /** Hands in what the peer has signed. Undefined: it is a host now; otherwise the code of what is in the way. */
  accept(peer: Did, space: SpaceId, operation: RawOperation): Promise<string | undefined>
  /** Signs for this node, when the draft says nothing but that it accepts; undefined for any other. */
  sign(space: SpaceId, genesis: OperationId, draft: { readonly envelope: Uint8Array; readonly body: Uint8Array }): RawOperation | undefined
}

export interface ReplicatorOptions {
  /** How often a peer is told what is here, when nothing else was said [ms]. Shorter: faster repair, more traffic. */
  readonly haveIntervalMs: number
  /** Bytes of operations that a peer may have sent and this node has not folded. Larger: memory for strangers; smaller: slow catching up. */
  readonly creditBytes: number
  readonly helloMs: number
}

export const replicatorDefaults: ReplicatorOptions = { haveIntervalMs: 30_000, creditBytes: 4_194_304, helloMs: 5_000 }
