import { randomBytes } from 'node:crypto'
import type { JournalApi } from '@icn/journal'
import type { Did, JobView, MethodName, Problem } from '@icn/protocol'
import { dayMs, timeText } from '@icn/protocol'
import type { JobAnswer } from './call.ts'
import { toJson } from './json.ts'
import { refuse } from './refusal.ts'

const keepMs = 7 * dayMs
/** Larger: a list nobody reads; smaller: an import's report is gone before it is looked at. */
const jobsMax = 1_000

interface JobRow {
  readonly id: string
  readonly did: string
  readonly method: string
  readonly title: string
  readonly space: string | null
  readonly key: string
  readonly state: JobView['state']
  readonly progress: { readonly done: number; readonly total: number; readonly unit: string; readonly text: string }
  readonly created_at: number
  readonly started_at: number | null
  readonly ended_at: number | null
  /** JSON text: results may hold what has no canonical form. */
  readonly result?: string
  readonly problem?: string
}

export interface JobParts {
  readonly journal: Pick<JournalApi, 'local'>
  now(): number
  problem(error: unknown): Problem
}

/** Long work (doors page §11): measurements, kept in `local` for 7 days, ended by a restart. */
export class Jobs {
  readonly #parts: JobParts
  /** id → its end, while it runs. */
  readonly #running = new Map<string, { readonly abort: AbortController; readonly ended: Promise<void> }>()
  readonly #listeners = new Set<(job: JobView, did: Did) => void>()

  constructor(parts: JobParts) {
    this.#parts = parts
    const stale = [...this.#rows()].filter((row) => row.state === 'running' || row.state === 'queued')
    for (const row of stale) this.#save({ ...row, state: 'interrupted', ended_at: parts.now() })
  }

  start(did: Did, method: MethodName, answer: JobAnswer): JobView {
    const busy = [...this.#rows()].find((row) => row.key === answer.key && row.state === 'running')
    if (busy !== undefined) throw refuse('JOB_RUNNING', { job_id: busy.id })
    this.#forget()
    const now = this.#parts.now()
    const row: JobRow = {
      id: `job_${now.toString(36)}${randomBytes(8).toString('hex')}`,
      did,
      method,
      title: answer.title,
      space: answer.space ?? null,
      key: answer.key,
      state: 'running',
      progress: { done: 0, total: 0, unit: '', text: '' },
      created_at: now,
      started_at: now,
      ended_at: null,
    }
    this.#save(row)
    const abort = new AbortController()
    this.#running.set(row.id, { abort, ended: this.#run(row, answer, abort) })
    return jobView(row)
  }

  async #run(row: JobRow, answer: JobAnswer, abort: AbortController): Promise<void> {
    let last = row
    let savedAt = 0
    const progress: Parameters<JobAnswer['run']>[0] = (done, total, unit, text = '') => {
      last = { ...last, progress: { done, total, unit, text } }
      // Progress is a measurement: a few writes a second are enough.
      if (this.#parts.now() - savedAt < 250 && done < total) return
      savedAt = this.#parts.now()
      this.#save(last)
    }
    try {
      // The caller gets its answer before the work begins.
      await new Promise((resolve) => setImmediate(resolve))
      const result = await answer.run(progress, abort.signal)
      last = { ...last, state: 'done', result: JSON.stringify(toJson(result)) }
    } catch (error) {
      last = abort.signal.aborted ? { ...last, state: 'cancelled' } : { ...last, state: 'failed', problem: JSON.stringify(this.#parts.problem(error)) }
    } finally {
      this.#running.delete(row.id)
      this.#save({ ...last, ended_at: this.#parts.now() })
    }
  }

  get(id: string, reader: { readonly did?: Did; readonly operator: boolean }): JobView {
    return jobView(this.#own(id, reader))
  }

  #own(id: string, reader: { readonly did?: Did; readonly operator: boolean }): JobRow {
    const row = this.#parts.journal.local.get(['jobs', id]) as JobRow | undefined
    if (row === undefined || !(reader.operator || row.did === reader.did)) throw refuse('JOB_UNKNOWN')
    return row
  }

  /** Newest first. */
  list(reader: { readonly did?: Did; readonly operator: boolean }): readonly JobView[] {
    return [...this.#rows()]
      .filter((row) => reader.operator || row.did === reader.did)
      .sort((a, b) => b.created_at - a.created_at)
      .map(jobView)
  }

  async cancel(id: string, reader: { readonly did?: Did; readonly operator: boolean }): Promise<JobView> {
    const row = this.#own(id, reader)
    const running = this.#running.get(id)
    if (running === undefined) throw refuse('JOB_OVER', { state: row.state })
    running.abort.abort()
    await Promise.race([running.ended, new Promise((resolve) => setTimeout(resolve, 2_000).unref())])
    return this.get(id, reader)
  }

  /** Waits for the end of a job, at most so long. */
  async wait(id: string, ms: number): Promise<void> {
    const running = this.#running.get(id)
    if (running === undefined) return
    let timer: NodeJS.Timeout | undefined
    await Promise.race([running.ended, new Promise((resolve) => (timer = setTimeout(resolve, ms)))])
    clearTimeout(timer)
  }

  onChange(listener: (job: JobView, did: Did) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Stops everything that runs; each ends as cancelled. */
  async close(): Promise<void> {
    const running = [...this.#running.values()]
    for (const { abort } of running) abort.abort()
    await Promise.all(running.map(({ ended }) => ended))
  }

  *#rows(): Iterable<JobRow> {
    for (const [, value] of this.#parts.journal.local.scan(['jobs'])) yield value as JobRow
  }

  #save(row: JobRow): void {
    this.#parts.journal.local.write([{ key: ['jobs', row.id], value: row }])
    for (const listener of this.#listeners) listener(jobView(row), row.did as Did)
  }

  #forget(): void {
    const rows = [...this.#rows()].sort((a, b) => a.created_at - b.created_at)
    const old = rows.filter((row, index) => row.created_at + keepMs < this.#parts.now() || (index < rows.length - jobsMax && !this.#running.has(row.id)))
    if (old.length > 0) this.#parts.journal.local.write(old.map((row) => ({ key: ['jobs', row.id], value: undefined })))
  }
}

function jobView(row: JobRow): JobView {
  return {
    id: row.id,
    method: row.method,
    title: row.title,
    space: row.space,
    state: row.state,
    progress: { ...row.progress },
    started_at: row.started_at === null ? null : timeText(row.started_at),
    ended_at: row.ended_at === null ? null : timeText(row.ended_at),
    ...(row.result === undefined ? {} : { result: JSON.parse(row.result) as unknown }),
    ...(row.problem === undefined ? {} : { problem: JSON.parse(row.problem) as Problem }),
    expires_at: timeText(row.created_at + keepMs),
  }
}
