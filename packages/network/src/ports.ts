import type {
  Clock,
  Did,
  EvidenceName,
  FrameOf,
  IngestResult,
  NodeRecord,
  OperationId,
  RawOperation,
  SnapMessage,
  SnapOutcome,
  SpaceId,
  SyncOutcome,
  VectorEntry,
  Vectors,
} from '@icn/protocol'
import type { Signed } from './news.ts'
import type { ShownPass } from './passes.ts'

/** What replication is handed at composition; nothing here knows libp2p or a store. */

/** The journal as replication sees it. */
export interface JournalPort {
  info(
    space: SpaceId,
  ): { readonly genesis: OperationId; readonly setDigest: Uint8Array; readonly operations: Readonly<Record<string, number>>; readonly readOnly: boolean } | undefined
  spaces(): readonly { readonly space: SpaceId }[]
  vectors(space: SpaceId): Vectors | undefined
  /** `after`: they are checked at once, and folded no sooner than this has ended. */
  ingest(space: SpaceId, operations: readonly RawOperation[], after?: Promise<void>): Promise<IngestResult>
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
  /** Who wants to know what peers say of this node's own key. */
  readonly ownKey?: OwnKeyPort
  readonly timing: Timing
  /** Absent: everybody may send what credit allows. */
  readonly budgets?: BudgetPort
  /** Absent: nobody counts. */
  readonly traffic?: TrafficPort
  /** Absent: nothing about cuts is heard or passed on. */
  readonly snaps?: SnapPort
  /** A pass to show to this peer in the greeting. */
  passFor?(peer: Did): ShownPass | undefined
  /** May a peer stay that greets with this, or without a pass? The code of why not. */
  welcome?(peer: Did, pass: ShownPass | undefined): string | undefined
  /** What the peer has just told to have of the space is here. */
  covered?(peer: Did, space: SpaceId): void
  /** A peer has told what it has of the space at this value of its clock; `isCovered`: all of it is here by now. */
  heldAt?(peer: Did, space: SpaceId, at: Clock, isCovered: boolean): void
  /** A peer was not greeted, with what code, and what it has said of itself. */
  helloFailed?(code: string, peer: Did, theirs: FrameOf<'hello'> | undefined): void
  /** What a peer says of a space that it was offered; without a code, both hold it. */
  answered?(peer: Did, space: SpaceId, code: string | undefined): void
  /** Bad manners that replication has seen, charged to the peer that sent the bytes and never to whom they name. */
  report(kind: EvidenceName, peer: Did, detail: string): void
  /** A link has greeted, or has ended. */
  onLink?(peer: Did, state: 'ready' | 'closed'): void
  /** From here on a space is kept equal with a peer, or no longer is. */
  onSpace?(peer: Did, space: SpaceId, isShared: boolean): void
  /** Operations that a peer has brought are about to be folded. */
  onOperations?(space: SpaceId, operations: readonly RawOperation[]): void
  /** A peer has told where nodes may be reached. */
  onRecords?(peer: Did, records: readonly NodeRecord[]): void
  /** Something failed that is nobody's misbehaviour. */
  fault(doing: string, error: unknown): void
  readonly options?: Partial<ReplicatorOptions>
}

/** What others know of this node's own key: a store that was restored, or a copy of this node, is found by it. */
export interface OwnKeyPort {
  /** A peer that shares the space has this of what this node's key signed there; null: nothing. */
  heldBy(peer: Did, space: SpaceId, entry: Pick<VectorEntry, 'seq' | 'sum'> | null): void
  /** These have come that this node's key has signed and that were not here. */
  arrived(space: SpaceId, operations: readonly OperationId[]): void
  /** A peer has been greeted by two starts of this node that both run. */
  seenTwice(by: Did): void
}

/** Who agrees on cuts: what the hosts of a space say to one another about it (snapshot page §3). */
export interface SnapPort {
  /** Is this node a host of the space in the state that is here, or in that of the last checkpoint? */
  maySpeak(space: SpaceId, did: Did): boolean
  /** A host has said this to everybody, or to this node. Each message comes once, its signature checked; the same said anew (another `sent_at`) is another message. */
  heard(space: SpaceId, message: SnapMessage, bytes: Uint8Array): void
  /** The page of this SHA-256; undefined: it is not here. */
  page(space: SpaceId, digest: Uint8Array): Uint8Array | undefined
  /** A page that was asked for, and that is what its digest says. False: it is none, whoever has named it; whoever has it should have known. */
  pageCame(space: SpaceId, digest: Uint8Array, bytes: Uint8Array): boolean
}

/** How much a peer may send without being asked (network page §4). */
export interface BudgetPort {
  /** Counts a frame and its bytes; for how long nothing more is read from the peer [ms]. */
  frame(peer: Did, bytes: number): number
  /** Of operations of these sizes that nobody asked for, in one frame: how many are taken, from the front, and for how long nothing more is read. */
  operations(peer: Did, sizes: readonly number[]): { readonly taken: number; readonly pauseMs: number }
  /** Counts a message about a cut, beside its frame; for how long nothing more is read from the peer [ms]. */
  snap(peer: Did, bytes: number): number
}

/** Who counts what replication moves, where it moves. */
export interface TrafficPort {
  /** Operations and their bytes that were handed to a peer's wire. */
  sent(operations: number, bytes: number): void
  /** Operations and their bytes that a peer has sent, taken or not. */
  received(operations: number, bytes: number): void
  /** Sending waits for the peer's credit. */
  creditWait(): void
  /** `equal`: both held the same when they met; `done`: what one lacked has come; `broken`: the stream or the sharing ended before that. */
  synced(outcome: SyncOutcome): void
  /** What became of a message about a cut; `told` and `passed_on` once for each link. */
  snap(outcome: SnapOutcome): void
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

/** What a link is told by, and tells, whoever keeps it. */
export type LinkState = 'greeting' | 'ready' | 'closed'

export interface LinkHooks {
  /** What this peer was given whole without being asked: space → set digest. Outlives the link. */
  readonly handedIn: Map<SpaceId, Uint8Array>
  /** The peer has greeted with the number of its start. True: another start of it runs beside this one. */
  greeted(instance: Uint8Array): boolean
  /** The peer has brought these, which are about to be folded; the answer forgets it. */
  brought(operations: readonly Signed[]): () => void
  /** The peer has sent this; for how long nothing more is read from it [ms]. */
  snap(frame: FrameOf<'snap'>): number
  ended(): void
}
