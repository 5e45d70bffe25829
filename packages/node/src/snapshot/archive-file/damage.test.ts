import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { concatBytes, encodeCanonical, Secret } from '@icn/protocol'
import { secretStreamExtraBytes } from '@icn/protocol/node'
import { Chance } from '@icn/testkit'
import { type Allocate, blockBytes } from '../../sealed-file/index.ts'
import { codeOf, didOf, endedFile, MemoryFiles, plainFile, reading, type SampleOptions, sampleOf, secretOf } from './fixture.ts'
import type { ArchiveKeys, ArchiveRecipients } from '../../sealed-file/index.ts'
import { openArchive, readHeader, verifyArchive } from './read.ts'
import { type ArchiveRecord, archiveMagic, encodeRecord, encodeRecordHead, recordBytesMax } from './records.ts'
import { writeArchive } from './write.ts'

const path = '/archives/food.icnsnap'
const mine: ArchiveKeys = { seeds: [secretOf(1)] }
const forMe: ArchiveRecipients = { dids: [didOf(1)] }

async function fileOf(options: SampleOptions = {}, encryptFor?: ArchiveRecipients): Promise<Uint8Array> {
  const files = new MemoryFiles()
  const { subject, records } = await sampleOf(options)
  await writeArchive(path, subject, records, encryptFor === undefined ? { files } : { files, encryptFor })
  return files.held.get(path)?.bytes as Uint8Array
}

/** The code with which a file is refused; undefined when it is read to its end. */
const verdict = (bytes: Uint8Array, keys: ArchiveKeys = mine): Promise<string | undefined> => codeOf(verifyArchive(path, reading(MemoryFiles.of(path, bytes), { keys })))

function altered(bytes: Uint8Array, at: number, mask: number): Uint8Array {
  const copy = bytes.slice()
  copy[at] = (copy[at] as number) ^ mask
  return copy
}

function placeOf(bytes: Uint8Array, part: Uint8Array | string): { readonly from: number; readonly to: number } {
  const from = Buffer.from(bytes).indexOf(part)
  assert.notEqual(from, -1)
  return { from, to: from + part.length }
}

const headerEnd = (bytes: Uint8Array): number => archiveMagic.length + 4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(archiveMagic.length)

describe('a damaged archive', () => {
  for (const [name, encryptFor] of [['plain', undefined] as const, ['encrypted', forMe] as const]) {
    it(`is refused wherever it is cut: ${name}`, async () => {
      const whole = await fileOf({}, encryptFor)
      assert.equal(await verdict(whole), undefined)
      for (let length = 0; length < whole.length; length++) assert.equal(await verdict(whole.subarray(0, length)), 'ARCHIVE_DAMAGED', `${length} of ${whole.length}`)
    })

    it(`is refused whichever byte is altered: ${name}`, async () => {
      const whole = await fileOf({}, encryptFor)
      const version = placeOf(whole, Uint8Array.of(0x61, 0x76, 0x01)).to - 1
      const named = encryptFor === undefined ? undefined : placeOf(whole, didOf(1))
      for (let at = 0; at < whole.length; at++) {
        for (const mask of [1 << (at % 8), 255]) {
          const code = await verdict(altered(whole, at, mask))
          const allowed = ['ARCHIVE_DAMAGED']
          // Another number of the format, and another name in place of ours: what else should be said.
          if (at === version) allowed.push('ARCHIVE_TOO_NEW')
          if (named !== undefined && at >= named.from && at < named.to) allowed.push('ARCHIVE_NOT_FOR_US')
          assert.ok(code !== undefined && allowed.includes(code), `byte ${at} of ${whole.length}, mask ${mask}: ${code}`)
        }
      }
    })

    it(`is refused with something behind its end: ${name}`, async () => {
      const whole = await fileOf({}, encryptFor)
      for (const more of [Uint8Array.of(0), whole, new Uint8Array(blockBytes)]) assert.equal(await verdict(concatBytes(whole, more)), 'ARCHIVE_DAMAGED')
    })
  }

  it('with a passphrase is refused whichever byte of its lock is altered', async () => {
    const text = 'a long enough passphrase'
    const whole = await fileOf({}, { passphrase: Secret.ofText(text), cost: { passes: 1, memory_kib: 8_192 } })
    const keys = { passphrase: Secret.ofText(text) }
    assert.equal(await verdict(whole, keys), undefined)
    const lock = placeOf(whole, 'passphrase')
    for (let at = lock.from; at < placeOf(whole, 'network_id').from; at += 3)
      assert.match((await verdict(altered(whole, at, 1), keys)) ?? 'read', /^ARCHIVE_(DAMAGED|NOT_FOR_US)$/, `byte ${at}`)
  })

  it('hands out nothing that is not authenticated, nothing behind it, and no summary', async () => {
    const options = { chunks: [3 * blockBytes, 3 * blockBytes], random: true }
    const whole = await fileOf(options, forMe)
    const { records } = await sampleOf(options)
    for (let at = headerEnd(whole) + blockBytes + 100; at < whole.length; at += blockBytes + secretStreamExtraBytes) {
      await using archive = await openArchive(path, reading(MemoryFiles.of(path, altered(whole, at, 1)), { keys: mine }))
      const seen: ArchiveRecord[] = [{ type: 'manifest', body: archive.manifest }]
      await assert.rejects(
        async () => {
          for await (const record of archive.records()) seen.push(record)
        },
        { code: 'ARCHIVE_DAMAGED' },
      )
      const before = seen.map((record) => encodeRecord(record).payload)
      assert.ok(before.every((payload, i) => Buffer.from(payload).equals(encodeRecord(records[i] as ArchiveRecord).payload)))
      const bytes = before.reduce((sum, payload) => sum + payload.length, 0)
      assert.ok(bytes <= at - headerEnd(whole) && seen.length < records.length)
      assert.equal(archive.summary, undefined)
    }
  })
})

describe('an archive put together from others', () => {
  const options = { chunks: [100_000, 100_000, 100_000], random: true }
  const messages = (whole: Uint8Array): Uint8Array[] => {
    const parts: Uint8Array[] = []
    for (let at = headerEnd(whole); at < whole.length; at += blockBytes + secretStreamExtraBytes) parts.push(whole.subarray(at, at + blockBytes + secretStreamExtraBytes))
    return parts
  }

  it('has no message left out, moved, said twice or from elsewhere', async () => {
    const [one, two] = [await fileOf(options, forMe), await fileOf(options, forMe)]
    const head = one.subarray(0, headerEnd(one))
    const [m, n] = [messages(one), messages(two)] as [Uint8Array[], Uint8Array[]]
    const last = m.length - 1
    assert.ok(last >= 4)
    const wrong: Uint8Array[][] = [m.slice(0, last), m.toSpliced(2, 1), m.toSpliced(1, 2, m[2] as Uint8Array, m[1] as Uint8Array), m.toSpliced(1, 0, m[1] as Uint8Array)]
    for (let at = 0; at <= last; at++) wrong.push(m.with(at, n[at] as Uint8Array), [...m.slice(0, at), ...n.slice(at)])
    for (const [i, parts] of wrong.entries()) assert.equal(await verdict(concatBytes(head, ...parts)), 'ARCHIVE_DAMAGED', `case ${i}`)
    assert.equal(await verdict(concatBytes(head, ...m)), undefined)
  })

  it('is refused under the header of another, even of the same key and space', async () => {
    const [one, two] = [await fileOf({}, forMe), await fileOf({ name: 'housing' }, forMe)]
    for (const [head, rest] of [
      [one, two],
      [two, one],
    ] as const)
      assert.equal(await verdict(concatBytes(head.subarray(0, headerEnd(head)), rest.subarray(headerEnd(rest)))), 'ARCHIVE_DAMAGED')
  })

  it('is refused by its header alone where nothing is encrypted', async () => {
    const [food, housing] = [await sampleOf(), await sampleOf({ name: 'housing' })]
    assert.equal(await verdict(plainFile(food.subject, food.records)), undefined)
    // The end is right, but the maker's signature is about another space.
    assert.equal(await verdict(plainFile({ ...food.subject, space: housing.subject.space }, food.records)), 'ARCHIVE_DAMAGED')
    assert.equal(await verdict(plainFile({ ...food.subject, cut: [1, 1] }, food.records)), 'ARCHIVE_DAMAGED')
    assert.equal(await verdict(plainFile({ ...food.subject, root: housing.subject.root }, food.records)), 'ARCHIVE_DAMAGED')
  })

  it('has its records in their order, all of them, and no others', async () => {
    const { subject, records } = await sampleOf()
    const other = await sampleOf({ name: 'housing', chunks: [300, 201, 100] })
    const at = (type: ArchiveRecord['type'], n = 0): number => records.map((record, i) => (record.type === type ? i : -1)).filter((i) => i >= 0)[n] as number
    const swap = (a: number, b: number): ArchiveRecord[] => records.with(a, records[b] as ArchiveRecord).with(b, records[a] as ArchiveRecord)
    const chunk = records[at('chunk', 1)] as Extract<ArchiveRecord, { type: 'chunk' }>
    const otherwise = (body: Partial<typeof chunk.body>): readonly ArchiveRecord[] => records.with(at('chunk', 1), { type: 'chunk', body: { ...chunk.body, ...body } })
    const wrong: Readonly<Record<string, readonly ArchiveRecord[]>> = {
      'more leaves than chunks hold': records.with(at('leaves', 1), { type: 'leaves', body: { first_leaf: 5, hashes: new Uint8Array(64) } }),
      'a chunk of another number': otherwise({ chunk_index: 2 }),
      'a chunk of more': otherwise({ total_chunks: 4 }),
      'a chunk of other leaves': otherwise({ leaf_count: 1 }),
      'a chunk of another place': otherwise({ first_leaf: 3 }),
      'a chunk of another size': otherwise({ raw_size: 201 }),
      'a chunk with more in it': otherwise({ data: concatBytes(chunk.body.data, Uint8Array.of(0)) }),
      'nothing at all': [],
      'two manifests': [records[0] as ArchiveRecord, ...records],
      'a manifest of another': records.with(0, other.records[0] as ArchiveRecord),
      'a chunk of another': records.with(at('chunk', 1), other.records[at('chunk', 1)] as ArchiveRecord),
      'pages of the vector exchanged': swap(at('vector'), at('vector', 1)),
      'leaves exchanged': swap(at('leaves'), at('leaves', 1)),
      'chunks exchanged': swap(at('chunk'), at('chunk', 2)),
      'chunks before leaves': swap(at('chunk'), at('leaves', 1)),
      'operations before chunks': swap(at('operations'), at('chunk', 2)),
    }
    for (let i = 0; i < records.length; i++) {
      const left = records.toSpliced(i, 1)
      // Operations may be none: nothing counts them.
      assert.equal(await verdict(plainFile(subject, left)), records[i]?.type === 'operations' ? undefined : 'ARCHIVE_DAMAGED', `without ${i}`)
      const twice = records.toSpliced(i, 0, records[i] as ArchiveRecord)
      assert.equal(await verdict(plainFile(subject, twice)), records[i]?.type === 'operations' ? undefined : 'ARCHIVE_DAMAGED', `twice ${i}`)
    }
    for (const [name, some] of Object.entries(wrong)) assert.equal(await verdict(plainFile(subject, some)), 'ARCHIVE_DAMAGED', name)
  })

  it('has no operations where its manifest speaks of none', async () => {
    const { subject, records } = await sampleOf({ manifest: { operations: 'none' } })
    assert.equal(await verdict(plainFile(subject, records)), 'ARCHIVE_DAMAGED')
    assert.equal(
      await verdict(
        plainFile(
          subject,
          records.filter(({ type }) => type !== 'operations'),
        ),
      ),
      undefined,
    )
  })

  it('has a manifest that its maker has signed', async () => {
    const { subject, records } = await sampleOf()
    const [first, ...rest] = records as [Extract<ArchiveRecord, { type: 'manifest' }>, ...ArchiveRecord[]]
    const touched = { type: 'manifest', body: { ...first.body, made_at: first.body.made_at + 1 } } as const
    assert.equal(await verdict(plainFile(subject, [touched, ...rest])), 'ARCHIVE_DAMAGED')
  })

  it('has a manifest whose sums add up, whoever has signed it', async () => {
    const gap = (n: number): number => (n === 0 ? 0 : 2 * n + 1)
    const plain = (await sampleOf()).records[0] as Extract<ArchiveRecord, { type: 'manifest' }>
    const chunks = plain.body.chunks.map((chunk, n) => ({ ...chunk, first_leaf: gap(n) }))
    const cases: readonly (readonly [Partial<typeof plain.body>, boolean])[] = [
      [{}, true],
      [{ bytes: 601 }, false],
      [{ pairs: 4 }, false],
      [{ chunks }, false],
    ]
    for (const [manifest, isGood] of cases) {
      const { subject, records } = await sampleOf({ manifest })
      const bodies = records.map((record) =>
        record.type === 'chunk' && manifest.chunks !== undefined ? { ...record.body, first_leaf: gap(record.body.chunk_index) } : record.body,
      )
      // By hand, because no writer would write it.
      const parts = records.map((record, n) => {
        const payload = encodeCanonical(bodies[n])
        return concatBytes(encodeRecordHead(byteOf[record.type], payload.length), payload)
      })
      assert.equal(await verdict(endedFile(subject, parts)), isGood ? undefined : 'ARCHIVE_DAMAGED')
    }
  })
})

const byteOf = { manifest: 1, leaves: 2, chunk: 3, operations: 4, vector: 5, traces: 7 } as const

describe('an archive of a newer release', () => {
  it('is told from a damaged one by its format, rules and schema', async () => {
    const { subject, records } = await sampleOf()
    const v2 = MemoryFiles.of(path, plainFile(subject, records, { v: 2, more: 'fields' }))
    assert.equal(await codeOf(readHeader(path, v2)), 'ARCHIVE_TOO_NEW')
    assert.equal(await codeOf(verifyArchive(path, reading(v2))), 'ARCHIVE_TOO_NEW')
    assert.equal(await verdict(plainFile(subject, records, { v: 0 })), 'ARCHIVE_DAMAGED')
    assert.equal(await verdict(plainFile(subject, records, { v: '2' })), 'ARCHIVE_DAMAGED')
    for (const manifest of [{ rules: 'third' }, { schema: 4 }]) assert.equal(await verdict(await fileOf({ manifest }, forMe)), 'ARCHIVE_TOO_NEW')
    for (const manifest of [{ rules: 'first' }, { schema: 1 }]) assert.equal(await verdict(await fileOf({ manifest }, forMe)), undefined)
  })
})

/** What a reader asked for: the largest piece, and all together. */
class Counted {
  largest = 0
  readonly allocate: Allocate = (size) => {
    this.largest = Math.max(this.largest, size)
    return new Uint8Array(size)
  }
}

describe('a hostile archive', () => {
  const claims = [4_294_967_295, 2_147_483_648, 10_000_000, 2_097_153]

  it('claims lengths and is given nothing for them', async () => {
    const { subject, records } = await sampleOf()
    for (const length of claims) {
      const counted = new Counted()
      const header = concatBytes(archiveMagic, encodeRecordHead(0, length).subarray(0, 4))
      assert.equal(await codeOf(verifyArchive(path, reading(MemoryFiles.of(path, header), { allocate: counted.allocate }))), 'ARCHIVE_DAMAGED')
      assert.ok(counted.largest <= 65_536, `${counted.largest}`)
      for (let byte = 0; byte < 256; byte++) {
        const { byte: one, payload } = encodeRecord(records[0] as ArchiveRecord)
        const file = endedFile(subject, [encodeRecordHead(one, payload.length), payload, encodeRecordHead(byte, length)])
        assert.equal(await codeOf(verifyArchive(path, reading(MemoryFiles.of(path, file), { allocate: counted.allocate }))), 'ARCHIVE_DAMAGED')
      }
      assert.ok(counted.largest <= blockBytes, `${counted.largest}`)
    }
  })

  it('asks for no larger pieces however large it is', async () => {
    const files = new MemoryFiles()
    const { subject, records } = await sampleOf({ chunks: [1_048_576, 1_048_576, 1_048_576, 1_048_576, 1_048_576], random: true })
    await writeArchive(path, subject, records, { files, encryptFor: forMe })
    const counted = new Counted()
    const { bytes } = await verifyArchive(path, reading(files, { keys: mine, allocate: counted.allocate }))
    assert.ok(bytes > 5_000_000)
    assert.ok(counted.largest > 1_048_576 && counted.largest <= recordBytesMax, `${counted.largest}`)
  })

  it('of random bytes, or of nothing, is none', async () => {
    const chance = new Chance(11)
    for (let i = 0; i < 300; i++) {
      const noise = Uint8Array.from({ length: chance.below(2_000) }, () => chance.below(256))
      assert.equal(await verdict(noise), 'ARCHIVE_DAMAGED')
      assert.equal(await verdict(concatBytes(archiveMagic, noise)), 'ARCHIVE_DAMAGED')
    }
    assert.equal(await verdict(new Uint8Array(0)), 'ARCHIVE_DAMAGED')
    assert.equal(await verdict(new Uint8Array(3_000_000)), 'ARCHIVE_DAMAGED')
  })
})

/** One to three changes of the sorts that a bad disk, a bad copy or a bad person make. */
function mutate(whole: Uint8Array, chance: Chance): Uint8Array {
  let bytes: Uint8Array = whole.slice()
  for (let n = 1 + chance.below(3); n > 0; n--) {
    const at = chance.below(bytes.length)
    const length = 1 + chance.below(Math.min(64, bytes.length - at))
    switch (chance.below(6)) {
      case 0:
        bytes[at] = chance.below(256)
        break
      case 1:
        bytes.fill(chance.pick([0, 255]), at, at + length)
        break
      case 2:
        bytes = bytes.slice(0, at + 1)
        break
      case 3:
        bytes = concatBytes(bytes.subarray(0, at), bytes.subarray(at + length))
        break
      case 4:
        bytes = concatBytes(bytes.subarray(0, at + length), bytes.subarray(at))
        break
      default:
        bytes.copyWithin(chance.below(bytes.length), at, at + length)
    }
    if (bytes.length === 0) return bytes
  }
  return bytes
}

/** 100 000 take about a minute. */
const runs = Number(process.env['ICN_FUZZ_RUNS'] ?? 5_000)

describe('archives that were altered at random', () => {
  const codes = ['ARCHIVE_DAMAGED', 'ARCHIVE_NOT_FOR_US', 'ARCHIVE_TOO_NEW']
  for (const [name, count, encryptFor] of [['plain', 0.8 * runs, undefined] as const, ['encrypted', 0.2 * runs, forMe] as const]) {
    it(`are refused with a code, or are what they were: ${count} ${name} ones`, async () => {
      const whole = await fileOf({}, encryptFor)
      const chance = new Chance(count)
      const told = new Map<string | undefined, number>()
      for (let i = 0; i < count; i++) {
        const bytes = mutate(whole, chance)
        const code = await verdict(bytes)
        told.set(code, (told.get(code) ?? 0) + 1)
        if (code === undefined) assert.deepEqual(bytes, whole, `case ${i} was read`)
        else assert.ok(codes.includes(code), code)
      }
      assert.ok((told.get('ARCHIVE_DAMAGED') ?? 0) > count / 2)
    })
  }

  it('are refused where only what is inside is altered and the digest is right', async () => {
    const { subject, records } = await sampleOf()
    const parts = records.map((record) => encodeRecord(record))
    const chance = new Chance(5)
    for (let i = 0; i < 0.1 * runs; i++) {
      const at = chance.below(parts.length)
      const changed = parts.map(({ byte, payload }, n) => {
        const bytes = n === at ? mutate(payload, chance) : payload
        return concatBytes(encodeRecordHead(byte, bytes.length), bytes)
      })
      const code = await verdict(endedFile(subject, changed))
      // Bytes of leaves, chunks and operations are judged by whoever knows the root.
      if (code === undefined) assert.match(parts[at]?.byte.toString() ?? '', /^[234]$/)
      else assert.equal(code, 'ARCHIVE_DAMAGED')
    }
  })
})
