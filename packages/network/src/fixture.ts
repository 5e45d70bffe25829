import { type Did, type OperationId, type RawOperation, rawBytes, type SignedOperation, type SpaceId, type VectorEntry, vectorBucketOf, type Vectors } from '@icn/protocol'
import { raw, type TestSigner } from '@icn/testkit'

export const space = 'coop:test' as SpaceId

/** What is here, in memory. */
export class Shelf implements Vectors {
  readonly #signer: TestSigner
  readonly operations: SignedOperation[] = []
  reads = 0

  constructor(signer: TestSigner) {
    this.#signer = signer
  }

  write(bytes = 10, by = this.#signer): SignedOperation {
    const body = { text: 'x'.repeat(bytes) }
    const operation = by.sign({ space, genesis: 'g' as OperationId, kind: 'test.said', body, at: [1_000 + this.operations.length, 0] })
    this.operations.push(operation)
    return operation
  }

  buckets = (): Uint8Array => new Uint8Array()
  twins = (did: Did): RawOperation[] => {
    const own = this.operations.filter(({ envelope }) => envelope.signer === did)
    return own.filter(({ id, envelope: { seq } }) => own.some((one) => one.id !== id && one.envelope.seq === seq)).map(raw)
  }
  entries = (): VectorEntry[] => {
    const last = new Map(this.operations.map((one) => [one.envelope.signer, one]))
    return [...last].map(([did, { id, envelope }]) => ({ signer: did, seq: envelope.seq, head: id, sum: new Uint8Array(8), bucket: vectorBucketOf(did) }))
  }
  raw = (id: OperationId): RawOperation | undefined => {
    this.reads++
    const found = this.operations.find((one) => one.id === id)
    return found === undefined ? undefined : raw(found)
  }
  lacking: Vectors['lacking'] = (from, { after, countMax, bytesMax }) => {
    const operations: RawOperation[] = []
    let bytes = 0
    for (let at = Number(after ?? -1) + 1; at < this.operations.length; at++) {
      const one = this.operations[at] as SignedOperation
      if (one.envelope.seq < (from.get(one.envelope.signer) ?? Number.POSITIVE_INFINITY)) continue
      bytes += rawBytes(raw(one))
      if (operations.length > 0 && (operations.length === countMax || bytes > bytesMax)) return { operations, next: String(at - 1) }
      operations.push(raw(one))
    }
    return { operations, next: null }
  }
}
