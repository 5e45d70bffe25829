import { didOfKey, type IngestResult, type OperationId, type Rules, type SignedOperation, type SpaceId } from '@icn/protocol'
import { signingKeyFromSeed, verifySignature } from '@icn/protocol/node'
import { raw, TestSigner, toyRules } from '@icn/testkit'
import type { JournalApi, OperationStatus } from './api.ts'
import { openJournal } from './journal.ts'
import { journalDefaults } from './options.ts'
import { openMemoryStore } from './store/memory.ts'
import type { Store } from './store/port.ts'

/** A space of toy laws in memory that is filled from elsewhere, for tests. Not a part of the module. */

export const toySpace = 'coop:toy' as SpaceId
export const toyStart = 1_790_000_000_000
/** Seed of the key of every node here that has no other. */
export const hostSeed = 9

export class ToyJournal {
  now = toyStart + 10_000
  evicted = 0
  /** Rows that were asked of the store. */
  reads = 0
  /** Signatures that were checked. */
  checked = 0
  journal: JournalApi
  readonly genesis: SignedOperation
  /** A signer who is nobody's node. */
  readonly ada = new TestSigner(1)
  readonly store: Store
  readonly faults: string[] = []
  readonly #open: () => JournalApi

  constructor(options: { readonly rules?: Rules; readonly seed?: number; readonly hosts?: readonly TestSigner[] } = {}) {
    const { rules = toyRules, seed = hostSeed, hosts = [new TestSigner(hostSeed)] } = options
    const body = { name: 'toy', hosts: hosts.map(({ did }) => did) }
    this.genesis = new TestSigner(8).sign({ space: toySpace, genesis: null, kind: 'toy.found', body, at: [toyStart, 0] })
    // Closing leaves what is in it, so that the journal can be opened anew.
    const memory = openMemoryStore()
    const store: Store = {
      ...memory,
      get: (map, key) => {
        this.reads++
        return memory.get(map, key)
      },
      close() {},
    }
    this.store = store
    const key = signingKeyFromSeed(new Uint8Array(32).fill(seed))
    this.#open = () =>
      openJournal({
        store,
        key,
        node: didOfKey(key.publicKey),
        rulesOf: () => rules,
        wall: () => this.now,
        verify: ({ signature, message, key }) => {
          this.checked++
          return verifySignature(signature, message, key)
        },
        observer: { evicted: (count) => void (this.evicted += count), fault: (what) => void this.faults.push(what) },
        options: { ...journalDefaults, verifyThreads: 0 },
      })
    this.journal = this.#open()
  }

  async restart(): Promise<void> {
    await this.journal.close()
    this.journal = this.#open()
  }

  async open(): Promise<this> {
    await this.take(this.genesis)
    return this
  }

  /** Signed so many milliseconds after the beginning. */
  sign(at: number, more: Partial<Parameters<TestSigner['sign']>[0]> = {}, signer = this.ada): SignedOperation {
    return signer.sign({ space: toySpace, genesis: this.genesis.id, kind: 'toy.set', body: { name: 'a', value: 1 }, at: [toyStart + at, 0], ...more })
  }

  /** By this node's own key. */
  propose(kind: string, body: unknown) {
    return this.journal.propose({ space: toySpace, kind, author: this.journal.node, grant: null, body })
  }

  take(...operations: readonly SignedOperation[]): Promise<IngestResult> {
    return this.journal.ingest(toySpace, operations.map(raw))
  }

  statuses(...operations: readonly { readonly id: OperationId }[]): (OperationStatus | undefined)[] {
    return operations.map(({ id }) => this.journal.operation(id)?.status)
  }
}
