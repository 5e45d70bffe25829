import { createHash } from 'node:crypto'
import { equalBytes } from '@icn/protocol'
import { type ArchiveManifest, type ArchiveRecord, type ArchiveRecordType, recordTypes } from './records.ts'

/** Watches that the records of an archive stand in their order and are those that its manifest has announced. Writing and reading use the same one. */
export class RecordOrder {
  #manifest: ArchiveManifest | undefined
  #last: ArchiveRecordType = 'manifest'
  /** Names of pages that are still to come. */
  #pages: readonly Uint8Array[] = []
  #traces = 0
  #leaves = 0
  #leavesDue = 0
  #chunks = 0

  /** Why this record cannot come now; undefined when all is well. `payload` as it stands in the file. */
  take(record: ArchiveRecord, payload: Uint8Array): string | undefined {
    if ((this.#manifest === undefined) !== (record.type === 'manifest')) return 'the manifest comes first, and once'
    if (recordTypes.indexOf(record.type) < recordTypes.indexOf(this.#last)) return `${record.type} after ${this.#last}`
    this.#last = record.type
    switch (record.type) {
      case 'manifest':
        return this.#begin(record.body)
      case 'vector':
        return this.#takePage(payload)
      case 'traces':
        this.#traces++
        return this.#traces > (this.#manifest?.traces ?? 0) ? 'more pages of names than the manifest says' : undefined
      case 'leaves':
        if (record.body.first_leaf !== this.#leaves) return 'leaves are missing'
        this.#leaves += record.body.hashes.length / 32
        return this.#leaves > this.#leavesDue ? 'more leaves than chunks hold' : undefined
      case 'chunk':
        return this.#takeChunk(record.body)
      case 'operations':
        return this.#manifest?.operations === 'none' ? 'operations that the manifest does not speak of' : undefined
    }
  }

  /** What is still missing; undefined when the archive may end. */
  missing(): string | undefined {
    if (this.#manifest === undefined) return 'the manifest is missing'
    if (this.#pages.length > 0) return 'pages of the vector are missing'
    if (this.#traces < this.#manifest.traces) return 'pages of names are missing'
    if (this.#leaves < this.#leavesDue) return 'leaves are missing'
    return this.#chunks < this.#manifest.chunks.length ? 'chunks are missing' : undefined
  }

  #begin(manifest: ArchiveManifest): undefined {
    this.#manifest = manifest
    this.#leavesDue = manifest.chunks.reduce((sum, { leaf_count }) => sum + leaf_count, 0)
    const named = [...manifest.vector, ...manifest.layers.flatMap(({ pages }) => pages ?? [])]
    // A page that is named twice stands there once.
    this.#pages = [...new Map(named.map((digest) => [Buffer.from(digest).toString('hex'), digest])).values()]
  }

  #takePage(payload: Uint8Array): string | undefined {
    const [due, ...rest] = this.#pages
    if (due === undefined) return 'a page that nobody has named'
    this.#pages = rest
    return equalBytes(createHash('sha256').update(payload).digest(), due) ? undefined : 'a page of another digest'
  }

  #takeChunk(chunk: Extract<ArchiveRecord, { type: 'chunk' }>['body']): string | undefined {
    const chunks = this.#manifest?.chunks ?? []
    const due = chunks[this.#chunks]
    if (due === undefined) return 'more chunks than the manifest names'
    if (chunk.chunk_index !== this.#chunks || chunk.total_chunks !== chunks.length) return 'a chunk out of its place'
    this.#chunks++
    const same = chunk.first_leaf === due.first_leaf && chunk.leaf_count === due.leaf_count && chunk.raw_size === due.raw_size && chunk.data.length === due.size
    return same ? undefined : 'a chunk of another size than the manifest says'
  }
}
