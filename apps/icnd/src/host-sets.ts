import { finalityOf, type FinalityParts, type Metrics, namesOf, type NodeEventLog, type Shrinking, type Split, splitView } from '@icn/node'
import { type SpaceId, timeText } from '@icn/protocol'
import type { JournalApi } from '@icn/journal'
import type { Log } from './log.ts'

export interface HostSetParts {
  readonly journal: FinalityParts['journal'] & Pick<JournalApi, 'spaces'>
  readonly snapshots: () => Pick<FinalityParts, 'participants'>
  readonly metrics: Pick<Metrics, 'set'>
  readonly nodeEvents: Pick<NodeEventLog, 'tell'>
  readonly log: Pick<Log, 'error' | 'warn'>
}

/** Tells once of each space whose removed hosts still count for its next cut (within a week, either side of a lasting split could go on without the other), and of each certificate that contradicts what is final here. */
export class HostSetWatch {
  readonly #parts: HostSetParts
  /** Space → what was told of it. Bound: spaces of the node. */
  readonly #told = new Map<SpaceId, string>()
  /** Certificates that were told of. Bound: what `splitsOf` looks at. */
  readonly #splits = new Set<string>()

  constructor(parts: HostSetParts) {
    this.#parts = parts
  }

  look(): void {
    const { journal, snapshots, metrics } = this.#parts
    let count = 0
    let splitsCount = 0
    for (const { space } of journal.spaces()) {
      const found = finalityOf({ journal, participants: (of) => snapshots().participants(of) }, space)
      for (const split of found?.splits ?? []) {
        splitsCount++
        this.#tellSplit(space, split)
      }
      const shrinking = found?.shrinking ?? undefined
      if (shrinking === undefined) this.#told.delete(space)
      else {
        count++
        this.#tell(space, shrinking)
      }
    }
    metrics.set('icn_snapshot_host_sets_shrinking', count)
    metrics.set('icn_snapshot_splits', splitsCount)
  }

  #tellSplit(space: SpaceId, split: Split): void {
    const { nodeEvents, log } = this.#parts
    if (this.#splits.has(split.other.checkpoint)) return
    this.#splits.add(split.other.checkpoint)
    nodeEvents.tell('space.split', { space, ...splitView(split) })
    log.error('split', 'a certificate contradicts what is final here', { space, name: split.other.operation, count: split.signedBoth.length })
  }

  #tell(space: SpaceId, { hosts, until }: Shrinking): void {
    const { journal, nodeEvents, log } = this.#parts
    const news = `${until} ${hosts.join(' ')}`
    if (this.#told.get(space) === news) return
    this.#told.set(space, news)
    nodeEvents.tell('space.host_set_shrinking', { space, hosts: [...hosts], until_at: timeText(until) })
    log.warn('host_set_shrinking', 'hosts were removed that the next cut still needs; when their time has run, it is made without them, on each side of a split', {
      space,
      name: namesOf(journal, space, hosts),
    })
  }
}
