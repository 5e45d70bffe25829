import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { concatBytes, type Did, didOfKey, encodeCanonical, type OperationId, Secret, type SpaceId, utf8, cidOf } from '@icn/protocol'
import { type SigningKey, signingKeyFromSeed } from '@icn/protocol/node'
import { Chance } from '@icn/testkit'
import { CallRefusal } from '../../calls/refusal.ts'
import type { ArchiveFiles, ArchiveHandle } from '../../sealed-file/index.ts'
import { pack, packOperations } from './pack.ts'
import type { ArchiveReading } from './read.ts'
import { type ArchiveManifest, type ArchiveRecord, type ArchiveSubject, archiveMagic, encodeRecord, encodeRecordHead, endByte, endBytes, signManifest } from './records.ts'

/** A small archive to try things on, and a disk in memory that does what a test asks of it. */

export const seedOf = (n: number): Uint8Array => new Uint8Array(32).fill(n)
export const keyOf = (n: number): SigningKey => signingKeyFromSeed(seedOf(n))
export const didOf = (n: number): Did => didOfKey(keyOf(n).publicKey)
export const secretOf = (n: number): Secret => new Secret(seedOf(n))

const id = (text: string): OperationId => cidOf(utf8(text)) as OperationId
export const supports = { rules: ['first', 'second'], schema: 3 }

export const subjectOf = (name = 'food'): ArchiveSubject => ({
  network_id: id('network'),
  space: `coop:${name}` as SpaceId,
  genesis: id(name),
  cut: [1_790_000_000_000, 7],
  root: new Uint8Array(createHash('sha256').update(name).digest()),
})

export interface SampleOptions {
  readonly name?: string
  /** Raw bytes of each chunk. */
  readonly chunks?: readonly number[]
  /** Bytes that cannot be made smaller. */
  readonly random?: boolean
  readonly manifest?: Partial<ArchiveManifest>
}

export interface Sample {
  readonly subject: ArchiveSubject
  readonly records: readonly ArchiveRecord[]
}

type BodyOf<T extends ArchiveRecord['type']> = Extract<ArchiveRecord, { type: T }>['body']

const vectorPage = (n: number): BodyOf<'vector'> => [[keyOf(n).publicKey, n, id(`head ${n}`)]]
const operation = (n: number): readonly [Uint8Array, Uint8Array, Uint8Array | null] => [utf8(`envelope ${n}`), new Uint8Array(64).fill(n), n % 2 === 0 ? null : utf8('body')]
const digestOf = (body: unknown): Uint8Array => new Uint8Array(createHash('sha256').update(encodeCanonical(body)).digest())

/** Two pages of the vector, one of them named by a layer; two pages of leaves; chunks with two leaves each; one page of operations. */
export async function sampleOf({ name = 'food', chunks = [300, 200, 100], random = false, manifest: said = {} }: SampleOptions = {}): Promise<Sample> {
  const subject = subjectOf(name)
  const chance = new Chance(chunks.length)
  const packed = chunks.map((size, n) => pack(random ? Uint8Array.from({ length: size }, () => chance.below(256)) : new Uint8Array(size).fill(n), 3))
  const bodies = packed.map((one, n): BodyOf<'chunk'> => ({ chunk_index: n, total_chunks: packed.length, first_leaf: 2 * n, leaf_count: 2, ...one }))
  const manifest = await signManifest(
    subject,
    {
      checkpoint: [utf8('envelope'), new Uint8Array(64), utf8('body')],
      first: [utf8('first'), new Uint8Array(64), utf8('body')],
      traces: 1,
      layers: [
        { cut: [1_789_000_000_000, 0], changes: [[keyOf(1).publicKey, 4, id('head')]] },
        { cut: subject.cut, pages: [digestOf(vectorPage(2)), digestOf(vectorPage(1))] },
      ],
      vector: [digestOf(vectorPage(1))],
      pairs: 5,
      bytes: chunks.reduce((sum, size) => sum + size, 0),
      tables: [
        { name: 'coop.members', pairs: 3 },
        { name: 'coop.hosts', pairs: 2 },
      ],
      chunks: bodies.map(({ first_leaf, leaf_count, raw_size, data }) => ({ first_leaf, leaf_count, raw_size, size: data.length })),
      operations: 'tail',
      rules: 'second',
      schema: 3,
      release: '0.1.0',
      made_at: 1_790_000_060_000,
      group: new Uint8Array(16).fill(5),
      ...said,
    },
    keyOf(9),
  )
  const leaves = 2 * bodies.length
  const hashes = (from: number, to: number): BodyOf<'leaves'> => ({ first_leaf: from, hashes: new Uint8Array(32 * (to - from)).fill(from + 1) })
  const records: ArchiveRecord[] = [
    { type: 'manifest', body: manifest },
    { type: 'vector', body: vectorPage(1) },
    { type: 'vector', body: vectorPage(2) },
    { type: 'traces', body: pack(utf8('names and places'), 3) },
    ...(leaves === 0 ? [] : [hashes(0, leaves - 1), hashes(leaves - 1, leaves)].map((body) => ({ type: 'leaves', body }) as const)),
    ...bodies.map((body) => ({ type: 'chunk', body }) as const),
    { type: 'operations', body: packOperations([1, 2].map(operation), 3) },
  ]
  return { subject, records }
}

/** A file of these records without encryption, its end right: what somebody could put together who wants to deceive. */
export function plainFile(subject: ArchiveSubject, records: readonly ArchiveRecord[], header: Readonly<Record<string, unknown>> = {}): Uint8Array {
  return endedFile(
    subject,
    records.map((record) => {
      const { byte, payload } = encodeRecord(record)
      return concatBytes(encodeRecordHead(byte, payload.length), payload)
    }),
    header,
  )
}

export function endedFile(subject: ArchiveSubject, records: readonly Uint8Array[], header: Readonly<Record<string, unknown>> = {}): Uint8Array {
  const bytes = encodeCanonical({ v: 1, ...subject, encrypted: null, ...header })
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  const all = concatBytes(archiveMagic, length, bytes, ...records)
  return concatBytes(all, encodeRecordHead(endByte, endBytes), createHash('sha256').update(all).digest())
}

/** The code of the refusal; anything else that is thrown goes on. */
export async function codeOf(reading: Promise<unknown>): Promise<string | undefined> {
  try {
    await reading
    return undefined
  } catch (error) {
    if (error instanceof CallRefusal) return error.code
    throw error
  }
}

interface Held {
  bytes: Uint8Array
  synced: number
}

export class PowerGone extends Error {}

/** Files by path. `before` runs before each step and may throw; what a file has beyond `synced` is lost with the power. */
export class MemoryFiles implements ArchiveFiles {
  readonly held = new Map<string, Held>()
  readonly steps: string[] = []
  before: (step: string, path: string) => void = () => {}
  /** What a write leaves on the disk. */
  damage: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes

  static of(path: string, bytes: Uint8Array): MemoryFiles {
    const files = new MemoryFiles()
    files.held.set(path, { bytes, synced: bytes.length })
    return files
  }

  create(path: string): Promise<ArchiveHandle> {
    return this.#step('create', path, () => {
      if (this.held.has(path)) throw new Error('EEXIST')
      const file: Held = { bytes: new Uint8Array(0), synced: 0 }
      this.held.set(path, file)
      return {
        read: async () => 0,
        write: (bytes) =>
          this.#step('write', path, () => {
            file.bytes = concatBytes(file.bytes, this.damage(bytes))
          }),
        sync: () =>
          this.#step('sync', path, () => {
            file.synced = file.bytes.length
          }),
        close: () => this.#step('close', path, () => {}),
      }
    })
  }

  // Called often by tests that alter each byte: no more promises than needed.
  async open(path: string): Promise<ArchiveHandle> {
    this.before('open', path)
    this.steps.push('open')
    const file = this.held.get(path)
    if (file === undefined) throw new Error('ENOENT')
    let at = 0
    return {
      read: async (into) => {
        const part = file.bytes.subarray(at, at + into.length)
        into.set(part)
        at += part.length
        return part.length
      },
      write: async () => {},
      sync: async () => {},
      close: async () => {},
    }
  }

  rename(from: string, to: string): Promise<void> {
    return this.#step('rename', to, () => {
      const file = this.held.get(from)
      if (file === undefined) throw new Error('ENOENT')
      this.held.delete(from)
      this.held.set(to, file)
    })
  }

  remove(path: string): Promise<void> {
    return this.#step('remove', path, () => {
      this.held.delete(path)
    })
  }

  list(folder: string): Promise<readonly string[]> {
    return this.#step('list', folder, () => [...this.held.keys()].map((path) => basename(path)))
  }

  syncFolder(folder: string): Promise<void> {
    return this.#step('sync_folder', folder, () => {})
  }

  async #step<T>(step: string, path: string, run: () => T): Promise<T> {
    this.before(step, path)
    this.steps.push(step)
    return run()
  }
}

export const reading = (files: ArchiveFiles, more: Partial<ArchiveReading> = {}): ArchiveReading => ({ supports, files, ...more })
