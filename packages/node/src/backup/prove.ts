import { randomBytes } from 'node:crypto'
import { rulesOfSpace } from './rules.ts'
import {
  isStored,
  type JournalApi,
  journalDefaults,
  openJournal,
  openSqliteStore,
  Refusal,
  type Source,
  type Store,
  type StoredSpace,
  storedOperations,
  storedRoot,
  storedSpaces,
} from '@icn/journal'
import {
  commonsSpace,
  type Code,
  didOfKey,
  digestOfCid,
  equalBytes,
  keyOfDid,
  parseOperation,
  type RawOperation,
  type Rules,
  type SpaceId,
  signingBytes,
  toHex,
} from '@icn/protocol'
import { signingKeyFromSeed, verifySignature } from '@icn/protocol/node'
import { refuse } from '../calls/refusal.ts'
import type { BackedSpace, BackupHeader, BackupManifest } from './format.ts'

export interface ProofParts {
  /** The store that was unpacked. */
  readonly source: Source
  readonly header: BackupHeader
  readonly manifest: BackupManifest
  /** An empty folder for what is folded. */
  readonly folder: string
  readonly signal?: AbortSignal | undefined
  /** Operations that were folded. */
  onProgress?(done: number, total: number): void
}

export interface ProvenSpace {
  readonly space: SpaceId
  readonly root: string
  /** False: not everything that was said is in it, so its state could not be worked out again. */
  readonly folded: boolean
}

export interface Proof {
  readonly spaces: readonly ProvenSpace[]
  readonly operations: number
  /** Why it is less than everything. */
  readonly code?: Code
}

/** Operations handed over at once. */
const sliceCount = 512

/**
 * Checks every signature and folds every space anew from its operations, into a store of its own; what comes out must be what the manifest says.
 * Refuses `RESTORE_DIFFERS` with the space where it is not.
 */
export async function proveStore(parts: ProofParts): Promise<Proof> {
  const { source, header, manifest, folder, signal } = parts
  const stored = storedSpaces(source)
  if (stored.length !== manifest.spaces.length) throw refuse('RESTORE_DIFFERS', { space: '', what: 'spaces' })
  for (const [index, said] of manifest.spaces.entries()) demandSame(source, stored[index] as StoredSpace, said)
  const total = manifest.spaces.reduce((sum, { operations }) => sum + placedOf(operations), 0)
  const seed = new Uint8Array(randomBytes(32))
  const key = signingKeyFromSeed(seed)
  // As late as the latest operation: nothing waits for the clock again.
  const at = Math.max(header.made_at, ...stored.map(({ head }) => head?.at[0] ?? 0))
  const journal = openJournal({
    store: openSqliteStore({ folder, cacheBytes: 16_777_216 }),
    key,
    node: didOfKey(key.publicKey),
    rulesOf: rulesOfSpace,
    wall: () => at,
    options: { ...journalDefaults, cacheBytes: 67_108_864, eventsLogCount: 1_000, spacesCount: 1_000 },
  })
  let done = 0
  const told = (count: number): void => {
    done += count
    parts.onProgress?.(done, total)
  }
  try {
    const spaces: ProvenSpace[] = []
    // The network first: coops name it.
    for (const space of stored.toSorted((a, b) => Number(b.space === commonsSpace) - Number(a.space === commonsSpace))) {
      const said = manifest.spaces[stored.indexOf(space)] as BackedSpace
      const root = toHex(said.root)
      const isWhole = said.folded && said.live && checkOperations(source, space, () => signal?.throwIfAborted())
      if (!isWhole) told(placedOf(said.operations))
      else {
        if (space.historyFrom !== null) await beginFromState(journal, source, space)
        await foldSpace({ ...parts, journal, told }, space)
        const folded = journal.info(space.space)
        if (folded === undefined || !equalBytes(folded.setDigest, said.set_digest)) throw refuse('RESTORE_DIFFERS', { space: space.space, what: 'operations' })
        if (!equalBytes(journal.root(space.space).root, said.root)) throw refuse('RESTORE_DIFFERS', { space: space.space, what: 'root' })
      }
      // A name that was taken over is kept for the record only; there is nothing to come back to.
      spaces.push({ space: space.space, root, folded: isWhole || !said.live })
    }
    const [finding] = journal.doctor()
    if (finding !== undefined) throw refuse('RESTORE_DIFFERS', { space: String(finding.evidence?.['space'] ?? ''), what: finding.invariant })
    return { spaces, operations: done, ...(spaces.every(({ folded }) => folded) ? {} : { code: 'RESTORE_PARTIAL' as const }) }
  } finally {
    await journal.close()
  }
}

export const placedOf = ({ applied, refused, late, forked, superseded }: BackedSpace['operations']): number => applied + refused + late + forked + superseded

/** What was unpacked is what the manifest speaks of. */
function demandSame(source: Source, stored: StoredSpace, said: BackedSpace): void {
  const isSame =
    stored.space === said.space &&
    stored.genesis === said.genesis &&
    stored.rules === said.rules &&
    equalBytes(stored.setDigest, said.set_digest) &&
    equalBytes(storedRoot(source, stored).root, said.root)
  if (!isSame) throw refuse('RESTORE_DIFFERS', { space: said.space, what: 'rows' })
}

/** Every signature, also of operations whose bodies were forgotten. False where a body or something before it is not here. */
export function checkOperations(source: Source, space: StoredSpace, turn: () => void): boolean {
  let isWhole = isStored(source, digestOfCid(space.genesis))
  let count = 0
  for (const raw of storedOperations(source, space)) {
    turn()
    count++
    if (raw.body !== null) continue
    isWhole = false
    if (!isSigned(raw)) throw refuse('RESTORE_DIFFERS', { space: space.space, what: 'signature' })
  }
  // What is only known by name is counted as placed, but is not there.
  return isWhole && count === placedOf(space.operations)
}

function isSigned(raw: RawOperation): boolean {
  const parsed = parseOperation(raw.envelope, raw.signature, raw.body)
  return 'operation' in parsed && verifySignature(raw.signature, signingBytes(raw.envelope), keyOfDid(parsed.operation.envelope.signer))
}

/** A space that has begun from a state begins from the state at its last checkpoint again, as its certificate proves it; what came after is folded. Refuses `RESTORE_DIFFERS`. */
export async function beginFromState(journal: Pick<JournalApi, 'states'>, source: Source, { space }: StoredSpace): Promise<void> {
  const key = signingKeyFromSeed(new Uint8Array(randomBytes(32)))
  const reading = openJournal({
    store: lookedAt(source),
    key,
    node: didOfKey(key.publicKey),
    rulesOf: rulesOfSpace,
    wall: () => 0,
    options: { ...journalDefaults, spacesCount: 1_000 },
  })
  try {
    const reader = await reading.states.open(space)
    try {
      await journal.states.install(reader)
    } finally {
      reader.close()
    }
  } catch (error) {
    throw error instanceof Refusal ? refuse('RESTORE_DIFFERS', { space, what: error.code }) : error
  } finally {
    await reading.close()
  }
}

/** A store that is only looked at: what an engine would note in it is of no use to anybody. */
function lookedAt(source: Source): Store {
  const view: Source = { get: (map, key) => source.get(map, key), range: (...asked) => source.range(...asked) }
  return { ...view, kind: 'sqlite', snapshot: () => ({ ...view, close() {} }), write() {}, flush() {}, reopen() {}, backup() {}, sizeOnDisk: () => 0, close() {} }
}

/** Hands over every placed operation of a space, in its order. Refuses `RESTORE_DIFFERS` where one is not what was signed. */
export async function foldSpace(
  { source, journal, signal, told }: Pick<ProofParts, 'source' | 'signal'> & { readonly journal: Pick<JournalApi, 'ingest'>; told(count: number): void },
  space: StoredSpace,
): Promise<void> {
  let slice: RawOperation[] = []
  const hand = async (): Promise<void> => {
    if (slice.length === 0) return
    signal?.throwIfAborted()
    const { malformed } = await journal.ingest(space.space, slice)
    if (malformed.length > 0) throw refuse('RESTORE_DIFFERS', { space: space.space, what: malformed[0]?.reason ?? 'malformed' })
    told(slice.length)
    slice = []
  }
  for (const { envelope, signature, body } of storedOperations(source, space)) {
    slice.push({ envelope, signature, body })
    if (slice.length === sliceCount) await hand()
  }
  await hand()
}
