import type {
  Check,
  CheckpointId,
  CheckpointLayer,
  Clock,
  Decision,
  Did,
  Facts,
  Finding,
  OperationId,
  Rules,
  SignedOperation,
  SpaceCheckpoint,
  SpaceId,
  VectorChange,
  IngestResult,
  RawOperation,
  Vectors,
} from '@icn/protocol'
import type { Ack, Mark, Proposed } from './checkpointing.ts'
import type { CutLayer } from './layers.ts'
import type { United } from './union.ts'
import type { Mended } from './mending.ts'
import type { LeafRange, StateAgain } from './verifying.ts'
import type { StateApi } from './states.ts'

/** Status of an operation on this node (engine page §3). `final` stands beside it. */
export type OperationStatus = 'held' | 'applied' | 'refused' | 'late' | 'forked' | 'superseded'

/** What a caller wants said; the journal's writer stamps clock, sequence and previous, and signs with this node's key. */
export interface Draft {
  readonly space: SpaceId
  readonly kind: string
  readonly author: Did
  /** The author's grant to this node; null when the node itself is the author. */
  readonly grant: OperationId | null
  /** Already parsed by the kind's schema, or about to be: the writer parses it again. */
  readonly body: unknown
}

/** An operation at its place, as the audit log shows it. */
export interface PlacedOperation {
  readonly operation: SignedOperation
  readonly body: unknown
  readonly status: OperationStatus
  readonly final: boolean
  readonly checks: readonly Check[]
  /** For an operation displaced by a rewind: what displaced it here. Local, not state. */
  readonly displacedBy?: OperationId
  /** For an operation in the quarantine: the first one after it by which the same author's same change counts. A function of the set. */
  readonly retriedBy?: { readonly id: OperationId; readonly at: Clock }
}

/** The stored answer to "why?" (doors page §4), before texts are added and readers are told apart. */
export interface DecisionRecord extends Decision {
  /** The operation's id; `dec_` + ULID for a local refusal or a simulation. */
  readonly id: string
  readonly space: SpaceId
  readonly kind: string
  readonly author: Did
  readonly by: Did
  readonly decided_at: number
  readonly mode: 'real' | 'simulated' | 'replayed'
  readonly state: { readonly checkpoint: string | null; readonly head: OperationId | null }
}

/** One row changed by a simulated or real operation; keys decoded, the table's name first. */
export interface RowChange {
  readonly key: readonly unknown[]
  readonly before: unknown
  readonly after: unknown
}

export interface WriteOptions<Answer> {
  /** Builds the caller's answer on the state right after the write, inside the transaction. Runs for `applied` and `already_done`. Must not throw. */
  readonly answer?: (facts: Facts, operation: PlacedOperation | undefined) => Answer
  /** Stored with the operation for 7 days: same key and input replay the stored answer, other input is refused. */
  readonly idempotency?: { readonly key: string; readonly input: Uint8Array }
  /** Read digest of a simulation; other reads now mean STATE_CHANGED. */
  readonly unchanged?: string
  /** If-Match: compared inside the transaction, on the state the operation is judged against. */
  /** A first operation may take over the name of a space that ended (an abandoned coop id). The door decides. */
  readonly replacesGenesis?: boolean
  readonly match?: { readonly tag: (facts: Facts) => string; readonly expected: readonly string[] }
}

export interface WriteResult<Answer = unknown> {
  readonly outcome: 'applied' | 'already_done' | 'refused'
  readonly operation?: PlacedOperation
  readonly decision: DecisionRecord
  readonly answer?: Answer
  /** The answer comes from an earlier call with the same idempotency key. */
  readonly replayed: boolean
}

export interface Simulation<Answer = unknown> {
  readonly decisions: readonly DecisionRecord[]
  readonly changes: readonly RowChange[]
  /** Digest of every row and range that the decisions read. */
  readonly readDigest: string
  /** What `answer` says on the state after the drafts, when none was refused. */
  readonly answer?: Answer
}

/** An unsigned operation for a device to sign. `bytes` are the canonical envelope, `signingBytes` what Ed25519 signs. */
export interface UnsignedOperation {
  readonly envelope: SignedOperation['envelope']
  readonly bytes: Uint8Array
  readonly signingBytes: Uint8Array
  readonly body: Uint8Array
}

export interface JournalEvent {
  readonly space: SpaceId
  /** Counts per space on this node, without holes, from 1. */
  readonly sequence: number
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
  readonly operation: OperationId | null
  readonly status: OperationStatus | null
  /** Wall clock of this node when it was written. */
  readonly time: number
}

export interface EventPage {
  readonly epoch: string
  readonly events: readonly JournalEvent[]
  readonly oldest: number
  readonly newest: number
  /** The position asked for is older than the log or of another epoch. */
  readonly truncated: boolean
}

export interface SpaceInfo {
  readonly space: SpaceId
  readonly genesis: OperationId
  readonly rules: string
  readonly operations: Readonly<Record<OperationStatus, number>>
  readonly unfinal: number
  readonly head: { readonly id: OperationId; readonly at: Clock } | null
  readonly checkpoint: { readonly id: string; readonly cut: Clock; readonly root: Uint8Array; readonly operation: OperationId } | null
  readonly setDigest: Uint8Array
  /** True when this release lacks the rules the space follows; it is served read-only. */
  readonly readOnly: boolean
  /** What stands at or before it came as state: its operations are known by name, and are not here. */
  readonly historyFrom: Clock | null
  /** True while this node's own key signs nothing here. */
  readonly isMute: boolean
  /** True while the state here is not what a majority of the hosts has signed, and could not be mended: reading goes on, writing is refused SPACE_DIVERGED. */
  readonly hasDiverged: boolean
}

export interface OperationFilter {
  readonly author?: Did
  readonly kind?: string
  readonly status?: OperationStatus
  readonly subject?: string
  readonly since?: number
  readonly until?: number
  /** Place of the last item of the page before. */
  readonly after?: { readonly at: Clock; readonly id: OperationId }
  readonly reverse?: boolean
  readonly limit: number
}

/** This node's own small settings; never replicated. Keys are encoded like table keys, values canonical DAG-CBOR. Durable when `write` returns. */
export interface LocalStore {
  get(key: readonly (string | number | Uint8Array)[]): unknown
  scan(
    prefix: readonly (string | number | Uint8Array)[],
    options?: { readonly limit?: number; readonly reverse?: boolean },
  ): Iterable<readonly [readonly (string | number | Uint8Array)[], unknown]>
  write(changes: readonly { readonly key: readonly (string | number | Uint8Array)[]; readonly value: unknown | undefined }[]): void
}

/** What hosts of a space do together to make a cut final (snapshot page §§2 to 4, 9). Nothing here waits for other hosts, and no writer waits for it. */
export interface CutApi {
  /** Where a cut would lie now, so far back; undefined: nothing stands before it that is not final. */
  due(space: SpaceId, lagMs: number, hostsCount?: number): Promise<Clock | undefined>
  /** The last checkpoint, and whose majority the next one needs: of the hosts in its state, without those that count no more, and of those at the cut (here: now). */
  hosts(space: SpaceId): { readonly previous: CheckpointId | null; readonly cut: Clock | null; readonly before: readonly Did[]; readonly now: readonly Did[] }
  /** Durable when it has ended: this node signs nothing more at or before the cut. Until `end`, what comes from there is kept aside. */
  promise(space: SpaceId, cut: Clock): Promise<void>
  /** What is here up to a promised cut. */
  mark(space: SpaceId, cut: Clock): Promise<Mark>
  /** What these markers name is taken in, although it stands before the promised cut. */
  admit(space: SpaceId, marks: readonly (readonly VectorChange[])[]): Promise<void>
  /** One set from all markers, above layers that were agreed on before. `missing`: what the markers name and is not placed here. */
  unite(space: SpaceId, base: readonly CutLayer[], cut: Clock, marks: readonly (readonly VectorChange[])[]): Promise<United>
  /** Was this checkpoint settled here? */
  knows(space: SpaceId, checkpoint: CheckpointId): boolean
  /** SHA-256 over the acknowledged roots by rising key: anyone can compute it again (snapshot page §3). */
  globalRoot(acks: readonly { readonly key: Uint8Array; readonly stateHash: Uint8Array }[]): Uint8Array
  /** Makes every row anew from the operations, and looks again at certificates that did not fit. Refuses SPACE_UNMENDABLE where not all of them are here whole. */
  mend(space: SpaceId): Promise<Mended>
  /** Whose signatures stand under a certificate; undefined: one of them is repeated or wrong. */
  signers(space: SpaceId, body: SpaceCheckpoint): readonly Did[] | undefined
  /** The state at a cut, computed again from its rows, and some of its leaves. Undefined: too long ago. */
  again(space: SpaceId, cut: Clock, range?: LeafRange): Promise<StateAgain | undefined>
  /** What of layers that follow a checkpoint is not final here; undefined: they do not begin with all that is. */
  above(space: SpaceId, previous: CheckpointId | null, layers: readonly CutLayer[]): readonly CutLayer[] | undefined
  /** As messages and certificates write these layers: inline where that fits, otherwise in pages, which are durable here when it has ended. */
  write(space: SpaceId, layers: readonly CutLayer[]): Promise<SpaceCheckpoint['layers']>
  /** What written layers say. `missing`: pages that are not here. Undefined: nothing is written like this. */
  read(space: SpaceId, layers: readonly CheckpointLayer[]): { readonly layers: readonly CutLayer[] } | { readonly missing: readonly Uint8Array[] } | undefined
  /** The page of this SHA-256; undefined: it is not here. */
  page(space: SpaceId, digest: Uint8Array): Uint8Array | undefined
  /** A page (`isVectorPage`) that is what its digest says. `needed`: named by what goes on here. False: nobody needs it, or there is no room. */
  takePage(space: SpaceId, digest: Uint8Array, bytes: Uint8Array, needed: readonly Uint8Array[]): Promise<boolean>
  /** Drops pages that no placed certificate names, none that waits, and none of these. */
  forgetPages(space: SpaceId, needed: readonly Uint8Array[]): Promise<void>
  /** What certificates wait for that enough hosts may stand behind. */
  pagesWanted(space: SpaceId, countMax: number): readonly Uint8Array[]
  /** The state of these layers on the last checkpoint. */
  state(space: SpaceId, layers: readonly CutLayer[]): Promise<Proposed>
  /** The bytes that an acknowledgement signs. */
  ackBytes(space: SpaceId, proposed: Proposed, ballot: SpaceCheckpoint['ballot']): Uint8Array
  /** Has the holder of this key signed exactly that? */
  isAck(space: SpaceId, proposed: Proposed, ballot: SpaceCheckpoint['ballot'], ack: Ack): boolean
  /** Publishes the checkpoint. Throws JournalRefusal when it is not lawful here. */
  certify(space: SpaceId, proposed: Proposed, ballot: SpaceCheckpoint['ballot'], acks: readonly Ack[], snapshotId?: Uint8Array): Promise<OperationId>
  /** What was kept aside is folded. The promise stays. */
  end(space: SpaceId): Promise<void>
}

/** A refusal of the journal itself (not of a law): thrown, because the caller could have known, or the world failed. `code` is in the table of codes. */
export interface JournalRefusal extends Error {
  readonly code: string
  readonly params: Readonly<Record<string, unknown>>
}

/** The engine: one single writer over every space of this node. */
export interface JournalApi {
  readonly node: Did
  readonly local: LocalStore

  /** Spaces held here, by name (live genesis) — an abandoned one keeps its genesis but may lose the name. */
  spaces(): readonly SpaceInfo[]
  info(space: SpaceId): SpaceInfo | undefined
  /** State at the tip. Reading is synchronous and sees whole batches only. Undefined: not held here. */
  read(space: SpaceId): Facts | undefined

  /** Stamps, judges, signs and writes; answers after the fsync. Refused: nothing is stored but the local record. Throws JournalRefusal. */
  propose<Answer>(draft: Draft, options?: WriteOptions<Answer>): Promise<WriteResult<Answer>>
  /** The answer given under an idempotency key, for a door that is asked for a draft again. */
  answered(key: string): { readonly input: Uint8Array; readonly outcome: 'applied' | 'already_done'; readonly operation: OperationId | null; readonly answer: unknown } | undefined
  /** What a device should sign: the clock floor, its chain position and the heads. */
  draft(draft: Omit<Draft, 'grant'> & { readonly signer: Did; readonly grant: OperationId | null; readonly genesis?: null }): UnsignedOperation
  /** Signed elsewhere, handed in at a door: judged at the tip, appended also when refused. LATE, CLOCK_AHEAD, SEQUENCE_STALE, NOT_CAUGHT_UP, OPERATION_MALFORMED are thrown and the bytes forgotten. */
  submit<Answer>(operation: SignedOperation, options?: WriteOptions<Answer>): Promise<WriteResult<Answer>>
  /** Operations from elsewhere (replication, import): any order, duplicates welcome, holes held. `after`: they are checked at once, and folded no sooner than this has ended. */
  ingest(space: SpaceId, operations: readonly RawOperation[], after?: Promise<void>): Promise<IngestResult>

  /** Steps 1–3 of the fold on an overlay that is dropped. */
  simulate<Answer>(
    drafts: readonly (Omit<Draft, 'grant'> & { readonly grant: OperationId | null; readonly signer?: Did })[],
    options?: Pick<WriteOptions<Answer>, 'answer'>,
  ): Simulation<Answer>
  /** State as it was at a past clock value, within the undo window; throws AS_OF_OUT_OF_REACH. */
  asOf(space: SpaceId, at: Clock): Facts
  /** Folds a stretch of history again under other rules on a dropped overlay; every operation whose outcome differs. */
  replay(space: SpaceId, from: Clock, rules: Rules): readonly { readonly id: OperationId; readonly before: Decision; readonly after: Decision }[]

  operation(id: OperationId): (PlacedOperation & { readonly space: SpaceId }) | undefined
  operations(space: SpaceId, filter: OperationFilter): readonly PlacedOperation[]
  /** Newest record for an operation id or a `dec_` id. */
  decision(id: string): DecisionRecord | undefined
  /** Newest first; local refusals kept here. */
  decisions(filter: { readonly author?: Did; readonly limit: number }): readonly DecisionRecord[]
  /** Stored operations that are refused after having been applied, late or forked (snapshot page §13), and whether somebody settled them. */
  quarantine(space: SpaceId, options: { readonly limit: number; readonly after?: { readonly at: Clock; readonly id: OperationId } }): readonly PlacedOperation[]

  events(space: SpaceId, after: { readonly epoch: string; readonly sequence: number } | undefined, limit: number): EventPage
  /** Called after each commit with the spaces that gained events. Returns the way to stop. */
  subscribe(listener: (spaces: ReadonlyMap<SpaceId, readonly JournalEvent[]>) => void): () => void

  /** Undefined: not held here. */
  vectors(space: SpaceId): Vectors | undefined

  /** Root of the state at the tip, from every row; for comparison between nodes, tests and doctor. */
  root(space: SpaceId): { readonly root: Uint8Array; readonly pairs: number; readonly bytes: number }
  readonly cuts: CutApi
  readonly states: StateApi
  /** Makes and settles a checkpoint with this node's one acknowledgement; null when nothing is due. */
  checkpoint(space: SpaceId, lagMs: number): Promise<OperationId | null>

  /** Positions in the logs of events begin anew: readers of the former ones are told that they have missed something. */
  turnEpoch(): void
  /** While a space is mute, whatever this node's own key would sign there is refused RECOVERING; what others signed goes on. Not kept across a restart. */
  mute(space: SpaceId, isMute: boolean): void
  /** Releases what waited for the clock, drops undo records beyond their window. Called by a background task. */
  maintain(): Promise<void>
  /** Set while the disk is too full to write: proposals, submissions and ingests are refused STORE_FULL, reads go on. */
  isFull: boolean
  /** Set while this node's clock is known to run ahead by so much that every peer would hold what is written here [ms]: drafts, proposals and submissions are refused CLOCK_AHEAD, cuts are left out; what comes from elsewhere is taken. */
  ownClockAheadMs: number | undefined
  /** What the clock says: last value, jumps back seen, how far it runs ahead of the wall clock [ms]. */
  readonly clock: { readonly last: Clock; readonly backwardJumps: number; readonly aheadMs: number }
  /** Findings of every module's checks, chains, events against fold, and rows that do not decode. */
  doctor(): readonly Finding[]
  close(): Promise<void>
}
