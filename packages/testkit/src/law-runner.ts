import { cidOf, type Clock, type Decision, type Did, encodeCanonical, type Law, type OperationId, type OperationView, type SpaceId } from '@icn/protocol'
import { MemoryTables } from './memory-tables.ts'

export interface RunResult {
  readonly id: OperationId
  readonly decision: Decision
  /** Codes of the checks that failed, in order of precedence. */
  readonly codes: readonly string[]
}

export interface RunOptions {
  readonly signer?: Did
  readonly grant?: OperationId
}

/** Folds operations by laws in one space, without a journal: parse, decide, apply. For tests of laws. */
export class LawRunner {
  readonly laws: ReadonlyMap<string, Law>
  readonly space: SpaceId
  tables = new MemoryTables()
  at: Clock = [1_800_000_000_000, 0]
  genesis: OperationId | undefined
  #counter = 0

  constructor(laws: readonly Law[], space: SpaceId) {
    this.laws = new Map(laws.map((law) => [law.kind, law]))
    this.space = space
  }

  /** Lets time pass. */
  wait(ms: number): void {
    this.at = [this.at[0] + ms, 0]
  }

  /** The operation as a law would see it, a millisecond after the last one. */
  view(kind: string, author: Did, body: unknown, options: RunOptions = {}): OperationView {
    this.at = [this.at[0] + 1, 0]
    const id = cidOf(encodeCanonical({ kind, author, n: this.#counter++, at: [...this.at] })) as OperationId
    this.genesis ??= id
    const law = this.laws.get(kind)
    return {
      id,
      space: this.space,
      genesis: this.genesis,
      kind,
      author,
      signer: options.signer ?? author,
      grant: options.grant ?? null,
      seq: this.#counter,
      at: this.at,
      body,
      key: law?.key ?? 'N',
    }
  }

  run(kind: string, author: Did, body: unknown, options: RunOptions = {}): RunResult {
    const law = this.laws.get(kind)
    if (law === undefined) throw new Error(`no law for ${kind}`)
    const op = this.view(kind, author, law.body.parse(body), options)
    const decision = law.decide(op, this.tables)
    if (decision.outcome === 'lawful') law.apply(op, this.tables)
    return { id: op.id, decision, codes: failing(decision) }
  }

  /** As `run`, but a refusal is a fault of the test. */
  must(kind: string, author: Did, body: unknown, options: RunOptions = {}): OperationId {
    const result = this.run(kind, author, body, options)
    if (result.decision.outcome !== 'lawful') throw new Error(`${kind} was ${result.decision.outcome}: ${result.codes.join(' ')}`)
    return result.id
  }
}

/** Codes of the checks that failed or were done already. */
export function failing(decision: Pick<Decision, 'checks'>): readonly string[] {
  return decision.checks.filter((check) => check.result === 'fail' || check.result === 'done').map((check) => check.code)
}
