import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { SpaceId } from '@icn/protocol'
import { blockBytes } from '../../sealed-file/index.ts'
import { clearArchiveParts, digestFileOf, digestLine, isArchivePart } from '../../sealed-file/index.ts'
import { archiveFileName } from './records.ts'
import { codeOf, didOf, MemoryFiles, PowerGone, reading, type Sample, sampleOf, secretOf } from './fixture.ts'
import { verifyArchive } from './read.ts'
import type { ArchiveRecord } from './records.ts'
import { type ArchiveWriting, writeArchive } from './write.ts'

const path = '/archives/food.icnsnap'
const keys = { seeds: [secretOf(1)] }
const encryptFor = { dids: [didOf(1)] }
const places = [path, digestFileOf(path)]

let sample: Sample
let older: Sample
before(async () => {
  sample = await sampleOf({ chunks: [200_000, 100_000], random: true })
  older = await sampleOf()
})

async function withOlder(): Promise<{ readonly files: MemoryFiles; readonly before: Uint8Array }> {
  const files = new MemoryFiles()
  await writeArchive(path, older.subject, older.records, { files })
  files.steps.length = 0
  return { files, before: files.held.get(path)?.bytes as Uint8Array }
}

const write = (files: MemoryFiles, options: ArchiveWriting = {}): Promise<unknown> => writeArchive(path, sample.subject, sample.records, { files, encryptFor, ...options })
const partsIn = (files: MemoryFiles): string[] => [...files.held.keys()].filter((name) => !places.includes(name)).map((name) => basename(name))

/** Compared as a whole: a difference of so many bytes takes minutes to print. */
const assertKept = (files: MemoryFiles, bytes: Uint8Array): void =>
  assert.ok(Buffer.from(bytes).equals(files.held.get(path)?.bytes ?? new Uint8Array(0)), 'what was there is not kept')

/** Under the name there is nothing, or a whole archive; and no digest that is not its own. */
async function assertWhole(files: MemoryFiles, what: string): Promise<void> {
  files.before = () => {}
  const there = files.held.get(path)
  const digest = files.held.get(digestFileOf(path))
  if (there === undefined) return assert.equal(digest, undefined, what)
  assert.equal(there.synced, there.bytes.length, `${what}: not on the disk`)
  const { sha256 } = await verifyArchive(path, reading(files, { keys }))
  if (digest !== undefined) assert.equal(Buffer.from(digest.bytes).toString(), digestLine(path, sha256), what)
}

const hasCause = (error: unknown, kind: typeof PowerGone): boolean => error instanceof kind || (error instanceof Error && hasCause(error.cause, kind))

async function stepsOf(): Promise<readonly string[]> {
  const { files } = await withOlder()
  await write(files)
  return files.steps
}

describe('writing an archive', () => {
  it('goes beside its place, to the disk, back from it, and only then to its place', async () => {
    const steps = (await stepsOf()).filter((step, i, all) => step !== all[i - 1])
    assert.deepEqual(steps, ['create', 'write', 'sync', 'close', 'open', 'create', 'write', 'sync', 'close', 'remove', 'rename', 'sync_folder'])
  })

  it('leaves nothing half under its name when the power goes at any step', async () => {
    const { length } = await stepsOf()
    assert.ok(length > 15)
    for (let at = 0; at <= length + 3; at++) {
      for (const files of [new MemoryFiles(), (await withOlder()).files]) {
        let step = 0
        files.before = () => {
          if (step++ >= at) throw new PowerGone()
        }
        await write(files).catch((error: unknown) => assert.ok(hasCause(error, PowerGone), String(error)))
        await assertWhole(files, `power gone at ${at}`)
        assert.ok(partsIn(files).every(isArchivePart))
        await clearArchiveParts('/archives', files)
        assert.deepEqual(partsIn(files), [])
      }
    }
  })

  it('cleans up behind itself when one step fails, and keeps what was there until the new one is whole', async () => {
    const steps = await stepsOf()
    for (const [at, name] of steps.entries()) {
      const { files, before: bytes } = await withOlder()
      let step = 0
      files.before = () => {
        if (step++ === at) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
      }
      // Nothing depends on how a handle is closed.
      if (name !== 'close') await assert.rejects(write(files), { name: 'ArchiveFault' }, `step ${at}, ${name}`)
      else await write(files)
      await assertWhole(files, `step ${at}`)
      assert.deepEqual(partsIn(files), [])
      if (name !== 'close' && at < steps.indexOf('rename')) assertKept(files, bytes)
    }
  })

  it('says so when there is no room, wherever it runs out', async () => {
    const steps = await stepsOf()
    for (const [at, name] of steps.entries()) {
      if (!['create', 'write', 'sync', 'rename', 'sync_folder'].includes(name)) continue
      for (const code of ['ENOSPC', 'EDQUOT']) {
        const { files } = await withOlder()
        let step = 0
        files.before = () => {
          if (step++ === at) throw Object.assign(new Error(code), { code })
        }
        assert.equal(await codeOf(write(files)), 'ARCHIVE_NO_ROOM', `step ${at}, ${name}`)
        await assertWhole(files, `step ${at}`)
        assert.deepEqual(partsIn(files), [])
      }
    }
  })

  it('finds a disk that gives back something else than it was given', async () => {
    const another = (await withOlder()).before
    const lies: readonly ((bytes: Uint8Array, n: number) => Uint8Array)[] = [
      (bytes, n) => (n === 2 ? bytes.map((byte, i) => (i === 7 ? byte ^ 1 : byte)) : bytes),
      (bytes, n) => (n === 0 ? bytes.map((byte, i) => (i === bytes.length - 2 ? byte ^ 1 : byte)) : bytes),
      (bytes, n) => (n === 1 ? new Uint8Array(bytes.length) : bytes),
      (bytes, n) => (n === 3 ? bytes.subarray(1) : bytes),
      (bytes) => bytes.subarray(0, 60_000),
      () => new Uint8Array(0),
      // A whole archive, but not this one.
      (_, n) => (n === 0 ? another : new Uint8Array(0)),
    ]
    for (const [i, lie] of lies.entries()) {
      for (const encrypted of [true, false]) {
        const { files, before: bytes } = await withOlder()
        let n = 0
        files.damage = (given) => lie(given, n++)
        const writing = writeArchive(path, sample.subject, sample.records, encrypted ? { files, encryptFor } : { files })
        await assert.rejects(writing, { name: 'ArchiveFault', message: /could not be read back/ }, `lie ${i}`)
        assertKept(files, bytes)
        assert.deepEqual(partsIn(files), [])
      }
    }
  })

  it('stops when whoever gives the records fails, or it is told to', async () => {
    async function* failing(): AsyncGenerator<ArchiveRecord> {
      yield* sample.records.slice(0, 5)
      throw new Error('the store is gone')
    }
    const { files, before: bytes } = await withOlder()
    await assert.rejects(writeArchive(path, sample.subject, failing(), { files }), /the store is gone/)
    const control = new AbortController()
    const stopping = (function* () {
      yield* sample.records.slice(0, 5)
      control.abort(new Error('told to stop'))
      yield sample.records[5] as ArchiveRecord
      assert.fail('asked for more')
    })()
    await assert.rejects(writeArchive(path, sample.subject, stopping, { files, signal: control.signal }), /told to stop/)
    const late = new AbortController()
    const onProgress = (step: string): void => {
      if (step === 'read_back') late.abort(new Error('told to stop late'))
    }
    await assert.rejects(write(files, { signal: late.signal, onProgress }), /told to stop late/)
    assertKept(files, bytes)
    assert.deepEqual(partsIn(files), [])
  })

  it('takes no records that a reader would refuse', async () => {
    const { files } = await withOlder()
    const [one, two] = [sample.records.at(-3), sample.records.at(-2)] as [ArchiveRecord, ArchiveRecord]
    assert.deepEqual([one.type, two.type], ['chunk', 'chunk'])
    for (const [records, message] of [
      [sample.records.slice(1), /the manifest comes first/],
      [sample.records.slice(0, -2), /chunks are missing/],
      [sample.records.with(-3, two).with(-2, one), /out of its place/],
    ] as const)
      await assert.rejects(writeArchive(path, sample.subject, records, { files }), { name: 'InvariantBroken', message })
    assert.deepEqual(partsIn(files), [])
  })

  it('tells how far it has come', async () => {
    const told: [string, number][] = []
    const files = new MemoryFiles()
    await write(files, { onProgress: (step, bytes) => told.push([step, bytes]) })
    const size = files.held.get(path)?.bytes.length as number
    for (const step of ['written', 'read_back']) {
      const bytes = told.filter(([name]) => name === step).map(([, n]) => n)
      assert.deepEqual(
        bytes,
        bytes.toSorted((a, b) => a - b),
      )
      assert.equal(bytes.at(-1), size)
      assert.ok(bytes.length > size / (2 * blockBytes))
    }
  })

  it('gives the disk no piece larger than a message or the header', async () => {
    const files = new MemoryFiles()
    let largest = 0
    files.damage = (bytes) => {
      largest = Math.max(largest, bytes.length)
      return bytes
    }
    await write(files)
    assert.equal(largest, blockBytes + 17)
  })

  it('asks for the next record only when the last one is with the disk or in the block', async () => {
    const files = new MemoryFiles()
    const written = (): number => [...files.held.values()].reduce((sum, { bytes }) => sum + bytes.length, 0)
    let given = 0
    async function* records(): AsyncGenerator<ArchiveRecord> {
      for (const record of sample.records) {
        assert.ok(given - written() <= blockBytes, `${given - written()} bytes are held`)
        yield record
        if (record.type === 'chunk') given += record.body.data.length
      }
    }
    await writeArchive(path, sample.subject, records(), { files })
  })
})

describe('names of archives, and of what a crash left of them', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'icn-parts-'))
  })
  after(() => rm(folder, { recursive: true }))

  it('tell what a crash left, which is cleared away, and what is being written, which is not', async () => {
    const file = join(folder, 'food.icnsnap')
    await writeFile(join(folder, '.food.icnsnap.0123456789ab.icnsnap-part'), 'half')
    for (const name of ['other.icnsnap', '.food.icnsnap.tmp', 'x.0123456789ab.icnsnap-part']) await writeFile(join(folder, name), 'not ours to touch')
    let cleared: readonly string[] = []
    async function* records(): AsyncGenerator<ArchiveRecord> {
      yield* sample.records.slice(0, 3)
      cleared = await clearArchiveParts(folder)
      yield* sample.records.slice(3)
    }
    await writeArchive(file, sample.subject, records())
    assert.deepEqual(cleared, ['.food.icnsnap.0123456789ab.icnsnap-part'])
    assert.deepEqual((await readdir(folder)).toSorted(), ['.food.icnsnap.tmp', 'food.icnsnap', 'food.icnsnap.sha256', 'other.icnsnap', 'x.0123456789ab.icnsnap-part'])
  })

  it('are those of space and cut, and every disk takes them', () => {
    assert.equal(archiveFileName('coop:food' as SpaceId, [1_790_000_000_000, 7]), 'coop+food-1790000000000.icnsnap')
    assert.equal(archiveFileName('commons' as SpaceId, [1, 0]), 'commons-1.icnsnap')
    const names = ['coop:a:b', 'coop:a_b', 'coop:a-b', 'coop:ab'].map((space) => archiveFileName(space as SpaceId, [1, 0]))
    assert.equal(new Set(names).size, names.length)
    for (const name of names) assert.match(name, /^[a-z0-9+_.-]+$/)
  })

  it('stand in a digest line that sha256sum reads, whatever they are', async () => {
    assert.equal(digestLine('/a/b.icnsnap', 'ab'), 'ab  b.icnsnap\n')
    assert.equal(digestLine('/a/b\\c\nd', 'ab'), '\\ab  b\\\\c\\nd\n')
    assert.match(await readFile(join(folder, 'food.icnsnap.sha256'), 'utf8'), /^[0-9a-f]{64} {2}food\.icnsnap\n$/)
  })
})
