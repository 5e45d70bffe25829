import type { CutApi, JournalApi, LeafRange, StateAgain } from '@icn/journal'
import { type Clock, type Did, equalBytes, keyOfDid, secondMs, type SnapMessageOf, type SpaceCheckpoint, type SpaceId, toHex } from '@icn/protocol'
import type { SnapshotRecord } from './records.ts'
import type { Speaker } from './speaker.ts'

/** Checking a cut once more, here and at the other hosts (snapshot page §11). What is answered was computed for it, or it is `unavailable`. */

type Question = SnapMessageOf<'VerifySnapshot'>
type Answer = SnapMessageOf<'VerificationResult'>
type Method = Answer['body']['method']

export interface Verified {
  readonly verifier: Did
  readonly valid: boolean
  readonly computed: Uint8Array | undefined
  readonly method: Method
  /** [ms]; undefined: nothing was answered. */
  readonly at: number | undefined
}

export interface VerificationParts {
  readonly journal: Pick<JournalApi, 'node' | 'operation' | 'info'> & { readonly cuts: Pick<CutApi, 'again' | 'signers' | 'globalRoot'> }
  record(id: string): SnapshotRecord | undefined
  speaker(space: SpaceId): Speaker
  readonly timing: { now(): number; after(ms: number, run: () => void): () => void }
  fault(doing: string, error: unknown): void
}

/** How long hosts have to answer. Larger: whoever asks waits for those that are gone; smaller: a large state is not computed in time. */
const answerMs = 20 * secondMs
/** A state that was computed for one host serves others that ask at the same time. */
const freshMs = 10 * secondMs
/** Questions of others that wait. */
const waitingMax = 8
/** Of all leaves of one answer, so that it fits a message. */
const leavesBytesMax = 180_000

const unavailable = { valid: false, method: 'unavailable' } as const

interface Computed {
  readonly name: string
  readonly at: number
  readonly state: Promise<StateAgain | undefined>
}

export class Verification {
  readonly #parts: VerificationParts
  /** Snapshot and host → who waits for its answer. */
  readonly #asked = new Map<string, (answer: Answer) => void>()
  #computed: Computed | undefined
  #waiting = 0
  #work: Promise<void> = Promise.resolve()

  constructor(parts: VerificationParts) {
    this.#parts = parts
  }

  /** What this node finds, and on demand every one of these hosts. */
  async verify(record: SnapshotRecord, scope: 'record' | 'state', hosts: readonly Did[]): Promise<Verified[]> {
    const { certified, space } = record
    if (certified === null) return []
    const expected = scope === 'record' ? certified.globalRoot : certified.root
    const others = hosts.filter((did) => did !== this.#parts.journal.node)
    const answers = Promise.all(others.map((did) => this.#answerOf(record.id, did)))
    if (others.length > 0) this.#parts.speaker(space).say(subjectOf(record.id), 'VerifySnapshot', { requester: this.#parts.journal.node, expected_root: expected, scope })
    const own = scope === 'record' ? this.#record(record) : await this.#state(record, { from: 0, count: 0 }, false)
    const at = this.#parts.timing.now()
    const mine: Verified =
      own === undefined
        ? { verifier: this.#parts.journal.node, computed: undefined, at, ...unavailable }
        : { verifier: this.#parts.journal.node, valid: equalBytes(own.root, expected), computed: own.root, method: scope === 'record' ? 'record' : 'leaves', at }
    return [mine, ...(await answers).map((answer, index) => readAnswer(others[index] as Did, answer, expected))]
  }

  /** Leaves of one host, from the first one of the range on; as many as it could say at once. Undefined: it has not answered. */
  async leavesOf(host: Did, space: SpaceId, id: string, expected: Uint8Array, range: LeafRange): Promise<Answer['body'] | undefined> {
    const answer = this.#answerOf(id, host)
    const body = { requester: this.#parts.journal.node, expected_root: expected, scope: 'leaves' as const, range: [range.from, range.count] as [number, number] }
    this.#parts.speaker(space).say(subjectOf(id), 'VerifySnapshot', body, host)
    return (await answer)?.body
  }

  heard(space: SpaceId, message: Question | Answer): void {
    const me = this.#parts.journal.node
    if (message.type === 'VerificationResult') {
      if (message.to === me) this.#asked.get(nameOf(toHex(message.snapshot_id), message.from))?.(message)
      return
    }
    if ((message.to !== undefined && message.to !== me) || message.from === me) return
    if (this.#waiting >= waitingMax) {
      this.#answer(space, message, unavailable)
      return
    }
    this.#waiting++
    this.#work = this.#work.then(async () => {
      try {
        this.#answer(space, message, await this.#find(space, message))
      } catch (error) {
        this.#parts.fault('verify', error)
        this.#answer(space, message, unavailable)
      } finally {
        this.#waiting--
      }
    })
  }

  async #find(space: SpaceId, { snapshot_id, body }: Question): Promise<Omit<Answer['body'], 'verifier' | 'checked_at'>> {
    const record = this.#parts.record(toHex(snapshot_id))
    if (record === undefined || record.space !== space) return unavailable
    const [from, count] = body.scope === 'leaves' ? (body.range ?? [0, 0]) : [0, 0]
    const found = body.scope === 'record' ? this.#record(record) : await this.#state(record, { from, count }, true)
    if (found === undefined) return unavailable
    const valid = equalBytes(found.root, body.expected_root)
    if (!isState(found)) return { valid, computed_root: found.root, method: 'record' }
    return { valid, computed_root: found.root, method: 'leaves', ...(body.scope === 'leaves' ? { leaves: fitting(found.leaves) } : {}) }
  }

  /** The root over all acknowledgements, if every signature is right. */
  #record({ space, certified }: SnapshotRecord): { readonly root: Uint8Array } | undefined {
    const { journal } = this.#parts
    const body = certified === null ? undefined : (journal.operation(certified.operation)?.body as SpaceCheckpoint | null | undefined)
    if (body == null) return undefined
    const signers = journal.cuts.signers(space, body)
    return signers === undefined ? undefined : { root: journal.cuts.globalRoot(signers.map((did) => ({ key: keyOfDid(did), stateHash: body.root }))) }
  }

  /** From the rows that are here. `isShared`: what was computed a moment ago for somebody else will do. */
  async #state({ space, cut, certified }: SnapshotRecord, range: LeafRange, isShared: boolean): Promise<StateAgain | undefined> {
    const { journal, timing } = this.#parts
    const at: Clock = certified?.cut ?? cut
    const name = [space, ...at, range.from, range.count].join(' ')
    const known = this.#computed
    if (isShared && known?.name === name && timing.now() - known.at < freshMs) return known.state
    const state = journal.cuts.again(space, at, range)
    this.#computed = { name, at: timing.now(), state }
    return state
  }

  #answer(space: SpaceId, { snapshot_id, from }: Question, found: Omit<Answer['body'], 'verifier' | 'checked_at'>): void {
    const body = { ...found, verifier: this.#parts.journal.node, checked_at: this.#parts.timing.now() }
    this.#parts.speaker(space).say(subjectOf(toHex(snapshot_id)), 'VerificationResult', body, from)
  }

  #answerOf(id: string, host: Did): Promise<Answer | undefined> {
    const name = nameOf(id, host)
    return new Promise((resolve) => {
      const end = (answer: Answer | undefined): void => {
        cancel()
        this.#asked.delete(name)
        resolve(answer)
      }
      const cancel = this.#parts.timing.after(answerMs, () => end(undefined))
      this.#asked.set(name, end)
    })
  }
}

const isState = (found: { readonly root: Uint8Array } | StateAgain): found is StateAgain => 'leaves' in found

const nameOf = (id: string, host: Did): string => `${id} ${host}`

/** It belongs to no attempt: the ballot says nothing. */
const subjectOf = (id: string) => ({ id: new Uint8Array(Buffer.from(id, 'hex')), ballot: [0, new Uint8Array(32)] as const })

function fitting(leaves: StateAgain['leaves']): [Uint8Array, Uint8Array][] {
  const out: [Uint8Array, Uint8Array][] = []
  let bytes = 0
  for (const [first, hash] of leaves) {
    bytes += first.length + hash.length + 8
    if (bytes > leavesBytesMax) break
    out.push([first, hash])
  }
  return out
}

/** A root counts only where it was computed, and is the expected one. */
function readAnswer(verifier: Did, answer: Answer | undefined, expected: Uint8Array): Verified {
  if (answer === undefined) return { verifier, computed: undefined, at: undefined, ...unavailable }
  const { method, computed_root: computed, checked_at: at } = answer.body
  return { verifier, valid: method !== 'unavailable' && computed !== undefined && equalBytes(computed, expected), computed, method, at }
}
