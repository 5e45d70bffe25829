import { Refusal, type WriteResult } from '@icn/journal'
import { type Did, type OperationId, sealOperation, type SignedOperation, type SpaceId } from '@icn/protocol'
import { TestSigner } from '@icn/testkit'
import type { SimNode, World } from './world.ts'

/** What was signed under the next number, and may or may not be written somewhere. */
interface Pending {
  readonly kind: string
  readonly body: unknown
  readonly ids: Set<OperationId>
  /** A host was handed it and has not answered. */
  isUnanswered: boolean
}

interface Chain {
  next: number
  last: OperationId | null
  pending?: Pending
}

/** A human with one device: it keeps its chain position itself and uses no number twice, whatever hosts do (engine page §6). */
export class Person {
  readonly name: string
  readonly did: Did
  readonly world: World
  readonly #signer: TestSigner
  readonly #chains = new Map<SpaceId, Chain>()
  home: SimNode

  constructor(world: World, name: string, home: SimNode) {
    this.world = world
    this.name = name
    this.home = home
    const seed = new Uint8Array(32)
    seed.set(new TextEncoder().encode(name).subarray(0, 31), 1)
    this.#signer = new TestSigner(seed)
    this.did = this.#signer.did
  }

  sign(message: Uint8Array): Uint8Array {
    return this.#signer.key.sign(message)
  }

  /** Drafts at a host, signs, hands in. Undefined: nothing came of it, because the host is down, behind this device, or did not answer. */
  async act(
    space: SpaceId,
    kind: string,
    body: unknown,
    options: { readonly node?: SimNode; readonly genesis?: null; readonly careless?: boolean } = {},
  ): Promise<WriteResult | undefined> {
    const node = options.node ?? this.home
    const journal = node.running?.journal
    if (journal === undefined) return undefined
    const chain = this.#chainOf(space)
    try {
      const draft = { space, author: this.did, signer: this.did, grant: null, ...(options.genesis === null ? { genesis: null } : {}) }
      let unsigned = journal.draft({ ...draft, kind, body })
      if (options.careless !== true && !this.#follows(chain, unsigned.envelope)) return undefined
      // What may have been taken is said again, stamped anew, before anything else is: a reissue, and never a fork.
      if (chain.pending !== undefined && options.careless !== true) unsigned = journal.draft({ ...draft, kind: chain.pending.kind, body: chain.pending.body })
      else chain.pending = { kind, body, ids: new Set(), isUnanswered: false }
      const operation = sealOperation(unsigned.envelope, unsigned.body, (message) => this.sign(message))
      return await this.#hand(node, chain, chain.pending, operation)
    } catch (error) {
      if (error instanceof Refusal || node.running?.journal !== journal) return undefined
      throw error
    }
  }

  /** The host knows all that this device has signed and that was taken. */
  #follows(chain: Chain, envelope: SignedOperation['envelope']): boolean {
    if (envelope.seq === chain.next) return envelope.prev === chain.last
    // The answer was lost, the operation was not.
    if (chain.pending === undefined || envelope.seq !== chain.next + 1 || envelope.prev === null || !chain.pending.ids.has(envelope.prev)) return false
    this.#taken(chain, chain.next, envelope.prev)
    return true
  }

  async #hand(node: SimNode, chain: Chain, pending: Pending, operation: SignedOperation): Promise<WriteResult | undefined> {
    const wasUnanswered = pending.isUnanswered
    pending.isUnanswered = true
    pending.ids.add(operation.id)
    try {
      const result = await this.world.waitFor(node.journal.submit(operation))
      pending.isUnanswered = wasUnanswered
      if (result.operation !== undefined) {
        this.#taken(chain, operation.envelope.seq, operation.id)
        this.world.acknowledge(node, operation.envelope.space, operation.id, result.operation.status)
      } else if (!wasUnanswered) delete chain.pending
      return result
    } catch (error) {
      // Refused by the only host that was ever asked: forgotten, and the number is free.
      if (error instanceof Refusal && !wasUnanswered) delete chain.pending
      throw error
    }
  }

  #taken(chain: Chain, seq: number, id: OperationId): void {
    chain.next = seq + 1
    chain.last = id
    delete chain.pending
  }

  #chainOf(space: SpaceId): Chain {
    let chain = this.#chains.get(space)
    if (chain === undefined) {
      chain = { next: 0, last: null }
      this.#chains.set(space, chain)
    }
    return chain
  }
}
