import { existsSync, statfsSync, statSync } from 'node:fs'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import type { JournalApi } from '@icn/journal'
import { type Did, isDid, type OperationId } from '@icn/protocol'
import { readSecretFile } from '@icn/protocol/node'
import { CallRefusal, refuse } from '../calls/refusal.ts'
import type { Metrics } from '../metrics.ts'
import { ArchiveFault, archiveRecipientsMax, clearArchiveParts } from '../sealed-file/index.ts'
import type { RestoreProofs, RestoreTrial } from '../snapshot/index.ts'
import type { BackupSummary } from './read.ts'
import { backupFileName, listBackups, removeBackup, surplus } from './rotation.ts'
import { runInThread, scratchStart, withScratch } from './thread.ts'

/** What an operator has to say to make a backup that anybody can read. */
export const plaintextWords = 'members-data-readable-by-anyone-with-this-file'

export interface BackupOptions {
  /** Where scheduled ones go; null: none are made by themselves. */
  readonly dir: string | null
  readonly everyMs: number
  readonly keepCount: number
  readonly recipientsFile: string | null
  /** 0: backups are never tried by themselves. */
  readonly drillEveryMs: number
}

export interface BackupParts {
  readonly options: BackupOptions
  /** The data folder: its store is what is kept, and trials are made beside it. */
  readonly folder: string
  readonly local: JournalApi['local']
  readonly proofs: RestoreProofs
  readonly metrics: Metrics
  readonly node: Did
  readonly name: string
  readonly release: string
  readonly seed: Uint8Array
  network(): OperationId | undefined
  sign(message: Uint8Array): Uint8Array
  now(): number
  /** The world failed, and nobody else will say how. */
  fault(error: unknown): void
  told(what: 'made' | 'drilled', params: Readonly<Record<string, unknown>>): void
}

export interface MakeOrder {
  /** Absolute; undefined: a new one in the folder of the options. */
  readonly file?: string | undefined
  readonly encryptTo?: readonly string[]
  readonly passphraseFile?: string | undefined
  readonly plaintext?: string | undefined
}

export interface Running {
  readonly signal?: AbortSignal | undefined
  onProgress?(step: string, done: number, total: number): void
}

export interface BackupMade {
  readonly file: string
  readonly at: number
  readonly bytes: number
  readonly sha256: string
  readonly spaces: number
  readonly rows: number
  readonly recipients: readonly Did[]
}

/** The last backup that was to be made. */
export interface LastBackup {
  readonly at: number
  readonly file: string
  readonly bytes: number
  /** Why it failed; absent: it was read back and is in its place. */
  readonly code?: string
  /** Of the last one that is. */
  readonly good_at: number | null
}

const lastKey = ['backup', 'last']
/** After one that failed [ms]. Longer: a night without a copy; shorter: a log full of the same. */
const retryMs = 3_600_000

/** Backups of this whole node: made, kept, tried. One thing at a time, in a thread of its own. */
export class Backups {
  readonly #parts: BackupParts
  readonly #stop = new AbortController()
  #running: Promise<unknown> | undefined

  constructor(parts: BackupParts) {
    this.#parts = parts
    const { options, proofs, metrics } = parts
    for (const outcome of ['made', 'failed'] as const) metrics.add('icn_backup_total', 0, { outcome })
    metrics.set('icn_backup_interval_seconds', options.dir === null ? 0 : options.everyMs / 1_000)
    proofs.expect('backup', options.dir === null ? 0 : options.drillEveryMs)
    this.#measure()
  }

  get options(): BackupOptions {
    return this.#parts.options
  }

  get last(): LastBackup | undefined {
    return this.#parts.local.get(lastKey) as LastBackup | undefined
  }

  /** Refuses `BACKUP_RECIPIENTS`, `BACKUP_FILE`, `BACKUP_RUNNING`, `DID_INVALID`, `ARCHIVE_NO_ROOM`. */
  async make(order: MakeOrder, running: Running = {}): Promise<BackupMade> {
    const { options, now, name } = this.#parts
    const at = now()
    if (order.file === undefined && options.dir === null) throw refuse('BACKUP_FILE', { file: '', reason: 'no file was named, and backup.dir is not set' })
    const file = order.file ?? join(options.dir as string, backupFileName(name, at))
    demandNew(file)
    return this.#alone(async (signal) => {
      try {
        const encryptFor = await this.#readers(order)
        const made = await this.#make(file, at, encryptFor, { ...running, signal })
        this.#remember({ at, file, bytes: made.bytes, good_at: at })
        this.#parts.metrics.add('icn_backup_total', 1, { outcome: 'made' })
        this.#parts.told('made', { name: basename(file), bytes: made.bytes, spaces: made.spaces })
        if (options.dir !== null && dirname(file) === resolve(options.dir)) await this.#rotate(options.dir)
        return made
      } catch (error) {
        throw error instanceof ArchiveFault ? refuse('BACKUP_FILE', { file, reason: error.message }) : error
      }
    }, running.signal)
  }

  async #make(file: string, at: number, encryptFor: { readonly dids: readonly Did[]; readonly passphrase?: Uint8Array } | undefined, running: Running): Promise<BackupMade> {
    const { folder, node, release, sign } = this.#parts
    const networkFile = await readFile(join(folder, 'network.json'), 'utf8').catch(() => null)
    if (this.options.dir !== null && dirname(file) === resolve(this.options.dir)) {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 })
      await clearArchiveParts(dirname(file))
    }
    const summary: BackupSummary = await runInThread({ kind: 'make', file, store: join(folder, 'store'), node, at, release, networkFile, encryptFor }, { ...running, sign })
    const { spaces } = summary.manifest
    return { file, at, bytes: summary.bytes, sha256: summary.sha256, spaces: spaces.length, rows: summary.rows, recipients: encryptFor?.dids ?? [] }
  }

  /** The named file, or the newest of the folder, into scratch; what came of it is recorded. Refuses `BACKUP_UNKNOWN`, `BACKUP_RUNNING`. */
  async drill(named: string | undefined, running: Running = {}): Promise<RestoreTrial> {
    const file = named ?? (await this.files())[0]?.file
    if (file === undefined || !existsSync(file)) throw refuse('BACKUP_UNKNOWN', { file: file ?? this.options.dir ?? 'backup.dir' })
    return this.#alone(async (signal) => {
      const trial = await this.#try(file, { ...running, signal })
      this.#parts.proofs.record(trial)
      this.#parts.told('drilled', { name: trial.name, result: trial.result, duration_ms: trial.duration_ms, ...(trial.code === undefined ? {} : { code: trial.code }) })
      return trial
    }, running.signal)
  }

  async #try(file: string, running: Running): Promise<RestoreTrial> {
    const { folder, node, network, seed, now } = this.#parts
    const at = now()
    const began = performance.now()
    const about = (): Pick<RestoreTrial, 'what' | 'name' | 'at' | 'duration_ms'> => ({
      what: 'backup',
      name: basename(file),
      at,
      duration_ms: Math.round(performance.now() - began),
    })
    if (!hasRoom(folder)) return { ...about(), result: 'failed', code: 'ARCHIVE_NO_ROOM' }
    try {
      const { proof } = await withScratch(join(folder, 'run'), (scratch) => runInThread({ kind: 'try', file, scratch, node, network: network(), seed }, running))
      const roots = proof.spaces.map(({ space, root }) => ({ space, root }))
      return { ...about(), roots, ...(proof.code === undefined ? { result: 'proven' } : { result: 'partial', code: proof.code }) }
    } catch (error) {
      if (running.signal?.aborted) throw error
      if (!(error instanceof CallRefusal)) this.#parts.fault(error)
      return { ...about(), result: 'failed', code: codeOf(error) }
    }
  }

  /** Newest first. */
  files(): ReturnType<typeof listBackups> {
    return this.options.dir === null ? Promise.resolve([]) : listBackups(this.options.dir)
  }

  /** What the schedule asks for now; a run that was missed while the node stood still happens once. */
  async runDue(signal: AbortSignal): Promise<void> {
    const { options, now, proofs } = this.#parts
    if (options.dir === null || this.#running !== undefined) return
    const { last } = this
    const wait = last?.code === undefined ? options.everyMs : Math.min(retryMs, options.everyMs)
    if (last === undefined || Math.abs(now() - last.at) >= wait) await this.#makeDue(signal)
    const tried = proofs.standings().find(({ what }) => what === 'backup')?.last
    const isDue = options.drillEveryMs > 0 && (tried === undefined || Math.abs(now() - tried.at) >= options.drillEveryMs)
    if (isDue && !signal.aborted && (await this.files()).length > 0) await this.drill(undefined, { signal })
  }

  /** One that fails is remembered, so that it is told and not tried again at once. */
  async #makeDue(signal: AbortSignal): Promise<void> {
    const at = this.#parts.now()
    try {
      await this.make({}, { signal })
    } catch (error) {
      if (!signal.aborted && !this.#stop.signal.aborted) {
        this.#remember({ at, file: this.options.dir ?? '', bytes: 0, code: codeOf(error), good_at: this.last?.good_at ?? null })
        this.#parts.metrics.add('icn_backup_total', 1, { outcome: 'failed' })
      }
      throw error
    }
  }

  async #rotate(dir: string): Promise<void> {
    const names = (await this.files()).map(({ name }) => name)
    const results = new Map<string, RestoreTrial['result']>()
    // The newest word on each file counts.
    for (const { name, result, what } of this.#parts.proofs.trials()) if (what === 'backup' && !results.has(name)) results.set(name, result)
    const gone = surplus(names, this.options.keepCount, { isBad: (name) => results.get(name) === 'failed', isProven: (name) => results.get(name) === 'proven' })
    for (const name of gone) await removeBackup(join(dir, name))
  }

  /** What trials have left when the node ended in the middle of one. */
  async clear(): Promise<void> {
    const run = join(this.#parts.folder, 'run')
    const names = await readdir(run).catch(() => [])
    for (const name of names) if (name.startsWith(scratchStart)) await rm(join(run, name), { recursive: true, force: true })
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#running?.catch(() => {})
  }

  #alone<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    if (this.#running !== undefined) throw refuse('BACKUP_RUNNING')
    const running = work(signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal])).finally(() => {
      this.#running = undefined
    })
    this.#running = running
    return running
  }

  #remember(last: LastBackup): void {
    this.#parts.local.write([{ key: lastKey, value: last }])
    this.#measure()
  }

  #measure(): void {
    this.#parts.metrics.set('icn_backup_timestamp_seconds', (this.last?.good_at ?? 0) / 1_000)
  }

  /** For whom it is sealed: whoever was named, and this node, so that it can try its own backups. Undefined: for everybody. */
  async #readers(order: MakeOrder): Promise<{ readonly dids: readonly Did[]; readonly passphrase?: Uint8Array } | undefined> {
    const { options, node } = this.#parts
    const named = order.encryptTo ?? []
    const dids = named.length > 0 || order.passphraseFile !== undefined || options.recipientsFile === null ? named : await readRecipients(options.recipientsFile)
    for (const did of dids) if (!isDid(did)) throw refuse('BACKUP_RECIPIENTS', { reason: `${did.slice(0, 80)} is no DID` })
    if (dids.length >= archiveRecipientsMax) throw refuse('BACKUP_RECIPIENTS', { reason: `more than ${archiveRecipientsMax - 1} recipients` })
    if (dids.length === 0 && order.passphraseFile === undefined) {
      if (order.plaintext === plaintextWords) return undefined
      throw refuse('BACKUP_RECIPIENTS', { reason: order.plaintext === undefined ? 'nobody was named' : `without anybody it takes --plaintext "${plaintextWords}"` })
    }
    const all = [...new Set([...(dids as readonly Did[]), node])]
    if (order.passphraseFile === undefined) return { dids: all }
    const secret = await readSecretFile(order.passphraseFile).catch((error: unknown) => {
      throw refuse('BACKUP_RECIPIENTS', { reason: (error as Error).message })
    })
    return { dids: all, passphrase: secret.reveal((bytes) => Uint8Array.from(bytes)) }
  }
}

/** Never over anything that is there: a slip of the keyboard must not cost a key file. */
function demandNew(file: string): void {
  if (!isAbsolute(file)) throw refuse('BACKUP_FILE', { file, reason: 'not an absolute path' })
  if (existsSync(file)) throw refuse('BACKUP_FILE', { file, reason: 'something of that name is there' })
}

/** One DID a line; what stands behind a `#` is a note. */
export async function readRecipients(file: string): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw refuse('BACKUP_RECIPIENTS', { reason: (error as Error).message })
  })
  const dids = text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')
  if (dids.length === 0) throw refuse('BACKUP_RECIPIENTS', { reason: `${file} names nobody` })
  return dids
}

/** A trial must not be what fills the disk: it unpacks a store and folds another one. */
function hasRoom(folder: string): boolean {
  const store = statSync(join(folder, 'store', 'icn.sqlite'), { throwIfNoEntry: false })
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize > 2 * (store?.size ?? 0)
}

const codeOf = (error: unknown): string => (error instanceof CallRefusal ? error.code : 'INTERNAL')
