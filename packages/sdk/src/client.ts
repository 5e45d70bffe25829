import type { DraftJson, GivenTo, MethodName, OperationsTable, OutputOf, Page, Row, SubmitResult, WriteEnvelope } from '@icn/protocol'
import { isMethodName, methodNames, rowOf } from '@icn/protocol'
import { errorOf, IcnError, OutcomeUnknownError, SignInError } from './errors.ts'
import { type EventStream, type EventsOptions, openEvents } from './events.ts'
import type { Identity } from './identity.ts'
import { type RetryOptions, retryDefaults, withRetries } from './retry.ts'
import { type PinStore, Session, type SessionParts, type TokenStore } from './session.ts'
import { checkDraft, type Released, signDraft } from './signing.ts'
import { type CallOptions, type Fetch, newIdempotencyKey, restTransport, rpcTransport, type Transport, type WireMeta } from './transport.ts'

type Camel<S extends string> = S extends `${infer A}_${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S
type Nested<P extends string, F> = P extends `${infer A}.${infer R}` ? { readonly [K in Camel<A>]: Nested<R, F> } : { readonly [K in Camel<P>]: F }
type Joined<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I) => void ? I : never

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
        : Promise<OutputOf<R>>

type Method<R extends Row> = (input: GivenTo<R>, options?: CallOptions) => AnswerOf<R>
type Methods = Joined<{ [M in MethodName]: Nested<M, Method<OperationsTable[M] extends infer R extends Row ? R : never>> }[MethodName]>

export interface ConnectOptions {
  readonly identity?: Identity
  /** `device` (default with an identity): this device signs each change. `node`: the node signs, under a grant. */
  readonly signing?: 'device' | 'node'
  readonly transport?: 'rest' | 'rpc'
  /** A bearer token instead of a session: the operator's. */
  readonly token?: string
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

/** Calls that do not depend on the table of rows. */
export interface ClientParts {
  /** Any row by its method name. */
  call(method: string, input?: Readonly<Record<string, unknown>>, options?: CallOptions): Promise<unknown>
  /** Events of spaces and topics, resumed by position; ends with the signal. */
  events(options: EventsOptions): EventStream
  /** Uploads a file to a row of mode upload. */
  upload(method: MethodName, input: Readonly<Record<string, unknown>>, file: { readonly bytes: Uint8Array; readonly type: string }, options?: CallOptions): Promise<unknown>
  /** Totals of a coop for everybody; needs no session. */
  getCoopStats(coopId: string): Promise<unknown>
  signOut(all?: 'others' | 'every'): Promise<void>
  readonly endpoint: string
}

export type Client = Methods & ClientParts

/** Connects to a node. Nothing is sent before the first call. */
export function connect(endpoint: string, options: ConnectOptions = {}): Client {
  const transport = options.transport === 'rpc' ? rpcTransport(endpoint, options.fetch) : restTransport(endpoint, options.fetch)
  const caller = new Caller(transport, options)
  const parts: ClientParts = {
    endpoint: transport.endpoint,
    call: (method, input = {}, callOptions = {}) => (isMethodName(method) ? caller.call(method, input, callOptions) : Promise.reject(new IcnError('RPC_METHOD_UNKNOWN', `There is no method ${method}.`))),
    events: (eventOptions) => openEvents({ transport, token: () => caller.token(), ...(options.fetch === undefined ? {} : { fetch: options.fetch }) }, eventOptions),
    upload: (method, input, file, callOptions = {}) => caller.send(method, input, callOptions, { file }),
    getCoopStats: (coopId) => caller.call('coop.stats', { coop_id: coopId }, {}),
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
    const call = (input: Readonly<Record<string, unknown>> = {}, options: CallOptions = {}): unknown => (rowOf(method).mode === 'list' ? listing(caller, method, input, options) : caller.call(method, input, options))
    at[path.at(-1) as string] = Object.assign(call, at[path.at(-1) as string] ?? {})
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

/** Rows that say the same to everybody, and those that make the session. */
const withoutSession: ReadonlySet<string> = new Set(['auth.challenge', 'auth.verify', 'auth.refresh', 'node.about', 'coop.stats', 'charter.templates', 'charter.lint'])

class Caller {
  readonly #transport: Transport
  readonly #options: ConnectOptions
  readonly #session: Session | undefined

  constructor(transport: Transport, options: ConnectOptions) {
    this.#transport = transport
    this.#options = options
    const { identity } = options
    this.#session = identity === undefined ? undefined : new Session({ ...options, transport, identity })
  }

  async token(): Promise<string | undefined> {
    return this.#session === undefined ? this.#options.token : this.#session.token()
  }

  async signOut(all?: 'others' | 'every'): Promise<void> {
    await this.#session?.signOut(all)
  }

  async call(method: MethodName, input: Readonly<Record<string, unknown>>, options: CallOptions): Promise<unknown> {
    const row = rowOf(method)
    const isSigned = row.mode === 'write' && this.#options.identity !== undefined && (this.#options.signing ?? 'device') === 'device' && !options.dryRun
    return isSigned ? this.#signed(method, row, input, options) : this.send(method, input, options)
  }

  /** One row, with session and retries; writes carry a key, so that trying again is safe. */
  async send(method: MethodName, input: Readonly<Record<string, unknown>>, options: CallOptions & { readonly draft?: boolean }, more: { readonly file?: { readonly bytes: Uint8Array; readonly type: string } } = {}): Promise<unknown> {
    const row = rowOf(method)
    const writes = row.mode === 'write' || row.mode === 'job' || method === 'operation.submit'
    const keyed: CallOptions & { readonly draft?: boolean } = { ...options, ...(writes && !options.dryRun ? { idempotencyKey: options.idempotencyKey ?? newIdempotencyKey() } : {}), ...(options.lang === undefined && this.#options.lang !== undefined ? { lang: this.#options.lang } : {}) }
    const isSafe = row.mode === 'read' || row.mode === 'list' || row.mode === 'download' || writes || options.dryRun === true
    const retries: RetryOptions = { ...retryDefaults, ...this.#options.retries, ...(isSafe ? {} : { triesMax: 1 }), ...(options.signal === undefined ? {} : { signal: options.signal }) }
    const once = async (): Promise<unknown> => {
      const token = withoutSession.has(method) ? undefined : await this.token()
      const answer = await this.#transport.send({ method, input, options: keyed, ...(token === undefined ? {} : { token }), ...more })
      if (row.mode === 'download') return downloadOf(answer.stream, answer.value)
      return row.mode === 'read' ? withMeta(answer.value, answer.meta) : answer.value
    }
    return withRetries(retries, async () => {
      try {
        return await once()
      } catch (error) {
        // An ended or expired token: sign in again, once.
        if (!(error instanceof SignInError) || this.#session === undefined || method.startsWith('auth.')) throw error
        await this.#session.forget()
        return once()
      }
    })
  }

  /** Draft → check → sign → submit (doors page §3). What a door has forgotten is drafted once more. */
  async #signed(method: MethodName, row: Row, input: Readonly<Record<string, unknown>>, options: CallOptions): Promise<unknown> {
    const identity = this.#options.identity as Identity
    const { idempotencyKey = newIdempotencyKey(), ...rest } = options
    const own = { ...rest, idempotencyKey }
    for (let attempt = 1; ; attempt++) {
      const drafted = (await this.send(method, input, { ...own, draft: true })) as WriteEnvelope
      if (drafted.outcome !== 'drafted' || drafted.drafts === undefined) return drafted
      const { results, refused } = await this.#submit(row, input, drafted.drafts, own, identity)
      const again = refused !== undefined && ['LATE', 'SEQUENCE_STALE', 'CLOCK_AHEAD'].includes(refused.code) && attempt < 3
      if (!again) {
        if (refused !== undefined) throw refused
        return envelopeOf(drafted, results)
      }
    }
  }

  async #submit(row: Row, input: Readonly<Record<string, unknown>>, drafts: readonly DraftJson[], options: CallOptions, identity: Identity): Promise<{ results: SubmitResult[]; refused?: IcnError }> {
    const expected = { author: identity.did, kinds: row.proposes ?? [], asked: input, ...(row.space.startsWith('coop:{') || row.space === '{space}' ? { space: row.space.replace(/\{([a-z_]+)\}/g, (_, name: string) => String(input[name])) } : {}) }
    // Everything is looked through before anything is signed.
    const checked = drafts.map((draft) => checkDraft(draft, expected, identity))
    const released: Released[] = []
    for (const [index, draft] of drafts.entries()) released.push(await signDraft(draft, checked[index] as (typeof checked)[number], identity))
    const isGenesis = checked.some(({ envelope }) => envelope.genesis === null)
    if (isGenesis) return this.#found(row, input, released, options)
    try {
      const answer = (await this.send('operation.submit', { operations: released.map(({ json }) => json) }, options)) as { results: SubmitResult[] }
      let refused: IcnError | undefined
      for (const [index, result] of answer.results.entries()) {
        // Refused and not placed: the door has forgotten the bytes, the number is free.
        if (result.outcome === 'refused' && result.operation === null) await released[index]?.undo()
        if (result.problem !== null) refused ??= errorOf(result.problem)
      }
      return { results: answer.results, ...(refused === undefined ? {} : { refused }) }
    } catch (error) {
      // Not known whether it arrived: the number stays claimed, the same bytes may be sent again.
      if (!(error instanceof OutcomeUnknownError)) for (const one of released) await one.undo()
      throw error
    }
  }

  /** A first operation goes back through its own row, which knows who may found here. */
  async #found(row: Row, input: Readonly<Record<string, unknown>>, released: readonly Released[], options: CallOptions): Promise<{ results: SubmitResult[]; refused?: IcnError }> {
    const method = methodNames.find((name) => rowOf(name) === row) as MethodName
    const envelope = (await this.send(method, { ...input, genesis: released[0]?.json }, options)) as WriteEnvelope
    return { results: [{ id: released[0]?.id ?? null, outcome: envelope.outcome === 'already_done' ? 'already_done' : 'applied', operation: envelope.operations[0] ?? null, value: envelope.value, decision: envelope.decision, problem: null }] }
  }
}

/** The envelope that a plain write would have answered. */
function envelopeOf(drafted: WriteEnvelope, results: readonly SubmitResult[]): WriteEnvelope {
  const last = results.at(-1)
  const { drafts, expires_at, value, ...rest } = drafted
  const answered = last?.value ?? null
  const secret = value !== null && typeof value === 'object' ? value : {}
  return {
    ...rest,
    outcome: results.some((result) => result.outcome === 'applied') ? 'applied' : 'already_done',
    value: answered !== null && typeof answered === 'object' ? { ...secret, ...answered } : (answered ?? value),
    operations: results.flatMap((result) => (result.operation === null ? [] : [result.operation])),
    decision: (last?.decision ?? null) as WriteEnvelope['decision'],
  }
}

function withMeta(value: unknown, meta: WireMeta): unknown {
  if (value !== null && typeof value === 'object') Object.defineProperty(value, 'meta', { value: meta, enumerable: false })
  return value
}

function downloadOf(stream: ReadableStream<Uint8Array> | undefined, value: unknown): Download {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    if (stream === undefined) yield new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))
    else {
      const reader = stream.getReader()
      for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value
    }
  }
  return {
    [Symbol.asyncIterator]: chunks,
    async text() {
      let text = ''
      const decoder = new TextDecoder()
      for await (const chunk of chunks()) text += decoder.decode(chunk, { stream: true })
      return text + decoder.decode()
    },
  }
}

