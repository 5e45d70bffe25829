import type { backgroundOperations } from '@icn/protocol'
import type { Metrics } from '../metrics.ts'
import { faultsCount, faultsMs } from './options.ts'

export type BackgroundOperation = (typeof backgroundOperations)[number]

export interface Fault {
  readonly operation: BackgroundOperation
  readonly text: string
  /** Wall clock [ms]. */
  readonly at: number
}

export interface FaultLog {
  /** One line for people; `cause` is the error itself. */
  fault(operation: BackgroundOperation, cause: unknown): void
}

/** Where everything ends that fails with nobody to catch it: counted by name, logged once with its cause, listed for a day. */
export class Faults {
  readonly #metrics: Metrics
  readonly #log: FaultLog
  readonly #wallMs: () => number
  /** Oldest first, bounded. */
  readonly #recent: Fault[] = []

  constructor(metrics: Metrics, log: FaultLog, wallMs: () => number) {
    this.#metrics = metrics
    this.#log = log
    this.#wallMs = wallMs
  }

  /** Never throws. */
  note(operation: BackgroundOperation, cause: unknown): void {
    this.#metrics.add('icn_supervisor_errors_total', 1, { operation })
    this.#recent.push({ operation, text: textOf(cause), at: this.#wallMs() })
    if (this.#recent.length > faultsCount) this.#recent.shift()
    try {
      this.#log.fault(operation, cause)
    } catch {
      // A log that fails must not hide what it should have told; the count stands.
    }
  }

  recent(): readonly Fault[] {
    const from = this.#wallMs() - faultsMs
    return this.#recent.filter(({ at }) => at >= from)
  }
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
}
