import type { z } from 'zod'
import type { CheckpointId, Did, OperationId, SpaceId } from '../ids.ts'
import type { Clock } from '../units.ts'
import type { Check, Decision } from './decision.ts'
import type { Facts, Table, Tables } from './table.ts'

/** The weakest key that may sign a kind: the author's root (R), a root or device (D), also a node under a grant (N). */
export type KeyClass = 'R' | 'D' | 'N'

/** An operation as a law sees it: well-formed, placed, its body parsed. */
export interface OperationView<Body = unknown> {
  readonly id: OperationId
  readonly space: SpaceId
  /** Id of the space's first operation; the operation's own id in that one. */
  readonly genesis: OperationId
  readonly kind: string
  readonly author: Did
  readonly signer: Did
  /** `identity.grant`, `identity.rotate` or `identity.recovery.done` in this space, when signer ≠ author or the root was changed. */
  readonly grant: OperationId | null
  readonly seq: number
  readonly at: Clock
  readonly body: Body
  /** Key class of the kind, for the guard. */
  readonly key: KeyClass
  /** Given only to `space.checkpoint`: what the engine found when it settled the cut. */
  readonly settled?: SettledCut
}

/** What the finality step hands to the law of `space.checkpoint` as verified facts. */
export interface SettledCut {
  /** Root of the state at the cut, computed here. */
  readonly root: Uint8Array
  readonly pairs: number
  readonly bytes: number
  readonly count: number
  readonly hosts_before: readonly Did[]
  readonly hosts_at_cut: readonly Did[]
  /** Keys whose acknowledgement carries a valid signature over this certificate. */
  readonly acks: readonly Did[]
  readonly layers_digest: Uint8Array
  /** What stands for all layers of the space: up to the checkpoint that this one follows, and up to each of its own. */
  readonly chains: readonly Uint8Array[]
}

/** A signature that stands alone inside a body (identity page §4): over `"icn/<purpose>/1\n"` ‖ DAG-CBOR(payload). */
export interface Statement {
  readonly purpose: string
  readonly key: Did
  readonly payload: Readonly<Record<string, unknown>>
  readonly signature: Uint8Array
}

export interface StatementContext {
  readonly space: SpaceId
  readonly genesis: OperationId
  readonly network: OperationId
  readonly author: Did
}

/** The rule for one kind of operation. Pure: no clock, no chance, no I/O, no promises. */
export interface Law<Body = any> {
  readonly kind: string
  readonly key: KeyClass
  readonly body: z.ZodType<Body>
  /** Days after finality for which hosts keep the body; absent: for ever. */
  readonly keepDays?: number
  /** Signatures inside the body; the engine verifies each once, before the queue. */
  statements?(body: Body, context: StatementContext): readonly Statement[]
  /** Whom or what it is about, for the audit log's filter. */
  subject?(body: Body): string | undefined
  /** Lawful, already done, or refused. Checks stand in order of precedence, and every failing check is reported. Must not throw on any well-formed body. */
  decide(op: OperationView<Body>, facts: Facts): Decision
  /** Cannot refuse. Writes through `tables`; the engine records how to undo it. */
  apply(op: OperationView<Body>, tables: Tables): void
}

/** Trouble that a module's `check…` found in a state; used by tests, the simulator and `icnctl doctor`. */
export interface Finding {
  readonly invariant: string
  readonly text: string
  readonly evidence?: Readonly<Record<string, unknown>>
}

/** A numbered set of laws under which a space is folded (a rules version). */
export interface Rules {
  /** Until 1.0: `0-<digest of the set>`. */
  readonly version: string
  readonly laws: ReadonlyMap<string, Law>
  readonly tables: readonly Table<any, any>[]
  /** Runs before every `decide`: is the key good, does the grant cover it. Its refusals come first. */
  guard(op: OperationView, facts: Facts): readonly Check[]
  /** The hosts (in `commons`: keepers) whose acknowledgements count for finality in this state. */
  hosts(facts: Facts): readonly Did[]
  /** Does somebody who was host at the last cut count no more at this one? Whoever has left by their own signature, or was removed long enough before. */
  hasLapsed?(facts: Facts, host: Did, cut: Clock): boolean
  /** What this state says of a checkpoint; undefined when no row of it stands here. Whoever begins from a state holds against it what comes beside. */
  checkpointOf?(
    facts: Facts,
    id: CheckpointId,
  ): { readonly cut: Clock; readonly root: Uint8Array; readonly hosts: readonly Did[]; readonly count: number; readonly chain: Uint8Array } | undefined
  check(facts: Facts): readonly Finding[]
}
