import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { commonsRules, coopRules } from '@icn/domain'
import { type Installed, type JournalApi, journalDefaults, openJournal, openSqliteReading, openSqliteStore, Refusal, type Source } from '@icn/journal'
import { type Code, commonsSpace, compareClocks, didOfKey, equalBytes, type OperationId, type RawOperation, type Rules, type SpaceId, toHex } from '@icn/protocol'
import { signingKeyFromSeed } from '@icn/protocol/node'
import { refuse } from '../calls/refusal.ts'
import { type ArchiveKeys, type ArchiveManifest, type ArchiveSummary, openArchive, verifyArchive } from '../snapshot/index.ts'
import { stateSchema } from './format.ts'
import { finalOperations } from './history.ts'
import { ArchiveSource } from './source.ts'

export const rulesOfSpace = (space: SpaceId): Rules => (space === commonsSpace ? commonsRules : coopRules)

export const supports = { rules: [commonsRules.version, coopRules.version], schema: stateSchema } as const

export interface TryParts {
  readonly file: string
  readonly keys: ArchiveKeys
  /** A folder that belongs to whoever asks, and may be filled. */
  readonly scratch: string
  readonly now: number
  /** What is here of the space may stand in for operations that the archive leaves out. */
  readonly journal: Pick<JournalApi, 'info' | 'operations'>
  /** Is everything to be folded anew? */
  readonly replays: boolean
  readonly signal?: AbortSignal | undefined
  onProgress?(step: TryStep, done: number, total: number): void
}

export type TryStep = 'read' | 'check' | 'fold'

export interface Tried {
  readonly summary: ArchiveSummary
  readonly installed: Installed
  /** Undefined: not asked for, or not everything is there that would be needed. */
  readonly replayedRoot: string | undefined
  /** Why it proves less than it could. */
  readonly code: 'RESTORE_PARTIAL' | undefined
}

/**
 * Steps 1 and 2 of a restore (snapshot page §12), in a store of its own; then the whole history once more, where it is at hand.
 * Refuses `ARCHIVE_DAMAGED`, `ARCHIVE_NOT_FOR_US`, `ARCHIVE_TOO_NEW`, `STATE_UNPROVEN`, `RESTORE_DIFFERS`.
 */
export async function tryArchive(parts: TryParts): Promise<Tried> {
  const { file, keys, signal, onProgress } = parts
  const reading = { keys, supports, ...(signal === undefined ? {} : { signal }) }
  const summary = await verifyArchive(file, { ...reading, onProgress: (bytes) => onProgress?.('read', bytes, bytes) })
  await using archive = await openArchive(file, reading)
  const source = new ArchiveSource(archive)
  const { space, network_id } = archive.header
  const scratch = openScratch(join(parts.scratch, 'state'), network_id, parts.now)
  let installed: Installed
  try {
    installed = await scratch.states
      .install(source, { ...(signal === undefined ? {} : { signal }), onProgress: (bytes) => onProgress?.('check', bytes, archive.manifest.bytes) })
      .catch(asCallRefusal)
    demandHeader(archive.header, installed)
    // The root once more, from the rows as they were written.
    const again = await scratch.states.open(space).catch(asCallRefusal)
    again.close()
    const [finding] = scratch.doctor()
    if (finding !== undefined) throw refuse('RESTORE_DIFFERS', { space, what: finding.invariant })
  } finally {
    await scratch.close()
  }
  if (!parts.replays) return { summary, installed, replayedRoot: undefined, code: undefined }
  const operations = historyOf(parts, archive.manifest, source, installed)
  const replayedRoot = operations === undefined ? undefined : await replay(parts, installed, operations)
  return { summary, installed, replayedRoot, code: replayedRoot === undefined ? 'RESTORE_PARTIAL' : undefined }
}

/** What the header says is what is inside. */
function demandHeader(header: { readonly cut: Installed['cut']; readonly root: Uint8Array; readonly space: SpaceId }, installed: Installed): void {
  if (compareClocks(header.cut, installed.cut) !== 0 || !equalBytes(header.root, installed.root)) throw refuse('RESTORE_DIFFERS', { space: header.space, what: 'header' })
}

function openScratch(folder: string, network: OperationId, now: number): JournalApi {
  const key = signingKeyFromSeed(new Uint8Array(randomBytes(32)))
  return openJournal({
    store: openSqliteStore({ folder, cacheBytes: 16_777_216 }),
    key,
    node: didOfKey(key.publicKey),
    network,
    rulesOf: rulesOfSpace,
    wall: () => now,
    options: { ...journalDefaults, cacheBytes: 33_554_432, eventsLogCount: 1_000, verifyThreads: 0 },
  })
}

/** A restored space, read beside what is here. */
export const scratchSource = (scratch: string): Source & { close(): void } => openSqliteReading({ folder: join(scratch, 'state'), isLive: false })

type Pages = AsyncIterable<readonly RawOperation[]>

/** Operations that one trial folds anew. Larger: drills of large histories take hours; smaller: fewer spaces are ever proven. */
const replayCountMax = 100_000

/** From the archive, or from here when this node has everything. */
function historyOf({ journal }: TryParts, manifest: ArchiveManifest, source: ArchiveSource, { space, genesis, cut, count }: Installed): Pages | undefined {
  if (count > replayCountMax) return undefined
  if (manifest.operations === 'all') return source.operations()
  const info = journal.info(space)
  const isHere = info !== undefined && info.genesis === genesis && info.historyFrom === null && info.checkpoint !== null && compareClocks(info.checkpoint.cut, cut) >= 0
  return isHere ? finalOperations(journal, space, cut) : undefined
}

/** Folds a history by the laws. Undefined: a body was forgotten. Refuses `RESTORE_DIFFERS`. */
async function replay({ scratch, now, signal, onProgress }: TryParts, { network, space, root, count }: Installed, pages: Pages): Promise<string | undefined> {
  const journal = openScratch(join(scratch, 'fold'), network, now)
  let done = 0
  try {
    for await (const page of pages) {
      signal?.throwIfAborted()
      if (page.some(({ body }) => body === null)) return undefined
      const { malformed } = await journal.ingest(space, page)
      if (malformed.length > 0) throw refuse('RESTORE_DIFFERS', { space, what: malformed[0]?.reason ?? 'malformed' })
      done += page.length
      onProgress?.('fold', done, count)
    }
    if (journal.info(space) === undefined) throw refuse('RESTORE_DIFFERS', { space, what: 'operations' })
    const found = journal.root(space)
    if (!equalBytes(found.root, root)) throw refuse('RESTORE_DIFFERS', { space, what: 'root' })
    return toHex(found.root)
  } finally {
    await journal.close()
  }
}

/** What the journal refuses is refused to whoever asked. */
export function asCallRefusal(error: unknown): never {
  if (error instanceof Refusal) throw refuse(error.code as Code, { ...error.params })
  throw error
}
