import type { DraftJson, MethodName, OperationDetail, OperationId, Row, SubmitResult, WriteEnvelope } from '@icn/protocol'
import { rowOf } from '@icn/protocol'
import type { ConnectOptions, Download, Drafted } from './client.ts'
import { BusyError, ConflictError, errorOf, type IcnError, InputError, OutcomeUnknownError, SignInError, UnreachableError } from './errors.ts'
import type { Asked } from './expect.ts'
import type { ChainEnd, Identity } from './identity.ts'
import { type Original, readOriginal } from './original.ts'
import { pause, type RetryOptions, retryDefaults, withRetries } from './retry.ts'
import { Session } from './session.ts'
import { type CheckedDraft, checkDraft, releaseDraft, type Released } from './signing.ts'
import { type CallOptions, changesSomething, newIdempotencyKey, toWire, type Transport, type WireMeta } from './transport.ts'

type Input = Readonly<Record<string, unknown>>
type SendOptions = CallOptions & { readonly draft?: boolean }
interface Upload {
  readonly file?: { readonly bytes: Uint8Array; readonly type: string }
}

/** Rows that say the same to everybody, and those that make the session. */
const withoutSession: ReadonlySet<string> = new Set([
  'auth.challenge',
  'auth.verify',
  'auth.refresh',
  'node.about',
  'charter.templates',
  'charter.lint',
  'charter.diff',
  'identity.resolve',
  'coop.invite.find',
])
/** A door forgot the bytes: the change is drafted once more. */
const drafted = new Set(['LATE', 'SEQUENCE_STALE', 'CLOCK_AHEAD'])
/** How often a change is drafted anew before its caller hears of it. Larger: a stuck chain takes long to be noticed; smaller: many writers of one key fail. */
const draftsMax = 12
const takenWaitMs = 40

/** Every call of a client: credentials, retries, and the device's own signature. */
export class Caller {
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
    return this.#session?.token()
  }

  /** How long the present token is fresh [ms]. */
  get freshMs(): number {
    return this.#session?.freshMs ?? 0
  }

  async signIn(): Promise<void> {
    if (this.#session === undefined) throw new SignInError('UNAUTHENTICATED', 'There is no identity to sign in with.')
    await this.#session.renew()
  }

  async signOut(all?: 'others' | 'every'): Promise<void> {
    await this.#session?.signOut(all)
  }

  async call(method: MethodName, input: Input, options: CallOptions): Promise<unknown> {
    const row = rowOf(method)
    if (!this.#signsItself(row, input)) return this.send(method, input, options)
    // What is tried is what this device would sign, not what the node could.
    if (options.dryRun) return this.send(method, this.#own(input), { ...options, draft: true })
    return this.#signed(method, this.#own(input), options)
  }

  /** Rows of the operator are the node's own deeds; what is signed already is only carried. */
  #signsItself(row: Row, input: Input): boolean {
    const { identity, signing = 'device' } = this.#options
    return row.mode === 'write' && identity !== undefined && signing === 'device' && input['signed'] === undefined && !row.access.every((word) => word === 'operator')
  }

  async draft(method: MethodName, input: Input, options: CallOptions): Promise<Drafted> {
    const identity = this.#identity()
    const own = this.#own(input)
    const key = options.idempotencyKey ?? newIdempotencyKey()
    const { envelope, checked } = await this.#drafts(method, own, { ...options, idempotencyKey: key }, identity)
    return {
      envelope,
      operations: checked.map(({ draft }) => draft.operation),
      submit: async () => (checked.length === 0 ? envelope : this.#signed(method, own, { ...options, idempotencyKey: key }, { envelope, checked })),
      sign: async () => {
        const released: Released[] = []
        for (const one of checked) released.push(await this.#release(one, identity))
        // From here on the caller keeps the bytes.
        for (const one of released) await one.settled()
        return released.map(({ json }) => json)
      },
    }
  }

  #identity(): Identity {
    const { identity } = this.#options
    if (identity === undefined) throw new SignInError('UNAUTHENTICATED', 'This needs a person’s key.')
    return identity
  }

  /** `me` is the person of this client, here as at the node; bytes become text. */
  #own(input: Input): Input {
    const did = this.#options.identity?.did
    const plain = toWire(input) as Record<string, unknown>
    if (did !== undefined) for (const name of ['did', 'grantee', 'author']) if (plain[name] === 'me') plain[name] = did
    return plain
  }

  /** One row, with credentials and retries; changes carry a key, so that trying again is safe. */
  async send(method: MethodName, input: Input, options: SendOptions, more: Upload = {}): Promise<unknown> {
    const row = rowOf(method)
    const changes = changesSomething(row, options)
    const isKeyed = row.mode === 'write' || row.mode === 'job' || method === 'operation.submit'
    const key = options.idempotencyKey ?? newIdempotencyKey()
    const keyed: SendOptions = {
      ...options,
      ...(isKeyed && (changes || (options.draft && !options.dryRun)) ? { idempotencyKey: key } : {}),
      ...(options.lang === undefined && this.#options.lang !== undefined ? { lang: this.#options.lang } : {}),
    }
    const isSafe = !changes || isKeyed || method === 'auth.logout'
    const retries: RetryOptions = {
      ...retryDefaults,
      ...this.#options.retries,
      ...(isSafe ? {} : { triesMax: 1 }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    }
    const wire = toWire(input) as Input
    try {
      return await withRetries(retries, () => this.#once(method, row, wire, keyed, more))
    } catch (error) {
      if (!(error instanceof OutcomeUnknownError) || !isKeyed) throw error
      throw new OutcomeUnknownError(error.code, error.message, error.problem, error.cause, key)
    }
  }

  async #once(method: MethodName, row: Row, input: Input, options: SendOptions, more: Upload): Promise<unknown> {
    const { token, operator, anonymous } = await this.#credentials(method, row)
    const send = async (bearer: string | undefined): Promise<unknown> => {
      const answer = await this.#transport.send({
        method,
        input,
        options,
        ...(bearer === undefined ? {} : { token: bearer }),
        ...(operator === undefined ? {} : { operator }),
        ...more,
      })
      if (row.mode === 'download') return downloadOf(answer.stream, answer.value)
      return row.mode === 'read' || row.mode === 'list' ? withMeta(answer.value, answer.meta) : answer.value
    }
    try {
      return await send(token)
    } catch (error) {
      // Nobody was signed in because that failed: why it failed is the better answer.
      if (anonymous !== undefined && error instanceof SignInError) throw anonymous
      // An ended or expired token: renew it, once.
      if (!(error instanceof SignInError) || this.#session === undefined || token === undefined || token === this.#options.operatorToken || method.startsWith('auth.')) throw error
      await this.#session.forget(token)
      return send(await this.#session.token())
    }
  }

  /** The operator's token goes only where an operator is asked for, and alone where nobody else is. */
  async #credentials(method: MethodName, row: Row): Promise<{ readonly token?: string; readonly operator?: string; readonly anonymous?: unknown }> {
    const operator = row.access.includes('operator') ? this.#options.operatorToken : undefined
    if (operator !== undefined && (this.#session === undefined || row.access.every((word) => word === 'operator'))) return { token: operator }
    if (this.#session === undefined || withoutSession.has(method)) return {}
    try {
      const token = await this.#session.token()
      return { token, ...(operator === undefined ? {} : { operator }) }
    } catch (error) {
      const isAway = error instanceof UnreachableError || error instanceof BusyError
      if (!row.access.includes('public') || isAway) throw error
      return { anonymous: error }
    }
  }

  async #drafts(method: MethodName, input: Input, options: CallOptions, identity: Identity): Promise<{ envelope: WriteEnvelope; checked: readonly CheckedDraft[] }> {
    const row = rowOf(method)
    const envelope = (await this.send(method, input, { ...options, draft: true })) as WriteEnvelope
    const drafts = envelope.outcome === 'drafted' ? (envelope.drafts ?? []) : []
    // Everything is looked through before anything is signed.
    return { envelope, checked: drafts.length === 0 ? [] : await this.#check(method, row, input, drafts, identity) }
  }

  async #check(method: MethodName, row: Row, input: Input, drafts: readonly DraftJson[], identity: Identity): Promise<readonly CheckedDraft[]> {
    const peer = await this.#session?.peer()
    const read = row.input.safeParse(input)
    if (!read.success) throw new InputError('INPUT_INVALID', 'The node drafted something from an input that this version does not understand; nothing was signed.')
    const asked: Asked = {
      method,
      row,
      input: toWire(read.data) as Input,
      author: identity.did,
      ...(peer === undefined ? {} : { node: peer.node, network: peer.network }),
      ...(method === 'quarantine.reissue' ? { original: await this.#original(String(input['operation_id']), identity) } : {}),
    }
    return drafts.map((draft) => checkDraft(draft, asked, identity.signer.did))
  }

  #original(id: string, { did, signer }: Identity): Promise<Original> {
    return readOriginal((operation_id) => this.send('operation.get', { operation_id }, {}) as Promise<OperationDetail>, id, { author: did, own: signer.did })
  }

  /** Draft → check → sign → submit (doors page §3). What a door has forgotten is drafted anew under the same number. */
  async #signed(method: MethodName, input: Input, options: CallOptions, first?: { envelope: WriteEnvelope; checked: readonly CheckedDraft[] }): Promise<WriteEnvelope> {
    const identity = this.#identity()
    const own = { ...options, idempotencyKey: options.idempotencyKey ?? newIdempotencyKey() }
    let ready = first
    for (let attempt = 1; ; attempt++) {
      const { envelope, checked } = ready ?? (await this.#drafts(method, input, own, identity))
      ready = undefined
      if (checked.length === 0) return envelope
      const sent = await this.#submit(method, checked, own, identity)
      if ('taken' in sent) {
        await this.#makeRoom(sent.taken, checked[sent.index] as CheckedDraft, identity, attempt, options.signal)
        continue
      }
      const { results, refused } = sent
      const isForgotten = refused !== undefined && drafted.has(refused.code) && results.every((result) => result.operation === null)
      if (isForgotten && attempt < draftsMax) continue
      if (refused !== undefined && results.every((result) => result.outcome === 'refused')) throw refused
      return envelopeOf(rowOf(method), envelope, results)
    }
  }

  async #release(checked: CheckedDraft, identity: Identity): Promise<Released> {
    const released = await releaseDraft(checked, identity, this.#transport.endpoint)
    if ('taken' in released) throw new BusyError('NOT_CAUGHT_UP', 'This key has signed something meanwhile; try again.')
    return released
  }

  async #submit(
    method: MethodName,
    checked: readonly CheckedDraft[],
    options: CallOptions,
    identity: Identity,
  ): Promise<{ results: readonly SubmitResult[]; refused?: IcnError } | { taken: ChainEnd; index: number }> {
    const released: Released[] = []
    for (const [index, one] of checked.entries()) {
      const next = await releaseDraft(one, identity, this.#transport.endpoint)
      if ('taken' in next) {
        for (const before of released) await before.undo()
        return { taken: next.taken, index }
      }
      released.push(next)
    }
    try {
      if (checked.some(({ envelope }) => envelope.genesis === null)) return await this.#found(method, released[0] as Released, options)
      const { draft: _, dryRun: __, ifMatch: ___, explain: ____, ...carried } = options as SendOptions
      const { results } = (await this.send(
        'operation.submit',
        { operations: released.map(({ json }) => json) },
        { ...carried, ...(options.explain ? { explain: true } : {}) },
      )) as { results: SubmitResult[] }
      return await this.#settle(results, released)
    } catch (error) {
      // Not known whether it arrived: the number stays claimed and the bytes are kept, to be handed in again.
      if (!(error instanceof OutcomeUnknownError)) for (const one of released) await one.undo()
      throw error
    }
  }

  async #settle(results: readonly SubmitResult[], released: readonly Released[]): Promise<{ results: readonly SubmitResult[]; refused?: IcnError }> {
    let refused: IcnError | undefined
    for (const [index, result] of results.entries()) {
      const kind = result.problem?.class
      // Trouble inside the node says nothing about the operation.
      if (result.outcome === 'refused' && result.operation === null && (kind === 'timeout' || kind === 'internal')) {
        refused ??= new OutcomeUnknownError('OUTCOME_UNKNOWN', result.problem?.detail ?? '', result.problem ?? undefined)
        continue
      }
      // Refused and not placed: the door has forgotten the bytes, the number is free.
      if (result.outcome === 'refused' && result.operation === null) await released[index]?.undo()
      else await released[index]?.settled()
      if (result.problem !== null) refused ??= errorOf(result.problem)
    }
    return { results, ...(refused === undefined ? {} : { refused }) }
  }

  /** A first operation goes back through its own row, which knows who may found here. */
  async #found(method: MethodName, released: Released, options: CallOptions): Promise<{ results: readonly SubmitResult[] }> {
    const { idempotencyKey: _, ...rest } = options
    const envelope = (await this.send(method, { signed: released.json }, rest)) as WriteEnvelope
    await released.settled()
    return {
      results: [
        {
          id: released.id,
          outcome: envelope.outcome === 'already_done' ? 'already_done' : 'applied',
          operation: envelope.operations[0] ?? null,
          value: envelope.value,
          decision: envelope.decision,
          problem: null,
        },
      ],
    }
  }

  /**
   * Another operation of this key holds the number. Mostly another process is about to hand it in; when it does not come,
   * its bytes are handed in from here: whatever left must be settled before anything stands after it.
   */
  async #makeRoom(taken: ChainEnd, draft: CheckedDraft, identity: Identity, attempt: number, signal: AbortSignal | undefined): Promise<void> {
    const { space } = draft.envelope
    const genesis = draft.envelope.genesis as OperationId
    if (attempt < draftsMax / 2) return pause(takenWaitMs * attempt * (0.5 + Math.random()), signal)
    const left = attempt < draftsMax ? await identity.sent.get(taken.operation) : undefined
    if (left === undefined)
      throw new BusyError('NOT_CAUGHT_UP', 'This node does not know yet what this key has signed elsewhere; try again in a moment, or ask the node it was handed to.')
    const { results } = (await this.send('operation.submit', { operations: [left.operation] }, signal === undefined ? {} : { signal })) as { results: SubmitResult[] }
    const [result] = results
    if (result === undefined || result.operation !== null || result.outcome !== 'refused') return identity.sent.drop(taken.operation)
    // Only the door it was handed to can say that it never arrived.
    const isForgotten = drafted.has(result.problem?.code ?? '') && left.endpoint === this.#transport.endpoint
    if (!isForgotten) throw result.problem === null ? new ConflictError('NOT_CAUGHT_UP', 'The change before this one is not settled.') : errorOf(result.problem)
    await identity.positions.release(space, genesis, taken.operation, left.before)
    await identity.sent.drop(taken.operation)
  }
}

/** The envelope that a plain write would have answered. */
function envelopeOf(row: Row, envelope: WriteEnvelope, results: readonly SubmitResult[]): WriteEnvelope {
  const last = results.at(-1)
  const { drafts, expires_at: _, token: __, value, ...rest } = envelope
  const answered = last?.value ?? null
  // What a node says once, at drafting: the code of an invitation.
  const secret = value !== null && typeof value === 'object' ? value : {}
  // A row that reaches every space of a person answers for each.
  const isOne = row.space !== 'own'
  return {
    ...rest,
    outcome: results.some((result) => result.outcome === 'applied') ? 'applied' : 'already_done',
    value: isOne ? (answered !== null && typeof answered === 'object' ? { ...secret, ...answered } : (answered ?? value)) : spacesOf(drafts ?? [], results),
    operations: results.flatMap((result) => (result.operation === null ? [] : [result.operation])),
    decision: (last?.decision ?? null) as WriteEnvelope['decision'],
  }
}

/** Several spaces, each with what became of it. */
function spacesOf(drafts: readonly DraftJson[], results: readonly SubmitResult[]): unknown {
  return {
    spaces: results.map((result, index) => ({
      space: drafts[index]?.operation.space,
      outcome: result.outcome,
      operation: result.operation?.id ?? null,
      code: result.problem?.code ?? null,
    })),
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
