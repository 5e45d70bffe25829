import { BusyError, OutcomeUnknownError, UnreachableError } from './errors.ts'

export interface RetryOptions {
  readonly triesMax: number
  readonly firstWaitMs: number
  readonly waitMsMax: number
  /** All tries together [ms]. */
  readonly budgetMs: number
  readonly signal?: AbortSignal
  /** Injected for tests. */
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>
  readonly chance?: () => number
}

export const retryDefaults: RetryOptions = { triesMax: 3, firstWaitMs: 500, waitMsMax: 10_000, budgetMs: 60_000 }

const isPassing = (error: unknown): boolean => error instanceof BusyError || error instanceof OutcomeUnknownError || error instanceof UnreachableError

/** Tries again only what may pass by itself, never after a no; full jitter; what the node asks for goes before our own guess. */
export async function withRetries<T>(options: RetryOptions, once: (attempt: number) => Promise<T>): Promise<T> {
  const until = performance.now() + options.budgetMs
  const sleep = options.sleep ?? pause
  let unknown: OutcomeUnknownError | undefined
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(attempt)
    } catch (error) {
      if (error instanceof OutcomeUnknownError) unknown ??= error
      // A later try that did not arrive says nothing about an earlier one that may have.
      const last = isPassing(error) && unknown !== undefined ? unknown : error
      if (!isPassing(error) || attempt >= options.triesMax) throw last
      const asked = error instanceof BusyError ? error.retryAfterMs : undefined
      const wait = asked ?? Math.min(options.waitMsMax, options.firstWaitMs * 2 ** (attempt - 1)) * (options.chance ?? Math.random)()
      if (performance.now() + wait > until) throw last
      await sleep(wait, options.signal)
    }
  }
}

/** Waits, or throws the signal's reason. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
