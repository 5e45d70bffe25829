import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { openLocal, openSqliteReading, openSqliteStore, StoreFault, storedSpaces } from '@icn/journal'
import { ArchiveFault, CallRefusal, openMetrics, RestoreProofs, rebuildStore, type Tried, tryBackup } from '@icn/node'
import { type Code, codeClasses, codes, commonsSpace, didOfKey, exitFindings, KeyFileRefused, mainSeed, type OperationId, Secret, timeText, toHex, wipeKeys } from '@icn/protocol'
import { nodeKeyFileCrypto, type PassphraseParts, readKeyFile, readSecretFile, unlockKeyFile } from '@icn/protocol/node'
import { markRestored } from './last-run.ts'
import { FolderHeld, holderOf, lockFolder } from './lock.ts'
import { type NodeKeys, openNodeKeys } from './node-key.ts'
import { readNetworkFile } from './network-file.ts'
import { finishSwap, swapStore } from './swap.ts'

/** Work on the data folder of a node that stands still: `icnd restore`, `icnd rebuild`. One JSON object a line on stdout, for `icnctl`, which people use. */

export interface OfflineParts {
  readonly folder: string
  readonly passphrases: PassphraseParts
  readonly now: number
  say(line: Readonly<Record<string, unknown>>): void
}

export interface RestoreOrder {
  readonly file: string
  readonly dryRun: boolean
  /** Of the backup itself. */
  readonly passphraseFile: string | undefined
  /** A sealed key file of somebody it is for. */
  readonly keyFile: string | undefined
  readonly anyNode: boolean
}

/** Answers the exit code: 0; 10 where something would be, or is, left behind or unproven; that of the code where nothing came of it. */
export function restoreOffline(parts: OfflineParts, order: RestoreOrder): Promise<number> {
  return offline(parts, order.dryRun, async (keys) => {
    const { folder, now, say } = parts
    const store = join(folder, 'store')
    const scratch = join(folder, `${restoring}${randomBytes(6).toString('hex')}`)
    const node = didOfKey(keys.key.publicKey)
    const began = performance.now()
    const isHere = existsSync(join(store, 'icn.sqlite'))
    try {
      const tried = await tryBackup({
        file: resolve(order.file),
        keys: await openers(keys, parts, order),
        scratch,
        node,
        anyNode: order.anyNode,
        network: networkOf(folder, isHere ? store : undefined),
        ...(isHere ? { present: { folder: store, isLive: false } } : {}),
        onProgress: progressOf(say),
      })
      const duration = Math.round(performance.now() - began)
      const kept = order.dryRun ? undefined : install(parts, scratch, tried, { name: basename(order.file), duration })
      say({ result: { ...viewOf(tried, duration), dry_run: order.dryRun, kept: kept ?? null } })
      return tried.proof.code !== undefined || tried.unreadable !== undefined || (tried.losses ?? []).some(({ operations }) => operations > 0) ? exitFindings : 0
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
  })
}

/** Derives the store again from its journal; the old one is kept. */
export function rebuildOffline(parts: OfflineParts): Promise<number> {
  return offline(parts, false, async (keys) => {
    const { folder, now, say } = parts
    const scratch = join(folder, `${restoring}${randomBytes(6).toString('hex')}`)
    const target = join(scratch, 'store')
    mkdirSync(target, { recursive: true, mode: 0o700 })
    try {
      const progress = progressOf(say)
      const node = didOfKey(keys.key.publicKey)
      const spaces = await rebuildStore({ present: join(folder, 'store'), target, key: keys.key, node, now, onProgress: (done, total) => progress('fold', done, total) })
      const kept = swapStore(folder, join(basename(scratch), 'store'), 'rebuild', now)
      const wrong = spaces.filter(({ root, before }) => root !== before).length
      say({ result: { spaces: spaces.map(({ space, root, before }) => ({ space, root, changed: root !== before })), changed: wrong, kept } })
      return wrong > 0 ? exitFindings : 0
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
  })
}

const restoring = 'restoring-'

/** Holds the folder while it is worked on; a dry run only looks that nobody does. */
async function offline(parts: OfflineParts, onlyLooks: boolean, work: (keys: NodeKeys) => Promise<number>): Promise<number> {
  const { folder, passphrases, now, say } = parts
  const refused = (code: Code, params: Readonly<Record<string, unknown>>): number => {
    say({ problem: { code, params } })
    return codeClasses[codes[code].class].exit
  }
  try {
    const identity = join(folder, 'identity.key')
    if (!existsSync(identity)) throw new KeyFileRefused('KEY_FILE_MISSING', { file: identity, command: `cp <your copy of identity.key> ${identity}` })
    const holder = holderOf(folder)
    if (holder !== undefined) throw new FolderHeld(folder, holder)
    const keys = await openNodeKeys(folder, passphrases, now)
    if (onlyLooks) return await work(keys)
    const lock = lockFolder(folder)
    try {
      finishSwap(folder)
      for (const name of readdirSync(folder)) if (name.startsWith(restoring)) rmSync(join(folder, name), { recursive: true, force: true })
      return await work(keys)
    } finally {
      lock.release()
    }
  } catch (error) {
    if (error instanceof FolderHeld) return refused('NODE_RUNNING', { pid: error.pid })
    if (error instanceof CallRefusal) return refused(error.code, error.details.params ?? {})
    if (error instanceof KeyFileRefused) return refused(error.code, error.params ?? {})
    if (error instanceof ArchiveFault) return refused('BACKUP_UNKNOWN', { file: error.message })
    if (error instanceof StoreFault) return refused('STORE_UNREADABLE', { reason: error.message })
    throw error
  }
}

/** Everything that may open the file: this node's key, somebody's key, its own passphrase. */
async function openers(keys: NodeKeys, { passphrases }: OfflineParts, { keyFile, passphraseFile }: RestoreOrder) {
  const seeds = [new Secret(Uint8Array.from(keys.seed))]
  if (keyFile !== undefined) {
    const opened = await unlockKeyFile(await readKeyFile(keyFile), nodeKeyFileCrypto, passphrases, 'ICN_PASSPHRASE_FILE=<file> icnctl restore …')
    seeds.push(new Secret(mainSeed(opened).reveal((seed) => Uint8Array.from(seed))))
    wipeKeys(opened)
  }
  return { seeds, ...(passphraseFile === undefined ? {} : { passphrase: await readSecretFile(passphraseFile) }) }
}

/** Undefined: this machine has met none. */
function networkOf(folder: string, store: string | undefined): OperationId | undefined {
  const joined = readNetworkFile(folder)?.network
  if (joined !== undefined || store === undefined) return joined
  try {
    const source = openSqliteReading({ folder: store, isLive: false })
    try {
      return storedSpaces(source).find(({ space }) => space === commonsSpace)?.genesis
    } finally {
      source.close()
    }
  } catch (error) {
    // A store that cannot be read is what restores are for.
    if (error instanceof StoreFault) return undefined
    throw error
  }
}

function progressOf(say: OfflineParts['say']): (step: string, done: number, total: number) => void {
  let toldAt = 0
  return (step, done, total) => {
    if (performance.now() - toldAt < 250) return
    toldAt = performance.now()
    say({ progress: { step, done, total } })
  }
}

/** What was tried takes the place of what is here. The restored store knows that it is one: its node asks before it signs. */
function install(
  { folder, now }: OfflineParts,
  scratch: string,
  { summary, proof }: Tried,
  { name, duration }: { readonly name: string; readonly duration: number },
): string | null {
  const store = openSqliteStore({ folder: join(scratch, 'store') })
  try {
    const local = openLocal(store, () => {})
    markRestored(local)
    const metrics = openMetrics({ version: '', process: false })
    new RestoreProofs({ local, metrics, now: () => now }).record({
      what: 'backup',
      name,
      at: now,
      duration_ms: duration,
      roots: proof.spaces.map(({ space, root }) => ({ space, root })),
      ...(proof.code === undefined ? { result: 'proven' } : { result: 'partial', code: proof.code }),
    })
    store.flush()
  } finally {
    store.close()
  }
  const kept = swapStore(folder, join(basename(scratch), 'store'), 'restore', now)
  const { network_file } = summary.manifest
  if (network_file !== null && !existsSync(join(folder, 'network.json'))) writeFileSync(join(folder, 'network.json'), network_file, { mode: 0o644 })
  return kept
}

function viewOf({ summary, proof, losses, unreadable }: Tried, duration: number): Readonly<Record<string, unknown>> {
  const { header, manifest, sha256, bytes } = summary
  return {
    made_at: timeText(header.made_at),
    node: header.node,
    release: manifest.release,
    bytes,
    sha256,
    result: proof.code === undefined ? 'proven' : 'partial',
    code: proof.code ?? null,
    duration_ms: duration,
    spaces: manifest.spaces.map(({ space, operations, root }) => ({
      space,
      operations: Object.values(operations).reduce((sum, count) => sum + count, 0),
      root: toHex(root),
      folded: proof.spaces.find((one) => one.space === space)?.folded ?? false,
    })),
    present_unreadable: unreadable ?? null,
    lost: (losses ?? []).map(({ space, operations, gained, head, headThere, rows }) => ({
      space,
      operations,
      gained,
      newest_here: head === null ? null : timeText(head.at[0]),
      newest_there: headThere === null ? null : timeText(headThere.at[0]),
      rows,
    })),
  }
}
