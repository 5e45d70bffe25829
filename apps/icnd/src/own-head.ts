import { coopHosts, keepersOf } from '@icn/domain'
import type { JournalApi } from '@icn/journal'
import type { OwnKeyPort } from '@icn/network'
import type { NodeEventLog } from '@icn/node'
import { commonsSpace, type Did, equalBytes, type OperationId, type SpaceId, type VectorEntry } from '@icn/protocol'
import type { LastRun } from './last-run.ts'
import type { Log } from './log.ts'

/**
 * Nothing is signed with this node's key where it may have signed more than is here: a store that was put back from a copy, a space that this
 * store has never held, an operation of its own that comes from elsewhere. The hosts are asked what they have of it first (engine page §6, ruling 16).
 */

/** Who has to have answered: every host there is, or, of a space that is new here, one. Or what has to have come: an operation of this node that is only elsewhere. */
type Need = 'all' | 'one' | OperationId

interface Waiting {
  readonly need: Need
  readonly since: number
  /** Peers that have nothing of this node's key that is not here. */
  readonly agreed: Set<Did>
}

export interface OwnHeadParts {
  readonly journal: JournalApi
  readonly log: Log
  /** Whether the store is the one that ran here last. */
  readonly store: LastRun
  /** The operator's word that there is no other host. */
  readonly alone: boolean
  readonly nodeEvents: Pick<NodeEventLog, 'tell'>
  wall(): number
}

const row = (space: SpaceId): readonly string[] => ['recovering', space]

export class OwnHead implements OwnKeyPort {
  readonly #parts: OwnHeadParts
  readonly #waiting = new Map<SpaceId, Waiting>()
  readonly #known: Set<SpaceId>
  readonly #unsubscribe: () => void
  /** When another start of this identity was last seen to run beside this one, and by whom. */
  #twice: { readonly at: number; readonly by: Did } | undefined

  constructor(parts: OwnHeadParts) {
    this.#parts = parts
    const { journal, store, log } = parts
    this.#known = new Set(journal.spaces().map(({ space }) => space))
    for (const [[, space], need] of journal.local.scan(['recovering'])) this.#ask(space as SpaceId, need as Need)
    if (store === 'other') {
      log.warn('another_store', 'the data of this node was copied or put back since it ran here last')
      // Readers of events must not take what comes now for what they have seen.
      journal.turnEpoch()
      for (const space of this.#known) this.#ask(space, 'all')
    }
    this.#unsubscribe = journal.subscribe((spaces) => this.#committed([...spaces.keys()]))
  }

  close(): void {
    this.#unsubscribe()
  }

  /** Spaces in which nothing is signed, since when, and who has still to answer. */
  get waiting(): readonly { readonly space: SpaceId; readonly since: number; readonly for: readonly Did[] }[] {
    return [...this.#waiting].map(([space, { since, agreed }]) => ({ space, since, for: this.#witnesses(space).filter((did) => !agreed.has(did)) }))
  }

  get twice(): { readonly at: number; readonly by: Did } | undefined {
    return this.#twice
  }

  heldBy(peer: Did, space: SpaceId, entry: Pick<VectorEntry, 'seq' | 'sum'> | null): void {
    const waiting = this.#waiting.get(space)
    if (waiting === undefined) return
    const own = this.#own(space)
    const isHere = entry === null || (own !== undefined && (entry.seq < own.seq || (entry.seq === own.seq && equalBytes(entry.sum, own.sum))))
    if (isHere) waiting.agreed.add(peer)
    else waiting.agreed.delete(peer)
    this.#review(space)
  }

  arrived(space: SpaceId, operations: readonly OperationId[]): void {
    this.#parts.log.error('own_key_elsewhere', 'this node’s key has signed what was not here: a copy of this node runs, or its data was put back from a copy', {
      space,
      count: operations.length,
    })
    this.#ask(space, 'all')
  }

  /** This node has signed an operation that a host will place: until it comes back from there nothing else is signed after the same one before. */
  signedElsewhere(space: SpaceId, id: OperationId): void {
    this.#ask(space, id)
  }

  /** A state from a file was put in place, in which this node's key has signed. */
  restored(space: SpaceId): void {
    this.#known.add(space)
    this.#ask(space, 'all')
  }

  seenTwice(by: Did): void {
    if (this.#twice === undefined) {
      this.#parts.log.error('runs_twice', 'this identity runs twice: stop one of the two')
      this.#parts.nodeEvents.tell('node.cloned', { did: this.#parts.journal.node, told_by: by })
    }
    this.#twice = { at: this.#parts.wall(), by }
  }

  #committed(spaces: readonly SpaceId[]): void {
    for (const space of spaces) {
      if (!this.#known.has(space)) {
        this.#known.add(space)
        if (this.#isFromElsewhere(space)) this.#ask(space, this.#parts.store === 'other' ? 'all' : 'one')
      }
      this.#review(space)
    }
  }

  #isFromElsewhere(space: SpaceId): boolean {
    const { journal } = this.#parts
    const genesis = journal.info(space)?.genesis
    return genesis !== undefined && this.#witnesses(space).length > 0 && journal.operation(genesis)?.operation.envelope.signer !== journal.node
  }

  #ask(space: SpaceId, need: Need): void {
    const { journal, alone, wall, log } = this.#parts
    if (alone) {
      this.#end(space)
      return
    }
    this.#waiting.set(space, { need, since: wall(), agreed: new Set() })
    journal.local.write([{ key: row(space), value: need }])
    journal.mute(space, true)
    log.info('recovering', 'asks the other hosts what this node has signed before it signs again', { space })
    this.#review(space)
  }

  #review(space: SpaceId): void {
    const waiting = this.#waiting.get(space)
    if (waiting === undefined) return
    if (!this.#isMet(space, waiting)) return
    this.#end(space)
    this.#parts.log.info('recovered', 'signs again', { space })
  }

  #isMet(space: SpaceId, { need, agreed }: Waiting): boolean {
    if (need !== 'all' && need !== 'one') return (this.#parts.journal.operation(need)?.status ?? 'held') !== 'held'
    const witnesses = this.#witnesses(space)
    // Of a space that is new here, any peer that shares it will do.
    return witnesses.length === 0 || (need === 'one' ? agreed.size > 0 : witnesses.every((did) => agreed.has(did)))
  }

  #end(space: SpaceId): void {
    const { journal } = this.#parts
    this.#waiting.delete(space)
    if (journal.local.get(row(space)) !== undefined) journal.local.write([{ key: row(space), value: undefined }])
    journal.mute(space, false)
  }

  #own(space: SpaceId): VectorEntry | undefined {
    const { journal } = this.#parts
    return journal
      .vectors(space)
      ?.entries()
      .find(({ signer }) => signer === journal.node)
  }

  /** Nodes that hold what this node has signed in the space: its other hosts; of `commons` its keepers and the hosts of every coop that is here. */
  #witnesses(space: SpaceId): readonly Did[] {
    const { journal } = this.#parts
    const hostsOf = (name: SpaceId): readonly Did[] => {
      const facts = journal.read(name)
      return facts === undefined ? [] : name === commonsSpace ? keepersOf(facts) : coopHosts(facts)
    }
    const names = space === commonsSpace ? journal.spaces().map((one) => one.space) : [space]
    return [...new Set(names.flatMap(hostsOf))].filter((did) => did !== journal.node)
  }
}
