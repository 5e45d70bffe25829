import type { Check, Did, Facts, KeyClass, OperationView, Tables } from '@icn/protocol'
import type { z } from 'zod'

/** What a DID is to a space (identity page §5). A founder who has not signed yet is `invited` (ruling 6). */
export type Standing = 'none' | 'applicant' | 'invited' | 'observer' | 'member' | 'ended' | 'node'

/** What somebody may be at a door; computed anew at each request. `public` and `session` belong to the doors. */
export type Right = 'founder' | 'applicant' | 'observer' | 'member' | 'steward' | 'treasurer' | 'holder' | 'attester' | 'controller' | 'keeper'

/** What the checks and the `apply` of a change know, whether one person makes it or it needs more. */
export interface ActContext<Body = unknown> {
  /** The operation in which it happens: the direct one, `act.propose` or `act.confirm`; its time is `op.at[0]`. */
  readonly op: OperationView
  readonly body: Body
  /** The author of a direct operation; of an act, who proposed it. */
  readonly proposer: Did
  /** Everyone who stands for it so far: proposer and confirmers, the author of `op` among them. */
  readonly persons: readonly Did[]
  readonly way: 'direct' | 'act' | 'vote'
}

/** A change that may need more than one person. The direct operation and the act of several share `check` and `apply`. */
export interface ActKind<Body = any> {
  readonly kind: string
  /** The weakest key that may propose it. */
  readonly key: KeyClass
  readonly body: z.ZodType<Body>
  /** Whom it is about; that person may neither confirm it nor count. */
  subject?(body: Body): Did | undefined
  /** The change's own checks, without the question who and how many: that is the act rule's. */
  check(context: ActContext<Body>, facts: Facts): readonly Check[]
  apply(context: ActContext<Body>, tables: Tables): void
}

export interface ActQuestion {
  readonly kind: string
  readonly body: unknown
  readonly proposer: Did
  /** Milliseconds. */
  readonly at: number
}

export interface ActRule {
  /** Persons, the proposer included: 1..9; a majority of keepers may be 16. */
  readonly need: number
  /** Only a vote can decide it. */
  readonly vote: boolean
  /** `need` is 1 only because nobody else exists. */
  readonly waived?: boolean
  /** Checks of this person's right to propose (when it is the proposer) or to confirm; none of them failing: may. */
  eligible(did: Did): readonly Check[]
}

export interface RecoveryRule {
  readonly need: number
  readonly delay_ms: number
  eligible(did: Did): boolean
}

export interface Elector {
  readonly did: Did
  readonly weight: number
  readonly class: string
}

/**
 * The only thing the laws of identity and acts know about their space. `coop` and `commons` implement it, composition hands it in.
 * Every function is pure and reads only the facts it is given; `at` is in milliseconds.
 */
export interface SpaceProfile {
  standing(facts: Facts, did: Did): Standing
  /** May this DID receive node grants and author node kinds here: a coop's active host, a keeper. */
  isKnownNode(facts: Facts, did: Did): boolean
  /** The nodes whose acknowledgements count for finality in this state. */
  hosts(facts: Facts): readonly Did[]
  /** Does somebody who was host at the last cut count no more at this time? Left by their own signature, or removed for as long as `hostLapseDays`. */
  hasLapsed(facts: Facts, host: Did, at: number): boolean
  electorate(facts: Facts, at: number): readonly Elector[]
  /** Undefined: nobody could help this person back in. */
  recoveryRule(facts: Facts, subject: Did, at: number): RecoveryRule | undefined
  /** Undefined: nothing is known of this kind. Asked for every act of the space, `space.adopt` among them. */
  actRule(facts: Facts, question: ActQuestion): ActRule | undefined
  /** The acts of the space; `space.adopt` need not be among them. */
  act(kind: string): ActKind | undefined
  /** Words that the doors' tables of access use, for this person here and now. */
  rights(facts: Facts, did: Did, at: number): readonly Right[]
}
