import type { StateSource } from '@icn/journal'
import type { RawOperation } from '@icn/protocol'
import { refuse } from '../calls/refusal.ts'
import { type ArchiveReader, type ArchiveRecord, unpackChunk, unpackOperations, unpackTraces } from '../snapshot/index.ts'

/** What an archive holds, record by record as it is read; each part once, in this order. */
export class ArchiveSource implements StateSource {
  readonly network: StateSource['network']
  readonly space: StateSource['space']
  readonly genesis: StateSource['genesis']
  readonly certificate: RawOperation
  readonly first: RawOperation
  readonly #records: AsyncGenerator<ArchiveRecord, unknown, undefined>
  #ahead: ArchiveRecord | undefined

  constructor(archive: ArchiveReader) {
    const { network_id, space, genesis } = archive.header
    this.network = network_id
    this.space = space
    this.genesis = genesis
    this.certificate = rawOf(archive.manifest.checkpoint)
    this.first = rawOf(archive.manifest.first)
    this.#records = archive.records()
  }

  async *traces(): AsyncGenerator<Uint8Array> {
    for await (const record of this.#while('vector', 'traces')) if (record.type === 'traces') yield demand(unpackTraces(record.body))
  }

  async *pairs(): AsyncGenerator<Uint8Array> {
    for await (const record of this.#while('leaves', 'chunk')) if (record.type === 'chunk') yield demand(unpackChunk(record.body))
  }

  async *operations(): AsyncGenerator<readonly RawOperation[]> {
    for await (const record of this.#while('operations')) if (record.type === 'operations') yield demand(unpackOperations(record.body)).map(rawOf)
  }

  /** Records of these types, up to the first of another one. */
  async *#while(...types: readonly ArchiveRecord['type'][]): AsyncGenerator<ArchiveRecord> {
    for (;;) {
      const next = this.#ahead ?? (await this.#next())
      this.#ahead = next
      if (next === undefined || !types.includes(next.type)) return
      this.#ahead = undefined
      yield next
    }
  }

  async #next(): Promise<ArchiveRecord | undefined> {
    const { done, value } = await this.#records.next()
    return done === true ? undefined : value
  }
}

const rawOf = ([envelope, signature, body]: readonly [Uint8Array, Uint8Array, Uint8Array | null]): RawOperation => ({ envelope, signature, body })

function demand<T>(unpacked: T | undefined): T {
  if (unpacked === undefined) throw refuse('ARCHIVE_DAMAGED', { at: 0, detail: 'a record that does not unpack' })
  return unpacked
}
