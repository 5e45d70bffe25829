import { type Code, compareClocks, equalBytes, invariant, type OperationId, type SettledCut, signingBytes } from '@icn/protocol'
import type { Candidate } from './candidate.ts'
import { idOfCut, knowsCheckpoint, saveSettled } from './cut-records.ts'
import type { Engine } from './engine.ts'
import { adoptCheckpoint, type CheckpointBody, factsOfKnown, isCertified, rememberCheckpoint, settle, validAcks } from './finality.ts'
import type { DigestText } from './layout.ts'
import { decidedBy, Layers, layersOf } from './layers.ts'
import type { Placing } from './placing.ts'
import { Refusal } from './refusal.ts'
import { candidateOfUnsigned, stamp } from './stamp.ts'
import { atOnce } from './turns.ts'
import type { SpaceWork } from './work.ts'

/** Checkpoints from elsewhere during one batch: settled on dropped overlays first, adopted when their law agrees. */
export class Settling {
  readonly #engine: Engine
  /** Cuts whose root and acknowledgements hold, waiting for their law's word. */
  readonly #pending = new Map<DigestText, 'new' | 'past'>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** The finality step; late ones leave only when the certificate holds. The facts go to the law either way. */
  settle(work: SpaceWork, candidate: Candidate, facts: Map<DigestText, SettledCut>): void {
    const body = candidate.body as CheckpointBody
    const network = this.#engine.network ?? work.space.record.genesis
    const acks = validAcks(network, work.space.record.space, body)
    if (acks === undefined || compareClocks(body.cut, candidate.operation.envelope.at) >= 0) return
    // Another operation may have carried it before: the law judges this one by the same facts, whichever comes first in the order.
    const known = factsOfKnown(work, body, candidate.digest, acks)
    if (known !== undefined) {
      facts.set(candidate.digest, known)
      return
    }
    const found = settle(work, body, acks, work.hooks)
    if (found === undefined) return
    facts.set(candidate.digest, found.settled)
    saveSettled(work, candidate.digest, found.settled)
    if (!equalBytes(found.settled.root, body.root) || !isCertified(found.settled)) return
    if (found.changed !== undefined) {
      work.fold([], found.changed)
      this.#engine.parts.observer?.late?.([...found.changed.values()].filter((disposition) => disposition === 'late').length)
    }
    this.#pending.set(candidate.digest, found.changed === undefined ? 'past' : 'new')
  }

  /** Id of the checkpoint that is the last cut now; undefined when it is not lawful, says nothing new, or was settled already. */
  adopt(work: SpaceWork, candidate: Candidate, facts: ReadonlyMap<DigestText, SettledCut>): string | undefined {
    const pending = this.#pending.get(candidate.digest)
    const settled = facts.get(candidate.digest)
    this.#pending.delete(candidate.digest)
    if (pending === undefined || settled === undefined) return undefined
    const body = candidate.body as CheckpointBody
    if (work.statusAt(candidate.place) !== 'applied' || knowsCheckpoint(work, idOfCut(work, body))) return undefined
    if (pending === 'new') return adoptCheckpoint(work, body, candidate.operation.id, settled).id
    rememberCheckpoint(work, body, candidate.operation.id, settled)
    return idOfCut(work, body)
  }
}

/** This node's own certificate at the tip, whose state was computed aside. Throws Refusal when its law finds it wanting; nothing has changed then. */
export function publishCheckpoint(engine: Engine, work: SpaceWork, placing: Placing, body: CheckpointBody, settled: SettledCut, facts: Map<DigestText, SettledCut>): OperationId {
  const { node: author, key } = engine.parts
  const unsigned = stamp(engine, work, { space: work.space.record.space, kind: 'space.checkpoint', author, signer: author, grant: null, body })
  const candidate = candidateOfUnsigned(engine, unsigned, work)
  const { operation } = candidate
  facts.set(candidate.digest, settled)
  const trial = work.judge(candidate)
  work.state.restore(trial.undo)
  const trouble = trial.decision.checks.find(({ result }) => result === 'fail' || result === 'done')
  if (trouble !== undefined) throw new Refusal(trouble.code as Code, {})
  work.fold([], atOnce(decidedBy(work, new Layers(work, layersOf(body)), body.cut)))
  const { decision, undo, events } = work.judge(candidate)
  invariant(decision.outcome === 'lawful', 'what a cut leaves out does not decide whether it is lawful')
  const signed: Candidate = { ...candidate, operation: { ...operation, signature: key.sign(signingBytes(operation.bytes)) } }
  placing.note(signed)
  work.record(signed, 'applied', decision, undo, events, undefined)
  adoptCheckpoint(work, body, operation.id, settled)
  return operation.id
}
