import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { basename, isAbsolute, join } from 'node:path'
import type { Installed } from '@icn/journal'
import { commonsSpace, Secret, type SpaceId, toHex } from '@icn/protocol'
import { compareSpaces, type SpaceLoss, withScratch } from '../backup/index.ts'
import { CallRefusal, refuse } from '../calls/refusal.ts'
import {
  ArchiveFault,
  type ArchiveKeys,
  type ArchiveRecipients,
  archiveFileName,
  clearArchiveParts,
  openArchive,
  readHeader,
  type RestoreTrial,
  writeArchive,
} from '../snapshot/index.ts'
import { archiveRecords, subjectOf } from './make.ts'
import type { ArchiveMade, ArchiveOptions, ArchivesParts, MakeOrder, Restored, RestoreOrder, Running } from './parts.ts'
import { readersOf, readPassphrase } from './readers.ts'
import { type ArchiveFile, listArchives, removeArchive, surplusArchives } from './rotation.ts'
import { ArchiveSource } from './source.ts'
import { asCallRefusal, scratchSource, supports, tryArchive, type TryStep } from './try.ts'

interface LastRow {
  readonly at: number
  /** Cut of the last one that was made [ms]. */
  readonly cut: number | null
  readonly code?: string
}

const lastKey = (space: SpaceId): readonly string[] => ['archive', 'last', space]
const pinKey = (name: string): readonly string[] => ['archive', 'pin', name]
/** After one that failed [ms]. Longer: a night without; shorter: a log full of the same. */
const retryMs = 3_600_000
/** Runs of several spaces begin so far apart [ms]: what was missed is done after the start, and not all at once. */
const spreadMs = 600_000

/** States of spaces in files: made, kept, tried, put back (snapshot page §12). One thing at a time. */
export class Archives {
  readonly #parts: ArchivesParts
  readonly #stop = new AbortController()
  readonly #startedAt: number
  #running: Promise<unknown> | undefined

  constructor(parts: ArchivesParts) {
    this.#parts = parts
    this.#startedAt = parts.now()
    for (const outcome of ['made', 'failed'] as const) parts.metrics.add('icn_snapshot_archive_total', 0, { outcome })
  }

  get options(): ArchiveOptions {
    return this.#parts.options
  }

  /** Refuses `NOTHING_FINAL`, `SNAPSHOT_TOO_LARGE`, `ARCHIVE_FILE`, `ARCHIVE_RUNNING`, `BACKUP_RECIPIENTS`, `DID_INVALID`, `ARCHIVE_NO_ROOM`. */
  async make(order: MakeOrder, running: Running = {}): Promise<ArchiveMade> {
    const { out } = order
    if (out !== undefined && (!isAbsolute(out) || existsSync(out)))
      throw refuse('ARCHIVE_FILE', { file: out, reason: isAbsolute(out) ? 'something of that name is there' : 'not an absolute path' })
    const encryptFor = await readersOf(order, this.options, this.#parts.journal.node)
    return this.#alone(async (signal) => {
      const { now, metrics, told } = this.#parts
      const at = now()
      try {
        const made = await this.#make(order, at, encryptFor, { ...running, signal })
        this.#remember(order.space, { at, cut: made.cut[0] })
        metrics.add('icn_snapshot_archive_total', 1, { outcome: 'made' })
        told('made', { name: basename(made.file), space: made.space, bytes: made.bytes })
        return made
      } catch (error) {
        if (signal.aborted) throw error
        this.#remember(order.space, { at, cut: this.#last(order.space)?.cut ?? null, code: codeOf(error) })
        metrics.add('icn_snapshot_archive_total', 1, { outcome: 'failed' })
        if (error instanceof ArchiveFault) throw refuse('ARCHIVE_FILE', { file: out ?? this.options.dir, reason: error.message })
        throw error
      }
    }, running.signal)
  }

  async #make(order: MakeOrder, at: number, encryptFor: ArchiveRecipients | undefined, { signal, onProgress }: Running): Promise<ArchiveMade> {
    const { journal, key, release, options } = this.#parts
    const reader = await journal.states.open(order.space).catch(asCallRefusal)
    try {
      if (reader.bytes > options.stateBytesMax) throw refuse('SNAPSHOT_TOO_LARGE', { found: reader.bytes, limit: options.stateBytesMax })
      // Of what came as state the operations are not here.
      const operations = order.operations === 'all' && journal.info(order.space)?.historyFrom === null ? 'all' : 'none'
      const file = order.out ?? join(options.dir, archiveFileName(reader.space, reader.cut))
      if (order.out === undefined) {
        await mkdir(options.dir, { recursive: true, mode: 0o700 })
        await clearArchiveParts(options.dir)
      }
      const records = archiveRecords({ reader, operations, level: options.level, chunkBytes: options.chunkBytes, release, at, signer: key, journal })
      const summary = await writeArchive(file, subjectOf(reader), records, {
        ...(encryptFor === undefined ? {} : { encryptFor }),
        ...(signal === undefined ? {} : { signal }),
        onProgress: (step, bytes) => onProgress?.(step, bytes, bytes),
      })
      const { space, cut, root } = reader
      return { file, space, cut, root, at, bytes: summary.bytes, sha256: summary.sha256, recipients: encryptFor?.dids ?? [], operations }
    } finally {
      reader.close()
    }
  }

  /** Steps 1 to 3 in scratch, then the one transaction (snapshot page §12). A dry run ends before it. */
  async restore(order: RestoreOrder, running: Running = {}): Promise<Restored> {
    const file = this.#find(order.file)
    const keys = await this.#keys(order.passphraseFile)
    return this.#alone(async (signal) => {
      const { journal, now, told, restored } = this.#parts
      const { space, genesis } = await this.#demandOurs(file, order)
      const isPresent = journal.info(space) !== undefined
      return withScratch(join(this.#parts.folder, 'run'), async (scratch) => {
        const tried = await tryArchive({ file, keys, scratch, now: now(), journal, replays: false, signal, onProgress: (...said) => running.onProgress?.(...said) })
        const loss = isPresent ? this.#compare(scratch, genesis) : undefined
        const { cut, root, count, bytes } = tried.installed
        const { made_at: madeAt, made_by: madeBy } = tried.summary.manifest
        const said = { file, space, cut, root, count, bytes, madeAt, madeBy, loss, isPresent }
        if (order.dryRun) return { ...said, outcome: 'simulated' }
        await this.#install(file, keys, order, signal)
        // The doors of the space are open again; what this node itself signs there waits.
        if (
          journal
            .vectors(space)
            ?.entries()
            .some(({ signer }) => signer === journal.node)
        )
          restored(space)
        told('restored', { name: basename(file), space, cut: cut[0], replaced: isPresent })
        return { ...said, outcome: 'restored' }
      })
    }, running.signal)
  }

  /** Of this network and space, and wanted in its place. */
  async #demandOurs(file: string, { replace, confirm, dryRun }: RestoreOrder): Promise<{ readonly space: SpaceId; readonly genesis: Installed['genesis'] }> {
    const { journal } = this.#parts
    const { space, genesis, network_id } = await readHeader(file).catch(asFault)
    const network = this.#parts.network()
    if (network !== undefined && network !== network_id) throw refuse('NETWORK_MISMATCH', { found: network_id, network })
    // What a cooperative rests on is judged by the network that it belongs to.
    if (space !== commonsSpace && journal.info(commonsSpace) === undefined) throw refuse('NOT_CAUGHT_UP')
    const held = journal.info(space)
    if (held !== undefined && held.genesis !== genesis) throw refuse('WRONG_GENESIS', { space, genesis: held.genesis })
    if (held !== undefined && !dryRun && (!replace || confirm !== space)) throw refuse('SPACE_PRESENT', { space })
    return { space, genesis }
  }

  #compare(scratch: string, genesis: Installed['genesis']): SpaceLoss | undefined {
    const [here, there] = [this.#parts.present(), scratchSource(scratch)]
    try {
      return compareSpaces(here, there, genesis)
    } finally {
      there.close()
      here.close()
    }
  }

  async #install(file: string, keys: ArchiveKeys, { replace }: RestoreOrder, signal: AbortSignal): Promise<void> {
    const { journal } = this.#parts
    await using archive = await openArchive(file, { keys, supports, signal })
    const { space } = archive.header
    const wasMute = journal.info(space)?.isMute === true
    // From the moment in which the old head is gone nothing may be signed before the others were asked.
    journal.mute(space, true)
    try {
      await journal.states.install(new ArchiveSource(archive), { replace, signal }).catch(asCallRefusal)
    } finally {
      journal.mute(space, wasMute)
    }
  }

  /** The named one, or the newest, into scratch; what came of it is recorded. Refuses `ARCHIVE_UNKNOWN`, `ARCHIVE_RUNNING`. */
  async drill(named: string | undefined, running: Running = {}, space?: SpaceId): Promise<RestoreTrial> {
    const newest = named === undefined ? (await this.files()).find((one) => space === undefined || one.space === space) : undefined
    const file = this.#find(named ?? newest?.file ?? this.options.dir)
    return this.#alone(async (signal) => {
      const trial = await this.#try(file, { ...running, signal })
      this.#parts.proofs.record(trial)
      this.#parts.told('drilled', { name: trial.name, result: trial.result, duration_ms: trial.duration_ms, ...(trial.code === undefined ? {} : { code: trial.code }) })
      return trial
    }, running.signal)
  }

  async #try(file: string, running: Running): Promise<RestoreTrial> {
    const { folder, now, journal } = this.#parts
    const at = now()
    const began = performance.now()
    let space: SpaceId | undefined
    const about = (): Omit<RestoreTrial, 'result'> => ({
      what: 'archive',
      name: basename(file),
      ...(space === undefined ? {} : { space }),
      at,
      duration_ms: Math.round(performance.now() - began),
    })
    try {
      // Of a file that cannot be read any more the name says what it was of.
      space = (await this.files()).find((one) => one.file === file)?.space ?? (await readHeader(file)).space
      const keys = await this.#keys(undefined)
      const { installed, code } = await withScratch(join(folder, 'run'), (scratch) =>
        tryArchive({
          file,
          keys,
          scratch,
          now: at,
          journal,
          replays: true,
          signal: running.signal,
          onProgress: (...said: [TryStep, number, number]) => running.onProgress?.(...said),
        }),
      )
      const roots = [{ space: installed.space, root: toHex(installed.root) }]
      return { ...about(), roots, ...(code === undefined ? { result: 'proven' } : { result: 'partial', code }) }
    } catch (error) {
      if (running.signal?.aborted) throw error
      return { ...about(), result: 'failed', code: codeOf(error) }
    }
  }

  /** Newest first. */
  files(): Promise<readonly ArchiveFile[]> {
    return listArchives(this.options.dir)
  }

  isPinned(name: string): boolean {
    return this.#parts.journal.local.get(pinKey(name)) === true
  }

  /** What came of the last trial of this file. */
  resultOf(name: string): RestoreTrial['result'] | undefined {
    return this.#parts.proofs.trials().find((trial) => trial.what === 'archive' && trial.name === name)?.result
  }

  /** Refuses `ARCHIVE_UNKNOWN`. */
  async pin(name: string, isPinned: boolean): Promise<ArchiveFile> {
    const file = await this.#named(name)
    this.#parts.journal.local.write([{ key: pinKey(file.name), value: isPinned ? true : undefined }])
    return file
  }

  /** Refuses `ARCHIVE_UNKNOWN`, `SNAPSHOT_PINNED`, `SNAPSHOT_LAST_PROVEN`. */
  async delete(name: string): Promise<ArchiveFile> {
    const file = await this.#named(name)
    if (this.isPinned(file.name)) throw refuse('SNAPSHOT_PINNED', { file: file.name })
    const proven = (await this.files()).find((one) => one.space === file.space && this.resultOf(one.name) === 'proven')
    if (proven?.name === file.name) throw refuse('SNAPSHOT_LAST_PROVEN', { file: file.name })
    await this.#remove([file])
    return file
  }

  /** What the rules of keeping leave over goes now. Answers what went. */
  async cleanup(count = this.options.keep.count): Promise<readonly ArchiveFile[]> {
    const standing = { isPinned: (name: string) => this.isPinned(name), isProven: (name: string) => this.resultOf(name) === 'proven' }
    // Whoever names a number wants no others.
    const keep = count === this.options.keep.count ? this.options.keep : { ...this.options.keep, count, daily: 0, weekly: 0, monthly: 0 }
    const gone = surplusArchives(await this.files(), keep, standing)
    await this.#remove(gone)
    return gone
  }

  async #remove(files: readonly ArchiveFile[]): Promise<void> {
    for (const { file, name, space } of files) {
      await removeArchive(file)
      this.#parts.journal.local.write([{ key: pinKey(name), value: undefined }])
      this.#parts.told('deleted', { name, space })
    }
  }

  /** What the schedule asks for now; a run that was missed while the node stood still happens once. */
  async runDue(signal: AbortSignal): Promise<void> {
    const { options, journal, now, proofs, metrics } = this.#parts
    const files = await this.files()
    metrics.set('icn_snapshot_archives', files.length, { state: 'kept' })
    metrics.set('icn_snapshot_archives', files.filter(({ name }) => this.isPinned(name)).length, { state: 'pinned' })
    metrics.set('icn_snapshot_archives', files.filter(({ name }) => this.resultOf(name) === 'proven').length, { state: 'proven' })
    proofs.expect('archive', files.length > 0 ? options.drillEveryMs : 0)
    for (const { space, genesis, checkpoint } of journal.spaces()) {
      if (signal.aborted || this.#running !== undefined) return
      const offset = (Buffer.from(genesis).at(-1) ?? 0) * Math.floor(spreadMs / 256)
      if (now() - this.#startedAt < offset) continue
      const last = this.#last(space)
      const wait = last?.code === undefined ? options.everyMs : Math.min(retryMs, options.everyMs)
      const isNew = checkpoint !== null && checkpoint.cut[0] !== last?.cut
      if (options.everyMs > 0 && isNew && (last === undefined || Math.abs(now() - last.at) >= wait)) {
        await this.make({ space }, { signal })
        await this.cleanup()
      }
      const tried = proofs.standings().find((one) => one.what === 'archive' && one.space === space)?.last
      const isDue = options.drillEveryMs > 0 && (tried === undefined || Math.abs(now() - tried.at) >= options.drillEveryMs)
      if (isDue && !signal.aborted && files.some((file) => file.space === space)) await this.drill(undefined, { signal }, space)
    }
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#running?.catch(() => {})
  }

  #last(space: SpaceId): LastRow | undefined {
    return this.#parts.journal.local.get(lastKey(space)) as LastRow | undefined
  }

  #remember(space: SpaceId, row: LastRow): void {
    this.#parts.journal.local.write([{ key: lastKey(space), value: row }])
  }

  #find(named: string): string {
    const file = isAbsolute(named) ? named : join(this.options.dir, basename(named))
    if (!existsSync(file) || file === this.options.dir) throw refuse('ARCHIVE_UNKNOWN', { file: named })
    return file
  }

  async #named(name: string): Promise<ArchiveFile> {
    const file = (await this.files()).find((one) => one.name === name || one.file === name)
    if (file === undefined) throw refuse('ARCHIVE_UNKNOWN', { file: name })
    return file
  }

  #alone<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    if (this.#running !== undefined) throw refuse('ARCHIVE_RUNNING')
    const running = work(signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal])).finally(() => {
      this.#running = undefined
    })
    this.#running = running
    return running
  }

  async #keys(passphraseFile: string | undefined): Promise<ArchiveKeys> {
    const seeds = [new Secret(this.#parts.seed)]
    return passphraseFile === undefined ? { seeds } : { seeds, passphrase: await readPassphrase(passphraseFile) }
  }
}

const codeOf = (error: unknown): string => (error instanceof CallRefusal ? error.code : 'INTERNAL')

function asFault(error: unknown): never {
  if (error instanceof ArchiveFault) throw refuse('ARCHIVE_UNKNOWN', { file: error.message })
  throw error
}
