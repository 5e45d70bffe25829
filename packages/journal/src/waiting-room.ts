import { decodeTrusted, type Did, encodeTrusted, type SignedOperation } from '@icn/protocol'
import type { Candidate } from './candidate.ts'
import { type KeyText, keyBytes } from './key.ts'
import { chainKey, type DigestText, signerText, textAfter } from './layout.ts'
import { encodeStored } from './records.ts'
import { heldRest, type HeldRow, oneTooMany, waitingKeys } from './waiting.ts'
import type { SpaceWork } from './work.ts'

/** Operations of one space that have no place yet. `rest`: the key of one of them without the space. */
export class WaitingRoom {
  readonly #work: SpaceWork
  readonly #load: (stored: Uint8Array) => Candidate

  /** `load` builds the candidate of bytes that were checked when they were put aside. */
  constructor(work: SpaceWork, load: (stored: Uint8Array) => Candidate) {
    this.#work = work
    this.#load = load
  }

  /** Answers how many had to go for it: the oldest, of this signer or of the space. */
  put(candidate: Candidate, why: Pick<HeldRow, 'reason' | 'missing' | 'pages'>): number {
    const work = this.#work
    const { overlay, prefix } = work
    const { operation, digest } = candidate
    const { envelope } = operation
    const oldest = oneTooMany(work, envelope.signer)
    if (oldest !== undefined) this.take(oldest)
    const rest = heldRest(envelope.signer, envelope.seq, digest)
    const row: HeldRow = { stored: encodeStored(operation.bytes, operation.signature, operation.body), arrival: work.arrivals++, ...why }
    overlay.put('held', prefix + rest, encodeTrusted(row))
    overlay.put('ids', digest, keyBytes(prefix))
    for (const key of waitingKeys(row, rest, envelope.at)) overlay.put('waiting', prefix + key, empty)
    work.counts.held++
    return oldest === undefined ? 0 : 1
  }

  take(rest: KeyText): Candidate {
    const { overlay, prefix } = this.#work
    const row = this.#row(rest) as HeldRow
    const candidate = this.#load(row.stored)
    overlay.put('held', prefix + rest, null)
    overlay.put('ids', candidate.digest, null)
    const { envelope } = candidate.operation
    overlay.put('chains', chainKey(prefix, signerText(envelope.signer), envelope.seq, candidate.digest), null)
    for (const key of waitingKeys(row, rest, envelope.at)) overlay.put('waiting', prefix + key, null)
    this.#work.counts.held--
    return candidate
  }

  /** All that an index names. */
  takeAll(index: KeyText): Candidate[] {
    return this.under(index).map((rest) => this.take(rest))
  }

  under(index: KeyText): KeyText[] {
    const from = this.#work.prefix + index
    return [...this.#work.overlay.range('waiting', from, textAfter(from))].map(([key]) => key.slice(from.length))
  }

  holds(rest: KeyText): boolean {
    return this.#work.overlay.get('held', this.#work.prefix + rest) !== undefined
  }

  isUnder(index: KeyText, rest: KeyText): boolean {
    return this.#work.overlay.get('waiting', this.#work.prefix + index + rest) !== undefined
  }

  /** Why it waits. */
  why(rest: KeyText): Pick<HeldRow, 'reason' | 'pages'> {
    return this.#row(rest) as HeldRow
  }

  operation(signer: Did, seq: number, digest: DigestText): SignedOperation {
    return this.#load((this.#row(heldRest(signer, seq, digest)) as HeldRow).stored).operation
  }

  #row(rest: KeyText): HeldRow | undefined {
    const row = this.#work.overlay.get('held', this.#work.prefix + rest)
    return row === undefined ? undefined : (decodeTrusted(row) as HeldRow)
  }
}

const empty = new Uint8Array(0)
