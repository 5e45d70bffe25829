import { createHash } from 'node:crypto'
import { StreamOpener, StreamSealer, secretStreamExtraBytes } from '@icn/protocol/node'
import { type CallRefusal, refuse } from '../calls/refusal.ts'
import { ArchiveFault, type ArchiveHandle, writing } from './files.ts'

/** Bytes of a file below its records: blocks of 64 KiB, sealed or as they are (decision 0014). */

/** What one message of an encrypted archive holds; all but the last are full. */
export const blockBytes = 65_536
/** Where buffers come from; tests count what is asked for. */
export type Allocate = (size: number) => Uint8Array
export const allocateBytes: Allocate = (size) => new Uint8Array(size)

/** `at`: how far the file had been read. `detail` is for logs. */
export const damaged = (at: number, detail: string): CallRefusal => refuse('ARCHIVE_DAMAGED', { at, detail })

/** The bytes of a file in their order, with the digest of what has been read. */
export class FileBytes {
  readonly #path: string
  readonly #handle: ArchiveHandle
  readonly #hash = createHash('sha256')
  readonly #onBytes: ((bytes: number) => void) | undefined
  #at = 0

  constructor(path: string, handle: ArchiveHandle, onBytes?: (bytes: number) => void) {
    this.#path = path
    this.#handle = handle
    this.#onBytes = onBytes
  }

  get at(): number {
    return this.#at
  }

  /** How many bytes there were; fewer than fit only at the end of the file. */
  async fill(into: Uint8Array): Promise<number> {
    let held = 0
    while (held < into.length) {
      const read = await this.#handle.read(into.subarray(held)).catch((error: unknown) => {
        throw new ArchiveFault(`the archive ${this.#path} could not be read`, error)
      })
      if (read === 0) break
      held += read
    }
    this.#hash.update(into.subarray(0, held))
    this.#at += held
    this.#onBytes?.(this.#at)
    return held
  }

  /** Of all that was read, in hexadecimal; once. */
  sha256(): string {
    return this.#hash.digest('hex')
  }
}

/** Blocks one after another, each valid until the next one is asked for; undefined at the end. */
export interface Blocks {
  next(): Promise<Uint8Array | undefined>
  close(): void
}

export function plainBlocks(file: FileBytes, allocate: Allocate): Blocks {
  const block = allocate(blockBytes)
  return {
    async next() {
      const held = await file.fill(block)
      return held === 0 ? undefined : block.subarray(0, held)
    },
    close: () => {},
  }
}

/** Hands out nothing that is not authenticated, and no end that is not the end of the stream. */
export function openedBlocks(file: FileBytes, opener: StreamOpener, additional: Uint8Array, allocate: Allocate): Blocks {
  const box = allocate(blockBytes + secretStreamExtraBytes)
  const plain = allocate(blockBytes)
  let ended = false
  return {
    async next() {
      const held = await file.fill(ended ? box.subarray(0, 1) : box)
      if (ended) {
        if (held > 0) throw damaged(file.at, 'bytes after the end')
        return undefined
      }
      if (held <= secretStreamExtraBytes) throw damaged(file.at, 'cut short')
      const block = plain.subarray(0, held - secretStreamExtraBytes)
      const tag = opener.open(box.subarray(0, held), additional, block)
      if (tag === undefined) throw damaged(file.at, 'a part that does not belong here')
      ended = tag === 'last'
      return block
    },
    close() {
      opener.wipe()
      plain.fill(0)
    },
  }
}

/** The same under the key of a stream, which is wiped; undefined: what should have held it does not open. */
export function unlockedBlocks(file: FileBytes, stream: Uint8Array, key: Uint8Array | undefined, additional: Uint8Array, allocate: Allocate): Blocks {
  if (key === undefined) throw damaged(file.at, 'a sealed key that does not open')
  try {
    return openedBlocks(file, new StreamOpener(key, stream), additional, allocate)
  } finally {
    key.fill(0)
  }
}

/** Joins blocks into pieces of the lengths that records have. */
export class Pieces {
  readonly #blocks: Blocks
  readonly #file: FileBytes
  readonly #allocate: Allocate
  #block: Uint8Array | undefined

  constructor(blocks: Blocks, file: FileBytes, allocate: Allocate) {
    this.#blocks = blocks
    this.#file = file
    this.#allocate = allocate
  }

  /** A piece of its own; refuses a file that ends before. The caller has bounded the length. */
  async take(length: number): Promise<Uint8Array> {
    const piece = this.#allocate(length)
    for (let held = 0; held < length; ) {
      if (await this.isAtEnd()) throw damaged(this.#file.at, 'cut short')
      const block = this.#block as Uint8Array
      const part = block.subarray(0, length - held)
      piece.set(part, held)
      held += part.length
      this.#block = block.subarray(part.length)
    }
    return piece
  }

  async isAtEnd(): Promise<boolean> {
    while (this.#block === undefined || this.#block.length === 0) {
      this.#block = await this.#blocks.next()
      if (this.#block === undefined) return true
    }
    return false
  }
}

/** Collects bytes into blocks and writes each as soon as it is known whether it is the last. */
export class BlockWriter {
  readonly #path: string
  readonly #handle: ArchiveHandle
  readonly #seal: ((block: Uint8Array, isLast: boolean) => Uint8Array) | undefined
  readonly #hash = createHash('sha256')
  readonly #onBytes: ((bytes: number) => void) | undefined
  readonly #block = new Uint8Array(blockBytes)
  #held = 0
  #written = 0

  constructor(path: string, handle: ArchiveHandle, seal?: (block: Uint8Array, isLast: boolean) => Uint8Array, onBytes?: (bytes: number) => void) {
    this.#path = path
    this.#handle = handle
    this.#seal = seal
    this.#onBytes = onBytes
  }

  get written(): number {
    return this.#written
  }

  /** Bytes that are never sealed; before all others. */
  async writeOpen(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes)
    await writing(this.#path, () => this.#handle.write(bytes))
    this.#written += bytes.length
    this.#onBytes?.(this.#written)
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      if (this.#held === blockBytes) await this.#flush(false)
      const part = bytes.subarray(at, at + blockBytes - this.#held)
      this.#block.set(part, this.#held)
      this.#held += part.length
      at += part.length
    }
  }

  end(): Promise<void> {
    return this.#flush(true)
  }

  sha256(): string {
    return this.#hash.digest('hex')
  }

  async #flush(isLast: boolean): Promise<void> {
    const block = this.#block.subarray(0, this.#held)
    await this.writeOpen(this.#seal === undefined ? block : this.#seal(block, isLast))
    this.#held = 0
  }
}

/** Boxes of a new stream under this key. */
export function sealing(key: Uint8Array): { readonly header: Uint8Array; seal(additional: Uint8Array): (block: Uint8Array, isLast: boolean) => Uint8Array; wipe(): void } {
  const sealer = new StreamSealer(key)
  return { header: sealer.header, seal: (additional) => (block, isLast) => sealer.seal(block, additional, isLast), wipe: () => sealer.wipe() }
}
