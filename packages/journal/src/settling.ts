import { compareClocks, type Did, equalBytes, type SettledCut } from '@icn/protocol'
import type { Candidate } from './candidate.ts'
import type { Engine } from './engine.ts'
import { adoptCheckpoint, type CheckpointBody, factsOfCut, idOfCut, knowsCheckpoint, saveSettled, settle, validAcks } from './finality.ts'
import type { DigestText } from './layout.ts'
import type { SpaceWork } from './work.ts'

/** Checkpoints from elsewhere during one batch: settled on dropped overlays first, adopted when their law agrees. */
export class Settling {
  readonly #engine: Engine
  /** Cuts whose root and acknowledgements hold, waiting for their law's word. */
  readonly #pending = new Set<DigestText>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** The finality step; late ones leave only when the certificate holds. The facts go to the law either way. */
  settle(work: SpaceWork, candidate: Candidate, facts: Map<DigestText, SettledCut>): void {
    const body = candidate.body as CheckpointBody
    const network = this.#engine.network ?? work.space.record.genesis
    const acks = validAcks(network, work.space.record.space, body)
    if (acks !== undefined && knowsCheckpoint(work, idOfCut(work, body))) {
      // Another operation has carried it before: the law judges this one by the same facts, whichever comes first in the order.
      const known = { ...factsOfCut(work, body.cut), acks }
      facts.set(candidate.digest, known)
      saveSettled(work, candidate.digest, known)
      return
    }
    if (acks === undefined || body.previous !== work.checkpoint?.id || compareClocks(body.cut, candidate.operation.envelope.at) >= 0) return
    const found = settle(work, body, acks, work.hooks)
    facts.set(candidate.digest, found.settled)
    if (!equalBytes(found.settled.root, body.root) || !isMajority(acks, found.settled.hosts_before) || !isMajority(acks, found.settled.hosts_at_cut)) return
    work.fold([], found.changed)
    this.#engine.parts.observer?.late?.([...found.changed.values()].filter((disposition) => disposition === 'late').length)
    this.#pending.add(candidate.digest)
  }

  /** Id of the checkpoint that is the last cut now; undefined when it is not lawful, or was settled already. */
  adopt(work: SpaceWork, candidate: Candidate, facts: ReadonlyMap<DigestText, SettledCut>): string | undefined {
    const settled = facts.get(candidate.digest)
    if (!this.#pending.delete(candidate.digest) || settled === undefined) return undefined
    const body = candidate.body as CheckpointBody
    if (work.statusAt(candidate.place) !== 'applied' || knowsCheckpoint(work, idOfCut(work, body))) return undefined
    return adoptCheckpoint(work, body, candidate.operation.id, settled).id
  }
}

/** More than half. */
const isMajority = (acks: readonly Did[], hosts: readonly Did[]): boolean => 2 * acks.filter((did) => hosts.includes(did)).length > hosts.length
