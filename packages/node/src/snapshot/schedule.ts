import type { LocalStore } from '@icn/journal'
import type { OperationId } from '@icn/protocol'

/** What the operator has set for one space; what is not set follows the options. */
export interface ScheduleRow {
  readonly every_ms?: number
  /** No cut that nobody asks for before this time [ms]. */
  readonly paused_until?: number
}

const table = 'snapshot.schedule'

/** When cuts of each space are made without being asked for (snapshot page §12). */
export class Schedule {
  readonly #local: LocalStore
  readonly #everyMs: number
  /** Genesis → when a cut was last tried. Bound: spaces of the node. */
  readonly #tried = new Map<OperationId, number>()
  readonly #began: number

  constructor(local: LocalStore, everyMs: number, began: number) {
    this.#local = local
    this.#everyMs = everyMs
    this.#began = began
  }

  rowOf(genesis: OperationId): ScheduleRow {
    return (this.#local.get([table, genesis]) as ScheduleRow | undefined) ?? {}
  }

  set(genesis: OperationId, row: ScheduleRow): void {
    this.#local.write([{ key: [table, genesis], value: Object.keys(row).length === 0 ? undefined : row }])
  }

  everyMs(genesis: OperationId): number {
    return this.rowOf(genesis).every_ms ?? this.#everyMs
  }

  /** When the next one is tried, if something is not final then [ms]. */
  nextAt(genesis: OperationId): number {
    return Math.max((this.#tried.get(genesis) ?? this.#began) + this.everyMs(genesis), this.rowOf(genesis).paused_until ?? 0)
  }

  /** Is it time? Then it counts as tried. */
  take(genesis: OperationId, now: number): boolean {
    if (now < this.nextAt(genesis)) return false
    this.#tried.set(genesis, now)
    return true
  }
}
