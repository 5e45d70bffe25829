import type { JobView, OperationsTable, OutputOf } from '@icn/protocol'
import type { EventStream, EventsOptions } from './events.ts'
import { pause } from './retry.ts'

export type OperationState = OutputOf<OperationsTable['operation.get']>
export type JobState = JobView

export interface WaitOptions {
  /** `final` (default): nothing can change it any more. Any other status ends the wait as well when it can no longer be reached. */
  readonly status?: 'applied' | 'final'
  readonly signal?: AbortSignal
  /** How often it is looked at when no event comes [ms]. */
  readonly everyMs?: number
}

const everyMsDefault = 2_000

interface OperationParts {
  read(id: string): Promise<unknown>
  events(options: EventsOptions): EventStream
}

const isThere = (state: OperationState, status: 'applied' | 'final'): boolean =>
  (status === 'final' ? state.final : state.status === 'applied') || (state.final && state.status !== 'applied')

/** Looks at once, then whenever its space says something, and now and then in any case. */
export async function waitForOperation(parts: OperationParts, id: string, options: WaitOptions): Promise<OperationState> {
  const { status = 'final', signal, everyMs = everyMsDefault } = options
  let state = (await parts.read(id)) as OperationState
  if (isThere(state, status)) return state
  using stop = new Stopper(signal)
  const stream = parts.events({ spaces: [state.space], topics: ['space:status'], signal: stop.signal })[Symbol.asyncIterator]()
  // A stream that is not allowed or does not answer leaves the looking now and then.
  let next = stream.next().catch(() => undefined)
  for (;;) {
    const heard = await Promise.race([next.then((item) => (item === undefined || item.done ? 'silent' : 'event')), pause(everyMs, stop.signal).then(() => 'time')])
    if (heard === 'event') next = stream.next().catch(() => undefined)
    else if (heard === 'silent') next = new Promise(() => {})
    state = (await parts.read(id)) as OperationState
    if (isThere(state, status)) return state
  }
}

const over: ReadonlySet<string> = new Set(['done', 'failed', 'cancelled', 'interrupted'])

/** Progress is a measurement; it is looked at, more slowly the longer it takes. */
export async function waitForJob(read: (id: string) => Promise<unknown>, id: string, options: WaitOptions & { readonly onProgress?: (job: JobState) => void }): Promise<JobState> {
  let everyMs = 100
  for (;;) {
    const job = (await read(id)) as JobState
    options.onProgress?.(job)
    if (over.has(job.state)) return job
    await pause(everyMs, options.signal)
    everyMs = Math.min(everyMs * 1.5, options.everyMs ?? everyMsDefault)
  }
}

/** Ends what was opened for a wait together with it. */
class Stopper implements Disposable {
  readonly #own = new AbortController()
  readonly signal: AbortSignal

  constructor(outer: AbortSignal | undefined) {
    this.signal = outer === undefined ? this.#own.signal : AbortSignal.any([outer, this.#own.signal])
  }

  [Symbol.dispose](): void {
    this.#own.abort(new Error('no longer waited for'))
  }
}
