import type { JournalApi, PlacedOperation, RowChange } from '@icn/journal'
import type {
  ActSummary,
  Did,
  WriteEnvelope,
  Facts,
  InputOf,
  KeyClass,
  MethodName,
  OperationId,
  OperationJson,
  OperationsTable,
  OutputOf,
  Page,
  Plain,
  Row,
  SignedOperation,
  SpaceId,
} from '@icn/protocol'
import { refuse } from './refusal.ts'

/** Who asks. A door fills it in from the session; nothing here was named by the client itself. */
export interface Caller {
  /** Absent: nobody signed in. */
  readonly did?: Did
  /** The key of the session: the root of `did`, or a device. */
  readonly signer?: Did
  readonly sid?: string
  /** Holder of this node's operator token, or a listed operator where the door allows it. */
  readonly operator: boolean
  /** Narrowing of the token; absent: everything the person may do. */
  readonly scopes?: readonly string[]
  readonly spaces?: readonly SpaceId[]
  /** Language of texts: `en` or `es`. */
  readonly lang: string
}

export interface CallOptions {
  readonly dryRun?: boolean
  readonly draft?: boolean
  readonly explain?: boolean
  readonly ifUnchanged?: string
  /** Expected tags, already without quotes; `*` stands alone. */
  readonly ifMatch?: readonly string[]
  /** If-None-Match: `*` on PUT means create only. */
  readonly ifNoneMatch?: readonly string[]
  readonly idempotencyKey?: string
  /** Wait until this operation is held here. */
  readonly atLeast?: OperationId
  readonly asOf?: string
  readonly wait?: 'applied' | 'final'
  readonly waitMs?: number
  readonly requestId: string
  readonly signal?: AbortSignal
}

/** One request on its way to a handler: parsed input, caller, options. */
export interface Call<Input = unknown> {
  readonly method: MethodName
  readonly input: Input
  readonly caller: Caller
  readonly options: CallOptions
  /** The space of the row with its template filled in; absent for `node` and `own`. */
  readonly space?: SpaceId
  /** State of that space at the tip, when it is hosted here. */
  readonly facts?: Facts
  /** Words that hold for the caller in that space: standing, roles, powers. Empty for strangers. */
  readonly rights: ReadonlySet<string>
  /** 16 bytes derived from (author, row, idempotency key); bodies of creating kinds carry it as `client_key`. */
  readonly clientKey?: Uint8Array
}

/** The caller's DID. Refuses a caller without one: the operator of a machine is nobody's author. */
export function callerDid(call: Call): Did {
  if (call.caller.did === undefined) throw refuse('UNAUTHENTICATED')
  return call.caller.did
}

export interface ReadAnswer<Value> {
  readonly value: Value
  /** Digest of the state rows behind the view; equal on every host with equal state. */
  readonly etag?: string
}

/** One page of a list. `next` is whatever the handler needs to go on (a key, a place); doors seal it. */
export interface ListAnswer<Item> {
  readonly items: readonly Item[]
  readonly next: Plain | null
  readonly omitted?: number
}

/** What a list handler is told besides its input. */
export interface ListCall<Input = unknown> extends Call<Input> {
  readonly page: { readonly limit: number; readonly reverse: boolean; readonly after: Plain | null }
}

/** One operation that a write row means. The executor alone decides how it is signed, tried, sent and answered. */
export interface WritePlan<Value = unknown> {
  readonly space: SpaceId
  readonly kind: string
  readonly author: Did
  readonly body: unknown
  /** True for the first operation of a space. */
  readonly genesis?: true
  /** A first operation that may take over the name of a space that ended. */
  readonly replacesGenesis?: boolean
  /** Signed elsewhere already (a genesis handed to coop.create): submitted instead of proposed. */
  readonly signed?: SignedOperation
  /** The envelope's value, on the state right after the write, inside the transaction. Must not throw. */
  readonly view: (facts: Facts, placed: PlacedOperation | undefined) => Value
  /** Tag of the rows behind the view; compared with If-Match inside the transaction. */
  readonly matchTag?: (facts: Facts) => string
  /** Path of what was created: answer 201 with Location. */
  readonly location?: (value: Value, placed: PlacedOperation | undefined) => string
  /** Merged into the answer's value and never stored (the code of an invitation). */
  readonly secret?: Readonly<Record<string, unknown>>
  /** Notes for people beside the answer. */
  readonly warnings?: readonly { readonly code: string; readonly params?: Readonly<Record<string, unknown>> }[]
}

/** The result of one plan of several. */
export interface PlanResult {
  readonly plan: WritePlan
  readonly outcome: 'applied' | 'already_done' | 'refused' | 'drafted' | 'simulated'
  /** What `view` said; null where nothing was written. */
  readonly value: unknown
  readonly code?: string
}

/** Several operations of one row (a device in every space): each has its own result, one refusal does not stop the others. */
export interface WritePlans<Value = unknown> {
  readonly each: readonly WritePlan[]
  readonly value: (results: readonly PlanResult[]) => Value
  readonly location?: (value: Value) => string
}

/** Nothing is to be written: it is so already, or there is nothing to do. */
export interface NothingToWrite<Value = unknown> {
  readonly nothing: true
  readonly value: Value
}

export type WriteAnswer<Value> = WritePlan<Value> | WritePlans<Value> | NothingToWrite<Value>

export interface ExchangeAnswer<Value> {
  readonly value: Value
  /** Path of what was created: 201 with Location. */
  readonly location?: string
  /** Refresh token for a browser's cookie; doors decide whether it goes there. `null` clears it. */
  readonly refreshCookie?: string | null
}

export interface UploadCall<Input = unknown> extends Call<Input> {
  readonly file: { readonly bytes: Uint8Array; readonly type: string }
}

export interface DownloadAnswer {
  readonly type: string
  readonly name?: string
  readonly body: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>
}

/** Long work: `run` reports and stops when the signal says so; its value becomes the job's result. */
export interface JobAnswer<Value = unknown> {
  readonly title: string
  readonly space?: SpaceId
  /** One of each at a time for a space. */
  readonly key: string
  readonly run: (progress: (done: number, total: number, unit: string, text?: string) => void, signal: AbortSignal) => Promise<Value>
}

type Awaitable<T> = T | Promise<T>

/** What stands behind a row, by its mode. Writes are a *plan*: they say what is meant and never touch the journal. */
export type HandlerOf<R extends Row> = R['mode'] extends 'read'
  ? (call: Call<InputOf<R>>, journal: JournalApi) => Awaitable<ReadAnswer<OutputOf<R>>>
  : R['mode'] extends 'list'
    ? (call: ListCall<InputOf<R>>, journal: JournalApi) => Awaitable<ListAnswer<OutputOf<R>>>
    : R['mode'] extends 'write'
      ? (call: Call<InputOf<R>>, journal: JournalApi) => Awaitable<WriteAnswer<OutputOf<R>>>
      : R['mode'] extends 'exchange'
        ? (call: Call<InputOf<R>>, journal: JournalApi) => Awaitable<ExchangeAnswer<OutputOf<R>>>
        : R['mode'] extends 'upload'
          ? (call: UploadCall<InputOf<R>>, journal: JournalApi) => Awaitable<ExchangeAnswer<OutputOf<R>>>
          : R['mode'] extends 'download'
            ? (call: Call<InputOf<R>>, journal: JournalApi) => Awaitable<DownloadAnswer>
            : R['mode'] extends 'job'
              ? (call: Call<InputOf<R>>, journal: JournalApi) => Awaitable<JobAnswer>
              : never

export type Handlers<Methods extends MethodName = MethodName> = { readonly [M in Methods]: HandlerOf<OperationsTable[M]> }

/** Declares the handlers of some rows with their types: `defineHandlers({ 'coop.get': (call, journal) => … })`. */
export function defineHandlers<const Methods extends MethodName>(handlers: Handlers<Methods>): Handlers<Methods> {
  return handlers
}

/** What the machinery must know about people and keys; `node/identity` and `node/coop` answer from the state. */
export interface Standing {
  /** Every word of the access column that holds for `did` in `space`: standing, roles, powers. Empty for strangers. */
  rights(did: Did, space: SpaceId): ReadonlySet<string>
  /** Under what `signer` may sign `kind` for `author`: `null` its own root, an operation id a live grant, undefined nothing. */
  grant(space: SpaceId, author: Did, signer: Did, kind: string, atMs: number): OperationId | null | undefined
  /** Weakest key that may sign the kind under the rules of the space; undefined: no such kind. */
  keyClass(space: SpaceId, kind: string): KeyClass | undefined
  /** Is this key the root of `did`, or a live device of it in any space hosted here? */
  signs(did: Did, signer: Did): boolean
  frozen(did: Did): boolean
  /** The open or finished act that `placed` (an act.propose) made, as envelopes show it. */
  act(facts: Facts, space: SpaceId, id: OperationId): ActSummary | undefined
}

/** A bounded place in front of an actor. Throws MAILBOX_FULL or ACTOR_DOWN as a CallRefusal. */
export interface Mailbox {
  /** Runs the work in turn; `release` gives the slot back early, when the journal has taken the proposal (ruling 9). */
  deliver<T>(work: (release: () => void) => Promise<T>): Promise<T>
}

/** Result of a call, before a door writes it down. */
export type Reply =
  | { readonly as: 'value'; readonly value: unknown; readonly etag?: string; readonly meta?: ReadMeta }
  | { readonly as: 'page'; readonly page: Page; readonly meta?: ReadMeta }
  | { readonly as: 'envelope'; readonly status: 200 | 201 | 202; readonly envelope: WriteEnvelope; readonly location?: string; readonly replayed: boolean; readonly etag?: string }
  | { readonly as: 'exchange'; readonly status: 200 | 201; readonly value: unknown; readonly location?: string; readonly refreshCookie?: string | null }
  | { readonly as: 'download'; readonly answer: DownloadAnswer }
  | { readonly as: 'job'; readonly status: 200 | 202; readonly job: unknown; readonly location: string }

export interface ReadMeta {
  readonly space: SpaceId
  readonly asOf: string
  readonly checkpoint: string | null
  readonly sync: string
}

export type { Did, Facts, OperationJson, PlacedOperation, RowChange }
