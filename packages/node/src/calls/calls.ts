import type { Did, MethodName, OperationId, Plain, Row, SpaceId } from '@icn/protocol'
import { encodeTrusted, invariant, isMethodName, methodNames, pageOf, rowOf, sha256, timeText, toBase64Url } from '@icn/protocol'
import type { Call, Caller, CallOptions, Handlers, JobAnswer, ListAnswer, ReadAnswer, ReadMeta, Reply, UploadCall } from './call.ts'
import { checkAccess, checkScope } from './access.ts'
import { type FieldPlace, inputShape, type InputShape, parseInput } from './input.ts'
import { Jobs } from './jobs.ts'
import { toJson } from './json.ts'
import { clientKeyOf } from './keys.ts'
import type { CallParts, CallState } from './parts.ts'
import { PendingDrafts } from './pending.ts'
import { problemOf } from './problem.ts'
import { refuse } from './refusal.ts'
import { simulateDrafts } from './simulate.ts'
import { submitAll } from './submit.ts'
import { performWrite, repeatedReply, waitUntil } from './write.ts'

/** Rows that the machinery itself answers. */
export type OwnMethods = 'operation.submit' | 'space.simulate' | 'job.list' | 'job.get' | 'job.cancel'

export type NodeHandlers = Handlers<Exclude<MethodName, OwnMethods>>

export interface CallsOptions {
  /** Compares every answer with its schema; for tests and the development network. */
  readonly checkAnswers?: boolean
}

export interface AskOptions {
  /** Where each field of the input stood, for field errors. */
  readonly place?: FieldPlace
  readonly file?: UploadCall['file']
  /** How long a job's call may be held. */
  readonly jobWaitMs?: number
  /** Called when the journal has taken the proposal: what is asked next is judged after it. */
  readonly onTaken?: () => void
}

const atLeastMsDefault = 2_000

/** Every call of every door ends here: one typed call, one reply, or a refusal. */
export class Calls {
  readonly #state: CallState
  readonly #handlers: Readonly<Record<string, (call: never, journal: never) => unknown>>
  readonly #shapes = new Map<MethodName, InputShape>()
  readonly #options: CallsOptions
  readonly jobs: Jobs

  /** Throws when a row has no handler or a handler no row, so that a door never opens onto nothing. */
  constructor(parts: CallParts, handlers: NodeHandlers, options: CallsOptions = {}) {
    this.jobs = new Jobs({ journal: parts.journal, now: () => parts.now(), problem: (error) => problemOf(error, 'en', 'job') })
    this.#state = { ...bound(parts), pending: new PendingDrafts(), jobs: this.jobs, running: new Set() }
    this.#handlers = { ...handlers, ...ownHandlers(this.#state) } as never
    this.#options = options
    const missing = methodNames.filter((method) => this.#handlers[method] === undefined)
    const stray = Object.keys(this.#handlers).filter((method) => !isMethodName(method))
    if (missing.length + stray.length > 0) throw new Error(`rows without a handler: ${missing.join(', ') || 'none'}; handlers without a row: ${stray.join(', ') || 'none'}`)
    for (const method of methodNames) this.#shapes.set(method, inputShape(rowOf(method)))
  }

  shape(method: MethodName): InputShape {
    return this.#shapes.get(method) as InputShape
  }

  async ask(method: MethodName, input: unknown, caller: Caller, options: CallOptions, more: AskOptions = {}): Promise<Reply> {
    const row = rowOf(method)
    demandOptions(row, options)
    const call = this.#prepare(method, row, input, caller, options, more.place ?? (() => 'body'))
    if (options.atLeast !== undefined) await this.#caughtUp(options.atLeast, options)
    const mailbox = this.#state.mailboxOf?.(method)
    const taken = (release?: () => void) => (): void => {
      release?.()
      more.onTaken?.()
    }
    const reply = await (mailbox === undefined ? this.#run(row, call, more, taken()) : mailbox.deliver((release) => this.#run(row, call, more, taken(release))))
    if (this.#options.checkAnswers) demandSchema(method, row, reply)
    return reply
  }

  #prepare(method: MethodName, row: Row, input: unknown, caller: Caller, options: CallOptions, place: FieldPlace): Call {
    const shape = this.shape(method)
    const own = withMe(input, shape, caller)
    // Who nobody is learns nothing of what the row would take.
    checkAccess.before(row, caller)
    const parsed = parseInput(row.input, own, shape, place, caller.lang) as Readonly<Record<string, unknown>>
    const space = spaceOf(row, parsed)
    checkScope(row, caller, space)
    const facts = space === undefined ? undefined : this.#state.journal.read(space)
    const rights: ReadonlySet<string> = caller.did === undefined || space === undefined ? new Set() : this.#state.standing.rights(caller.did, space)
    const clientKey = options.idempotencyKey === undefined || caller.did === undefined ? undefined : clientKeyOf(caller.did, method, options.idempotencyKey)
    const call: Call = {
      method,
      input: parsed,
      caller,
      options,
      rights,
      ...(space === undefined ? {} : { space }),
      ...(facts === undefined ? {} : { facts }),
      ...(clientKey === undefined ? {} : { clientKey }),
    }
    const held = space === undefined || facts !== undefined ? undefined : this.#state.journal.info(space)
    checkAccess.on(row, call, held?.readOnly ? held.rules : undefined)
    return call
  }

  async #caughtUp(id: OperationId, options: CallOptions): Promise<void> {
    // One that is only held has no effect that could be read.
    const placed = () => {
      const found = this.#state.journal.operation(id) ?? (this.#state.journal.states.traceOf(id) === undefined ? undefined : ({ status: 'applied' } as const))
      return found?.status === 'held' ? undefined : found
    }
    const found = await waitUntil((run) => this.#state.journal.subscribe(run), Math.min(options.waitMs ?? atLeastMsDefault, 30_000), options.signal, placed)
    if (found === undefined) throw refuse('NOT_CAUGHT_UP')
  }

  async #run(row: Row, call: Call, more: AskOptions, release: () => void): Promise<Reply> {
    const handler = this.#handlers[call.method] as (call: Call, journal: unknown, release?: () => void) => unknown
    const { journal } = this.#state
    const meta = call.space === undefined ? undefined : this.#meta(call.space)
    switch (row.mode) {
      case 'read': {
        const answer = (await handler(call, journal)) as ReadAnswer<unknown>
        return { as: 'value', value: toJson(answer.value), ...(answer.etag === undefined ? {} : { etag: answer.etag }), ...(meta === undefined ? {} : { meta }) }
      }
      case 'list':
        return { ...(await this.#list(call, handler)), ...(meta === undefined ? {} : { meta }) }
      case 'write':
        return repeatedReply(this.#state, call) ?? performWrite(this.#state, row, call, (await handler(call, journal)) as never, release)
      case 'exchange': {
        const answer = (await handler(call, journal, release)) as { value: unknown; location?: string; refreshCookie?: string | null }
        return { as: 'exchange', status: answer.location === undefined ? 200 : 201, ...answer, value: toJson(answer.value) }
      }
      case 'upload': {
        const csv = (call.input as { readonly csv?: string }).csv
        const file = more.file ?? (csv === undefined ? undefined : { bytes: new TextEncoder().encode(csv), type: 'text/csv' })
        if (file === undefined) throw refuse('CONTENT_TYPE_UNSUPPORTED', { expected: 'text/csv' })
        const answer = (await handler({ ...call, file } as UploadCall, journal)) as { value: unknown }
        return { as: 'exchange', status: 200, value: toJson(answer.value) }
      }
      case 'download':
        return { as: 'download', answer: (await handler(call, journal)) as never }
      case 'job': {
        const job = this.jobs.start(call.caller.did ?? journal.node, call.method, (await handler(call, journal)) as JobAnswer)
        release()
        await this.jobs.wait(job.id, Math.min(more.jobWaitMs ?? 0, 30_000))
        const now = this.jobs.get(job.id, { operator: true })
        return { as: 'job', status: now.state === 'running' || now.state === 'queued' ? 202 : 200, job: now, location: `/v1/jobs/${job.id}` }
      }
      default:
        throw refuse('NOT_FOUND')
    }
  }

  async #list(call: Call, handler: (call: Call, journal: unknown) => unknown): Promise<Reply & { as: 'page' }> {
    const { limit, cursor, order, ...filters } = call.input as { readonly limit: number; readonly cursor?: string; readonly order: 'asc' | 'desc' } & Record<string, unknown>
    const bound = { method: call.method, order, did: call.caller.did ?? null, filters: toBase64Url(sha256(encodeTrusted(toJson(filters)))) }
    const after = cursor === undefined ? null : this.#openCursor(cursor, bound)
    const answer = (await handler({ ...call, page: { limit, reverse: order === 'desc', after } } as Call, this.#state.journal)) as ListAnswer<unknown>
    invariant(answer.items.length <= limit, `${call.method} gave more than it was asked for`)
    return {
      as: 'page',
      page: {
        items: answer.items.map(toJson),
        next_cursor: answer.next === null ? null : this.#state.sealer.seal('cursor', { ...bound, after: answer.next }),
        as_of: this.#asOf(call.space),
        ...(answer.omitted === undefined || answer.omitted === 0 ? {} : { omitted: answer.omitted }),
      },
    }
  }

  #openCursor(cursor: string, bound: Readonly<Record<string, unknown>>): Plain {
    const content = this.#state.sealer.open('cursor', cursor) as Readonly<Record<string, unknown>> | undefined
    if (content === undefined || Object.entries(bound).some(([name, value]) => content[name] !== value)) throw refuse('CURSOR_INVALID')
    return content.after as Plain
  }

  #asOf(space: SpaceId | undefined): string {
    const head = space === undefined ? undefined : this.#state.journal.info(space)?.head
    return timeText(head?.at[0] ?? this.#state.now())
  }

  #meta(space: SpaceId): ReadMeta | undefined {
    const info = this.#state.journal.info(space)
    return info === undefined ? undefined : { space, asOf: this.#asOf(space), checkpoint: info.checkpoint?.id ?? null, sync: this.#state.sync(space) }
  }
}

function bound(parts: CallParts): CallParts {
  const { journal, standing, sealer } = parts
  return {
    journal,
    standing,
    sealer,
    now: () => parts.now(),
    sync: (space) => parts.sync(space),
    fault: (doing, error) => parts.fault(doing, error),
    ...(parts.mailboxOf === undefined ? {} : { mailboxOf: (method: MethodName) => parts.mailboxOf?.(method) }),
  }
}

function ownHandlers(state: CallState): Handlers<OwnMethods> {
  return {
    'operation.submit': ((call: never, _journal: unknown, release: () => void = () => {}) => submitAll(state, call, release)) as Handlers<OwnMethods>['operation.submit'],
    'space.simulate': (call) => ({ value: simulateDrafts(state, call) }),
    'job.list': (call) => {
      const all = state.jobs.list(call.caller)
      const from = call.page.after === null ? 0 : all.findIndex((job) => job.id === call.page.after) + 1
      const items = all.slice(from, from + call.page.limit)
      return { items, next: from + items.length < all.length ? (items.at(-1)?.id ?? null) : null }
    },
    'job.get': (call) => ({ value: state.jobs.get(call.input.id, call.caller) }),
    'job.cancel': async (call) => ({ value: await state.jobs.cancel(call.input.id, call.caller) }),
  }
}

/** Options that the row has no use for are refused rather than ignored: a dry run that writes would be worse than an error. */
function demandOptions(row: Row, options: CallOptions): void {
  const writes = row.mode === 'write'
  if (options.asOf !== undefined) throw refuse('OPTION_UNSUPPORTED', { option: 'as_of' })
  if (options.dryRun && !writes && row.dryRun !== true) throw refuse('OPTION_UNSUPPORTED', { option: 'dry_run' })
  if (options.draft && !writes) throw refuse('OPTION_UNSUPPORTED', { option: 'draft' })
  if (options.ifUnchanged !== undefined && !writes && !row.proposes?.length) throw refuse('OPTION_UNSUPPORTED', { option: 'if_unchanged' })
  if (options.ifMatch !== undefined && (row.match === undefined || row.match === 'none') && row.mode !== 'read') throw refuse('OPTION_UNSUPPORTED', { option: 'if_match' })
}

/** `me` stands for the caller's DID wherever a DID may stand. */
function withMe(input: unknown, shape: InputShape, caller: Caller): unknown {
  if (caller.did === undefined || typeof input !== 'object' || input === null || Array.isArray(input)) return input
  let out = input as Record<string, unknown>
  for (const field of shape.dids) if (out[field] === 'me') out = { ...out, [field]: caller.did }
  return out
}

function spaceOf(row: Row, input: Readonly<Record<string, unknown>>): SpaceId | undefined {
  if (row.space === 'node' || row.space === 'own') return undefined
  return row.space.replaceAll(/\{([a-z_]+)\}/g, (_, name: string) => String(input[name])) as SpaceId
}

function demandSchema(method: MethodName, row: Row, reply: Reply): void {
  const value = reply.as === 'value' || reply.as === 'exchange' ? reply.value : reply.as === 'page' ? reply.page : reply.as === 'envelope' ? reply.envelope.value : undefined
  if (
    value === undefined ||
    (reply.as === 'envelope' && (value === null || reply.envelope.outcome === 'drafted' || (value !== null && typeof value === 'object' && 'act' in value)))
  )
    return
  const schema = reply.as === 'page' ? pageOf(row.output) : row.output
  const parsed = schema.safeParse(value)
  invariant(parsed.success, `${method} answers what its row does not say: ${JSON.stringify(parsed.error?.issues ?? []).slice(0, 600)}`)
}
