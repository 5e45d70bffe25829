import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { concatBytes, decodeCanonical, encodeCanonical, encodeTrusted, equalBytes, toHex } from '../canonical.ts'
import { fromHex } from '../crypto/hex.ts'
import { signingKeyFromSeed, verifySignature } from '../crypto/sodium.ts'
import { verifyStrict } from '../crypto/strict.ts'
import { didOfKey, keyOfDid } from '../did.ts'
import { statementBytes } from '../statement.ts'
import { SnapMessage, type SnapMessageOf, StateMessage } from './messages.ts'
import { ackedBy, decodeSnapMessage, decodeStateMessage, encodeSnapMessage, signSnapMessage, snapMessageBytesMax, stateMessageBytesMax, verifySnapMessage } from './signed.ts'

type Message = SnapMessage | StateMessage
interface Vector {
  readonly seed: string
  /** Bytes as JSON writes them. */
  readonly message: { readonly type: Message['type'] }
  readonly signed: string
  readonly bytes: string
}

const { messages, statement } = JSON.parse(readFileSync(new URL('../../vectors/snapshot.json', import.meta.url), 'utf8')) as {
  messages: readonly Vector[]
  statement: { readonly message: string }
}
const stateTypes: readonly string[] = ['RequestState', 'StateChunk']
const decodeAny = (bytes: Uint8Array): Message | undefined => decodeSnapMessage(bytes) ?? decodeStateMessage(bytes)
const samples: readonly Message[] = messages.map(({ bytes }) => decodeAny(fromHex(bytes)) as Message)
const sampleOf = <T extends Message['type']>(type: T): Extract<Message, { readonly type: T }> => {
  const found = samples.find((one) => one.type === type)
  return found as Extract<Message, { readonly type: T }>
}
/** The message with other fields in its body. */
const saying = (type: Message['type'], body: Readonly<Record<string, unknown>>): Uint8Array => {
  const sample = sampleOf(type)
  return encodeTrusted({ ...sample, body: { ...sample.body, ...body } })
}
const isTaken = (bytes: Uint8Array): boolean => decodeAny(bytes) !== undefined

describe('a message about a cut', () => {
  it('has the bytes and the signature that it has everywhere, of each type', () => {
    for (const { seed, message, signed, bytes } of messages) {
      const isState = stateTypes.includes(message.type)
      const parsed = isState ? StateMessage.parse(message) : SnapMessage.parse(message)
      assert.equal(toHex(encodeSnapMessage(parsed)), bytes)
      assert.deepEqual(decodeAny(fromHex(bytes)), parsed)
      const { signature, ...content } = parsed
      const key = signingKeyFromSeed(fromHex(seed))
      const again = signSnapMessage<Message>(content, (said) => {
        assert.equal(toHex(said), signed)
        return key.sign(said)
      })
      assert.equal(toHex(encodeSnapMessage(again as Message)), bytes)
      assert.ok(verifySnapMessage(parsed, verifySignature) && verifySnapMessage(parsed, verifyStrict))
    }
    assert.equal(new Set(messages.map(({ message }) => message.type)).size, 9, 'each type is among them')
  })

  it('goes the way of its type and no other', () => {
    for (const { message, bytes } of messages) {
      const isState = stateTypes.includes(message.type)
      assert.equal(decodeSnapMessage(fromHex(bytes)) === undefined, isState)
      assert.equal(decodeStateMessage(fromHex(bytes)) === undefined, !isState)
    }
  })

  it('is none without one of its fields, or with one more, at any depth', () => {
    // By a field that only this map has.
    const optional: Readonly<Record<string, readonly string[]>> = {
      v: ['to'],
      initiator: ['previous', 'group'],
      vector_digest: ['final', 'accepted'],
      layers: ['previous'],
      node: ['previous'],
      expected_root: ['range'],
      verifier: ['leaves'],
      reason: ['ballot', 'detail'],
    }
    let refused = 0
    for (const sample of samples) {
      const whole = encodeSnapMessage(sample)
      // Each map in the message, by the way to it.
      const visit = (value: unknown, rebuild: (changed: unknown) => unknown): void => {
        if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return
        if (Array.isArray(value)) {
          for (const [i, inner] of value.entries()) visit(inner, (changed) => rebuild(value.with(i, changed)))
          return
        }
        const map = value as Readonly<Record<string, unknown>>
        assert.equal(isTaken(encodeTrusted(rebuild({ ...map, more: 1 }))), false, `${sample.type}: one more`)
        const [, free = []] = Object.entries(optional).find(([field]) => field in map) ?? []
        for (const name of Object.keys(map)) {
          const { [name]: _, ...less } = map
          const isOptional = free.includes(name)
          assert.equal(isTaken(encodeTrusted(rebuild(less))), isOptional, `${sample.type} without ${name}`)
          if (!isOptional) refused++
          visit(map[name], (changed) => rebuild({ ...map, [name]: changed }))
        }
      }
      visit(decodeCanonical(whole), (changed) => changed)
    }
    assert.ok(refused > 150, `${refused}`)
  })

  it('holds as much as it may and no more', () => {
    const digest = (i: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? i & 255 : at === 1 ? i >> 8 : 7))
    const dids = (count: number) => Array.from({ length: count }, (_, i) => didOfKey(signingKeyFromSeed(digest(i)).publicKey))
    const marker = sampleOf('Marker')
    const [change] = marker.body.changes as [unknown]
    const { accepted } = marker.body
    const layer = accepted?.layers[0]
    const [ack] = sampleOf('SnapshotComplete').body.acks
    const list = (count: number, one: unknown): unknown[] => Array.from({ length: count }, () => one)
    const layered = (...counts: number[]) => ({ accepted: { ...accepted, layers: counts.map((count) => ({ cut: layer?.cut, changes: list(count, change) })) } })
    const digests = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => digest(i))
    const paged = (...counts: number[]) => ({
      accepted: {
        ...accepted,
        layers: counts.map((count) => ({ cut: layer?.cut, pages: digests(count) })),
      },
    })
    const bounds: [Message['type'], good: Record<string, unknown>, bad: Record<string, unknown>][] = [
      ['InitiateSnapshot', { participants: dids(64) }, { participants: dids(65) }],
      ['InitiateSnapshot', { participants: dids(1) }, { participants: [] }],
      ['InitiateSnapshot', { participants: dids(2) }, { participants: [dids(1)[0], dids(1)[0]] }],
      ['InitiateSnapshot', { group: new Uint8Array(16) }, { group: new Uint8Array(17) }],
      ['InitiateSnapshot', { deadline_ms: 3_600_000 }, { deadline_ms: 3_600_001 }],
      ['InitiateSnapshot', { deadline_ms: 1 }, { deadline_ms: 0 }],
      ['InitiateSnapshot', { rules: 'r'.repeat(128) }, { rules: 'r'.repeat(129) }],
      ['InitiateSnapshot', { cut: [1, 65_535] }, { cut: [1, 65_536] }],
      ['InitiateSnapshot', { purpose: 'drill' }, { purpose: 'other' }],
      ['Marker', { changes: list(1_000, change) }, { changes: list(1_001, change) }],
      ['Marker', { changes: [] }, { pages: [digest(1)] }],
      ['Marker', layered(150, 150), layered(150, 151)],
      ['Marker', layered(...(list(16, 1) as number[])), layered(...(list(17, 1) as number[]))],
      ['Marker', layered(1), layered()],
      ['Marker', paged(64), paged(65)],
      ['Marker', paged(32, 32), paged(32, 33)],
      ['Marker', { vector_digest: digest(1) }, { vector_digest: new Uint8Array(33) }],
      ['SnapshotAck', { statement: new Uint8Array(64) }, { statement: new Uint8Array(65) }],
      ['SnapshotAck', { state_size: Number.MAX_SAFE_INTEGER }, { state_size: -1 }],
      ['SnapshotComplete', { acks: list(64, ack) }, { acks: list(65, ack) }],
      ['SnapshotComplete', { missing: dids(64) }, { missing: dids(65) }],
      ['VerifySnapshot', { range: [0, 4_096] }, { range: [0, 4_097] }],
      ['VerificationResult', { leaves: list(4_096, [new Uint8Array(9), digest(1)]) }, { leaves: list(4_097, [new Uint8Array(), digest(1)]) }],
      ['VerificationResult', { leaves: list(50, [new Uint8Array(4_096), digest(1)]) }, { leaves: list(64, [new Uint8Array(4_096), digest(1)]) }],
      ['Abort', { reason: 'rules_differ', rules: '2' }, { reason: 'other' }],
      ['Abort', { detail: 'A1' }, { detail: 'not a code' }],
      ['RequestState', { count: 64 }, { count: 65 }],
      ['StateChunk', { data: new Uint8Array(1_114_112), raw_size: 1_114_112 }, { data: new Uint8Array(1_114_113), raw_size: 1_114_113 }],
      ['StateChunk', { compression: 'zstd', raw_size: 1_114_112 }, { compression: 'zstd', raw_size: 1_114_113 }],
      ['StateChunk', { raw_size: 6 }, { raw_size: 7 }],
      ['StateChunk', { chunk_index: 0, total_chunks: 1 }, { chunk_index: 1, total_chunks: 1 }],
    ]
    for (const [type, good, bad] of bounds) {
      assert.equal(isTaken(saying(type, good)), true, `${type} ${Object.keys(good)}`)
      assert.equal(isTaken(saying(type, bad)), false, `${type} ${Object.keys(bad)}`)
    }
    // What is too long as a whole is not even looked at.
    assert.equal(decodeSnapMessage(new Uint8Array(snapMessageBytesMax + 1)), undefined)
    assert.equal(decodeStateMessage(new Uint8Array(stateMessageBytesMax + 1)), undefined)
  })

  it('says either changes or pages, and a root only where one was computed', () => {
    const marker = sampleOf('Marker')
    const { changes: _, ...bare } = marker.body
    const pages = [new Uint8Array(32)]
    const whole = (body: unknown): boolean => isTaken(encodeTrusted({ ...marker, body }))
    assert.deepEqual([whole(bare), whole({ ...bare, pages }), whole({ ...bare, pages: [] }), whole({ ...marker.body, pages })], [false, true, false, false])
    assert.deepEqual(
      [64, 65].map((length) => whole({ ...bare, pages: Array.from({ length }, () => new Uint8Array(32)) })),
      [true, false],
    )

    const result = sampleOf('VerificationResult')
    const { computed_root: __, ...silent } = result.body
    const answer = (body: unknown): boolean => isTaken(encodeTrusted({ ...result, body }))
    assert.equal(answer({ ...silent, method: 'unavailable', valid: false }), true)
    assert.equal(answer({ ...silent, method: 'unavailable', valid: true }), false, 'what was not looked at is not valid')
    assert.equal(answer({ ...result.body, method: 'unavailable', valid: false }), false, 'nor is the announced root repeated')

    const asked = sampleOf('RequestState')
    const both = { ...asked.body, snapshot_id: asked.snapshot_id }
    const { checkpoint: ___, ...bySnapshot } = both
    const request = (body: unknown): boolean => isTaken(encodeTrusted({ ...asked, body }))
    assert.deepEqual([request(both), request(bySnapshot), request({ ...bySnapshot, snapshot_id: new Uint8Array(32) })], [false, true, false])
  })

  it('is none when its body names another sender, ballot or snapshot than its envelope', () => {
    const other = didOfKey(signingKeyFromSeed(new Uint8Array(32).fill(99)).publicKey)
    const fields = ['initiator', 'sender', 'node', 'coordinator', 'requester', 'verifier'] as const
    const checked = new Set<string>()
    for (const sample of samples) {
      for (const field of fields) {
        if (!(field in sample.body)) continue
        assert.equal(isTaken(saying(sample.type, { [field]: other })), false, `${sample.type}.${field}`)
        checked.add(sample.type)
      }
      assert.equal(isTaken(encodeTrusted({ ...sample, from: other })), false, sample.type)
    }
    assert.equal(checked.size, 9)
    const initiate = sampleOf('InitiateSnapshot')
    assert.equal(isTaken(encodeTrusted({ ...initiate, ballot: [9, initiate.ballot[1]] })), true)
    assert.equal(isTaken(encodeTrusted({ ...initiate, ballot: [9, keyOfDid(other)] })), false, 'nobody begins in the name of another')
    assert.equal(isTaken(encodeTrusted({ ...sampleOf('SnapshotAck'), ballot: [9, keyOfDid(other)] })), true, 'others answer to any ballot')
    assert.equal(isTaken(saying('StateChunk', { snapshot_id: new Uint8Array(32) })), false)
  })

  it('has one spelling', () => {
    const abort = sampleOf('Abort')
    const bytes = encodeSnapMessage(abort)
    // Bytes as JSON writes them, a number as a float, more behind it, a longer head for the same length.
    assert.equal(isTaken(encodeTrusted({ ...abort, signature: 'A'.repeat(86) })), false)
    assert.equal(isTaken(concatBytes(bytes, Uint8Array.of(0))), false)
    assert.equal(bytes[0], 0xab)
    assert.equal(isTaken(concatBytes(Uint8Array.of(0xb8, 11), bytes.subarray(1))), false)
    const at = Buffer.from(bytes).indexOf(Buffer.from('617601', 'hex'))
    assert.ok(at > 0)
    assert.equal(isTaken(concatBytes(bytes.subarray(0, at + 2), fromHex('fb3ff0000000000000'), bytes.subarray(at + 3))), false)
    assert.equal(isTaken(encodeTrusted({ ...abort, v: 2 })), false)
    assert.equal(isTaken(saying('InitiateSnapshot', { rules: 'é' })), true)
    assert.equal(isTaken(saying('InitiateSnapshot', { rules: 'é'.normalize('NFD') })), false, 'of text that looks alike one form counts')
  })

  it('is signed to its last bit', () => {
    for (const sample of samples) {
      const bytes = encodeSnapMessage(sample)
      const { signature: _, ...content } = sample
      const other = signingKeyFromSeed(new Uint8Array(32).fill(99))
      assert.equal(verifySnapMessage(signSnapMessage<Message>(content, other.sign) as Message, verifySignature), false, 'by nobody else')
      let decoded = 0
      for (let bit = 0; bit < bytes.length * 8; bit += 7) {
        const flipped = Uint8Array.from(bytes)
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
        const read = decodeAny(flipped)
        if (read === undefined) continue
        decoded++
        assert.equal(verifySnapMessage(read, verifySignature), false, `${sample.type} bit ${bit}`)
      }
      assert.ok(decoded > 100, 'much of it is still a message')
    }
  })

  it('never throws at what is no message, and takes nothing that it would write otherwise', { timeout: 300_000 }, () => {
    const all = samples.map((sample) => encodeSnapMessage(sample)).filter((bytes) => bytes.length < 2_500)
    const mutated = fc
      .tuple(
        fc.constantFrom(...all),
        fc.array(fc.tuple(fc.nat(), fc.constantFrom('set', 'cut', 'insert', 'repeat'), fc.uint8Array({ minLength: 1, maxLength: 4 })), { minLength: 1, maxLength: 4 }),
      )
      .map(([bytes, changes]) =>
        changes.reduce((before: Uint8Array, [seed, how, put]) => {
          const at = seed % (before.length + 1)
          if (how === 'set') return concatBytes(before.subarray(0, at), put, before.subarray(at + put.length))
          if (how === 'cut') return concatBytes(before.subarray(0, at), before.subarray(at + put.length))
          if (how === 'insert') return concatBytes(before.subarray(0, at), put, before.subarray(at))
          return concatBytes(before.subarray(0, at), before.subarray(Math.max(0, at - (put[0] as number))))
        }, bytes),
      )
    let taken = 0
    fc.assert(
      fc.property(mutated, (bytes) => {
        const read = decodeAny(bytes)
        if (read === undefined) return
        taken++
        assert.ok(equalBytes(encodeSnapMessage(read), bytes))
      }),
      { numRuns: 100_000 },
    )
    assert.ok(taken > 100, 'some changes leave a message')
    for (const bytes of [new Uint8Array(), new Uint8Array(200_000).fill(0x81), new Uint8Array(200_000).fill(0xa1), encodeCanonical(null), encodeCanonical([])])
      assert.equal(isTaken(bytes), false)
  })
})

describe('an acknowledgement', () => {
  it('holds what its statement signs, under the names of a certificate', () => {
    const ack: SnapMessageOf<'SnapshotAck'> = sampleOf('SnapshotAck')
    const message = statementBytes('checkpoint', { network: ack.network_id, space: ack.space, ...ackedBy(ack) })
    assert.equal(toHex(message), statement.message)
    assert.ok(verifySignature(ack.body.statement, message, keyOfDid(ack.from)))
    for (const { did, signature } of sampleOf('SnapshotComplete').body.acks) assert.ok(verifySignature(signature, message, keyOfDid(did)))
    const { previous: _, ...first } = ack.body
    assert.equal('previous' in ackedBy({ ballot: ack.ballot, body: first as typeof ack.body }), false)
  })
})
