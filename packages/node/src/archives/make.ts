import { type JournalApi, type StateReader, written } from '@icn/journal'
import { decodeTrusted, encodeCanonical, type OperationId, type RawOperation, sha256, type Signer, toHex, type VectorChange } from '@icn/protocol'
import {
  type ArchivedOperation,
  type ArchiveManifest,
  type ArchiveRecord,
  type ArchiveSubject,
  archiveChunkBytes,
  operationPageBytesMax,
  pack,
  packOperations,
  signManifest,
} from '../snapshot/index.ts'
import { stateSchema } from './format.ts'
import { finalOperations } from './history.ts'

export interface Making {
  readonly reader: StateReader
  /** Everything up to the cut, or nothing but the state. */
  readonly operations: 'none' | 'all'
  /** zstd, 1–19. */
  readonly level: number
  /** Raw bytes of a chunk. */
  readonly chunkBytes: number
  readonly release: string
  readonly at: number
  readonly signer: Signer
  journal: Pick<JournalApi, 'operations'>
}

export const subjectOf = ({ network, space, genesis, cut, root }: StateReader): ArchiveSubject => ({ network_id: network, space, genesis, cut: [...cut], root })

const vectorPageCount = 4_096
const leafPageCount = 16_384

/** The records of an archive of this state. Chunks are packed twice: the manifest stands first and names their sizes, and nobody holds them all. */
export async function* archiveRecords(making: Making): AsyncGenerator<ArchiveRecord> {
  const { reader, level } = making
  const spans = spansOf(reader, archiveChunkBytes(reader.bytes, making.chunkBytes))
  const chunks: ArchiveManifest['chunks'] = []
  for (const span of spans) {
    const { raw_size, data } = pack(rawOf(reader, span), level)
    chunks.push({ first_leaf: span.from, leaf_count: span.to - span.from, raw_size, size: data.length })
    await turn()
  }
  const layers = written(reader.layers)
  const whole = pagesOf(reader.vector, vectorPageCount).map((page) => ({ page, digest: sha256(encodeCanonical(page)) }))
  // A page that is named twice stands there once.
  const pages = new Map(whole.map(({ page, digest }) => [toHex(digest), page]))
  for (const { digest, bytes } of layers.pages) pages.set(toHex(digest), decodeTrusted(bytes) as VectorChange[])
  let traces = 0
  for (const _ of reader.traces() as Iterable<Uint8Array>) traces++
  const manifest = await signManifest(
    subjectOf(reader),
    {
      checkpoint: wholeOf(reader.certificate),
      first: wholeOf(reader.first),
      layers: layers.layers,
      vector: whole.map(({ digest }) => digest),
      pairs: reader.pairsCount,
      bytes: reader.bytes,
      tables: reader.tables.map(({ name, pairs }) => ({ name, pairs })),
      chunks,
      traces,
      operations: making.operations,
      rules: reader.rules,
      schema: stateSchema,
      release: making.release,
      made_at: making.at,
    },
    making.signer,
  )
  yield { type: 'manifest', body: manifest }
  for (const page of pages.values()) yield { type: 'vector', body: page.map(([key, seq, head]): [Uint8Array, number, OperationId] => [key, seq, head]) }
  for (const page of reader.traces() as Iterable<Uint8Array>) yield { type: 'traces', body: pack(page, level) }
  for (let from = 0; from < reader.leaves.length; from += leafPageCount) {
    const hashes = reader.leaves.slice(from, from + leafPageCount).map(({ hash }) => hash)
    yield { type: 'leaves', body: { first_leaf: from, hashes: new Uint8Array(Buffer.concat(hashes)) } }
  }
  for (const [index, span] of spans.entries()) {
    yield {
      type: 'chunk',
      body: { chunk_index: index, total_chunks: spans.length, first_leaf: span.from, leaf_count: span.to - span.from, ...pack(rawOf(reader, span), level) },
    }
    await turn()
  }
  if (making.operations === 'all') for await (const page of operationPages(making)) yield { type: 'operations', body: packOperations(page, level) }
}

export interface Span {
  readonly from: number
  readonly to: number
}

/** Whole leaves, as many as fit. */
export function spansOf({ leaves }: StateReader, bytesMax: number): Span[] {
  const spans: Span[] = []
  let [from, bytes] = [0, 0]
  for (const [index, leaf] of leaves.entries()) {
    if (index > from && bytes + leaf.bytes > bytesMax) {
      spans.push({ from, to: index })
      ;[from, bytes] = [index, 0]
    }
    bytes += leaf.bytes
  }
  return leaves.length > from ? [...spans, { from, to: leaves.length }] : spans
}

const rawOf = (reader: StateReader, { from, to }: Span): Uint8Array => new Uint8Array(Buffer.concat(Array.from({ length: to - from }, (_, index) => reader.leaf(from + index))))

function pagesOf(vector: readonly VectorChange[], count: number): (readonly VectorChange[])[] {
  return Array.from({ length: Math.ceil(vector.length / count) }, (_, index) => vector.slice(index * count, (index + 1) * count))
}

const wholeOf = ({ envelope, signature, body }: RawOperation): [Uint8Array, Uint8Array, Uint8Array] => [envelope, signature, body as Uint8Array]

/** Everything final up to the cut, in its order. */
async function* operationPages({ journal, reader }: Making): AsyncGenerator<ArchivedOperation[]> {
  let page: ArchivedOperation[] = []
  let bytes = slackBytes
  for await (const operations of finalOperations(journal, reader.space, reader.cut))
    for (const { envelope, signature, body } of operations) {
      const size = envelope.length + (body?.length ?? 0) + 128
      if (page.length > 0 && bytes + size > operationPageBytesMax) {
        yield page
        page = []
        bytes = slackBytes
      }
      page.push([envelope, signature, body])
      bytes += size
    }
  if (page.length > 0) yield page
}

const slackBytes = 64

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
