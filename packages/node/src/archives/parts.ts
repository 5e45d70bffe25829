import type { Installed, JournalApi, Source } from '@icn/journal'
import type { Did, OperationId, SpaceId } from '@icn/protocol'
import type { SigningKey } from '@icn/protocol/node'
import type { SpaceLoss } from '../backup/index.ts'
import type { Metrics } from '../metrics.ts'
import type { RestoreProofs } from '../snapshot/index.ts'
import type { Keep } from './rotation.ts'

/** What archives are given, asked for and answer. */

export interface ArchiveOptions {
  readonly dir: string
  /** 0: none are made by themselves. */
  readonly everyMs: number
  /** 0: none are tried by themselves. */
  readonly drillEveryMs: number
  readonly recipientsFile: string | null
  readonly level: number
  readonly chunkBytes: number
  readonly stateBytesMax: number
  readonly keep: Keep
}

export interface ArchivesParts {
  readonly options: ArchiveOptions
  /** The data folder: trials are made beside it. */
  readonly folder: string
  readonly journal: JournalApi
  /** A view of the store as it is. */
  present(): Source & { close(): void }
  readonly proofs: RestoreProofs
  readonly metrics: Metrics
  readonly key: SigningKey
  readonly seed: Uint8Array
  readonly release: string
  /** The one this node belongs to; undefined: none yet. */
  network(): OperationId | undefined
  now(): number
  /** A state was put in place in which this node's key has signed: nothing more is signed before the others were asked. */
  restored(space: SpaceId): void
  told(what: 'made' | 'drilled' | 'restored' | 'deleted', params: Readonly<Record<string, unknown>>): void
}

export interface Running {
  readonly signal?: AbortSignal | undefined
  onProgress?(step: string, done: number, total: number): void
}

export interface MakeOrder {
  readonly space: SpaceId
  /** Absolute; undefined: into the folder of the options. */
  readonly out?: string | undefined
  readonly encryptTo?: readonly string[]
  readonly passphraseFile?: string | undefined
  readonly plaintext?: string | undefined
  readonly operations?: 'none' | 'all'
}

export interface ArchiveMade {
  readonly file: string
  readonly space: SpaceId
  readonly cut: Installed['cut']
  readonly root: Uint8Array
  readonly at: number
  readonly bytes: number
  readonly sha256: string
  readonly recipients: readonly Did[]
  readonly operations: 'none' | 'all'
}

export interface RestoreOrder {
  /** A name in the folder of archives, or an absolute path. */
  readonly file: string
  readonly replace: boolean
  readonly confirm?: string | undefined
  readonly dryRun: boolean
  readonly passphraseFile?: string | undefined
}

export interface Restored extends Pick<Installed, 'space' | 'cut' | 'root' | 'count' | 'bytes'> {
  readonly file: string
  readonly madeAt: number
  readonly madeBy: Did
  readonly outcome: 'simulated' | 'restored'
  /** What is here and not in the archive; undefined: the space is not here. */
  readonly loss: SpaceLoss | undefined
  readonly isPresent: boolean
}
