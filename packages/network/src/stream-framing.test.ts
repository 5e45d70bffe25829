import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { FrameBundles, FrameReader, framed } from './stream-framing.ts'

describe('frames on a stream of bytes', () => {
  it('come out as they went in, wherever the stream is cut', () => {
    const frame = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom(127, 128, 16_383, 16_384).map((size) => new Uint8Array(size).fill(7)),
    )
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1 }), (frames, cuts) => {
        const bytes = Buffer.concat(frames.map(framed))
        const reader = new FrameReader(16_384)
        const out: Uint8Array[] = []
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = cuts[turn % cuts.length] as number
          assert.ok(reader.read(bytes.subarray(at, at + size), (whole) => out.push(whole)))
          at += size
        }
        assert.ok(!reader.inside)
        assert.deepEqual(
          out.map((whole) => Buffer.from(whole).toString('hex')),
          frames.map((one) => Buffer.from(one).toString('hex')),
        )
      }),
      { numRuns: 200 },
    )
  })

  it('leave in bundles, in order, whenever something is taken, and all that waits is counted', () => {
    const put = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 5_000, max: 40_000 }).map((size) => new Uint8Array(size).fill(size)),
    )
    const take = fc.constant(undefined)
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 3, arbitrary: put }, { weight: 1, arbitrary: take }), { maxLength: 30 }), (steps) => {
        const bundles = new FrameBundles()
        const out: Uint8Array[] = []
        const into: Uint8Array[] = []
        for (const step of steps) {
          if (step === undefined) out.push(bundles.take() ?? new Uint8Array(0))
          else {
            bundles.put(step)
            into.push(framed(step))
            // What was said stays said when the caller uses the bytes again.
            step.fill(0)
          }
          assert.equal(bundles.waitingBytes, Buffer.concat(into).length - Buffer.concat(out).length)
        }
        for (let rest = bundles.take(); rest !== undefined; rest = bundles.take()) out.push(rest)
        assert.deepEqual(Buffer.concat(out), Buffer.concat(into))
        assert.equal(bundles.waitingBytes, 0)
      }),
      { numRuns: 200 },
    )
  })

  it('refuse a length above the bound, however it is written', () => {
    const cases: readonly [name: string, bytes: readonly number[], fits: boolean][] = [
      ['the bound itself', [0x80, 0x80, 0x40], true],
      ['one more', [0x81, 0x80, 0x40], false],
      ['2^31', [0x80, 0x80, 0x80, 0x80, 0x08], false],
      ['2^63 and more', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], false],
      ['a zero without end', [0x80, 0x80, 0x80, 0x80], false],
      ['one in two bytes', [0x81, 0x00], false],
      ['zero', [0x00], true],
    ]
    for (const [name, bytes, fits] of cases)
      assert.equal(
        new FrameReader(1_048_576).read(Uint8Array.from(bytes), () => {}),
        fits,
        name,
      )
  })

  it('are known to be cut inside the prefix and inside the frame', () => {
    const reader = new FrameReader(1_000)
    const nothing = () => assert.fail('a frame')
    assert.ok(!reader.inside)
    reader.read(Uint8Array.of(0x80), nothing)
    assert.ok(reader.inside)
    reader.read(Uint8Array.of(0x01, 1, 2, 3), nothing)
    assert.ok(reader.inside)
  })
})
