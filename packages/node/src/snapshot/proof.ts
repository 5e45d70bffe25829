import type { JournalApi } from '@icn/journal'
import type { SpaceId } from '@icn/protocol'
import type { Metrics } from '../metrics.ts'

/** Restores that were tried: only one that has worked shows that a copy is worth anything (snapshot page §12, operating page §6). */

export type RestoreOf = 'backup' | 'archive'

/** One restore that was tried, with whatever came of it. */
export interface RestoreTrial {
  /** Of the whole node, or of one space. */
  readonly what: RestoreOf
  /** Of the file. */
  readonly name: string
  /** Of an archive. */
  readonly space?: SpaceId
  /** When it began [ms]. */
  readonly at: number
  /** `partial`: whole and readable, but not everything could be folded again from operations. */
  readonly result: 'proven' | 'failed' | 'partial'
  /** Of each space that was restored, in hexadecimal. */
  readonly roots?: readonly { readonly space: SpaceId; readonly root: string }[]
  readonly duration_ms: number
  /** Why it failed, or why it proves less than it could. */
  readonly code?: string
}

/** How it stands with one thing that is restored: the whole node, or one space. */
export interface RestoreStanding {
  readonly what: RestoreOf
  readonly space?: SpaceId
  readonly last: RestoreTrial
  /** Only a proven one moves it [ms]. */
  readonly provenAt: number | undefined
}

export interface ProofParts {
  readonly local: JournalApi['local']
  readonly metrics: Metrics
  now(): number
  /** Records that are kept. Larger: a list nobody reads; smaller: no pattern is seen. */
  readonly keepCount?: number
}

interface StandingRow {
  readonly last: RestoreTrial
  readonly proven_at?: number
}

const kinds: readonly RestoreOf[] = ['backup', 'archive']
const trialKey = ['restore', 'trial']
const standingKey = ['restore', 'standing']

/** Keeps the newest records, and apart from them how it stands with each thing: what was proven long ago must not fall out of a list. */
export class RestoreProofs {
  readonly #parts: ProofParts
  readonly #everyMs = new Map<RestoreOf, number>()

  constructor(parts: ProofParts) {
    this.#parts = parts
    // An alert on an increase sees the first one only where there was a zero.
    for (const outcome of ['proven', 'failed', 'partial'] as const) parts.metrics.add('icn_restore_drill_total', 0, { outcome })
    for (const what of kinds) this.expect(what, 0)
    this.#measure()
  }

  /** How often such a restore is to be tried [ms]; 0: nobody asks for it. */
  expect(what: RestoreOf, everyMs: number): void {
    this.#everyMs.set(what, everyMs)
    this.#parts.metrics.set('icn_restore_drill_interval_seconds', everyMs / 1_000, { what })
  }

  everyMs(what: RestoreOf): number {
    return this.#everyMs.get(what) ?? 0
  }

  /** Durable when it returns. */
  record(trial: RestoreTrial): void {
    const { local, metrics, keepCount = 100 } = this.#parts
    const key = [...standingKey, trial.what, trial.space ?? '']
    const before = local.get(key) as StandingRow | undefined
    const provenAt = trial.result === 'proven' ? Math.max(trial.at, before?.proven_at ?? 0) : before?.proven_at
    const row: StandingRow = { last: trial, ...(provenAt === undefined ? {} : { proven_at: provenAt }) }
    const trials = [...local.scan(trialKey)].map(([kept]) => kept)
    const old = trials.slice(0, Math.max(0, trials.length + 1 - keepCount))
    local.write([{ key, value: row }, { key: [...trialKey, trial.at, trial.what, trial.name], value: trial }, ...old.map((kept) => ({ key: kept, value: undefined }))])
    metrics.add('icn_restore_drill_total', 1, { outcome: trial.result })
    this.#measure()
  }

  /** Newest first. */
  trials(limit = 100): readonly RestoreTrial[] {
    return [...this.#parts.local.scan(trialKey, { limit, reverse: true })].map(([, trial]) => trial as RestoreTrial)
  }

  /** Of everything that a restore was ever tried of; a space that is gone is taken out with `forget`. */
  standings(): readonly RestoreStanding[] {
    return [...this.#parts.local.scan(standingKey)].map(([, value]) => {
      const { last, proven_at } = value as StandingRow
      return { what: last.what, ...(last.space === undefined ? {} : { space: last.space }), last, provenAt: proven_at }
    })
  }

  /** Nothing more is expected of a space that is no longer here. */
  forget(space: SpaceId): void {
    this.#parts.local.write([{ key: [...standingKey, 'archive', space], value: undefined }])
    this.#measure()
  }

  /** Undefined: no restore was ever proven. Of anything where nothing is said. */
  lastProven(what?: RestoreOf): number | undefined {
    const times = this.standings().flatMap((one) => (one.provenAt === undefined || (what !== undefined && one.what !== what) ? [] : [one.provenAt]))
    return times.length === 0 ? undefined : Math.max(...times)
  }

  /** True where drills are asked for and none was proven for twice as long as they may be apart. */
  isStale(what: RestoreOf): boolean {
    const everyMs = this.everyMs(what)
    return everyMs > 0 && this.#parts.now() - (this.lastProven(what) ?? 0) > 2 * everyMs
  }

  #measure(): void {
    const { metrics } = this.#parts
    const standings = this.standings()
    for (const what of kinds) {
      metrics.set('icn_restore_proven_timestamp_seconds', (this.lastProven(what) ?? 0) / 1_000, { what })
      metrics.set('icn_restore_failing', standings.filter((one) => one.what === what && one.last.result === 'failed').length, { what })
    }
  }
}
