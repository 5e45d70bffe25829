import type { Did, OperationId, SpaceId } from '@icn/protocol'
import type { Sealer } from '../calls/seal.ts'

/** What the coop actor's handlers need of the node around them. */
export interface CoopParts {
  /** Wall clock, milliseconds. */
  readonly now: () => number
  readonly sealer: Sealer
  /** This node's network: id of the first operation of `commons`. */
  readonly network: () => OperationId | undefined
  /** Where people reach this node's doors, for links. */
  readonly origin: () => string
  /** Whether this person may found a cooperative here (ruling 2). */
  readonly mayFound: (did: Did, operator: boolean) => boolean
  /** Words of access for somebody in a space; empty for strangers. */
  readonly rights: (did: Did, space: SpaceId) => ReadonlySet<string>
  /** Grant under which this node may sign a kind for an author: undefined none. */
  readonly grant: (space: SpaceId, author: Did, signer: Did, kind: string, atMs: number) => OperationId | null | undefined
  /** Cryptographically random bytes. */
  readonly random: (count: number) => Uint8Array
  /** Counts lines of registers that a job brought in. */
  readonly imported?: (outcome: 'added' | 'left_out', rows: number) => void
  /** IANA name of the node's own time zone. */
  readonly timeZone: string
  /** Has this node signed a state of the space that is not final yet? Absent: it signs none with others. */
  hasUndecided?(space: SpaceId): boolean
}
