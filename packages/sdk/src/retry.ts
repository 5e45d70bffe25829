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
  const until = Date.now() + options.budgetMs
  const sleep = options.sleep ?? pause
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(attempt)
    } catch (error) {
      if (!isPassing(error) || attempt >= options.triesMax) throw error
      const asked = error instanceof BusyError ? error.retryAfterMs : undefined
      const wait = asked ?? Math.min(options.waitMsMax, options.firstWaitMs * 2 ** (attempt - 1)) * (options.chance ?? Math.random)()
      if (Date.now() + wait > until) throw error
      await sleep(wait, options.signal)
    }
  }
}

export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}

