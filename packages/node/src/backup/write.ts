import { createHash } from 'node:crypto'
import { type MapName, keyBytes, schemaVersion, type Source, storedRoot, storedSpaces } from '@icn/journal'
import { commonsSpace, decodeKey, type Did, invariant, type SpaceId, statementBytes } from '@icn/protocol'
import { type ArchiveRecipients, BlockWriter, diskFiles, encodePreamble, lockKey, newArchiveKey, putFile, sealing } from '../sealed-file/index.ts'
import { pack } from '../snapshot/index.ts'
import {
  type BackedRow,
  type BackupManifest,
  type BackupRecord,
  backupKind,
  backupVersion,
  encodeRecord,
  encodeRows,
  endPayload,
  endPurpose,
  orderOfMaps,
  pageBytes,
} from './format.ts'
import { type BackupSummary, readBack } from './read.ts'

export interface BackupWriting {
  /** A consistent view of the whole store. */
  readonly source: Source
  readonly node: Did
  /** Signs with the node's key; the key itself is nowhere in the file. */
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>
  readonly at: number
  readonly release: string
  readonly networkFile: string | null
  /** Rules that this node folds by. */
  rulesOf(space: SpaceId): string
  /** Undefined: anybody who has the file can read it. */
  readonly encryptFor: ArchiveRecipients | undefined
  readonly signal?: AbortSignal | undefined
  /** Bytes of rows that were packed; then bytes of the file that were read back. */
  onProgress?(step: 'packed' | 'read_back', bytes: number): void
}

/** zstd; higher levels take much longer for little. */
const level = 3

/** Writes the whole store into one file, reads it back and puts it in its place. Refuses `ARCHIVE_NO_ROOM`, `DID_INVALID`; throws `ArchiveFault`. */
export async function writeBackup(path: string, writing: BackupWriting): Promise<BackupSummary> {
  const { encryptFor, source, node, at, signal, onProgress } = writing
  const key = encryptFor === undefined ? undefined : newArchiveKey()
  const stream = key === undefined ? undefined : sealing(key)
  try {
    const lock = key === undefined || stream === undefined ? null : { stream: stream.header, ...(await lockKey(key, encryptFor ?? {})) }
    const network = storedSpaces(source).find(({ space }) => space === commonsSpace)
    const preamble = encodePreamble(backupKind, { v: backupVersion, network_id: network?.genesis ?? null, node, made_at: at, schema: schemaVersion, encrypted: lock })
    return await putFile(path, {
      files: diskFiles,
      signal,
      async write(handle) {
        const out = new BlockWriter(path, handle, stream?.seal(preamble))
        await out.writeOpen(preamble)
        await writeRecords(out, preamble, writing)
        return out.sha256()
      },
      readBack: (part) => readBack(part, key, { signal, onProgress: (bytes) => onProgress?.('read_back', bytes) }),
    })
  } finally {
    stream?.wipe()
    key?.fill(0)
  }
}

async function writeRecords(out: BlockWriter, preamble: Uint8Array, writing: BackupWriting): Promise<void> {
  const { source, node, sign, signal, onProgress } = writing
  const digest = createHash('sha256').update(preamble)
  const add = async (record: BackupRecord): Promise<void> => {
    signal?.throwIfAborted()
    for (const bytes of encodeRecord(record)) {
      if (record.type !== 'end') digest.update(bytes)
      await out.write(bytes)
    }
  }
  await add({ type: 'manifest', body: manifestOf(writing) })
  const rows: { map: MapName; count: number }[] = []
  let packed = 0
  for (const map of orderOfMaps) {
    let inMap = 0
    for (const page of pagesOf(source, map)) {
      const raw = encodeRows(page)
      await add({ type: 'rows', body: { map, count: page.length, ...pack(raw, level) } })
      inMap += page.length
      packed += raw.length
      onProgress?.('packed', packed)
    }
    if (inMap > 0) rows.push({ map, count: inMap })
  }
  const sha256 = new Uint8Array(digest.digest())
  const signature = new Uint8Array(await sign(statementBytes(endPurpose, endPayload(node, sha256))))
  await add({ type: 'end', body: { rows, sha256, signature } })
  await out.end()
}

function manifestOf({ source, release, networkFile, rulesOf }: BackupWriting): BackupManifest {
  const spaces = storedSpaces(source).map((stored) => {
    const { root, pairs } = storedRoot(source, stored)
    const { space, genesis, rules, isLive, operations, head, checkpoint, setDigest } = stored
    const { applied, refused, late, forked, superseded, held } = operations
    return {
      space,
      genesis,
      rules,
      live: isLive,
      folded: rulesOf(space) === rules,
      operations: { applied, refused, late, forked, superseded, held },
      head: head === null ? null : { id: head.id, at: [...head.at] as [number, number] },
      checkpoint: checkpoint === null ? null : { id: checkpoint.id, cut: [...checkpoint.cut] as [number, number], root: new Uint8Array(checkpoint.root) },
      set_digest: new Uint8Array(setDigest),
      root: new Uint8Array(root),
      pairs,
    }
  })
  return { release, spaces, network_file: networkFile }
}

/** Rows by rising key, some hundred KiB at a time. */
function* pagesOf(source: Source, map: MapName): Generator<readonly BackedRow[]> {
  let page: BackedRow[] = []
  let bytes = 0
  for (const [text, value] of source.range(map, '')) {
    const key = new Uint8Array(keyBytes(text))
    if (map === 'local' && isLeftOut(key)) continue
    invariant(key.length <= 4_096, 'a key of the store is longer than keys are')
    page.push([key, new Uint8Array(value)])
    bytes += key.length + value.length + 16
    if (bytes < pageBytes) continue
    yield page
    page = []
    bytes = 0
  }
  if (page.length > 0) yield page
}

/** Sessions end with a restore: one that was ended since must not come back to life. Jobs and the traces of a run are those of one run. */
function isLeftOut(key: Uint8Array): boolean {
  const [, area] = decodeKey(key)
  return typeof area === 'string' && (area.startsWith('auth.') || area === 'jobs' || area === 'run')
}
