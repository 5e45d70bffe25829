import { type Code, equalBytes, invariant, type OperationId, type SettledCut, signingBytes } from '@icn/protocol'
import type { Candidate } from './candidate.ts'
import { idOfCut, knowsCheckpoint, saveSettled } from './cut-records.ts'
import type { Aside } from './cut-state.ts'
import type { Engine } from './engine.ts'
import { adoptCheckpoint, type CheckpointBody, decidedNow, factsOfKnown, type Found, isCertified, networkOf, rememberCheckpoint, validAcks } from './finality.ts'
import type { DigestText } from './layout.ts'
import type { Decided } from './layers.ts'
import { layersOf, savePages, type Written } from './pages.ts'
import type { Placing } from './placing.ts'
import { Refusal } from './refusal.ts'
import { candidateOfUnsigned, stamp } from './stamp.ts'
import type { SpaceWork } from './work.ts'

/** Checkpoints from elsewhere during one batch: what they stand for was found beside the writer; adopted when their law agrees. */
export class Settling {
  readonly #engine: Engine
  /** Cuts whose root and acknowledgements hold, waiting for their law's word. */
  readonly #pending = new Map<DigestText, { readonly decided: Decided; readonly aside: Aside } | 'past'>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** The facts go to the law; late ones leave only when the certificate holds. */
  settle(work: SpaceWork, candidate: Candidate, found: Found | undefined, facts: Map<DigestText, SettledCut>): void {
    const body = candidate.body as CheckpointBody
    if (found === undefined) {
      // Another operation may have carried it before: the law judges this one by the same facts, whichever comes first in the order.
      const acks = validAcks(networkOf(this.#engine, work), work.space.record.space, body)
      const known = acks === undefined ? undefined : factsOfKnown(work, body, candidate.digest, acks)
      if (known !== undefined) facts.set(candidate.digest, known)
      return
    }
    const { settled, aside } = found
    if (settled === undefined) return
    facts.set(candidate.digest, settled)
    saveSettled(work, candidate.digest, settled)
    if (!equalBytes(settled.root, body.root) || !isCertified(settled)) return
    if (aside === undefined) {
      this.#pending.set(candidate.digest, 'past')
      return
    }
    const decided = decidedNow(work, layersOf(work, body).slice(-aside.vectors.length), aside)
    work.fold([], decided.changed)
    this.#engine.parts.observer?.late?.([...decided.changed.values()].filter((disposition) => disposition === 'late').length)
    this.#pending.set(candidate.digest, { decided, aside })
  }

  /** Id of the checkpoint that is the last cut now; undefined when it is not lawful, says nothing new, or was settled already. */
  adopt(work: SpaceWork, candidate: Candidate, facts: ReadonlyMap<DigestText, SettledCut>): string | undefined {
    const pending = this.#pending.get(candidate.digest)
    const settled = facts.get(candidate.digest)
    this.#pending.delete(candidate.digest)
    if (pending === undefined || settled === undefined) return undefined
    const body = candidate.body as CheckpointBody
    if (work.statusAt(candidate.place) !== 'applied' || knowsCheckpoint(work, idOfCut(work, body))) return undefined
    if (pending !== 'past') return adoptCheckpoint(work, body, candidate.operation.id, settled, pending.decided, pending.aside).id
    rememberCheckpoint(work, body, candidate.operation.id, settled)
    return idOfCut(work, body)
  }
}

/** A certificate that this node has helped to make, and what it has found itself. */
export interface Made {
  readonly body: CheckpointBody
  readonly pages: Written['pages']
  readonly settled: SettledCut
  readonly aside: Aside
}

/** This node's own certificate at the tip, whose state was computed aside. Throws Refusal when its law finds it wanting; nothing has changed then. */
export function publishCheckpoint(engine: Engine, work: SpaceWork, placing: Placing, made: Made, facts: Map<DigestText, SettledCut>): OperationId {
  const { body, pages, settled, aside } = made
  savePages(work, pages)
  const { node: author, key } = engine.parts
  const unsigned = stamp(engine, work, { space: work.space.record.space, kind: 'space.checkpoint', author, signer: author, grant: null, body })
  const candidate = candidateOfUnsigned(engine, unsigned, work)
  const { operation } = candidate
  facts.set(candidate.digest, settled)
  const trial = work.judge(candidate)
  work.state.restore(trial.undo)
  const trouble = trial.decision.checks.find(({ result }) => result === 'fail' || result === 'done')
  if (trouble !== undefined) throw new Refusal(trouble.code as Code, {})
  const decided = decidedNow(work, layersOf(work, body), aside)
  work.fold([], decided.changed)
  const { decision, undo, events } = work.judge(candidate)
  invariant(decision.outcome === 'lawful', 'what a cut leaves out does not decide whether it is lawful')
  const signed: Candidate = { ...candidate, operation: { ...operation, signature: key.sign(signingBytes(operation.bytes)) } }
  placing.note(signed)
  work.record(signed, 'applied', decision, undo, events, undefined)
  adoptCheckpoint(work, body, operation.id, settled, decided, aside)
  return operation.id
}
