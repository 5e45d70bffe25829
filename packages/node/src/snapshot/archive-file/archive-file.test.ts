import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { chunkBytesMax, concatBytes, encodeCanonical, Secret } from '@icn/protocol'
import { secretStreamExtraBytes } from '@icn/protocol/node'
import { blockBytes } from '../../sealed-file/index.ts'
import { codeOf, didOf, type Sample, sampleOf, secretOf, seedOf, supports } from './fixture.ts'
import type { ArchiveKeys, ArchiveRecipients } from '../../sealed-file/index.ts'
import { pack, packOperations, unpack, unpackChunk, unpackOperations } from './pack.ts'
import { openArchive, readHeader, verifyArchive } from './read.ts'
import { type ArchiveRecord, archiveChunkBytes, archiveMagic } from './records.ts'
import { writeArchive } from './write.ts'

const cheap = { passes: 1, memory_kib: 8_192 }
const words = (): Secret => Secret.ofText('a long enough passphrase')

describe('an archive file', () => {
  let folder: string
  let sample: Sample
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'icn-archive-'))
    sample = await sampleOf()
  })
  after(() => rm(folder, { recursive: true }))

  async function readAll(file: string, keys?: ArchiveKeys): Promise<readonly ArchiveRecord[]> {
    await using archive = await openArchive(file, { supports, ...(keys === undefined ? {} : { keys }) })
    const records: ArchiveRecord[] = [{ type: 'manifest', body: archive.manifest }]
    for await (const record of archive.records()) records.push(record)
    assert.ok(archive.summary)
    return records
  }

  const ways: readonly { readonly name: string; readonly encryptFor?: ArchiveRecipients; readonly keys: readonly (ArchiveKeys | undefined)[] }[] = [
    { name: 'plain', keys: [undefined] },
    { name: 'for one recipient', encryptFor: { dids: [didOf(1)] }, keys: [{ seeds: [secretOf(1)] }] },
    {
      name: 'for three recipients',
      encryptFor: { dids: [didOf(1), didOf(2), didOf(3)] },
      keys: [{ seeds: [secretOf(1)] }, { seeds: [secretOf(8), secretOf(2)] }, { seeds: [secretOf(3)] }],
    },
    { name: 'with a passphrase', encryptFor: { passphrase: words(), cost: cheap }, keys: [{ passphrase: words() }] },
    {
      name: 'for a recipient and with a passphrase',
      encryptFor: { dids: [didOf(1)], passphrase: words(), cost: cheap },
      keys: [{ seeds: [secretOf(1)] }, { passphrase: words() }, { seeds: [secretOf(8)], passphrase: words() }],
    },
  ]
  for (const { name, encryptFor, keys } of ways) {
    it(`comes back as it was written: ${name}`, async () => {
      const file = join(folder, `${name.replaceAll(' ', '-')}.icnsnap`)
      const written = await writeArchive(file, sample.subject, sample.records, encryptFor === undefined ? {} : { encryptFor })
      for (const has of keys) assert.deepEqual(await readAll(file, has), sample.records)
      const bytes = await readFile(file)
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      const read = await verifyArchive(file, { supports, ...(keys[0] === undefined ? {} : { keys: keys[0] }) })
      assert.deepEqual(read, written)
      assert.deepEqual({ bytes: read.bytes, sha256: read.sha256 }, { bytes: bytes.length, sha256 })
      assert.equal(await readFile(`${file}.sha256`, 'utf8'), `${sha256}  ${name.replaceAll(' ', '-')}.icnsnap\n`)
      for (const path of [file, `${file}.sha256`]) assert.equal((await stat(path)).mode & 0o777, 0o600)
      assert.equal(bytes.includes('coop.members'), encryptFor === undefined, 'what is inside can be read in the file')
    })
  }

  it('has parts that are longer than its messages, and one that is empty of state', async () => {
    for (const chunks of [[1_048_576, 200_000, 65_536], []]) {
      const file = join(folder, 'parts.icnsnap')
      const large = await sampleOf({ chunks, random: true })
      await writeArchive(file, large.subject, large.records, { encryptFor: { dids: [didOf(1)] } })
      assert.deepEqual(await readAll(file, { seeds: [secretOf(1)] }), large.records)
    }
  })

  it('fills its messages to the last byte', async () => {
    const file = join(folder, 'border.icnsnap')
    const write = async (size: number): Promise<{ readonly sample: Sample; readonly sealed: number }> => {
      const sized = await sampleOf({ chunks: [size], random: true })
      const { bytes } = await writeArchive(file, sized.subject, sized.records, { encryptFor: { dids: [didOf(1)] } })
      return { sample: sized, sealed: bytes - archiveMagic.length - 4 - encodeCanonical(await readHeader(file)).length }
    }
    const full = 60_000 + blockBytes + secretStreamExtraBytes - (await write(60_000)).sealed
    for (const [size, messages] of [
      [full - 1, 1],
      [full, 1],
      [full + 1, 2],
    ] as const) {
      const written = await write(size)
      assert.equal(written.sealed, blockBytes + size - full + messages * secretStreamExtraBytes)
      assert.deepEqual(await readAll(file, { seeds: [secretOf(1)] }), written.sample.records)
      // Behind a full last message nothing is read with it that could spoil it.
      await appendFile(file, 'x')
      assert.equal(await codeOf(verifyArchive(file, { supports, keys: { seeds: [secretOf(1)] } })), 'ARCHIVE_DAMAGED')
    }
  })

  it('tells without a key what it is of and for whom', async () => {
    const file = join(folder, 'header.icnsnap')
    await writeArchive(file, sample.subject, sample.records, { encryptFor: { dids: [didOf(1), didOf(2), didOf(1)], passphrase: words(), cost: cheap } })
    const { encrypted, v, ...subject } = await readHeader(file)
    assert.deepEqual(subject, sample.subject)
    assert.deepEqual(
      encrypted?.recipients.map(({ did }) => did),
      [didOf(1), didOf(2)],
    )
    assert.equal(encrypted?.passphrase?.kdf.memory_kib, cheap.memory_kib)
  })

  it('opens for nobody else', async () => {
    const file = join(folder, 'foreign.icnsnap')
    await writeArchive(file, sample.subject, sample.records, { encryptFor: { dids: [didOf(1)], passphrase: words(), cost: cheap } })
    for (const keys of [{}, { seeds: [secretOf(2), secretOf(3)] }, { passphrase: Secret.ofText('another passphrase') }])
      assert.equal(await codeOf(openArchive(file, { supports, keys })), 'ARCHIVE_NOT_FOR_US')
    assert.equal(await codeOf(openArchive(file, { supports })), 'ARCHIVE_NOT_FOR_US')
  })

  it('is not made for a passphrase that nobody should use, nor for nobody', async () => {
    const file = join(folder, 'never.icnsnap')
    assert.equal(await codeOf(writeArchive(file, sample.subject, sample.records, { encryptFor: { passphrase: Secret.ofText('short'), cost: cheap } })), 'PASSPHRASE_UNUSABLE')
    await assert.rejects(writeArchive(file, sample.subject, sample.records, { encryptFor: {} }), /for nobody/)
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.includes('never')),
      [],
    )
  })

  it('replaces an older one, with its digest', async () => {
    const file = join(folder, 'again.icnsnap')
    await writeArchive(file, sample.subject, sample.records)
    const other = await sampleOf({ chunks: [1, 2] })
    const { sha256 } = await writeArchive(file, other.subject, other.records)
    assert.deepEqual(await readAll(file), other.records)
    assert.ok((await readFile(`${file}.sha256`, 'utf8')).startsWith(sha256))
  })

  it('leaves nothing secret behind in what was given', async () => {
    const seed = secretOf(1)
    const file = join(folder, 'secrets.icnsnap')
    await writeArchive(file, sample.subject, sample.records, { encryptFor: { dids: [didOf(1)] } })
    await verifyArchive(file, { supports, keys: { seeds: [seed] } })
    // The caller's seed is the caller's to wipe.
    assert.deepEqual(
      seed.reveal((bytes) => bytes.slice()),
      seedOf(1),
    )
  })

  it('is an ordinary file', async () => {
    await assert.rejects(openArchive(folder, { supports }), { name: 'ArchiveFault' })
    await assert.rejects(openArchive(join(folder, 'absent'), { supports }), { name: 'ArchiveFault' })
    const text = join(folder, 'text')
    await writeFile(text, 'something else altogether')
    assert.equal(await codeOf(readHeader(text)), 'ARCHIVE_DAMAGED')
  })

  it('packs what gets smaller, and says exactly what unpacks', () => {
    const zeros = new Uint8Array(10_000)
    const packed = pack(zeros, 3)
    assert.equal(packed.compression, 'zstd')
    assert.deepEqual(unpackChunk(packed), zeros)
    const one = pack(Uint8Array.of(1), 3)
    assert.equal(one.compression, 'none')
    assert.deepEqual(unpackChunk(one), Uint8Array.of(1))
    for (const raw_size of [9_999, 10_001, 0, 2_000_000]) assert.equal(unpackChunk({ ...packed, raw_size }), undefined)
    assert.deepEqual(unpack(packed.data, 10_000, 10_000), zeros)
    assert.equal(unpack(packed.data, 10_000, 9_999), undefined)
    const page = packOperations([[Uint8Array.of(1), new Uint8Array(64), null]], 3)
    assert.deepEqual(unpackOperations(page), [[Uint8Array.of(1), new Uint8Array(64), null]])
    assert.equal(unpackOperations({ ...page, count: 2 }), undefined)
  })

  it('has room in one manifest for the chunks of every state that may be archived', () => {
    const wished = [65_536, 300_000, 1_048_576]
    for (const size of [0, 1, 100_000_000, 1_073_741_824, 10_737_418_240])
      for (const wish of wished) {
        const bytes = archiveChunkBytes(size, wish)
        assert.ok(bytes >= wish && bytes <= 1_048_576)
        // Two chunks that follow each other are together larger than one may be.
        assert.ok((2 * size) / bytes + 1 <= 32_768, `${size} in chunks of ${bytes}`)
      }
    assert.equal(archiveChunkBytes(100_000_000, 65_536), 65_536)
  })

  it('unpacks no bomb, and sets nothing aside for one', () => {
    // 1 MiB that says "128 KiB of zeros" again and again: 10 GiB and more. Whoever lets it unpack is out of memory.
    const block = Uint8Array.of(0x02, 0, 0x10, 0)
    const bomb = new Uint8Array(1_048_576)
    bomb.set(frameHead(17))
    for (let at = 6; at + block.length <= bomb.length; at += block.length) bomb.set(block, at)
    for (const rawSize of [1, 1_048_576, chunkBytesMax]) assert.equal(unpack(bomb, rawSize, chunkBytesMax), undefined)
    // The same 100 bytes, with little to look back on and with 128 MiB.
    const last = Uint8Array.of(0x23, 0x03, 0, 7)
    assert.deepEqual(unpack(concatBytes(frameHead(20), last), 100, 100), new Uint8Array(100).fill(7))
    assert.equal(unpack(concatBytes(frameHead(27), last), 100, 100), undefined)
  })
})

/** Of a zstd frame (RFC 8878 §3.1.1) without a size, whose window is this power of two. */
const frameHead = (windowLog: number): Uint8Array => Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, (windowLog - 10) << 3)
