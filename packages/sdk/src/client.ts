import type { GivenTo, MethodName, OperationId, OperationJson, OperationsTable, OutputOf, Page, Row, SignedOperationJson, WriteEnvelope } from '@icn/protocol'
import { isMethodName, methodNames, rowOf } from '@icn/protocol'
import { Caller } from './caller.ts'
import { InputError } from './errors.ts'
import { type EventStream, type EventsOptions, openEvents } from './events.ts'
import type { Identity } from './identity.ts'
import type { RetryOptions } from './retry.ts'
import type { PinStore, SessionParts, TokenStore } from './session.ts'
import { type CallOptions, type Fetch, restTransport, rpcTransport, type Transport, type WireMeta } from './transport.ts'
import { type JobState, type OperationState, waitForJob, waitForOperation, type WaitOptions } from './wait.ts'

type Camel<S extends string> = S extends `${infer A}_${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S
type Nested<P extends string, F> = P extends `${infer A}.${infer R}` ? { readonly [K in Camel<A>]: Nested<R, F> } : { readonly [K in Camel<P>]: F }
type Joined<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I) => void ? I : never

/** What is read back as a branded id or as bytes may be given as plain text. */
type Loose<T> = T extends Uint8Array
  ? Uint8Array | string
  : T extends string
    ? string
    : T extends number
      ? number
      : T extends readonly (infer I)[]
        ? readonly Loose<I>[]
        : T extends object
          ? { readonly [K in keyof T]: Loose<T[K]> }
          : T
/** Schemas that check more than a type can say name no type for what goes in; what comes out of them tells it. */
type Given<In, Out> = unknown extends In
  ? Loose<Out>
  : In extends readonly (infer I)[]
    ? Out extends readonly (infer O)[]
      ? readonly Given<I, O>[]
      : In
    : In extends object
      ? { readonly [K in keyof In]: K extends keyof Out ? Given<In[K], Out[K]> : In[K] }
      : In

/** A resource with what its answer said about itself, out of sight of JSON. */
export type Read<T> = T & { readonly meta: WireMeta }
export interface Listing<Item> extends AsyncIterable<Item> {
  /** One page; the next begins at its `next_cursor`. */
  page(cursor?: string): Promise<Page<Item>>
}
export interface Download extends AsyncIterable<Uint8Array> {
  text(): Promise<string>
}

type AnswerOf<R extends Row> = R['mode'] extends 'read'
  ? Promise<Read<OutputOf<R>>>
  : R['mode'] extends 'list'
    ? Listing<OutputOf<R>>
    : R['mode'] extends 'write'
      ? Promise<WriteEnvelope<OutputOf<R>>>
      : R['mode'] extends 'download'
        ? Promise<Download>
        : R['mode'] extends 'job'
          ? Promise<JobState>
          : Promise<OutputOf<R>>

export type InputFor<M extends MethodName> = OperationsTable[M] extends infer R extends Row ? Given<GivenTo<R>, OutputOf<{ readonly output: R['input'] } & Row>> : never
type Method<M extends MethodName> = OperationsTable[M] extends infer R extends Row
  ? Record<string, never> extends InputFor<M>
    ? (input?: InputFor<M>, options?: CallOptions) => AnswerOf<R>
    : (input: InputFor<M>, options?: CallOptions) => AnswerOf<R>
  : never
type Methods = Joined<{ [M in MethodName]: Nested<M, Method<M>> }[MethodName]>

export interface ConnectOptions {
  readonly identity?: Identity
  /** `device` (default with an identity): this device signs each change. `node`: the node signs, under a grant. */
  readonly signing?: 'device' | 'node'
  readonly transport?: 'rest' | 'rpc'
  /** The operator's token of the machine; sent only for rows that an operator may call. */
  readonly operatorToken?: string
  readonly lang?: string
  readonly label?: string
  readonly scopes?: readonly string[]
  readonly spaces?: readonly string[]
  readonly pins?: PinStore
  readonly tokens?: TokenStore
  readonly confirmChanged?: SessionParts['confirmChanged']
  readonly retries?: Partial<RetryOptions>
  readonly fetch?: Fetch
}

/** A change as a node has drafted it, looked through and not yet signed. */
export interface Drafted {
  /** The answer of the node: its decision, warnings, and `value` where nothing is left to sign. */
  readonly envelope: WriteEnvelope
  /** What would be signed, in this order. */
  readonly operations: readonly OperationJson[]
  /** Signs and hands in; drafts anew what a door has forgotten. */
  submit(): Promise<WriteEnvelope>
  /** Only signs: the numbers are claimed, and handing in is the caller's. For first operations, which are kept until they stand. */
  sign(): Promise<readonly SignedOperationJson[]>
}

/** Calls that do not depend on the table of rows. */
export interface ClientParts {
  /** Any row by its method name. A list answers its first page. */
  call(method: MethodName, input?: Readonly<Record<string, unknown>>, options?: CallOptions): Promise<unknown>
  /** Drafts a change, to be looked at before it is signed. */
  draft(method: MethodName, input?: Readonly<Record<string, unknown>>, options?: CallOptions): Promise<Drafted>
  /** Events of spaces and topics, resumed by position; ends with the signal. */
  events(options: EventsOptions): EventStream
  /** Uploads a file to a row of mode upload. */
  upload(method: MethodName, input: Readonly<Record<string, unknown>>, file: { readonly bytes: Uint8Array; readonly type: string }, options?: CallOptions): Promise<unknown>
  /** Totals of a coop for everybody; needs no session. */
  getCoopStats(coopId: string, options?: CallOptions): Promise<Read<OutputOf<OperationsTable['coop.stats']>>>
  /** Until an operation has reached a status here, `final` by default. */
  waitFor(operation: OperationId | string, options?: WaitOptions): Promise<OperationState>
  /** Until a job is over; what it reports goes to `onProgress`. */
  waitForJob(id: string, options?: WaitOptions & { readonly onProgress?: (job: JobState) => void }): Promise<JobState>
  /** Signs in now, anew; a session is otherwise opened at the first call that needs one. */
  signIn(): Promise<void>
  signOut(all?: 'others' | 'every'): Promise<void>
  readonly endpoint: string
}

export type Client = Methods & ClientParts

/** Connects to a node. Nothing is sent before the first call. */
export function connect(endpoint: string, options: ConnectOptions = {}): Client {
  const transport: Transport = options.transport === 'rpc' ? rpcTransport(endpoint, options.fetch) : restTransport(endpoint, options.fetch)
  const caller = new Caller(transport, options)
  const named = (method: string): MethodName => {
    if (!isMethodName(method)) throw new InputError('RPC_METHOD_UNKNOWN', `There is no method ${method}.`)
    return method
  }
  const events = (eventOptions: EventsOptions): EventStream => openEvents({ transport, caller }, eventOptions)
  const parts: ClientParts = {
    endpoint: transport.endpoint,
    call: async (method, input = {}, callOptions = {}) => caller.call(named(method), input, callOptions),
    draft: async (method, input = {}, callOptions = {}) => caller.draft(named(method), input, callOptions),
    events,
    upload: async (method, input, file, callOptions = {}) => caller.send(named(method), input, callOptions, { file }),
    getCoopStats: (coopId, callOptions = {}) => caller.call('coop.stats', { coop_id: coopId }, callOptions) as ReturnType<ClientParts['getCoopStats']>,
    waitFor: (operation, waitOptions = {}) => waitForOperation({ read: (id) => caller.call('operation.get', { operation_id: id }, {}), events }, operation, waitOptions),
    waitForJob: (id, waitOptions = {}) => waitForJob((jobId) => caller.call('job.get', { id: jobId }, {}), id, waitOptions),
    signIn: () => caller.signIn(),
    signOut: (all) => caller.signOut(all),
  }
  return Object.assign(methodTree(caller), parts) as unknown as Client
}

/** `coop.add_member` → `client.coop.addMember`. */
function methodTree(caller: Caller): Record<string, unknown> {
  const root: Record<string, unknown> = {}
  for (const method of methodNames) {
    const path = method.split('.').map((word) => word.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()))
    let at = root
    for (const word of path.slice(0, -1)) {
      at[word] ??= {}
      at = at[word] as Record<string, unknown>
    }
    const last = path.at(-1) as string
    const call = (input: Readonly<Record<string, unknown>> = {}, options: CallOptions = {}): unknown =>
      rowOf(method).mode === 'list' ? listing(caller, method, input, options) : caller.call(method, input, options)
    // A method may have others below it: coop.import and coop.import.preview.
    at[last] = Object.assign(call, at[last] ?? {})
  }
  return root
}

function listing(caller: Caller, method: MethodName, input: Readonly<Record<string, unknown>>, options: CallOptions): Listing<unknown> {
  const page = (cursor?: string): Promise<Page<unknown>> => caller.call(method, cursor === undefined ? input : { ...input, cursor }, options) as Promise<Page<unknown>>
  return {
    page,
    async *[Symbol.asyncIterator]() {
      let cursor: string | undefined
      do {
        const { items, next_cursor } = await page(cursor)
        yield* items
        cursor = next_cursor ?? undefined
      } while (cursor !== undefined)
    },
  }
}
