import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { sha256, type SignedOperation, type SpaceId } from '@icn/protocol'
import { raw, TestSigner } from '@icn/testkit'
import { HandingIn } from './handing-in.ts'
import { readSigner } from './news.ts'
import type { JournalPort } from './ports.ts'
import { Sending } from './sending.ts'
import { Shelf, space } from './fixture.ts'

const room = 4_194_304
let signer: TestSigner
let shelf: Shelf
let done: Map<SpaceId, Uint8Array>
let received: string[]

const textsOf = (ids: readonly SignedOperation[]): string[] => ids.map(({ id }) => id)

/** One link to a peer that tells nothing of what it has. */
class OneLink {
  readonly flow = { sent: 0, folded: 0 }
  readonly handing: HandingIn
  #later: (() => void)[] = []

  constructor(former?: Sending) {
    const info = () => ({ setDigest: sha256(new TextEncoder().encode(textsOf(shelf.operations).join())) })
    this.handing = new HandingIn({
      journal: { info, vectors: () => shelf } as unknown as JournalPort,
      flow: this.flow,
      done,
      isDue: () => true,
      later: (run) => void this.#later.push(run),
      pump: () => this.pump(),
    })
    this.handing.consider(space, former)
    for (const run of this.#later.splice(0)) run()
  }

  pump(): void {
    for (const [, { sending, vectors }] of this.handing.due())
      for (let next = vectors && sending.next(space, vectors, room); next !== undefined; next = vectors && sending.next(space, vectors, room)) {
        this.flow.sent += next.bytes
        received.push(...next.frame.ops.map(([envelope]) => readSigner({ envelope })?.id ?? ''))
      }
    this.handing.due()
  }

  fold(): void {
    this.flow.folded = this.flow.sent
    this.pump()
  }

  write(operation: SignedOperation): void {
    const { id, envelope } = operation
    this.handing.committed(space, () => [{ id, signer: envelope.signer, seq: envelope.seq, via: undefined, raw: () => raw(operation) }], 0)
    this.pump()
  }
}

describe('what is handed in to a host that tells nothing', () => {
  beforeEach(() => {
    signer = new TestSigner(1)
    shelf = new Shelf(signer)
    done = new Map()
    received = []
    for (let i = 0; i < 3; i++) shelf.write()
  })

  it('goes once, and is not sent again on the next link', () => {
    new OneLink().fold()
    new OneLink().fold()
    assert.deepEqual(received, textsOf(shelf.operations))
  })

  it('is sent again on the next link when the peer has not folded it', () => {
    new OneLink()
    received = []
    new OneLink().fold()
    assert.deepEqual(received, textsOf(shelf.operations))
  })

  it('is also what is written after everything before was handed in on an earlier link', () => {
    new OneLink().fold()
    received = []
    const link = new OneLink()
    const written = shelf.write()
    link.write(written)
    link.fold()
    assert.deepEqual(received, [written.id])
    new OneLink().fold()
    assert.deepEqual(received, [written.id])
  })

  it('are both of two that bear one number: before, and when the second comes later', () => {
    const first = shelf.operations[1] as SignedOperation
    const twin = signer.sign({ space, genesis: first.envelope.genesis, kind: 'test.said', body: { text: 'other' }, at: [9_000, 0], seq: 1, prev: first.envelope.prev, keep: true })
    const link = new OneLink()
    link.fold()
    received = []
    shelf.operations.push(twin)
    link.write(twin)
    assert.deepEqual(received, [twin.id])

    // Known of this peer: it has all numbers.
    const former = new Sending({ sent: 0, folded: 0 })
    former.equal(shelf)
    done.clear()
    received = []
    new OneLink(former).fold()
    assert.deepEqual(received.sort(), [first.id, twin.id].sort())
  })
})
