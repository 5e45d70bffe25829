import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type JournalApi, Refusal, type StateReader } from '@icn/journal'
import { type CheckpointId, type Did, encodeCanonical, hourMs, leafHashesOnce, minuteMs, type RawOperation, type SpaceId, StateManifest } from '@icn/protocol'
import { spansOf, type Span } from '../archives/index.ts'
import { pack, type Packed } from '../snapshot/index.ts'
import { answer, type Question, readQuestion, type Said, type Talker } from './talk.ts'

/** Handing the state of a space out to nodes that are to hold it (snapshot page §10). */

export interface ServingParts extends Talker {
  readonly journal: Pick<JournalApi, 'info' | 'states'>
  /** Where what is handed out lies meanwhile; emptied at the start. */
  readonly folder: string
  readonly options: ServingOptions
  /** Do stewards of the space want this node to hold it? */
  mayHave(peer: Did, space: SpaceId): boolean
  /** Refused: told to the peer by its code. */
  refused(code: string): Error
}

export interface ServingOptions {
  /** Raw bytes of a chunk. */
  readonly chunkBytes: number
  /** zstd, 1–19. */
  readonly level: number
  /** Larger states are not handed out. */
  readonly stateBytesMax: number
  readonly bytesPerSecond: number
}

/** Peers that are served at once. */
const peersMax = 2
/** A peer that asks nothing for so long makes room for another [ms]. */
const peerMs = 30_000
/** A state that is older than this is made anew when somebody begins [ms]. */
const freshMs = hourMs
/** What nobody asks for is dropped [ms]. */
const idleMs = 10 * minuteMs

interface Lying extends Packed {
  readonly at: number
}

/** One state, packed in a file: pieces by their place in it. */
interface Served {
  readonly checkpoint: CheckpointId
  readonly madeAt: number
  usedAt: number
  readonly file: FileHandle
  readonly path: string
  readonly manifest: Packed
  readonly leaves: readonly Uint8Array[]
  readonly chunks: readonly (Omit<Lying, 'data'> & Span & { readonly size: number })[]
  readonly traces: readonly (Omit<Lying, 'data'> & { readonly size: number })[]
}

export class StateServing {
  readonly #parts: ServingParts
  readonly #served = new Map<SpaceId, Promise<Served>>()
  readonly #peers = new Map<Did, number>()
  /** When what was said so far has been paid for at the rate that is allowed [ms]. */
  #paidAt = 0
  #isReady: Promise<unknown> | undefined

  constructor(parts: ServingParts) {
    this.#parts = parts
  }

  /** Undefined for what is no question. Rejects with what `refused` makes of SPACE_NOT_PROVEN, NOTHING_FINAL, SNAPSHOT_TOO_LARGE, SNAPSHOT_UNKNOWN, PEER_BUSY. */
  async answer(peer: Did, request: Uint8Array): Promise<Uint8Array | undefined> {
    const question = readQuestion(this.#parts, peer, request)
    if (question === undefined) return undefined
    const { space, checkpoint, what } = question
    if (!this.#parts.mayHave(peer, space)) throw this.#parts.refused('SPACE_NOT_PROVEN')
    this.#demandRoom(peer)
    const served = await this.#of(space, what === 'manifest')
    if (served === undefined || (checkpoint !== undefined && checkpoint !== served.checkpoint)) throw this.#parts.refused('SNAPSHOT_UNKNOWN')
    served.usedAt = this.#parts.now()
    const said = await this.#piece(served, question)
    if (said === undefined) throw this.#parts.refused('SNAPSHOT_UNKNOWN')
    await this.#pace(said.data.length)
    return answer(this.#parts, question, served.checkpoint, said)
  }

  /** Drops what nobody asks for any more. */
  async cleanUp(): Promise<void> {
    for (const [space, making] of this.#served) {
      const served = await making.catch(() => undefined)
      if (served !== undefined && this.#parts.now() - served.usedAt > idleMs) await this.#drop(space, served)
    }
  }

  async close(): Promise<void> {
    for (const [space, making] of this.#served) {
      const served = await making.catch(() => undefined)
      if (served !== undefined) await this.#drop(space, served)
    }
  }

  #demandRoom(peer: Did): void {
    const now = this.#parts.now()
    for (const [other, at] of this.#peers) if (now - at > peerMs) this.#peers.delete(other)
    if (!this.#peers.has(peer) && this.#peers.size >= peersMax) throw this.#parts.refused('PEER_BUSY')
    this.#peers.set(peer, now)
  }

  /** As slow as it takes for everything handed out to stay below the rate. */
  async #pace(bytes: number): Promise<void> {
    const now = this.#parts.now()
    this.#paidAt = Math.max(this.#paidAt, now) + (bytes / this.#parts.options.bytesPerSecond) * 1_000
    const wait = this.#paidAt - now
    if (wait > 50) await new Promise((resolve) => setTimeout(resolve, wait))
  }

  async #of(space: SpaceId, mayMake: boolean): Promise<Served | undefined> {
    const making = this.#served.get(space)
    const served = await making?.catch(() => undefined)
    const last = this.#parts.journal.info(space)?.checkpoint?.id
    const isGood = served !== undefined && (served.checkpoint === last || this.#parts.now() - served.madeAt < freshMs)
    if (isGood || !mayMake) return served
    if (this.#served.get(space) !== making) return this.#of(space, mayMake)
    if (served !== undefined) await this.#drop(space, served)
    const made = this.#make(space)
    this.#served.set(space, made)
    made.catch(() => this.#served.delete(space))
    return made
  }

  async #make(space: SpaceId): Promise<Served> {
    const { journal, folder, options } = this.#parts
    this.#isReady ??= rm(folder, { recursive: true, force: true }).then(() => mkdir(folder, { recursive: true, mode: 0o700 }))
    await this.#isReady
    let reader: StateReader
    try {
      reader = await journal.states.open(space)
    } catch (error) {
      throw error instanceof Refusal ? this.#parts.refused(error.code) : error
    }
    const path = join(folder, `${randomBytes(8).toString('hex')}.state`)
    try {
      if (reader.bytes > options.stateBytesMax) throw this.#parts.refused('SNAPSHOT_TOO_LARGE')
      const file = await open(path, 'wx+', 0o600)
      return await packInto(file, path, reader, options, this.#parts.now()).catch(async (error: unknown) => {
        await file.close()
        await rm(path, { force: true })
        throw error
      })
    } finally {
      reader.close()
    }
  }

  async #piece(served: Served, { what, from }: Question): Promise<Said | undefined> {
    if (what === 'manifest') return from === 0 ? { index: 0, total: 1, ...served.manifest } : undefined
    if (what === 'leaves') {
      const total = Math.ceil(served.leaves.length / leafHashesOnce)
      const hashes = served.leaves.slice(from * leafHashesOnce, (from + 1) * leafHashesOnce)
      const data = new Uint8Array(Buffer.concat(hashes))
      return hashes.length === 0 ? undefined : { index: from, total, firstLeaf: from * leafHashesOnce, leafCount: hashes.length, compression: 'none', raw_size: data.length, data }
    }
    const list = what === 'chunks' ? served.chunks : served.traces
    const lying = list[from]
    if (lying === undefined) return undefined
    const data = new Uint8Array(lying.size)
    await served.file.read(data, 0, lying.size, lying.at)
    const span = served.chunks[from]
    const leaves = what === 'chunks' && span !== undefined ? { firstLeaf: span.from, leafCount: span.to - span.from } : {}
    return { index: from, total: list.length, ...leaves, compression: lying.compression, raw_size: lying.raw_size, data }
  }

  async #drop(space: SpaceId, served: Served): Promise<void> {
    this.#served.delete(space)
    await served.file.close()
    await rm(served.path, { force: true })
  }
}

/** Everything but leaf hashes goes into the file, so that the read snapshot can be given back at once. */
async function packInto(file: FileHandle, path: string, reader: StateReader, { level, chunkBytes }: ServingOptions, now: number): Promise<Served> {
  let at = 0
  const put = async (raw: Uint8Array) => {
    const { data, ...packed } = pack(raw, level)
    const lying = { ...packed, at, size: data.length }
    await file.write(data, 0, data.length, at)
    at += data.length
    return lying
  }
  const spans = spansOf(reader, chunkBytes)
  const chunks: Served['chunks'][number][] = []
  for (const span of spans) {
    const raw = new Uint8Array(Buffer.concat(Array.from({ length: span.to - span.from }, (_, index) => reader.leaf(span.from + index))))
    chunks.push({ ...span, ...(await put(raw)) })
  }
  const traces: Served['traces'][number][] = []
  for await (const page of reader.traces()) traces.push(await put(page))
  const manifest: StateManifest = {
    certificate: wholeOf(reader.certificate),
    first: wholeOf(reader.first),
    count: reader.count,
    leaves: reader.leaves.length,
    pairs: reader.pairsCount,
    bytes: reader.bytes,
    traces: traces.length,
    chunks: chunks.map(({ from, to, raw_size }) => [to - from, raw_size]),
  }
  return {
    checkpoint: reader.checkpoint,
    madeAt: now,
    usedAt: now,
    file,
    path,
    manifest: pack(encodeCanonical(StateManifest.parse(manifest)), level),
    leaves: reader.leaves.map(({ hash }) => hash),
    chunks,
    traces,
  }
}

const wholeOf = ({ envelope, signature, body }: RawOperation): [Uint8Array, Uint8Array, Uint8Array] => [envelope, signature, body as Uint8Array]
