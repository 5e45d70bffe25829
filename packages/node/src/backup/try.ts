import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { keyText, openSqliteReading, openSqliteStore, StoreFault, schemaVersion } from '@icn/journal'
import type { Did, OperationId } from '@icn/protocol'
import { refuse } from '../calls/refusal.ts'
import type { ArchiveKeys } from '../sealed-file/index.ts'
import { compareStores, type SpaceLoss } from './compare.ts'
import { type Proof, proveStore } from './prove.ts'
import { rulesOfSpace } from './rules.ts'
import { type BackupSummary, openBackup, readBackupHeader } from './read.ts'

export interface Trying {
  readonly file: string
  readonly keys: ArchiveKeys
  /** Made, and filled with `store` (what was unpacked); belongs to whoever asks. */
  readonly scratch: string
  readonly node: Did
  /** Also a backup of another node, whose key is lost: what it holds then belongs to this one. */
  readonly anyNode?: boolean
  /** Undefined: this machine belongs to no network yet. */
  readonly network: OperationId | undefined
  /** Folder of the store that would be replaced. */
  readonly present?: { readonly folder: string; readonly isLive: boolean }
  readonly signal?: AbortSignal | undefined
  onProgress?(step: TryStep, done: number, total: number): void
}

export type TryStep = 'unpack' | 'fold' | 'compare'

export interface Tried {
  readonly summary: BackupSummary
  readonly proof: Proof
  /** Empty: the present store holds nothing else. Undefined: there is none. */
  readonly losses: readonly SpaceLoss[] | undefined
  /** Why the present store could not be read; a restore is then the way out, but nobody knows what is lost by it. */
  readonly unreadable?: string
}

/**
 * Everything of a restore but putting it in place: reads the file to its end, unpacks it, checks every signature, folds it anew, holds it against what is here.
 * Refuses `ARCHIVE_DAMAGED`, `ARCHIVE_NOT_FOR_US`, `ARCHIVE_TOO_NEW`, `BACKUP_OTHER_NODE`, `NETWORK_MISMATCH`, `RESTORE_DIFFERS`.
 */
export async function tryBackup(trying: Trying): Promise<Tried> {
  const { file, scratch, signal, node, network } = trying
  const header = await readBackupHeader(file)
  if (network !== undefined && header.network_id !== null && header.network_id !== network) throw refuse('NETWORK_MISMATCH', { found: header.network_id, network })
  const folder = join(scratch, 'store')
  const fold = join(scratch, 'fold')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const summary = await unpackInto(folder, trying)
  for (const { space, rules, folded } of summary.manifest.spaces) {
    const known = rulesOfSpace(space).version
    if (folded && known !== rules) throw refuse('ARCHIVE_TOO_NEW', { what: 'rules', found: rules, known })
  }
  const source = openSqliteReading({ folder, isLive: false })
  try {
    const proof = await proveStore({
      source,
      header,
      manifest: summary.manifest,
      folder: fold,
      signal,
      onProgress: (done, total) => trying.onProgress?.('fold', done, total),
    })
    trying.onProgress?.('compare', 0, 1)
    return { summary, proof, ...(trying.present === undefined ? { losses: undefined } : compareWith(trying.present, source)) }
  } finally {
    source.close()
    await rm(fold, { recursive: true, force: true })
  }
}

function compareWith(present: NonNullable<Trying['present']>, other: ReturnType<typeof openSqliteReading>): Pick<Tried, 'losses' | 'unreadable'> {
  try {
    const here = openSqliteReading(present)
    try {
      return { losses: compareStores(here, other) }
    } finally {
      here.close()
    }
  } catch (error) {
    if (!(error instanceof StoreFault)) throw error
    return { losses: undefined, unreadable: error.message }
  }
}

async function unpackInto(folder: string, { file, keys, node, anyNode, signal, onProgress }: Trying): Promise<BackupSummary> {
  const store = openSqliteStore({ folder })
  try {
    const { size } = await stat(file)
    await using backup = await openBackup(file, keys, schemaVersion, { signal, onProgress: (bytes) => onProgress?.('unpack', bytes, size) })
    // Who it is for has been asked by then: whoever has the wrong key hears whose would do.
    if (backup.header.node !== node && anyNode !== true) throw refuse('BACKUP_OTHER_NODE', { node: backup.header.node, here: node })
    const pages = backup.pages()
    for (;;) {
      const { done, value } = await pages.next()
      if (done === true) {
        store.flush()
        return value
      }
      store.write(value.rows.map(([key, row]) => ({ map: value.map, key: keyText(key), value: row })))
    }
  } finally {
    store.close()
  }
}
