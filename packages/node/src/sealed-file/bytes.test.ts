import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { concatBytes, utf8 } from '@icn/protocol'
import { StreamOpener, secretStreamExtraBytes } from '@icn/protocol/node'
import { allocateBytes, BlockWriter, blockBytes, FileBytes, openedBlocks, sealing } from './bytes.ts'
import { MemoryFiles, seedOf } from '../snapshot/archive-file/fixture.ts'

const path = '/archives/blocks'
const about = utf8('preamble')
const full = blockBytes + secretStreamExtraBytes

async function sealed(bytes: Uint8Array): Promise<{ readonly header: Uint8Array; readonly file: Uint8Array }> {
  const files = new MemoryFiles()
  const stream = sealing(seedOf(1))
  const writer = new BlockWriter(path, await files.create(path), stream.seal(about))
  await writer.write(bytes)
  await writer.end()
  return { header: stream.header, file: files.held.get(path)?.bytes as Uint8Array }
}

/** First byte of each block that came, and how it ended. */
async function blocksOf(header: Uint8Array, bytes: Uint8Array): Promise<{ readonly came: readonly number[]; readonly end: string }> {
  const file = new FileBytes(path, await MemoryFiles.of(path, bytes).open(path))
  const blocks = openedBlocks(file, new StreamOpener(seedOf(1), header), about, allocateBytes)
  const came: number[] = []
  try {
    for (;;) {
      const block = await blocks.next()
      if (block === undefined) return { came, end: 'end' }
      came.push(block[0] as number)
    }
  } catch (error) {
    return { came, end: (error as { readonly code: string }).code }
  }
}

describe('sealed blocks', () => {
  const plain = Uint8Array.from({ length: 3 * blockBytes + 10 }, (_, i) => 1 + Math.floor(i / blockBytes))

  it('come in their order, and end where they were ended', async () => {
    for (const [length, count] of [
      [1, 1],
      [blockBytes - 1, 1],
      [blockBytes, 1],
      [blockBytes + 1, 2],
      [3 * blockBytes, 3],
      [3 * blockBytes + 10, 4],
    ] as const) {
      const { header, file } = await sealed(plain.subarray(0, length))
      assert.equal(file.length, length + count * secretStreamExtraBytes)
      assert.deepEqual(await blocksOf(header, file), { came: [1, 2, 3, 4].slice(0, count), end: 'end' })
    }
  })

  it('come until the first one that is altered, cut, left out or moved', async () => {
    const { header, file } = await sealed(plain)
    const parts = [0, 1, 2, 3].map((n) => file.subarray(n * full, (n + 1) * full)) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
    for (let n = 0; n < 4; n++) {
      const came = [1, 2, 3, 4].slice(0, n)
      for (const at of [n * full, n * full + 500, Math.min((n + 1) * full, file.length) - 1].filter((place) => place < file.length)) {
        const bad = file.slice()
        bad[at] = (bad[at] as number) ^ 4
        assert.deepEqual(await blocksOf(header, bad), { came, end: 'ARCHIVE_DAMAGED' }, `byte ${at}`)
      }
      for (const bad of [
        concatBytes(...parts.slice(0, n)),
        concatBytes(...parts.slice(0, n), (parts[n] as Uint8Array).subarray(0, 20)),
        concatBytes(...parts.slice(0, n), parts[(n + 1) % 4] as Uint8Array),
      ])
        assert.deepEqual(await blocksOf(header, bad), { came, end: 'ARCHIVE_DAMAGED' })
    }
  })

  it('have nothing behind the last one, however long it is', async () => {
    for (const length of [10, blockBytes, 2 * blockBytes, 2 * blockBytes + 10]) {
      const { header, file } = await sealed(plain.subarray(0, length))
      for (const more of [Uint8Array.of(0), new Uint8Array(full)]) assert.equal((await blocksOf(header, concatBytes(file, more))).end, 'ARCHIVE_DAMAGED')
    }
  })
})
