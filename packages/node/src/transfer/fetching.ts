import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Installed, type JournalApi, leafHashesOf, Refusal, rootOfLeaves } from '@icn/journal'
import {
  type CheckpointId,
  checkpointIdOf,
  compareClocks,
  decodeExactly,
  type Did,
  didOfKey,
  digestOfCid,
  equalBytes,
  type EvidenceName,
  invariant,
  leafHashesOnce,
  type OperationId,
  parseOperation,
  type RawOperation,
  SpaceCheckpoint,
  type SpaceId,
  StateManifest,
  toHex,
} from '@icn/protocol'
import { refuse } from '../calls/refusal.ts'
import { unpackChunk, unpackTraces } from '../snapshot/index.ts'
import { ask, type Piece, readAnswer, type Talker, type Wanted, type What } from './talk.ts'

/** Taking the state of a space from nodes that hold it, in pieces, each checked when it comes (snapshot page §10). */

export interface FetchingParts extends Talker {
  readonly journal: Pick<JournalApi, 'states'>
  /** Where pieces lie until all are there: a restart goes on with them. */
  readonly folder: string
  /** Larger states are not taken. */
  readonly stateBytesMax: number
  /** Rejects when the peer refuses, or does not answer. */
  ask(peer: Did, request: Uint8Array): Promise<Uint8Array>
  report(kind: EvidenceName, peer: Did, detail: string): void
}

export interface StateWanted {
  readonly space: SpaceId
  readonly genesis: OperationId
  /** Who may have it, the best first. */
  readonly peers: readonly Did[]
  /** Hosts that somebody has named: one of them has to have signed the certificate. */
  readonly trusted: readonly Did[]
  /** Spaces with fewer operations before the cut are better told from the first one. */
  readonly countMin: number
}

export interface Fetching {
  readonly signal?: AbortSignal
  /** Once it is known what is taken, and after each piece [bytes]. */
  readonly onProgress?: (from: Did, done: number, of: number) => void
}

/** Requests that wait for their answers at once. */
const requestsMax = 4
/** After so many answers that did not come, a peer is left alone. */
const missesMax = 3
const manifestsMax = 3

/** A state that somebody offers, as far as it can be checked before it is here. */
interface Offer {
  readonly from: Did
  readonly manifest: StateManifest
  readonly checkpoint: CheckpointId
  readonly body: SpaceCheckpoint
}

/** Undefined: nobody offers one that is worth it. Refuses SNAPSHOT_TOO_LARGE, and BOOTSTRAP_FAILED with `reason`; then nothing has changed. */
export async function fetchState(parts: FetchingParts, wanted: StateWanted, { signal, onProgress }: Fetching = {}): Promise<Installed | undefined> {
  const offers = await offersOf(parts, wanted)
  const [best] = offers.sort((a, b) => compareClocks(b.body.cut, a.body.cut))
  if (best === undefined || best.manifest.count < wanted.countMin) return undefined
  if (best.manifest.bytes > parts.stateBytesMax) throw refuse('SNAPSHOT_TOO_LARGE', { found: best.manifest.bytes, limit: parts.stateBytesMax })
  const folder = join(parts.folder, toHex(digestOfCid(best.checkpoint)).slice(0, 32))
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const taking = new Taking(parts, wanted, best, folder, signal)
  try {
    await taking.all((done) => onProgress?.(best.from, done, best.manifest.bytes))
    const installed = await parts.journal.states.install(taking.source(), signal === undefined ? {} : { signal })
    await rm(folder, { recursive: true, force: true })
    return installed
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'STATE_UNPROVEN') throw error
    // All of it: whoever made one part wrong may have made others wrong.
    await rm(folder, { recursive: true, force: true })
    if (error.params['reason'] === 'certificate') parts.report('bad_page', best.from, 'a certificate that certifies nothing')
    throw refuse('BOOTSTRAP_FAILED', { space: wanted.space, reason: error.params['reason'] })
  }
}

/** What the first peers that answer have to offer. */
async function offersOf(parts: FetchingParts, wanted: StateWanted): Promise<Offer[]> {
  const offers: Offer[] = []
  for (const peer of wanted.peers) {
    if (offers.length === manifestsMax) break
    const piece = await pieceFrom(parts, peer, { space: wanted.space, checkpoint: undefined, what: 'manifest', from: 0 })
    if (piece === undefined) continue
    const offer = offerOf(wanted, peer, piece)
    if (offer !== undefined) offers.push(offer)
    else parts.report('bad_page', peer, 'a manifest that contradicts its certificate')
  }
  return offers
}

function offerOf({ space, genesis, trusted }: StateWanted, from: Did, piece: Piece): Offer | undefined {
  const raw = unpackChunk(piece)
  const manifest = raw === undefined ? undefined : decodeExactly(StateManifest, raw)
  if (manifest === undefined) return undefined
  const [envelope, signature, bytes] = manifest.certificate
  const parsed = parseOperation(envelope, signature, bytes)
  if ('malformed' in parsed || parsed.operation.envelope.space !== space || parsed.operation.envelope.genesis !== genesis) return undefined
  const body = decodeExactly(SpaceCheckpoint, bytes)
  if (body === undefined || body.pairs !== manifest.pairs || body.size !== manifest.bytes || body.count !== manifest.count) return undefined
  if (!body.acks.some(({ key }) => trusted.includes(didOfKey(key)))) return undefined
  return { from, manifest, checkpoint: checkpointIdOf(space, genesis, body) as CheckpointId, body }
}

/** Undefined: it did not answer, or with something else. */
async function pieceFrom(parts: FetchingParts, peer: Did, wanted: Wanted): Promise<Piece | undefined> {
  const answer = await parts.ask(peer, ask(parts, wanted)).catch(() => undefined)
  return answer === undefined ? undefined : readAnswer(parts, peer, wanted, answer)
}

/** One state while its pieces come. */
class Taking {
  readonly #parts: FetchingParts
  readonly #wanted: StateWanted
  readonly #offer: Offer
  readonly #folder: string
  readonly #signal: AbortSignal | undefined
  /** Who is asked, and how often they did not answer. */
  readonly #misses: Map<Did, number>
  #turn = 0
  #hashes: Uint8Array[] = []
  /** Of each chunk, its number. */
  readonly #firstLeaf: readonly number[]

  constructor(parts: FetchingParts, wanted: StateWanted, offer: Offer, folder: string, signal: AbortSignal | undefined) {
    this.#parts = parts
    this.#wanted = wanted
    this.#offer = offer
    this.#folder = folder
    this.#signal = signal
    const firstLeaf: number[] = []
    let leaf = 0
    for (const [count] of offer.manifest.chunks) {
      firstLeaf.push(leaf)
      leaf += count
    }
    this.#firstLeaf = firstLeaf
    this.#misses = new Map([offer.from, ...wanted.peers].map((peer) => [peer, 0]))
  }

  async all(progress: (done: number) => void): Promise<void> {
    const { chunks, traces } = this.#offer.manifest
    await this.#takeLeaves()
    let done = 0
    await this.#each(chunks.length, async (index) => {
      await this.#piece('chunks', index, (raw) => this.#isChunk(index, raw))
      done += (chunks[index] as readonly [number, number])[1]
      progress(done)
    })
    await this.#each(traces, (index) => this.#piece('page', index, () => true))
  }

  source(): Parameters<JournalApi['states']['install']>[0] {
    const { manifest } = this.#offer
    const { space, genesis } = this.#wanted
    const read = async function* (count: number, pathOf: (index: number) => string): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < count; index++) yield new Uint8Array(await readFile(pathOf(index)))
    }
    return {
      network: this.#parts.network(),
      space,
      genesis,
      certificate: rawOf(manifest.certificate),
      first: rawOf(manifest.first),
      pairs: () => read(manifest.chunks.length, (index) => this.#path('chunks', index)),
      traces: () => read(manifest.traces, (index) => this.#path('page', index)),
    }
  }

  /** Hashes of all leaves: with them each chunk can be judged by itself. */
  async #takeLeaves(): Promise<void> {
    const { leaves, pairs, bytes } = this.#offer.manifest
    for (const peer of [...this.#misses.keys()]) {
      const whole = await this.#leavesFrom(peer, leaves)
      if (whole === undefined) continue
      this.#hashes = Array.from({ length: leaves }, (_, index) => new Uint8Array(whole.subarray(32 * index, 32 * (index + 1))))
      if (equalBytes(rootOfLeaves(this.#hashes, pairs, bytes).root, this.#offer.body.root)) return
      this.#bad(peer, 'bad_page', 'leaf hashes that do not give the certified root')
    }
    throw this.#failed('sources')
  }

  /** All from one, so that it is known whose they are. Undefined: it does not have them, or gave something else. */
  async #leavesFrom(peer: Did, leaves: number): Promise<Buffer | undefined> {
    const { checkpoint } = this.#offer
    const pages: Uint8Array[] = []
    for (let page = 0; page * leafHashesOnce < leaves; page++) {
      this.#signal?.throwIfAborted()
      const piece = await pieceFrom(this.#parts, peer, { space: this.#wanted.space, checkpoint, what: 'leaves', from: page })
      if (piece === undefined) return undefined
      if (piece.compression !== 'none' || piece.data.length !== 32 * Math.min(leafHashesOnce, leaves - page * leafHashesOnce)) {
        this.#bad(peer, 'bad_page', 'as many leaf hashes as nobody asked for')
        return undefined
      }
      pages.push(piece.data)
    }
    return Buffer.concat(pages)
  }

  #isChunk(index: number, raw: Uint8Array): boolean {
    const [count, size] = this.#offer.manifest.chunks[index] as readonly [number, number]
    const first = this.#firstLeaf[index] as number
    const hashes = raw.length === size ? leafHashesOf(raw) : undefined
    return hashes?.length === count && hashes.every((hash, at) => equalBytes(hash, this.#hashes[first + at] as Uint8Array))
  }

  /** What lies here already is looked at again; what does not fit is asked of one after the other. */
  async #piece(what: 'chunks' | 'page', index: number, fits: (raw: Uint8Array) => boolean): Promise<void> {
    const path = this.#path(what, index)
    const known = await readFile(path).catch(() => undefined)
    if (known !== undefined && fits(new Uint8Array(known))) return
    for (;;) {
      const { piece, peer } = await this.#ask(what, index)
      const raw = what === 'chunks' ? unpackChunk(piece) : unpackTraces(piece)
      if (raw !== undefined && fits(raw)) {
        await writeFile(`${path}.part`, raw, { mode: 0o600 })
        await rename(`${path}.part`, path)
        return
      }
      this.#bad(peer, 'bad_chunk', `a ${what === 'chunks' ? 'chunk' : 'page of names'} that is not what was certified`)
    }
  }

  async #ask(what: What, index: number): Promise<{ readonly piece: Piece; readonly peer: Did }> {
    const { space } = this.#wanted
    for (;;) {
      this.#signal?.throwIfAborted()
      if (this.#misses.size === 0) throw this.#failed('sources')
      const peers = [...this.#misses.keys()]
      const peer = peers[this.#turn++ % peers.length] as Did
      const piece = await pieceFrom(this.#parts, peer, { space, checkpoint: this.#offer.checkpoint, what, from: index })
      if (piece !== undefined) {
        if (this.#misses.has(peer)) this.#misses.set(peer, 0)
        return { piece, peer }
      }
      const misses = (this.#misses.get(peer) ?? missesMax) + 1
      // Others may have made another checkpoint meanwhile, and have this one no more.
      if (misses >= missesMax) this.#misses.delete(peer)
      else this.#misses.set(peer, misses)
    }
  }

  #failed(reason: string): Error {
    return refuse('BOOTSTRAP_FAILED', { space: this.#wanted.space, reason })
  }

  #bad(peer: Did, kind: EvidenceName, detail: string): void {
    // Answers that were under way when it was found out are the same lie.
    if (this.#misses.delete(peer)) this.#parts.report(kind, peer, detail)
  }

  /** Some at once; the first that fails ends all of them. */
  async #each(count: number, run: (index: number) => Promise<void>): Promise<void> {
    let next = 0
    const worker = async (): Promise<void> => {
      for (let index = next++; index < count; index = next++) await run(index)
    }
    await Promise.all(Array.from({ length: Math.min(requestsMax, count) }, worker))
  }

  #path(what: 'chunks' | 'page', index: number): string {
    invariant(Number.isSafeInteger(index), 'an index names a file')
    return join(this.#folder, `${what}-${index}`)
  }
}

const rawOf = ([envelope, signature, body]: readonly [Uint8Array, Uint8Array, Uint8Array]): RawOperation => ({ envelope, signature, body })
